"""Direct identifiers, found by content and by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from stdnum.gb import nhs

from generators.profiling.identifiers import is_nhs_number, named_identifier
from generators.reading.dataset import Dataset
from generators.schema import Kind, Role
from tests.generators.input_files import column, only_table, read, said


def nhs_numbers(count: int) -> list[str]:
    """Made-up numbers with right check digits, in the range set aside for tests (999 …)."""
    found = []
    stem = 999000000
    while len(found) < count:
        found += [f"{stem}{digit}" for digit in range(10) if nhs.is_valid(f"{stem}{digit}")]
        stem += 7
    return found[:count]


def with_column(folder: Path, cells: list[str], name: str = "thing") -> Dataset:
    return read(folder, f"n,{name}\n" + "\n".join(f'{i},"{c}"' for i, c in enumerate(cells)) + "\n")


@pytest.mark.promise("register.3")
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([f"person{i}@example.org" for i in range(40)], "e-mail"),
        ([f"SW{1 + i % 9}A {i % 9}AA" for i in range(40)], "postcode"),
        ([f"e{1 + i % 9}{i % 9}bb" for i in range(40)], "postcode"),
        ([f"07700 9{i:05d}" for i in range(40)], "telephone"),
        ([f"+44 20 7946 {i:04d}" for i in range(40)], "telephone"),
        ([f"{n[:3]} {n[3:6]} {n[6:]}" for n in nhs_numbers(40)], "NHS number"),
    ],
)
def test_whole_columns_of_identifiers_are_found_whatever_their_name(tmp_path: Path, cells: list[str], words: str) -> None:
    dataset = with_column(tmp_path, cells)
    assert column(dataset, "thing").role is Role.DIRECT_IDENTIFIER
    assert words in said(dataset, "thing")
    assert cells[3] not in said(dataset)


@pytest.mark.promise("register.3")
def test_nhs_numbers_are_told_from_other_ten_digit_numbers_by_their_check_digit(tmp_path: Path) -> None:
    real = with_column(tmp_path, nhs_numbers(60))
    assert only_table(real).person_key == "thing"
    assert column(real, "thing").role is Role.DIRECT_IDENTIFIER
    other = with_column(tmp_path, [str(1_000_000_000 + i * 7_919_131) for i in range(60)])
    assert column(other, "thing").role is not Role.DIRECT_IDENTIFIER
    assert is_nhs_number("943 476 5919")
    assert not is_nhs_number("943 476 5918")


@pytest.mark.promise("register.3")
@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ("call 07700 900123 after six", "telephone"),
        ("write to a.b@example.org please", "e-mail"),
        ("lives at SW1A 1AA with family", "postcode"),
        (f"see notes of {nhs_numbers(1)[0]} as well", "NHS number"),
    ],
)
def test_one_identifier_inside_free_text_is_found(tmp_path: Path, hidden: str, words: str) -> None:
    texts = [f"seen with pain number {i} for some days" for i in range(300)]
    texts[217] = hidden
    dataset = with_column(tmp_path, [*texts, *texts], "clinic_note")
    assert column(dataset, "clinic_note").kind is Kind.FREE_TEXT
    assert column(dataset, "clinic_note").role is Role.DIRECT_IDENTIFIER
    assert words in said(dataset, "clinic_note")
    assert hidden not in said(dataset)


@pytest.mark.promise("register.3")
def test_a_date_of_birth_is_found_by_the_ages_it_implies(tmp_path: Path) -> None:
    rows = []
    for i in range(60):
        born, seen = 1930 + i, 2020
        rows.append(f"{born}-06-15,{seen}-03-0{1 + i % 9},{seen - born - 1}")
    dataset = read(tmp_path, "d1,d2,age\n" + "\n".join(rows) + "\n")
    assert column(dataset, "d1").role is Role.DIRECT_IDENTIFIER
    assert column(dataset, "d2").role is Role.QUASI_IDENTIFIER
    without_age = read(tmp_path, "d1,d2\n" + "\n".join(r.rsplit(",", 1)[0] for r in rows) + "\n")
    assert column(without_age, "d1").role is Role.DIRECT_IDENTIFIER


@pytest.mark.promise("register.3")
def test_nearly_unique_text_points_at_persons(tmp_path: Path) -> None:
    dataset = with_column(tmp_path, [f"label{i * 37 % 1009}" for i in range(100)], "label")
    assert column(dataset, "label").role is Role.DIRECT_IDENTIFIER
    assert "nearly unique" in said(dataset, "label")


@pytest.mark.promise("register.3")
@pytest.mark.parametrize(
    "name",
    [
        "surname",
        "First Name",
        "fullName",
        "patient_name",
        "home_address",
        "postcode",
        "e-mail",
        "mobile",
        "phone_number",
        "DOB",
        "dateOfBirth",
        "birth_date",
        "NHS_Number",
        "mrn",
        "hospital_number",
        "national_insurance",
        "gp_name",
        "passport_no",
    ],
)
def test_direct_identifiers_are_known_by_name(name: str) -> None:
    assert named_identifier(name)


@pytest.mark.promise("register.3")
@pytest.mark.parametrize(
    "name", ["age", "sex", "drug_name_code", "ward", "postcode_district", "year_of_birth", "heart_rate", "telemetry", "gender"]
)
def test_ordinary_names_are_no_identifiers(name: str) -> None:
    assert named_identifier(name) is None


def test_districts_under_a_postcode_heading_are_quasi_identifiers(tmp_path: Path) -> None:
    dataset = with_column(tmp_path, [["N1", "SW10", "E6", "NW17", "EC1A", "W2"][i % 6] for i in range(60)], "postcode")
    assert column(dataset, "postcode").role is Role.QUASI_IDENTIFIER


def test_dates_of_illness_are_no_dates_of_birth(tmp_path: Path) -> None:
    rows = "\n".join(f"2019-0{1 + i % 9}-11,2020-0{1 + i % 9}-15,{30 + i}" for i in range(40))
    dataset = read(tmp_path, f"onset,seen,age\n{rows}\n")
    assert column(dataset, "onset").role is Role.QUASI_IDENTIFIER
