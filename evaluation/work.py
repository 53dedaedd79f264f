"""One evaluation under way: what every measure is given, and what it may leave for others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from evaluation.comparison import Comparison
from evaluation.results import Incomputable, MetricResult
from generators.errors import InputError
from generators.progress import Progress, silent

Made = TypeVar("Made")


@dataclass(frozen=True)
class Fit:
    """How to fit the evaluated generator again, for shadow models; evaluation itself knows no generator.

    of: of(train, folder, seed) -> synthetic: learn as the generator did from other real tables (canonical Parquet by table name), and write
    about as large a dataset into the folder; its files by table name. folder: where the tables of shadow models lie, which are real
    people's: within the secure work folder; emptied again. models: how many to fit, an even number.
    """

    of: Callable[[Mapping[str, Path], Path, int], Mapping[str, Path]]
    folder: Path
    models: int = 8

    def __post_init__(self) -> None:
        if self.models < 4 or self.models % 2:
            raise InputError(f"{self.models} shadow models: there must be an even number of them, 4 or more")


@dataclass(frozen=True)
class Asked:
    """What whoever evaluates asked for. targets: what somebody would predict (see `utility.tasks`), proposed when
    empty, nothing when None. fit: see `Fit`."""

    targets: tuple[str, ...] | None = ()
    fit: Fit | None = None


class Work:
    """What is compared, what was asked for, and what measures share.

    details: what measures leave for the charts, by the key each chart names; arrays stay in memory, only charts leave.
    notes: what a reader must know beside the results.
    """

    def __init__(self, c: Comparison, asked: Asked | None = None, progress: Progress = silent) -> None:
        self.c, self.asked = c, asked or Asked()
        self.details: dict[str, Any] = {}
        self.notes: list[str] = []
        self._progress = progress
        self._stage, self._from, self._share = "", 0.0, 0.0
        self._made: dict[Callable[[Comparison], Any], Any] = {}

    def shared(self, kind: Callable[[Comparison], Made]) -> Made:
        """`kind(comparison)`, made once for all measures; raises Incomputable each time when it cannot be made."""
        if kind not in self._made:
            try:
                self._made[kind] = kind(self.c)
            except Incomputable as error:
                self._made[kind] = error
        found = self._made[kind]
        if isinstance(found, Incomputable):
            raise Incomputable(str(found))
        return cast(Made, found)

    def begin(self, stage: str, start: float, share: float) -> None:
        """A measure begins: it fills `share` of the whole from `start` on."""
        self._stage, self._from, self._share = stage, start, share
        self.tick(0.0)

    def tick(self, fraction: float) -> None:
        """How much of the measure is done, 0 … 1: progress for who waits, and the place where a cancellation takes effect."""
        self._progress(self._stage, self._from + fraction * self._share)


@dataclass(frozen=True)
class Measure:
    """A step of the basket. stage: what is happening, for who waits. metrics: what it gives for the whole table: when it fails, each of
    them is a failed result. of: measures. share: of the time, in parts of the whole basket's hundred. wanted: whether it applies at all.
    single: metrics it gives for single columns alone.
    """

    stage: str
    metrics: tuple[str, ...]
    of: Callable[[Work], list[MetricResult]]
    share: float = 1.0
    wanted: Callable[[Work], bool] = lambda work: True
    single: tuple[str, ...] = ()
