"""What a summary exposed: the true persons behind every cell it asked about; and the comparison of summaries by it.

Two summaries of one source tell the same cell twice. Where the true figures differ by fewer persons than the policy's minimum, the
difference is about those few (they joined, left or were corrected in between), however well each figure was protected by itself. So
a new summary is compared with every earlier one on true counts, and not being able to tell counts as a conflict.

Cells that are the same in two summaries: a value by itself; missing; all persons of a table; and, since ranges and pools are cut anew
each time, the ranges, the pool and the cross-tabulations of the *earlier* summary, counted again on the new data
(`generators.summarising.exposing`).

An exposure holds true counts: it stays in the secure zone, and values are in it as keyed hashes only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from generators.atomic import write_parquet
from generators.counts.grouped import Bools, Ints
from generators.errors import InputError
from generators.summary_parts import Distribution, Scalar

FORMAT = 1

PERSONS, MISSING, VALUES = "persons", "missing", "values"
TOGETHER = "(missing together)"
"""What patterns of missing values are called where columns are named: they can be left out like one."""
Keys = npt.NDArray[np.uint64]
_SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        ("column", pa.string()),
        ("part", pa.string()),
        ("key", pa.uint64()),
        ("persons", pa.int64()),
        ("told", pa.bool_()),
    ]
)


class Place(NamedTuple):
    """Where cells are. column: "" for the table itself; part: `PERSONS`, `MISSING`, `VALUES` or the digest of a grouping."""

    table: str
    column: str
    part: str


@dataclass(frozen=True)
class Cells:
    """Cells of one place. keys: ascending; persons: true, one a key; told: whether the figure was released.

    floor: no cell that is not among them has more persons.
    """

    keys: Keys
    persons: Ints
    told: Bools
    floor: int = 0

    def at(self, keys: Keys) -> tuple[Ints, Bools, Bools]:
        """(persons, whether told, whether known) of these keys; of one that is not known, the most it may have."""
        where = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
        known = self.keys[where] == keys if len(self.keys) else np.zeros(len(keys), dtype=np.bool_)
        if not len(self.keys):
            return np.full(len(keys), self.floor), known, known
        return np.where(known, self.persons[where], self.floor), self.told[where] & known, known | (self.floor == 0)


def text_of(value: Any) -> str:
    """One text for a value however it is stored: 5 and 5.0 are the same cell."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Grouping:
    """How the values of a column were put together: all but the `named` ones, cut at `cuts` (a cut belongs to what is above it)."""

    named: tuple[Scalar, ...]
    cuts: tuple[Scalar, ...] = ()

    @staticmethod
    def of(shape: Distribution) -> Grouping:
        return Grouping(tuple(c.value for c in shape.values), tuple(s.low for s in shape.steps[1:]))

    @property
    def digest(self) -> str:
        definition = json.dumps([[text_of(v) for v in self.named], [text_of(v) for v in self.cuts]])
        return hashlib.sha256(definition.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Crossing:
    """How a cross-tabulation was cut: of each axis (column, values, edges), as `generators.counts.axes.Classes` takes them."""

    axes: tuple[tuple[str, tuple[Scalar, ...], tuple[Scalar, ...]], ...]

    @property
    def digest(self) -> str:
        definition = json.dumps([[c, [text_of(v) for v in values], [text_of(e) for e in edges]] for c, values, edges in self.axes])
        return hashlib.sha256(definition.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Exposure:
    """Of one summary. minimum: of its policy; noisy: it told noisy figures, which are charged and not compared.

    units: of every (table, column) that was asked about; groupings, crossings: how this summary put its cells together.
    """

    minimum: int
    noisy: bool = False
    cells: Mapping[Place, Cells] = field(default_factory=dict)
    units: Mapping[tuple[str, str], str] = field(default_factory=dict)
    groupings: Mapping[tuple[str, str], Grouping] = field(default_factory=dict)
    crossings: Mapping[tuple[str, str], Crossing] = field(default_factory=dict)

    def own(self, what: tuple[str, str]) -> str:
        """Digest of how this summary itself put the cells of `what` together; "" when it did not."""
        found = self.groupings.get(what) or self.crossings.get(what)
        return found.digest if found else ""

    def write(self, path: Path) -> None:
        """As one Parquet file that only its owner may read."""
        about = {
            "format": FORMAT,
            "minimum": self.minimum,
            "noisy": self.noisy,
            "units": [[*place, unit] for place, unit in sorted(self.units.items())],
            "groupings": [[*place, list(g.named), list(g.cuts)] for place, g in sorted(self.groupings.items())],
            "crossings": [[*place, c.axes] for place, c in sorted(self.crossings.items())],
            "floors": [[*place, cells.floor] for place, cells in sorted(self.cells.items())],
        }
        schema = _SCHEMA.with_metadata({"exposure": json.dumps(about, ensure_ascii=False)})
        write_parquet(path, schema, self._batches())
        path.chmod(0o600)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for place, cells in sorted(self.cells.items()):
            named = [pa.array([text] * len(cells.keys), pa.string()) for text in place]
            yield pa.RecordBatch.from_arrays(
                [*named, pa.array(cells.keys), pa.array(cells.persons, pa.int64()), pa.array(cells.told)], schema=_SCHEMA
            )

    @staticmethod
    def read(path: Path) -> Exposure:
        """What `write` wrote; InputError for a file that is not one, or of another format."""
        refusal = InputError("what an earlier summary exposed cannot be read: its record is damaged or of another format")
        try:
            table = pq.read_table(path)
            about = json.loads(table.schema.metadata[b"exposure"])
            if about["format"] != FORMAT or not table.schema.equals(_SCHEMA):
                raise refusal
            floors = {Place(*entry[:3]): int(entry[3]) for entry in about["floors"]}
            return Exposure(
                minimum=int(about["minimum"]),
                noisy=bool(about["noisy"]),
                cells=_read_cells(table, floors),
                units={(t, c): unit for t, c, unit in about["units"]},
                groupings={(t, c): Grouping(tuple(named), tuple(cuts)) for t, c, named, cuts in about["groupings"]},
                crossings={
                    (t, c): Crossing(tuple((a, tuple(values), tuple(edges)) for a, values, edges in axes))
                    for t, c, axes in about["crossings"]
                },
            )
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError, AttributeError):
            raise refusal from None


def _read_cells(table: pa.Table, floors: Mapping[Place, int]) -> dict[Place, Cells]:
    """The rows of a place lie together, as they were written."""
    names = [table.column(name).combine_chunks().dictionary_encode() for name in ("table", "column", "part")]
    codes = [np.asarray(n.indices) for n in names]
    keys, persons, told = (table.column(n).to_numpy() for n in ("key", "persons", "told"))
    changes = np.flatnonzero(np.any([c[1:] != c[:-1] for c in codes], axis=0)) + 1 if table.num_rows else np.zeros(0, dtype=np.int64)
    found = {place: Cells(keys[:0], persons[:0], told[:0].astype(np.bool_), floor) for place, floor in floors.items()}
    starts = [0, *changes.tolist(), table.num_rows] if table.num_rows else []
    for first, after in pairwise(starts):
        place = Place(*(n.dictionary[int(c[first])].as_py() for n, c in zip(names, codes, strict=True)))
        part = slice(first, after)
        found[place] = Cells(keys[part], persons[part], told[part].astype(np.bool_), floors[place])
    return found


@dataclass(frozen=True)
class Conflict:
    """Why a summary may not be released beside an earlier one. column "": the table itself. sentence: never a count or a direction."""

    table: str
    column: str
    sentence: str


def conflicts(new: Exposure, earlier: Sequence[Exposure | None]) -> tuple[Conflict, ...]:
    """Where the new summary and an earlier one would together be about too few persons, or where that cannot be told.

    earlier: of every released summary of the source, None for one whose exposure is lost. Compared are cells of which at least one
    of the two figures is released; the larger minimum of the two policies counts. Noise is charged instead, not compared.
    """
    found: dict[tuple[str, str], Conflict] = {}
    for one in earlier:
        if one is None:
            return (Conflict("", "", _LOST),)
        if new.noisy or one.noisy:
            continue
        for conflict in _between(new, one):
            found.setdefault((conflict.table, conflict.column), conflict)
    return tuple(found[key] for key in sorted(found))


_LOST = (
    "What an earlier summary of this dataset exposed is not on record or was changed, so nothing can be compared with it; "
    "ask an administrator to restore the record from a backup"
)
_WAIT = "wait until more of the data has changed"


def _place(table: str, column: str) -> tuple[str, str]:
    """(how a sentence names it, the way out). In brackets is what is counted like a column and cannot be left out by itself."""
    if column == TOGETHER:
        return f'table "{table}", which columns are missing together', f'leave "{table}.{TOGETHER}" out of the summary, or {_WAIT}'
    if column.startswith("("):
        return f'table "{table}", {column[1:-1]}', _WAIT
    return f'table "{table}", column "{column}"', f"leave the column out of the summary, or {_WAIT}"


def _between(new: Exposure, one: Exposure) -> Iterator[Conflict]:
    least = max(new.minimum, one.minimum)
    for place, cells in sorted(one.cells.items()):
        table, column, part = place
        what = (table, column)
        if not column:
            if place in new.cells and _differ(new.cells[place], cells, least):
                yield Conflict(
                    table,
                    "",
                    f'table "{table}": too few persons have come or gone since an earlier summary for their number to be told again; '
                    f"{_WAIT}",
                )
            continue
        if what not in new.units:
            continue  # not asked about: nothing of it is told again
        named, way_out = _place(table, column)
        if part not in (MISSING, VALUES, one.own(what)):
            continue  # a grouping of a still earlier summary, which is compared by itself
        if new.units[what] != one.units.get(what) or place not in new.cells:
            yield Conflict(
                table,
                column,
                f"{named}: it is grouped in another way than in an earlier summary, so it cannot be told "
                f"whether the two together are about too few persons; {way_out}",
            )
        elif _differ(new.cells[place], cells, least):
            yield Conflict(
                table,
                column,
                f"{named}: compared with an earlier summary, its figures would together be about too few persons; {way_out}",
            )


def _differ(new: Cells, old: Cells, least: int) -> bool:
    """Whether a cell that is told in either may differ by 1 … least − 1 persons."""
    keys = np.union1d(new.keys, old.keys)
    now, told_now, known_now = new.at(keys)
    then, told_then, known_then = old.at(keys)
    gap = np.abs(now - then)
    both = known_now & known_then
    # Of one that is not on record only its most is known: anything from none to that.
    unsure = np.where(known_now, now - then, then - now) < least
    few = np.where(both, (gap >= 1) & (gap < least), unsure)
    return bool(np.any(few & (told_now | told_then)))


def figures_by_table(summary: Mapping[str, Any]) -> dict[str, int]:
    """How many figures a summary (as parsed JSON) exposes, by table: everything in it that says persons or rows."""
    return {t["name"]: _figures(t) for t in summary["tables"]} | (
        {"(between tables)": _figures(summary["relationships"])} if summary.get("relationships") else {}
    )


def _figures(part: Any) -> int:
    if isinstance(part, Mapping):
        own = "persons" in part and (part["persons"] is not None or part.get("rows") is not None)
        return int(own) + sum(_figures(v) for v in part.values())
    if isinstance(part, list | tuple):
        return sum(_figures(v) for v in part)
    return 0
