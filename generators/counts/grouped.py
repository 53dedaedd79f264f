"""What the decision which figures may leave asks of rows that are grouped by value, wherever they are counted.

Two kinds there are: `generators.counts.person_counts.Groups`, of rows in memory, and `generators.in_place.groups.PlaceGroups`, of rows
that stay where they live and of which only such figures travel. A question may cost a pass over a table far away, so those that do
not hang on each other's answers are asked together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[Any]
"""Unsigned integers, of the fewest bytes that hold them."""

Range = tuple[int, int]
"""Positions among the distinct codes: the first, and the one after the last."""


class Windows(Protocol):
    """Ranges of codes, counted many at a time."""

    def have(self, ranges: Sequence[Range]) -> list[bool]:
        """Of each range, whether enough distinct persons have any of its codes."""
        ...


class Grouped(Protocol):
    """Rows grouped by code, the codes ascending. codes, persons, rows, largest: one a distinct code; `largest` is the most rows one
    person has there. most: the most rows one person has in the whole table. `chosen` below: one truth a distinct code.
    """

    @property
    def codes(self) -> Ints: ...
    @property
    def persons(self) -> Ints: ...
    @property
    def rows(self) -> Ints: ...
    @property
    def largest(self) -> Ints: ...
    @property
    def most(self) -> int: ...

    def only(self, chosen: Bools) -> Grouped:
        """Without the codes that are not chosen."""
        ...

    def merged(self, labels: Codes, size: int) -> Grouped:
        """Grouped anew by `labels` (one a distinct code, 0 … size − 1); codes that are not in `codes` are left out."""
        ...

    def among(self, chosen: Bools) -> tuple[int, int]:
        """Distinct persons who have any of the chosen codes, and the most such rows one of them has."""
        ...

    def at_least(self, least: int, chosen: Bools) -> bool:
        """Whether `least` distinct persons or more have any of the chosen codes."""
        ...

    def windows(self, least: int, middles: Ints) -> Windows:
        """Ready to say which ranges of codes have `least` persons; most ranges will lie about the rows numbered `middles`, were all rows
        sorted by code.
        """
        ...
