"""How long work tells whoever watches how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by long work, often; cheap. Raises `generators.errors.Cancelled` when the work should stop.

    stage: a short phrase for a person ("counting persons"); fraction: 0 … 1 of the whole job;
    rows, total: rows done and rows in all, where the stage has rows.
    """

    def __call__(self, stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None: ...


def silent(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
    """A progress callback for when nobody watches."""
