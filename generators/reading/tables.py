"""From files to tables: `read_dataset` checks a CSV, a Parquet file or a folder of them and streams it to canonical Parquet;
`canonicalise` brings a dataset to the schema a steward confirmed; `write_csv` writes a table so that no spreadsheet runs it.
"""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa

from generators.atomic import write_parquet
from generators.engine import arrow_schema, batches, engine, first_row, scan
from generators.errors import InputError
from generators.profiling.profile import propose
from generators.progress import Progress, silent
from generators.reading.canonical import canonicalise
from generators.reading.compact_dates import compact_dates
from generators.reading.csv_encoding import foreign_format
from generators.reading.csv_export import write_csv
from generators.reading.csv_source import stage_csv
from generators.reading.dataset import MAX_COLUMNS, Dataset, Finding, TableFile, safe_name
from generators.reading.kinds import Decision, decide_text
from generators.reading.parquet_source import StagedParquet, is_parquet, stage_parquet
from generators.reading.table_parts import Part, joined
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema

__all__ = ["MAX_COLUMNS", "Dataset", "Finding", "TableFile", "canonicalise", "read_dataset", "safe_name", "write_csv"]

DATA_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".parquet", ".pq"})
"""File names that count as tables when a folder is read; what a file is, its bytes say."""


def read_dataset(
    path: Path | str,
    work: Path | str,
    *,
    schema: DatasetSchema | None = None,
    progress: Progress = silent,
    names: Mapping[str, str] | None = None,
    maximum_columns: int = MAX_COLUMNS,
) -> Dataset:
    """The tables of `path` (a CSV, a Parquet file, or a folder of them) as canonical Parquet files `<table>.parquet` in `work`.

    A folder within the folder is one table of several files with the same header and kinds, in order of their names.
    Memory does not grow with the number of rows; nothing is written outside `work`, and nothing stays in it when reading fails.
    schema: when given, the data are brought to it (`canonicalise`) instead of guessed; a lone table takes the name it has there.
    names: table name by file name, for files stored under other names; by default `safe_name(file name)`.
    Raises InputError (naming file, line or column, never a value) for whatever cannot be read as a table, and for a full disk.
    """
    path, work = Path(path), Path(work)
    sources = _sources(path, names or {})
    if schema is not None and len(sources) == 1 and len(schema.tables) == 1:
        sources = [(schema.tables[0].name, sources[0][1])]
    work.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    tables: list[TableFile] = []
    schemas: list[TableSchema] = []
    findings: list[Finding] = []
    try:
        for i, (name, source) in enumerate(sources):
            target = work / f"{name}.parquet"
            part = _part(progress, 0.8 * i / len(sources), 0.8 / len(sources))
            files = _readable(source)
            if any(target.exists() and target.samefile(file) for file in files):
                raise InputError(f'"{source.name}" lies in the work folder itself; choose another folder')
            written.append(target)
            if source.is_dir():
                (table, rows), found = _read_parts(files, name, work, target, part, maximum_columns, as_texts=schema is not None)
            else:
                (table, rows), found = _read_table(source, name, work, target, part, maximum_columns)
            tables.append(TableFile(name, target, rows, source.name))
            schemas.append(table)
            findings += found
        dataset = Dataset(tuple(tables), DatasetSchema(tuple(schemas)), tuple(findings))
        if schema is not None:
            dataset = canonicalise(dataset, schema, work)
        else:
            profile = propose(dataset, progress=_part(progress, 0.8, 0.2))
            dataset = replace(dataset, schema=profile.schema, findings=(*findings, *profile.findings))
    except BaseException:
        for target in written:
            target.unlink(missing_ok=True)
        raise
    progress("read", 1.0)
    return dataset


