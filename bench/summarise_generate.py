"""Rows a second and peak memory of summarise and generate, on a table this script makes: rows × 20 columns, two rows a person.

    python bench/summarise_generate.py [--rows 1000000 10000000] [--folder DIR] [--only summarise "DuckDB scan" "in place"]

Each measurement is a process of its own. Beside it, in the same run, a named reference: for summarise a DuckDB scan of the same columns
(count and maximum of each), for generate PyArrow writing the same finished table from memory with the same settings. Columns: a person
token, 10 categories of 2 to 5,000 values, 6 numbers, 2 dates, 1 date-time. Generating many rows
takes a process for each processor; peak MB is that of all processes together. Processor seconds tell a busy machine from a slow program:
on two free cores the work takes between half of them and all.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from generators.disclosure import POLICIES  # noqa: E402
from generators.registry import PARTITION, generate, mechanism_for  # noqa: E402
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema  # noqa: E402
from generators.summarising.summarise import summarise  # noqa: E402
from generators.summary import MetadataSummary  # noqa: E402

CARDINALITIES = (2, 3, 5, 8, 12, 30, 100, 500, 1000, 5000)
AT_MOST = 2.0
"""How many times as long as writing the same table from memory generating may take."""
AIMS = {"summarise": 500_000, "in place": 0, "generate": 1_000_000}

SCHEMA = DatasetSchema(
    (
        TableSchema(
            "bench",
            (
                ColumnSchema("person", Kind.IDENTIFIER, "string"),
                *(ColumnSchema(f"category_{n}", Kind.CATEGORICAL, "string") for n in CARDINALITIES),
                ColumnSchema("age", Kind.INTEGER, "int64"),
                ColumnSchema("minutes", Kind.INTEGER, "int64"),
                ColumnSchema("heart_rate", Kind.INTEGER, "int64"),
                ColumnSchema("temperature", Kind.REAL, "float64", decimals=1),
                ColumnSchema("weight", Kind.REAL, "float64", decimals=2),
                ColumnSchema("cost", Kind.REAL, "float64", decimals=2),
                ColumnSchema("admitted", Kind.DATE, "date32"),
                ColumnSchema("born", Kind.DATE, "date32"),
                ColumnSchema("discharged", Kind.DATETIME, "timestamp[us]"),
            ),
            person_key="person",
        ),
    )
)


def make_table(path: Path, rows: int) -> None:
    """Simulated rows, written one partition at a time."""
    writer = None
    for first in range(0, rows, PARTITION):
        rng = np.random.default_rng((1, first))
        part = _part(rng, min(PARTITION, rows - first), rows)
        writer = writer or pq.ParquetWriter(path, part.schema, compression="zstd")
        writer.write_table(part)
    if writer is not None:
        writer.close()


def _part(rng: np.random.Generator, n: int, rows: int) -> pa.Table:
    null = rng.random(n) < 0.1
    # 32 hexadecimal digits that look like a keyed hash: one fixed function of the person's number.
    number = rng.integers(0, max(1, rows // 2), n).astype(np.uint64)
    halves = [
        (number * np.uint64(k) + np.uint64(c)).astype(">u8").tobytes().hex() for k, c in ((0x9E3779B97F4A7C15, 7), (0xC2B2AE3D27D4EB4F, 11))
    ]
    columns = {"person": pa.array([a + b for a, b in zip(*([h[i : i + 16] for i in range(0, len(h), 16)] for h in halves), strict=True)])}
    for size in CARDINALITIES:
        codes = np.minimum((rng.random(n) ** 1.7 * size).astype(np.int32), size - 1)
        columns[f"category_{size}"] = pa.DictionaryArray.from_arrays(
            pa.array(codes, mask=null), [f"value {i}" for i in range(size)]
        ).dictionary_decode()
    day = rng.integers(18_000, 19_460, n)
    columns["age"] = pa.array(rng.integers(0, 100, n))
    columns["minutes"] = pa.array(np.round(rng.gamma(2, 90, n)).astype(np.int64))
    columns["heart_rate"] = pa.array(np.round(rng.normal(80, 15, n)).astype(np.int64), mask=null)
    columns["temperature"] = pa.array(np.round(rng.normal(37, 0.6, n), 1), mask=null)
    columns["weight"] = pa.array(np.round(rng.normal(70, 15, n), 2))
    columns["cost"] = pa.array(np.round(rng.lognormal(6, 1.2, n), 2))
    columns["admitted"] = pa.array(day.astype(np.int32), pa.date32())
    columns["born"] = pa.array((day - rng.integers(0, 36_000, n)).astype(np.int32), pa.date32())
    columns["discharged"] = pa.array(day * 86_400_000_000 + rng.integers(0, 86_400, n) * 1_000_000, pa.timestamp("us"))
    return pa.table(columns)


def _summarise(folder: Path, rows: int) -> float:
    started = time.perf_counter()
    summary = summarise({"bench": folder / "source.parquet"}, SCHEMA, POLICIES["public"])
    took = time.perf_counter() - started
    (folder / "summary.json").write_text(summary.to_json())
    return took


def _scan(folder: Path, rows: int) -> float:
    import duckdb

    engine = duckdb.connect(config={"threads": 2})
    columns = ", ".join(f'count("{c}"), max("{c}")' for c in SCHEMA.tables[0].names)
    started = time.perf_counter()
    engine.execute(f"SELECT {columns} FROM read_parquet(?)", [str(folder / "source.parquet")]).fetchall()  # noqa: S608 - our own names
    return time.perf_counter() - started


def _in_place(folder: Path, rows: int) -> float:
    from generators.in_place.duckdb_place import DuckPlace
    from generators.in_place.summarising import summarise_in_place
    from generators.reading.dataset import Dataset, TableFile

    file = TableFile("bench", folder / "source.parquet", rows, "source.parquet")
    place = DuckPlace.of_dataset(Dataset((file,), SCHEMA, ()), "bench", folder / "spill")
    started = time.perf_counter()
    summary = summarise_in_place(place, SCHEMA, POLICIES["public"])
    took = time.perf_counter() - started
    assert summary.to_json() == (folder / "summary.json").read_text()
    return took


def _generate(folder: Path, rows: int) -> float:
    summary = MetadataSummary.from_json((folder / "summary.json").read_text())
    started = time.perf_counter()
    generate(mechanism_for("marginal", SCHEMA, summary), SCHEMA, summary, rows, 1, folder / "out", workers=None)
    return time.perf_counter() - started


def _write(folder: Path, rows: int) -> float:
    texts = [c.name for c in SCHEMA.tables[0].columns if c.storage == "string" and c.name != "person"]
    table = pq.read_table(folder / "out" / "bench.parquet", read_dictionary=texts)
    started = time.perf_counter()
    pq.write_table(
        table,
        folder / "again.parquet",
        compression="zstd",
        compression_level=1,
        row_group_size=PARTITION,
        use_dictionary=texts,
        store_schema=False,
        write_batch_size=1 << 14,
    )
    return time.perf_counter() - started


MEASURES: dict[str, Callable[[Path, int], float]] = {
    "summarise": _summarise,
    "DuckDB scan": _scan,
    "in place": _in_place,
    "generate": _generate,
    "PyArrow write": _write,
}
REFERENCES = {"summarise": "DuckDB scan", "in place": "DuckDB scan", "generate": "PyArrow write"}


def measured(what: str, folder: Path, rows: int) -> tuple[float, float, float]:
    """(seconds, processor seconds, peak MB) in a process of its own."""
    command = [sys.executable, __file__, "--measure", what, "--folder", str(folder), "--rows", str(rows)]
    seconds, processor, peak = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return float(seconds), float(processor), float(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--folder", type=Path, help="where to put the files (default: a temporary folder)")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), help="which measures (default: all)")
    options = parser.parse_args()
    if options.measure:
        before = time.process_time()
        took = MEASURES[options.measure](options.folder, options.rows[0])
        workers = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = time.process_time() - before + workers.ru_utime + workers.ru_stime
        # Every worker as large as the largest of them: what they share is counted several times.
        together = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + workers.ru_maxrss * len(os.sched_getaffinity(0))
        print(json.dumps([took, processor, together / 1024]))
        return
    print(f"{'rows':>12}  {'what':<14} {'seconds':>8} {'processor':>9} {'rows/s':>12} {'peak MB':>8}  beside its reference")
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            make_table(folder / "source.parquet", rows)
            seconds: dict[str, float] = {}
            for what in options.only:
                seconds[what], processor, peak = measured(what, folder, rows)
                print(
                    f"{rows:>12,}  {what:<14} {seconds[what]:>8.2f} {processor:>9.2f} {rows / seconds[what]:>12,.0f} {peak:>8,.0f}",
                    flush=True,
                )
            for what, reference in REFERENCES.items():
                if what not in seconds or reference not in seconds:
                    continue
                aim = f"; aim {AIMS[what]:,} rows/s {'met' if rows / seconds[what] >= AIMS[what] else 'missed'}" if AIMS[what] else ""
                ratio = seconds[what] / seconds[reference]
                print(f"{'':>12}  {what}: {ratio:.1f} × the time of {reference}{aim}", flush=True)
            most = "met" if seconds["generate"] <= AT_MOST * seconds["PyArrow write"] else "missed"
            print(f"{'':>12}  generate: at most {AT_MOST:.0f} × the time of PyArrow write {most}", flush=True)


if __name__ == "__main__":
    main()
