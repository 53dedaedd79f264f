"""Conditions, balance, oversampling, columns left out or kept apart: exactly what the model says given them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from generators.disclosure import POLICIES
from generators.encoding.coded import Codes, Part
from generators.encoding.table import TableEncoding, learn
from generators.errors import InputError
from generators.fitting.conditions import Conditions, TableConditions
from generators.fitting.controls import Controls
from generators.fitting.drawing import Sampler, settled
from generators.learning.model import Saved
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, Rule, TableSchema

ROWS = 4000
WARDS = ("A", "B", "C", "D")
TABLE = TableSchema(
    "visit",
    (
        ColumnSchema("sex", Kind.CATEGORICAL, "string"),
        ColumnSchema("age", Kind.INTEGER, "int64"),
        ColumnSchema("ward", Kind.CATEGORICAL, "string"),
        ColumnSchema("died", Kind.BOOLEAN, "bool"),
        ColumnSchema("old", Kind.CATEGORICAL, "string"),
    ),
)
SCHEMA = DatasetSchema((TABLE,))


class Joint:
    """A model that is the table of all combinations of codes itself, as learned; `codes`: rows learned from."""

    def __init__(self, codes: Codes, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes
        self.table = np.zeros(sizes)
        np.add.at(self.table, tuple(codes.T), 1.0)
        self.table /= self.table.sum()
        self.drawn = 0

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Mapping[int, np.ndarray] | None = None) -> Codes:
        self.drawn += len(given)
        codes = np.zeros((len(given), len(self.sizes)), dtype=np.int32)
        for number in range(len(self.sizes)):
            shares = self.table.sum(axis=tuple(range(number + 1, len(self.sizes))))[tuple(codes[:, :number].T)]
            shares = np.broadcast_to(shares, (len(given), self.sizes[number])) * (allowed or {}).get(number, True)
            edges = np.cumsum(shares, axis=1)
            codes[:, number] = (edges < rng.random(len(given))[:, None] * edges[:, -1:]).sum(axis=1)
        return codes

    def surprise(self, codes: Codes) -> None:
        return None

    def saved(self) -> Saved:
        return Saved({}, {})


class Beginning(Joint):
    """The same, which can tell how likely beginnings are."""

    def starts(self, codes: Codes) -> np.ndarray:
        shares = self.table.sum(axis=tuple(range(codes.shape[1], len(self.sizes))))
        with np.errstate(divide="ignore"):
            return np.log(shares[tuple(codes.T)])


def visits(rows: int = ROWS) -> pa.Table:
    rng = np.random.default_rng(3)
    sex = rng.choice(["F", "M", "X"], rows, p=[0.5, 0.47, 0.03])
    age = rng.integers(0, 10, rows) * 10 + (sex == "F") * 5
    ward = np.asarray(WARDS)[np.where(rng.random(rows) < 0.7, age // 30, rng.integers(0, 4, rows)) % 4]
    died = rng.random(rows) < np.where(ward == "D", 0.4, 0.05)
    columns: dict[str, Any] = {"sex": sex.tolist(), "age": age, "ward": ward.tolist(), "died": died}
    return pa.table({**columns, "old": np.where(age >= 60, "yes", "no").tolist()})


class World:
    def __init__(self, kind: type[Joint] = Beginning) -> None:
        self.rows = visits()
        self.encoding: TableEncoding = learn(self.rows, TABLE, POLICIES["internal"], np.arange(ROWS))
        self.codes = self.encoding.encode(self.rows)
        self.model = kind(self.codes, tuple(p.size for p in self.encoding.parts))
        self.sampler = Sampler(self.model, tuple(range(len(self.encoding.parts))), self.encoding.parts)

    def conditions(self, **asked: Mapping[str, str]) -> TableConditions:
        conditions = Conditions(**asked)
        assert Conditions.of({"model": "x", **conditions.parameters()}) == conditions
        return conditions.tables(SCHEMA, {"visit": self.encoding})["visit"]

    def drawn(self, count: int, conditions: TableConditions, seed: int = 1) -> pa.Table:
        rng = np.random.default_rng(seed)
        groups = conditions.drawn_groups(count, rng)

        def draw(places: np.ndarray) -> tuple[Codes, pa.Table]:
            codes = np.empty((len(places), len(self.encoding.parts)), dtype=np.int32)
            for group in np.unique(groups[places]):
                mine = groups[places] == group
                codes[mine] = self.sampler.sample(np.zeros((mine.sum(), 0), np.int32), rng, conditions.masks[group])
            return codes, self.encoding.decode(codes, rng)

        self.model.drawn = 0
        _, rows = settled(draw, count, missed=lambda rows, places: conditions.missed(rows, groups[places]) | conditions.declined(rows, rng))
        return rows


def shares(rows: pa.Table, *columns: str) -> dict[tuple[Any, ...], float]:
    found: dict[tuple[Any, ...], float] = {}
    for row in zip(*(rows[c].to_pylist() for c in columns), strict=True):
        found[row] = found.get(row, 0.0) + 1 / rows.num_rows
    return found


def same_distribution(made: pa.Table, learned: pa.Table, *columns: str) -> None:
    """Every share of the made rows lies within 4.5 standard errors of that of the rows the table model learned."""
    a, b = shares(made, *columns), shares(learned, *columns)
    assert set(a) <= set(b)
    for cell, share in b.items():
        assert abs(a.get(cell, 0.0) - share) <= 4.5 * np.sqrt(share * (1 - share) / made.num_rows) + 1e-9, cell


def where(rows: pa.Table, keep: Any) -> pa.Table:
    return rows.filter(pa.array([keep(r) for r in rows.to_pylist()]))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.promise("control.1")
def test_conditions_on_the_first_columns_are_exact_and_draw_nothing_in_vain(world: World) -> None:
    for asked in ({"sex": "F"}, {"sex": "F|X", "age": "30..80"}, {"sex": "F", "age": "25..45|85", "ward": "A|B"}):
        made = world.drawn(6000, world.conditions(given=asked))
        assert world.model.drawn == 6000
        kept = world.rows
        kept = where(kept, lambda r, a=asked: r["sex"] in a["sex"].split("|"))
        if "age" in asked:
            fits = (lambda age: 30 <= age <= 80) if asked["age"] == "30..80" else (lambda age: 25 <= age <= 45 or age == 85)
            kept = where(kept, lambda r, f=fits: f(r["age"]))
        if "ward" in asked:
            kept = where(kept, lambda r: r["ward"] in ("A", "B"))
        same_distribution(made, kept, "sex", "age", "ward")
        same_distribution(made, kept, "ward", "died")


@pytest.mark.promise("control.1")
@pytest.mark.parametrize(
    ("kind", "asked"), list(product([Joint, Beginning], [{"sex": "M", "ward": "D"}, {"died": "true"}, {"old": "yes"}]))
)
def test_conditions_further_back_and_on_computed_columns_are_exact_too(kind: type[Joint], asked: dict[str, str]) -> None:
    world = World(kind)
    made = world.drawn(3000, world.conditions(given=asked))
    (name, typed) = next(iter(asked.items()))
    kept = where(world.rows, lambda r: all(str(r[n]).lower() == t.lower() for n, t in asked.items()))
    assert {str(v).lower() for v in made[name].to_pylist()} == {typed.lower()}
    same_distribution(made, kept, "sex", "age")
    same_distribution(made, kept, "ward", "died")


@pytest.mark.promise("control.2")
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"sex": "Q"}, "sex"),
        ({"age": "200..300"}, "no row can meet"),
        ({"age": "80..20"}, "begins after its end"),
        ({"ward": "A..C"}, "range"),
        ({"height": "2"}, "no column"),
        ({"age": "old"}, "no value"),
    ],
)
def test_conditions_that_no_row_can_meet_are_refused_in_one_sentence(world: World, asked: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        world.conditions(given=asked)


@pytest.mark.promise("control.2")
def test_conditions_that_hardly_any_row_meets_are_refused_after_measuring(world: World) -> None:
    with pytest.raises(InputError, match="1 in 10,000"):
        world.drawn(2000, world.conditions(given={"old": "no", "age": "70..90"}))


@pytest.mark.promise("control.3")
def test_balance_gives_the_shares_asked_for_and_changes_nothing_within(world: World) -> None:
    made = world.drawn(5001, world.conditions(balance={"died": "true:1|false:1"}))
    dead = shares(made, "died")[(True,)]
    assert abs(dead - 0.5) < 1 / 5000
    for died in (True, False):
        same_distribution(where(made, lambda r, d=died: r["died"] is d), where(world.rows, lambda r, d=died: r["died"] is d), "sex", "ward")
    small = [
        int((world.conditions(balance={"sex": "F:1|M:1|X:1"}).drawn_groups(4, np.random.default_rng(n)) == 2).sum()) for n in range(300)
    ]
    assert abs(np.mean(small) - 4 / 3) < 0.15


@pytest.mark.promise("control.4")
def test_oversampling_makes_a_group_so_many_times_as_frequent(world: World) -> None:
    made = world.drawn(6000, world.conditions(oversample={"sex": "X:5"}))
    rare = shares(world.rows, "sex")[("X",)]
    wanted = 5 * rare / (5 * rare + 1 - rare)
    assert abs(shares(made, "sex")[("X",)] - wanted) < 4.5 * np.sqrt(wanted * (1 - wanted) / 6000)
    same_distribution(where(made, lambda r: r["sex"] == "X"), where(world.rows, lambda r: r["sex"] == "X"), "ward")
    with pytest.raises(InputError, match="yes:50"):
        world.conditions(oversample={"sex": "X"})


@pytest.mark.promise("control.5")
def test_what_is_asked_stands_in_the_mechanism_and_is_read_back(world: World) -> None:
    asked = Conditions({"sex": "F"}, {"died": "true:50|false:50"}, {"ward": "D:3"})
    assert asked.parameters() == {"given sex": "F", "balance died": "true:50|false:50", "oversample ward": "D:3"}
    assert "only rows with sex = F were made" in asked.sentences()
    controls = Controls(("sex",), (("sex", "ward"),), ("died",))
    assert Controls.from_dict(json.loads(json.dumps(controls.as_dict()))) == controls
    assert controls.parameters() == {
        "first columns": "sex",
        "columns left out": "died",
        "pairs not learned together": "sex × ward",
    }
    assert Controls().parameters() == {}
    with pytest.raises(InputError):
        Controls.from_dict({"second": []})
    with pytest.raises(InputError):
        Controls.from_dict({"apart": [["a"]]})


@pytest.mark.promise("control.5")
def test_columns_left_out_go_with_their_rules_and_keys_cannot_be_controlled() -> None:
    person = TableSchema("person", (ColumnSchema("person_id", Kind.IDENTIFIER, "string"), TABLE.column("sex")), "person_id", ("person_id",))
    visit = TableSchema(
        "visit",
        (ColumnSchema("person_id", Kind.IDENTIFIER, "string"), *TABLE.columns),
        foreign_keys=(ForeignKey(("person_id",), "person", ("person_id",)),),
        rules=(Rule("a", "age >= 0"), Rule("b", "died implies age > 5")),
    )
    schema = DatasetSchema((person, visit))
    reduced = Controls(leave_out=("died", "visit.sex")).reduced(schema)
    assert reduced.table("visit").names == ("person_id", "age", "ward", "old")
    assert [rule.name for rule in reduced.table("visit").rules] == ["a"]
    for wrong, words in (("sex", "write"), ("height", "no column"), ("visit.person_id", "key")):
        with pytest.raises(InputError, match=words):
            Controls(first=(wrong,)).check(schema)
    with pytest.raises(InputError, match="two tables"):
        Controls(apart=(("person.sex", "visit.ward"),)).check(schema)
    with pytest.raises(InputError):
        Controls(leave_out=("person.sex", "visit.person_id")).reduced(schema)


@pytest.mark.promise("control.6")
def test_pairs_kept_apart_are_all_pairs_of_their_parts_of_the_same_row() -> None:
    parts = (
        Part("before·ward", "value", 4),
        Part("sex", "value", 3),
        Part("age", "coarse", 9),
        Part("age", "fine", 4, of=2, within=(0, 8)),
        Part("ward", "value", 4),
        Part("ward otherwise", "value", 4),
    )
    controls = Controls(first=("ward", "age"), apart=(("ward", "age"),))
    assert controls.apart_parts("visit", parts) == frozenset({(2, 4), (3, 4), (2, 5), (3, 5)})
    assert controls.order("visit", parts) == (4, 2, 3, 0, 1, 5)
