"""Keys of several tables are found by name, uniqueness and inclusion, and nothing is proposed by inclusion alone."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from generators.reading.dataset import Dataset
from generators.reading.tables import read_dataset
from generators.schema import ForeignKey, Kind, Role
from tests.generators.relational_world import Tables, hospital, read


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read(tmp_path_factory.mktemp("hospital"), hospital())


def keys(dataset: Dataset, table: str) -> set[tuple[tuple[str, ...], str]]:
    return {(k.columns, k.parent) for k in dataset.schema.table(table).foreign_keys}


def said(dataset: Dataset, table: str, column: str | None, level: str | None = None) -> str:
    return " | ".join(
        f"{f.message} ({f.reason})" for f in dataset.findings if (f.table, f.column) == (table, column) and level in (None, f.level)
    )


@pytest.mark.promise("relations.1")
def test_primary_keys_are_single_where_one_column_will_do_and_composite_where_none_does(found: Dataset) -> None:
    primary = {t.name: t.primary_key for t in found.schema.tables}
    assert primary == {
        "patients": ("patient_id",),
        "wards": ("ward_id",),
        "diagnosis_codes": ("code_id",),
        "visits": ("visit_id",),
        "visit_lines": ("visit_id", "line_no"),
        "dispensed": (),
        "visit_diagnoses": ("visit_id", "diagnosis_code_id"),
        "transfers": ("transfer_id",),
        "deaths": ("patient_id",),
    }
    assert "together different in every row" in said(found, "visit_lines", None)


@pytest.mark.promise("relations.1")
def test_foreign_keys_of_every_shape_are_found_with_the_reason(found: Dataset) -> None:
    assert keys(found, "patients") == keys(found, "wards") == set()
    # nullable, a role before the name, and a table that refers to itself
    assert keys(found, "visits") == {(("patient_id",), "patients"), (("ward_id",), "wards"), (("previous_visit_id",), "visits")}
    # composite, beside the single one
    assert keys(found, "dispensed") == {(("visit_id",), "visits"), (("visit_id", "line_no"), "visit_lines")}
    # many to many
    assert keys(found, "visit_diagnoses") == {(("visit_id",), "visits"), (("diagnosis_code_id",), "diagnosis_codes")}
    # two references to one table, and two parents
    assert keys(found, "transfers") == {(("visit_id",), "visits"), (("from_ward_id",), "wards"), (("to_ward_id",), "wards")}
    # one death for a person: the part refers to the whole
    assert keys(found, "deaths") == {(("patient_id",), "patients")}
    assert "the name says so" in said(found, "transfers", "from_ward_id")


@pytest.mark.promise("relations.1")
def test_key_columns_are_identifiers_and_never_direct_ones_and_codes_stay_codes(found: Dataset) -> None:
    for name, columns in (
        ("visits", ("visit_id", "ward_id", "previous_visit_id")),
        ("transfers", ("to_ward_id",)),
        ("wards", ("ward_id",)),
    ):
        for column in columns:
            of = found.schema.table(name).column(column)
            assert (of.kind, of.role) == (Kind.IDENTIFIER, Role.OTHER)
    assert found.schema.table("visit_diagnoses").column("diagnosis_code_id").kind is Kind.CATEGORICAL
    assert found.schema.table("deaths").column("patient_id").unique


@pytest.mark.promise("relations.3")
def test_a_code_list_is_proposed_as_public_with_a_warning_and_wards_are_not(found: Dataset) -> None:
    assert [t.name for t in found.schema.tables if t.public] == ["diagnosis_codes"]
    assert "already published by somebody else" in said(found, "diagnosis_codes", None, "warning")


@pytest.mark.promise("relations.4")
def test_every_table_knows_its_persons_by_its_own_column_or_through_its_keys(found: Dataset) -> None:
    persons = {t.name: t.person_key for t in found.schema.tables if t.person_key}
    assert persons == {"patients": "patient_id", "visits": "patient_id", "deaths": "patient_id"}
    assert [k.parent for k in found.schema.person_route("visit_lines")] == ["visits"]
    assert "through visit_id → visits" in said(found, "visit_lines", None)
    assert "no column seems to say who the person is" not in said(found, "visit_lines", None)
    assert "no column seems to say who the person is" in said(found, "wards", None)


@pytest.mark.promise("relations.2")
def test_a_reference_that_nearly_holds_is_not_proposed_and_the_rows_are_counted(tmp_path: Path) -> None:
    tables = hospital(100)
    tables["visits"][1][3][2] = "W77"
    dataset = read(tmp_path, tables)
    assert (("ward_id",), "wards") not in keys(dataset, "visits")
    assert "1 of " in said(dataset, "visits", "ward_id", "warning")
    assert "W77" not in str(dataset.findings)


@pytest.mark.promise("relations.2")
def test_small_numbers_that_happen_to_be_among_anothers_keys_are_no_reference(tmp_path: Path) -> None:
    tables: Tables = {
        "rooms": (["room_id", "beds"], [[i, 1 + i % 4] for i in range(1, 60)]),
        "patients": (["patient_id", "pain_score", "flag_no"], [[1000 + i, i % 11, 1 + i % 30] for i in range(200)]),
    }
    dataset = read(tmp_path, tables)
    assert keys(dataset, "patients") == set()


@pytest.mark.promise("relations.2")
def test_a_reference_without_a_telling_name_is_proposed_only_where_no_other_table_will_do(tmp_path: Path) -> None:
    names = [str(uuid.UUID(int=7919 * i)) for i in range(120)]
    tables: Tables = {
        "samples": (["sample_id", "weight"], [[names[i], i % 7] for i in range(120)]),
        "results": (["result_id", "specimen_ref"], [[5000 + i, names[i % 100]] for i in range(300)]),
    }
    dataset = read(tmp_path, tables)
    assert keys(dataset, "results") == {(("specimen_ref",), "samples")}
    assert "among the keys of no other table" in said(dataset, "results", "specimen_ref", "warning")
    tables["boxes"] = (["box_id", "colour"], [[n, "red"] for n in names])
    assert keys(read(tmp_path / "again", tables), "results") == set()


@pytest.mark.promise("relations.4")
def test_a_person_table_is_known_by_its_name_and_by_who_refers_to_it(tmp_path: Path) -> None:
    # as synthetic record makers name them: `Id` in one table, the table's name in the others
    people = [str(uuid.UUID(int=104729 * i)) for i in range(80)]
    tables: Tables = {
        "patients": (["Id", "GENDER"], [[p, "FM"[i % 2]] for i, p in enumerate(people)]),
        "encounters": (["Id", "PATIENT", "CLASS"], [[str(uuid.UUID(int=15485863 * i)), people[i % 80], "AB"[i % 2]] for i in range(240)]),
    }
    dataset = read(tmp_path, tables)
    assert {t.name: (t.primary_key, t.person_key) for t in dataset.schema.tables} == {
        "patients": (("Id",), "Id"),
        "encounters": (("Id",), "PATIENT"),
    }
    assert dataset.schema.table("encounters").foreign_keys == (ForeignKey(("PATIENT",), "patients", ("Id",)),)


@pytest.mark.promise("relations.1")
def test_a_numbering_that_every_table_has_is_not_taken_for_the_key_others_refer_to(tmp_path: Path) -> None:
    # as intensive care databases name them: `row_id` everywhere, and keys that are named after no table
    stays = [[i, 3000 + 7 * (i % 80), 20000 + 11 * i] for i in range(1, 121)]
    tables: Tables = {
        "patients": (["row_id", "subject_id", "gender"], [[i, 3000 + 7 * i, "FM"[i % 2]] for i in range(80)]),
        "admissions": (["row_id", "subject_id", "hadm_id"], stays),
        "labevents": (
            ["row_id", "subject_id", "hadm_id", "itemid", "valuenum"],
            [[i, *stays[i % 120][1:], 50800 + i % 40, i % 17] for i in range(500)],
        ),
        "d_labitems": (["row_id", "itemid", "label"], [[i, 50800 + i, f"Item {i}"] for i in range(40)]),
    }
    dataset = read(tmp_path, tables)
    primary = {t.name: t.primary_key for t in dataset.schema.tables}
    assert primary == {"patients": ("subject_id",), "admissions": ("hadm_id",), "labevents": ("row_id",), "d_labitems": ("itemid",)}
    assert keys(dataset, "labevents") == {(("subject_id",), "patients"), (("hadm_id",), "admissions"), (("itemid",), "d_labitems")}
    assert keys(dataset, "admissions") == {(("subject_id",), "patients")}
    assert {t.person_key for t in dataset.schema.tables if t.name != "d_labitems"} == {"subject_id"}


@pytest.mark.promise("relations.2")
def test_a_key_that_repeats_is_said_to_be_none(tmp_path: Path) -> None:
    tables = hospital(60)
    tables["transfers"][1][1][0] = tables["transfers"][1][0][0]
    dataset = read(tmp_path, tables)
    assert dataset.schema.table("transfers").primary_key == ()
    assert "1 of" in said(dataset, "transfers", "transfer_id", "warning")


@pytest.mark.promise("relations.2")
def test_tables_that_would_refer_to_each_other_in_a_circle_keep_the_first_reference(tmp_path: Path) -> None:
    tables: Tables = {
        "wards": (["ward_id", "nurse_id"], [[f"W{i:03d}", f"N{i:03d}"] for i in range(50)]),
        "nurses": (["nurse_id", "ward_id"], [[f"N{i:03d}", f"W{i:03d}"] for i in range(50)]),
    }
    dataset = read(tmp_path, tables)
    dataset.schema.parents_first()
    assert len(keys(dataset, "wards") | keys(dataset, "nurses")) == 1
    assert any("in a circle" in f.reason and f.level == "warning" for f in dataset.findings)


@pytest.mark.shared
@pytest.mark.promise("relations.1")
@pytest.mark.promise("relations.3")
def test_a_research_extract_in_the_common_data_model_comes_out_right(shared_data: Path, tmp_path: Path) -> None:
    dataset = read_dataset(shared_data / "omop", tmp_path)
    schema = dataset.schema
    assert [t.name for t in schema.tables if t.public] == ["concept"]
    events = ("condition_occurrence", "drug_exposure", "measurement", "procedure_occurrence", "visit_occurrence")
    for name in events:
        assert (("person_id",), "person") in keys(dataset, name)
    assert all(t.person_key == "person_id" for t in schema.tables if not t.public)
    assert schema.table("person").primary_key == ("person_id",)
    assert schema.table("observation_period").primary_key == ("observation_period_id",)
    # half of its persons are not among the persons: said, and not proposed
    assert keys(dataset, "observation_period") == set()
    assert "2,649 of 5,343 rows" in said(dataset, "observation_period", "person_id", "warning")
    assert (("drug_concept_id",), "concept") in keys(dataset, "drug_exposure")
    assert schema.table("drug_exposure").column("drug_concept_id").kind is Kind.CATEGORICAL
    assert schema.table("measurement").primary_key == ()  # measurement_id repeats
    assert schema.table("measurement").column("measurement_id").kind is Kind.IDENTIFIER
    assert schema.table("person").column("year_of_birth").kind is Kind.INTEGER
