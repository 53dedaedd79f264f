"""How large the two networks are and how they learn; known without the learning library."""

from __future__ import annotations

from dataclasses import dataclass

PACK = 8
"""Rows a critic judges together: rows that are all alike give themselves away (Z. Lin et al., PacGAN, NeurIPS 2018)."""


@dataclass(frozen=True)
class Settings:
    """batch: rows a step, a multiple of `PACK`; judging: the width of the critic.

    following: whether each part is also told by those before it, and learned by its likelihood too; dropped: the share of hidden units left
    out then; decay: of the generator's weights at each step, times the rate.
    """

    width: int
    noise: int
    rounds: int
    batch: int
    rate: float
    judging: int
    following: bool
    dropped: float
    decay: float
