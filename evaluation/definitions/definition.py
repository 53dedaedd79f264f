"""What a metric is, for people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """group: "safe", "good", "useful", "fair" or "structure": the part of the report it belongs to.

    direction: "higher", "lower" or "half" is better. form: how the value is written: "share" (a percentage), "count" or "score".
    told: what the public report says of it: its rounded "figure", a "band" (whether its gate is met), or nothing ("withheld").
    """

    title: str
    group: str
    direction: str
    form: str
    told: str
    meaning: str
    source: str
