"""How far a decoder that reads earlier parts is held back; known without the learning library."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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
