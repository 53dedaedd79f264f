"""A relational dataset generated many times over: time, rows a second, peak memory, and whether its keys hold.

    python bench/relational.py DATA [--scale 100] [--workers 2] [--schema FILE] [--folder DIR] [--policy internal]

DATA is a folder of tables (a CSV or Parquet file each). It is read, de-identified and summarised once, which is not timed; then a dataset
`--scale` times as large is generated to Parquet, and every foreign key, primary key and NOT NULL is checked with DuckDB.
"""

# ruff: noqa: S608  (SQL is put together from names that `quoted` and `scan` have escaped)
from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from generators.disclosure import POLICIES  # noqa: E402
from generators.engine import quoted, scan  # noqa: E402
from generators.reading.tables import read_dataset  # noqa: E402
from generators.registry import generate, mechanism_for  # noqa: E402
from generators.schema import DatasetSchema, TableSchema  # noqa: E402
from generators.summarising.summarise import summarise  # noqa: E402
from generators.summary import MetadataSummary  # noqa: E402
from generators.working_copy.deidentify import deidentify_dataset  # noqa: E402


def prepare(data: Path, work: Path, policy: str, schema_file: Path | None) -> None:
    """Schema, summary and vocabularies under `work`."""
    given = DatasetSchema.from_json(schema_file.read_text()) if schema_file else None
    dataset = read_dataset(data, work / "read", schema=given)
    copy = deidentify_dataset(dataset, b"bench" * 8, work / "copy")
    summary = summarise(copy.paths, copy.schema, POLICIES[policy])
    (work / "schema.json").write_text(copy.schema.to_json())
    (work / "summary.json").write_text(summary.to_json())
    public = {t.name: str(copy.paths[t.name]) for t in copy.schema.tables if t.public}
    (work / "public.json").write_text(json.dumps(public))


def measure(work: Path, scale: float, workers: int) -> None:
    """Generate, in this process; prints seconds, peak MB of this process and of its largest child, and rows, as JSON."""
    schema = DatasetSchema.from_json((work / "schema.json").read_text())
    summary = MetadataSummary.from_json((work / "summary.json").read_text())
    public = {name: Path(path) for name, path in json.loads((work / "public.json").read_text()).items()}
    mechanism = mechanism_for("marginal", schema, summary)
    started = time.perf_counter()
    files = generate(mechanism, schema, summary, None, 1, work / "out", scale=scale, workers=workers, public=public)
    seconds = time.perf_counter() - started
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"seconds": seconds, "peaks": peaks, "rows": {f.table: f.rows for f in files}, "bytes": sum(f.bytes for f in files)}))


def broken(work: Path, schema: DatasetSchema) -> list[str]:
    """What a database would refuse, in words."""
    engine = duckdb.connect(config={"threads": 2, "memory_limit": "3GB", "temp_directory": str(work / "spill")})
    found = []
    for table in schema.tables:
        source = scan(work / "out" / f"{table.name}.parquet")
        missing = [c.name for c in table.columns if not c.nullable and _one(engine, f"count(*) - count({quoted(c.name)}) FROM {source}")]
        found += [f"{table.name}.{name} misses values" for name in missing]
        for columns in [table.primary_key, *((c.name,) for c in table.columns if c.unique)]:
            names = ", ".join(map(quoted, columns))
            if columns and _one(engine, f"count(*) FROM (SELECT 1 FROM {source} GROUP BY {names} HAVING count(*) > 1)"):
                found.append(f"{table.name} ({names}) is not unique")
        found += _dangling(engine, work, table)
    return found


def _dangling(engine: duckdb.DuckDBPyConnection, work: Path, table: TableSchema) -> list[str]:
    source, found = scan(work / "out" / f"{table.name}.parquet"), []
    for key in table.foreign_keys:
        on = " AND ".join(f"c.{quoted(a)} = p.{quoted(b)}" for a, b in zip(key.columns, key.parent_columns, strict=True))
        there = " AND ".join(f"c.{quoted(a)} IS NOT NULL" for a in key.columns)
        parent = scan(work / "out" / f"{key.parent}.parquet")
        rows = _one(engine, f"count(*) FROM {source} c WHERE {there} AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {on})")
        if rows:
            found.append(f"{table.name} → {key.parent}: {rows} rows dangle")
    return found


def _one(engine: duckdb.DuckDBPyConnection, query: str) -> int:
    row = engine.execute(f"SELECT {query}").fetchone()
    return int(row[0]) if row else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scale", type=float, nargs="+", default=[100.0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--schema", type=Path)
    parser.add_argument("--folder", type=Path, help="where to put the files (default: a temporary folder)")
    parser.add_argument("--policy", default="internal", choices=sorted(POLICIES))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.scale[0], options.workers)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        work = Path(name)
        prepare(options.data, work, options.policy, options.schema)
        schema = DatasetSchema.from_json((work / "schema.json").read_text())
        print(f"{'scale':>7} {'rows':>12} {'seconds':>8} {'rows/s':>10} {'MB':>7} {'peak MB':>8} {'of a worker':>12}  keys")
        for scale in options.scale:
            command = [sys.executable, __file__, str(options.data), "--measure", str(work), "--scale", str(scale)]
            answer = subprocess.run([*command, "--workers", str(options.workers)], check=True, capture_output=True, text=True)
            got = json.loads(answer.stdout)
            rows, (own, child) = sum(got["rows"].values()), got["peaks"]
            wrong = broken(work, schema)
            print(
                f"{scale:>7g} {rows:>12,} {got['seconds']:>8.1f} {rows / got['seconds']:>10,.0f} {got['bytes'] / 1e6:>7,.0f} "
                f"{own:>8,.0f} {child:>12,.0f}  {'; '.join(wrong) or 'all hold'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
