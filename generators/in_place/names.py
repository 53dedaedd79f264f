"""What names a place, told without loading what opens one."""

from __future__ import annotations

from pathlib import Path


def is_place(text: str) -> bool:
    """Whether `text` names a place rather than files to be read."""
    head = text.partition("#")[0]
    named = head.startswith(("postgresql:", "postgres:", "spark:", "jdbc:")) or "://" in head
    return named or head == "spark" or Path(head).suffix in (".duckdb", ".ddb")
