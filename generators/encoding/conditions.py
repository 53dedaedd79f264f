"""Conditions on a column as somebody types them: ``F``, ``F|M``, ``65..80``, ``..80``, nothing at all for missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.errors import InputError

Truths = npt.NDArray[np.bool_]


class CannotRestrict(InputError):
    """The condition is on a column that is worked out from others, so that no code of its own says whether it is met."""


@dataclass(frozen=True)
class Wanted:
    """What a condition allows. values: single ones, as typed; ranges: (least, most), both included, None: no bound; missing."""

    values: tuple[str, ...] = ()
    ranges: tuple[tuple[str | None, str | None], ...] = ()
    missing: bool = False

    @staticmethod
    def parse(text: str) -> Wanted:
        """``F|65..80|`` → the values and ranges between the bars; an empty piece stands for missing."""
        values, ranges, missing = [], [], False
        for piece in (piece.strip() for piece in text.split("|")):
            low, dots, high = piece.partition("..")
            if not piece:
                missing = True
            elif dots and (low.strip() or high.strip()):
                ranges.append((low.strip() or None, high.strip() or None))
            else:
                values.append(piece)
        return Wanted(tuple(values), tuple(ranges), missing)


@dataclass(frozen=True)
class Restriction:
    """What a condition leaves of a column. codes: for each code of its first part whether it may hold what is wanted; bounds: the least
    and the most of its numbers, where one range or value is wanted; exact: whether every row of those codes meets the condition.
    """

    codes: Truths
    bounds: tuple[float, float] | None = None
    exact: bool = True


def unmet(column: str, typed: str, why: str) -> InputError:
    """The error for a condition no row can meet. typed: what the user wrote, nothing else is shown."""
    return InputError(f"the condition {column}={typed}: {why}")


def spans(wanted: Wanted, column: str, lowest: Callable[[str], float], highest: Callable[[str], float]) -> list[tuple[float, float]]:
    """The wanted values and ranges as numbers. lowest, highest: the first and the last number that a typed word stands for."""
    found: list[tuple[float, float]] = []
    for word in wanted.values:
        found.append((_read(word, column, lowest), _read(word, column, highest)))
    for low, high in wanted.ranges:
        span = (-np.inf if low is None else _read(low, column, lowest), np.inf if high is None else _read(high, column, highest))
        if span[0] > span[1]:
            raise unmet(column, f"{low or ''}..{high or ''}", "the range begins after its end")
        found.append(span)
    return found


def _read(word: str, column: str, reader: Callable[[str], float]) -> float:
    try:
        number = reader(word)
    except (ValueError, OverflowError):
        raise unmet(column, word, "this is no value of the column's kind; write numbers as 65, dates as 2022-01-31") from None
    if np.isnan(number):
        raise unmet(column, word, "this is no number")
    return number
