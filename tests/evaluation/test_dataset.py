"""Datasets of several tables: each by the whole basket, and the keys between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.dataset import evaluate, vocabularies
from evaluation.fidelity.relationships import Sides
from evaluation.gates import judge
from evaluation.report import html, public
from evaluation.results import Evaluation
from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema

POLICY = POLICIES["internal"]
SEXES = ("F", "M")


def key(name: str, *, nullable: bool = False) -> ColumnSchema:
    return ColumnSchema(name, Kind.IDENTIFIER, "string", nullable=nullable)


SCHEMA = DatasetSchema(
    (
        TableSchema("ward", (ColumnSchema("ward", Kind.CATEGORICAL, "string", nullable=False),), primary_key=("ward",), public=True),
        TableSchema(
            "person",
            (key("person_id"), ColumnSchema("sex", Kind.CATEGORICAL, "string", nullable=False)),
            person_key="person_id",
            primary_key=("person_id",),
        ),
        TableSchema(
            "visit",
            (
                key("visit_id"),
                key("person_id"),
                ColumnSchema("ward", Kind.CATEGORICAL, "string", nullable=False),
                ColumnSchema("stay", Kind.INTEGER, "int64", nullable=False),
            ),
            person_key="person_id",
            primary_key=("visit_id",),
            foreign_keys=(ForeignKey(("person_id",), "person", ("person_id",)), ForeignKey(("ward",), "ward", ("ward",))),
        ),
        TableSchema(
            "test",
            (key("test_id"), key("visit_id"), ColumnSchema("result", Kind.INTEGER, "int64")),
            primary_key=("test_id",),
            foreign_keys=(ForeignKey(("visit_id",), "visit", ("visit_id",)),),
            persons_by="~person",
        ),
    )
)


@dataclass(frozen=True)
class Made:
    """The tables of one side, in memory."""

    tables: dict[str, pa.Table]

    def write(self, folder: Path) -> dict[str, Path]:
        folder.mkdir()
        for name, table in self.tables.items():
            pq.write_table(table, folder / f"{name}.parquet")
        return {name: folder / f"{name}.parquet" for name in self.tables}

    def changed(self, name: str, column: str, values: pa.Array) -> Made:
        table = self.tables[name]
        return Made({**self.tables, name: table.set_column(table.column_names.index(column), column, values)})


def sample(seed: int, persons: int = 300, *, real: bool = True, numbered: bool = False) -> Made:
    rng = np.random.default_rng(seed)

    def ids(mark: str, count: int) -> pa.Array:
        return pa.array(np.arange(count)) if numbered else pa.array([f"{mark}{seed}-{i}" for i in range(count)])

    people = ids("p", persons)
    owner = np.repeat(np.arange(persons), rng.integers(0, 4, persons))
    visits = ids("v", len(owner))
    of = np.repeat(np.arange(len(owner)), rng.integers(1, 3, len(owner)))
    tests = {"test_id": ids("t", len(of)), "visit_id": visits.take(pa.array(of)), "result": pa.array(rng.integers(0, 40, len(of)))}
    if real:
        tests["~person"] = people.take(pa.array(owner[of]))
    return Made(
        {
            "ward": pa.table({"ward": ["A", "B"]}),
            "person": pa.table({"person_id": people, "sex": pa.array([SEXES[i] for i in rng.integers(0, 2, persons)])}),
            "visit": pa.table(
                {
                    "visit_id": visits,
                    "person_id": people.take(pa.array(owner)),
                    "ward": pa.array(["AB"[i] for i in rng.integers(0, 2, len(owner))]),
                    "stay": pa.array(rng.integers(0, 60, len(owner))),
                }
            ),
            "test": pa.table(tests),
        }
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, Path], Mapping[str, Path]]:
    folder = tmp_path_factory.mktemp("real")
    return sample(1).write(folder / "train"), sample(2).write(folder / "holdout")


def evaluated(real: tuple[Mapping[str, Path], Mapping[str, Path]], made: Made, folder: Path) -> Evaluation:
    return evaluate(*real, made.write(folder / "made"), SCHEMA, policy=POLICY)


@pytest.fixture(scope="module")
def good(real, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return evaluated(real, sample(3, real=False, numbered=True), tmp_path_factory.mktemp("good"))


@pytest.mark.promise("evaluate.22")
def test_every_table_is_measured_and_every_key_is_checked(good: Evaluation) -> None:
    assert good.names == ("person", "visit", "test")
    for name in good.names:
        assert good.part(name).find("tvd_mean").value is not None
    assert {r.scope.names for r in good.of("foreign_keys")} == {
        ("visit", "person_id", "→ person"),
        ("visit", "ward", "→ ward"),
        ("test", "visit_id", "→ visit"),
    }
    assert all(r.value == 1 for metric in ("foreign_keys", "unique_keys") for r in good.of(metric))
    assert all(r.value < 0.2 and r.ceiling is not None for r in good.of("children"))
    assert any("ward" in note and "about nobody" in note for note in good.notes)


@pytest.mark.promise("evaluate.22")
def test_keys_issued_as_numbers_are_compared_with_tokens_without_complaint(good: Evaluation) -> None:
    assert all(r.value == 1 for r in good.of("structure"))
    assert all(r.value == 0 for r in good.of("rare_values", "table"))


@pytest.mark.promise("evaluate.22")
def test_persons_are_counted_through_keys_in_a_table_without_a_person_key(good: Evaluation) -> None:
    assert good.figures("test").persons["train"] < good.figures("test").rows["train"]


@pytest.mark.promise("evaluate.23")
@pytest.mark.parametrize(
    ("table", "column", "spoil", "gate"),
    [
        ("visit", "person_id", lambda ids: pa.array(["nobody"] * len(ids)), "foreign_keys"),
        ("visit", "visit_id", lambda ids: pa.array([ids[0].as_py()] * len(ids)), "unique_keys"),
        ("visit", "person_id", lambda ids: pa.array([ids[0].as_py()] * len(ids)), "children"),
    ],
)
def test_a_key_that_is_broken_fails_its_gate_and_is_named(real, tmp_path: Path, table, column, spoil, gate) -> None:
    made = sample(3, real=False)
    broken = evaluated(real, made.changed(table, column, spoil(made.tables[table][column])), tmp_path)
    outcome = next(o for o in judge(broken, "publicly-sourced").outcomes if o.gate == gate)
    assert not outcome.passed
    assert table in outcome.sentence
    assert column in outcome.sentence


@pytest.mark.promise("evaluate.23")
def test_one_bad_table_of_several_fails_the_gate_with_its_name(real, tmp_path: Path) -> None:
    train = pq.read_table(real[0]["visit"])
    made = sample(3, real=False)
    copied = made.changed("visit", "stay", pa.array(np.resize(train["stay"].to_numpy(), made.tables["visit"].num_rows) + 1000))
    verdict = judge(evaluated(real, copied, tmp_path), "publicly-sourced")
    outcome = next(o for o in verdict.outcomes if o.gate == "worst_column")
    assert not outcome.passed
    assert "visit: stay" in outcome.sentence


@pytest.mark.promise("evaluate.24")
def test_a_table_about_too_few_people_is_checked_for_structure_and_rare_values_alone(real, tmp_path: Path) -> None:
    few = {name: path for name, path in real[0].items()}
    pq.write_table(pq.read_table(few["visit"]).slice(0, 20), tmp_path / "visit.parquet")
    found = evaluate(
        {**few, "visit": tmp_path / "visit.parquet"}, real[1], sample(3, real=False).write(tmp_path / "m"), SCHEMA, policy=POLICY
    )
    assert {r.metric for r in found.part("visit").results} == {"structure", "rare_values", "rare_extremes"}
    assert found.figures("visit").rows["train"] is None
    assert any(note.startswith("visit is about too few people") for note in found.notes)


@pytest.mark.promise("evaluate.24")
def test_the_public_form_holds_nothing_of_real_rows_of_a_table_about_too_few(real, tmp_path: Path) -> None:
    few = dict(real[0])
    pq.write_table(pq.read_table(few["visit"]).slice(0, 20), tmp_path / "visit.parquet")
    found = evaluate(
        {**few, "visit": tmp_path / "visit.parquet"}, real[1], sample(3, real=False).write(tmp_path / "m"), SCHEMA, policy=POLICY
    )
    shown = public(found)
    assert {r.metric for r in shown.results if r.scope.names[0] == "visit" and r.scope.kind != "relationship"} == {"structure"}
    assert not [r for r in shown.of("children") if "visit" in " ".join(r.scope.names)]
    assert [r for r in shown.of("tvd_mean") if r.scope.names == ("person",)]


@pytest.mark.promise("evaluate.22")
def test_the_report_has_a_part_for_each_table_and_the_json_reads_back(good: Evaluation) -> None:
    page = html(good, judge(good, "publicly-sourced"))
    for name in good.names:
        assert f"<summary>{name}</summary>" in page
    assert "Keys between tables" in page
    assert Evaluation.from_json(good.to_json()) == good
    assert public(good).to_json() == public(good).to_json()


@pytest.mark.promise("evaluate.22")
def test_a_missing_table_is_named(real, tmp_path: Path) -> None:
    made = sample(3, real=False).write(tmp_path / "m")
    made.pop("test")
    with pytest.raises(InputError, match='table "test" is not among the synthetic tables'):
        evaluate(*real, made, SCHEMA, policy=POLICY)


@pytest.mark.promise("evaluate.22")
def test_composite_keys_are_compared_as_a_whole(tmp_path: Path) -> None:
    pair = (ColumnSchema("a", Kind.IDENTIFIER, "string"), ColumnSchema("b", Kind.IDENTIFIER, "string"))
    schema = DatasetSchema(
        (
            TableSchema("parent", pair, primary_key=("a", "b")),
            TableSchema(
                "child", (*pair, ColumnSchema("n", Kind.INTEGER, "int64")), foreign_keys=(ForeignKey(("a", "b"), "parent", ("a", "b")),)
            ),
        )
    )
    rows = 200
    parent = pa.table({"a": [str(i // 2) for i in range(rows)], "b": [str(i % 2) for i in range(rows)]})
    child = parent.append_column("n", pa.array(np.arange(rows) % 7))
    # 5 and 1 are both keys of some parent, but together of none
    child = child.set_column(1, "b", pa.array(["0", None, *(["1", "7"] * ((rows - 2) // 2))]))
    files = Made({"parent": parent, "child": child}).write(tmp_path / "x")
    found = evaluate(files, files, files, replace(schema), policy=POLICY)
    assert found.of("unique_keys")[0].value == 1
    assert found.of("foreign_keys")[0].value == pytest.approx(1 - (rows // 2 - 1) / (rows - 1))


@pytest.mark.promise("evaluate.23")
def test_codes_of_a_vocabulary_are_no_rare_values_though_few_people_have_them(tmp_path: Path) -> None:
    codes = TableSchema("codes", (ColumnSchema("code", Kind.CATEGORICAL, "string"),), primary_key=("code",), public=True)
    seen = TableSchema(
        "seen", (ColumnSchema("code", Kind.CATEGORICAL, "string"),), foreign_keys=(ForeignKey(("code",), "codes", ("code",)),)
    )
    sides: list[dict[str, Path]] = []
    for name, held in (("train", ["A"] * 60 + ["B", "D"]), ("holdout", ["A"] * 20), ("made", ["A", "B", "C", "D"])):
        files = {"codes": ["A", "B", "C"], "seen": held}
        (tmp_path / name).mkdir()
        for table, values in files.items():
            pq.write_table(pa.table({"code": values}), tmp_path / name / f"{table}.parquet")
        sides.append({table: tmp_path / name / f"{table}.parquet" for table in files})
    found = evaluate(*sides, DatasetSchema((codes, seen)), policy=POLICY, only=("rare_values",))
    assert found.part("seen").find("rare_values").value == 1  # D, which no vocabulary has


@pytest.mark.promise("evaluate.23")
def test_what_is_measured_does_not_say_what_is_public(tmp_path: Path) -> None:
    codes = TableSchema("codes", (ColumnSchema("code", Kind.CATEGORICAL, "string"),), primary_key=("code",), public=True)
    seen = TableSchema(
        "seen", (ColumnSchema("code", Kind.CATEGORICAL, "string"),), foreign_keys=(ForeignKey(("code",), "codes", ("code",)),)
    )
    schema = DatasetSchema((codes, seen))
    for name, values in (("real", ["A", "B"]), ("made", ["A", "B", "D"])):
        pq.write_table(pa.table({"code": values}), tmp_path / f"{name}.parquet")
    real, made = ({"codes": tmp_path / f"{name}.parquet"} for name in ("real", "made"))
    assert vocabularies(schema, seen, Sides(real, real, made))["code"].to_pylist() == ["A", "B"]
    assert vocabularies(schema, seen, Sides({}, {}, made)) == {}
