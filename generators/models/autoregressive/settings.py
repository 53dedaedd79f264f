"""How large the network is and how it learns; known without the learning library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """embedding, hidden: widths; rounds: most passes over the rows; batch: rows a step; rate: of learning; drop, decay: against memory."""

    embedding: int
    hidden: int
    rounds: int
    batch: int
    rate: float
    drop: float
    decay: float
    patience: int = 2
