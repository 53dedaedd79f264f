"""Whether code written against a release would fit a real table: names, kinds, formats, codes. Runs where the real table is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from generators.engine import engine
from generators.reading.canonical import misfits
from generators.reading.dataset import Dataset, TableFile
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema

_NUMBERS = {Kind.INTEGER, Kind.REAL}


@dataclass(frozen=True)
class Mismatch:
    """One way in which the data differ from the release.

    level: "mismatch" (code written against the release may fail) or "note" (it will not); sentence: for a person, never a value.
    """

    table: str
    column: str | None
    level: Literal["mismatch", "note"]
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def conform(dataset: Dataset, schema: DatasetSchema) -> tuple[Mismatch, ...]:
    """Compare real data with the `schema` of a release (its schema.json); the data fit when no result has level "mismatch".

    dataset: as `read_dataset` gave it, with its own proposed schema. Every value is tried against kind, format and codes.
    Columns that only the data have are notes (a release leaves direct identifiers out); columns only the release has are mismatches.
    Keys are compared by presence: a release re-issues them. A lone table is compared with a lone table whatever their names.
    """
    return tuple(_compared(dataset, schema))


def fits(mismatches: tuple[Mismatch, ...]) -> bool:
    """Whether none of the results is a mismatch."""
    return all(m.level == "note" for m in mismatches)


def _compared(dataset: Dataset, schema: DatasetSchema) -> Iterator[Mismatch]:
    files = {t.name: t for t in dataset.tables}
    if len(files) == 1 and len(schema.tables) == 1:
        file, table = dataset.tables[0], schema.tables[0]
        if file.name != table.name:
            yield Mismatch(
                table.name, None, "note", f'table "{file.name}" of the data is compared with table "{table.name}" of the release'
            )
        yield from _table(file, dataset.schema.table(file.name), table)
        return
    for table in schema.tables:
        if table.name in files:
            yield from _table(files[table.name], dataset.schema.table(table.name), table)
        else:
            yield Mismatch(table.name, None, "mismatch", f'the data have no table "{table.name}"')
    for name in files:
        if name not in {t.name for t in schema.tables}:
            yield Mismatch(name, None, "note", f'table "{name}" of the data is not in the release')


def _table(file: TableFile, real: TableSchema, release: TableSchema) -> Iterator[Mismatch]:
    place = f'of table "{file.name}"'
    by_folded = {n.casefold(): n for n in real.names}
    for column in release.columns:
        if column.name in real.names:
            continue
        other = by_folded.get(column.name.casefold())
        if other:
            yield Mismatch(file.name, column.name, "mismatch", f'column "{column.name}" is spelt "{other}" in the data')
        else:
            yield Mismatch(file.name, column.name, "mismatch", f'the data have no column "{column.name}" {place}')
    for name in real.names:
        if name not in release.names and name.casefold() not in {n.casefold() for n in release.names}:
            yield Mismatch(file.name, name, "note", f'column "{name}" {place} is not in the release')
    wanted = [_wanted(real.column(c.name), c) for c in release.columns if c.name in real.names]
    with engine(file.path.parent, f'table "{file.name}"') as connection:
        for misfit in misfits(connection, file.path, real, replace(release, columns=tuple(wanted))):
            yield Mismatch(file.name, misfit.column, "mismatch", misfit.sentence(file.name))
    for column in release.columns:
        if column.name in real.names:
            yield from _forms(file.name, real.column(column.name), column)


def _wanted(real: ColumnSchema, release: ColumnSchema) -> ColumnSchema:
    """What the values are tried against: not a key's spelling, and not a format the data's file type has no place for."""
    if release.kind is Kind.IDENTIFIER:
        return replace(real, nullable=release.nullable, unique=release.unique, codes=None)
    if release.kind in (Kind.DATE, Kind.DATETIME):
        # whether the dates are written alike is said once for the column, not value by value
        return replace(release, format=real.format, unique=False)
    return replace(release, unique=False)


def _forms(table: str, real: ColumnSchema, release: ColumnSchema) -> Iterator[Mismatch]:
    place = f'column "{real.name}" of table "{table}"'
    temporal = release.kind in (Kind.DATE, Kind.DATETIME) and real.kind in (Kind.DATE, Kind.DATETIME)
    if temporal and real.format and release.format and real.format != release.format:
        yield Mismatch(table, real.name, "mismatch", f"{place}: the data are written as {real.format}, the release as {release.format}")
    if release.kind is Kind.DATE and real.kind is Kind.DATETIME:
        yield Mismatch(table, real.name, "mismatch", f"{place}: the data have a time of day, the release has dates alone")
    if release.kind is Kind.DATETIME and real.kind is Kind.DATE:
        yield Mismatch(table, real.name, "note", f"{place}: the data have dates alone, the release has a time of day")
    if (
        release.kind is Kind.REAL
        and release.decimals is not None
        and real.kind is Kind.REAL
        and (99 if real.decimals is None else real.decimals) > release.decimals
    ):
        yield Mismatch(table, real.name, "note", f"{place}: the data have more decimal places than the release")
    if release.kind in _NUMBERS and real.kind not in _NUMBERS and real.storage == "string":
        yield Mismatch(table, real.name, "mismatch", f"{place}: the data hold text, the release {release.kind.value} values")
