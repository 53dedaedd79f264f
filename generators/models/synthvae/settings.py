"""How large the model is and how it learns; known without the learning library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


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
