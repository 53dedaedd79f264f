"""What an evaluation found, as frozen values with a strict JSON form.

`Scope`, `MetricResult`, `Chart` and `Evaluation` hold only aggregates that passed disclosure control. Their JSON is deterministic (no time
stamps, sorted as computed) and holds neither NaN nor infinity: a metric that could not be computed has `value` None and says why.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from generators.errors import InputError

FORMAT = 1
"""Version of the JSON layout; a reader refuses a newer one."""

SCOPES = ("dataset", "table", "column", "pair", "rule", "subgroup", "relationship")
REFERS = "→ "
"""Stands before the table that a key refers to, in the scope of a relationship."""
DIRECTIONS = ("higher", "lower", "half")
AUDIENCES = ("public", "reviewers")


class Incomputable(ValueError):
    """A metric has no value here; the message is one line for a reader and holds no record's value."""


@dataclass(frozen=True)
class Scope:
    """What a figure is about. names: the table, then its column(s), rule or sub-group, or the table it refers to; empty for a dataset."""

    kind: str
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in SCOPES:
            raise InputError(f"a metric's scope must be one of: {', '.join(SCOPES)}")

    @property
    def label(self) -> str:
        """The scope in words: the column's name, "a and b" for a pair, "sex, F" for a group, "whole table" for a table."""
        return (", " if self.kind == "subgroup" else " and ").join(self.names[1:]) or "whole table"


@dataclass(frozen=True)
class MetricResult:
    """One measured number about a synthetic version.

    value: in the metric's own unit; None when it could not be computed (`failed` says why) or is told only as a band (`remark`).
    interval: 95 % confidence interval, where the metric is estimated from a sample.
    floor: the same metric for the naive per-column shuffle of train. ceiling: for the real holdout. None where the twin makes no sense.
    n: synthetic rows (or, for rare values, rare values in train) behind `value`; n_ceiling: the same for the holdout.
    subsampled: how rows or pairs were sampled, when not all were used.
    direction: "higher" or "lower" is better; "half": one half is ideal.
    meaning: what the number says, in plain words. source: where the formula comes from.
    failed: why there is no value. remark: one line about this value (which columns, which band).
    """

    metric: str
    scope: Scope
    value: float | None
    direction: str
    meaning: str
    source: str
    audience: str = "reviewers"
    interval: tuple[float, float] | None = None
    floor: float | None = None
    ceiling: float | None = None
    n: int | None = None
    n_ceiling: int | None = None
    subsampled: str | None = None
    seed: int | None = None
    failed: str | None = None
    remark: str | None = None

    def __post_init__(self) -> None:
        place = f'metric "{self.metric}" of {self.scope.label}'
        if self.direction not in DIRECTIONS:
            raise InputError(f"{place}: direction must be one of: {', '.join(DIRECTIONS)}")
        if self.audience not in AUDIENCES:
            raise InputError(f"{place}: audience must be one of: {', '.join(AUDIENCES)}")
        for number in (self.value, self.floor, self.ceiling, *(self.interval or ())):
            if number is not None and not math.isfinite(number):
                raise InputError(f"{place}: a figure is not finite; give None and a reason instead")
        if self.value is None and self.failed is None and self.remark is None:
            raise InputError(f"{place}: without a value it must say why")


