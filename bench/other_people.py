"""What real records of other people score if they are taken for made-up ones: how near a generator that protects persons can come.

    python bench/other_people.py SHARED [--name er_like] [--person patient_id] [--most 17] [--seeds 5]

The persons of a table are dealt into two halves, and `bench/score.py` is told that the rows of one half were made up after those of the
other. Dealt by row, as the scorer deals its holdout, both halves are the same people, of whom a discriminator that has learned some rows
knows the others again: it gets as large a share of the rows as of a whole table's train. --most: also without persons of more rows than
that. Medians over the seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TOLD_APART, TRAIN = 10_000, 0.8
"""Rows of each side that the scorer's discriminator gets, and the share of a table that is its train."""


def scored(one: pd.DataFrame, other: pd.DataFrame, rows: int, shared: Path, name: str) -> tuple[float, float]:
    """Discriminator AUC, with so many rows of each, and error of associations of `other`, as if it had been made up after `one`."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{each}.parquet" for each in ("one", "other")]
        one.to_parquet(files[0], index=False)
        other.to_parquet(files[1], index=False)
        command = [sys.executable, shared / "bench" / "score.py", "score", "--train", files[0], "--holdout", files[0]]
        command += ["--synthetic", files[1], "--meta", shared / "data" / f"{name}.json", "--no-sdmetrics", "--disc-rows", rows]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD})
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["disc_auc_gbm"], found["assoc_rmse"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--name", default="er_like")
    parser.add_argument("--person", default="patient_id")
    parser.add_argument("--most", type=int, default=17)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    everybody = pd.read_parquet(arguments.shared / "data" / f"{arguments.name}.parquet")
    rows = everybody[arguments.person].map(everybody[arguments.person].value_counts())
    share = TOLD_APART / (TRAIN * len(everybody))
    print("| persons | dealt by | disc | assoc |\n|---|---|---|---|")
    for told, table in (("all", everybody), (f"of at most {arguments.most} rows", everybody[rows <= arguments.most])):
        for by in ("row", "person"):
            found = []
            for seed in range(arguments.seeds):
                random = np.random.default_rng(seed)
                dealt = np.arange(len(table)) if by == "row" else pd.factorize(table[arguments.person])[0]
                half = random.permutation(dealt.max() + 1)[dealt] % 2 == 0
                found.append(scored(table[half], table[~half], round(share * len(table) / 2), arguments.shared, arguments.name))
            disc, assoc = (statistics.median(each) for each in zip(*found, strict=True))
            print(f"| {told} | {by} | {disc:.3f} | {assoc:.4f} |", flush=True)


if __name__ == "__main__":
    main()
