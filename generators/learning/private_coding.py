"""The figures a private fit needs before it can code a record: the metadata summary, every figure of it charged to the ledger.

As `generators.summarising.private_summary`, but frugal, since most of the budget is the model's: one partition a column with missing values
and sentinels in it, bins that are finer where records are, and the noisy counts are handed on, so that no model pays for them again.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.counts.capped import CappedTable
from generators.counts.column_codes import HOURS, column_codes
from generators.counts.sentinels import sentinel_values
from generators.disclosure import DisclosurePolicy
from generators.errors import DisclosureRefused
from generators.learning.ledger import Known, PrivacyLedger
from generators.learning.private_bins import Bin, Floats, Ints, number_edges, private_bins
from generators.progress import Progress, silent
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from generators.summarising.private_noise import COMPOSITION, Noise
from generators.summarising.public_grids import FIRST_YEAR, LAST_YEAR
from generators.summary import (
    Cell,
    ColumnSummary,
    Distribution,
    MetadataSummary,
    PrivacySpent,
    RelationshipSummary,
    Step,
    TableSummary,
)
from generators.summary_parts import Scalar

MADE_BY = "private coding 1"
SHARE = 1 / 3
"""The part of a budget that buys bins, lists of categories, bounds and numbers of rows; the rest is the model's."""

SELECTION = 0.25
"""The part of δ for category lists that no public list stands in for."""

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def private_coding(
    train: Mapping[str, Path],
    schema: DatasetSchema,
    ledger: PrivacyLedger,
    policy: DisclosurePolicy,
    *,
    share: float = SHARE,
    progress: Progress = silent,
) -> MetadataSummary:
    """A summary of canonical Parquet files that spends `share` of what is left in the ledger; `ledger.known` keeps the noisy counts.

    policy: of its thresholds only `rounding`, `date_unit` and `minimum_table` matter, to noisy counts. DisclosureRefused where no table has
    as many persons, as counted with noise, as it demands.
    """
    key, rho, delta = secrets.token_hex(8), ledger.left * share, ledger.delta * SELECTION
    tables = [t for t in schema.tables if not t.public]
    opened = {t.name: CappedTable.of(t, train[t.name], ledger.contributions, key) for t in tables}
    followed = [(n, k) for n, t in opened.items() if t.schema.counts_by for k in t.schema.foreign_keys if _about(opened, k)]
    weights = sum(_weight(c) for t in tables for c in t.columns if not _absent(t, c)) + _ROWS * (len(tables) + len(followed))
    lists = sum(_listed(c) is None for t in tables for c in t.columns if not _absent(t, c))
    each = rho / weights
    told = []
    for at, table in enumerate(tables):
        progress(f"counting {table.name} with noise", at / len(tables))
        told.append(_Measured(opened[table.name], policy, ledger, each, delta / max(1, lists)).summary())
    if all(s.withheld for s in told):
        raise DisclosureRefused(
            f"every table has, as counted with noise, fewer than {policy.minimum_table:,} persons, the fewest that the disclosure policy "
            f'"{policy.name}" allows to be learned from; it needs more persons, or a larger epsilon'
        )
    together = tuple(_relationship(opened, n, k, ledger, each * _ROWS, policy) for n, k in followed)
    shown = {s.name for s in told if not s.withheld}
    return MetadataSummary(
        policy=policy,
        schema_digest=schema.digest,
        tables=tuple(told),
        made_by=MADE_BY,
        relationships=tuple(r for r in together if r.child in shown and r.parent in shown),
        privacy=PrivacySpent(ledger.spent(), ledger.delta, ledger.contributions, ledger.mechanisms.name, COMPOSITION),
    )


_ROWS = 0.3


def _about(opened: Mapping[str, CappedTable], key: ForeignKey) -> bool:
    return key.parent in opened and opened[key.parent].schema.counts_by is not None


def _absent(table: TableSchema, column: ColumnSchema) -> str:
    if table.tokenised(column) or column.kind is Kind.IDENTIFIER:
        return "identifier"
    return "free text" if column.kind is Kind.FREE_TEXT else ""


def _gridded(column: ColumnSchema) -> bool:
    return column.kind in (Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.DATETIME)


