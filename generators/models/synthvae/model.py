"""A fitted autoencoder: draws hidden numbers, and rows from them. NumPy alone."""

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
    likeliest,
    likelihood,
    piece,
    positions,
    positive,
    tables_of,
)
from generators.models.synthvae.mixture import Mixture

DRAWS = 4
"""Hidden points by which the likelihood of a row is estimated, in pairs on either side of the mean."""

LAYERS = ("inner", "code", "unfold", "outer", "write")


@dataclass(frozen=True)
class VaeModel:
    """parts, given: as in `CodedRows`. weights: "read", "context" (tables) and of each layer of `LAYERS` "<layer>" and "<layer> bias";
    where the decoder reads earlier parts too, "says" (a table: all generated codes, nothing said), and by part "inward" and "inward bias".

    tables: by number of a generated part the part its scores also hang on and what that adds, (codes of that part, own codes).
    features: (codes of context, k), by which the mixture is conditioned. likeliest: each part is its likeliest code, not drawn (the
    published way).
    """

    parts: tuple[Part, ...]
    given: int
    weights: Mapping[str, Floats]
    tables: Mapping[int, tuple[int, Floats]]
    mixture: Mixture
    features: Floats
    likeliest: bool = False

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """See `Model.sample`. Hidden points are drawn from the mixture given the context, then every part given its hidden point."""
        if allowed is not None:
            raise ValueError("synthvae draws all columns at once: it cannot be told codes that they may have")
        if given.ndim != 2 or given.shape[1] != self.given:
            raise ValueError(f"this model is given {self.given} parts")
        out = np.zeros((len(given), len(self.parts) - self.given), dtype=np.int32)
        for rows in self._chunks(len(given)):
            out[rows] = self._rows(np.ascontiguousarray(given[rows]), rng)
        return out

    def _rows(self, given: Codes, rng: np.random.Generator) -> Codes:
        hidden = self.mixture.draw(self._features(given), rng).astype(np.float32)
        unfolded = self._unfolded(hidden, given)
        codes = np.zeros((len(given), len(self.parts)), dtype=np.int32)
        codes[:, : self.given] = given
        for number, own in self._segments(unfolded, codes):
            codes[:, number] = likeliest(own) if self.likeliest else drawn(own, rng)
            if self.parts[number].of is not None:
                codes[~applies(codes, self.parts, number), number] = 0
        return codes[:, self.given :]

    def surprise(self, codes: Codes) -> npt.NDArray[np.float64]:
        """(rows, all parts) → (rows,) nats: the negative logarithm of an importance-weighted estimate of the likelihood.

        Y. Burda, R. Grosse, R. Salakhutdinov, Importance weighted autoencoders, ICLR 2016, equation 8, with `DRAWS` draws that are the same
        for all rows: the same row has the same surprise, whatever stands beside it. On average no less than the exact one.
        """
        latent = self.mixture.means.shape[1] - self.mixture.given
        half = np.random.default_rng(0x7661).standard_normal((DRAWS // 2, latent)).astype(np.float32)
        out = np.empty(len(codes))
        for rows in self._chunks(len(codes)):
            chosen = np.ascontiguousarray(codes[rows])
            mean, log_variance = self._encoded(chosen)
            context = self._features(chosen[:, : self.given])
            likelihoods = []
            for noise in (*half, *-half):
                hidden = mean + noise * np.exp(0.5 * log_variance)
                proposed = -0.5 * (np.square(noise) + log_variance + math.log(2 * math.pi)).sum(axis=1, dtype=np.float64)
                prior = self.mixture.log_density(np.concatenate([context, hidden.astype(np.float64)], axis=1))
                likelihoods.append(self.log_likelihood(hidden, chosen) + prior - proposed)
            out[rows] = math.log(DRAWS) - np.logaddexp.reduce(np.stack(likelihoods), axis=0)
        return out

    def log_likelihood(self, hidden: Floats, codes: Codes) -> npt.NDArray[np.float64]:
        """(rows, latent), (rows, all parts) → (rows,): of the generated parts given the hidden points."""
        return likelihood(self._segments(self._unfolded(hidden, codes[:, : self.given]), codes), codes, self.parts)

    def hidden(self, codes: Codes, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(rows, all parts) → for each row one hidden point drawn from where the encoder sees it, and the features of its context."""
        points, features = [], []
        for rows in self._chunks(len(codes)):
            mean, log_variance = self._encoded(codes[rows])
            points.append(mean + np.exp(0.5 * log_variance) * rng.standard_normal(mean.shape, dtype=np.float32))
            features.append(self._features(codes[rows, : self.given]))
        return np.concatenate(points).astype(np.float64), np.concatenate(features)

    def context_read(self, given: Codes) -> Floats:
        """(rows, given parts) → (rows, width): what the decoder reads of the context."""
        return self._summed(self.weights["context"], given)

    def _segments(self, unfolded: Floats, codes: Codes) -> Iterator[tuple[int, Floats]]:
        """See `in_turn`."""
        return in_turn(unfolded, codes, self.parts, self.given, self.weights, self.tables)

    def _layer(self, name: str, values: Floats) -> Floats:
        out: Floats = values @ self.weights[name].T
        out += self.weights[f"{name} bias"]
        return out

    def _encoded(self, codes: Codes) -> tuple[Floats, Floats]:
        read = self.weights["read"]
        placed = positions(codes, self.parts)
        h = np.zeros((len(codes), read.shape[1]), dtype=np.float32)
        for number in range(len(self.parts)):
            h += read[placed[:, number]]
        both = self._layer("code", positive(self._layer("inner", positive(h))))
        latent = both.shape[1] // 2
        return both[:, :latent], 4 * np.tanh(both[:, latent:] / 4) - 2

    def _unfolded(self, hidden: Floats, given: Codes) -> Floats:
        h = self._layer("unfold", hidden)
        if self.given:
            h += self._summed(self.weights["context"], given)
        return self._layer("outer", positive(h))

    def _features(self, given: Codes) -> npt.NDArray[np.float64]:
        if not self.given or not self.features.shape[1]:
            return np.zeros((len(given), 0))
        return self._summed(self.features, given).astype(np.float64)

    def _summed(self, table: Floats, given: Codes) -> Floats:
        """Sum over the context's parts of the rows of `table` at their codes; its last row where a part says nothing."""
        placed = positions(given, self.parts[: self.given])
        out = np.zeros((len(given), table.shape[1]), dtype=np.float32)
        for number in range(self.given):
            out += table[placed[:, number]]
        return out

    def _chunks(self, rows: int) -> Iterator[slice]:
        step = max(256, CELLS // (sum(part.size for part in self.parts) + 1))
        return (slice(at, min(rows, at + step)) for at in range(0, rows, step))

    def saved(self) -> Saved:
        """Weights, tables and mixture as float32."""
        arrays: dict[str, npt.NDArray[Any]] = {name.replace(" ", "."): weight for name, weight in self.weights.items()}
        arrays |= {f"table.{number}": table for number, (_, table) in self.tables.items()}
        arrays |= {"shares": self.mixture.weights, "means": self.mixture.means, "factors": self.mixture.factors, "features": self.features}
        leaders = [[number, leader] for number, (leader, _) in sorted(self.tables.items())]
        contiguous = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
        return Saved({"leaders": leaders, "likeliest": self.likeliest, "following": "says" in self.weights}, contiguous)


def stored(mixture: Mixture) -> Mixture:
    """The mixture as it is after saving: a fitted model and a loaded one draw the same."""
    weights, means, factors = (array.astype(np.float32).astype(np.float64) for array in (mixture.weights, mixture.means, mixture.factors))
    return Mixture(weights, means, factors, mixture.given)


def loaded(saved: Saved, parts: tuple[Part, ...], given: int) -> VaeModel:
    """The model that `saved()` gave; InputError names a piece that is missing or of another form."""
    total, first = sum(part.size for part in parts), sum(part.size for part in parts[:given])
    width = piece(saved, "read", total + 1, -1).shape[1]
    latent = piece(saved, "unfold", width, -1).shape[1]
    shapes = {"inner": (width, width), "code": (2 * latent, width), "unfold": (width, latent), "outer": (width, width)}
    weights = {"read": piece(saved, "read", total + 1, width)}
    for name, shape in {**shapes, "write": (total - first, width)}.items():
        weights[name] = piece(saved, name, *shape)
        weights[f"{name} bias"] = piece(saved, f"{name}.bias", shape[0])
    if given:
        weights["context"] = piece(saved, "context", first + 1, width)
    weights |= following_of(saved, total - first, len(parts) - given, width)
    features = piece(saved, "features", first + 1 if given else 0, -1)
    size = features.shape[1] + latent
    means = piece(saved, "means", -1, size)
    mixture = Mixture(
        piece(saved, "shares", len(means)).astype(np.float64),
        means.astype(np.float64),
        piece(saved, "factors", len(means), size, size).astype(np.float64),
        features.shape[1],
    )
    if not len(means) or (mixture.weights <= 0).any() or (np.diagonal(mixture.factors, axis1=1, axis2=2) <= 0).any():
        raise InputError(EDITED.format("factors"))
    likeliest_ones = saved.facts.get("likeliest")
    if not isinstance(likeliest_ones, bool):
        raise InputError(EDITED.format("likeliest"))
    return VaeModel(parts, given, weights, tables_of(saved, parts, given), mixture, features, likeliest_ones)
