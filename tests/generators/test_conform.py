"""Whether code written against a release would fit the real table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generators.conform import conform, fits
from generators.schema import DatasetSchema, Kind, TableSchema
from tests.generators.input_files import only_table, read

SOURCE = "patient_id,surname,seen,age,sex,t\n" + "".join(
    f"P{i % 20},Name{i % 11},{1 + i % 28:02d}/0{1 + i % 9}/2020,{20 + i},{'fm'[i % 2]},{36 + i % 5}.{i % 10}\n" for i in range(60)
)


def release(folder: Path) -> DatasetSchema:
    folder.mkdir()
    return read(folder, SOURCE).schema.deidentified()


def changed(schema: DatasetSchema, name: str, **change: object) -> DatasetSchema:
    (table,) = schema.tables
    return DatasetSchema((replace(table, columns=tuple(replace(c, **change) if c.name == name else c for c in table.columns)),))  # type: ignore[arg-type]


@pytest.mark.promise("input.12")
def test_the_table_a_release_was_made_from_fits_it(tmp_path: Path) -> None:
    found = conform(read(tmp_path, SOURCE), release(tmp_path / "r"))
    assert fits(found)
    assert [str(m) for m in found] == ['column "surname" of table "visits" is not in the release']


@pytest.mark.promise("input.12")
def test_missing_and_misspelt_columns_do_not_fit_and_extra_ones_are_notes(tmp_path: Path) -> None:
    schema = release(tmp_path / "r")
    dataset = read(tmp_path, SOURCE.replace("age,sex", "Age,gender"))
    found = {(m.level, m.sentence) for m in conform(dataset, schema)}
    assert ("mismatch", 'column "age" is spelt "Age" in the data') in found
    assert ("mismatch", 'the data have no column "sex" of table "visits"') in found
    assert ("note", 'column "gender" of table "visits" is not in the release') in found


@pytest.mark.promise("input.12", "input.2")
def test_values_of_another_kind_are_counted_and_not_shown(tmp_path: Path) -> None:
    schema = release(tmp_path / "r")
    dataset = read(tmp_path, SOURCE.replace(",25,", ",Zebedee,"))
    found = conform(dataset, schema)
    assert not fits(found)
    text = "\n".join(map(str, found))
    assert 'column "age" of table "visits": 1 of 60 values are not whole numbers (first: row 6)' in text
    assert "Zebedee" not in text


@pytest.mark.promise("input.12")
def test_formats_codes_and_missing_values_are_compared(tmp_path: Path) -> None:
    schema = release(tmp_path / "r")
    dataset = read(tmp_path, SOURCE)
    text = "\n".join(str(m) for m in conform(dataset, changed(schema, "seen", format="%Y-%m-%d")))
    assert "the data are written as %d/%m/%Y, the release as %Y-%m-%d" in text
    text = "\n".join(str(m) for m in conform(dataset, changed(schema, "sex", codes=("f",))))
    assert "30 of 60 values are not in the column's code list" in text
    gaps = read(tmp_path, SOURCE.replace(",25,", ",,"))
    assert "1 of 60 values are missing" in "\n".join(str(m) for m in conform(gaps, schema))


@pytest.mark.promise("input.12")
def test_keys_need_only_be_there(tmp_path: Path) -> None:
    schema = release(tmp_path / "r")
    numbers = read(tmp_path, SOURCE.replace("P", "7"))
    assert only_table(numbers).column("patient_id").storage == "int64"
    assert fits(conform(numbers, schema))


def test_a_lone_table_is_compared_whatever_its_name_and_tables_by_name_else(tmp_path: Path) -> None:
    schema = release(tmp_path / "r")
    dataset = read(tmp_path, SOURCE, "other.csv")
    found = conform(dataset, schema)
    assert fits(found)
    assert 'table "other" of the data is compared with table "visits" of the release' in str(found[0])
    two = DatasetSchema((*schema.tables, TableSchema("wards", schema.tables[0].columns)))
    assert {str(m) for m in conform(dataset, two)} == {
        'the data have no table "visits"',
        'the data have no table "wards"',
        'table "other" of the data is not in the release',
    }


def test_whole_numbers_fit_where_the_release_has_decimals_and_not_the_other_way(tmp_path: Path) -> None:
    schema = release(tmp_path / "r")
    dataset = read(tmp_path, SOURCE)
    assert fits(conform(dataset, changed(schema, "age", kind=Kind.REAL, storage="float64", decimals=1)))
    found = conform(dataset, changed(schema, "t", kind=Kind.INTEGER, storage="int64", decimals=None))
    assert "are not whole numbers" in "\n".join(map(str, found))