def _sources(path: Path, names: Mapping[str, str]) -> list[tuple[str, Path]]:
    """(table name, file or folder of its files) for every table, in order of file name."""
    if "\0" in str(path):
        raise InputError("a file name must not hold a NUL character")
    if not path.exists():
        raise InputError(f'"{path.name}" does not exist')
    if path.is_dir():
        files = sorted(p for p in _listed(path) if _is_data(p) or (p.is_dir() and not p.name.startswith(".") and _files_in(p)))
        if not files:
            raise InputError(f'folder "{path.name}" holds no CSV or Parquet file')
    elif path.is_file():
        files = [path]
    else:
        raise InputError(f'"{path.name}" is neither a file nor a folder')
    found = [(safe_name(names.get(f.name, f.name)), f) for f in files]
    by_name: dict[str, Path] = {}
    for name, file in found:
        # file systems and the engine may not tell a from A
        earlier = by_name.setdefault(name.casefold(), file)
        if earlier is not file:
            raise InputError(f'"{earlier.name}" and "{file.name}" would both become table "{name}"; rename one of them')
    return found


def _is_data(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in DATA_SUFFIXES and not path.name.startswith(".")


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except PermissionError:
        raise InputError(f'no permission to look into the folder "{folder.name}"; ask for it, or leave the folder out') from None


def _files_in(folder: Path) -> list[Path]:
    """The files of a table that comes as a folder."""
    return sorted(p for p in _listed(folder) if _is_data(p))


def _readable(source: Path) -> list[Path]:
    """The files of one table, each of which may be read."""
    files = _files_in(source) if source.is_dir() else [source]
    for file in files:
        try:
            file.open("rb").close()
        except PermissionError:
            raise InputError(f'no permission to read "{file.name}"; ask for it, or leave the table out') from None
    return files


def _read_parts(
    files: list[Path], name: str, work: Path, target: Path, progress: Progress, maximum_columns: int, *, as_texts: bool
) -> tuple[tuple[TableSchema, int], list[Finding]]:
    """Read a table that comes as several files; as `_read_table`."""
    parts: list[Part] = []
    findings: list[Finding] = []
    try:
        for i, file in enumerate(files):
            place = work / f".{name}.{i}.parquet"
            (table, rows), found = _read_table(file, name, work, place, _part(progress, i / len(files), 1 / len(files)), maximum_columns)
            parts.append(Part(file.name, place, table, rows))
            findings += [f for f in found if f not in findings]
        findings.append(Finding(name, None, "note", f"read from {len(files):,} files with the same header"))
        return joined(parts, target, as_texts=as_texts), findings
    finally:
        for part in parts:
            part.path.unlink(missing_ok=True)


def _part(progress: Progress, start: float, share: float) -> Progress:
    def inner(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        progress(stage, start + share * fraction, rows, total)

    return inner


def _read_table(
    source: Path, name: str, work: Path, target: Path, progress: Progress, maximum_columns: int
) -> tuple[tuple[TableSchema, int], list[Finding]]:
    """Stage one file, decide the physical types of its columns over all records, write it canonically."""
    place = f'"{source.name}"'
    foreign = foreign_format(source)
    if foreign:
        raise InputError(f"{place} is {foreign}, not CSV or Parquet; export the table as CSV or Parquet")
    staged = work / f".{name}.staged"
    try:
        half = _part(progress, 0.0, 0.5)
        findings: list[Finding] = []
        if is_parquet(source):
            stage = stage_parquet(source, staged, place, maximum_columns=maximum_columns, progress=half)
            column_names, rows = stage.names, stage.rows
            findings += [Finding(name, stage.names[i], "note", remark) for i, remark in stage.remarks]
        else:
            text = stage_csv(source, work, staged, place, maximum_columns=maximum_columns, progress=half)
            column_names, rows = text.names, text.rows
            findings += [Finding(name, None, "warning" if "cut off" in r or "header" in r else "note", r) for r in text.remarks]
            stage = StagedParquet(staged, text.names, text.rows, [pa.string()] * len(text.names), [None] * len(text.names), [])
        with engine(work, place) as connection:
            progress("finding out what the columns hold", 0.5, rows, rows)
            decisions = _decisions(connection, stage, name)
            findings += [f for d in decisions for f in d.findings]
            columns = tuple(d.column for d in decisions)
            table = TableSchema(name, columns)
            select = ", ".join(f"{d.value} AS c{i}" for i, d in enumerate(decisions))
            write_parquet(
                target,
                arrow_schema(table),
                batches(connection, f"SELECT {select} FROM {scan(staged)}"),
                watch=lambda done: progress("writing the table", 0.7 + 0.3 * done / rows, done, rows),
            )
    finally:
        staged.unlink(missing_ok=True)
    if len(column_names) > 200:
        findings.append(Finding(name, None, "note", f"{len(column_names):,} columns: keep only those the use case needs"))
    return (table, rows), findings


_DAY_US = 86_400_000_000


def _decisions(connection: duckdb.DuckDBPyConnection, stage: StagedParquet, table: str) -> list[Decision]:
    """What every staged column is, physically, in order."""
    texts = [(f"c{i}", n) for i, n in enumerate(stage.names) if pa.types.is_string(stage.types[i])]
    by_column = dict(decide_text(connection, stage.path, texts, table))
    for i, name in enumerate(stage.names):
        c = f"c{i}"
        if c not in by_column:
            by_column[c] = _typed(connection, stage, i, name, table)
    decisions = [by_column[f"c{i}"] for i in range(len(stage.names))]
    return [_midnights(connection, stage, i, d, table) for i, d in enumerate(decisions)]


def _typed(connection: duckdb.DuckDBPyConnection, stage: StagedParquet, i: int, name: str, table: str) -> Decision:
    """A column whose file says its type. Floats that are whole throughout are whole numbers with gaps."""
    c, kind = f"c{i}", stage.types[i]
    if pa.types.is_boolean(kind):
        return Decision(ColumnSchema(name, Kind.BOOLEAN, "bool"), c, ())
    if pa.types.is_date(kind):
        return Decision(ColumnSchema(name, Kind.DATE, "date32"), c, ())
    if pa.types.is_timestamp(kind):
        return Decision(ColumnSchema(name, Kind.DATETIME, "timestamp[us]"), c, ())
    if pa.types.is_integer(kind):
        return compact_dates(connection, stage.path, c, name, table) or Decision(ColumnSchema(name, Kind.INTEGER, "int64"), c, ())
    decimals = stage.decimals[i]
    if decimals is None:
        # the fewest places that give every value back; floats that need more are kept as they are
        places = ", ".join(f"bool_and(round({c}, {d}) = {c})" for d in range(7))
        whole, *fits = first_row(connection, f"SELECT {places} FROM {scan(stage.path)} WHERE abs({c}) < 9e15")
        (huge,) = first_row(connection, f"SELECT count_if(abs({c}) >= 9e15) FROM {scan(stage.path)}")
        if whole and not huge:
            dates = compact_dates(connection, stage.path, f"CAST({c} AS BIGINT)", name, table)
            if dates is not None:
                return dates
            note = Finding(table, name, "note", "read as whole numbers", "stored as decimals in the file, but every value is whole")
            return Decision(ColumnSchema(name, Kind.INTEGER, "int64"), f"CAST({c} AS BIGINT)", (note,))
        decimals = next((d for d, fit in enumerate(fits, 1) if fit), None) if not huge else None
    return Decision(ColumnSchema(name, Kind.REAL, "float64", decimals=decimals), c, ())


def _midnights(connection: duckdb.DuckDBPyConnection, stage: StagedParquet, i: int, decision: Decision, table: str) -> Decision:
    """A datetime column in which every time is midnight holds dates."""
    column = decision.column
    if column.kind is not Kind.DATETIME:
        return decision
    (timed, some) = first_row(
        connection, f"SELECT count_if(epoch_us(v) % {_DAY_US} <> 0), count(v) FROM (SELECT {decision.value} AS v FROM {scan(stage.path)})"
    )
    if timed or not some:
        return decision
    note = Finding(table, column.name, "note", "read as dates", "every time in the column is midnight")
    return Decision(replace(column, kind=Kind.DATE, storage="date32"), f"CAST({decision.value} AS DATE)", (*decision.findings, note))
