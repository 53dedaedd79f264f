"""Calibration and power of the privacy gates, on simulated people: how often they cry wolf, and how often they find a planted leak.

    python -m bench.calibration [--pairs 200] [--repetitions 50] [--seed 1]

A leak-free pair is a train and a holdout of simulated people, and as a synthetic table fresh people of the same simulator: whatever an
attack gains over its control is chance. A planted leak is the same with rows of train in place of fresh ones. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.basket import evaluate
from evaluation.comparison import compare
from evaluation.definitions import DEFINITIONS
from evaluation.gates import judge, load
from evaluation.intervals import wilson
from evaluation.privacy.agreement import Copies
from evaluation.results import Evaluation, MetricResult
from generators.disclosure import POLICIES
from generators.schema import Kind, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, emergency_department

POLICY = POLICIES["internal"]
TIER = "privately-sourced"
COLUMNS = (
    "patient_id",
    "age",
    "sex",
    "ethnicity",
    "imd_decile",
    "arrival_mode",
    "triage_category",
    "diagnosis_code",
    "heart_rate",
    "systolic_bp",
    "temperature",
    "wait_minutes",
    "disposition",
)
ROWS = 2400
"""Rows of one simulated draw: about half are train, a quarter each the holdout and the people who play the synthetic table's."""
PLANTED_ROWS = 8000
"""Rows of the draws in which a leak is planted: a quarter of them play the synthetic table, and one in a thousand of these is two rows."""
COPIES = frozenset({"collisions", "unexplained_copies"})
"""Metrics of the gates that count copies."""
RISKS = ("singling_out", "linkability", "inference")
"""Attacks whose risk is 0 where nothing leaks; of the others a half is guessing, and 0.01 of people caught at one false alarm in 100."""
LEAKS = {"1 % of rows": 0.01, "0.1 % of rows": 0.001, "one record": 0.0, "one rare record": -1.0}
"""What is planted: a share of the synthetic rows; one row; the row of train that agrees least with any other person's."""


def table_schema() -> TableSchema:
    """The simulated visits without free text, times and identifiers."""
    schema = EMERGENCY_SCHEMA.deidentified().tables[0]
    return replace(schema, columns=tuple(c for c in schema.columns if c.name in COLUMNS), primary_key=(), rules=())


@dataclass(frozen=True)
class Pair:
    """A train, a holdout and a synthetic table of simulated people; nobody is in two of them."""

    train: pa.Table
    holdout: pa.Table
    synthetic: pa.Table

    def measured(self, folder: Path, only: frozenset[str], seed: int) -> Evaluation:
        """The evaluation by the metrics of `only`."""
        paths = [folder / f"{name}.parquet" for name in ("train", "holdout", "synthetic")]
        for path, table in zip(paths, (self.train, self.holdout, self.synthetic), strict=True):
            pq.write_table(table, path)
        return evaluate(*paths, table_schema(), policy=POLICY, seed=seed, only=only)


def leak_free(seed: int, rows: int = ROWS) -> Pair:
    """The pair of that seed: fresh people on every side, rare categories of train pooled everywhere, as generators must."""
    schema = table_schema()
    drawn = emergency_department(rows=rows, seed=seed).select(list(schema.names))
    codes = np.asarray(drawn["patient_id"].combine_chunks().dictionary_encode().indices)
    side = np.random.default_rng(seed).permutation(int(codes.max()) + 1)[codes] / (int(codes.max()) + 1)
    parts = [drawn.filter(pa.array((side >= a) & (side < b))) for a, b in ((0.0, 0.5), (0.5, 0.75), (0.75, 1.0))]
    for column in schema.columns:
        if column.kind is Kind.CATEGORICAL and column.storage == "string":
            common = _common(parts[0], column.name)
            parts = [_pooled(part, column.name, common) for part in parts]
    return Pair(*parts)


def _common(train: pa.Table, column: str) -> set[str]:
    people: dict[str, set[str]] = {}
    for value, who in zip(train[column].to_pylist(), train["patient_id"].to_pylist(), strict=True):
        people.setdefault(value, set()).add(who)
    return {v for v, whos in people.items() if v is not None and len(whos) >= POLICY.minimum}


def _pooled(table: pa.Table, column: str, common: set[str]) -> pa.Table:
    values = [v if v is None or v in common else "Other" for v in table[column].to_pylist()]
    return table.set_column(table.column_names.index(column), column, pa.array(values, pa.string()))