@dataclass(frozen=True)
class ChartTable:
    """The numbers of a chart: column headings, and rows of text and numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]


@dataclass(frozen=True)
class Chart:
    """A Plotly figure of aggregates that passed disclosure control.

    title: the one message. table_name: the table it is about, where there are several.
    figure: Plotly JSON (`data`, `layout`) of plain lists. table: the same numbers. alternative: the chart in words.
    """

    id: str
    title: str
    figure: dict[str, Any]
    table: ChartTable
    alternative: str
    audience: str = "reviewers"
    table_name: str = ""


@dataclass(frozen=True)
class TableFigures:
    """Rows and persons of one table of several, by side, released like those of `Evaluation`."""

    table: str
    rows: dict[str, int | None]
    persons: dict[str, int | None]


@dataclass(frozen=True)
class Evaluation:
    """Everything found about one synthetic table, or about a dataset of several.

    tables: of a dataset of several tables, the figures of each; every result then names its table first, and `table` names all of them.
    rows, persons: by side ("train", "holdout", "synthetic"), released under the policy: rounded, None when suppressed; the synthetic
    table's own are exact. policy: the `DisclosurePolicy` as a dict. versions: library versions that computed it.
    notes: what a reader must know (columns left out, sampling, defects of the input). tier: set when made public for a tier.
    """

    table: str
    results: tuple[MetricResult, ...]
    charts: tuple[Chart, ...]
    rows: dict[str, int | None]
    persons: dict[str, int | None]
    versions: dict[str, str]
    seed: int
    policy: dict[str, Any]
    audience: str = "reviewers"
    tier: str | None = None
    notes: tuple[str, ...] = ()
    format: int = field(default=FORMAT)
    tables: tuple[TableFigures, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The tables evaluated, one or several."""
        return tuple(t.table for t in self.tables) or (self.table,)

    def figures(self, table: str) -> TableFigures:
        """Rows and persons of one of the tables; InputError when it was not evaluated."""
        for figures in self.tables or (TableFigures(self.table, self.rows, self.persons),):
            if figures.table == table:
                return figures
        raise InputError(f'the evaluation has no table "{table}"; it has: {", ".join(self.names)}')

    def part(self, table: str) -> Evaluation:
        """The evaluation of one table by itself, without what is about relationships; the whole where there is one table."""
        figures = self.figures(table)
        if not self.tables:
            return self
        results = tuple(r for r in self.results if r.scope.kind != "relationship" and r.scope.names[:1] == (table,))
        charts = tuple(c for c in self.charts if c.table_name == table)
        return replace(self, table=table, results=results, charts=charts, rows=figures.rows, persons=figures.persons, tables=())

    def find(self, metric: str, *names: str, table: str | None = None) -> MetricResult | None:
        """The result of `metric`: for the whole table, or for the named column, pair of columns or rule; None when there is none.

        table: which, where there are several; else the first.
        """
        wanted = table or self.names[0]
        found = (r for r in self.results if r.metric == metric and r.scope.names == (wanted, *names))
        return next(found, None)

    def of(self, metric: str, scope: str | None = None) -> tuple[MetricResult, ...]:
        """All results of `metric`, of one kind of scope when given."""
        return tuple(r for r in self.results if r.metric == metric and scope in (None, r.scope.kind))

    def as_dict(self) -> dict[str, Any]:
        """As plain values; what only datasets of several tables have is left out where it is empty."""
        raw = asdict(self)
        for part, name in ((raw, "tables"), *((chart, "table_name") for chart in raw["charts"])):
            if not part[name]:
                del part[name]
        return raw

    def to_json(self) -> str:
        """Readable JSON, the same bytes for the same evaluation; ValueError on NaN or infinity in a chart."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str) -> Evaluation:
        """Read what `to_json` wrote; InputError names what is wrong."""
        try:
            raw = json.loads(text, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            raise InputError(f"the evaluation is not JSON (line {error.lineno}, column {error.colno})") from None
        return Evaluation.from_dict(raw)

    @staticmethod
    def from_dict(raw: Any) -> Evaluation:
        """As `from_json`, from parsed JSON."""
        values = _fields(Evaluation, raw, "the evaluation")
        if values["format"] != FORMAT:
            raise InputError(f"the evaluation has format {values['format']!r}; this program reads format {FORMAT}")
        values["results"] = tuple(_result(r) for r in values["results"])
        values["charts"] = tuple(_chart(c) for c in values["charts"])
        values["notes"] = tuple(values["notes"])
        values["tables"] = tuple(TableFigures(**_fields(TableFigures, t, "a table's figures")) for t in values.get("tables", ()))
        return Evaluation(**values)


def _refuse_constant(name: str) -> Any:
    raise InputError(f"the evaluation holds {name}, which is not a number in JSON")


def _fields(kind: type, raw: Any, place: str) -> dict[str, Any]:
    """`raw` as keyword arguments of the dataclass `kind`: every field there, and no other."""
    if not isinstance(raw, Mapping):
        raise InputError(f"{place} must be an object")
    names = [f.name for f in fields(kind)]
    unknown, missing = sorted(set(raw) - set(names)), [n for n in names if n not in raw and n not in ("tables", "table_name")]
    if unknown or missing:
        raise InputError(
            f"{place}: " + "; ".join(f"{w} field {', '.join(f)}" for w, f in (("unknown", unknown), ("missing", missing)) if f)
        )
    return dict(raw)


def _result(raw: Any) -> MetricResult:
    values = _fields(MetricResult, raw, "a metric result")
    scope = _fields(Scope, values["scope"], "a metric's scope")
    values["scope"] = Scope(scope["kind"], tuple(scope["names"]))
    for name in ("value", "floor", "ceiling"):
        if isinstance(values[name], bool) or not isinstance(values[name], (int, float, type(None))):
            raise InputError(f'metric "{values["metric"]}": {name} must be a number or null')
    if values["interval"] is not None:
        low, high = values["interval"]
        values["interval"] = (low, high)
    return MetricResult(**values)


def _chart(raw: Any) -> Chart:
    values = _fields(Chart, raw, "a chart")
    table = _fields(ChartTable, values["table"], "a chart's table")
    values["table"] = ChartTable(tuple(table["columns"]), tuple(tuple(row) for row in table["rows"]))
    return Chart(**values)
