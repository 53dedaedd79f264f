"""Whole datasets delivered: to CSV, DuckDB, PostgreSQL, and made under Spark."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from generators import registry
from generators.errors import Cancelled, InputError
from generators.fitting.estimator import fit
from generators.generating.delivery import PostgresqlSchema, to_csv, to_duckdb, to_postgresql
from generators.generating.partition import make_partition, partition_numbers
from generators.registry import generate, mechanism_for, planned
from generators.schema import ColumnSchema, DatasetSchema, Kind
from tests.generators.hospital import SCHEMA, SUMMARY, concepts
from tests.generators.learned_world import CLINIC, world

WANTED = {"person": 400, "ward": 12}
TYPED = DatasetSchema(
    tuple(
        replace(
            t,
            columns=(
                *t.columns,
                ColumnSchema("note", Kind.FREE_TEXT, "string"),
                ColumnSchema("alive", Kind.BOOLEAN, "bool"),
                ColumnSchema("weight", Kind.REAL, "float64", decimals=1),
                ColumnSchema("seen", Kind.DATETIME, "timestamp[us]"),
            ),
        )
        if t.name == "person"
        else t
        for t in SCHEMA.tables
    )
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    public = concepts(tmp_path_factory.mktemp("public"))
    made = generate(mechanism_for("structural", TYPED), TYPED, None, WANTED, 4, tmp_path_factory.mktemp("made"), public=public)
    return {f.table: f.path for f in made}


def rows(table: pa.Table) -> list[tuple]:
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)


@pytest.mark.promise("generate.28")
def test_a_duckdb_file_holds_the_same_rows_under_declared_keys(files, tmp_path):
    to_duckdb(files, TYPED, tmp_path / "x.duckdb")
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as database:
        for name, path in files.items():
            assert rows(database.sql(f"FROM {name}").to_arrow_table()) == rows(pq.read_table(path)), name
        constraints = database.sql("SELECT table_name, constraint_type FROM duckdb_constraints()").fetchall()
    assert ("drug", "FOREIGN KEY") in constraints
    assert ("death", "PRIMARY KEY") in constraints
    assert ("visit", "NOT NULL") in constraints
    with pytest.raises(InputError, match=r"x\.duckdb exists already"):
        to_duckdb(files, TYPED, tmp_path / "x.duckdb")


@pytest.mark.promise("generate.28")
def test_keys_that_do_not_hold_are_refused_by_duckdb_and_nothing_is_left(files, tmp_path):
    broken = pq.read_table(files["death"])
    pq.write_table(pa.concat_tables([broken, broken.slice(0, 1)]), tmp_path / "death.parquet")
    with pytest.raises(InputError, match=r'writing "x\.duckdb"') as refusal:
        to_duckdb({**files, "death": tmp_path / "death.parquet"}, TYPED, tmp_path / "x.duckdb")
    assert str(broken["person_id"][0]) not in str(refusal.value)
    assert os.listdir(tmp_path) == ["death.parquet"]


@pytest.mark.promise("generate.28")
def test_csv_files_hold_the_same_rows(files, tmp_path):
    paths = to_csv(files, TYPED, tmp_path)
    assert set(paths) == set(files)
    for name in ("visit", "provider", "day"):
        read = pa.csv.read_csv(paths[name], convert_options=pa.csv.ConvertOptions(strings_can_be_null=True))
        assert rows(read) == rows(pq.read_table(files[name]))


@pytest.mark.slow
@pytest.mark.promise("generate.28")
def test_an_empty_postgresql_schema_takes_the_same_rows_by_copy(files, postgresql_server, monkeypatch):
    import psycopg

    monkeypatch.setenv("SYNTHETIC_DATABASE", postgresql_server.url)
    target = PostgresqlSchema.of("postgresql:SYNTHETIC_DATABASE#synthetic data")

    def cancel(stage, fraction, done=None, total=None):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        to_postgresql(files, TYPED, target, progress=cancel)
    to_postgresql(files, TYPED, target)
    with psycopg.connect(postgresql_server.url) as database:
        for name, path in files.items():
            columns = TYPED.table(name).names
            found = database.execute(f'SELECT {", ".join(columns)} FROM "synthetic data".{name}').fetchall()
            assert sorted(found, key=repr) == rows(pq.read_table(path).select(columns)), name
        kinds = "SELECT contype, count(*) FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace WHERE nspname = %s GROUP BY 1"
        constraints = dict(database.execute(kinds, ("synthetic data",)).fetchall())
        assert constraints["f"] == sum(len(t.foreign_keys) for t in TYPED.tables)
        assert constraints["p"] == len(TYPED.tables)
    with pytest.raises(InputError, match=r"postgresql:SYNTHETIC_DATABASE#synthetic data is not empty: it holds 13"):
        to_postgresql(files, TYPED, target)


@pytest.mark.slow
@pytest.mark.promise("generate.28")
def test_keys_that_do_not_hold_leave_the_database_as_it_was(files, postgresql_server, monkeypatch, tmp_path):
    import psycopg

    monkeypatch.setenv("SYNTHETIC_DATABASE", postgresql_server.url)
    broken = pq.read_table(files["death"])
    pq.write_table(pa.concat_tables([broken, broken.slice(0, 1)]), tmp_path / "death.parquet")
    with pytest.raises(InputError, match=r"did not take the tables \(UniqueViolation\)"):
        to_postgresql({**files, "death": tmp_path / "death.parquet"}, TYPED, PostgresqlSchema("SYNTHETIC_DATABASE", "broken"))
    with psycopg.connect(postgresql_server.url) as database:
        assert database.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'broken'").fetchone() == (0,)


@pytest.mark.promise("generate.28")
def test_an_address_is_referred_to_and_never_shown(files, monkeypatch):
    for wrong in ("postgresql://me:hush@host/db", "postgresql:NAME", "postgresql:#x"):
        with pytest.raises(InputError, match="write postgresql:NAME#SCHEMA") as refusal:
            PostgresqlSchema.of(wrong)
        assert "hush" not in str(refusal.value)
    monkeypatch.setenv("NOWHERE", "postgresql://me:hush@/db?host=/nonexistent")
    with pytest.raises(InputError, match="could not be reached") as refusal:
        to_postgresql(files, TYPED, PostgresqlSchema.of("postgresql:NOWHERE/x"))
    assert "hush" not in str(refusal.value)


@pytest.fixture(scope="module")
def spark():
    if shutil.which("java") is None:
        pytest.skip("Java is not on this machine (apt-get install openjdk-17-jre-headless)")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYSPARK_PYTHON", sys.executable)
        patched.setenv("PYSPARK_DRIVER_PYTHON", sys.executable)
        patched.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        sql = pytest.importorskip("pyspark.sql")
        built = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
        built = built.config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.session.timeZone", "UTC")
        session = built.config("spark.sql.execution.arrow.useLargeVarTypes", "false").getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
        yield session
        session.stop()


@pytest.mark.slow
@pytest.mark.promise("generate.29")
def test_spark_makes_the_same_rows(spark, monkeypatch):
    from generators.generating.spark import frame

    monkeypatch.setattr(registry, "PARTITION", 2000)
    for mechanism, schema, summary, name in (
        (mechanism_for("marginal", SCHEMA, SUMMARY), SCHEMA, SUMMARY, "diagnosis"),
        (mechanism_for("structural", TYPED), TYPED, None, "person"),
    ):
        plan = planned(mechanism, schema, summary, WANTED, 9)
        assert len(partition_numbers(plan, name)) > 1
        local = pa.concat_tables([make_partition(plan, n)[name] for n in partition_numbers(plan, name)], promote_options="permissive")
        assert rows(frame(spark, plan, name).toArrow()) == rows(local)
    with pytest.raises(InputError, match='makes no table "concept"'):
        frame(spark, plan, "concept")


def test_generating_needs_neither_spark_nor_postgresql():
    program = "import sys; import generators.registry, generators.generating.delivery; print({'pyspark', 'psycopg'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.slow
@pytest.mark.promise("learned.4")
def test_spark_makes_the_rows_of_a_learned_generator(spark, tmp_path, monkeypatch):
    from generators.generating.spark import frame

    monkeypatch.setattr("generators.fitting.fitted.PARTITION", 400)
    monkeypatch.setattr("generators.fitting.fitted.LEAST_ROWS", 1)
    clinic = world(tmp_path / "clinic", CLINIC)
    fitted = fit("copula", clinic.train, clinic.schema)
    plan = fitted.plan(200, 7)
    here = pa.concat_tables([p["visit"] for p in fitted.sample(200, 7)]).sort_by("visit_id").to_pylist()
    assert [r.asDict() for r in frame(spark, plan, "visit", fitted).orderBy("visit_id").collect()] == here
    assert len(plan.parts) > 1
