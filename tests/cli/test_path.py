"""From a file to evaluated synthetic rows, command by command and all at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from generators.schema import DatasetSchema, Role
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parent.parent.parent


def persons(file: Path) -> set[str]:
    return set(pq.read_table(file, columns=["patient_id"])["patient_id"].to_pylist())


@pytest.fixture
def parts(run: Run, visits: Path, place: Path) -> Path:
    assert run("split", visits, "--person", "patient_id", "--out", place / "parts").code == 0
    return place / "parts"


@pytest.fixture
def summary(run: Run, parts: Path, place: Path) -> Path:
    assert run("summarise", parts / "train.parquet", "--out", place / "summary.json").code == 0
    return place / "summary.json"


@pytest.mark.promise("cli.3")
def test_schema_proposes_kinds_roles_and_the_person_key_and_says_why(run: Run, visits: Path, place: Path) -> None:
    ended = run("schema", visits, "--out", "schema.json")
    assert ended.code == 0
    table = DatasetSchema.from_json((place / "schema.json").read_text()).tables[0]
    assert table.person_key == "patient_id"
    assert len(table.columns) == 22
    assert "note: visits.sex: a quasi-identifier" in ended.err


def test_schema_without_out_goes_to_standard_output_alone(run: Run, visits: Path, place: Path) -> None:
    ended = run("schema", visits)
    assert ended.code == 0
    assert DatasetSchema.from_json(ended.out).tables[0].name == "visits"
    assert list(place.iterdir()) == []


@pytest.mark.promise("cli.4")
def test_split_puts_nobody_on_both_sides_and_loses_no_row(visits: Path, parts: Path) -> None:
    train, holdout = persons(parts / "train.parquet"), persons(parts / "holdout.parquet")
    assert train
    assert holdout
    assert not train & holdout
    rows = sum(pq.read_metadata(parts / f"{side}.parquet").num_rows for side in ("train", "holdout"))
    assert rows == pa.csv.read_csv(visits).num_rows


@pytest.mark.promise("cli.4")
def test_split_is_the_same_whatever_the_order_of_the_rows(run: Run, visits: Path, parts: Path, place: Path) -> None:
    head, *lines = visits.read_text().splitlines()
    shuffled = place / "shuffled.csv"
    shuffled.write_text("\n".join([head, *sorted(lines, key=lambda line: line[::-1])]) + "\n")
    assert run("split", shuffled, "--person", "patient_id", "--out", "again").code == 0
    assert persons(place / "again" / "holdout.parquet") == persons(parts / "holdout.parquet")


def test_split_names_a_person_column_that_is_not_there(run: Run, visits: Path, place: Path) -> None:
    ended = run("split", visits, "--person", "nhs_number", "--out", "parts")
    assert ended.code == 2
    assert 'no table has a column "nhs_number"' in ended.err


@pytest.mark.promise("cli.5")
def test_summarise_holds_no_key_and_obeys_the_policy_it_is_given(run: Run, parts: Path, place: Path) -> None:
    (place / "mine.toml").write_text('name = "mine"\nversion = 1\nminimum = 20\nrounding = 20\nminimum_table = 40\n')
    assert run("summarise", parts / "train.parquet", "--policy", "mine.toml", "--out", "summary.json").code == 0
    text = (place / "summary.json").read_text()
    assert json.loads(text)["policy"]["minimum"] == 20
    assert not any(person in text for person in persons(parts / "train.parquet"))


@pytest.mark.promise("cli.5")
def test_a_table_smaller_than_the_policy_allows_is_refused_a_summary(run: Run, parts: Path, place: Path) -> None:
    ended = run("summarise", parts / "holdout.parquet", "--policy", "public", "--out", "summary.json")
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert not (place / "summary.json").exists()


@pytest.mark.promise("cli.6")
def test_generate_makes_the_same_bytes_from_a_summary_alone(run: Run, summary: Path, parts: Path, place: Path) -> None:
    for file in parts.iterdir():
        file.unlink()
    for name in ("one.parquet", "two.parquet"):
        assert run("generate", "--summary", summary, "--generator", "marginal", "--rows", 300, "--seed", 5, "--out", name).code == 0
    assert run("generate", "--summary", summary, "--generator", "marginal", "--rows", 300, "--seed", 6, "--out", "three.parquet").code == 0
    assert (place / "one.parquet").read_bytes() == (place / "two.parquet").read_bytes() != (place / "three.parquet").read_bytes()
    assert pq.read_metadata(place / "one.parquet").num_rows == 300


@pytest.mark.promise("cli.6")
def test_generate_writes_csv_parquet_or_a_folder(run: Run, summary: Path, place: Path) -> None:
    common = ("generate", "--summary", summary, "--generator", "marginal", "--rows", 50)
    for out in ("y.csv", "y.parquet", "y/"):
        assert run(*common, "--out", out).code == 0
    assert pa.csv.read_csv(place / "y.csv").num_rows == 50
    (made,) = (place / "y").iterdir()
    assert made.read_bytes() == (place / "y.parquet").read_bytes()
    assert run(*common, "--out", "y.xlsx").code == 2


@pytest.mark.promise("cli.6")
def test_generate_from_train_data_gives_what_the_summary_would(run: Run, summary: Path, parts: Path, place: Path) -> None:
    run("generate", "--summary", summary, "--generator", "marginal", "--rows", 99, "--seed", 5, "--out", "a.parquet")
    run("generate", "--data", parts / "train.parquet", "--generator", "marginal", "--rows", 99, "--seed", 5, "--out", "b.parquet")
    assert (place / "a.parquet").read_bytes() == (place / "b.parquet").read_bytes()


@pytest.mark.promise("cli.6")
def test_cells_that_a_spreadsheet_would_run_come_out_harmless(run: Run, place: Path) -> None:
    rows = [f"{i},{'=cmd()' if i % 2 else '@sum'},{i % 7}" for i in range(400)]
    (place / "cells.csv").write_text("id,note,number\n" + "\n".join(rows) + "\n")
    assert run("generate", "--data", "cells.csv", "--generator", "marginal", "--rows", 200, "--out", "y.csv").code == 0
    notes = pa.csv.read_csv(place / "y.csv")["note"].to_pylist()
    assert {note[:1] for note in notes if note} <= {"'", "O"}


def test_generate_needs_exactly_one_thing_to_generate_from(run: Run, summary: Path, parts: Path) -> None:
    common = ("--generator", "marginal", "--rows", 9, "--out", "y.csv")
    assert run("generate", *common).code == 2
    assert run("generate", "--summary", summary, "--data", parts / "train.parquet", *common).code == 2


def test_an_unknown_generator_is_answered_with_those_there_are(run: Run, summary: Path) -> None:
    ended = run("generate", "--summary", summary, "--generator", "wizard", "--rows", 9, "--out", "y.csv")
    assert ended.code == 2
    assert "marginal, structural" in ended.err


@pytest.mark.promise("cli.7")
def test_evaluate_writes_metrics_and_a_report(run: Run, summary: Path, parts: Path, place: Path) -> None:
    run("generate", "--summary", summary, "--generator", "marginal", "--rows", 1200, "--out", "y.parquet")
    ended = run(
        *("evaluate", "--train", parts / "train.parquet", "--holdout", parts / "holdout.parquet"),
        *("--synthetic", "y.parquet", "--target", "disposition", "--out", "found"),
    )
    assert ended.code == 0, ended.err
    metrics = json.loads((place / "found" / "metrics.json").read_text())
    assert metrics["verdict"]["passed"] is True
    assert {"pairwise_accuracy", "discriminator_auc", "target_auc"} <= {each["metric"] for each in metrics["results"]}
    assert (place / "found" / "report.html").read_text().lower().startswith("<!doctype html>")


@pytest.mark.promise("cli.7")
def test_a_failed_gate_is_exit_3_and_the_output_is_written(run: Run, stays: Path, place: Path) -> None:
    assert run("split", stays, "--person", "patient_id", "--out", "parts").code == 0
    ended = run(
        "evaluate",
        "--train",
        "parts/train.parquet",
        "--holdout",
        "parts/holdout.parquet",
        "--synthetic",
        "parts/train.parquet",
        "--out",
        "found",
    )
    assert ended.code == 3
    assert "verdict: a gate failed" in ended.err
    assert json.loads((place / "found" / "metrics.json").read_text())["verdict"]["passed"] is False
    assert (place / "found" / "report.html").exists()


@pytest.mark.promise("cli.8")
def test_run_does_all_of_it_the_same_for_the_same_seed(run: Run, stays: Path, place: Path) -> None:
    for name in ("one", "two"):
        assert run("run", stays, "--rows", 500, "--seed", 3, "--out", name).code == 0
    names = {"synthetic.parquet", "summary.json", "metrics.json", "report.html", "schema.json", "run.json"}
    assert {path.name for path in (place / "one").iterdir()} == names
    for name in sorted(names):
        assert (place / "one" / name).read_bytes() == (place / "two" / name).read_bytes(), name
    assert pq.read_metadata(place / "one" / "synthetic.parquet").num_rows == 500


@pytest.mark.promise("cli.8")
def test_run_leaves_no_value_that_only_one_person_has(run: Run, place: Path) -> None:
    secret = [f"Q{i:05d}Z" for i in range(600)]
    rows = [f"{each}ID,{each}NOTE,{each}NAME,{i % 5},{20 + i % 60}" for i, each in enumerate(secret)]
    (place / "d.csv").write_text("patient_id,remark,surname,ward,age\n" + "\n".join(rows) + "\n")
    ended = run("run", "d.csv", "--out", "results")
    assert ended.code in (0, 3), ended.err
    everything = b"".join(path.read_bytes() for path in sorted((place / "results").iterdir())) + (ended.out + ended.err).encode()
    everything += "".join(str(column.to_pylist()) for column in pq.read_table(place / "results" / "synthetic.parquet").columns).encode()
    assert not [each for each in secret if each.encode() in everything]


@pytest.mark.promise("cli.8")
def test_the_number_of_rows_tells_no_exact_count(run: Run, stays: Path, place: Path) -> None:
    assert run("run", stays, "--out", "results").code in (0, 3)
    assert pq.read_metadata(place / "results" / "synthetic.parquet").num_rows % 5 == 0
    assert json.loads((place / "results" / "run.json").read_text())["settings"]["rows"]["stays"] % 5 == 0


@pytest.mark.promise("cli.9")
def test_run_takes_its_settings_from_a_file_and_an_option_wins(run: Run, stays: Path, place: Path) -> None:
    (place / "pipeline.toml").write_text('generator = "structural"\nrows = 70\nseed = 2\nperson = "patient_id"\n')
    assert run("run", stays, "--config", "pipeline.toml", "--seed", 9, "--out", "results").code in (0, 3)
    record = json.loads((place / "results" / "run.json").read_text())
    assert record["settings"] == {"generator": "structural", "rows": 70, "seed": 9, "target": None}


@pytest.mark.promise("cli.9")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("genrator = 'marginal'\n", "unknown setting genrator; known: generator, learning, person"),
        ("rows = 'many'\n", "rows must be a whole number"),
        ("rows = true\n", "rows must be a whole number"),
        ("policy = 5\n", "policy must be a text"),
        ("rows = \n", "is not TOML"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(run: Run, visits: Path, place: Path, text: str, said: str) -> None:
    (place / "pipeline.toml").write_text(text)
    ended = run("run", visits, "--config", "pipeline.toml", "--out", "results")
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (place / "results").exists()


@pytest.mark.promise("cli.3")
def test_a_checked_schema_decides_what_is_dropped(run: Run, visits: Path, place: Path) -> None:
    run("schema", visits, "--out", "schema.json")
    raw = json.loads((place / "schema.json").read_text())
    for column in raw["tables"][0]["columns"]:
        if column["name"] == "ethnicity":
            column["role"] = str(Role.DIRECT_IDENTIFIER)
    (place / "schema.json").write_text(json.dumps(raw))
    assert run("summarise", visits, "--schema", "schema.json", "--out", "summary.json").code == 0
    assert "ethnicity" not in (place / "summary.json").read_text()


@pytest.mark.promise("cli.10")
def test_no_command_that_needs_no_server_loads_django(stays: Path, place: Path) -> None:
    program = (
        "import sys; from synthportal.cli.commands import synthportal\n"
        f"synthportal.main(['run', {str(stays)!r}, '--rows', '200', '--out', 'results'], standalone_mode=False)\n"
        "sys.exit('django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=place, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0


@pytest.mark.promise("cli.8")
@pytest.mark.slow
def test_a_folder_of_tables_goes_all_the_way(run: Run, stays: Path, place: Path) -> None:
    (place / "data").mkdir()
    (place / "data" / "stays.csv").write_bytes(stays.read_bytes())
    (place / "data" / "wards.csv").write_text("ward,beds\n" + "".join(f"W{i % 9},{i % 30}\n" for i in range(400)))
    ended = run("run", "data", "--rows", 300, "--out", "results")
    assert ended.code in (0, 3), ended.err
    assert {path.name for path in (place / "results" / "synthetic").iterdir()} == {"stays.parquet", "wards.parquet"}
    assert "<summary>wards</summary>" in (place / "results" / "report.html").read_text()
    assert [t["table"] for t in json.loads((place / "results" / "metrics.json").read_text())["tables"]] == ["stays", "wards"]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.promise("cli.8")
@pytest.mark.parametrize("name", ["nass_crash", "er_like"])
def test_run_works_on_the_reference_data(run: Run, shared_data: Path, place: Path, name: str) -> None:
    ended = run("run", shared_data / f"{name}.parquet", "--rows", 500, "--out", "results")
    assert ended.code in (0, 3), ended.err
    assert pq.read_metadata(place / "results" / "synthetic.parquet").num_rows == 500
