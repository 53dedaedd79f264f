"""One dataset of several tables and ugly values, in five places: its summary is the same bytes from each."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.in_place.duckdb_place import DuckPlace
from generators.in_place.opening import open_place
from generators.in_place.places import Place
from generators.in_place.summarising import summarise_in_place
from generators.in_place.views import Holdout
from generators.reading.tables import read_dataset
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, Role, TableSchema
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary
from generators.working_copy.deidentify import deidentify_dataset
from generators.working_copy.split import split

pytestmark = [pytest.mark.promise("place.2")]

PEOPLE, VISITS, READINGS = 1400, 5200, 6000
OWN = DisclosurePolicy("own", 1, minimum=8, rounding=10, minimum_table=100, date_unit="quarter", maximum_steps=40)
FEW_STEPS = replace(OWN, maximum_steps=10)


def _column(name: str, kind: Kind, storage: str, **more: Any) -> ColumnSchema:
    return ColumnSchema(name, kind, storage, **more)


SCHEMA = DatasetSchema(
    (
        TableSchema(
            "people",
            (
                _column("nhs", Kind.IDENTIFIER, "string", role=Role.DIRECT_IDENTIFIER),
                _column("person no", Kind.IDENTIFIER, "int64", unique=True),
                _column("sex", Kind.CATEGORICAL, "string"),
                _column("born", Kind.DATE, "date32", sentinels=("1900-01-01",)),
                _column("smokes", Kind.BOOLEAN, "bool"),
                _column('note "x"', Kind.FREE_TEXT, "string"),
            ),
            person_key="person no",
            primary_key=("person no",),
        ),
        TableSchema(
            "visits",
            (
                _column("visit", Kind.IDENTIFIER, "int64", unique=True),
                _column("person", Kind.IDENTIFIER, "int64"),
                _column("ward", Kind.CATEGORICAL, "string"),
                _column("word", Kind.CATEGORICAL, "string"),
                _column("band", Kind.CATEGORICAL, "int64"),
                _column("arrived", Kind.DATETIME, "timestamp[us]"),
                _column("clock", Kind.TIME, "string", format="%H:%M"),
                _column("minutes", Kind.INTEGER, "int64", sentinels=("-999",)),
                _column("huge", Kind.INTEGER, "int64"),
                _column("cost", Kind.REAL, "float64", decimals=2),
                _column("ratio", Kind.REAL, "float64"),
            ),
            person_key="person",
            primary_key=("visit",),
            foreign_keys=(ForeignKey(("person",), "people", ("person no",)),),
        ),
        TableSchema(
            "readings",
            (
                _column("visit", Kind.IDENTIFIER, "int64", nullable=False),
                _column("value", Kind.REAL, "float64", decimals=1),
                _column("taken", Kind.DATE, "date32", format="%Y%m%d"),
                _column("code", Kind.CATEGORICAL, "string"),
            ),
            foreign_keys=(ForeignKey(("visit",), "visits", ("visit",)),),
        ),
    )
)


def _tables() -> dict[str, pa.Table]:
    rng = np.random.default_rng(11)

    def often(values: list[Any], size: int, shape: float = 2.0) -> list[Any]:
        return [values[int(i)] for i in np.minimum(rng.random(size) ** shape * len(values), len(values) - 1)]

    def gaps(values: list[Any], share: float = 0.07) -> list[Any]:
        return [None if lost else v for v, lost in zip(values, rng.random(len(values)) < share, strict=True)]

    start = date(1923, 3, 31)
    people = {
        "nhs": [f"{400 + i % 7} {i:03d} {i * 7 % 10000:04d}" for i in range(PEOPLE)],
        "person no": [9000 + 3 * i for i in range(PEOPLE)],
        "sex": gaps(often(["F", "M", "f", "x"], PEOPLE, 3)),
        "born": gaps(
            [date(1900, 1, 1) if i % 40 == 0 else start + timedelta(days=int(d)) for i, d in enumerate(rng.integers(0, 36000, PEOPLE))]
        ),
        "smokes": gaps([bool(b) for b in rng.random(PEOPLE) < 0.2]),
        'note "x"': ['saw; him, "often"'] * PEOPLE,
    }
    who = np.minimum((rng.random(VISITS) ** 2 * (PEOPLE - 60)).astype(int), PEOPLE - 61)
    moments = [datetime(1969, 12, 30) + timedelta(seconds=int(s), microseconds=int(s) % 7) for s in rng.integers(0, 900 * 86400, VISITS)]
    words = ["Other", "Été", "été", "e\u0301te\u0301", "O'Brien", "a,b", 'say "x"', "zz", "Zz", "ß", "ss", "日本", "trail ", " lead"]
    words += [f"rare {i}" for i in range(40)]
    visits = {
        "visit": list(range(1, VISITS + 1)),
        "person": [people["person no"][i] for i in who],
        "ward": gaps(often(["North", "north", "North ward", "South", "ICU"], VISITS)),
        "word": gaps(often(words, VISITS, 2.5)),
        "band": gaps(often([3, 1, 2, -1, 40], VISITS, 1.5)),
        "arrived": gaps(moments),
        "clock": gaps([f"{int(m) // 60 % 24:02d}:{int(m) % 60:02d}" for m in rng.normal(780, 260, VISITS)]),
        "minutes": gaps([-999 if i % 30 == 0 else int(m) for i, m in enumerate(rng.gamma(2, 90, VISITS))]),
        "huge": gaps([int(n) for n in rng.integers(-(1 << 61), 1 << 61, VISITS)]),
        "cost": gaps([round(float(c), 2) * (-1.0 if c < 40 else 1.0) for c in rng.lognormal(5, 1.2, VISITS)]),
        "ratio": gaps([float(r) for r in rng.normal(0, 1e-3, VISITS)]),
    }
    for i in range(0, VISITS, 17):
        visits["cost"][i] = -0.0 if i % 2 else 0.0
    readings = {
        "visit": [int(v) for v in rng.integers(1, VISITS - 300, READINGS)],
        "value": gaps([round(float(v), 1) for v in rng.normal(37, 0.8, READINGS)]),
        "taken": gaps([date(2019, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 700, READINGS)]),
        "code": gaps(often([f"{c}{n:02d}" for c in "ABC" for n in range(20)], READINGS, 1.5)),
    }
    types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "date32": pa.date32()}
    made = {}
    for name, columns in {"people": people, "visits": visits, "readings": readings}.items():
        table = SCHEMA.table(name)
        made[name] = pa.table({c.name: pa.array(columns[c.name], types.get(c.storage, pa.timestamp("us"))) for c in table.columns})
    return made


TABLES = _tables()

UNDER_SPARK = {"people": ("person no", "sex", "born", "smokes"), "visits": ("person", "word", "arrived", "clock", "minutes", "cost")}
"""Fewer columns: each question takes Spark a second or more, however few rows there are."""


def schema_under_spark() -> DatasetSchema:
    tables = (replace(SCHEMA.table(n), columns=tuple(SCHEMA.table(n).column(c) for c in names)) for n, names in UNDER_SPARK.items())
    return DatasetSchema(tuple(replace(t, primary_key=()) if t.name == "visits" else t for t in tables))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("places")


@pytest.fixture(scope="module")
def parquet(home: Path) -> Path:
    folder = home / "parquet"
    folder.mkdir()
    for name, table in TABLES.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def local(data: Path, work: Path, policy: DisclosurePolicy, key: bytes | None = None, schema: DatasetSchema = SCHEMA) -> MetadataSummary:
    """What the local engine says of files; with a key, of the train part."""
    dataset = read_dataset(data, work / "read", schema=schema)
    if key is not None:
        parts = split(dataset.tables, SCHEMA, key=key, out=work / "split")
        dataset = read_dataset_of(parts.train, work)
    copy = deidentify_dataset(dataset, b"k" * 32, work / "copy")
    return summarise({t.name: t.path for t in copy.tables}, copy.schema, policy)


def read_dataset_of(paths: Any, work: Path) -> Any:
    from generators.reading.dataset import Dataset, TableFile

    return Dataset(tuple(TableFile(n, p, pq.read_metadata(p).num_rows, f"{n}.parquet") for n, p in paths.items()), SCHEMA, ())


@pytest.fixture(scope="module")
def expected(home: Path, parquet: Path) -> dict[str, str]:
    return {p.name: local(parquet, home / f"local-{p.name}", p).to_json() for p in (OWN, POLICIES["internal"], POLICIES["public"])}


@pytest.fixture(scope="module")
def in_duckdb(home: Path, parquet: Path) -> Path:
    """Types that differ from the canonical ones, and values that have to be made alike."""
    path = home / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA omop")
        for name in TABLES:
            connection.execute(f"CREATE TABLE omop.{name} AS FROM '{parquet / name}.parquet'")
        connection.execute("ALTER TABLE omop.readings ALTER taken TYPE VARCHAR USING strftime(taken, '%Y%m%d')")
        connection.execute("ALTER TABLE omop.visits ALTER minutes TYPE DECIMAL(9, 0)")
        connection.execute("ALTER TABLE omop.visits ALTER clock TYPE TIME USING CAST(clock || ':00' AS TIME)")
        connection.execute("UPDATE omop.visits SET cost = 'nan' WHERE cost IS NULL AND visit % 2 = 0")
        connection.execute("UPDATE omop.visits SET ward = '  ' WHERE ward IS NULL AND visit % 2 = 0")
        connection.execute("ALTER TABLE omop.visits ALTER arrived TYPE TIMESTAMPTZ USING arrived AT TIME ZONE 'UTC'")
    return path


PG_TYPES = {
    "string": "text",
    "int64": "bigint",
    "float64": "double precision",
    "bool": "boolean",
    "date32": "date",
    "timestamp[us]": "timestamp",
}
PG_OWN = {
    ("people", "sex"): "char(2)",
    ("visits", "minutes"): "numeric",
    ("visits", "cost"): "numeric(12, 2)",
    ("readings", "value"): "numeric",
    ("visits", "clock"): "time",
    ("visits", "band"): "smallint",
    ("visits", "arrived"): "timestamptz",
}


@pytest.fixture(scope="module")
def in_postgresql(postgresql_server: Any) -> Iterator[str]:
    """A schema of its own, under an environment variable that holds the address."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgresql_server.url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("CREATE SCHEMA warehouse")
        for table in SCHEMA.tables:
            names = [c.name.replace('"', '""') for c in table.columns]
            types = [PG_OWN.get((table.name, c.name), PG_TYPES[c.storage]) for c in table.columns]
            columns = ", ".join(f'"{n}" {t}' for n, t in zip(names, types, strict=True))
            connection.execute(f"CREATE TABLE warehouse.{table.name} ({columns})")
            with connection.cursor().copy(f"COPY warehouse.{table.name} FROM STDIN") as copy:
                for row in zip(*(TABLES[table.name][c.name].to_pylist() for c in table.columns), strict=True):
                    copy.write_row([_for_postgresql(v) for v in row])
    os.environ["WAREHOUSE_UNDER_TEST"] = postgresql_server.url
    yield "postgresql:WAREHOUSE_UNDER_TEST#warehouse"
    del os.environ["WAREHOUSE_UNDER_TEST"]
    with psycopg.connect(postgresql_server.url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '5s'")  # a test that failed may have left its transaction open
        connection.execute("DROP SCHEMA warehouse CASCADE")


def _for_postgresql(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) and math.isfinite(value) and abs(value) > 1 else value


@pytest.mark.promise("place.3")
@pytest.mark.parametrize("policy", ["own", "internal", "public"])
def test_a_duckdb_file_gives_the_summary_of_the_local_engine(in_duckdb: Path, expected: dict[str, str], policy: str) -> None:
    with closing(open_place(f"{in_duckdb}#omop")) as place:
        assert summarise_in_place(place, SCHEMA, {**POLICIES, "own": OWN}[policy]).to_json() == expected[policy]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_folder_of_files_gives_the_same_summary(suffix: str, parquet: Path, home: Path, expected: dict[str, str]) -> None:
    folder = parquet
    if suffix == "csv":
        folder = home / "csv"
        folder.mkdir()
        for name, table in TABLES.items():
            plain = table
            for i, c in enumerate(table.schema):
                if c.type == pa.date32() and c.name == "taken":
                    plain = plain.set_column(i, c.name, pa.compute.strftime(table[c.name].cast(pa.timestamp("s")), "%Y%m%d"))
            pa.csv.write_csv(plain, folder / f"{name}.csv")
        assert local(folder, home / "local-csv", OWN).to_json() == expected["own"]
    dataset = read_dataset(folder, home / f"read-{suffix}", schema=SCHEMA)
    with closing(DuckPlace.of_dataset(dataset, folder.name)) as place:
        assert summarise_in_place(place, SCHEMA, OWN).to_json() == expected["own"]


@pytest.mark.promise("place.3")
@pytest.mark.parametrize("policy", ["own", "public"])
def test_postgresql_gives_the_summary_of_the_local_engine(in_postgresql: str, expected: dict[str, str], policy: str) -> None:
    with closing(open_place(in_postgresql)) as place:
        assert summarise_in_place(place, SCHEMA, {**POLICIES, "own": OWN}[policy]).to_json() == expected[policy]


@pytest.mark.promise("place.4")
@pytest.mark.parametrize("where", ["duckdb", "postgresql"])
def test_the_train_part_in_place_is_the_one_the_split_makes(
    where: str, in_duckdb: Path, parquet: Path, home: Path, request: pytest.FixtureRequest
) -> None:
    place: Place = open_place(f"{in_duckdb}#omop" if where == "duckdb" else request.getfixturevalue("in_postgresql"))
    holdout = Holdout.of(0.2, b"a key that stays where it is " * 2, place.reference)
    with closing(place):
        summary = summarise_in_place(place, SCHEMA, OWN, holdout=holdout)
    assert summary.to_json() == local(parquet, home / f"split-{where}", OWN, holdout.derived).to_json()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("place.3")
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17, which is not on this machine")
def test_spark_gives_the_summary_of_the_local_engine(parquet: Path, home: Path) -> None:
    pytest.importorskip("pyspark")
    asked = Path(__file__).with_name("in_place_spark.py")
    out = home / "spark.json"
    subprocess.run([sys.executable, asked, parquet, out], check=True, cwd=home, env={**os.environ, "PYTHONPATH": str(asked.parents[2])})
    assert out.read_text() == local(parquet, home / "local-spark", FEW_STEPS, schema=schema_under_spark()).to_json()
