"""What is decided before the first row is made: how many rows of what, cut into partitions that can be made apart, anywhere, in any order.

A plan holds no path and no record, is frozen and has one JSON form; with the number of a partition it is all that
`generators.generating.partition.make_partition` needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from generators.errors import InputError
from generators.generating.layout import PERSONS, Layout, layout
from generators.generating.skeleton import Skeleton
from generators.mechanism import Mechanism
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary

PARTITION = 250_000
"""Rows, of all tables together, that are made at once."""

WITHHELD_ROWS = 10
"""Rows of a table of which a summary told no number, at scale 1: it is withheld because they are few."""

Vocabulary = Mapping[str, Mapping[str, tuple[str | int | float | None, ...]]]
"""Some keys of public tables, by table and column, row by row."""


@dataclass(frozen=True)
class Part:
    """One partition: `rows` rows of the table `root` after the first `first`, and all that hangs on them.

    number: among the partitions of that root; firsts: how many rows of each table come before; each: its rows of each table.
    """

    root: str
    number: int
    first: int
    rows: int
    firsts: Mapping[str, int]
    each: Mapping[str, int]


@dataclass(frozen=True)
class Plan:
    """All that decides the bytes of a generated dataset. totals: rows of each table; roots: rows of each root (`PERSONS`: persons)."""

    mechanism: Mechanism
    schema: DatasetSchema
    summary: MetadataSummary | None
    seed: int
    roots: Mapping[str, int]
    totals: Mapping[str, int]
    parts: tuple[Part, ...]
    vocabulary: Vocabulary = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As parsed JSON."""
        return {
            "mechanism": self.mechanism.as_dict(),
            "schema": self.schema.as_dict(),
            "summary": None if self.summary is None else self.summary.as_dict(),
            "seed": self.seed,
            "roots": dict(self.roots),
            "totals": dict(self.totals),
            "parts": [asdict(part) for part in self.parts],
            "vocabulary": {table: {name: list(values) for name, values in keys.items()} for table, keys in self.vocabulary.items()},
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> Plan:
        """What `as_dict` gave."""
        return Plan(
            mechanism=Mechanism.from_dict(raw["mechanism"]),
            schema=DatasetSchema.from_dict(raw["schema"]),
            summary=None if raw["summary"] is None else MetadataSummary.from_dict(raw["summary"]),
            seed=int(raw["seed"]),
            roots=dict(raw["roots"]),
            totals=dict(raw["totals"]),
            parts=tuple(Part(**part) for part in raw["parts"]),
            vocabulary={table: {name: tuple(values) for name, values in keys.items()} for table, keys in raw["vocabulary"].items()},
        )


def plan(
    mechanism: Mechanism,
    schema: DatasetSchema,
    summary: MetadataSummary | None,
    rows: int | Mapping[str, int] | None,
    seed: int,
    *,
    scale: float | None = None,
    partition_rows: int = PARTITION,
    vocabulary: Vocabulary | None = None,
) -> Plan:
    """The plan for a (de-identified) schema and the summary its generator sees, if it sees one.

    rows: of every table that hangs on no other (of `PERSONS`, persons), or by its name; scale: instead, how many times the released number
    of persons or rows. The rows of all other tables follow. vocabulary: keys of public tables, for columns that must hold one.
    Raises InputError when the number of rows is not given, given twice or for a table that follows, or the seed is out of range.
    """
    if not 0 <= seed < 2**63:
        raise InputError("the seed must be a whole number from 0 to 9223372036854775807")
    arranged = layout(schema)
    roots = _roots(arranged, summary, rows, scale)
    totals = {root: count for root, count in roots.items() if root != PERSONS}
    parts: dict[str, list[Part]] = {}
    for root in _order(arranged):
        skeleton = Skeleton(arranged, summary, seed, totals)
        parts[root] = _parts(skeleton, root, roots[root], partition_rows)
        for place in arranged.under(root):
            totals[place.name] = sum(part.each[place.name] for part in parts[root])
    ordered = {place.name: totals[place.name] for place in sorted(arranged.places.values(), key=lambda p: p.position)}
    return Plan(mechanism, schema, summary, seed, roots, ordered, tuple(p for r in arranged.roots for p in parts[r]), vocabulary or {})


def _roots(arranged: Layout, summary: MetadataSummary | None, rows: int | Mapping[str, int] | None, scale: float | None) -> dict[str, int]:
    if (rows is None) == (scale is None):
        raise InputError("say how much to generate: either a number of rows or a scale")
    if scale is not None:
        if summary is None:
            raise InputError("a scale needs a metadata summary, whose numbers it multiplies; give a number of rows")
        return _scaled(arranged, summary, scale)
    if isinstance(rows, Mapping):
        follows = sorted(set(rows) & set(arranged.places) - set(arranged.roots))
        if follows:
            raise InputError(
                f'the rows of table "{follows[0]}" follow from the table it hangs on and cannot be chosen; '
                f"choose those of: {', '.join(_named(r) for r in arranged.roots)}"
            )
    wanted = {root: rows.get(root, 0) if isinstance(rows, Mapping) else int(rows or 0) for root in arranged.roots}
    for root, count in wanted.items():
        if count < 1:
            raise InputError(f"the number of rows to generate for {_named(root)} must be at least 1")
    return wanted


def released_rows(schema: DatasetSchema, summary: MetadataSummary, scale: float = 1.0) -> dict[str, int]:
    """Rows of each root that are `scale` times the released numbers: what `plan` takes as rows where the generator sees no summary."""
    return _scaled(layout(schema), summary, scale)


def _scaled(arranged: Layout, summary: MetadataSummary, scale: float) -> dict[str, int]:
    if not 0 < scale <= 1_000_000:
        raise InputError("the scale must be more than 0 and at most 1,000,000")
    return {root: max(1, round(scale * _released(arranged, summary, root))) for root in arranged.roots}


def _named(root: str) -> str:
    return "the persons" if root == PERSONS else f'table "{root}"'


def _released(arranged: Layout, summary: MetadataSummary, root: str) -> int:
    """How many rows of a root, or persons, the summary tells."""
    if root == PERSONS:
        relations = [r for r in summary.relationships if r.parent == PERSONS]
        told = [r.parents for r in relations if r.parents] or [summary.table(p.name).persons for p in arranged.under(root)]
        return max(told) or WITHHELD_ROWS
    table = summary.table(root)
    return table.rows or table.persons or WITHHELD_ROWS


def _order(arranged: Layout) -> list[str]:
    """The roots, each after those whose trees its own tree must refer to, as far as that can be."""
    needs = {
        root: {arranged.places[k.parent].root for p in arranged.under(root) for k in p.references if not p.optional(k)} - {root}
        for root in arranged.roots
    }
    ordered: list[str] = []
    while len(ordered) < len(arranged.roots):
        left = [r for r in arranged.roots if r not in ordered]
        ordered.append(next((r for r in left if needs[r] <= set(ordered)), left[0]))
    return ordered


def _parts(skeleton: Skeleton, root: str, rows: int, partition_rows: int) -> list[Part]:
    size = max(1, int(partition_rows / max(1.0, skeleton.rows_of_one(root))))
    under = skeleton.layout.under(root)
    plain = skeleton.layout.alone(root) and not under[0].references
    firsts, parts = {place.name: 0 for place in under}, []
    for number, first in enumerate(range(0, rows, size)):
        count = min(size, rows - first)
        each = {root: count} if plain else {n: r.count for n, r in skeleton.partition(root, count, number, firsts).items() if n != PERSONS}
        parts.append(Part(root, number, first, count, dict(firsts), each))
        firsts = {name: before + each[name] for name, before in firsts.items()}
    return parts
