"""Whole datasets: keys, partitions, processes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from generators import registry
from generators.errors import Cancelled, InputError
from generators.generating.layout import PERSONS, layout
from generators.generating.partition import make_partition, partition_numbers
from generators.generating.plan import WITHHELD_ROWS, Plan
from generators.generating.sandbox import generate_confined
from generators.registry import generate, mechanism_for, planned
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from generators.summary import Cell, Distribution, RelationshipSummary
from tests.generators.hospital import SCHEMA, SUMMARY, concepts, key, shared, summary_of, to

MARGINAL = mechanism_for("marginal", SCHEMA, SUMMARY)
STRUCTURAL = mechanism_for("structural", SCHEMA)
PERSONS_AND_WARDS = {"person": 3000, "ward": 25}


@pytest.fixture(scope="module", params=["marginal", "structural"])
def made(request, tmp_path_factory):
    """Every table by name, made in many partitions."""
    folder = tmp_path_factory.mktemp("made")
    public = concepts(tmp_path_factory.mktemp("public"))
    mechanism = mechanism_for(request.param, SCHEMA, SUMMARY)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(registry, "PARTITION", 5000)
        files = generate(mechanism, SCHEMA, SUMMARY, PERSONS_AND_WARDS, 11, folder, public=public)
    assert [f.table for f in files] == [t.name for t in SCHEMA.tables]
    return {f.table: pq.read_table(f.path) for f in files}


def broken_keys(schema: DatasetSchema, tables: dict[str, pa.Table]) -> list[str]:
    """Everything a database would refuse."""
    engine, wrong = duckdb.connect(), []
    for name, table in tables.items():
        engine.register(name, table)
    for table in schema.tables:
        for column in table.columns:
            if (not column.nullable or column.name in table.primary_key) and tables[table.name][column.name].null_count:
                wrong.append(f"{table.name}.{column.name} misses values")
        unique = [table.primary_key] if table.primary_key else []
        unique += [(c.name,) for c in table.columns if c.unique]
        for columns in unique:
            rows, different = engine.sql(f"SELECT count(*), count(DISTINCT row({', '.join(columns)})) FROM {table.name}").fetchone()
            if rows != different:
                wrong.append(f"{table.name} {columns}: {rows - different} rows not unique")
        for k in table.foreign_keys:
            if k.parent in tables:
                on = " AND ".join(f"c.{a} = p.{b}" for a, b in zip(k.columns, k.parent_columns, strict=True))
                there = " AND ".join(f"c.{a} IS NOT NULL" for a in k.columns)
                query = f"SELECT count(*) FROM {table.name} c WHERE {there} AND NOT EXISTS (SELECT 1 FROM {k.parent} p WHERE {on})"
                (dangling,) = engine.sql(query).fetchone()
                if dangling:
                    wrong.append(f"{table.name} → {k.parent}: {dangling} rows dangle")
    return wrong


@pytest.mark.promise("generate.20")
def test_every_key_holds_and_nothing_is_missing_that_may_not_be(made):
    assert broken_keys(SCHEMA, made) == []
    assert all(table.num_rows for table in made.values())


@pytest.mark.promise("generate.20")
def test_a_row_that_refers_to_a_person_twice_refers_to_the_same_one(made):
    visits = dict(zip(made["visit"]["visit_id"].to_pylist(), made["visit"]["person_id"].to_pylist(), strict=True))
    diagnoses = dict(zip(made["diagnosis"]["diagnosis_id"].to_pylist(), made["diagnosis"]["person_id"].to_pylist(), strict=True))
    drugs = dict(zip(made["drug"]["drug_id"].to_pylist(), made["drug"]["person_id"].to_pylist(), strict=True))
    for name in ("diagnosis", "drug"):
        for row in made[name].to_pylist():
            assert row["visit_id"] is None or visits[row["visit_id"]] == row["person_id"]
    for row in made["visit"].to_pylist():
        assert row["preceding"] is None or (visits[row["preceding"]] == row["person_id"] and row["preceding"] < row["visit_id"])
    assert all(drugs[row["drug_id"]] == diagnoses[row["diagnosis_id"]] for row in made["treated"].to_pylist())


@pytest.mark.promise("generate.21")
def test_children_come_as_often_as_the_summary_says(tmp_path):
    generate(MARGINAL, SCHEMA, SUMMARY, {"person": 6000, "ward": 25}, 3, tmp_path)
    engine = duckdb.connect()
    for child, parent, expected in (
        ("visit", "person", {0: 1 / 3, 2: 1 / 3, 4: 1 / 3}),
        ("diagnosis", "person", {0: 0.25, 3: 0.5, 6: 0.25}),
        ("drug", "visit", {0: 0.5, 2: 0.5}),
    ):
        column = f"{parent}_id"
        counts = engine.sql(
            f"SELECT n, count(*) / sum(count(*)) OVER () FROM (SELECT p.{column}, count(c.{column}) AS n FROM"
            f" '{tmp_path}/{parent}.parquet' p"
            f" LEFT JOIN '{tmp_path}/{child}.parquet' c ON c.{column} = p.{column} GROUP BY ALL) GROUP BY n"
        ).fetchall()
        assert set(dict(counts)) == set(expected)
        assert all(abs(share - expected[n]) < 0.03 for n, share in counts)
    deaths = pq.read_table(tmp_path / "death.parquet")
    assert pc.count_distinct(deaths["person_id"]).as_py() == deaths.num_rows
    assert 0.28 < deaths.num_rows / 6000 < 0.39  # two deaths of a person become one
    diagnoses = pq.read_table(tmp_path / "diagnosis.parquet")
    assert abs(diagnoses["visit_id"].null_count / diagnoses.num_rows - 0.8) < 0.02
    assert set(pq.read_table(tmp_path / "visit.parquet")["visit_concept"].unique().to_pylist()) == {9201, 9202}
    assert not (tmp_path / "concept.parquet").exists()


@pytest.mark.promise("generate.22")
def test_keys_are_issued_as_the_source_stored_them(made):
    assert made["person"].schema.field("person_id").type == pa.int64()
    assert made["diagnosis"].schema.field("visit_id").type == pa.int64()
    assert made["person"]["person_id"].to_pylist() == list(range(1, 3001))
    assert made["provider"]["provider_id"].to_pylist()[0] == "SYN-000000001"
    assert made["visit"]["visit_id"].to_pylist() == list(range(1, made["visit"].num_rows + 1))


@pytest.mark.promise("generate.23")
def test_a_partition_is_the_same_wherever_and_whenever_it_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "PARTITION", 4000)
    plan = planned(MARGINAL, SCHEMA, SUMMARY, PERSONS_AND_WARDS, 5)
    assert len(partition_numbers(plan, "person")) > 5
    number = partition_numbers(plan, "person")[3]
    first = make_partition(plan, number)
    again = make_partition(Plan.from_dict(json.loads(json.dumps(plan.as_dict()))), number)
    assert first.keys() == again.keys()
    assert all(first[name].equals(again[name]) for name in first)
    alone = make_partition(plan, number, frozenset(("drug",)))
    assert alone.keys() == {"drug"}
    assert alone["drug"].equals(first["drug"])
    generate(MARGINAL, SCHEMA, SUMMARY, PERSONS_AND_WARDS, 5, tmp_path)
    whole = pq.read_table(tmp_path / "drug.parquet")
    part = plan.parts[number]
    assert whole.slice(part.firsts["drug"], part.each["drug"]).equals(first["drug"])
    assert {name: pq.read_metadata(tmp_path / f"{name}.parquet").num_rows for name in plan.totals} == plan.totals


@pytest.mark.slow
@pytest.mark.promise("generate.23")
def test_the_bytes_do_not_depend_on_the_number_of_processes(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "PARTITION", 4000)
    one, three = (generate(MARGINAL, SCHEMA, SUMMARY, PERSONS_AND_WARDS, 5, tmp_path / str(n), workers=n) for n in (1, 3))
    assert [f.sha256 for f in one] == [f.sha256 for f in three]


@pytest.mark.promise("generate.27")
def test_confined_whole_datasets_are_the_same_bytes(tmp_path):
    confined = generate_confined(MARGINAL, SCHEMA, SUMMARY, 300, 5, tmp_path / "confined", public=concepts(tmp_path))
    plain = generate(MARGINAL, SCHEMA, SUMMARY, 300, 5, tmp_path / "plain", public=concepts(tmp_path))
    assert [(f.table, f.sha256) for f in confined.files] == [(f.table, f.sha256) for f in plain]


@pytest.mark.slow
@pytest.mark.promise("generate.24")
def test_cancelling_ends_all_processes_and_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "PARTITION", 2000)

    def cancel(stage, fraction, rows=None, total=None):
        if fraction > 0.3:
            raise Cancelled

    for workers in (1, 2):
        with pytest.raises(Cancelled):
            generate(MARGINAL, SCHEMA, SUMMARY, PERSONS_AND_WARDS, 5, tmp_path, cancel, workers=workers)
        assert os.listdir(tmp_path) == []
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not [c for c in children if b"generators.generating.workers" in Path(f"/proc/{c}/cmdline").read_bytes()]


@pytest.mark.slow
def test_what_a_worker_refuses_is_refused_with_its_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "PARTITION", 100)
    table = TableSchema("t", (key("k"), ColumnSchema("yes", Kind.BOOLEAN, "bool", unique=True)), primary_key=("k",))
    schema = DatasetSchema((table,))
    for workers in (1, 2):
        with pytest.raises(InputError, match='column "yes" must be different in every row'):
            generate(mechanism_for("structural", schema), schema, None, 500, 1, tmp_path, workers=workers)
        assert os.listdir(tmp_path) == []


@pytest.mark.promise("generate.25")
def test_a_scale_multiplies_the_released_numbers():
    plan = planned(MARGINAL, SCHEMA, SUMMARY, None, 1, scale=2.5)
    assert plan.roots == {"person": 2500, "ward": 50}
    assert abs(plan.totals["visit"] / 5000 - 1) < 0.06
    few = replace(SUMMARY, tables=tuple(replace(t, rows=None, persons=0) if t.name == "ward" else t for t in SUMMARY.tables))
    assert planned(mechanism_for("marginal", SCHEMA, few), SCHEMA, few, None, 1, scale=2).roots["ward"] == 2 * WITHHELD_ROWS
    for rows, scale, message in (
        (None, None, "either a number of rows or a scale"),
        (5, 2.0, "either a number of rows or a scale"),
        ({"person": 10, "ward": 5, "visit": 9}, None, 'the rows of table "visit" follow'),
        ({"person": 10}, None, 'table "ward" must be at least 1'),
        (None, 0.0, "more than 0"),
    ):
        with pytest.raises(InputError, match=message):
            planned(MARGINAL, SCHEMA, SUMMARY, rows, 1, scale=scale)
    with pytest.raises(InputError, match="needs a metadata summary"):
        planned(STRUCTURAL, SCHEMA, None, None, 1, scale=2)


@pytest.mark.promise("generate.26")
def test_persons_whom_no_table_lists_are_the_same_in_every_table(tmp_path):
    visits = TableSchema("visits", (key("v"), key("nhs", issued=None)), person_key="nhs", primary_key=("v",))
    tests = TableSchema(
        "tests",
        (key("t"), key("nhs", issued=None), key("v", nullable=True)),
        person_key="nhs",
        primary_key=("t",),
        foreign_keys=(to("visits", "v"),),
    )
    schema = DatasetSchema((visits, tests))
    relations = (
        RelationshipSummary("visits", ("nhs",), PERSONS, 500, shared(_1=1, _2=1)),
        RelationshipSummary("tests", ("nhs",), PERSONS, 500, shared(_0=1, _4=1)),
        RelationshipSummary("tests", ("v",), "visits", 700, shared(_0=1, _1=1), Cell("missing", 500, 500)),
    )
    summary = replace(summary_of(schema), relationships=relations)
    assert layout(schema).roots == (PERSONS,)
    mechanism = mechanism_for("marginal", schema, summary)
    assert planned(mechanism, schema, summary, None, 1, scale=2).roots == {PERSONS: 1000}
    files = generate(mechanism, schema, summary, 1000, 2, tmp_path)
    made = {f.table: pq.read_table(f.path) for f in files}
    assert broken_keys(schema, made) == []
    assert pc.count_distinct(made["visits"]["nhs"]).as_py() == 1000
    assert set(made["tests"]["nhs"].to_pylist()) <= set(made["visits"]["nhs"].to_pylist())
    whose = dict(zip(made["visits"]["v"].to_pylist(), made["visits"]["nhs"].to_pylist(), strict=True))
    assert all(row["v"] is None or whose[row["v"]] == row["nhs"] for row in made["tests"].to_pylist())


@pytest.mark.promise("generate.26")
def test_tables_that_hang_on_visits_of_persons_without_a_table(tmp_path):
    visits = TableSchema("visits", (key("v"), key("nhs", issued=None)), person_key="nhs", primary_key=("v",))
    scans = TableSchema(
        "scans", (key("s"), key("v"), key("of")), primary_key=("s",), foreign_keys=(to("visits", "v"), to("scans", "of", theirs=("s",)))
    )
    schema = DatasetSchema((visits, scans))
    summary = replace(summary_of(schema), relationships=(RelationshipSummary("scans", ("v",), "visits", 700, shared(_0=1, _2=1)),))
    (visit_file, scan_file) = generate(mechanism_for("marginal", schema, summary), schema, summary, 4000, 2, tmp_path)
    made = {"visits": pq.read_table(visit_file.path), "scans": pq.read_table(scan_file.path)}
    assert made["visits"].num_rows == 4000
    assert 0.4 < pc.count_distinct(made["visits"]["nhs"]).as_py() / 4000 < 0.6
    assert broken_keys(schema, made) == []


def test_a_reference_to_a_composite_key_of_another_tree_holds(tmp_path):
    room = TableSchema(
        "room",
        (key("ward_id"), ColumnSchema("number", Kind.INTEGER, "int64", nullable=False)),
        primary_key=("ward_id", "number"),
        foreign_keys=(to("ward", "ward_id"),),
    )
    stay = TableSchema(
        "stay",
        (key("stay_id"), key("p"), key("ward_id"), ColumnSchema("number", Kind.INTEGER, "int64", nullable=False)),
        person_key="p",
        primary_key=("stay_id",),
        foreign_keys=(to("room", "ward_id", "number"),),
    )
    ward = SCHEMA.table("ward")
    schema = DatasetSchema((stay, room, ward))
    made = {f.table: pq.read_table(f.path) for f in generate(mechanism_for("structural", schema), schema, None, 200, 2, tmp_path)}
    assert broken_keys(schema, made) == []


def test_a_key_whose_rows_must_differ_limits_the_rows(tmp_path):
    bed = TableSchema("bed", (key("bed_id"),), primary_key=("bed_id",))
    lease = TableSchema(
        "lease", (key("lease_id"), replace(key("bed_id"), unique=True)), primary_key=("lease_id",), foreign_keys=(to("bed", "bed_id"),)
    )
    stay = TableSchema(
        "stay",
        (key("stay_id"), key("p"), replace(key("bed_id"), unique=True)),
        person_key="p",
        primary_key=("stay_id",),
        foreign_keys=(to("bed", "bed_id"),),
    )
    schema = DatasetSchema((bed, lease, stay))
    made = {
        f.table: pq.read_table(f.path)
        for f in generate(mechanism_for("structural", schema), schema, None, {"bed": 50, "stay": 80}, 2, tmp_path)
    }
    assert broken_keys(schema, made) == []
    assert made["stay"].num_rows == 50
    assert 0 < made["lease"].num_rows <= 50


def test_rows_without_their_driver_come_at_the_released_share(tmp_path):
    sample = TableSchema(
        "sample", (key("sample_id"), key("person_id", nullable=True)), primary_key=("sample_id",), foreign_keys=(to("person", "person_id"),)
    )
    person = TableSchema("person", (key("person_id"),), person_key="person_id", primary_key=("person_id",))
    schema = DatasetSchema((person, sample))
    relation = RelationshipSummary("sample", ("person_id",), "person", 1000, shared(_0=1, _2=1), Cell("missing", 250, 250))
    summary = replace(summary_of(schema), relationships=(relation,))
    assert layout(schema).places["sample"].driver == ForeignKey(("person_id",), "person", ("person_id",))
    made = {
        f.table: pq.read_table(f.path) for f in generate(mechanism_for("marginal", schema, summary), schema, summary, 4000, 2, tmp_path)
    }
    assert broken_keys(schema, made) == []
    assert abs(made["sample"]["person_id"].null_count / made["sample"].num_rows - 0.25) < 0.03


def test_a_primary_key_that_cannot_be_kept_is_refused(tmp_path):
    person = SCHEMA.table("person")
    flag = TableSchema(
        "flag",
        (key("person_id"), ColumnSchema("flag", Kind.CATEGORICAL, "string", nullable=False)),
        person_key="person_id",
        primary_key=("person_id", "flag"),
        foreign_keys=(to("person", "person_id"),),
    )
    schema = DatasetSchema((replace(person, foreign_keys=()), flag))
    with pytest.raises(InputError, match=r'table "flag": its primary key \(person_id, flag\) cannot be kept unique'):
        generate(mechanism_for("structural", schema), schema, None, 200, 2, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.promise("generate.27")
def test_public_tables_are_copied_whole_and_their_keys_used(tmp_path):
    public = concepts(tmp_path)
    files = generate(STRUCTURAL, SCHEMA, None, 50, 1, tmp_path / "out", public=public)
    copied = next(f for f in files if f.table == "concept")
    assert copied.path.read_bytes() == public["concept"].read_bytes()
    assert copied.rows == 3
    assert not copied.path.is_symlink()
    used = set(pq.read_table(tmp_path / "out" / "visit.parquet")["visit_concept"].unique().to_pylist())
    assert used == {9201, 9202, 9203}
    with pytest.raises(InputError, match='public table "concept" is not among the files'):
        generate(STRUCTURAL, SCHEMA, None, 50, 1, tmp_path / "no", public={})
    withheld = replace(SUMMARY, tables=tuple(_emptied(t) if t.name == "visit" else t for t in SUMMARY.tables))
    mechanism = mechanism_for("marginal", SCHEMA, withheld)
    files = generate(mechanism, SCHEMA, withheld, 500, 1, tmp_path / "withheld", public=public)
    assert set(pq.read_table(tmp_path / "withheld" / "visit.parquet")["visit_concept"].unique().to_pylist()) == {9201, 9202, 9203}


def _emptied(table):
    emptied = [replace(c, absent="withheld", distribution=Distribution()) if c.name == "visit_concept" else c for c in table.columns]
    return replace(table, columns=tuple(emptied))


LINKS = (
    TableSchema("drug", (key("drug_id"),), primary_key=("drug_id",)),
    TableSchema("site", (key("site_id"),), primary_key=("site_id",)),
    TableSchema("person", (key("person_id"),), person_key="person_id", primary_key=("person_id",)),
)


@pytest.mark.promise("generate.20")
def test_a_primary_key_of_three_references_never_comes_twice(tmp_path):
    link = TableSchema(
        "link",
        (key("person_id"), key("drug_id"), key("site_id")),
        person_key="person_id",
        primary_key=("person_id", "drug_id", "site_id"),
        foreign_keys=(to("person", "person_id"), to("drug", "drug_id"), to("site", "site_id")),
    )
    schema = DatasetSchema((*LINKS, link))
    generate(mechanism_for("structural", schema), schema, None, {"person": 4000, "drug": 2, "site": 2}, 1, tmp_path)
    made = pq.read_table(tmp_path / "link.parquet")
    assert made.num_rows > 4000
    assert made.group_by(made.column_names).aggregate([]).num_rows == made.num_rows


@pytest.mark.promise("generate.20")
def test_a_primary_key_of_references_into_tables_apart_is_refused(tmp_path):
    link = TableSchema(
        "link",
        (key("person_id"), key("drug_id"), key("site_id")),
        person_key="person_id",
        primary_key=("drug_id", "site_id"),
        foreign_keys=(to("person", "person_id"), to("drug", "drug_id"), to("site", "site_id")),
    )
    schema = DatasetSchema((*LINKS, link))
    with pytest.raises(InputError, match=r'table "link": its primary key \(drug_id, site_id\) only repeats keys'):
        generate(mechanism_for("structural", schema), schema, None, 10, 1, tmp_path)
