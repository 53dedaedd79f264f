"""A summary checked again from what is in it alone, as a reviewer's checklist of the metadata does: thresholds, rounding, and
values that should not be among what is released. Who made it, and how, is not trusted here.

Source: NHS England's artificial data generator, the automatic part of its metadata review.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from generators.profiling.identifiers import looks_like_identifier, named_identifier
from generators.schema import DatasetSchema, Kind, Role
from generators.summary import OTHER, Distribution, MetadataSummary, Scalar, TableSummary

LONGEST, MOST_WORDS = 100, 12
"""Characters and words of a value, beyond which it is more like free text than like a category."""

_UNITS = {"month": r"\d{4,}-\d{2}", "quarter": r"\d{4,}-Q[1-4]", "year": r"\d{4,}", "hour": r"\d{2}"}
_DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4})(?!\d)")
_TITLED = re.compile(r"\b(mr|mrs|ms|miss|master|dr|prof|sister|nurse)\.? [A-Z][\w'-]+", re.IGNORECASE)
_REVERSED = re.compile(r"[A-Z][\w'-]+, (mr|mrs|ms|miss|dr)\b\.?", re.IGNORECASE)


@dataclass(frozen=True)
class Assertion:
    """One check. sentence: what holds, or what is wrong, without a value; places: "table.column" where it does not hold."""

    name: str
    passed: bool
    sentence: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Figure:
    place: str
    persons: int | None
    rows: int | None


@dataclass(frozen=True)
class _Shape:
    """A distribution and where it is. edges: whether its numbers and dates are those of the column itself."""

    place: str
    kind: str
    shape: Distribution
    decimals: int | None = None


def assertions(summary: MetadataSummary, schema: DatasetSchema | None = None) -> tuple[Assertion, ...]:
    """Every check, in a fixed order. schema: the de-identified schema it was made of, where that is at hand."""
    checks = [*_CHECKS.items(), *((("schema", _OF_SCHEMA),) if schema is not None else ())]
    return tuple(_assertion(name, holds, wrong, broken(summary, schema)) for name, (holds, wrong, broken) in checks)


def _assertion(name: str, holds: str, wrong: str, broken: Iterator[str]) -> Assertion:
    places = tuple(dict.fromkeys(broken))
    named = [p for p in places if p]
    shown = f": {', '.join(named[:10])}" + (f" and {len(named) - 10} more" if len(named) > 10 else "") if named else ""
    return Assertion(name, not places, holds if not places else f"{wrong}{shown}.", tuple(named))


def _shapes(summary: MetadataSummary) -> Iterator[_Shape]:
    for table in summary.tables:
        for column in table.columns:
            place = f"{table.name}.{column.name}"
            yield _Shape(place, column.kind, column.distribution, column.decimals)
            if column.hours is not None:
                yield _Shape(place, "hour", column.hours)
        if table.rows_per_person is not None:
            yield _Shape(table.name, "count", table.rows_per_person, 0)
    for told in summary.relationships:
        yield _Shape(f"{told.child}.{'+'.join(told.columns)}", "count", told.children, 0)


def _figures(summary: MetadataSummary) -> Iterator[_Figure]:
    for shaped in _shapes(summary):
        shape = shaped.shape
        for part in (*shape.values, *shape.steps, *shape.rolled, *((shape.other,) if shape.other else ())):
            yield _Figure(shaped.place, part.persons, part.rows)
    for table in summary.tables:
        if not table.withheld:
            yield _Figure(table.name, table.persons, table.rows)
        for column in table.columns:
            for cell in (*column.sentinels, *((column.nulls,) if column.nulls else ())):
                yield _Figure(f"{table.name}.{column.name}", cell.persons, cell.rows)
        for pattern in table.missing:
            yield _Figure(table.name, pattern.persons, pattern.rows)
        for crossed in table.cross_tabulations:
            for crossing in crossed.cells:
                yield _Figure(f"{table.name}.{'×'.join(a.column for a in crossed.axes)}", crossing.persons, crossing.rows)
    for told in summary.relationships:
        place = f"{told.child}.{'+'.join(told.columns)}"
        yield _Figure(place, None, told.parents)
        if told.nulls is not None:
            yield _Figure(place, told.nulls.persons, told.nulls.rows)


def _counts(figure: _Figure) -> Iterator[int]:
    yield from (count for count in (figure.persons, figure.rows) if count is not None)


def _minimum(summary: MetadataSummary) -> Iterator[str]:
    least = summary.policy.rounded(summary.policy.minimum)
    yield from (f.place for f in _figures(summary) if any(count < least for count in _counts(f)))


def _rounding(summary: MetadataSummary) -> Iterator[str]:
    yield from (f.place for f in _figures(summary) if any(count % summary.policy.rounding for count in _counts(f)))


def _tables(summary: MetadataSummary) -> Iterator[str]:
    least = summary.policy.rounded(summary.policy.minimum_table)
    for table in summary.tables:
        if table.withheld:
            told = table.rows is not None or table.persons or table.rows_per_person or table.missing or table.cross_tabulations
            if told or any(not c.absent for c in table.columns):
                yield table.name
        elif table.persons < least:
            yield table.name


def _parts(summary: MetadataSummary) -> Iterator[str]:
    whole = {t.name: t for t in summary.tables}
    for figure in _figures(summary):
        table = next((t for name, t in whole.items() if figure.place == name or figure.place.startswith(f"{name}.")), None)
        if table is None or figure.persons is None or table.withheld:
            continue
        # Persons who have children are those of the parent, which may be more than the child's: only the table's own figures count here.
        own = figure.place == table.name or any(figure.place == f"{table.name}.{c.name}" for c in table.columns)
        related = any(figure.place == f"{r.child}.{'+'.join(r.columns)}" for r in summary.relationships)
        if own and not related and figure.persons > table.persons:
            yield figure.place


def _absent(summary: MetadataSummary, schema: DatasetSchema | None) -> Iterator[str]:
    for table in summary.tables:
        for column in table.columns:
            place = f"{table.name}.{column.name}"
            told = not column.distribution.empty or column.nulls or column.hours or column.sentinels or column.magnitude
            if (column.absent or column.kind in (Kind.IDENTIFIER, Kind.FREE_TEXT)) and told:
                yield place
        if schema is not None and table.name in {t.name for t in schema.tables}:
            yield from _told_identifiers(table, schema)


def _told_identifiers(table: TableSummary, schema: DatasetSchema) -> Iterator[str]:
    confirmed = schema.table(table.name)
    for column in table.columns:
        known = next((c for c in confirmed.columns if c.name == column.name), None)
        if known is not None and not column.absent and (known.role is Role.DIRECT_IDENTIFIER or confirmed.tokenised(known)):
            yield f"{table.name}.{column.name}"


def _released(summary: MetadataSummary) -> Iterator[tuple[str, Scalar]]:
    """Every single value that is released, and where."""
    for shaped in _shapes(summary):
        if shaped.kind not in ("count", "hour"):
            yield from ((shaped.place, c.value) for c in shaped.shape.values)
    for table in summary.tables:
        for crossed in table.cross_tabulations:
            for axis in crossed.axes:
                yield from ((f"{table.name}.{axis.column}", label) for label in axis.labels if not axis.edges and label != OTHER)


def _values(summary: MetadataSummary, wrong: Callable[[str], bool]) -> Iterator[str]:
    yield from (place for place, value in _released(summary) if wrong(str(value).strip()))


def _long(text: str) -> bool:
    return len(text) > LONGEST or len(text.split()) > MOST_WORDS or "\n" in text


def _dates(summary: MetadataSummary) -> Iterator[str]:
    allowed = {"month": ("month", "quarter", "year"), "quarter": ("quarter", "year"), "year": ("year",)}[summary.policy.date_unit]
    for shaped in _shapes(summary):
        shape = shaped.shape
        values = [*(c.value for c in shape.values), *(e for s in shape.steps for e in (s.low, s.high))]
        if shaped.kind in (Kind.DATE, Kind.DATETIME):
            units = allowed
        elif shaped.kind in (Kind.TIME, "hour"):
            units = ("hour",)
        else:
            if any(_DAY.search(v) for v in values if isinstance(v, str)):
                yield shaped.place
            continue
        if not shape.empty and (shape.unit not in units or not all(re.fullmatch(_UNITS[shape.unit], str(v)) for v in values)):
            yield shaped.place


def _names(summary: MetadataSummary) -> Iterator[str]:
    for table in summary.tables:
        for column in table.columns:
            if not column.absent and named_identifier(column.name) is not None:
                yield f"{table.name}.{column.name}"
    yield from _values(summary, lambda text: bool(_TITLED.match(text) or _REVERSED.match(text)))


def _precision(summary: MetadataSummary) -> Iterator[str]:
    for shaped in _shapes(summary):
        steps = shaped.shape.steps
        edges: Sequence[Scalar] = [e for s in steps for e in (s.low, s.high)]
        if any(isinstance(e, float) and not _plain(e, shaped.decimals) for e in edges):
            yield shaped.place
        elif any(_greater(one, other) for one, other in pairwise(edges)):
            yield shaped.place


def _plain(edge: float, decimals: int | None) -> bool:
    """At most the column's decimals; six significant digits where it has no fixed number of them."""
    number = Decimal(repr(edge))
    if decimals is not None:
        exponent = number.normalize().as_tuple().exponent
        return not isinstance(exponent, int) or -exponent <= decimals
    return len(number.normalize().as_tuple().digits) <= 6


