"""Mixture of Gaussians: where the hidden numbers of an autoencoder's rows really lie, in place of N(0, I)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_PERSONS = 20
"""About so many persons at least lie behind each component; one that has fewer is left out."""


@dataclass(frozen=True)
class Mixture:
    """weights: (components,); means: (components, dimensions); factors: (components, dimensions, dimensions), lower Cholesky factors of the
    covariances. The first `given` dimensions are a context's, by which the others are conditioned."""

    weights: Floats
    means: Floats
    factors: Floats
    given: int = 0

    def log_densities(self, points: Floats, dimensions: int | None = None) -> Floats:
        """(rows, components): the logarithm of weight × density of each row in the first so many dimensions, or in all."""
        dimensions = self.means.shape[1] if dimensions is None else dimensions
        out = np.empty((len(points), len(self.weights)))
        constant = 0.5 * dimensions * np.log(2 * np.pi)
        for k, factor in enumerate(self.factors):
            # Cholesky factors of leading blocks are leading blocks of the factor.
            lower = factor[:dimensions, :dimensions]
            white = (points[:, :dimensions] - self.means[k, :dimensions]) @ np.linalg.inv(lower).T
            out[:, k] = np.log(self.weights[k]) - 0.5 * np.square(white).sum(axis=1) - np.log(np.diag(lower)).sum() - constant
        return out

    def log_density(self, points: Floats) -> Floats:
        """(rows, dimensions) → (rows,): of the dimensions after the given ones, given those."""
        whole = _log_sum(self.log_densities(points))
        return whole - _log_sum(self.log_densities(points, self.given)) if self.given else whole

    def draw(self, context: Floats, rng: np.random.Generator) -> Floats:
        """(rows, given) → (rows, dimensions − given), exactly from the conditional distribution."""
        rows = len(context)
        if self.given:
            likely = self.log_densities(context, self.given)
            shares = np.exp(likely - likely.max(axis=1, keepdims=True)).cumsum(axis=1)
            which = (shares < rng.random(rows)[:, None] * shares[:, -1:]).sum(axis=1)
        else:
            which = np.searchsorted(np.cumsum(self.weights)[:-1], rng.random(rows), side="right")
        free = self.means.shape[1] - self.given
        noise = rng.standard_normal((rows, free))
        out = np.empty((rows, free))
        g = self.given
        for k, factor in enumerate(self.factors):
            chosen = which == k
            if not chosen.any():
                continue
            drawn = noise[chosen] @ factor[g:, g:].T + self.means[k, g:]
            if g:
                white = (context[chosen] - self.means[k, :g]) @ np.linalg.inv(factor[:g, :g]).T
                drawn += white @ factor[g:, :g].T
            out[chosen] = drawn
        return out


def standard(dimensions: int, given: int) -> Mixture:
    """N(0, I)."""
    size = given + dimensions
    return Mixture(np.ones(1), np.zeros((1, size)), np.eye(size)[None], given)


def fitted(
    points: Floats, persons: npt.NDArray[np.int64], given: int, components: int, rng: np.random.Generator, rounds: int = 25
) -> Mixture:
    """By expectation and maximisation (A. Dempster, N. Laird, D. Rubin 1977), from so many of the points as begin.

    points: (rows, dimensions); persons: whose row each is. A component behind which about fewer than `LEAST_PERSONS` persons, or twice
    as many rows as there are dimensions, lie is left out, the others stay.
    """
    rows, size = points.shape
    per_person = 1.0 / np.bincount(persons)[persons]
    whole = np.cov(points.T, bias=True).reshape(size, size)
    floor = 1e-3 * np.maximum(np.diag(whole), 1e-4)
    if components == 1:
        middle: Floats = points.mean(axis=0)
        factor = np.asarray(np.linalg.cholesky(whole + np.diag(floor)), dtype=np.float64)
        return Mixture(np.ones(1), middle[None], factor[None], given)
    means = _spread_out(points / np.sqrt(np.diag(whole) + floor), components, rng, points)
    covariances = np.repeat((whole / components ** (2 / size) + np.diag(floor))[None], components, axis=0)
    weights = np.full(components, 1.0 / components)
    mixture = Mixture(weights, means, np.linalg.cholesky(covariances), given)
    before = -np.inf
    for _ in range(rounds):
        logs = mixture.log_densities(points)
        top = _log_sum(logs)
        shares = np.exp(logs - top[:, None])
        held = per_person @ shares
        enough = (held >= LEAST_PERSONS) & (shares.sum(axis=0) >= 2 * size)
        if not enough.all():
            if not enough.any():
                return fitted(points, persons, given, 1, rng)
            mixture = Mixture(
                mixture.weights[enough] / mixture.weights[enough].sum(), mixture.means[enough], mixture.factors[enough], given
            )
            continue
        mass = shares.sum(axis=0)
        means = (shares.T @ points) / mass[:, None]
        factors = np.empty((len(mass), size, size))
        for k in range(len(mass)):
            apart = points - means[k]
            # Drawn towards the covariance of all by as much as ten rows' worth: a component of few rows is no narrow one.
            covariance = (apart.T @ (apart * shares[:, k : k + 1]) + 10 * whole) / (mass[k] + 10)
            factors[k] = np.linalg.cholesky(covariance + np.diag(floor))
        mixture = Mixture(mass / rows, means, factors, given)
        if top.mean() - before < 1e-3:
            break
        before = top.mean()
    return mixture


def _spread_out(scaled: Floats, components: int, rng: np.random.Generator, points: Floats) -> Floats:
    """First means: far from each other (k-means++, D. Arthur, S. Vassilvitskii 2007), each the mean of the rows nearest to it."""
    chosen = [int(rng.integers(len(scaled)))]
    distance = np.square(scaled - scaled[chosen[0]]).sum(axis=1)
    nearest = np.zeros(len(scaled), dtype=np.int64)
    for number in range(1, components):
        total = distance.cumsum()
        chosen.append(min(len(scaled) - 1, int(np.searchsorted(total, rng.random() * total[-1]))))
        other = np.square(scaled - scaled[chosen[-1]]).sum(axis=1)
        nearest[other < distance] = number
        distance = np.minimum(distance, other)
    near = np.eye(components)[nearest]
    means: Floats = (near.T @ points) / np.maximum(near.sum(axis=0), 1)[:, None]
    return means


def _log_sum(logs: Floats) -> Floats:
    most = logs.max(axis=1)
    total: Floats = np.log(np.exp(logs - most[:, None]).sum(axis=1)) + most
    return total
