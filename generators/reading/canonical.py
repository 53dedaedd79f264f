"""A dataset brought to the schema a steward confirmed, or an error that says which column does not fit and where."""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from generators.atomic import write_parquet
from generators.engine import ROW, arrow_schema, batches, engine, first_row, literal, quoted, scan
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.reading.casting import KIND_WORDS, as_text, converted
from generators.reading.dataset import Dataset, TableFile
from generators.schema import ColumnSchema, DatasetSchema, TableSchema

_COLUMNS_AT_ONCE = 100


@dataclass(frozen=True)
class Misfit:
    """Values of a column that do not fit a schema. what: the rest of a sentence after the counts; count of `total`; first: row number."""

    column: str
    count: int
    total: int
    first: int
    what: str

    def sentence(self, table: str) -> str:
        """For a person; never a value."""
        return f'column "{self.column}" of table "{table}": {self.count:,} of {self.total:,} {self.what} (first: row {self.first:,})'


def misfits(connection: duckdb.DuckDBPyConnection, path: Path, old: TableSchema, new: TableSchema) -> list[Misfit]:
    """Every way in which the values of `path` (stored as `old`) do not fit `new`: kind and format, missing values, codes, uniqueness.

    Columns `path` does not have are left out.
    """
    found: list[Misfit] = []
    shared = [c for c in new.columns if c.name in old.names]
    for start in range(0, len(shared), _COLUMNS_AT_ONCE):
        part = shared[start : start + _COLUMNS_AT_ONCE]
        checks = [(column, check, what, total) for column in part for check, what, total in _checks(old.column(column.name), column)]
        if not checks:
            continue
        selects = ", ".join(f"count_if({check}), min(CASE WHEN {check} THEN {ROW} END), {total}" for _, check, _, total in checks)
        row = first_row(connection, f"SELECT {selects} FROM {scan(path, numbered=True)}")
        for i, (column, _, what, _) in enumerate(checks):
            count, first, total = row[3 * i : 3 * i + 3]
            if count:
                found.append(Misfit(column.name, count, total, first, what))
    for column in shared:
        if column.unique:
            found += _repeated(connection, path, column.name)
    return found


def _checks(old: ColumnSchema, new: ColumnSchema) -> list[tuple[str, str, str]]:
    """(SQL that is true for a misfit, what to say, SQL of the total it is out of) for one column."""
    value = quoted(old.name)
    stored = converted(old, new, value)
    checks: list[tuple[str, str, str]] = []
    if stored is not None:
        written = f" written as {new.format}" if new.format else ""
        checks.append((f"{value} IS NOT NULL AND ({stored}) IS NULL", f"values are not {KIND_WORDS[new.kind]}{written}", f"count({value})"))
    if not new.nullable:
        checks.append((f"{value} IS NULL", "values are missing, which the schema does not allow", "count(*)"))
    if new.codes is not None:
        codes = ", ".join(literal(code) for code in new.codes) or "NULL"
        text = as_text(old, value)
        checks.append(
            (
                f"{value} IS NOT NULL AND coalesce(({text}) NOT IN ({codes}), true)",
                "values are not in the column's code list",
                f"count({value})",
            )
        )
    return checks


def _repeated(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> list[Misfit]:
    value = quoted(name)
    total, distinct = first_row(connection, f"SELECT count({value}), count(DISTINCT {value}) FROM {scan(path)}")
    if total == distinct:
        return []
    (first,) = first_row(
        connection,
        f"SELECT min(second) FROM (SELECT min({ROW}) FILTER (n > 1) AS second FROM "
        f"(SELECT {value} AS v, file_row_number, row_number() OVER (PARTITION BY {value} ORDER BY file_row_number) AS n "
        f"FROM {scan(path, numbered=True)} WHERE {value} IS NOT NULL))",
    )
    return [Misfit(name, total - distinct, total, first, "values repeat an earlier one, in a column that must be unique")]


def canonicalise(dataset: Dataset, schema: DatasetSchema, out: Path | str, *, progress: Progress = silent) -> Dataset:
    """The dataset in the confirmed `schema`, as `<table>.parquet` in `out`: its kinds, storages and formats; columns not in it left out.

    dataset: as `read_dataset` gave it (its own schema says how values are stored now).
    Raises InputError with the number of values that do not fit and the row of the first, for each such column; nothing is then written.
    A table or column of the schema that the data lack is an InputError too; a table of the data that the schema lacks is left out.
    """
    out = Path(out)
    tables: list[TableFile] = []
    for i, table in enumerate(schema.tables):
        source = dataset.table(table.name)
        old = dataset.schema.table(table.name)
        place = f'table "{table.name}"'
        absent = [name for name in table.names if name not in old.names]
        if absent:
            raise InputError(f"{place}: the data have no column {_quoted_list(absent)}; the schema does; correct one of them")
        share, start = 1 / len(schema.tables), i / len(schema.tables)
        with engine(out, place) as connection:
            progress("checking values against the schema", start)
            wrong = misfits(connection, source.path, old, table)
            if wrong:
                raise InputError("; ".join(m.sentence(table.name) for m in wrong[:5]) + _and_more(len(wrong)))
            select = ", ".join(
                f"{converted(old.column(c.name), c, quoted(c.name)) or quoted(c.name)} AS c{j}" for j, c in enumerate(table.columns)
            )

            def watch(done: int, start: float = start, share: float = share, total: int = source.rows) -> None:
                progress("writing the table", start + share * done / max(1, total), done, total)

            target = out / f"{table.name}.parquet"
            rows = write_parquet(
                target,
                arrow_schema(table),
                batches(connection, f"SELECT {select} FROM {scan(source.path)}"),
                watch=watch,
            )
        tables.append(replace(source, path=target, rows=rows))
    return Dataset(tuple(tables), schema, dataset.findings)


def _quoted_list(names: list[str]) -> str:
    shown = ", ".join(f'"{n}"' for n in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _and_more(count: int) -> str:
    rest = count - 5
    more = f"; {rest} more columns do not fit" if rest > 0 else ""
    return f"{more}; correct the schema, or mend the file and send it again"
