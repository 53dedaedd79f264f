"""What changed between the schema of one snapshot and the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generators.drift import compare
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, Role, TableSchema

AGE = ColumnSchema("age", Kind.INTEGER, "int64", nullable=False)
SEX = ColumnSchema("sex", Kind.CATEGORICAL, "string", codes=("f", "m"))
SEEN = ColumnSchema("seen", Kind.DATE, "date32", format="%Y-%m-%d")
TABLE = TableSchema("visits", (AGE, SEX, SEEN), person_key="age")
OLD = DatasetSchema((TABLE,))


def sentences(table: TableSchema) -> list[str]:
    return [change.sentence for change in compare(OLD, DatasetSchema((table,)))]


@pytest.mark.promise("register.4")
def test_the_same_schema_has_not_drifted_whatever_the_order_of_columns() -> None:
    assert compare(OLD, OLD) == ()
    assert sentences(replace(TABLE, columns=(SEEN, AGE, SEX))) == []


@pytest.mark.promise("register.4")
def test_added_and_removed_columns_are_named() -> None:
    new = replace(TABLE, columns=(AGE, SEX, ColumnSchema("ward", Kind.CATEGORICAL, "string")))
    assert sentences(new) == [
        'column "seen" of table "visits" is no longer there',
        'column "ward" of table "visits" is new: categorical, other',
    ]


@pytest.mark.promise("register.4")
@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (replace(AGE, kind=Kind.REAL), 'the kind of column "age" of table "visits" was integer and is now real'),
        (replace(AGE, nullable=True), 'column "age" of table "visits" now has missing values'),
        (replace(AGE, role=Role.SENSITIVE), 'the disclosure role of column "age" of table "visits" was other and is now sensitive'),
        (replace(AGE, unique=True), 'column "age" of table "visits" now has a different value in every record'),
    ],
)
def test_every_part_of_a_column_is_compared(new: ColumnSchema, sentence: str) -> None:
    assert sentences(replace(TABLE, columns=(new, SEX, SEEN))) == [sentence]


@pytest.mark.promise("register.4")
def test_keys_formats_and_code_lists_are_compared() -> None:
    new = replace(TABLE, person_key=None, columns=(AGE, replace(SEX, codes=("f", "x", "u")), replace(SEEN, format="%d/%m/%Y")))
    assert sentences(new) == [
        'column "sex" of table "visits": its code list has 2 new codes and 1 fewer',
        'the format of column "seen" of table "visits" was %Y-%m-%d and is now %d/%m/%Y',
        'the person key of table "visits" was "age" and is now none',
    ]
    assert all(change.breaking for change in compare(OLD, DatasetSchema((new,))))


@pytest.mark.promise("register.4")
def test_tables_come_and_go() -> None:
    found = compare(OLD, DatasetSchema((replace(TABLE, name="stays"),)))
    assert [(c.table, c.what, c.breaking) for c in found] == [("visits", "removed", True), ("stays", "added", False)]


@pytest.mark.promise("register.4")
def test_changed_references_and_vocabularies_are_named() -> None:
    ward = TableSchema("wards", (ColumnSchema("ward_id", Kind.IDENTIFIER, "string"),))
    visit = TableSchema("visits", (ColumnSchema("ward_id", Kind.IDENTIFIER, "string"),))
    key = ForeignKey(("ward_id",), "wards", ("ward_id",))
    old = DatasetSchema((ward, replace(visit, foreign_keys=(key,))))
    new = DatasetSchema((replace(ward, public=True), visit))
    assert [(c.what, c.breaking, str(c)) for c in compare(old, new)] == [
        ("public", True, 'table "wards" is now a vocabulary, copied whole'),
        ("foreign keys", True, 'table "visits" no longer refers to "wards" by "ward_id"'),
    ]
    assert str(compare(new, old)[1]) == 'table "visits" now refers to "wards" by "ward_id"'
