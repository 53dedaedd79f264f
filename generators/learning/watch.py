"""Whoever watches a fit: hears how far it is, can stop it, and keeps what it has so far."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from generators.atomic import writing
from generators.errors import InputError
from generators.progress import Progress, silent

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Epoch:
    """One pass over the rows: mean loss a row in nats (NaN: not measured) on rows learned from and on rows held out inside train."""

    number: int
    loss: float
    held_out: float


@dataclass
class Watch:
    """Given to a model while it is fitted.

    folder: where checkpoints lie, personal data within the secure zone (None: none are kept). key: what they belong to; those of
    another fit are not taken up. clock: seconds, for the time limit; never decides a result but by ending the fit.
    """

    progress: Progress = silent
    seconds: float | None = None
    folder: Path | None = None
    key: str = ""
    stage: str = "learning"
    start: float = 0.0
    share: float = 1.0
    clock: Callable[[], float] = time.monotonic
    epochs: list[Epoch] = field(default_factory=list)
    out_of_time: bool = False
    loss_lost: bool = False

    def __post_init__(self) -> None:
        self._begun = self.clock()

    def tick(self, fraction: float, stage: str = "") -> bool:
        """How much of the fit is done, 0 … 1; call it twice a second at least: a cancellation takes effect here. False: time is up."""
        self.progress(stage or self.stage, self.start + self.share * min(1.0, max(0.0, fraction)))
        if self.seconds is not None and self.clock() - self._begun > self.seconds:
            self.out_of_time = True
        return not self.out_of_time

    def epoch(self, number: int, most: int, loss: float, held_out: float) -> bool:
        """An epoch is done (from 1). False: time is up, keep the best so far. InputError when the loss is no number any more."""
        if math.isinf(loss) or math.isinf(held_out) or (math.isnan(loss) and math.isnan(held_out)):
            self.loss_lost = True
            raise LossLost("the loss is no number any more")
        self.epochs.append(Epoch(number, loss, held_out))
        passed = self.clock() - self._begun
        left = passed / max(1, number) * max(0, most - number)
        told = f"{self.stage}: round {number} of at most {most}, loss {held_out if not math.isnan(held_out) else loss:.3f}"
        return self.tick(number / max(1, most), f"{told}, about {_spoken(left)} left")

    def keep(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        """Keep all that a resumed fit needs to go on to the very same bytes: weights, state of the optimiser, number of the epoch."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        told = {"key": self.key, "stage": self.stage, "facts": json.dumps(dict(facts))}
        content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=told)
        with writing(self._file) as stream:
            stream.write(content)
        self._file.chmod(0o600)

    def kept(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
        """What was kept by an earlier attempt at the same fit; None where there is nothing, or something else's."""
        if self.folder is None or not self._file.is_file():
            return None
        content = self._file.read_bytes()
        try:
            arrays = load(content)
            size = int.from_bytes(content[:8], "little")
            told = json.loads(content[8 : 8 + size])["__metadata__"]
            return (dict(arrays), json.loads(told["facts"])) if told["key"] == self.key else None
        except (SafetensorError, KeyError, ValueError):
            return None

    def part(self, start: float, share: float, stage: str) -> Watch:
        """The same watch for a part of the work: it fills `share` of this one's bar from `start` on."""
        inner = Watch(self.progress, None, self.folder, self.key, stage, self.start + self.share * start, self.share * share, self.clock)
        if self.seconds is not None:
            inner.seconds = max(0.0, self.seconds - (self.clock() - self._begun))
        return inner

    @property
    def _file(self) -> Path:
        if self.folder is None:
            raise InputError("no checkpoints are kept")
        safe = "".join(c if c.isalnum() else "-" for c in self.stage)
        return self.folder / f"{safe}.safetensors"


_ROUND = re.compile(r"(?P<what>.*): round (?P<number>\d+) of at most (?P<most>\d+), loss (?P<loss>-?[\d.]+), about .+ left")


def round_told(stage: str) -> tuple[str, int, int, float] | None:
    """What is learned, number of the round, most rounds and loss, of a stage that `Watch.epoch` told; None for any other."""
    found = _ROUND.fullmatch(stage)
    return None if found is None else (found["what"], int(found["number"]), int(found["most"]), float(found["loss"]))


class LossLost(ArithmeticError):
    """The loss became infinite or no number: the fit stops and the last good state is kept."""


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