def _weight(column: ColumnSchema) -> float:
    return (1.6 if _gridded(column) else 1.0) + (0.4 if column.kind is Kind.DATETIME else 0.0)


def _listed(column: ColumnSchema) -> tuple[str, ...] | None:
    """The public list of a column's values; () of one that needs none, None where there is none."""
    if _gridded(column):
        return ()
    if column.kind is Kind.TIME:
        return HOURS
    return column.codes or (("false", "true") if column.storage == "bool" else None)


class _Measured:
    """One table. Every figure passes the ledger before anything is decided by it."""

    def __init__(self, table: CappedTable, policy: DisclosurePolicy, ledger: PrivacyLedger, each: float, delta: float) -> None:
        self.table, self.policy, self.ledger, self.each, self.delta = table, policy, ledger, each, delta
        self.schema, self.most = table.schema, float(table.most)

    def summary(self) -> TableSummary:
        persons, rows, each = self._rows()
        self.rows = rows
        if persons < self.policy.minimum_table:
            plain = tuple(ColumnSummary(c.name, c.kind, absent="withheld", format=c.format) for c in self.schema.columns)
            return TableSummary(self.schema.name, persons=0, rows=None, columns=plain, withheld=True)
        columns = tuple(self._column(c) for c in self.schema.columns)
        return TableSummary(self.schema.name, self.policy.rounded(persons), self.policy.rounded(rows), columns, each)

    def _noisy(self, what: str, true: Ints, rho: float, change: float) -> tuple[Ints, float]:
        """Counts with noise, charged; and its standard deviation."""
        scale = change / math.sqrt(2 * rho)
        self.ledger.charge(f"{self.schema.name}: {what}", self.ledger.mechanisms.counts_rho(scale, change))
        return self.ledger.mechanisms.counts(true, scale), scale

    def _rows(self) -> tuple[int, int, Distribution | None]:
        if self.schema.counts_by is None:
            noisy, _ = self._noisy("number of rows", np.array([self.table.kept.sum()]), self.each * _ROWS, 1.0)
            return max(0, int(noisy[0])), max(0, int(noisy[0])), None
        noisy, sd = self._noisy("persons by their number of rows", self.table.rows_each(), self.each * _ROWS, 1.0)
        some = np.where(noisy >= 2 * sd, noisy, 0)
        cells = [Cell(n, self.policy.rounded(int(c)), self.policy.rounded(int(c))) for n, c in enumerate(some, 1) if c > 0]
        return int(some.sum()), int((some * np.arange(1, len(some) + 1)).sum()), Distribution(values=tuple(cells))

    def _cell(self, value: str | int | float, noisy: float) -> Cell | None:
        rows = self.policy.rounded(max(0, round(noisy)))
        return Cell(value, None, rows) if rows > 0 else None

    def _column(self, column: ColumnSchema) -> ColumnSummary:
        absent = _absent(self.schema, column)
        place = ColumnSummary(column.name, str(column.kind), absent=absent, decimals=column.decimals, format=column.format)
        if absent:
            return place
        if column.kind is Kind.INTEGER:
            place = replace(place, decimals=0)
        told = self._grid(place, column) if _gridded(column) else self._categories(place, column)
        return replace(told, absent="withheld", nulls=None, hours=None) if told.distribution.empty else told

    def _categories(self, place: ColumnSummary, column: ColumnSchema) -> ColumnSummary:
        read = column_codes(self.table.path, self.schema.name, column, self.policy.date_unit)
        labels = read.labels or ()
        counts = np.bincount(read.codes[self.table.kept], minlength=read.size + 1)
        present = {label: int(n) for label, n in zip(labels, counts, strict=False) if n}
        missing, public = int(counts[read.size]), _listed(column)
        unit = "hour" if column.kind is Kind.TIME else "value"
        if public is not None:
            true = np.array([*(present.get(p, 0) for p in public), missing], dtype=np.int64)
            noisy, sd = self._noisy(f'values of "{column.name}"', true, self.each, self.most)
            cells = [Cell(p, None, max(1, self.policy.rounded(max(0, int(n))))) for p, n in zip(public, noisy, strict=False)]
            self.ledger.know(self.schema.name, column.name, Known(noisy.astype(float), np.full(len(noisy), sd * sd)))
            distribution = Distribution(values=tuple(cells), unit=unit)
            return replace(place, distribution=distribution, nulls=self._cell("missing", int(noisy[-1]) if noisy[-1] > 2 * sd else 0))
        listed = self._selected(column, {**present, _MISSING: missing} if missing else present)
        nulls = self._cell("missing", listed.pop(_MISSING, 0))
        chosen = [Cell(label, None, max(1, self.policy.rounded(n))) for label, n in sorted(listed.items(), key=lambda x: (-x[1], x[0]))]
        return replace(place, distribution=Distribution(values=tuple(chosen), unit=unit), nulls=nulls)

    def _selected(self, column: ColumnSchema, present: dict[str, int]) -> dict[str, int]:
        """Categories that enough rows have to be told, by discrete Gaussian thresholding, and their noisy counts."""
        # A person's rows may be of as many categories as they are, or of one: the larger of both bounds the change.
        noise = Noise(self.most / math.sqrt(2 * self.each), self.delta)
        rho, delta = noise.selection_cost(self.table.most)
        what = f'{self.schema.name}: list of values of "{column.name}"'
        self.ledger.charge(what, rho, delta=delta, mechanism="discrete Gaussian thresholding")
        return noise.categories(present, self.table.most)

    def _grid(self, place: ColumnSummary, column: ColumnSchema) -> ColumnSummary:
        """A number or date: bins where records are, with missing values and sentinels in the same partition."""
        values = pq.read_table(self.table.path, columns=[column.name], use_threads=False).column(0).filter(pa.array(self.table.kept))
        own = sentinel_values(column, self.schema.name)
        at = pc.fill_null(pc.index_in(values, own.cast(values.type)), -1).to_numpy() if own is not None else np.full(len(values), -1)
        at = np.asarray(at)
        present, hours, dated = np.asarray(pc.is_valid(values).to_numpy()), None, column.kind in (Kind.DATE, Kind.DATETIME)
        if dated:
            micros = pc.fill_null(pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64()), 0).to_numpy()
            months = micros.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) - (FIRST_YEAR - 1970) * 12
            whole = months // _MONTHS[self.policy.date_unit]
            a_decade = 120 // _MONTHS[self.policy.date_unit]
            edges = np.arange((LAST_YEAR - FIRST_YEAR) // 10 + 1, dtype=np.int64) * a_decade
            hours = micros // 3_600_000_000 % 24 if column.kind is Kind.DATETIME else None
            places = 0
        else:
            numbers = pc.fill_null(pc.cast(values, pa.float64()), np.nan).to_numpy()
            present = present & np.isfinite(numbers)
            places = 0 if column.kind is Kind.INTEGER else min(12, column.decimals if column.decimals is not None else 6)
            edges = number_edges(places)
            with np.errstate(over="ignore"):
                whole = (
                    np.clip(np.where(present, numbers, 0.0) * 10.0**places, float(edges[0]), float(edges[-1] - 1)).round().astype(np.int64)
                )
        whole = np.clip(whole, edges[0], edges[-1] - 1)
        inside = present & (at < 0)
        points = np.sort(whole[inside])
        outside = np.array([*((at == n).sum() for n in range(len(column.sentinels))), (~present).sum()], dtype=np.int64)
        apart: list[tuple[Floats, float]] = []

        def look(cells: Ints, share: float) -> tuple[Floats, float]:
            counts = np.diff(np.searchsorted(points, cells)).astype(np.int64)
            noisy, sd = self._noisy(f'bins of "{column.name}"', np.concatenate([counts, outside]), self.each * 1.6 * share, self.most)
            apart.append((noisy[len(counts) :].astype(np.float64), sd))
            return noisy[: len(counts)].astype(np.float64), sd

        bins = private_bins(look, edges, self._about())
        precision = sum(1 / (sd * sd) for _, sd in apart)
        rest = sum((noisy / (sd * sd) for noisy, sd in apart), np.zeros(len(outside))) / precision
        edge = 2 / math.sqrt(precision)
        shown = [n for n in range(len(outside) - 1) if rest[n] >= edge]
        if bins:
            counts = [*(b.count for b in bins), *rest[shown], rest[-1]]
            spread = [*(b.variance for b in bins), *[1 / precision] * (len(shown) + 1)]
            self.ledger.know(self.schema.name, column.name, Known(np.array(counts), np.array(spread)))
        low, high = _dates(self.policy.date_unit) if dated else _numbers(places)
        rounded = self.policy.rounded
        return replace(
            place,
            distribution=Distribution(
                # All as steps, so that codes are in order; a single value is a step that ends where it begins.
                steps=tuple(Step(low(b.low), high(b), None, max(1, rounded(round(b.count)))) for b in bins),
                unit=self.policy.date_unit if dated else "value",
            ),
            nulls=self._cell("missing", float(rest[-1])) if rest[-1] >= edge else None,
            sentinels=tuple(Cell(column.sentinels[n], None, max(1, rounded(round(rest[n])))) for n in shown),
            hours=None if hours is None else self._hours(column, hours[inside]),
        )

    def _about(self) -> int:
        """How many bins the noise bears in a table of two columns: cells of it should stand out from noise."""
        return int(min(32, max(6, 0.4 * math.sqrt(self.rows / self.most * math.sqrt(_whole(self.ledger))))))

    def _hours(self, column: ColumnSchema, hours: Ints) -> Distribution:
        noisy, _ = self._noisy(f'hours of "{column.name}"', np.bincount(hours, minlength=24), self.each * 0.4, self.most)
        return Distribution(
            values=tuple(Cell(h, None, max(1, self.policy.rounded(max(0, int(n))))) for h, n in zip(HOURS, noisy, strict=True)), unit="hour"
        )


_MISSING = "\ue000missing"  # a private character, which no label has; OpenDP ends strings at a null

Label = Callable[[int], Scalar]


def _numbers(places: int) -> tuple[Label, Callable[[Bin], Scalar]]:
    """What the lower and the upper edge of a bin in units of 10^-places are."""

    def written(number: int) -> Scalar:
        return number if places == 0 else round(number / 10**places, places)

    return written, lambda b: written(b.low if b.high == b.low + 1 else b.high)


def _dates(unit: str) -> tuple[Label, Callable[[Bin], Scalar]]:
    """What the first and the last calendar unit of a bin are called."""
    a_year = 12 // _MONTHS[unit]

    def label(number: int) -> str:
        year, within = divmod(number, a_year)
        text = f"{FIRST_YEAR + year:04d}"
        return text if a_year == 1 else f"{text}-Q{within + 1}" if a_year == 4 else f"{text}-{within + 1:02d}"

    return label, lambda b: label(b.high - 1)


def _whole(ledger: PrivacyLedger) -> float:
    return ledger.rho + ledger.left


def _relationship(
    opened: Mapping[str, CappedTable], child: str, key: ForeignKey, ledger: PrivacyLedger, rho: float, policy: DisclosurePolicy
) -> RelationshipSummary:
    """How many rows hang on each, between tables about persons. A person changes at most as many parent rows as count."""
    parent = opened[key.parent]
    change = float(parent.most)
    scale = change / math.sqrt(2 * rho)
    ledger.charge(f"{child}: rows for each row of {key.parent}", ledger.mechanisms.counts_rho(scale, change))
    noisy = ledger.mechanisms.counts(opened[child].children(key, parent), scale)
    some = _not_below_zero(noisy)
    cells = tuple(Cell(n, None, policy.rounded(int(c))) for n, c in enumerate(some) if policy.rounded(int(c)) > 0)
    return RelationshipSummary(child, key.columns, key.parent, policy.rounded(int(some.sum())), Distribution(values=cells))


def _not_below_zero(noisy: Ints) -> Floats:
    """The counts nearest to the noisy ones of which none is below zero and that have the same sum (Norm-Sub: T. Wang and others, Locally
    Differentially Private Frequency Estimation with Consistency, NDSS 2020).

    Leaving out what is no more than noise would leave out numbers of rows that many have, and a table could come out empty.
    """
    ordered = np.sort(noisy)[::-1].astype(np.float64)
    above = (np.cumsum(ordered) - max(0, int(noisy.sum()))) / np.arange(1, len(ordered) + 1)
    return np.maximum(0.0, noisy - above[np.flatnonzero(ordered > above)[-1]]) if noisy.sum() > 0 else np.zeros(len(noisy))
