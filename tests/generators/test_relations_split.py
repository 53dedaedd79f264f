"""Working copies and splits of several tables: one token a key everywhere, everybody on one side, no reference left without its row."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.errors import InputError
from generators.reading.dataset import Dataset
from generators.schema import REACHED, DatasetSchema
from generators.working_copy.deidentify import deidentify_dataset
from generators.working_copy.split import Split, split
from tests.generators.input_files import KEY
from tests.generators.relational_world import Tables, hospital, read


class World(NamedTuple):
    raw: Dataset
    copy: Dataset
    sides: Split


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("hospital")
    raw = read(folder, hospital())
    copy = deidentify_dataset(raw, KEY, folder / "copy")
    return World(raw, copy, split(copy.tables, copy.schema, key=KEY, out=folder / "split"))


def rows(path: Path, *columns: str) -> list[tuple[object, ...]]:
    table = pq.read_table(path, columns=list(columns))
    return list(zip(*(table.column(c).to_pylist() for c in columns), strict=True))


def dangling(paths: dict[str, Path], schema: DatasetSchema) -> dict[str, int]:
    """Rows whose parent is not there, by reference."""
    found = {}
    for table in schema.tables:
        for key in table.foreign_keys:
            if table.name in paths and key.parent in paths:
                parents = set(rows(paths[key.parent], *key.parent_columns))
                children = rows(paths[table.name], *key.columns)
                found[f"{table.name} → {key.parent}"] = sum(None not in child and child not in parents for child in children)
    return found


@pytest.mark.promise("relations.7")
def test_one_key_has_one_token_in_every_table_and_vocabularies_are_as_they_were(world: World) -> None:
    copied = dangling(world.copy.paths, world.copy.schema)
    assert len(copied) == 11
    assert set(copied.values()) == {0}
    raw, copy = world.raw.paths["diagnosis_codes"], world.copy.paths["diagnosis_codes"]
    assert raw.read_bytes() == copy.read_bytes()
    assert world.copy.schema.table("diagnosis_codes") == world.raw.schema.table("diagnosis_codes")
    text = " ".join(str(rows(p, *pq.read_schema(p).names)) for n, p in world.copy.paths.items() if n != "diagnosis_codes")
    assert "P00001" not in text
    assert "V000001" not in text
    assert "W01" not in text


@pytest.mark.promise("relations.7")
def test_a_table_without_a_person_key_holds_the_token_of_the_person_its_keys_reach(world: World) -> None:
    person_of = dict(rows(world.copy.paths["visits"], "visit_id", "patient_id"))
    for name in ("visit_lines", "dispensed", "visit_diagnoses", "transfers"):
        assert world.copy.schema.table(name).persons_by == REACHED
        reached = rows(world.copy.paths[name], "visit_id", REACHED)
        assert reached
        assert all(person_of[visit] == person for visit, person in reached)
    # in the order of the source
    quantities = [row[2] for row in hospital()["dispensed"][1]]
    assert [q for (q,) in rows(world.copy.paths["dispensed"], "quantity")] == quantities


@pytest.mark.promise("relations.8")
def test_everybody_is_on_one_side_in_every_table_and_no_row_is_lost(world: World) -> None:
    for name in ("patients", "visits", "visit_lines", "dispensed", "visit_diagnoses", "transfers", "deaths"):
        table = world.copy.schema.table(name)
        (train, holdout) = ({p for (p,) in rows(side[name], table.counts_by or "")} for side in (world.sides.train, world.sides.holdout))
        assert train
        assert holdout
        assert not train & holdout
        assert world.sides.train_rows[name] + world.sides.holdout_rows[name] == world.copy.table(name).rows
    assert world.sides.train_persons + world.sides.holdout_persons == 400


@pytest.mark.promise("relations.8")
def test_after_the_split_every_reference_still_finds_its_row(world: World) -> None:
    for side in (world.sides.train, world.sides.holdout):
        assert set(dangling(dict(side) | dict(world.sides.public), world.copy.schema).values()) == {0}


@pytest.mark.promise("relations.8")
def test_tables_about_nobody_that_others_refer_to_are_whole_on_both_sides_and_it_is_said(world: World) -> None:
    for side in (world.sides.train, world.sides.holdout):
        assert len(rows(side["wards"], "ward_id")) == 8
    assert world.sides.by["wards"] == "kept whole"
    assert any('table "wards" has no person' in note and "whole on both sides" in note for note in world.sides.notes)
    assert world.sides.by["dispensed"] == "person reached through its foreign keys"


@pytest.mark.promise("relations.8")
def test_vocabularies_are_on_neither_side(world: World) -> None:
    assert "diagnosis_codes" not in world.sides.train
    assert "diagnosis_codes" not in world.sides.holdout
    assert world.sides.public == {"diagnosis_codes": world.copy.paths["diagnosis_codes"]}


@pytest.mark.promise("relations.8")
def test_raw_tables_are_split_like_their_working_copies(world: World, tmp_path: Path) -> None:
    raw = split(world.raw.tables, world.raw.schema, key=KEY, out=tmp_path)
    for name in ("patients", "dispensed"):
        assert raw.train_rows[name] + raw.holdout_rows[name] == world.raw.table(name).rows
    assert set(dangling(dict(raw.train) | dict(raw.public), world.raw.schema).values()) == {0}
    person_of = dict(rows(world.raw.paths["visits"], "visit_id", "patient_id"))
    held = {p for (p,) in rows(raw.holdout["patients"], "patient_id")}
    assert {person_of[v] for (v,) in rows(raw.holdout["dispensed"], "visit_id")} <= held


@pytest.mark.promise("relations.8")
def test_tables_that_share_a_person_key_need_no_table_of_persons(tmp_path: Path) -> None:
    people = [f"Q{i:04d}" for i in range(200)]
    tables: Tables = {
        "labs": (["person_id", "value"], [[people[i % 150], i % 9] for i in range(600)]),
        "scans": (["person_id", "kind"], [[people[50 + i % 150], "AB"[i % 2]] for i in range(300)]),
    }
    dataset = read(tmp_path, tables)
    made = split(dataset.tables, dataset.schema, key=KEY, out=tmp_path / "split")
    train = {p for path in made.train.values() for (p,) in rows(path, "person_id")}
    holdout = {p for path in made.holdout.values() for (p,) in rows(path, "person_id")}
    assert not train & holdout
    assert len(train | holdout) == 200 == made.train_persons + made.holdout_persons


@pytest.mark.promise("relations.5")
def test_a_reference_to_a_key_that_repeats_never_doubles_rows(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "doubled"
    folder.mkdir()
    paths = {name: Path(shutil.copy(path, folder)) for name, path in world.raw.paths.items()}
    visits = pq.read_table(paths["visits"])
    pq.write_table(pa.concat_tables([visits, visits.slice(0, 1)]), paths["visits"])
    tables = tuple(type(t)(t.name, paths[t.name], t.rows + (t.name == "visits"), t.source_name) for t in world.raw.tables)
    doubled = Dataset(tables, world.raw.schema)
    with pytest.raises(InputError, match=r"references lead to more than one row"):
        deidentify_dataset(doubled, KEY, tmp_path / "copy")
    with pytest.raises(InputError, match=r"references lead to more than one row"):
        split(doubled.tables, doubled.schema, key=KEY, out=tmp_path / "split")
    assert not list((tmp_path / "split").glob("*/*"))
