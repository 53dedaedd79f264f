"""Releases of which it is known what is wrong: each fails exactly the gates it should, and every gate fails one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.calibration import Pair, leak_free, table_schema
from evaluation import basket, dataset
from evaluation.gates import LEVELS, judge, load, versions
from evaluation.results import Evaluation
from evaluation.work import Fit
from generators.disclosure import POLICIES
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, Rule, TableSchema
from tests.evaluation import golden
from tests.evaluation.predicted import Patients, patients

INTERNAL = POLICIES["internal"]
Unmet = Callable[[str, str], set[str]]
TIERS = ("structural", "publicly-sourced", "privately-sourced")
USEFUL = {"target_skill", "subgroup_worst"}
SCHEMA = replace(
    table_schema(),
    columns=(
        *table_schema().columns,
        ColumnSchema("visit", Kind.IDENTIFIER, "string"),
        ColumnSchema("complaint", Kind.FREE_TEXT, "string"),
    ),
    rules=(Rule("nobody waits less than nothing", "wait_minutes >= 0"),),
)
COMMON = ("chest pain", "fell at home today", "short of breath", "cut to the left hand", "fever and cough")
ALWAYS = {"rare_extremes"}
"""Real people have real extremes."""
LEAKING = {"unexplained_copies", "authenticity", "membership_distance"}
ATTACKED = LEAKING | {
    "nearer_to_train",
    "nearest_ratio",
    "membership_quasi",
    "membership_density",
    "caught_distance",
    "caught_density",
    "exposed",
    "linkability",
    "inference",
    "rare_row_collisions",
    "matching_uniques",
}
EXPECTED: Mapping[str, Mapping[str, set[str]]] = {
    "people of a third sample": {"structural": set(), "publicly-sourced": set(), "privately-sourced": set()},
    "a copy of train": {
        "structural": {"collisions"},
        "publicly-sourced": LEAKING | {"collisions", "rare_row_collisions", "exposed"},
        "privately-sourced": ATTACKED | {"collisions", "singling_out"},
    },
    "a copy with 1 % noise": {
        "structural": set(),
        "publicly-sourced": LEAKING | {"exposed"},
        "privately-sourced": ATTACKED - {"rare_row_collisions"},
    },
    "trees grown to single rows": {
        "structural": {"collisions"},
        "publicly-sourced": LEAKING | {"collisions", "rare_row_collisions", "exposed", "associations"},
        "privately-sourced": ATTACKED | {"collisions"},
    },
    "a shuffle": {
        "structural": set(),
        "publicly-sourced": {"associations", "discriminator", "projection"},
        "privately-sourced": {"associations", "discriminator", "projection", "pairs"},
    },
    "people of another year": {
        "structural": set(),
        "publicly-sourced": {"columns", "worst_column", "discriminator", "projection"},
        "privately-sourced": {"columns", "worst_column", "discriminator", "projection", "pairs", "divergence"},
    },
    "one planted record": {"structural": set(), "publicly-sourced": {"unexplained_copies"}, "privately-sourced": {"unexplained_copies"}},
    "an identifier that leaks": {tier: {"rare_values"} for tier in TIERS},
    "rare cells": {tier: {"rare_values"} for tier in TIERS},
    "texts word for word": {"structural": {"rare_values"}, **{key: {"rare_values", "rare_phrases"} for key in TIERS[1:]}},
    "identifiers in texts": {tier: {"text_identifiers"} for tier in TIERS},
    "people held out": {"structural": set(), "publicly-sourced": {"holdout_seen"}, "privately-sourced": {"holdout_seen"}},
    "rows that break a rule": {tier: {"rules"} for tier in TIERS},
    "a column that is missing": {
        "structural": {"structure", "rare_values"},
        **{key: {"structure", "rare_values", "worst_column"} for key in TIERS[1:]},
    },
}
"""Which gates each case fails, of all levels, beside `ALWAYS`; those of usefulness and of keys have cases of their own."""
CHANCE = {"pairs"}
"""With so few rows the plain threshold of pairs of the publicly-sourced tier is out of reach; it is advisory there."""


@pytest.fixture(scope="module")
def pair() -> Pair:
    """A leak-free pair with visits' numbers and complaints; among train's are rare codes and rare phrases."""
    found = leak_free(7, 2400)
    draw = np.random.default_rng(11)

    def furnished(table: pa.Table, name: str) -> pa.Table:
        texts = [COMMON[i] for i in draw.integers(0, len(COMMON), len(table))]
        if name == "train":
            for place in range(0, len(texts), 20):
                texts[place] = f"fell from ladder number {place} at the mill"
        return table.append_column("visit", pa.array([f"{name}-{i}" for i in range(len(table))])).append_column(
            "complaint", pa.array(texts)
        )

    train = furnished(found.train, "train")
    codes = train["diagnosis_code"].to_pylist()
    codes[3:6] = ["Z99.9", "Y07.1", "X33"]
    train = _with(train, "diagnosis_code", codes)
    return Pair(train, furnished(found.holdout, "holdout"), furnished(found.synthetic, "new"))


def _with(table: pa.Table, column: str, values: list[object]) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, pa.array(values, table[column].type))


def made(case: str, pair: Pair) -> pa.Table:
    """The released table of a case."""
    draw, train, third = np.random.default_rng(3), pair.train, pair.synthetic
    plain = _with(
        train, "diagnosis_code", [c if c not in ("Z99.9", "Y07.1", "X33") else "Other" for c in train["diagnosis_code"].to_pylist()]
    )
    plain = _with(_with(plain, "visit", [f"new-{i}" for i in range(len(plain))]), "complaint", list(np.resize(COMMON, len(plain))))
    texts, waits = third["complaint"].to_pylist(), third["wait_minutes"].to_pylist()
    match case:
        case "people of a third sample":
            return third
        case "a copy of train":
            return golden.copied(plain, SCHEMA, draw)
        case "a copy with 1 % noise":
            return golden.noisy(plain, SCHEMA, draw)
        case "trees grown to single rows":
            return golden.leaf_one(plain, SCHEMA, draw)
        case "a shuffle":
            return golden.shuffled(plain, SCHEMA, draw)
        case "people of another year":
            return golden.drifted(third, SCHEMA, draw)
        case "one planted record":
            return golden.planted(third, plain, SCHEMA, [golden.loneliest(pair.train, SCHEMA)])
        case "an identifier that leaks":
            return _with(third, "visit", train["visit"].to_pylist()[: len(third)])
        case "rare cells":
            return _with(third, "diagnosis_code", ["Z99.9", "X33", *third["diagnosis_code"].to_pylist()[2:]])
        case "texts word for word":
            real = [text for text in train["complaint"].to_pylist() if "ladder" in text]
            return _with(third, "complaint", [*real, *texts[len(real) :]])
        case "identifiers in texts":
            return _with(third, "complaint", ["mother is 943 476 5919", "write to a.n.other@example.org", *texts[2:]])
        case "people held out":
            return golden.planted(
                third, _with(pair.holdout, "visit", [f"h-{i}" for i in range(len(pair.holdout))]), SCHEMA, list(range(0, 250))
            )
        case "rows that break a rule":
            return _with(third, "wait_minutes", [-1] * 12 + waits[12:])
        case "a column that is missing":
            return third.drop_columns(["ethnicity"])
    raise ValueError(case)


@pytest.fixture(scope="module")
def unmet(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Unmet:
    """The gates a case fails, by case and tier; each case is evaluated once."""
    folder = tmp_path_factory.mktemp("golden")
    only = {gate.metric for tier in TIERS for gate in load().of(tier)} - USEFUL
    paths = [folder / f"{name}.parquet" for name in ("train", "holdout", "made")]
    pq.write_table(pair.train, paths[0])
    pq.write_table(pair.holdout, paths[1])
    known: dict[str, dict[str, set[str]]] = {}

    def gates(case: str, tier: str) -> set[str]:
        if case not in known:
            pq.write_table(made(case, pair), paths[2])
            evaluation = basket.evaluate(*paths, SCHEMA, policy=INTERNAL, seed=1, targets=None, only=only)
            known[case] = {}
            for of in TIERS:
                asked = {g.id for g in load().of(of) if g.metric not in USEFUL}
                known[case][of] = {o.gate for o in judge(evaluation, of).outcomes if not o.passed and o.gate in asked}
        return known[case][tier]

    return gates


@pytest.mark.timeout(900)
@pytest.mark.promise("gates.5")
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("case", EXPECTED)
def test_each_case_fails_exactly_the_gates_it_should(unmet: Unmet, case: str, tier: str) -> None:
    beside = ALWAYS | (CHANCE if tier == "publicly-sourced" else set())
    if case == "a copy with 1 % noise":
        beside |= {"rare_row_collisions"}  # noise may leave a rare row as it was
    assert unmet(case, tier) - beside == EXPECTED[case][tier] - beside


def failed(evaluation: Evaluation) -> set[str]:
    return {o.gate for tier in TIERS for o in judge(evaluation, tier).outcomes if not o.passed and evaluation.of(o.metric)}


def keys(tmp_path: Path) -> set[str]:
    """Gates failed by a child table whose keys repeat, lead nowhere, and which has all its rows under one parent."""
    schema = DatasetSchema(
        (
            TableSchema("person", (ColumnSchema("person", Kind.IDENTIFIER, "string"),), person_key="person", primary_key=("person",)),
            TableSchema(
                "visit",
                (ColumnSchema("visit", Kind.IDENTIFIER, "string"), ColumnSchema("person", Kind.IDENTIFIER, "string")),
                person_key="person",
                primary_key=("visit",),
                foreign_keys=(ForeignKey(("person",), "person", ("person",)),),
            ),
        )
    )
    sides = {}
    for side in ("train", "holdout", "synthetic"):
        persons = [f"{side}-{i}" for i in range(60)]
        of = [*persons, *persons] if side != "synthetic" else [persons[0]] * 100 + ["nobody"] * 20
        visits = [f"{side}-v{i if side != 'synthetic' else i // 2}" for i in range(120)]
        tables = {"person": pa.table({"person": persons}), "visit": pa.table({"visit": visits, "person": of})}
        sides[side] = {name: tmp_path / f"{side}-{name}.parquet" for name in tables}
        for name, table in tables.items():
            pq.write_table(table, sides[side][name])
    only = {"unique_keys", "foreign_keys", "children"}
    return failed(dataset.evaluate(*(sides[side] for side in ("train", "holdout", "synthetic")), schema, policy=INTERNAL, only=only))


def fitted_again(pair: Pair, tmp_path: Path) -> set[str]:
    """Gates failed by a generator that copies, when it is fitted again."""

    def copy(train: Mapping[str, Path], folder: Path, seed: int) -> Mapping[str, Path]:
        found = {name: folder / f"made-{seed}-{name}.parquet" for name in train}
        for name, path in train.items():
            pq.write_table(golden.copied(pq.read_table(path), SCHEMA, np.random.default_rng(seed)), found[name])
        return found

    paths = [tmp_path / f"{name}.parquet" for name in ("train", "holdout", "made")]
    for path, table in zip(paths, (pair.train, pair.holdout, made("a copy of train", pair)), strict=True):
        pq.write_table(table, path)
    (tmp_path / "shadows").mkdir()
    only = {"membership_shadow_auc", "membership_shadow_caught"}
    return failed(basket.evaluate(*paths, SCHEMA, policy=INTERNAL, only=only, targets=None, fit=Fit(copy, tmp_path / "shadows", models=4)))


@pytest.mark.timeout(900)
@pytest.mark.promise("gates.6")
def test_every_gate_fails_some_golden_case(
    unmet: Unmet, pair: Pair, shuffled: Evaluation, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = Patients.of(tmp_path_factory.mktemp("patients"), patients(700, 1), patients(700, 2))
    further = keys(tmp_path) | fitted_again(pair, tmp_path)
    further |= failed(world.evaluate(patients(700, 3, flipped="B"), {"subgroup_worst"}, targets=("admitted",)))
    further |= {o.gate for o in judge(shuffled, "privately-sourced").outcomes if not o.passed and o.gate == "use"}
    for tier in TIERS:
        seen = set().union(*(unmet(case, tier) for case in EXPECTED)) | further
        assert [g.id for g in load().of(tier) if g.id not in seen] == []


@pytest.mark.promise("gates.6")
def test_gates_of_every_version_have_a_level_words_and_a_metric_and_drafts_are_never_in_force() -> None:
    for version in versions():
        for tier in TIERS:
            gates = load(version.number).of(tier)
            assert len({g.id for g in gates}) == len(gates)
            for gate in gates:
                assert gate.level in LEVELS
                assert gate.passing.endswith(".")
                assert not gate.failing.endswith(".")
    assert load().status == "issued"
    assert [v.status for v in versions()][-1] == "draft"
    for gate in load().of("privately-sourced"):
        if gate.metric.startswith(("projection", "kl")):
            assert gate.level == "advisory"
