"""A fitted adversarial network: its generator alone, drawing rows in NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes, Part, applies
from generators.errors import InputError
from generators.learning.model import Allowed, Saved
from generators.models.segments import (
    CELLS,
    EDITED,
    Floats,
    drawn,
    following_of,
    in_turn,
    likelihood,
    piece,
    positions,
    positive,
    tables_of,
)

DRAWS = 4
"""Draws of noise by which the likelihood of a row is estimated, in pairs on either side of nought."""


@dataclass(frozen=True)
class GanModel:
    """weights: of the generator, as `in_turn` reads them, and "unfold", "outer", "condition" or "context". tables: by number of a generated
    part the part its scores also hang on and what that adds.

    shares: (own codes + 1,) how often each code was asked for, and at last nothing: by them what is asked for is drawn.
    """

    parts: tuple[Part, ...]
    given: int
    weights: Mapping[str, Floats]
    tables: Mapping[int, tuple[int, Floats]]
    shares: Floats

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """See `Model.sample`."""
        if allowed is not None:
            raise ValueError("gan cannot be told which codes columns may have")
        if given.ndim != 2 or given.shape[1] != self.given:
            raise ValueError(f"this model is given {self.given} parts")
        out = np.zeros((len(given), len(self.parts) - self.given), dtype=np.int32)
        for rows in self._chunks(len(given)):
            out[rows] = self._rows(np.ascontiguousarray(given[rows]), rng)
        return out

    def _rows(self, given: Codes, rng: np.random.Generator) -> Codes:
        noise = rng.standard_normal((len(given), self.weights["unfold"].shape[1]), dtype=np.float32)
        asked = None
        if not self.given:
            totals = np.cumsum(self.shares.astype(np.float64))
            asked = np.searchsorted(totals, rng.random(len(given)) * totals[-1], side="right")
            asked = np.minimum(asked, len(totals) - 1)
        codes = np.zeros((len(given), len(self.parts)), dtype=np.int32)
        codes[:, : self.given] = given
        for number, score in in_turn(self._unfolded(noise, asked, given), codes, self.parts, self.given, self.weights, self.tables):
            codes[:, number] = drawn(score, rng)
            if self.parts[number].of is not None:
                codes[~applies(codes, self.parts, number), number] = 0
        return codes[:, self.given :]

    def _unfolded(self, noise: Floats, asked: npt.NDArray[np.int64] | None, given: Codes) -> Floats:
        """asked: (rows,) places of the codes asked for; None: there is a context."""
        h: Floats = noise @ self.weights["unfold"].T
        h += self.weights["unfold bias"]
        if asked is None:
            context, placed = self.weights["context"], positions(given, self.parts[: self.given])
            for number in range(self.given):
                h += context[placed[:, number]]
        else:
            h += self.weights["condition"][asked]
        positive(h)
        return h + positive(h @ self.weights["outer"].T + self.weights["outer bias"])

    def surprise(self, codes: Codes) -> npt.NDArray[np.float64] | None:
        """(rows, all parts) → (rows,) nats: the negative logarithm of the mean likelihood by a few draws of noise, the same for all rows.

        On average no less than the exact one. None where all parts are drawn at once: such a network has no likelihood.
        """
        if "says" not in self.weights:
            return None
        half = np.random.default_rng(0x67616E).standard_normal((DRAWS // 2, self.weights["unfold"].shape[1])).astype(np.float32)
        out = np.empty(len(codes))
        for rows in self._chunks(len(codes)):
            chosen = np.ascontiguousarray(codes[rows])
            given = chosen[:, : self.given]
            asked = None if self.given else np.full(len(chosen), len(self.shares) - 1)
            told = []
            for noise in (*half, *-half):
                unfolded = self._unfolded(np.broadcast_to(noise, (len(chosen), len(noise))), asked, given)
                told.append(likelihood(in_turn(unfolded, chosen, self.parts, self.given, self.weights, self.tables), chosen, self.parts))
            out[rows] = math.log(DRAWS) - np.logaddexp.reduce(np.stack(told), axis=0)
        return out

    def _chunks(self, rows: int) -> Iterator[slice]:
        step = max(256, CELLS // sum(part.size for part in self.parts))
        return (slice(at, min(rows, at + step)) for at in range(0, rows, step))

    def saved(self) -> Saved:
        """Weights and tables as float32."""
        arrays: dict[str, npt.NDArray[Any]] = {name.replace(" ", "."): weight for name, weight in self.weights.items()}
        arrays |= {f"table.{number}": table for number, (_, table) in self.tables.items()}
        arrays["shares"] = self.shares
        leaders = [[number, leader] for number, (leader, _) in sorted(self.tables.items())]
        facts = {"leaders": leaders, "following": "says" in self.weights}
        return Saved(facts, {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()})


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
    weights |= following_of(saved, own, len(parts) - given, width)
    shares = piece(saved, "shares", own + 1)
    if (shares < 0).any() or shares.sum() <= 0:
        raise InputError(EDITED.format("shares"))
    return GanModel(parts, given, weights, tables_of(saved, parts, given), shares)
