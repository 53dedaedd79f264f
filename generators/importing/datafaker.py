"""Projects of UCLH's datafaker: its `orm.yaml`, `config.yaml` and `src-stats.yaml` as schema, metadata summary and mechanism.

Formats: https://datafaker.readthedocs.io (orm.yaml describes tables; config.yaml names, column by column, the function that makes values
and the query results it is given; src-stats.yaml holds those results). No function named there is ever run. What cannot be carried over
is listed: by table and column, and of values how many, never which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.importing.datafaker_stats import kept_values, missing_patterns, spread
from generators.importing.datafaker_tables import tables_of
from generators.importing.yaml_files import read_yaml
from generators.mechanism import Mechanism
from generators.registry import mechanism_for
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summary import Cell, ColumnSummary, Distribution, MetadataSummary, MissingPattern, TableSummary

COUNTS = "rows as datafaker counted them; persons were not counted"
"""What stands in such a summary in place of "train only": a reviewer is told."""

MADE_BY = "import-datafaker 1"

_REFERENCE = re.compile(r"""SRC_STATS\[["']([^"']+)["']\](?:\[["']results["']\])?(?:\[(\d+)\])?(?:\[["']([^"']+)["']\])?""")
_SPREADS = {"dist_gen.normal": "normal", "dist_gen.uniform_ms": "uniform_ms", "dist_gen.lognormal": "lognormal"}


@dataclass(frozen=True)
class Left:
    """Something that was not carried over. column "": the table; table "": the project."""

    table: str
    column: str
    what: str

    def __str__(self) -> str:
        place = f"{self.table}.{self.column}" if self.column else self.table
        return f"{place}: {self.what}" if place else self.what


@dataclass(frozen=True)
class ImportedProject:
    """schema: as the source has it, keys included; summary and mechanism: of `schema.deidentified()`; left: what was not carried over."""

    schema: DatasetSchema
    summary: MetadataSummary
    mechanism: Mechanism
    left: tuple[Left, ...]

    def report(self) -> str:
        """A page for people."""
        policy = self.summary.policy
        head = (
            "What was imported from datafaker\n\n"
            f"Figures of at least {policy.minimum} rows were kept and rounded to {policy.rounding} (policy {policy.name}).\n"
            "datafaker's results count rows, not persons: how many persons stand behind a figure is not known.\n"
            "Have it reviewed with that in mind, or summarise the source itself.\n\n"
            "Not carried over:\n"
        )
        return head + "".join(f"- {line}\n" for line in self.left)


def import_project(orm: Path, config: Path, stats: Path | None, policy: DisclosurePolicy) -> ImportedProject:
    """Read a project. Without `stats` nothing observed is carried over. InputError says which file is not what it should be, and where."""
    shapes, settings = _mapping(read_yaml(orm), orm), _mapping(read_yaml(config), config)
    results = _mapping(read_yaml(stats), stats) if stats is not None else {}
    left: list[Left] = []
    made = _Import(policy, results, stats.name if stats is not None else "src-stats.yaml", left)
    schema = tables_of(shapes, settings, orm.name, config.name, lambda table, column, what: left.append(Left(table, column, what)))
    chosen = settings.get("tables") or {}
    schema = replace(schema, tables=tuple(made.typed(t, chosen.get(t.name) or {}, config.name) for t in schema.tables))
    kept = schema.deidentified()
    summary = MetadataSummary(
        policy=policy,
        schema_digest=kept.digest,
        tables=tuple(made.table(t) for t in kept.tables if not t.public),
        made_by=MADE_BY,
        counts=COUNTS,
    )
    if settings.get("story_generators"):
        left.append(Left("", "", "story generators: programs of the project, which are not run"))
    for name in results:
        if name not in made.used:
            left.append(Left("", "", f'result "{name}": no column uses it in a way that is known here'))
    return ImportedProject(schema, summary, mechanism_for("marginal", kept, summary), tuple(left))


def _mapping(value: Any, file: Path) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{file.name} is not what datafaker writes: it should be names with values")
    return value


@dataclass
class _Use:
    """How a column is made: the function and what it is given."""

    function: str
    given: Mapping[str, Any]


@dataclass
class _Import:
    """The project while it is read."""

    policy: DisclosurePolicy
    results: Mapping[str, Any]
    file: str
    left: list[Left]
    used: set[str] = field(default_factory=set)
    uses: dict[tuple[str, str], _Use] = field(default_factory=dict)
    patterns: dict[str, tuple[tuple[MissingPattern, ...], dict[str, int], int]] = field(default_factory=dict)

    def typed(self, table: TableSchema, chosen: Any, file: str) -> TableSchema:
        """The table, with texts that are chosen from a list as categories; what makes its columns is noted."""
        if not isinstance(chosen, dict):
            raise InputError(f'{file}: "tables", "{table.name}": names with values are expected')
        for entry in _entries(chosen, "row_generators", table.name, file):
            self.note(table, entry, file)
        for entry in _entries(chosen, "missingness_generators", table.name, file):
            self.note_missing(table, entry)
        return replace(table, columns=tuple(self.kind(table, c) for c in table.columns))

    def note(self, table: TableSchema, entry: Mapping[str, Any], file: str) -> None:
        assigned = entry.get("columns_assigned")
        names = [assigned] if isinstance(assigned, str) else assigned if isinstance(assigned, list) else []
        function, given = str(entry.get("name", "")), entry.get("kwargs") or {}
        if not names or not all(isinstance(n, str) for n in names) or not isinstance(given, dict):
            raise InputError(f'{file}: "tables", "{table.name}": a row generator lacks "columns_assigned", or its "kwargs" are no mapping')
        for name in names:
            if name not in table.names:
                raise InputError(f'{file}: "tables", "{table.name}": a row generator names column "{name}", which the table lacks')
            if len(names) > 1:
                self.left.append(
                    Left(table.name, name, f"made together with other columns by {_short(function)}; relations are not carried over")
                )
            else:
                self.uses[table.name, name] = _Use(function, given)

    def note_missing(self, table: TableSchema, entry: Mapping[str, Any]) -> None:
        given = entry.get("kwargs")
        found = self.result(given.get("patterns") if isinstance(given, dict) else None)
        if found is None:
            self.left.append(Left(table.name, "", "patterns of missing values: their counts are not in the results"))
            return
        names = [c.name for c in table.columns if c.nullable]
        patterns, nulls, dropped, rows = missing_patterns(found, names, self.policy)
        self.patterns[table.name] = patterns, nulls, rows
        if dropped:
            self.left.append(Left(table.name, "", f"{dropped} pattern(s) of missing values in fewer than {self.policy.minimum} rows"))

    def kind(self, table: TableSchema, column: ColumnSchema) -> ColumnSchema:
        use = self.uses.get((table.name, column.name))
        if column.kind is Kind.FREE_TEXT and use is not None and self.choice(use) is not None:
            return replace(column, kind=Kind.CATEGORICAL)
        return column

    def result(self, reference: Any) -> list[Any] | None:
        """The results that "SRC_STATS[…]" refers to."""
        found = _REFERENCE.match(reference) if isinstance(reference, str) else None
        if found is None or found.group(1) not in self.results:
            return None
        self.used.add(found.group(1))
        held = self.results[found.group(1)]
        held = held.get("results") if isinstance(held, dict) else held
        if not isinstance(held, list):
            raise InputError(f'{self.file}: "{found.group(1)}" should hold a list of results')
        return held

    def figure(self, reference: Any) -> Any:
        """The one figure that "SRC_STATS[…][0][…]" refers to."""
        held = self.result(reference)
        found = _REFERENCE.match(reference) if isinstance(reference, str) else None
        row = held[int(found.group(2) or 0)] if held and found and int(found.group(2) or 0) < len(held) else None
        return row.get(found.group(3)) if found and isinstance(row, dict) else None

    def choice(self, use: _Use) -> tuple[list[Any], str, str] | None:
        """The results with values and counts that a column is chosen from, and what they are called there."""
        if use.function == "dist_gen.weighted_choice":
            held = self.result(use.given.get("a"))
            return None if held is None else (held, "value", "count")
        if use.function.endswith("sql_group_by_provider.sample"):
            held = self.result(use.given.get("group_by_result"))
            value, count = (str(use.given.get(k, "")).strip("\"' ") for k in ("value_columns", "weights_column"))
            return None if held is None else (held, value, count)
        return None

    def rows(self, table: TableSchema) -> int:
        """Rows the results show the table to have, at least."""
        shown = [self.patterns[table.name][2]] if table.name in self.patterns else [0]
        for column in table.columns:
            use = self.uses.get((table.name, column.name))
            found = self.choice(use) if use else None
            if found is not None:
                shown.append(kept_values(*found, column, self.policy)[2])
        counted = self.results.get(f"auto__{table.name}")
        counted = counted.get("results") if isinstance(counted, dict) else counted
        if isinstance(counted, list) and counted and isinstance(counted[0], dict) and isinstance(counted[0].get("count"), int):
            shown.append(int(counted[0]["count"]))
        return max(shown)

    def table(self, table: TableSchema) -> TableSummary:
        rows = self.rows(table)
        patterns, nulls, _ = self.patterns.get(table.name, ((), {}, 0))
        kept = {c.name for c in table.columns}
        return TableSummary(
            name=table.name,
            persons=0,  # nobody counted them: see `COUNTS`
            rows=self.policy.released(rows),
            columns=tuple(self.column(table, c, rows, nulls.get(c.name, 0)) for c in table.columns),
            missing=tuple(p for p in patterns if set(p.columns) <= kept),
        )

    def column(self, table: TableSchema, column: ColumnSchema, rows: int, nulls: int) -> ColumnSummary:
        place = ColumnSummary(column.name, str(column.kind), decimals=column.decimals, format=column.format)
        if column.kind is Kind.IDENTIFIER:
            return replace(place, absent="identifier")
        use = self.uses.get((table.name, column.name))
        if column.kind is Kind.FREE_TEXT:
            if use is not None:
                self.left.append(Left(table.name, column.name, self.why_not(use)))
            return replace(place, absent="free text")
        shape = self.distribution(table, column, use, rows)
        if shape.empty:
            return replace(place, absent="withheld")
        missing = self.policy.released(nulls)
        return replace(place, distribution=shape, nulls=None if missing is None else Cell("missing", None, missing))

    def distribution(self, table: TableSchema, column: ColumnSchema, use: _Use | None, rows: int) -> Distribution:
        if use is None:
            self.left.append(Left(table.name, column.name, "no generator is given for it"))
            return Distribution()
        found = self.choice(use)
        if found is not None:
            shape, dropped, _ = kept_values(*found, column, self.policy)
            if dropped:
                self.left.append(Left(table.name, column.name, f"{dropped} value(s) of fewer than {self.policy.minimum} rows"))
            return shape
        if use.function in _SPREADS and column.kind in (Kind.INTEGER, Kind.REAL):
            mean = self.figure(use.given.get("mean", use.given.get("logmean")))
            deviation = self.figure(use.given.get("sd", use.given.get("logsd")))
            shape = spread(_SPREADS[use.function], mean, deviation, rows, column, self.policy)
            if shape.empty:
                few = "mean and standard deviation: of how many rows is not known, or too few, or they are no numbers"
                self.left.append(Left(table.name, column.name, few))
            return shape
        self.left.append(Left(table.name, column.name, self.why_not(use)))
        return Distribution()

    def why_not(self, use: _Use) -> str:
        held = self.result(use.given.get("a"))
        if held is not None:
            return f"{len(held)} value(s) without counts: nobody can tell how many rows have them"
        return f"values made by {_short(use.function)}, from nothing observed that is known here"


def _entries(chosen: Mapping[str, Any], name: str, table: str, file: str) -> Iterator[Mapping[str, Any]]:
    listed = chosen.get(name) or []
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise InputError(f'{file}: "tables", "{table}": "{name}" should be a list of generators')
    yield from listed


def _short(function: str) -> str:
    """The name of a function, if it is one."""
    return function if re.fullmatch(r"[\w.]{1,80}", function) else "a function"
