"""Time and peak memory of the whole basket, and of the part that is comparable, beside SDMetrics' QualityReport: simulated attendances.

    python bench/evaluation.py [--rows 10000 100000 1000000] [--folder DIR] [--only "whole basket" "comparable part" QualityReport]

As many synthetic as train rows, a quarter as many held out, 20 columns. Each measurement is a process of its own. The comparable part is
what QualityReport computes: shapes of columns and trends of pairs of columns, with SDMetrics' own score; beside what it computes, each of
our figures has its floor and its ceiling, so the same is done three times. QualityReport is timed with the reading of its tables, on all
rows, with its defaults (it draws 50,000 rows for pairs of categories). Processor seconds tell a busy machine from a slow program.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from evaluation.basket import evaluate  # noqa: E402
from evaluation.tables.columns import ORDERED, measured  # noqa: E402
from generators.disclosure import POLICIES  # noqa: E402
from generators.schema import Kind, TableSchema  # noqa: E402
from generators.simulated import EMERGENCY_SCHEMA, emergency_department  # noqa: E402

SCHEMA: TableSchema = EMERGENCY_SCHEMA.deidentified().tables[0]
COMPARABLE = ("tvd_mean", "ks_complement_mean", "pairwise_accuracy", "association_rmse", "sdmetrics_quality")
REFERENCE = "QualityReport"


def make_tables(folder: Path, rows: int) -> None:
    """Train, holdout and synthetic rows; nobody is in two of them."""
    real = emergency_department(rows=rows + rows // 4, seed=5).select(SCHEMA.names)
    people = np.asarray(real["patient_id"].combine_chunks().dictionary_encode().indices)
    held_out = np.random.default_rng(1).random(int(people.max()) + 1)[people] < 0.2
    pq.write_table(real.filter(pa.array(~held_out)), folder / "train.parquet")
    pq.write_table(real.filter(pa.array(held_out)), folder / "holdout.parquet")
    made = emergency_department(rows=rows, seed=6).select(SCHEMA.names)
    tokens = pc.binary_join_element_wise("made", made["patient_id"], "-")
    pq.write_table(made.set_column(made.column_names.index("patient_id"), "patient_id", tokens), folder / "synthetic.parquet")


def _evaluated(folder: Path, only: tuple[str, ...] | None) -> None:
    train, holdout, synthetic = (folder / f"{name}.parquet" for name in ("train", "holdout", "synthetic"))
    found = evaluate(train, holdout, synthetic, SCHEMA, policy=POLICIES["internal"], targets=("disposition",), only=only)
    if not any(r.value is not None for r in found.results):
        raise SystemExit("nothing was measured")


def _quality_report(folder: Path) -> None:
    warnings.simplefilter("ignore")  # it warns about its own renamings
    from sdmetrics.reports.single_table import QualityReport

    columns = measured(SCHEMA)
    kinds = {Kind.BOOLEAN: "boolean", Kind.CATEGORICAL: "categorical"}
    described = {"columns": {c.name: {"sdtype": "numerical" if c.kind in ORDERED else kinds[c.kind]} for c in columns}}
    frames = []
    for name in ("train", "synthetic"):
        table = pq.read_table(folder / f"{name}.parquet", columns=[c.name for c in columns])
        for place, column in enumerate(columns):
            if column.kind in ORDERED:
                table = table.set_column(place, column.name, _numbers(table[column.name]))
        frames.append(table.to_pandas())
    report = QualityReport()
    report.generate(frames[0], frames[1], described, verbose=False)
    if not 0 < report.get_score() <= 1:
        raise SystemExit("no score")


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Instants and times of day as numbers."""
    kind = column.type
    if pa.types.is_string(kind):
        hours, minutes = (pc.cast(pc.utf8_slice_codeunits(column, a, a + 2), pa.float64()) for a in (0, 3))
        return pc.add(pc.multiply(hours, 60.0), minutes)
    if pa.types.is_date(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.int64())
    return column.cast(pa.float64(), safe=False)


MEASURES: dict[str, Callable[[Path], None]] = {
    "whole basket": lambda folder: _evaluated(folder, None),
    "comparable part": lambda folder: _evaluated(folder, COMPARABLE),
    REFERENCE: _quality_report,
}


def in_this_process(what: str, folder: Path) -> tuple[float, float, float]:
    """(seconds, processor seconds, peak MB of the whole process)."""
    started, before = time.perf_counter(), time.process_time()
    MEASURES[what](folder)
    took, processor = time.perf_counter() - started, time.process_time() - before
    return took, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_its_own(*arguments: str) -> str:
    """What this script, started anew, prints: a process that made or measured nothing else."""
    return subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where to put the files (default: a temporary folder)")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), help="which measures (default: all)")
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_tables(options.folder, options.rows[0])
        return
    if options.measure:
        print(json.dumps(in_this_process(options.measure, options.folder)))
        return
    print(f"{'rows':>12}  {'what':<16} {'seconds':>8} {'processor':>9} {'peak MB':>8}  beside {REFERENCE}")
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            in_its_own("--make", "--folder", folder, "--rows", str(rows))
            found = {}
            for what in options.only:
                found[what] = seconds, processor, peak = json.loads(in_its_own("--measure", what, "--folder", folder))
                print(f"{rows:>12,}  {what:<16} {seconds:>8.2f} {processor:>9.2f} {peak:>8,.0f}", flush=True)
            for what in [name for name in found if name != REFERENCE] if REFERENCE in found else ():
                (_, ours, memory), (_, theirs, most) = found[what], found[REFERENCE]
                print(f"{'':>12}  {what}: {ours / theirs:.2f} × its processor seconds, {memory / most:.2f} × its memory", flush=True)


if __name__ == "__main__":
    main()
