"""What holds rows together: ties to the row referred to, and what happens to one person after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.comparison import compare
from evaluation.dataset import evaluate
from evaluation.fidelity import relationships, sequences, ties
from evaluation.fidelity.relationships import Sides, matched
from evaluation.report import public
from evaluation.results import MetricResult
from evaluation.work import Work
from generators.disclosure import POLICIES
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema

POLICY = POLICIES["internal"]
KEY = ColumnSchema("who", Kind.IDENTIFIER, "string")
PERSON = TableSchema(
    "person",
    (KEY, ColumnSchema("sex", Kind.CATEGORICAL, "string"), ColumnSchema("age", Kind.INTEGER, "int64")),
    person_key="who",
    primary_key=("who",),
)
VISIT = TableSchema(
    "visit",
    (
        KEY,
        ColumnSchema("born", Kind.DATE, "date32"),
        ColumnSchema("day", Kind.DATE, "date32"),
        ColumnSchema("state", Kind.CATEGORICAL, "string"),
        ColumnSchema("dose", Kind.REAL, "float64"),
    ),
    person_key="who",
    foreign_keys=(ForeignKey(("who",), "person", ("who",)),),
)
SCHEMA = DatasetSchema((PERSON, VISIT))
NEXT = {"well": "ill", "ill": "cured", "cured": "well"}


def people(seed: int, count: int = 400, *, lonely: bool = False, wild: bool = False) -> dict[str, pa.Table]:
    """Persons and their visits. Women come more often, doses follow age, and each state is followed by its next.

    lonely: every visit is of somebody drawn by chance. wild: states and days follow nothing.
    """
    draw = np.random.default_rng(seed)
    sex, age = draw.choice(["F", "M"], count), draw.integers(20, 80, count)
    visits = draw.integers(1, 4, count) + 2 * (sex == "F")
    who = np.repeat(np.arange(count), visits)
    dose = age[who] / 10 + draw.normal(0, 0.5, len(who))
    first = np.repeat(draw.integers(0, 300, count), visits)
    turn = np.concatenate([np.arange(n) for n in visits])
    day = first + 14 * turn
    names = list(NEXT)
    state = np.array(names)[(np.repeat(draw.integers(0, 3, count), visits) + turn) % 3]
    if wild:
        state, day = draw.permutation(state), draw.permutation(day)
    if lonely:
        who = draw.permutation(who)
    keys = np.array([f"p{seed}-{i}" for i in range(count)])
    born = (-365 * age)[who]
    order = draw.permutation(len(who))  # stored in no order
    frame = {"who": keys[who], "born": born, "day": day, "state": state, "dose": dose}
    stored = {name: pa.array(values[order]) for name, values in frame.items()}
    for name in ("born", "day"):
        stored[name] = stored[name].cast(pa.int32()).cast(pa.date32())
    return {"person": pa.table({"who": keys, "sex": sex, "age": age}), "visit": pa.table(stored)}


def write(folder: Path, tables: Mapping[str, pa.Table]) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, Path]]:
    folder = tmp_path_factory.mktemp("people")
    return write(folder / "train", people(1)), write(folder / "holdout", people(2, 300))


def tied(real, made: Mapping[str, pa.Table], folder: Path, **more: object) -> dict[str, MetricResult]:
    sides = Sides(*real, write(folder / "made", made))
    found = ties.ties(more.get("schema", SCHEMA), sides, more.get("policy", POLICY), 0)
    assert all(r.scope.names == ("visit", "who", "→ person") for r in found)
    return {r.metric: r for r in found}


def followed(train: Path, holdout: Path, made: pa.Table, folder: Path, **more: object) -> dict[str, MetricResult]:
    pq.write_table(made, folder / "visit-made.parquet")
    c = compare(train, holdout, folder / "visit-made.parquet", more.get("table", VISIT), more.get("policy", POLICY), 0)
    w = Work(c)
    assert sequences.wanted(w)
    return {r.metric if r.scope.kind == "table" else r.scope.label: r for r in sequences.sequences(w)}


@pytest.mark.promise("likeness.8")
def test_other_people_of_the_same_kind_have_the_same_ties(real, tmp_path: Path) -> None:
    for r in tied(real, people(3), tmp_path).values():
        assert r.value < 0.1 < r.floor
        assert r.ceiling < 0.1
        assert r.n > 0
        assert r.n_ceiling > 0


@pytest.mark.promise("likeness.8")
def test_visits_of_anybody_have_lost_their_ties(real, tmp_path: Path) -> None:
    made = people(3, lonely=True)
    found = tied(real, made, tmp_path)
    assert found["parent_child"].value > found["parent_child"].floor / 2
    counts = Counter(made["visit"]["who"].to_pylist())
    assert sum(counts.values()) == made["visit"].num_rows
    assert found["children_by_parent"].value < 0.1  # each still comes as often


@pytest.mark.promise("likeness.8")
def test_who_comes_how_often_is_compared_with_who_they_are(real, tmp_path: Path) -> None:
    made = people(3)
    turned = made["person"].set_column(1, "sex", pa.array(["M" if s == "F" else "F" for s in made["person"]["sex"].to_pylist()]))
    same = tied(real, {**made, "person": turned}, tmp_path)["children_by_parent"]
    assert same.value < 0.1  # strength has no direction among categories
    mixed = made["person"].set_column(1, "sex", pa.array(np.random.default_rng(0).permutation(made["person"]["sex"].to_numpy(False))))
    assert tied(real, {**made, "person": mixed}, tmp_path)["children_by_parent"].value > 0.3


@pytest.mark.promise("likeness.14")
def test_ties_of_too_few_people_are_not_told(real, tmp_path: Path) -> None:
    few = {"person": people(1)["person"].slice(0, 3), "visit": people(1)["visit"]}
    train = write(tmp_path / "few", few)
    found = tied((train, real[1]), people(3), tmp_path)
    assert all(r.value is None and r.failed == "suppressed: fewer than 5 persons are behind it" for r in found.values())
    found = tied((real[0], train), people(3), tmp_path)
    assert all(r.value is not None and r.ceiling is None and r.n_ceiling is None for r in found.values())


@pytest.mark.promise("likeness.14")
def test_a_pair_of_columns_that_few_people_have_values_in_does_not_count(real, tmp_path: Path) -> None:
    one = people(1)
    dose = one["visit"]["dose"].to_numpy().copy()
    dose[20:] = np.nan
    who = pa.array([one["visit"]["who"][0].as_py()] * 20 + one["visit"]["who"].to_pylist()[20:])
    visit = one["visit"].set_column(4, "dose", pa.array(dose, from_pandas=True)).set_column(0, "who", who)
    found = tied((write(tmp_path / "thin", {**one, "visit": visit}), real[1]), people(3), tmp_path)
    assert found["parent_child"].remark == "without 2 pairs of columns that too few people have values in"


@pytest.mark.promise("likeness.14")
def test_many_rows_of_one_person_are_one_person_behind_numbers_of_children(real, tmp_path: Path) -> None:
    """A hundred stays, of one person, to which tests refer: nothing may be told of them."""
    stay = TableSchema("stay", (ColumnSchema("stay", Kind.IDENTIFIER, "string"), KEY), person_key="who", primary_key=("stay",))
    test = TableSchema("test", (stay.columns[0],), foreign_keys=(ForeignKey(("stay",), "stay", ("stay",)),))
    stays = pa.table({"stay": [str(i) for i in range(100)], "who": ["one"] * 100})
    files = write(tmp_path / "x", {"stay": stays, "test": stays.select(["stay"])})
    (found,) = relationships.children(DatasetSchema((stay, test)), Sides(files, files, files), POLICY, 0)
    assert found.failed == f"suppressed: table stay is about fewer than {POLICY.minimum_table} persons"


def test_a_synthetic_key_that_leads_nowhere_is_said(real, tmp_path: Path) -> None:
    made = people(3)
    nobody = made["visit"].set_column(0, "who", pa.array(["nobody"] * made["visit"].num_rows))
    found = tied(real, {**made, "visit": nobody}, tmp_path)
    assert found["parent_child"].failed == "no synthetic row has a row that it refers to"
    assert found["children_by_parent"].value is not None


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_rows_find_the_row_they_refer_to_by_all_columns_of_the_key(columns: int, tmp_path: Path) -> None:
    draw = np.random.default_rng(columns)
    names = ("a", "b", "c")[:columns]

    def keys(rows: int) -> dict[str, list[str | None]]:
        return {n: [None if draw.random() < 0.1 else str(draw.integers(0, 6)) for _ in range(rows)] for n in names}

    child, parent = keys(300), keys(40)
    files = write(tmp_path, {"child": pa.table(child), "parent": pa.table(parent)})
    rows = list(zip(*parent.values(), strict=True))
    expected = [rows.index(row) if None not in row and row in rows else -1 for row in zip(*child.values(), strict=True)]
    assert matched(files["child"], files["parent"], ForeignKey(names, "parent", names)).tolist() == expected


@pytest.mark.promise("likeness.13")
def test_people_to_whom_the_same_happens_are_followed_alike(real, tmp_path: Path) -> None:
    found = followed(real[0]["visit"], real[1]["visit"], people(3)["visit"], tmp_path)
    assert found["rows_per_person"].value < 0.1
    assert found["rows_per_person"].floor == 0  # a shuffle keeps how many rows each has
    assert found["sequence_transitions"].value > found["sequence_transitions"].floor + 0.1
    assert found["state"].value > 0.9 > found["state"].floor
    assert found["sequence_gaps"].value == 1  # a fortnight, always
    assert found["sequence_gaps"].remark == "in order of day"  # not of birth
    assert "day" not in found
    assert all(r.ceiling is not None for r in found.values())


@pytest.mark.promise("likeness.13")
def test_a_life_in_no_order_is_told_apart(real, tmp_path: Path) -> None:
    found = followed(real[0]["visit"], real[1]["visit"], people(3, wild=True)["visit"], tmp_path)
    assert found["state"].value < 0.5
    assert found["sequence_gaps"].value < 0.6
    once = people(3)["visit"].filter(pa.array(np.random.default_rng(0).random(people(3)["visit"].num_rows) < 0.4))
    assert followed(real[0]["visit"], real[1]["visit"], once, tmp_path)["rows_per_person"].value > 0.3


@pytest.mark.promise("likeness.13")
def test_the_order_rows_are_stored_in_does_not_count(real, tmp_path: Path) -> None:
    made = people(3)["visit"]
    first = followed(real[0]["visit"], real[1]["visit"], made, tmp_path)
    turned = followed(real[0]["visit"], real[1]["visit"], made.take(pa.array(np.arange(made.num_rows)[::-1])), tmp_path)
    assert [first[k].value for k in ("rows_per_person", "sequence_gaps")] == [turned[k].value for k in ("rows_per_person", "sequence_gaps")]


@pytest.mark.promise("likeness.13")
def test_transitions_are_worked_by_hand(tmp_path: Path) -> None:
    """Train: everybody goes from a to b. Synthetic: half of them do, half from b to a. TVD ½ (½ + ½) = ½."""
    table = TableSchema("t", (KEY, ColumnSchema("d", Kind.INTEGER, "int64"), VISIT.columns[2], VISIT.columns[3]), person_key="who")

    def rows(name: str, turned: int) -> pa.Table:
        who = [f"{name}{i // 2}" for i in range(40)]
        days = pa.array([(i % 2) * 3 for i in range(40)], pa.int32()).cast(pa.date32())
        states = [("ba" if i // 2 < turned else "ab")[i % 2] for i in range(40)]
        return pa.table({"who": who, "d": [1] * 40, "day": days, "state": states})

    files = write(tmp_path, {"train": rows("t", 0), "holdout": rows("h", 0)})
    found = followed(files["train"], files["holdout"], rows("s", 10), tmp_path, table=table)
    assert found["state"].value == 0.5
    assert found["d"].value == 1
    assert found["sequence_transitions"].value == 0.75
    assert found["sequence_gaps"].value == 1
    assert found["rows_per_person"].value == 0


@pytest.mark.promise("likeness.14")
def test_steps_of_too_few_people_are_not_told(real, tmp_path: Path) -> None:
    def few(side: dict[str, Path]) -> Path:
        visit = pq.read_table(side["visit"])
        counts = Counter(visit["who"].to_pylist())
        several = [who for who, n in counts.items() if n > 1][:3]
        kept = [who in several or counts[who] == 1 for who in visit["who"].to_pylist()]
        pq.write_table(visit.filter(pa.array(kept)), tmp_path / "few.parquet")
        return tmp_path / "few.parquet"

    made = people(3)["visit"]
    found = followed(few(real[0]), real[1]["visit"], made, tmp_path)
    for metric in ("sequence_transitions", "sequence_gaps"):
        assert found[metric].failed == "suppressed: fewer than 5 persons of the train table have two rows with a time"
    assert found["rows_per_person"].value is not None
    held = followed(real[0]["visit"], few(real[1]), made, tmp_path)
    assert held["sequence_transitions"].value is not None
    assert held["sequence_transitions"].ceiling is held["sequence_gaps"].ceiling is None


@pytest.mark.promise("likeness.14")
def test_a_missing_key_or_time_is_one_clear_line(real, tmp_path: Path) -> None:
    made = people(3)["visit"]
    found = followed(real[0]["visit"], real[1]["visit"], made.drop_columns(["who"]), tmp_path)
    assert {r.failed for r in found.values()} == {'column "who" is missing from the synthetic table'}
    found = followed(real[0]["visit"], real[1]["visit"], made.drop_columns(["day"]), tmp_path)
    assert found["sequence_gaps"].failed == 'column "day" is missing from the synthetic table'
    timeless = replace(VISIT, columns=tuple(c for c in VISIT.columns if c.kind is not Kind.DATE))
    found = followed(real[0]["visit"], real[1]["visit"], made, tmp_path, table=timeless)
    assert found["sequence_transitions"].failed == "no date or time tells which row of a person comes first"


def test_a_table_of_one_row_a_person_has_no_sequences(real, tmp_path: Path) -> None:
    assert not sequences.wanted(Work(compare(*(f["person"] for f in real), real[0]["person"], PERSON, POLICY, 0)))


@pytest.mark.promise("likeness.13")
def test_rows_without_a_person_key_are_followed_within_the_row_they_refer_to(real, tmp_path: Path) -> None:
    """Tests of a visit: the person stands in a further column of the real files alone; the synthetic ones have the visit's key."""
    table = replace(VISIT, name="test", person_key=None, persons_by="~person")
    files = []
    for name, side in (("train", real[0]), ("holdout", real[1])):
        rows = pq.read_table(side["visit"])
        pq.write_table(rows.append_column("~person", rows["who"]), tmp_path / f"{name}.parquet")
        files.append(tmp_path / f"{name}.parquet")
    found = followed(*files, people(3)["visit"], tmp_path, table=table)
    assert found["sequence_gaps"].value == 1
    assert found["sequence_gaps"].remark == "by who; in order of day"
    assert found["state"].value > 0.9


@pytest.mark.promise("likeness.8")
def test_ties_can_be_measured_alone_in_a_whole_dataset(real, tmp_path: Path) -> None:
    only = {"parent_child", "sequence_gaps"}
    found = evaluate(*real, write(tmp_path / "made", people(3)), SCHEMA, policy=POLICY, only=only)
    assert {r.metric for r in found.results} == only
    assert found.of("parent_child", "relationship")[0].value < 0.1
    assert found.find("sequence_gaps", table="visit").value == 1
    shown = public(found)
    assert {r.metric: r.value for r in shown.results}["parent_child"] == round(found.of("parent_child")[0].value, 2)
