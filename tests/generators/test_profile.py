"""What is proposed to the steward: kinds, keys, roles, and a reason for each; never a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from generators.reading.dataset import Dataset
from generators.schema import Kind, Role
from tests.generators.input_files import column, only_table, read, said

DISTRICTS = ("N1", "SW10", "E6", "NW17", "EC1A", "W2")


def hospital(folder: Path, rows: int = 200) -> Dataset:
    lines = ["visit_id,patient_id,age,sex,postcode_district,imd_decile,died,diagnosis_code,complaint,admission_date"]
    words = ["chest", "head", "belly", "knee", "back", "sore", "dizzy", "sudden", "since", "fall"]
    for i in range(rows):
        text = " ".join(words[(i * k) % 10] for k in (1, 3, 7, 9)) + f" day {i % 150}"
        lines.append(
            f"V{i:05d},P{i % 70:04d},{20 + i % 60},{'fm'[i % 2]},{DISTRICTS[i % 6]},{1 + i % 10},{int(i % 9 == 0)},"
            f"{['R10.4', 'J45.9', 'S62.1'][i % 3]},{text},2020-{1 + i % 12:02d}-{1 + i % 28:02d}"
        )
    return read(folder, "\n".join(lines) + "\n")


@pytest.mark.promise("register.2")
def test_keys_kinds_and_roles_are_proposed(tmp_path: Path) -> None:
    dataset = hospital(tmp_path)
    table = only_table(dataset)
    assert table.person_key == "patient_id"
    assert table.primary_key == ("visit_id",)
    assert {c.name: (c.kind, c.role) for c in table.columns} == {
        "visit_id": (Kind.IDENTIFIER, Role.OTHER),
        "patient_id": (Kind.IDENTIFIER, Role.OTHER),
        "age": (Kind.INTEGER, Role.QUASI_IDENTIFIER),
        "sex": (Kind.CATEGORICAL, Role.QUASI_IDENTIFIER),
        "postcode_district": (Kind.CATEGORICAL, Role.QUASI_IDENTIFIER),
        "imd_decile": (Kind.CATEGORICAL, Role.QUASI_IDENTIFIER),
        "died": (Kind.CATEGORICAL, Role.SENSITIVE),
        "diagnosis_code": (Kind.CATEGORICAL, Role.SENSITIVE),
        "complaint": (Kind.FREE_TEXT, Role.SENSITIVE),
        "admission_date": (Kind.DATE, Role.QUASI_IDENTIFIER),
    }
    assert column(dataset, "died").storage == "int64"
    assert column(dataset, "visit_id").unique
    assert not column(dataset, "age").nullable


@pytest.mark.promise("register.2", "input.2")
def test_every_column_has_a_reason_and_no_finding_holds_a_value(tmp_path: Path) -> None:
    dataset = hospital(tmp_path)
    assert {f.column for f in dataset.findings} >= set(only_table(dataset).names)
    for value in ("V00017", "P0003", "SW10", "R10.4", "chest", "2020-01"):
        assert value not in said(dataset)


@pytest.mark.promise("register.2")
def test_nullability_is_what_the_data_show(tmp_path: Path) -> None:
    dataset = read(tmp_path, "a,b\n1,\n2,x\n")
    assert not column(dataset, "a").nullable
    assert column(dataset, "b").nullable


@pytest.mark.promise("register.2")
@pytest.mark.parametrize("name", ["patient_id", "PersonID", "nhs_number", "MRN", "Hospital Number", "subject_id", "USUBJID", "pseudo_id"])
def test_person_keys_are_known_by_name(tmp_path: Path, name: str) -> None:
    rows = "\n".join(f"{1000 + i % 25},{i}" for i in range(60))
    assert only_table(read(tmp_path, f"{name},n\n{rows}\n")).person_key == name


@pytest.mark.promise("register.2")
def test_without_a_person_key_it_is_said_how_persons_are_counted(tmp_path: Path) -> None:
    dataset = read(tmp_path, "age,sex\n41,f\n42,m\n")
    assert only_table(dataset).person_key is None
    assert "every record will be counted as another person" in said(dataset)


def test_a_person_key_with_gaps_is_not_proposed_and_said(tmp_path: Path) -> None:
    dataset = read(tmp_path, "patient_id,n\n1,1\n,2\n3,3\n")
    assert only_table(dataset).person_key is None
    assert "missing in some records" in said(dataset)


def test_measures_with_few_values_stay_numbers(tmp_path: Path) -> None:
    rows = "\n".join(f"{92 + i % 9},{i % 4},{i % 12}" for i in range(400))
    dataset = read(tmp_path, f"spo2,triage,minutes_waited\n{rows}\n")
    assert column(dataset, "spo2").kind is Kind.INTEGER
    assert column(dataset, "triage").kind is Kind.CATEGORICAL
    assert column(dataset, "minutes_waited").kind is Kind.INTEGER
