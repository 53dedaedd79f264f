"""Generators on tables that nothing was tuned on: three that come with scikit-learn, and two simulated here.

    python bench/untuned.py SHARED [--names cancer digits clinic] [--generators autoregressive cart copula] [--seeds 1]

Measured as `bench/generators.py` does, with the scorer in SHARED/bench. cancer: 569 × 31, all measured numbers; diabetes: 442 × 11, small
whole and broken numbers; digits: 1,797 × 65 whole numbers; clinic: 8,000 × 12, categories, dates, skewed and missing values, a sum; meters:
20,000 × 10, numbers alone, curved and of two kinds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

HERE = Path(__file__).resolve().parent


def cancer() -> tuple[pd.DataFrame, str]:
    table = datasets.load_breast_cancer(as_frame=True).frame
    return table.rename(columns=lambda name: name.replace(" ", "_")), "target"


def diabetes() -> tuple[pd.DataFrame, str]:
    table = datasets.load_diabetes(as_frame=True, scaled=False).frame
    table["sex"] = table["sex"].astype(int).map({1: "a", 2: "b"})
    return table.assign(target=(table["target"] > 140).astype(int)), "target"


def digits() -> tuple[pd.DataFrame, str]:
    return datasets.load_digits(as_frame=True).frame.astype(int), "target"


def clinic() -> tuple[pd.DataFrame, str]:
    rng, rows = np.random.default_rng(11), 8_000
    age = np.clip(rng.gamma(6, 9, rows), 0, 99).astype(int)
    clinics = np.array([f"clinic {i}" for i in range(40)])
    place = rng.choice(40, rows, p=rng.dirichlet(np.full(40, 1.5)))
    smoker = rng.random(rows) < 0.35 - 0.002 * age
    kind = np.where(rng.random(rows) < 0.3 + 0.004 * age + 0.2 * smoker, "return", "new")
    pressure = np.round(105 + 0.45 * age + 6 * smoker + rng.normal(0, 12, rows)).astype(int)
    protein = np.round(np.exp(rng.normal(0.4 + 0.01 * age + 0.5 * smoker, 0.9)), 1)
    taken = rng.random(rows) < np.where(kind == "new", 0.9, 0.6)
    drugs, tests = rng.poisson(0.3 + 0.03 * age), rng.poisson(np.where(taken, 2.2, 0.6))
    begun = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), unit="D")
    risk = 0.05 * (age - 60) + 0.03 * (pressure - 130) + 0.2 * np.log(protein) + 0.03 * (place % 7)
    table = pd.DataFrame(
        {
            "clinic": clinics[place],
            "age": age,
            "smoker": np.where(smoker, "yes", "no"),
            "kind": kind,
            "started": begun,
            "ended": begun + pd.to_timedelta(rng.geometric(0.15, rows), unit="D"),
            "pressure": pressure,
            "protein": np.where(taken, protein, np.nan),
            "drugs": drugs,
            "tests": tests,
            "items": drugs + tests,
            "outcome": (risk + rng.logistic(0, 1, rows) > 0).astype(int),
        }
    )
    return table, "outcome"


def meters() -> tuple[pd.DataFrame, str]:
    rng, rows = np.random.default_rng(12), 20_000
    turned, sort = rng.uniform(0, 2 * np.pi, rows), rng.random(rows) < 0.3
    reach = np.where(sort, 1.0, 2.5) + rng.normal(0, 0.15, rows)
    found = {"east": reach * np.cos(turned), "north": reach * np.sin(turned)}
    found["height"] = found["east"] * found["north"] + rng.normal(0, 0.2, rows)
    for number in range(5):
        found[f"reading_{number}"] = np.exp(0.4 * found["height"] + rng.normal(0, 0.5, rows)) * (number + 1)
    found["level"] = np.where(rng.random(rows) < 0.4, 0, rng.exponential(3 + sort, rows))
    table = pd.DataFrame(found).round(3).assign(sort=sort.astype(int))
    return table, "sort"


TABLES: dict[str, Callable[[], tuple[pd.DataFrame, str]]] = {each.__name__: each for each in (cancer, diabetes, digits, clinic, meters)}


def kinds(table: pd.DataFrame) -> dict[str, str]:
    """As the scorer names them."""
    found = {}
    for name, column in table.items():
        date, number = column.dtype.kind == "M", column.dtype.kind in "if" and column.nunique() > 10
        found[str(name)] = "datetime" if date else "numerical" if number else "categorical"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--names", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--generators", nargs="*", default=["autoregressive", "cart", "copula"])
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "data").mkdir()
        (folder / "bench").mkdir()
        (folder / "bench" / "score.py").symlink_to((arguments.shared / "bench" / "score.py").resolve())
        (folder / "bench" / "peers.md").write_text("")
        for name in arguments.names:
            table, target = TABLES[name]()
            table.to_parquet(folder / "data" / f"{name}.parquet", index=False)
            (folder / "data" / f"{name}.json").write_text(json.dumps({"columns": kinds(table), "target": target}))
        command = [sys.executable, str(HERE / "generators.py"), str(folder), "--names", *arguments.names, "--rows", "0"]
        subprocess.run([*command, "--generators", *arguments.generators, "--seeds", str(arguments.seeds)], check=True)


if __name__ == "__main__":
    main()
