"""`synthportal generate` on datasets of several tables."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Run
from tests.generators.hospital import SCHEMA, SUMMARY, concepts


@pytest.fixture
def summary(place: Path) -> Path:
    (place / "hospital.json").write_text(json.dumps({**SUMMARY.as_dict(), "schema": SCHEMA.as_dict()}))
    (place / "vocabulary").mkdir()
    concepts(place / "vocabulary")
    return place / "hospital.json"


@pytest.mark.promise("generate.25")
@pytest.mark.promise("generate.28")
def test_a_dataset_is_generated_into_folders_and_a_duckdb_file(run: Run, summary: Path, place: Path) -> None:
    common = ("generate", "--summary", summary, "--generator", "marginal", "--seed", 3)
    sized = ("--rows", "person=200", "--rows", "ward=8")
    made = run(*common, *sized, "--public", place / "vocabulary", "--out", "made/")
    assert made.code == 0
    tables = {file.stem: pq.read_table(file) for file in (place / "made").iterdir()}
    assert set(tables) == {t.name for t in SCHEMA.tables}
    assert (tables["person"].num_rows, tables["ward"].num_rows) == (200, 8)
    assert run(*common, *sized, "--public", place / "vocabulary", "--workers", 2, "--out", "made.duckdb").code == 0
    with duckdb.connect(place / "made.duckdb", read_only=True) as database:
        for name, table in tables.items():
            assert database.sql(f"SELECT count(*) FROM {name}").fetchone() == (table.num_rows,)
    csv = run(*common, "--scale", 0.1, "--format", "csv", "--out", "texts/")
    assert csv.code == 0
    assert len((place / "texts" / "person.csv").read_text().splitlines()) == 101
    assert 'the public table "concept" was not copied' in csv.err
    assert not (place / "texts" / "concept.csv").exists()


def test_what_cannot_be_is_refused_with_one_line(run: Run, summary: Path, place: Path) -> None:
    common = ("generate", "--summary", summary, "--generator", "marginal")
    for options, message in (
        (("--rows", "visit=5", "--out", "x/"), 'the rows of table "visit" follow'),
        (("--rows", 5, "--scale", 2, "--out", "x/"), "either a number of rows or a scale"),
        (("--out", "x/"), "either a number of rows or a scale"),
        (("--rows", "person=none", "--out", "x/"), "or TABLE=N"),
        (("--rows", 5, "--rows", "person=5", "--out", "x/"), "one number for all tables"),
        (("--rows", 5, "--out", "x.parquet"), "there are 13 tables"),
        (("--rows", 5, "--out", "postgresql://me:hush@host/db"), "write postgresql:NAME#SCHEMA"),
        (("--rows", 5, "--format", "csv", "--out", "x.duckdb"), "--format is for folders"),
    ):
        refused = run(*common, *options)
        assert refused.code == 2
        assert message in refused.err
        assert "hush" not in refused.err
    assert not (place / "x").exists()
