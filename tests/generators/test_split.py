"""Train and holdout: by person, whatever the row order, never an empty side."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from generators.errors import InputError
from generators.reading.dataset import Dataset
from generators.reading.tables import read_dataset
from generators.working_copy.split import Split, split
from tests.generators.input_files import KEY, only_table, read, written

LINES = [f"P{i % 300:04d},{i},{i % 7}" for i in range(900)]


def dataset_of(folder: Path, lines: list[str], header: str = "patient_id,n,triage") -> Dataset:
    folder.mkdir(exist_ok=True)
    return read(folder, header + "\n" + "\n".join(lines) + "\n")


def split_of(dataset: Dataset, out: Path, **options: object) -> Split:
    return split(dataset.tables, dataset.schema, key=KEY, out=out, **options)  # type: ignore[arg-type]


def persons(path: Path) -> set[str]:
    return set(pq.read_table(path).column("patient_id").to_pylist())


@pytest.mark.promise("split.1")
def test_no_person_is_on_both_sides_and_no_record_is_lost(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "a", LINES)
    found = split_of(dataset, tmp_path / "out")
    train, holdout = persons(found.train["visits"]), persons(found.holdout["visits"])
    assert not train & holdout
    assert len(train) == found.train_persons
    assert len(holdout) == found.holdout_persons
    assert found.train_persons + found.holdout_persons == 300
    assert found.train_rows["visits"] + found.holdout_rows["visits"] == 900
    assert 0.1 < found.holdout_persons / 300 < 0.3
    numbers = pq.read_table(found.train["visits"]).column("n").to_pylist()
    assert numbers == sorted(numbers)
    assert found.by == {"visits": 'person key "patient_id"'}
    assert found.notes == ()


@pytest.mark.promise("split.2")
def test_the_order_of_records_changes_no_persons_side(tmp_path: Path) -> None:
    first = split_of(dataset_of(tmp_path / "a", LINES), tmp_path / "o1")
    shuffled = LINES.copy()
    random.Random(4).shuffle(shuffled)  # noqa: S311
    second = split_of(dataset_of(tmp_path / "b", shuffled), tmp_path / "o2")
    assert persons(first.holdout["visits"]) == persons(second.holdout["visits"])
    assert first.digest == second.digest
    assert (first.train_persons, first.holdout_persons) == (second.train_persons, second.holdout_persons)


@pytest.mark.promise("split.2")
def test_a_person_stays_on_one_side_in_a_later_snapshot_and_the_digest_tells_the_snapshots_apart(tmp_path: Path) -> None:
    first = split_of(dataset_of(tmp_path / "a", LINES), tmp_path / "o1")
    later = split_of(dataset_of(tmp_path / "b", [*LINES, *(f"Q{i:04d},{i},1" for i in range(300))]), tmp_path / "o2")
    assert persons(first.holdout["visits"]) < persons(later.holdout["visits"])
    assert first.digest != later.digest


@pytest.mark.promise("split.2")
def test_another_key_gives_another_split(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "a", LINES)
    other = split(dataset.tables, dataset.schema, key=b"another key of enough bytes", out=tmp_path / "o2")
    assert other.digest != split_of(dataset, tmp_path / "o1").digest


@pytest.mark.promise("split.1")
def test_all_tables_of_a_person_fall_on_one_side(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    written(folder, "patient_id,age\n" + "\n".join(f"P{i:04d},{i % 90}" for i in range(300)) + "\n", "patients.csv")
    written(folder, "patient_id,n,triage\n" + "\n".join(LINES) + "\n", "visits.csv")
    dataset = read_dataset(folder, tmp_path / "work")
    found = split_of(dataset, tmp_path / "out")
    assert persons(found.holdout["patients"]) == persons(found.holdout["visits"])
    assert found.holdout_persons == len(persons(found.holdout["patients"]))


@pytest.mark.promise("split.3")
def test_without_a_person_key_it_is_by_row_number_and_said(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "a", [line.split(",", 1)[1] for line in LINES], "n,triage")
    found = split_of(dataset, tmp_path / "out")
    assert found.by == {"visits": "row number"}
    assert "row number" in found.notes[0]
    assert found.train_persons + found.holdout_persons == 900


@pytest.mark.promise("split.4")
def test_a_side_without_anybody_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "a", ["P1,1,1", "P1,2,1"])
    dataset = replace(dataset, schema=replace(dataset.schema, tables=(replace(only_table(dataset), person_key="patient_id"),)))
    with pytest.raises(InputError, match="would be empty"):
        split_of(dataset, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(InputError, match="between 0 and 1"):
        split_of(dataset, tmp_path / "out", holdout=1.0)


@pytest.mark.promise("split.4")
def test_a_split_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        if stage == "writing train and holdout" and fraction > 0.7:
            raise Stop

    with pytest.raises(Stop):
        split_of(dataset_of(tmp_path / "a", LINES), tmp_path / "out", progress=stop)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.promise("split.1")
def test_columns_of_an_original_file_stay_as_they_are(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "a", LINES)
    found = split_of(dataset, tmp_path / "out")
    assert pq.read_schema(found.train["visits"]).equals(pq.read_schema(dataset.tables[0].path))
