"""The entity diagram of a relational release: tables as boxes, keys as lines, laid out here, drawn by a template as SVG.

Who is referred to stands to the left of who refers. The same release gives the same picture; the list of keys beside it says the same
in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from releases.catalogue.showing.dictionary import Key, Table

MOST = 60
"""Tables; beyond this a picture helps nobody, and the list of keys stands alone."""
BOX, ROW, GAP, HEAD = 186, 20, 28, 46
_ACROSS = 62
_SHORT = 22


@dataclass(frozen=True)
class Box:
    """One table. lines: (text, whether it is a key of this table) under its name, each as long as fits."""

    name: str
    rows: str
    x: int
    y: int
    height: int
    lines: tuple[tuple[str, int, bool], ...]
    vocabulary: bool


@dataclass(frozen=True)
class Line:
    """From the child's key to its parent: an SVG path; dashed where it may be missing."""

    path: str
    dashed: bool


@dataclass(frozen=True)
class Diagram:
    """What is drawn. words: the picture in a sentence."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    words: str


def keys(tables: Sequence[Table]) -> tuple[Key, ...]:
    """Every key by which one table of these refers to another."""
    names = {table.name for table in tables}
    return tuple(key for table in tables for key in table.keys if key.parent in names)


def diagram(tables: Sequence[Table]) -> Diagram | None:
    """The picture of the tables; None where no table refers to another, or there are more than `MOST`."""
    found = keys(tables)
    if not found or len(tables) > MOST:
        return None
    depths = _depths(tables, found)
    boxes: dict[str, Box] = {}
    bottoms: dict[int, int] = {}
    for table in sorted(tables, key=lambda each: depths[each.name]):
        depth = depths[table.name]
        box = _box(table, 1 + depth * (BOX + _ACROSS), bottoms.get(depth, 1))
        boxes[table.name] = box
        bottoms[depth] = box.y + box.height + GAP
    lines = tuple(Line(_path(boxes[key.table], boxes[key.parent], key), key.optional) for key in found)
    width = max(box.x for box in boxes.values()) + BOX + (40 if any(key.table == key.parent for key in found) else 1)
    words = f"{len(tables)} tables and the {len(found)} key{'' if len(found) == 1 else 's'} between them; the list below says the same."
    return Diagram(width, max(bottoms.values()) - GAP + 1, tuple(boxes.values()), lines, words)


def _depths(tables: Sequence[Table], found: Sequence[Key]) -> dict[str, int]:
    """How many steps each table stands behind the ones that refer to nobody; a circle, which no schema should have, ends the count."""
    depths = {table.name: 0 for table in tables}
    for _ in tables:
        changed = False
        for key in found:
            if key.table != key.parent and depths[key.table] <= depths[key.parent] < len(tables):
                depths[key.table] = depths[key.parent] + 1
                changed = True
        if not changed:
            break
    return {name: min(depth, len(tables) - 1) for name, depth in depths.items()}


def _box(table: Table, x: int, y: int) -> Box:
    named = list(dict.fromkeys([*table.primary_key, *(column for key in table.keys for column in key.columns)]))
    lines = tuple((_short(name), y + HEAD + ROW * number + 15, name in table.primary_key) for number, name in enumerate(named))
    rows = "" if table.rows is None else f"{table.rows:,} row{'' if table.rows == 1 else 's'}"
    return Box(_short(table.name), rows, x, y, HEAD + ROW * len(lines) + 6, lines, table.vocabulary)


def _short(name: str) -> str:
    return name if len(name) <= _SHORT else f"{name[: _SHORT - 1]}…"


def _path(child: Box, parent: Box, key: Key) -> str:
    start = _line_of(child, key.columns[0])
    if child is parent:
        right = child.x + BOX
        return f"M{right} {start}h26V{child.y + 16}h-26"
    end = _line_of(parent, key.parent_columns[0]) if key.parent_columns else parent.y + 16
    if child.x > parent.x:
        left, right = child.x, parent.x + BOX
        return f"M{left} {start}C{left - 31} {start} {right + 31} {end} {right} {end}"
    return f"M{child.x + BOX} {start}C{child.x + BOX + 60} {start} {parent.x + BOX + 60} {end} {parent.x + BOX} {end}"


def _line_of(box: Box, column: str) -> int:
    return next((y - 5 for text, y, _ in box.lines if text == _short(column)), box.y + 16)
