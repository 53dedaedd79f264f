"""Places that fail: each time one sentence that names the table and the place, and neither a value nor an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.in_place.opening import open_place
from generators.in_place.schema_of import schema_of
from generators.in_place.summarising import summarise_in_place
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from generators.summary import MetadataSummary
from synthportal.cli.in_place import HeldOut, summarise

pytestmark = pytest.mark.promise("place.5")
SECRET = "a-password-nobody-sees"
SCHEMA = DatasetSchema(
    (
        TableSchema(
            "visits",
            (ColumnSchema("person_id", Kind.IDENTIFIER, "int64"), ColumnSchema("ward", Kind.CATEGORICAL, "string")),
            person_key="person_id",
        ),
    )
)
ROWS = "SELECT i % 90 AS person_id, 'ward ' || (i % 3) AS ward FROM generate_series(0, 499) AS s(i)"


@pytest.fixture
def warehouse(postgresql_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection of the owner, and WAREHOUSE: the address of an account that may only read."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgresql_server.url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA failing")
        owner.execute(f"CREATE TABLE failing.visits AS {ROWS}")
        owner.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
        owner.execute("GRANT USAGE ON SCHEMA failing TO reader; GRANT SELECT ON failing.visits TO reader")
        monkeypatch.setenv("WAREHOUSE", postgresql_server.url.replace("postgres@", f"reader:{SECRET}@"))
        yield owner
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
        owner.execute("DROP SCHEMA failing CASCADE")
        owner.execute("DROP OWNED BY reader; DROP ROLE reader")


def refused(place: Any) -> str:
    with pytest.raises(InputError) as caught:
        summarise_in_place(place, SCHEMA, POLICIES["internal"])
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert SECRET not in str(caught.value)
    assert "ward 1" not in str(caught.value)
    return str(caught.value)


def test_a_database_that_drops_half_way_is_named(warehouse: Any) -> None:
    with closing(open_place("postgresql:WAREHOUSE#failing")) as place:
        warehouse.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
        assert "the connection to postgresql:WAREHOUSE#failing was lost; nothing was kept" in refused(place)


def test_a_table_that_may_not_be_read_is_named(warehouse: Any) -> None:
    warehouse.execute("REVOKE SELECT ON failing.visits FROM reader")
    with closing(open_place("postgresql:WAREHOUSE#failing")) as place:
        assert 'table "visits": the account may not read it in postgresql:WAREHOUSE#failing' in refused(place)


def test_a_table_that_vanished_is_named(warehouse: Any) -> None:
    with closing(open_place("postgresql:WAREHOUSE#failing")) as place:
        warehouse.execute("CREATE TABLE failing.stays (a int); GRANT SELECT ON failing.stays TO reader; DROP TABLE failing.visits")
        assert 'table "visits": it, or a column of it, is not there (any more) in postgresql:WAREHOUSE#failing' in refused(place)


def test_nothing_can_be_written_and_the_data_stand_still(warehouse: Any) -> None:
    with closing(open_place("postgresql:WAREHOUSE#failing")) as place:
        before = summarise_in_place(place, SCHEMA, POLICIES["internal"]).to_json()
        warehouse.execute("UPDATE failing.visits SET ward = 'gone'")
        assert summarise_in_place(place, SCHEMA, POLICIES["internal"]).to_json() == before
        with pytest.raises(Exception, match="read-only"):
            place.connection.execute("CREATE TEMP TABLE t (a int)")  # type: ignore[attr-defined]


def test_an_address_that_leads_nowhere_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("WAREHOUSE", f"postgresql://me:{SECRET}@/db?host=/nowhere")
    with pytest.raises(InputError, match="postgresql:WAREHOUSE#public cannot be reached") as caught:
        open_place("postgresql:WAREHOUSE")
    assert SECRET not in str(caught.value)
    with pytest.raises(InputError, match="without its address or password") as caught:
        open_place(f"postgresql://me:{SECRET}@/db")
    assert SECRET not in str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE people (person_id BIGINT PRIMARY KEY, sex VARCHAR, surname VARCHAR)")
        connection.execute("INSERT INTO people SELECT i, CASE WHEN i % 2 = 0 THEN 'F' ELSE 'M' END, 'n' || i FROM range(90) AS s(i)")
        connection.execute(f"CREATE TABLE visits AS SELECT *, i AS visit_id, [1] AS nested FROM ({ROWS.replace('AS ward', 'AS ward, i')})")
    return path


@pytest.mark.promise("place.6")
def test_a_proposed_schema_has_kinds_and_keys_from_catalogue_and_counts_and_no_value(file: Path) -> None:
    with closing(open_place(str(file))) as place:
        schema, findings = schema_of(place)
        summary = summarise_in_place(place, schema, POLICIES["internal"])
    visits, people = schema.table("visits"), schema.table("people")
    assert (people.primary_key, people.person_key) == (("person_id",), "person_id")
    assert visits.foreign_keys == (ForeignKey(("person_id",), "people", ("person_id",)),)
    assert visits.column("ward").kind is Kind.CATEGORICAL
    assert "nested" not in visits.names
    assert any(f.column == "nested" and f.level == "warning" for f in findings)
    assert "surname" not in [c.name for c in summary.table("people").columns]
    assert "n17" not in schema.to_json() + repr(findings)


def test_a_column_of_an_unfit_type_or_value_is_named(file: Path) -> None:
    dates = DatasetSchema((TableSchema("visits", (ColumnSchema("ward", Kind.DATE, "date32"),)),))
    nested = DatasetSchema((TableSchema("visits", (ColumnSchema("nested", Kind.CATEGORICAL, "string"),)),))
    absent = DatasetSchema((TableSchema("visits", (ColumnSchema("age", Kind.INTEGER, "int64"),)),))
    with closing(open_place(str(file))) as place:
        for schema, words in ((dates, '"ward": 500 values are not date values'), (nested, '"nested": the place holds'), (absent, '"age"')):
            with pytest.raises(InputError, match=words):
                summarise_in_place(place, schema, POLICIES["internal"])


@pytest.mark.promise("place.6")
def test_keys_that_do_not_hold_are_named_with_counts(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("DELETE FROM people WHERE person_id = 7")
    with closing(open_place(str(file))) as place:
        people = TableSchema("people", (ColumnSchema("person_id", Kind.IDENTIFIER, "int64"),), "person_id", ("person_id",))
        key = ForeignKey(("person_id",), "people", ("person_id",))
        visits = TableSchema("visits", SCHEMA.tables[0].columns, "person_id", (), (key,))
        with pytest.raises(InputError, match='"person_id" refers to rows of table "people" that are not there, in 6 rows'):
            summarise_in_place(place, DatasetSchema((people, visits)), POLICIES["internal"])


@pytest.mark.promise("place.7")
def test_the_command_line_takes_a_place(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthportal.cli.commands import synthportal

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPLIT_KEY", "k" * 32)
    made = CliRunner().invoke(synthportal, ["schema", str(file), "--out", "schema.json"])
    assert made.exit_code == 0, made.output
    whole = ["summarise", str(file), "--schema", "schema.json"]
    for extra, out in (([], "all.json"), (["--holdout", "0.2", "--split-key", "SPLIT_KEY"], "train.json")):
        made = CliRunner().invoke(synthportal, [*whole, *extra, "--out", out])
        assert made.exit_code == 0, made.output
    everybody, train = (MetadataSummary.from_json((tmp_path / f"{n}.json").read_text()) for n in ("all", "train"))
    assert train.table("visits").persons < everybody.table("visits").persons


def test_nothing_is_saved_when_a_place_fails(file: Path, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(SCHEMA.to_json().replace("ward", "wing"))
    with pytest.raises(InputError, match='no column "wing"'):
        summarise(str(file), tmp_path / "schema.json", POLICIES["internal"], (), HeldOut(None, None), tmp_path / "summary.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["schema.json", "w.duckdb"]