def privacy_metrics() -> frozenset[str]:
    """The metrics of the family: those of the hard gates that look for leaks."""
    return frozenset(g.metric for g in load().of(TIER) if g.level == "hard" and DEFINITIONS[g.metric].group == "safe")


def covers(r: MetricResult) -> bool | None:
    """Whether the 95 % interval holds what guessing gives; None for a metric that no such figure is known of.

    A risk is clipped at 0, its interval too: one of 0 … 0 lay below 0 before, and is counted as missing it.
    """
    if r.interval is None:
        return None
    low, high = r.interval
    if r.metric in RISKS:
        return low <= 0.0 < high
    if r.metric.endswith("_auc") or r.metric == "nearer_to_train":
        return low <= 0.5 <= high
    return low <= 0.01 <= high if r.metric.endswith(("_caught", "_recognised")) else None


@dataclass
class Calibration:
    """Of `pairs` leak-free pairs: how many intervals of each metric cover, which gates failed how often, how many pairs failed any."""

    pairs: int = 0
    covered: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    failed: int = 0


def calibrate(pairs: int, seed: int, folder: Path) -> Calibration:
    """Judge so many leak-free pairs by the hard privacy gates."""
    found = Calibration(pairs)
    only = privacy_metrics()
    for number in range(pairs):
        evaluation = leak_free(1000 * seed + number).measured(folder, only, number)
        for r in evaluation.results:
            if covers(r):
                found.covered[" of ".join((r.metric, *r.scope.names[1:]))] += 1
        failed = failing(evaluation)
        found.alarms.update(failed)
        found.failed += bool(failed)
    return found


def failing(evaluation: Evaluation) -> list[str]:
    """The hard privacy gates that an evaluation fails, of those that were measured."""
    known = {g.id for g in load().of(TIER) if g.metric in privacy_metrics() and evaluation.of(g.metric)}
    return [o.gate for o in judge(evaluation, TIER).failed_hard if o.gate in known]


def planted(pair: Pair, share: float, seed: int) -> Pair:
    """The pair with rows of train, under new keys, in place of some of its synthetic ones. share: see `LEAKS`."""
    size = len(pair.train)
    count = max(1, round(share * len(pair.synthetic)))
    rows = np.random.default_rng(seed).permutation(size)[:count]
    if share < 0:
        rows = np.array([_loneliest(pair)])
    copies = pair.train.take(pa.array(rows))
    copies = copies.set_column(0, "patient_id", pa.array([f"copy-{i}" for i in range(count)]))
    return replace(pair, synthetic=pa.concat_tables([pair.synthetic.slice(count), copies]))


def _loneliest(pair: Pair) -> int:
    """The row of train that agrees with any other person's in the fewest columns."""
    with tempfile.TemporaryDirectory() as folder:
        train, holdout = Path(folder) / "train.parquet", Path(folder) / "holdout.parquet"
        pq.write_table(pair.train, train)
        pq.write_table(pair.holdout, holdout)
        c = compare(train, holdout, holdout, table_schema(), POLICY, 0)
        return int(Copies(c.train, c.usable, c.people, 0).known.best.argmin())


def power(share: float, repetitions: int, seed: int, folder: Path, rows: int = PLANTED_ROWS) -> int:
    """In how many of so many repetitions the gates that count copies find the planted rows: what the others add is not counted."""
    found = 0
    for number in range(repetitions):
        pair = planted(leak_free(1000 * seed + number, rows), share, number)
        found += bool(failing(pair.measured(folder, COPIES, number)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = calibrate(asked.pairs, asked.seed, folder)
        print(f"Of {told.pairs} leak-free pairs {told.failed} failed a hard privacy gate: {dict(told.alarms) or 'none'}.\n")
        print("| estimate | intervals that cover |\n|---|---|")
        for metric, count in sorted(told.covered.items()):
            print(f"| {metric} | {count} of {told.pairs} |")
        print(flush=True)
        print("| planted | found | 95 % interval |\n|---|---|---|")
        for words, share in LEAKS.items():
            count = power(share, asked.repetitions, asked.seed + 1, folder)
            low, high = wilson(count, asked.repetitions)
            print(f"| {words} | {count} of {asked.repetitions} | {low:.0%} … {high:.0%} |", flush=True)
    print(f"\n{time.process_time() - started:.0f} seconds of processor time")


if __name__ == "__main__":
    main()
