"""The working copy: direct identifiers gone, keys as keyed tokens, nothing else changed."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.engine import arrow_schema
from generators.errors import InputError
from generators.reading.tables import read_dataset
from generators.schema import Kind, Role
from generators.working_copy.deidentify import deidentify
from tests.generators.input_files import KEY, only_table, parquet, read

SOURCE = "patient_id,surname,visit_id,age\nP1,Rusty,900,41\nP2,Florence,901,42\nP1,Rusty,902,41\n"


def token(value: str, key: bytes = KEY) -> str:
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.promise("deidentify.1")
def test_direct_identifiers_are_left_out_and_keys_become_tokens(tmp_path: Path) -> None:
    dataset = read(tmp_path, SOURCE)
    table = only_table(dataset)
    table = replace(table, columns=tuple(replace(c, kind=Kind.IDENTIFIER) if c.name == "visit_id" else c for c in table.columns))
    copy = deidentify(dataset.tables[0], table, KEY, tmp_path / "copy")
    found = pq.read_table(copy.path)
    assert found.schema.equals(arrow_schema(table.deidentified()))
    assert found.to_pydict() == {
        "patient_id": [token("P1"), token("P2"), token("P1")],
        "visit_id": [token("900"), token("901"), token("902")],
        "age": [41, 42, 41],
    }
    content = copy.path.read_bytes()
    assert b"Rusty" not in content
    assert copy.rows == 3


@pytest.mark.promise("deidentify.2")
def test_one_value_has_one_token_in_every_table_and_snapshot_and_another_under_another_key(tmp_path: Path) -> None:
    as_text = read_dataset(parquet(tmp_path, pa.table({"patient_id": ["5", "7"], "x": [1, 2]}), "a.parquet"), tmp_path / "w1")
    as_number = read_dataset(parquet(tmp_path, pa.table({"person_id": [7, 5], "y": [3, 4]}), "b.parquet"), tmp_path / "w2")
    one = deidentify(as_text.tables[0], only_table(as_text), KEY, tmp_path / "c1").path
    two = deidentify(as_number.tables[0], only_table(as_number), KEY, tmp_path / "c2").path
    other = deidentify(as_number.tables[0], only_table(as_number), b"another key of enough bytes", tmp_path / "c3").path
    tokens = pq.read_table(one).column("patient_id").to_pylist()
    assert tokens == [token("5"), token("7")]
    assert pq.read_table(two).column("person_id").to_pylist() == tokens[::-1]
    assert not set(pq.read_table(other).column("person_id").to_pylist()) & set(tokens)


@pytest.mark.promise("deidentify.2")
def test_both_spellings_of_an_nhs_number_are_one_person(tmp_path: Path) -> None:
    dataset = read(tmp_path, "nhs_number,n\n943 476 5919,1\n9434765919,2\n")
    table = only_table(dataset)
    assert table.column("nhs_number").role is Role.DIRECT_IDENTIFIER
    assert table.person_key == "nhs_number"
    found = pq.read_table(deidentify(dataset.tables[0], table, KEY, tmp_path / "copy").path).column("nhs_number").to_pylist()
    assert found == [token("9434765919")] * 2


@pytest.mark.promise("deidentify.3")
def test_a_missing_person_key_is_refused_with_count_and_place(tmp_path: Path) -> None:
    dataset = read(tmp_path, "patient_id,age\nP1,41\n,42\n,43\n")
    table = replace(only_table(dataset), person_key="patient_id")
    with pytest.raises(InputError) as caught:
        deidentify(dataset.tables[0], table, KEY, tmp_path / "copy")
    assert '"patient_id" is missing in 2 of 3 records (first: row 2)' in str(caught.value)
    assert list((tmp_path / "copy").iterdir()) == []


def test_a_short_key_is_refused_and_a_long_one_is_hmacs_own(tmp_path: Path) -> None:
    dataset = read(tmp_path, SOURCE)
    with pytest.raises(InputError, match="at least 16"):
        deidentify(dataset.tables[0], only_table(dataset), b"short", tmp_path / "copy")
    long = bytes(range(200))
    found = pq.read_table(deidentify(dataset.tables[0], only_table(dataset), long, tmp_path / "copy").path)
    assert found.column("patient_id").to_pylist()[0] == token("P1", long)


def test_other_missing_keys_stay_missing_and_tables_without_keys_pass(tmp_path: Path) -> None:
    dataset = read(tmp_path, "ward_id,age\nW1,41\n,42\n")
    table = only_table(dataset)
    keyed = replace(table, person_key=None, columns=(replace(table.columns[0], kind=Kind.IDENTIFIER, role=Role.OTHER), table.columns[1]))
    assert pq.read_table(deidentify(dataset.tables[0], keyed, KEY, tmp_path / "c1").path).column("ward_id").to_pylist() == [
        token("W1"),
        None,
    ]
    plain = replace(table, columns=(table.columns[1],))
    assert pq.read_table(deidentify(dataset.tables[0], plain, KEY, tmp_path / "c2").path).to_pydict() == {"age": [41, 42]}
