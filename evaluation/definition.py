"""What a metric is, for people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """group: "safe", "good" or "structure": the part of the report it belongs to. public: whether the public report may hold it.

    form: how the value is written: "share" (a percentage), "count" or "score".
    """

    title: str
    group: str
    direction: str
    form: str
    public: bool
    meaning: str
    source: str
