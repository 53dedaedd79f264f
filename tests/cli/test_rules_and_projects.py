"""Rules found and checked, and projects of datafaker, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from generators.rules.meaning import violations
from generators.schema import DatasetSchema
from generators.simulated import emergency_department, write_emergency_csv
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.promise("rules.3")
@pytest.mark.promise("rules.5")
def test_rules_are_found_written_into_the_schema_and_kept_in_generated_rows(run: Run, tmp_path: Path) -> None:
    write_emergency_csv(tmp_path / "visits.csv", rows=3000)
    ended = run("schema", "visits.csv", "--rules", "--out", "schema.json")
    assert ended.code == 0
    assert "rule: visits: wait_minutes <= los_minutes (always holds" in ended.err
    table = DatasetSchema.from_json((tmp_path / "schema.json").read_text()).tables[0]
    assert "heart_rate, spo2, temperature null together" in [r.text for r in table.rules]
    ended = run(
        "generate", "--data", "visits.csv", "--schema", "schema.json", "--generator", "marginal", "--rows", "2000", "--out", "made.parquet"
    )
    assert ended.code == 0
    made = pq.read_table(tmp_path / "made.parquet")
    kept = DatasetSchema((table,)).deidentified().tables[0]
    assert {r.text: int(violations(r, made, kept).sum()) for r in kept.rules} == {r.text: 0 for r in table.rules}


@pytest.mark.promise("rules.3")
def test_without_being_asked_rules_are_only_listed(run: Run, tmp_path: Path) -> None:
    write_emergency_csv(tmp_path / "visits.csv", rows=1500)
    ended = run("schema", "visits.csv", "--policy", "public")
    assert ended.code == 0
    assert "rule: visits: " in ended.err
    assert DatasetSchema.from_json(ended.out).tables[0].rules == ()


@pytest.mark.promise("rules.9")
def test_records_that_break_a_confirmed_rule_are_said_without_a_value(run: Run, tmp_path: Path) -> None:
    rows = emergency_department(1500)
    waits = pa.array([9999 if i < 2 else w for i, w in enumerate(rows["wait_minutes"].to_pylist())])
    pq.write_table(rows, tmp_path / "visits.parquet")
    assert run("schema", "visits.parquet", "--rules", "--out", "schema.json").code == 0
    pq.write_table(rows.set_column(rows.column_names.index("wait_minutes"), "wait_minutes", waits), tmp_path / "visits.parquet")
    ended = run("summarise", "visits.parquet", "--schema", "schema.json", "--out", "summary.json")
    assert ended.code == 0
    assert 'a few rows break the rule "wait_minutes is never more than los_minutes"' in ended.err
    assert "9999" not in ended.err


@pytest.mark.promise("rules.2")
def test_a_schema_with_a_rule_about_a_missing_column_is_refused_in_one_line(run: Run, tmp_path: Path) -> None:
    write_emergency_csv(tmp_path / "visits.csv", rows=300)
    assert run("schema", "visits.csv", "--out", "schema.json").code == 0
    schema = json.loads((tmp_path / "schema.json").read_text())
    schema["tables"][0]["rules"] = [{"name": "tall", "text": "height > 0"}]
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    ended = run("summarise", "visits.csv", "--schema", "schema.json", "--out", "summary.json")
    assert ended.code == 2
    assert ended.err.startswith('error: rule "tall" names column "height", which table "visits" lacks')
    assert not (tmp_path / "summary.json").exists()


def _project(folder: Path) -> None:
    columns = {
        "person_id": {"type": "BIGINT", "primary": True, "nullable": False},
        "sex": {"type": "VARCHAR(1)", "primary": False, "nullable": False},
    }
    use = {"name": "dist_gen.weighted_choice", "columns_assigned": ["sex"], "kwargs": {"a": 'SRC_STATS["auto__person__sex"]["results"]'}}
    results = [{"value": "F", "count": 510}, {"value": "M", "count": 487}, {"value": "Q", "count": 2}]
    parts = {
        "orm.yaml": {"tables": {"person": {"columns": columns, "unique": []}}},
        "config.yaml": {"tables": {"person": {"row_generators": [use]}}},
        "src-stats.yaml": {"auto__person__sex": {"queries": {}, "comments": [], "results": results}},
    }
    for name, content in parts.items():
        (folder / name).write_text(yaml.safe_dump(content))


@pytest.mark.promise("move.1")
@pytest.mark.promise("move.2")
def test_a_datafaker_project_is_imported_and_generated_from(run: Run, tmp_path: Path) -> None:
    _project(tmp_path)
    ended = run("import-datafaker", "--orm", "orm.yaml", "--config", "config.yaml", "--stats", "src-stats.yaml", "--out", "project")
    assert ended.code == 0
    assert sorted(p.name for p in (tmp_path / "project").iterdir()) == ["mechanism.json", "report.txt", "schema.json", "summary.json"]
    assert "- person.sex: 1 value(s) of fewer than 5 rows" in (tmp_path / "project" / "report.txt").read_text()
    assert all('"Q"' not in p.read_text() for p in (tmp_path / "project").iterdir())
    ended = run("generate", "--summary", "project/summary.json", "--generator", "marginal", "--rows", "400", "--out", "made.parquet")
    assert ended.code == 0
    assert set(pq.read_table(tmp_path / "made.parquet")["sex"].to_pylist()) == {"F", "M"}


@pytest.mark.promise("move.3")
def test_a_broken_project_is_one_line_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    _project(tmp_path)
    (tmp_path / "src-stats.yaml").write_text("auto__person__sex: !!python/name:os.system")
    ended = run("import-datafaker", "--orm", "orm.yaml", "--config", "config.yaml", "--stats", "src-stats.yaml", "--out", "project")
    assert ended.code == 2
    assert ended.err == "error: src-stats.yaml is not plain YAML (line 1)\n"
    assert not (tmp_path / "project").exists()
