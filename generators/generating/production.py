"""From a plan to files: partitions in order into one Parquet file a table; vocabularies copied as they are."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generators.atomic import writing
from generators.errors import InputError
from generators.generating.layout import PERSONS, layout
from generators.generating.partition import Learned, Maker
from generators.generating.plan import PARTITION, Plan, Vocabulary
from generators.generating.workers import partitions
from generators.progress import Progress
from generators.schema import DatasetSchema

VOCABULARY_ROWS = 1_000
"""Rows of a public table of which the plan keeps the keys, evenly over the table."""


@dataclass(frozen=True)
class GeneratedFile:
    """One written table; sha256 is of the file's bytes."""

    table: str
    path: Path
    rows: int
    bytes: int
    sha256: str


def produce(plan: Plan, out: Path, progress: Progress, workers: int, model: Learned | None = None) -> tuple[GeneratedFile, ...]:
    """Write `<table>.parquet` for every table of the plan into the folder `out`: all of them or, when anything is raised, none.

    model: what was learned, where the generator learns.
    """
    out.mkdir(parents=True, exist_ok=True)
    arranged, maker = layout(plan.schema), Maker(plan, model)
    paths = {name: out / f"{name}.parquet" for name in plan.totals}
    trees = {root: [p.name for p in arranged.under(root)] for root in arranged.roots}
    done, total = 0, sum(plan.totals.values())
    written: list[str] = []
    try:
        with contextlib.closing(partitions(plan, workers, model)) as made:
            for root, names in trees.items():
                stage = _stage(root, names)
                progress(stage, done / total, done, total)
                with contextlib.ExitStack() as open_files:
                    files = {}
                    for name in names:
                        sink = open_files.enter_context(writing(paths[name]))
                        files[name] = open_files.enter_context(_Growing(sink, maker.arrow_schema(name), PARTITION // len(names)))
                    for part in (p for p in plan.parts if p.root == root):
                        tables = next(made)
                        for name in names:
                            files[name].append(tables[name])
                        done += sum(part.each.values())
                        progress(stage, done / total, done, total)
                written += names
    except BaseException:
        for name in written:
            paths[name].unlink(missing_ok=True)
        raise
    return tuple(described(name, paths[name], plan.totals[name]) for name in plan.totals)


def _stage(root: str, names: list[str]) -> str:
    first = "persons" if root == PERSONS else root
    others = len(names) - (root != PERSONS)
    return f"generating {first}" + (f" and {others} table{'s' if others > 1 else ''} about them" if others else "")


def described(table: str, path: Path, rows: int) -> GeneratedFile:
    """The file as it is, its digest taken."""
    with path.open("rb") as whole:
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
    return GeneratedFile(table, path, rows, path.stat().st_size, digest)


class _Growing:
    """A Parquet file that takes tables and writes them in row groups of at least `group` rows, the last aside."""

    def __init__(self, sink: IO[bytes], schema: pa.Schema, group: int) -> None:
        self.sink, self.schema, self.group = sink, schema, group
        self.writer: pq.ParquetWriter | None = None
        self.waiting: list[pa.Table] = []
        self.held = 0

    def __enter__(self) -> _Growing:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None and (self.held or self.writer is None):
            self._write()
        if self.writer is not None:
            self.writer.close()  # also when stopped: else it would try again once its file is gone

    def append(self, table: pa.Table) -> None:
        """Take the next rows."""
        self.waiting.append(table)
        self.held += table.num_rows
        if self.held >= self.group:
            self._write()

    def _write(self) -> None:
        table = _together(self.waiting) if self.waiting else self.schema.empty_table()
        if self.writer is None:
            # Without the Arrow schema a text column is read back as text, also where it was written from a dictionary.
            self.writer = pq.ParquetWriter(
                self.sink,
                table.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=[f.name for f in table.schema if pa.types.is_dictionary(f.type)],
                store_schema=False,
                # Minimum and maximum are found batch by batch; with the usual 1,024 rows that takes a third of the time.
                write_batch_size=1 << 14,
            )
        if table.schema != self.writer.schema:
            table = pa.table([_as(c, f.type) for c, f in zip(table.columns, self.writer.schema, strict=True)], schema=self.writer.schema)
        self.writer.write_table(table, row_group_size=max(PARTITION, 1))
        self.waiting, self.held = [], 0


def _together(tables: list[pa.Table]) -> pa.Table:
    """Tables one after the other; a column that is a dictionary in some of them only is plain text."""
    if len(tables) == 1:
        return tables[0]
    if any(t.schema != tables[0].schema for t in tables):
        fields = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in tables[0].schema]
        tables = [pa.table([_as(c, kind) for c, kind in zip(t.columns, fields, strict=True)], names=t.column_names) for t in tables]
    return pa.concat_tables(tables).unify_dictionaries()


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return plain.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else plain.cast(kind)


def vocabulary_of(schema: DatasetSchema, public: Mapping[str, Path]) -> Vocabulary:
    """Keys of the public tables that others refer to, from their canonical files: at most `VOCABULARY_ROWS` rows of each."""
    wanted: dict[str, set[str]] = {}
    for table in schema.tables:
        for key in table.foreign_keys:
            if schema.table(key.parent).public and key.parent in public:
                wanted.setdefault(key.parent, set()).update(key.parent_columns)
    found = {}
    for name, columns in wanted.items():
        keys = _read(name, public[name], sorted(columns)).drop_null()
        if keys.num_rows:
            chosen = np.unique(np.linspace(0, keys.num_rows - 1, min(keys.num_rows, VOCABULARY_ROWS)).astype(np.int64))
            found[name] = {c: tuple(keys[c].take(pa.array(chosen)).to_pylist()) for c in columns}
    return found


def copy_public(schema: DatasetSchema, public: Mapping[str, Path], out: Path) -> tuple[GeneratedFile, ...]:
    """The public tables, byte for byte, as `<table>.parquet` in `out`: all or none. InputError when one is not there or lacks a column."""
    tables = [t for t in schema.tables if t.public]
    for table in tables:
        if table.name not in public:
            raise InputError(f'the public table "{table.name}" is not among the files; give its file as {table.name}.parquet')
    out.mkdir(parents=True, exist_ok=True)
    copied: list[GeneratedFile] = []
    try:
        for table in tables:
            rows = _read(table.name, public[table.name], list(table.names)[:1]).num_rows
            target = out / f"{table.name}.parquet"
            with public[table.name].open("rb") as source, writing(target) as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            copied.append(described(table.name, target, rows))
    except BaseException:
        for file in copied:
            file.path.unlink(missing_ok=True)
        raise
    return tuple(copied)


def _read(table: str, path: Path, columns: list[str]) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            lacking = [c for c in columns if c not in file.schema_arrow.names]
            if lacking:
                raise InputError(f'the public table "{table}": {path.name} has no column "{lacking[0]}"')
            return file.read(columns=columns)
    except FileNotFoundError:
        raise InputError(f'the public table "{table}": there is no file {path.name}') from None
    except (pa.ArrowException, OSError):
        raise InputError(f'the public table "{table}": {path.name} is not a Parquet file that can be read') from None
