"""A fitted rank copula: steps of every part, and the correlation of the normal variables they are steps of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from generators.encoding.coded import Codes, Part, applies
from generators.errors import InputError
from generators.learning.model import Allowed, Saved
from generators.models.copula.correlation import Floats, implied
from generators.models.copula.steps import EDGE, TRACES, Ints, Steps, _normal

BATCH = 32_768


@dataclass(frozen=True)
class CopulaModel:
    """steps: of every part. latent: (parts, parts) correlation of the normal variables. hermite, spread: of the scores of every part."""

    parts: tuple[Part, ...]
    given: int
    steps: tuple[Steps, ...]
    latent: Floats
    hermite: Floats
    spread: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", np.linalg.cholesky(self.latent))

    root: Floats = None  # type: ignore[assignment]  # made above

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """As `Model.sample`. Given and allowed parts are drawn one after the other, each from its normal variable within the steps left.

        That is the simulator of Geweke, Hajivassiliou and Keane (J. Geweke 1991).
        """
        drawn = [self._batch(given[a : a + BATCH], rng, allowed or {}) for a in range(0, len(given), BATCH)]
        return np.concatenate(drawn) if drawn else np.zeros((0, len(self.parts) - self.given), dtype=np.int32)

    def _batch(self, given: Codes, rng: np.random.Generator, allowed: Allowed) -> Codes:
        rows, count = len(given), len(self.parts)
        codes = np.zeros((rows, count), dtype=np.int32)
        codes[:, : self.given] = given
        free = rng.standard_normal((rows, count))
        forced = max(self.given, max(allowed, default=-1) + 1)
        for i in range(forced):
            mean, sd = free[:, :i] @ self.root[i, :i], self.root[i, i]
            if i < self.given:
                said = applies(codes, self.parts, i)
                free[said, i] = self._within(i, codes, mean, sd, free[:, i])[said]
            elif i in allowed:
                codes[:, i] = self._chosen(i, codes, mean, sd, allowed[i], rng)
                free[:, i] = self._within(i, codes, mean, sd, free[:, i])
            else:
                codes[:, i] = self.steps[i].codes(mean + sd * free[:, i], self._row(i, codes))
            self._silence(i, codes)
        normal = free @ self.root[forced:].T
        for i in range(forced, count):
            codes[:, i] = self.steps[i].codes(normal[:, i - forced], self._row(i, codes))
            self._silence(i, codes)
        return codes[:, self.given :]

    def _row(self, number: int, codes: Codes) -> Ints | None:
        """The row of a part's frequencies: the code of the part it is within."""
        of = self.parts[number].of
        return codes[:, of].astype(np.int64) if of is not None and len(self.steps[number].frequency) > 1 else None

    def _silence(self, number: int, codes: Codes) -> None:
        if self.parts[number].of is not None:
            codes[~applies(codes, self.parts, number), number] = 0

    def _within(self, number: int, codes: Codes, mean: Floats, sd: float, noise: Floats) -> Floats:
        """What the normal noise of a part must be for it to lie on the step of its code: (rows,); `noise` is where it is drawn from."""
        steps, row = self.steps[number], self._row(number, codes)
        at = 0 if row is None else row
        low = (_normal(steps.low[at, codes[:, number]]) - mean) / sd
        high = (_normal(steps.high[at, codes[:, number]]) - mean) / sd
        turned = low > 0  # both far above: the other tail has the digits
        low, high = np.where(turned, -high, low), np.where(turned, -low, high)
        a, b = ndtr(low), ndtr(high)
        drawn = np.clip(ndtri(a + ndtr(noise) * (b - a)), low, high)
        inside: Floats = np.clip(np.where(turned, -drawn, drawn), -EDGE, EDGE)
        return inside

    def _chosen(
        self, number: int, codes: Codes, mean: Floats, sd: float, allowed: npt.NDArray[np.bool_], rng: np.random.Generator
    ) -> npt.NDArray[np.int32]:
        """Codes of an allowed kind, each as likely as its step is given the normal variables so far."""
        steps, row = self.steps[number], self._row(number, codes)
        at = np.zeros(len(codes), dtype=np.int64) if row is None else row
        left = np.flatnonzero(allowed)
        chance = np.empty((len(codes), len(left)))
        for j, code in enumerate(left):
            chance[:, j] = ndtr((_normal(steps.high[at, code]) - mean) / sd) - ndtr((_normal(steps.low[at, code]) - mean) / sd)
        chance = np.where(steps.frequency[at][:, left] > 0, np.maximum(chance, 1e-12), 0.0)
        chance[chance.sum(axis=1) <= 0] = 1.0
        reach = np.cumsum(chance, axis=1)
        place = (reach < (rng.random(len(codes)) * reach[:, -1])[:, None]).sum(axis=1)
        found: npt.NDArray[np.int32] = left[np.minimum(place, len(left) - 1)].astype(np.int32)
        return found

    def surprise(self, codes: Codes) -> Floats:
        """As `Model.surprise`: each part's own frequency, and the density of the scores as normal variables of their correlation."""
        scores, own = self.scored(codes)
        found: Floats = own[:, self.given :].sum(axis=1) + self._density(scores, len(self.parts))
        return found - self._density(scores, self.given) if self.given else found

    def scored(self, codes: Codes) -> tuple[Floats, Floats]:
        """(rows, parts): standardised scores, 0 where a part says nothing; the surprise of each part by itself."""
        scores, own = np.zeros(codes.shape), np.zeros(codes.shape)
        for i in range(len(self.parts)):
            row = self._row(i, codes)
            at = 0 if row is None else row
            said = applies(codes, self.parts, i)
            scores[:, i] = np.where(said, self.steps[i].scores[at, codes[:, i]] / self.spread[i], 0.0)
            own[:, i] = np.where(said, -np.log(np.maximum(self.steps[i].frequency[at, codes[:, i]], 1e-6)), 0.0)
        return scores, own

    def _density(self, scores: Floats, count: int) -> Floats:
        matrix = implied(self.latent[:count, :count], self.hermite[:count]) / np.outer(self.spread[:count], self.spread[:count])
        np.fill_diagonal(matrix, 1.0)
        used = scores[:, :count]
        _, logarithm = np.linalg.slogdet(matrix)
        found: Floats = 0.5 * (logarithm + (np.linalg.solve(matrix, used.T).T * used).sum(axis=1) - (used**2).sum(axis=1))
        return found

    def saved(self) -> Saved:
        """As `Model.saved`."""
        arrays: dict[str, npt.NDArray[Any]] = {"latent": self.latent, "hermite": self.hermite, "spread": self.spread}
        for i, steps in enumerate(self.steps):
            arrays[f"order.{i}"], arrays[f"frequency.{i}"] = steps.order, steps.frequency
        return Saved({}, arrays)

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> CopulaModel:
        """As `Learner.load`."""
        count = len(parts)
        wanted: dict[str, tuple[tuple[int, ...], ...]] = {
            "latent": ((count, count),), "hermite": ((count, TRACES),), "spread": ((count,),)
        }  # fmt: skip
        for i, part in enumerate(parts):
            wanted[f"order.{i}"] = ((part.size,),)
            wanted[f"frequency.{i}"] = ((1, part.size),) if part.of is None else ((1, part.size), (parts[part.of].size, part.size))
        for name, shapes in wanted.items():
            array = saved.arrays.get(name)
            kind = np.int32 if name.startswith("order") else np.float64
            if array is None or array.shape not in shapes or array.dtype != kind or not np.isfinite(array).all():
                raise InputError(f'the saved copula cannot be used: its piece "{name}" is missing or damaged; fit it again')
        steps = []
        for i, part in enumerate(parts):
            order, frequency = saved.arrays[f"order.{i}"], saved.arrays[f"frequency.{i}"]
            whole = np.array_equal(np.sort(order), np.arange(part.size))
            if not whole or frequency.min() < 0 or abs(frequency.sum(axis=1) - 1).max() > 1e-6:
                name = f"frequency.{i}" if whole else f"order.{i}"
                raise InputError(f'the saved copula cannot be used: its piece "{name}" is damaged; fit it again')
            steps.append(Steps(order, frequency))
        latent = saved.arrays["latent"]
        odd = abs(latent - latent.T).max() > 1e-9 or abs(np.diag(latent) - 1).max() > 1e-9
        if odd or np.linalg.eigvalsh(latent)[0] <= 0 or saved.arrays["spread"].min() <= 0:
            raise InputError('the saved copula cannot be used: its piece "latent" is damaged; fit it again')
        return CopulaModel(parts, given, tuple(steps), latent, saved.arrays["hermite"], saved.arrays["spread"])
