"""Keys that do not hold: each is one sentence with table, columns, rows and the way out, and nothing is written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from generators.errors import InputError
from generators.reading.dataset import Dataset
from generators.reading.tables import canonicalise, read_dataset
from generators.schema import DatasetSchema, ForeignKey, Kind, Role
from generators.working_copy.deidentify import deidentify_dataset
from generators.working_copy.relations import check_keys, key_problems
from tests.generators.input_files import KEY
from tests.generators.relational_world import Tables, hospital, read, write


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory: pytest.TempPathFactory) -> DatasetSchema:
    """The schema a steward confirmed, of data without a fault; nothing about uniqueness or missing values but what keys say."""
    schema = read(tmp_path_factory.mktemp("whole"), hospital(60)).schema
    tables = (replace(t, columns=tuple(replace(c, unique=False, nullable=True) for c in t.columns)) for t in schema.tables)
    return DatasetSchema(tuple(tables))


def broken(folder: Path, schema: DatasetSchema, fault: Callable[[Tables], object]) -> Dataset:
    tables = hospital(60)
    fault(tables)
    return read_dataset(write(folder / "files", tables), folder / "work", schema=schema)


def set_cell(tables: Tables, table: str, row: int, column: str, value: object) -> None:
    header, rows = tables[table]
    rows[row - 1][header.index(column)] = value


FAULTS = {
    "a dangling key": (
        lambda t: set_cell(t, "visits", 5, "ward_id", "W99"),
        'table "visits": "ward_id" refers in 1 row to what no row of table "wards" has in "ward_id" (first: row 5)',
    ),
    "a composite key that dangles": (
        lambda t: set_cell(t, "dispensed", 2, "line_no", 77),
        'table "dispensed": "visit_id", "line_no" refers in 1 row to what no row of table "visit_lines" has',
    ),
    "a primary key that repeats": (
        lambda t: t["patients"][1].append(["P00003", "F", 1950]),
        'table "patients": the primary key "patient_id" repeats an earlier row in 1 row (first: row 61)',
    ),
    "a primary key of two columns that repeats": (
        lambda t: t["visit_lines"][1].append(list(t["visit_lines"][1][0])),
        'table "visit_lines": the primary key "visit_id", "line_no" repeats an earlier row in 1 row',
    ),
    "a primary key that is missing": (
        lambda t: set_cell(t, "transfers", 4, "transfer_id", ""),
        'table "transfers": the primary key "transfer_id" is missing in 1 row (first: row 4)',
    ),
    "a person key that is missing": (
        lambda t: set_cell(t, "visits", 6, "patient_id", ""),
        'table "visits": the person key "patient_id" is missing in 1 row (first: row 6)',
    ),
    "a row that reaches nobody": (
        lambda t: set_cell(t, "dispensed", 3, "visit_id", ""),
        'table "dispensed": 1 row (first: row 3) reaches no person, because "visit_id" → visits is missing there',
    ),
}


@pytest.mark.promise("relations.5")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_keys_is_named_with_its_place(fault: str, confirmed: DatasetSchema, tmp_path: Path) -> None:
    broke, sentence = FAULTS[fault]
    dataset = broken(tmp_path, confirmed, broke)
    files = sorted(p.name for p in (tmp_path / "work").iterdir())
    with pytest.raises(InputError) as error:
        check_keys(dataset, confirmed)
    assert sentence in str(error.value)
    assert "W99" not in str(error.value)
    assert "P00003" not in str(error.value)
    assert sorted(p.name for p in (tmp_path / "work").iterdir()) == files


@pytest.mark.promise("relations.5")
def test_whole_keys_have_no_problem(confirmed: DatasetSchema, tmp_path: Path) -> None:
    assert key_problems(broken(tmp_path, confirmed, lambda _: None), confirmed) == ()


@pytest.mark.promise("relations.5")
def test_rows_that_reach_two_persons_are_refused_until_a_person_key_says_whose_they_are(tmp_path: Path) -> None:
    tables = hospital(60)
    visits = [row[0] for row in tables["visits"][1]]
    tables["exchanges"] = (["exchange_no", "giver_visit_id", "taker_visit_id"], [[7000 + i, v, visits[-1]] for i, v in enumerate(visits)])
    dataset = read(tmp_path, tables)
    with pytest.raises(InputError, match="reach one person through") as error:
        check_keys(dataset, dataset.schema)
    assert '"giver_visit_id" → visits and another through "taker_visit_id" → visits' in str(error.value)
    assert "give the table a person key" in str(error.value)


def changed(schema: DatasetSchema, table: str, column: str | None = None, **changes: object) -> DatasetSchema:
    """The schema with other attributes of a table, or of one of its columns."""
    old = schema.table(table)
    if column is None:
        new = replace(old, **changes)  # type: ignore[arg-type]
    else:
        new = replace(old, columns=tuple(replace(c, **changes) if c.name == column else c for c in old.columns))  # type: ignore[arg-type]
    return DatasetSchema(tuple(new if t.name == table else t for t in schema.tables))


@pytest.mark.promise("relations.5")
@pytest.mark.parametrize(
    ("table", "column", "changes", "sentence"),
    [
        ("deaths", None, {"public": True}, 'table "deaths" is marked public, which copies it whole, but its rows lead to persons'),
        ("transfers", None, {"public": True}, 'table "transfers" is marked public'),
        ("visits", "ward_id", {"kind": Kind.CATEGORICAL}, "stays as it is while the other becomes a token"),
        ("wards", "ward_id", {"role": Role.DIRECT_IDENTIFIER}, "one of the two is a direct identifier, which is left out"),
        ("visit_diagnoses", "diagnosis_code_id", {"kind": Kind.IDENTIFIER}, "is public and keeps its keys; make the column categorical"),
    ],
)
def test_a_schema_that_would_lose_its_references_or_publish_records_is_refused(
    table: str, column: str | None, changes: dict[str, object], sentence: str, confirmed: DatasetSchema, tmp_path: Path
) -> None:
    dataset = broken(tmp_path, confirmed, lambda _: None)
    assert any(sentence in problem for problem in key_problems(dataset, changed(confirmed, table, column, **changes)))


@pytest.mark.promise("relations.5")
def test_foreign_keys_in_a_circle_are_refused_with_their_names(confirmed: DatasetSchema) -> None:
    wards = replace(confirmed.table("wards"), foreign_keys=(ForeignKey(("title",), "visits", ("visit_id",)),))
    turned = DatasetSchema(tuple(wards if t.name == "wards" else t for t in confirmed.tables))
    with pytest.raises(InputError, match=r"round in a circle: .*wards\.title → visits"):
        DatasetSchema.from_json(turned.to_json())


@pytest.mark.promise("relations.5")
def test_a_working_copy_of_rows_that_reach_nobody_is_refused_and_nothing_is_left(confirmed: DatasetSchema, tmp_path: Path) -> None:
    dataset = broken(tmp_path, confirmed, lambda t: set_cell(t, "dispensed", 3, "visit_id", ""))
    with pytest.raises(InputError, match=r'table "dispensed": 1 of [\d,]+ records reach no person .*first: row 3'):
        deidentify_dataset(dataset, KEY, tmp_path / "copy")
    assert list((tmp_path / "copy").glob("*")) == []


@pytest.mark.promise("relations.6")
def test_a_folder_of_files_with_one_header_is_one_table(tmp_path: Path) -> None:
    tables = hospital(60)
    header, rows = tables.pop("visits")
    folder = write(tmp_path / "files", tables)
    write(folder / "visits", {"part-1": (header, rows[:20]), "part-2": (header, rows[20:])})
    dataset = read_dataset(folder, tmp_path / "work")
    assert dataset.table("visits").rows == len(rows)
    alone = read(tmp_path / "alone", hospital(60))
    assert dataset.schema.table("visits") == alone.schema.table("visits")
    assert dataset.table("visits").path.read_bytes() == alone.table("visits").path.read_bytes()


@pytest.mark.promise("relations.6")
def test_a_column_that_changes_kind_between_files_is_named_with_both_kinds(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "files" / "labs", {"a": (["n", "v"], [[i, i * 2] for i in range(30)]), "b": (["n", "v"], [[1, "high"]])}
    ).parent
    with pytest.raises(InputError) as error:
        read_dataset(folder, tmp_path / "work")
    assert 'column "v" of table "labs": "a.csv" holds whole numbers, "b.csv" text' in str(error.value)
    assert "high" not in str(error.value)
    assert list((tmp_path / "work").glob("**/*.parquet")) == []


@pytest.mark.promise("relations.6")
def test_a_column_empty_in_one_file_or_whole_in_one_and_decimal_in_the_other_is_one_column(tmp_path: Path) -> None:
    parts: Tables = {
        "a": (["n", "v", "w"], [[i, i * 2, ""] for i in range(30)]),
        "b": (["n", "v", "w"], [[i, i + 0.25, i] for i in range(30)]),
    }
    folder = write(tmp_path / "files" / "labs", parts).parent
    table = read_dataset(folder, tmp_path / "work").schema.table("labs")
    assert [(c.storage, c.decimals) for c in table.columns] == [("int64", None), ("float64", 2), ("int64", None)]


@pytest.mark.promise("relations.6")
def test_files_of_one_table_with_different_headers_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "files" / "labs", {"a": (["n", "v"], [[1, 2], [2, 3]]), "b": (["n", "unit"], [[1, 2], [2, 3]])}).parent
    with pytest.raises(InputError, match=r'table "labs": "b.csv" lacks the column "v" of "a.csv"'):
        read_dataset(folder, tmp_path / "work")


@pytest.mark.promise("relations.6")
def test_a_table_nobody_may_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place) / "files", {"open": (["a", "b"], [[1, 2], [3, 4]]), "shut": (["a", "b"], [[1, 2], [3, 4]])})
        os.chmod(place, 0o755)  # noqa: S103 - so that another account gets as far as the file
        (folder / "shut.csv").chmod(0)
        root = os.geteuid() == 0
        if root:
            (Path(place) / "work").mkdir()
            (Path(place) / "work").chmod(0o777)
            os.seteuid(65534)
        try:
            with pytest.raises(InputError, match=r'no permission to read "shut.csv"'):
                read_dataset(folder, Path(place) / "work")
        finally:
            if root:
                os.seteuid(0)


@pytest.mark.promise("relations.5")
def test_a_confirmed_schema_with_a_table_the_data_lack_is_refused(confirmed: DatasetSchema, tmp_path: Path) -> None:
    tables = hospital(60)
    del tables["deaths"]
    dataset = read(tmp_path, tables)
    with pytest.raises(InputError, match='the data have no table "deaths"'):
        canonicalise(dataset, confirmed, tmp_path / "out")
