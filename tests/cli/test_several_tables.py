"""A folder of tables on the command line: keys proposed and checked, the split through them, the summary of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generators.schema import DatasetSchema
from generators.summary import MetadataSummary
from tests.cli.conftest import Run
from tests.generators.relational_world import hospital, write


@pytest.mark.promise("relations.11")
def test_a_folder_of_tables_goes_from_schema_to_summary(run: Run, place: Path) -> None:
    folder = write(place / "hospital", hospital(400))
    ended = run("schema", folder, "--out", "schema.json")
    assert ended.code == 0
    assert 'note: transfers.from_ward_id: refers to "wards.ward_id"' in ended.err
    assert "warning: diagnosis_codes: taken as a vocabulary" in ended.err
    schema = DatasetSchema.from_json((place / "schema.json").read_text())
    assert schema.table("visit_lines").primary_key == ("visit_id", "line_no")

    ended = run("split", folder, "--schema", "schema.json", "--out", "parts")
    assert ended.code == 0
    assert 'table "wards" has no person' in ended.err
    train = sorted(p.stem for p in (place / "parts" / "train").iterdir())
    assert train == sorted(t.name for t in schema.tables)

    ended = run("summarise", "parts/train", "--schema", "schema.json", "--out", "summary.json")
    assert ended.code == 0
    raw = json.loads((place / "summary.json").read_text())
    summary = MetadataSummary.from_dict(raw)
    assert {(r.child, r.parent) for r in summary.relationships} >= {("visits", "patients"), ("deaths", "patients")}
    assert summary.table("wards").withheld
    assert "P00001" not in json.dumps(raw)


@pytest.mark.promise("relations.11")
@pytest.mark.parametrize("command", ["split", "summarise"])
def test_keys_that_do_not_hold_are_one_line_and_leave_nothing(run: Run, place: Path, command: str) -> None:
    tables = hospital(80)
    assert run("schema", write(place / "whole", tables), "--out", "schema.json").code == 0
    tables["dispensed"][1][2][0] = ""
    tables["deaths"][1][0][0] = "P99999"
    folder = write(place / "broken", tables)
    text = (place / "schema.json").read_text().replace('"nullable": false', '"nullable": true')
    (place / "schema.json").write_text(text)
    ended = run(command, folder, "--schema", "schema.json", "--out", "out.json" if command == "summarise" else "out")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert 'table "dispensed"' in ended.err or 'table "deaths"' in ended.err
    assert "P99999" not in ended.err
    assert not list(place.glob("out*"))


@pytest.mark.promise("gates.28")
def test_codes_of_a_public_vocabulary_are_no_rare_values_for_the_gates(run: Run, place: Path) -> None:
    codes = [f"K{i:02d}" for i in range(40)]
    people = "".join(f"P{i:04d},{codes[i % 8 if i % 100 else i // 100 + 8]},{20 + i * 7 % 60}\n" for i in range(900))
    (place / "two").mkdir()
    (place / "two" / "people.csv").write_text("patient_id,code,age\n" + people)
    (place / "two" / "codes.csv").write_text("code,label\n" + "".join(f"{c},Complaint {c}\n" for c in codes))
    ended = run("run", place / "two", "--generator", "structural", "--out", "results")
    assert 'warning: table "codes": taken as a vocabulary' in ended.err
    made = (place / "results" / "synthetic" / "people.parquet").exists()
    outcomes = {o["gate"]: o for o in json.loads((place / "results" / "metrics.json").read_text())["verdict"]["outcomes"]}
    assert made
    assert outcomes["rare_values"]["passed"], outcomes["rare_values"]["sentence"]
