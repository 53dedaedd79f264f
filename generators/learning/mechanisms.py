"""The mechanisms of a private fit: what turns a true figure into one that may be told. OpenDP's; a test may put others in their place."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import opendp.prelude as dp

dp.enable_features("contrib")


class Mechanisms(Protocol):
    """Noise, by what it spends: `…_rho` is the ρ of a draw, asked before it is made."""

    name: str

    def counts_rho(self, scale: float, change: float) -> float: ...

    def counts(self, true: npt.NDArray[np.int64], scale: float) -> npt.NDArray[np.int64]: ...

    def largest_rho(self, scale: float, change: float) -> float: ...

    def largest(self, scores: npt.NDArray[np.float64], scale: float) -> int: ...

    def seed(self) -> int: ...


class OpenDp:
    """Discrete Gaussian noise (C. Canonne, G. Kamath and T. Steinke, The Discrete Gaussian for Differential Privacy, 2020) and report noisy
    max, both measured in zero-concentrated differential privacy by OpenDP and drawn from its secure source.
    """

    name = "discrete Gaussian noise and report noisy max (OpenDP 0.16)"

    def counts_rho(self, scale: float, change: float) -> float:
        """ρ of counts of which one person changes the vector by `change` (Euclidean)."""
        return float(_gaussian(scale).map(float(change)))

    def counts(self, true: npt.NDArray[np.int64], scale: float) -> npt.NDArray[np.int64]:
        """Counts with noise, of the same shape."""
        return np.array(_gaussian(scale)(true.ravel().tolist()), dtype=np.int64).reshape(true.shape)

    def largest_rho(self, scale: float, change: float) -> float:
        """ρ of choosing among scores of which one person changes each by `change` at most."""
        return float(_noisy_max(scale).map(float(change)))

    def largest(self, scores: npt.NDArray[np.float64], scale: float) -> int:
        """The place of one of the largest scores."""
        return int(_noisy_max(scale)(np.asarray(scores, dtype=np.float64).tolist()))

    def seed(self) -> int:
        """A fresh seed from the system's secure source."""
        return secrets.randbits(63)


@cache
def _gaussian(scale: float) -> Any:
    return dp.m.make_gaussian(dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64"), scale=scale)


@cache
def _noisy_max(scale: float) -> Any:
    space = dp.vector_domain(dp.atom_domain(T="f64", nan=False)), dp.linf_distance(T="f64")
    return dp.m.make_noisy_max(*space, dp.zero_concentrated_divergence(), scale=scale)


OPENDP = OpenDp()
