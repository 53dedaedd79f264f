"""How many persons stand behind a value: what may enter a vocabulary or a bound is decided here."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class People:
    """The person of each row, as a whole number from 0 on."""

    def __init__(self, numbers: npt.NDArray[Any]) -> None:
        self.numbers: Ints = np.asarray(numbers, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def room(self) -> int:
        """One more than the largest number."""
        return int(self.numbers.max(initial=-1)) + 1

    @cached_property
    def one_row_each(self) -> bool:
        """Whether no person has two rows."""
        return not len(self) or bool(np.bincount(self.numbers).max() == 1)

    @cached_property
    def count(self) -> int:
        """How many persons there are."""
        return len(self) if self.one_row_each else len(np.unique(self.numbers))

    def of(self, which: npt.NDArray[Any]) -> People:
        """The persons of the chosen rows: numbers of rows, or one truth value a row."""
        chosen = People(self.numbers[which])
        if self.one_row_each:
            chosen.__dict__["one_row_each"] = True
        return chosen

    def by_code(self, codes: npt.NDArray[Any], size: int) -> Ints:
        """(size,): how many different persons have each code from 0 to size − 1. codes: (rows,)."""
        if self.one_row_each:
            return np.bincount(codes, minlength=size)
        pairs = np.sort(codes.astype(np.int64) * self.room + self.numbers)
        first = np.ones(len(pairs), np.bool_)
        first[1:] = pairs[1:] != pairs[:-1]
        return np.bincount(pairs[first] // self.room, minlength=size)
