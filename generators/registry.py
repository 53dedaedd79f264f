"""The generators there are, and the one way to run one.

A generator fills one partition of rows at a time (`PARTITION` rows, each with a seed of its own), so that memory does not grow with
the number of rows and the same mechanism and seed give the same bytes however the work is cut.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generators import marginal, structural
from generators.atomic import writing
from generators.errors import InputError
from generators.mechanism import Mechanism, mechanism
from generators.progress import Progress, silent
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary

__all__ = ["GENERATORS", "GeneratedFile", "GeneratorInfo", "generate", "mechanism_for"]

PARTITION = 250_000
"""Rows made together, from one seed, and written as one Parquet row group."""

Fill = Callable[[int, int, np.random.Generator], pa.Table]
"""(first row, rows, random generator) → that many rows of canonical Arrow."""


@dataclass(frozen=True)
class GeneratorInfo:
    """A generator as people choose it. needs: "schema", "summary" or "data"; good_for and risk are plain words."""

    name: str
    version: str
    title: str
    tier: str
    needs: str
    good_for: str
    risk: str


@dataclass(frozen=True)
class GeneratedFile:
    """One written table; sha256 is of the file's bytes."""

    table: str
    path: Path
    rows: int
    bytes: int
    sha256: str


GENERATORS: dict[str, GeneratorInfo] = {
    info.name: info
    for info in (
        GeneratorInfo(
            name="structural",
            version=structural.VERSION,
            title="Structural",
            tier="structural",
            needs="schema",
            good_for="Writing code and testing systems: the right tables, columns, types and keys, filled with placeholders.",
            risk="None: nothing observed in any record is used.",
        ),
        GeneratorInfo(
            name="marginal",
            version=marginal.VERSION,
            title="Aggregates, each column by itself",
            tier="publicly-sourced",
            needs="summary",
            good_for="Teaching, dashboards and discovery: each column looks right by itself. Relations between columns are not kept.",
            risk="None beyond the approved summary, which is all the generator sees.",
        ),
    )
}


def mechanism_for(
    name: str, schema: DatasetSchema, summary: MetadataSummary | None = None, allowed_uses: tuple[str, ...] = ()
) -> Mechanism:
    """The mechanism of the registered generator `name`; InputError for an unknown one or one that lacks its summary."""
    info = _info(name)
    if info.needs == "summary" and summary is None:
        raise InputError(f'the generator "{name}" needs a metadata summary; make one first')
    return mechanism(name, info.version, schema, summary if info.needs == "summary" else None, allowed_uses=allowed_uses)


def generate(
    mechanism: Mechanism,
    schema: DatasetSchema,
    summary: MetadataSummary | None,
    rows: int | Mapping[str, int],
    seed: int,
    out: Path,
    progress: Progress = silent,
) -> tuple[GeneratedFile, ...]:
    """Write `<table>.parquet` for every table of the de-identified `schema` into the folder `out`, whole or not at all.

    rows: of each table, or by table name. Raises InputError for a mechanism that is not of this schema, summary or program, and
    whatever `progress` raises (`Cancelled`), after removing what was half-written.
    """
    info = _info(mechanism.generator)
    _agree(mechanism, info, schema, summary)
    wanted = {t.name: rows if isinstance(rows, int) else rows.get(t.name, 0) for t in schema.tables}
    for name, count in wanted.items():
        if count < 1:
            raise InputError(f'the number of rows to generate for table "{name}" must be at least 1')
    if not 0 <= seed < 2**63:
        raise InputError("the seed must be a whole number from 0 to 9223372036854775807")
    out.mkdir(parents=True, exist_ok=True)
    total, done, files = sum(wanted.values()), 0, []
    for position, table in enumerate(schema.tables):
        if info.needs == "schema":
            fill = structural.filler(table)
        else:
            assert summary is not None  # noqa: S101 - _agree has seen to it; this is for the type checker
            fill = marginal.filler(table, summary.table(table.name))
        path = out / f"{table.name}.parquet"
        files.append(_write(path, table.name, fill, wanted[table.name], (seed, position), _told(progress, table.name, done, total)))
        done += wanted[table.name]
    return tuple(files)


def _info(name: str) -> GeneratorInfo:
    if name not in GENERATORS:
        raise InputError(f'there is no generator "{name}"; there are: {", ".join(GENERATORS)}')
    return GENERATORS[name]


def _agree(mechanism: Mechanism, info: GeneratorInfo, schema: DatasetSchema, summary: MetadataSummary | None) -> None:
    if mechanism.version != info.version:
        raise InputError(f'the mechanism is of version {mechanism.version} of "{info.name}"; this program has {info.version}')
    if mechanism.schema_digest != schema.digest:
        raise InputError("the mechanism was approved for another schema")
    if info.needs != "summary":
        return
    if summary is None:
        raise InputError(f'the generator "{info.name}" needs a metadata summary')
    if mechanism.summary_digest != summary.digest:
        raise InputError("the mechanism was approved for another summary")


def _told(progress: Progress, table: str, before: int, total: int) -> Callable[[int], None]:
    def tell(rows: int) -> None:
        progress(f"generating {table}", (before + rows) / total, before + rows, total)

    return tell


def _partitions(fill: Fill, rows: int, seed: tuple[int, int]) -> Generator[pa.Table, None, None]:
    """The partitions in order; the next one is made while the last is written."""

    def part(first: int) -> pa.Table:
        sequence = np.random.SeedSequence((*seed, 0, first // PARTITION))
        return fill(first, min(PARTITION, rows - first), np.random.Generator(np.random.PCG64DXSM(sequence)))

    starts = list(range(0, rows, PARTITION))
    with ThreadPoolExecutor(1) as ahead:
        pending = ahead.submit(part, starts[0])
        for following in (*starts[1:], None):
            table = pending.result()
            if following is not None:
                pending = ahead.submit(part, following)
            yield table


def _write(path: Path, table: str, fill: Fill, rows: int, seed: tuple[int, int], tell: Callable[[int], None]) -> GeneratedFile:
    tell(0)
    written, writer = 0, None
    with writing(path) as sink, contextlib.closing(_partitions(fill, rows, seed)) as parts:
        try:
            for part in parts:
                if writer is None:
                    # Without the Arrow schema a text column is read back as text, also where it was written from a dictionary.
                    writer = pq.ParquetWriter(
                        sink,
                        part.schema,
                        compression="zstd",
                        compression_level=1,
                        use_dictionary=_repetitive(part),
                        store_schema=False,
                        # Minimum and maximum are found batch by batch; with the usual 1,024 rows that takes a third of the time.
                        write_batch_size=1 << 14,
                    )
                writer.write_table(part, row_group_size=PARTITION)
                written += part.num_rows
                tell(written)
        finally:
            if writer is not None:
                writer.close()  # also when stopped: else it would try again once its file is gone
    with path.open("rb") as whole:
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
    return GeneratedFile(table, path, rows, path.stat().st_size, digest)


def _repetitive(part: pa.Table) -> list[str]:
    """Columns worth a Parquet dictionary: those that come as Arrow dictionaries."""
    return [f.name for f in part.schema if pa.types.is_dictionary(f.type)]
