"""A fitted adversarial network: its generator alone, drawing rows in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes, Part, applies
from generators.errors import InputError
from generators.learning.model import Allowed, Saved
from generators.models.segments import CELLS, EDITED, Floats, drawn, offsets, piece, positions, tables_of


@dataclass(frozen=True)
class GanModel:
    """weights: of the generator. tables: by number of a generated part the part its scores also hang on and what that adds.

    shares: (own codes + 1,) how often each code was asked for, and at last nothing: by them conditions are drawn.
    """

    parts: tuple[Part, ...]
    given: int
    weights: Mapping[str, Floats]
    tables: Mapping[int, tuple[int, Floats]]
    shares: Floats

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """See `Model.sample`."""
        if allowed is not None:
            raise ValueError("gan draws all columns at once: it cannot be told codes that they may have")
        if given.ndim != 2 or given.shape[1] != self.given:
            raise ValueError(f"this model is given {self.given} parts")
        out = np.zeros((len(given), len(self.parts) - self.given), dtype=np.int32)
        step = max(256, CELLS // sum(part.size for part in self.parts))
        for at in range(0, len(given), step):
            out[at : at + step] = self._rows(np.ascontiguousarray(given[at : at + step]), rng)
        return out

    def _rows(self, given: Codes, rng: np.random.Generator) -> Codes:
        rows, own = len(given), self.parts[self.given :]
        starts = offsets([part.size for part in own])
        h: Floats = rng.standard_normal((rows, self.weights["unfold"].shape[1]), dtype=np.float32) @ self.weights["unfold"].T
        h += self.weights["unfold bias"]
        if self.given:
            context, placed = self.weights["context"], positions(given, self.parts[: self.given])
            for number in range(self.given):
                h += context[placed[:, number]]
        else:
            totals = np.cumsum(self.shares.astype(np.float64))
            place = np.searchsorted(totals, rng.random(rows) * totals[-1], side="right")
            place = np.minimum(place, len(totals) - 1)
            h += self.weights["condition"][place]
        np.maximum(h, 0, out=h)
        h = h + np.maximum(h @ self.weights["outer"].T + self.weights["outer bias"], 0)
        scores: Floats = h @ self.weights["write"].T + self.weights["write bias"]
        codes = np.zeros((rows, len(self.parts)), dtype=np.int32)
        codes[:, : self.given] = given
        for number, part in enumerate(own, start=self.given):
            at = number - self.given
            score: Floats = scores[:, starts[at] : starts[at + 1]].copy()
            if number in self.tables:
                leader, table = self.tables[number]
                score += table[codes[:, leader]]
            codes[:, number] = drawn(score, rng)
            if part.of is not None:
                codes[~applies(codes, self.parts, number), number] = 0
        return codes[:, self.given :]

    def surprise(self, codes: Codes) -> npt.NDArray[np.float64] | None:
        """None: such a network has no likelihood, and its critic is not kept."""
        return None

    def saved(self) -> Saved:
        """Weights and tables as float32."""
        arrays: dict[str, npt.NDArray[Any]] = {name.replace(" ", "."): weight for name, weight in self.weights.items()}
        arrays |= {f"table.{number}": table for number, (_, table) in self.tables.items()}
        arrays["shares"] = self.shares
        leaders = [[number, leader] for number, (leader, _) in sorted(self.tables.items())]
        return Saved({"leaders": leaders}, {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()})


def loaded(saved: Saved, parts: tuple[Part, ...], given: int) -> GanModel:
    """The model that `saved()` gave; InputError names a piece that is missing or of another form."""
    first, own = sum(part.size for part in parts[:given]), sum(part.size for part in parts[given:])
    width, noise = piece(saved, "unfold", -1, -1).shape
    shapes = {"unfold": (width, noise), "outer": (width, width), "write": (own, width)}
    weights = {name: piece(saved, name, *shape) for name, shape in shapes.items()}
    weights |= {f"{name} bias": piece(saved, f"{name}.bias", shape[0]) for name, shape in shapes.items()}
    if given:
        weights["context"] = piece(saved, "context", first + 1, width)
    else:
        weights["condition"] = piece(saved, "condition", own + 1, width)
    shares = piece(saved, "shares", own + 1)
    if (shares < 0).any() or shares.sum() <= 0:
        raise InputError(EDITED.format("shares"))
    return GanModel(parts, given, weights, tables_of(saved, parts, given), shares)
