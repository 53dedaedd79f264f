"""How large the model is and how it learns; known without the learning library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor


DECAYING = 500
"""Rows among which weights decay at once the rate of learning; the more rows there are, the less."""


@dataclass(frozen=True)
class Restraint:
    """How a decoder that reads earlier parts is held back. width: of its layers; dropped: the share of hidden units left out at each step;
    decay: of weights at each step, times the rate of learning."""

    width: int
    dropped: float
    decay: float


def restrained(rows: int) -> Restraint:
    """Few records are soon known by heart: the fewer there are, the less the network holds, and the more of it is left out at a time."""
    rows = max(1, rows)
    dropped = 10 / math.sqrt(rows)
    return Restraint(
        width=int(np.clip(2 ** round(3 + 0.2 * np.log2(rows)), 16, 64)),
        dropped=min(0.4, dropped) if dropped >= 0.1 else 0.0,
        decay=min(1.0, DECAYING / rows),
    )


@dataclass(frozen=True)
class Settings:
    """divergence: how much the divergence of the hidden numbers from N(0, I) counts (β of I. Higgins et al., ICLR 2017).

    following: whether each part is also told by those before it; dropped: the share of hidden units left out then, at each step.
    published: the loss of SynthVAE as published: the cross-entropies' mean over the batch, and the divergences' sum over it.
    """

    width: int
    latent: int
    rounds: int
    batch: int
    divergence: float
    published: bool = False
    following: bool = False
    dropped: float = 0.0
    rate: float = 4e-3
    decay: float = 1e-4

    def losses(self, network: torch.nn.Module, codes: Tensor, noise: Tensor, divergence: float) -> tuple[Tensor, Tensor]:
        """(rows,) what is made small, and (rows,) the same with the divergence counted as in the end."""
        told, apart = network(codes, noise)
        if self.published:
            loss = told / len(codes) + apart
            return loss, loss
        return told + divergence * apart, told + self.divergence * apart