def _greater(one: Scalar, other: Scalar) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return str(one) > str(other)
    return one > other


def _noise(summary: MetadataSummary) -> Iterator[str]:
    spent, policy = summary.privacy, summary.policy
    if (spent is not None) != policy.noisy:
        yield ""
    elif spent is not None and (
        spent.unit != "person"
        or spent.contributions != policy.contributions
        or not 0 < spent.epsilon <= (policy.epsilon or 0.0)
        or not 0 <= spent.delta <= (policy.delta or 0.0)
        or not (spent.mechanism and spent.composition)
    ):
        yield ""


def _schema(summary: MetadataSummary, schema: DatasetSchema | None) -> Iterator[str]:
    if schema is None:
        return
    if summary.schema_digest != schema.digest:
        yield ""
    known = {(t.name, c.name): str(c.kind) for t in schema.tables if not t.public for c in t.columns}
    for table in summary.tables:
        for column in table.columns:
            if known.get((table.name, column.name)) != column.kind:
                yield f"{table.name}.{column.name}"


def _training(summary: MetadataSummary) -> Iterator[str]:
    if summary.counts != "train only":
        yield ""


_Check = tuple[str, str, Callable[[MetadataSummary, DatasetSchema | None], Iterator[str]]]
_CHECKS: dict[str, _Check] = {
    "minimum": (
        "Every figure is about at least the policy's minimum.",
        "Figures below the policy's minimum",
        lambda summary, _: _minimum(summary),
    ),
    "rounding": (
        "Every count is rounded as the policy says.",
        "Counts that are not rounded as the policy says",
        lambda summary, _: _rounding(summary),
    ),
    "table size": (
        "No table of too few people is told of.",
        "Tables of too few people, or withheld and told of",
        lambda summary, _: _tables(summary),
    ),
    "parts": (
        "No part is larger than its whole.",
        "Parts that are larger than the table",
        lambda summary, _: _parts(summary),
    ),
    "identifiers": (
        "Nothing observed of identifiers and free text leaves.",
        "Contents of identifiers or free text",
        _absent,
    ),
    "identifier-like values": (
        "No value looks like an NHS number, e-mail address, postcode or telephone number.",
        "Values that look like an NHS number, e-mail address, full postcode or telephone number",
        lambda summary, _: _values(summary, looks_like_identifier),
    ),
    "exact dates": (
        "No date is finer than the policy's unit.",
        "Dates that are finer than the policy's unit",
        lambda summary, _: _dates(summary),
    ),
    "names": (
        "No value looks like a person's name, and no column is called like an identifier.",
        "Values that look like a person's name, or of a column that is called like an identifier",
        lambda summary, _: _names(summary),
    ),
    "free text": (
        "No value is as long as free text.",
        "Values that are as long as free text",
        lambda summary, _: _values(summary, _long),
    ),
    "precision": (
        "No edge of a range is more precise than the column.",
        "Edges of ranges that are more precise than the column, or out of order",
        lambda summary, _: _precision(summary),
    ),
    "training part": (
        "Only the training part was counted.",
        "It does not say that only the training part was counted",
        lambda summary, _: _training(summary),
    ),
    "noise": (
        "Noise and what it spends agree with the policy.",
        "Noise and what it spends do not agree with the policy",
        lambda summary, _: _noise(summary),
    ),
}
_OF_SCHEMA: _Check = (
    "It is of the confirmed schema.",
    "It is not of the confirmed schema, which has no such tables, columns or kinds",
    _schema,
)
