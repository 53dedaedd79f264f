"""Rows as small whole numbers: what every model learns and gives back.

A column is one *part* or several: a coarse and a fine bin, date and time, digits. A model knows parts, never columns or values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
"""(rows, parts): the code of each part, from 0 on."""


@dataclass(frozen=True)
class Part:
    """One coded part of a row.

    column: the column it belongs to (of context: "parent·x", "before·x"). what: "value", "coarse", "fine", … for people.
    size: how many codes there are. ordered: whether neighbouring codes are neighbouring values (codes outside `ordered_codes`, such as that
    for missing, are apart). of, within: the number of an earlier part, and the range of its codes [first, last) in which alone this part
    says anything; elsewhere its code is 0 and whatever a model gives for it is ignored.
    """

    column: str
    what: str
    size: int
    ordered: bool = False
    ordered_codes: tuple[int, int] | None = None
    of: int | None = None
    within: tuple[int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> Part:
        """What `as_dict` gave."""
        pairs = {name: tuple(raw[name]) for name in ("ordered_codes", "within") if raw.get(name) is not None}
        return Part(str(raw["column"]), str(raw["what"]), int(raw["size"]), bool(raw["ordered"]), of=raw.get("of"), **pairs)


@dataclass(frozen=True)
class CodedRows:
    """Coded rows of one table. codes: (rows, parts). persons: for each row the number of its person, from 0.

    given: the first so many parts are context (the row it hangs on, the row before): a model learns the others given them, and is given
    them when it samples; no model generates them. apart: pairs of parts (lower number first) of which no joint statistic may be learned
    directly, neither in a table nor in the input of a network.
    """

    codes: Codes
    parts: tuple[Part, ...]
    persons: npt.NDArray[np.int64]
    given: int = 0
    apart: frozenset[tuple[int, int]] = frozenset()

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.codes.shape[1] != len(self.parts) or len(self.persons) != len(self.codes):
            raise ValueError("codes, parts and persons do not go together")

    @property
    def rows(self) -> int:
        return len(self.codes)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(part.size for part in self.parts)

    def take(self, which: npt.NDArray[Any]) -> CodedRows:
        """The chosen rows: numbers of rows, or one truth value a row."""
        return replace(self, codes=self.codes[which], persons=self.persons[which])


def applies(codes: Codes, parts: Sequence[Part], number: int) -> npt.NDArray[np.bool_]:
    """Which rows part `number` says anything about."""
    part = parts[number]
    if part.of is None or part.within is None:
        return np.ones(len(codes), dtype=np.bool_)
    return (codes[:, part.of] >= part.within[0]) & (codes[:, part.of] < part.within[1])
