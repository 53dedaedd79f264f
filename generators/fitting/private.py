"""The same fit under differential privacy: every look at the records is charged to one ledger.

A part of the budget buys the numbers of rows and how columns are coded (`generators.learning.private_coding`), the rest the models. Rows
are independent given which hang on which: what they would be given, columns that are functions of others and what a model remembers are
not looked for, since looking costs, and nobody is held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.disclosure import DisclosurePolicy
from generators.encoding.coded import CodedRows
from generators.encoding.table import from_summary
from generators.errors import InputError
from generators.fitting.context import Context, row_parts
from generators.fitting.controls import Controls
from generators.fitting.fitted import TableRecord
from generators.fitting.fitted_table import FittedTable
from generators.fitting.records import issued_columns, read, without_keys
from generators.generating.layout import layout
from generators.learning.choosing import choose
from generators.learning.known import private_generators
from generators.learning.ledger import PrivacyLedger
from generators.learning.model import Learner
from generators.learning.private_coding import private_coding
from generators.learning.watch import Watch
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary


@dataclass(frozen=True)
class Private:
    """What came of it."""

    summary: MetadataSummary
    tables: Mapping[str, FittedTable]
    told: Mapping[str, TableRecord]
    ledger: Mapping[str, Any]
    notes: tuple[str, ...]


def fit_privately(
    name: str,
    learner: type[Learner],
    train: Mapping[str, Path],
    schema: DatasetSchema,
    ledger: PrivacyLedger,
    *,
    seed: int,
    options: Mapping[str, str],
    policy: DisclosurePolicy,
    watch: Watch,
    controls: Controls,
    max_membership: float | None,
    reading: float,
) -> Private:
    """All tables of which the noisy summary tells enough persons. InputError where a generator cannot be private, and what `fit` raises."""
    if not learner.private:
        raise InputError(
            f'"{name}" cannot be fitted with differential privacy; choose {", or ".join(private_generators())}, or leave epsilon, '
            "delta and contributions out"
        )

    def progress(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        watch.tick(reading * fraction, stage)

    summary = private_coding(train, schema, ledger, policy, progress=progress)
    tables: dict[str, FittedTable] = {}
    told: dict[str, TableRecord] = {}
    notes: list[str] = []
    left = [p for p in layout(schema).places.values() if not summary.table(p.name).withheld]
    share = (1 - reading) / max(1, len(left))
    for number, place in enumerate(left):
        figures = summary.table(place.name)
        table = without_keys(place.table, issued_columns(place, schema))
        encoding = from_summary(figures, table)
        if not encoding.parts:
            notes.append(f'table "{place.name}" has nothing but keys, or columns of which nothing could be told: filled with placeholders')
            continue
        # Without a person key every row is another person, whatever is in it; by the keys of others nobody has two rows.
        alone = place.table.counts_by is None or place.table.one_row_each
        part = ledger.part(1 / (len(left) - number), place.name, contributions=1 if alone else None)
        here = read(place, train[place.name])
        context = Context(controls.order(place.name, encoding.parts))
        parts, given = row_parts(context, encoding.parts, ())
        codes = encoding.encode(here.rows.select(table.names))[:, context.order]
        rows = CodedRows(codes, parts, here.persons, given, controls.apart_parts(place.name, parts))
        inner = watch.part(reading + number * share, share, f"learning {place.name}")
        made = choose(
            learner,
            part.guarded(rows, figures.rows or 1),
            seed=seed,
            options=options,
            watch=inner,
            ledger=part,
            max_membership=max_membership,
        )
        watch.out_of_time |= inner.out_of_time
        tables[place.name] = FittedTable(encoding, context, made.model, restricts=learner.restricts)
        told[place.name] = TableRecord(
            rows=figures.rows,
            persons=figures.persons or None,
            options=made.options,
            bound=made.bound,
            stopped="time was up" if made.out_of_time else "",
        )
    for place in layout(schema).places.values():
        if place not in left:
            notes.append(f'table "{place.name}" has too few persons to be learned from: it is filled with placeholders')
    if not tables and left:
        raise InputError(
            "of no column could a value be told with this budget: all may be empty, or rare; allow a larger epsilon, or more persons"
        )
    if not tables:
        raise InputError("with this budget there are too few persons to learn anything: allow a larger epsilon, or choose fewer columns")
    return Private(summary, tables, told, ledger.as_dict(), tuple(notes))
