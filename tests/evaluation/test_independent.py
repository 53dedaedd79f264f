"""Singling out and linkability beside another program's, which runs in an environment of its own and is no part of the product."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.privacy import attacks
from evaluation.tables.nearness import Placed

OTHER = "anonymeter==1.0.0"
SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "independent" / "anonymeter_risks.py"
ATTACKS = 100
ROWS = 400
NUMBERS, NAMES = 5, 4


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the other program; SYNTHPORTAL_INDEPENDENT_PYTHON may name one that is there."""
    if given := os.environ.get("SYNTHPORTAL_INDEPENDENT_PYTHON"):
        return Path(given)
    folder = tmp_path_factory.mktemp("independent")
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", OTHER],
    ):
        try:
            done = subprocess.run(command, capture_output=True, timeout=400, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"an environment with {OTHER} could not be made in time: no package index?")
        if done.returncode:
            pytest.skip(f"an environment with {OTHER} could not be made: no package index?")
    return python


def people(draw: np.random.Generator, rows: int) -> pd.DataFrame:
    """Simulated people: numbers and categories that hang together."""
    base = draw.normal(size=rows)
    numbers = {f"n{i}": np.round(50 + 10 * (base + draw.normal(size=rows)), 1) for i in range(NUMBERS)}
    names = {f"c{i}": [f"v{v}" for v in np.clip(np.round(2 * base + draw.normal(size=rows)), -3, 3).astype(int)] for i in range(NAMES)}
    return pd.DataFrame(numbers | names)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Train and control, and three releases: a copy of train, other real people, half of each."""
    draw = np.random.default_rng(11)
    train, control, other = (people(draw, ROWS) for _ in range(3))
    half = pd.concat([train.iloc[: ROWS // 2], other.iloc[: ROWS // 2]], ignore_index=True)
    return {"train": train, "control": control, "copy": train, "other": other, "half": half}


def placed(table: pd.DataFrame, train: pd.DataFrame) -> Placed:
    """The rows as points, as `Gower` places them."""
    numbers = [c for c in train if c.startswith("n")]
    low, high = train[numbers].min(), train[numbers].max()
    scaled = np.clip(((table[numbers] - low) / (high - low)).to_numpy(), -1, 2).astype(np.float32)
    codes = np.column_stack([[int(v[1:]) for v in table[c]] for c in train if c.startswith("c")])
    return Placed(scaled, (codes + 3).astype(np.int32))


@pytest.fixture(scope="module")
def ours(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, attacks.Risk]]:
    train, control = (placed(tables[name], tables["train"]) for name in ("train", "control"))
    found = {}
    for name in ("copy", "other", "half"):
        released = placed(tables[name], tables["train"])
        found[name] = {
            "singling_out": attacks.singling_out(released, train, control, seed=1, attacks=ATTACKS),
            "linkability": attacks.linkability(released, train, control, seed=1, attacks=ATTACKS),
        }
    return found


@pytest.fixture(scope="module")
def theirs(
    interpreter: Path, tables: Mapping[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, list[float]]]:
    folder = tmp_path_factory.mktemp("tables")
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    columns = list(tables["train"].columns)
    halves = [[columns[int(i)] for i in half] for half in attacks.halves(len(columns), 1)]
    task = {
        "folder": str(folder),
        "tables": ["copy", "other", "half"],
        "halves": halves,
        "columns": attacks.COLUMNS,
        "attacks": ATTACKS,
        "seed": 1,
    }
    (folder / "task.json").write_text(json.dumps(task))
    done = subprocess.run(
        [str(interpreter), "-I", str(SCRIPT), str(folder / "task.json")], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, dict[str, list[float]]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.promise("attacks.12")
@pytest.mark.parametrize("release", ["copy", "other", "half"])
@pytest.mark.parametrize("kind", ["singling_out", "linkability"])
def test_both_programs_find_the_same_risk_within_their_intervals(ours, theirs, release: str, kind: str) -> None:
    mine, (_, low, high) = ours[release][kind], theirs[release][kind]
    assert mine.interval[0] <= high
    assert low <= mine.interval[1]


@pytest.mark.slow
@pytest.mark.promise("attacks.12")
def test_both_programs_order_the_releases_alike(ours, theirs) -> None:
    for kind in ("singling_out", "linkability"):
        mine = [ours[release][kind].value for release in ("other", "half", "copy")]
        other = [theirs[release][kind][0] for release in ("other", "half", "copy")]
        assert mine == sorted(mine)
        assert other == sorted(other)
        assert mine[2] > mine[0] + 0.1
