"""The scripts that travel with a release: they run, on the release alone, and say a score."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from releases import examples
from releases.capsule.build import CapsuleTable, build
from releases.capsule.layout import DISCLAIMER, CapsuleRefused
from releases.capsule.manifest import Made
from releases.capsule.verify import check_unsigned
from tests.capsule.world import REPORT, description

SCHEMA = EMERGENCY_SCHEMA.deidentified()


def capsule(folder: Path, schema: DatasetSchema, table: pa.Table, tier: str = "privately-sourced") -> Path:
    """A capsule of one table, with its examples."""
    folder.mkdir(exist_ok=True)
    name = schema.tables[0].name
    pq.write_table(table, folder / "table.parquet")
    pyarrow.csv.write_csv(table, folder / "table.csv")
    said = replace(description(), tier=tier, access_level="safeguarded", made=Made("any", "1", "ab" * 32, 1, len(table), None, 1))
    build(
        folder / "capsule",
        said,
        tables=[CapsuleTable(name, folder / "table.parquet", folder / "table.csv", len(table))],
        schema=schema.as_dict(),
        report_json=json.dumps(REPORT),
        report_html="<!doctype html><title>Report</title>",
        examples=examples.scripts(schema, {name: name}),
    )
    return folder / "capsule"


@pytest.fixture(scope="module")
def emergency(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = emergency_department(rows=900, seed=4).select([column.name for column in SCHEMA.tables[0].columns])
    return capsule(tmp_path_factory.mktemp("emergency"), SCHEMA, table)


def run(script: Path, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-I", str(script)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.promise("utility.9")
def test_the_scikit_learn_example_runs_on_the_release_alone_and_prints_its_score(emergency: Path, tmp_path: Path) -> None:
    printed = run(emergency / "examples/train_scikit_learn.py", tmp_path)
    score, guess = (float(x) for x in re.search(r"balanced accuracy (\S+) on \d+ rows held back; guessing gives (\S+)\n", printed).groups())
    assert score > guess + 0.2


@pytest.mark.promise("utility.9")
def test_the_torch_example_runs_on_the_release_alone_and_prints_its_score(emergency: Path, tmp_path: Path) -> None:
    script = emergency / "examples/train_torch.py"
    ast.parse(script.read_text())
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed (extra: learned); the script was only parsed")
    assert "balanced accuracy" in run(script, tmp_path)


@pytest.mark.promise("utility.9")
def test_examples_of_a_number_run_too_whatever_columns_are_called(tmp_path: Path) -> None:
    odd = 'los "days" \\ {said}\u2028'
    columns = (
        ColumnSchema("person", Kind.IDENTIFIER, "string"),
        ColumnSchema(odd, Kind.REAL, "float64"),
        ColumnSchema("seen", Kind.DATE, "date32"),
        ColumnSchema("empty", Kind.REAL, "float64"),
    )
    n = 200
    table = pa.table(
        {
            "person": [f"p{i // 2}" for i in range(n)],
            odd: [float(i) for i in range(n)],
            "seen": pa.array([-100_000 + 7 * i for i in range(n)], pa.int32()).cast(pa.date32()),
            "empty": pa.nulls(n, pa.float64()),
        }
    )
    built = capsule(tmp_path / "odd", DatasetSchema((TableSchema("t", columns, person_key="person"),)), table)
    for script in sorted((built / "examples").iterdir()):
        if "torch" in script.name and importlib.util.find_spec("torch") is None:
            continue
        score = float(re.search(r"R squared (\S+) on", run(script, tmp_path))[1])
        assert score > 0.8


@pytest.mark.promise("utility.10")
def test_examples_are_files_of_the_manifest_named_in_the_readme_and_hold_no_figure(emergency: Path) -> None:
    manifest, _ = check_unsigned(emergency)
    found = {entry.path: entry for entry in manifest.files if entry.role == "example"}
    assert set(found) == {"examples/train_scikit_learn.py", "examples/train_torch.py"}
    for path, entry in found.items():
        text = (emergency / path).read_text()
        assert entry.media_type.startswith("text/x-python")
        assert DISCLAIMER in text
        assert f"`{path}`" in (emergency / "README.md").read_text()
    names = {SCHEMA.tables[0].name: SCHEMA.tables[0].name}
    assert examples.scripts(SCHEMA, names) == examples.scripts(SCHEMA, names)


@pytest.mark.promise("utility.10")
def test_nothing_to_predict_gives_no_example_and_structural_releases_have_none(tmp_path: Path) -> None:
    only = DatasetSchema((TableSchema("t", (ColumnSchema("id", Kind.IDENTIFIER, "string"), ColumnSchema("a", Kind.REAL, "float64"))),))
    assert examples.scripts(only, {"t": "t"}) == {}
    table = emergency_department(rows=20, seed=4).select([column.name for column in SCHEMA.tables[0].columns])
    with pytest.raises(CapsuleRefused, match="nothing to learn"):
        capsule(tmp_path / "structural", SCHEMA, table, "structural")


@pytest.mark.promise("utility.9")
def test_too_few_rows_end_an_example_with_a_sentence(tmp_path: Path) -> None:
    table = emergency_department(rows=30, seed=4).select([column.name for column in SCHEMA.tables[0].columns])
    built = capsule(tmp_path / "few", SCHEMA, table)
    done = subprocess.run(
        [sys.executable, "-I", str(built / "examples/train_scikit_learn.py")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("This release has too few rows")
