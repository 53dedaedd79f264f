"""Noisy tables: learning under a ledger alone, exact sampling, what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from generators.encoding.coded import CodedRows, Part
from generators.errors import InputError
from generators.learning.ledger import PrivacyLedger, table_of
from generators.learning.mechanisms import OpenDp
from generators.learning.model import Saved
from generators.learning.watch import Watch
from generators.models.dp_marginals.estimation import Measured, fitted
from generators.models.dp_marginals.junction import JunctionTree
from generators.models.dp_marginals.learner import DpMarginals, PrivateTables
from tests.generators.coded_rows import coded


class Exact(OpenDp):
    """Charges as ever and adds no noise: what comes out then hangs on charged looks alone."""

    def counts(self, true: np.ndarray, scale: float) -> np.ndarray:
        return true.copy()

    def largest(self, scores: np.ndarray, scale: float) -> int:
        return int(np.argmax(scores))


def learned(rows: CodedRows, epsilon: float = 20.0, selection: str = "mst", **given: object) -> tuple[PrivateTables, PrivacyLedger]:
    ledger = PrivacyLedger(epsilon, 1e-6, 1, **given)  # type: ignore[arg-type]
    model = DpMarginals.fit(
        ledger.guarded(rows, rows.rows), seed=1, options={"selection": selection}, watch=Watch(), held_out=None, ledger=ledger
    )
    return model, ledger


def each_a_person(rows: CodedRows) -> CodedRows:
    return replace(rows, persons=np.arange(rows.rows))


@pytest.fixture(scope="module")
def rows() -> CodedRows:
    return each_a_person(coded(2000))


@pytest.fixture(scope="module")
def model(rows: CodedRows) -> PrivateTables:
    return learned(rows)[0]


def empty(rows: int) -> np.ndarray:
    return np.zeros((rows, 0), dtype=np.int32)


@pytest.mark.promise("private.5")
@pytest.mark.parametrize("selection", ["mst", "aim"])
def test_pairs_that_hang_together_still_do_and_all_is_charged(rows: CodedRows, selection: str) -> None:
    model, ledger = learned(rows, selection=selection)
    assert ledger.spent() == pytest.approx(20.0, rel=1e-3)
    assert ledger.spent() <= 20.0 * (1 + 1e-8)
    drawn = model.sample(empty(20_000), np.random.default_rng(1))
    for pair in ((3, 4), (1, 3)):
        sizes = [rows.sizes[n] for n in pair]
        real, made = (table_of(codes, pair, sizes) / len(codes) for codes in (rows.codes, drawn))
        apart = np.multiply.outer(real.sum(axis=1), real.sum(axis=0))
        assert np.abs(real - made).sum() < 0.4 * np.abs(real - apart).sum()


@pytest.mark.promise("private.1")
def test_without_noise_the_same_looks_give_the_same_model_and_a_person_changes_only_what_is_counted(rows: CodedRows) -> None:
    first, ledger = learned(rows, mechanisms=Exact())
    again, _ = learned(rows, mechanisms=Exact())
    assert all((a == b).all() for a, b in zip(first.distribution.beliefs, again.distribution.beliefs, strict=True))
    # Other values, in the same counts of every charged table: nothing uncharged can tell them apart.
    order = np.random.default_rng(0).permutation(rows.rows)
    shuffled, _ = learned(replace(rows, codes=rows.codes[order]), mechanisms=Exact())
    assert all(np.allclose(a, b) for a, b in zip(first.distribution.beliefs, shuffled.distribution.beliefs, strict=True))
    assert all(e.rho > 0 for e in ledger.entries)


@pytest.mark.promise("private.5")
def test_the_same_seed_draws_the_same_rows_and_a_loaded_model_too(rows: CodedRows, model: PrivateTables) -> None:
    saved = model.saved()
    loaded = DpMarginals.load(saved, rows.parts, 0)
    one, two = (m.sample(empty(500), np.random.default_rng(7)) for m in (model, loaded))
    assert (one == two).all()
    assert one.dtype == np.int32
    assert np.allclose(model.surprise(rows.codes), loaded.surprise(rows.codes))


def test_edited_tables_are_refused(rows: CodedRows, model: PrivateTables) -> None:
    saved = model.saved()
    broken = dict(saved.arrays)
    broken["clique-0"] = -broken["clique-0"]
    for wrong in (
        Saved({}, saved.arrays),
        Saved(saved.facts, broken),
        Saved({**saved.facts, "parents": [0]}, saved.arrays),
        Saved(saved.facts, {}),
    ):
        with pytest.raises(InputError, match="do not fit together"):
            DpMarginals.load(wrong, rows.parts, 0)


@pytest.mark.promise("private.6")
def test_restricted_columns_are_drawn_exactly_given_the_restriction(model: PrivateTables) -> None:
    allowed = {0: np.array([True, False, False]), 3: np.array([False, False, False, True, True, False])}
    drawn = model.sample(empty(30_000), np.random.default_rng(2), allowed)
    assert set(np.unique(drawn[:, 0])) == {0}
    assert set(np.unique(drawn[:, 3])) <= {3, 4}
    free = model.sample(empty(200_000), np.random.default_rng(3))
    free = free[(free[:, 0] == 0) & np.isin(free[:, 3], (3, 4))]
    for number, size in ((1, 9), (4, 2)):
        one, other = (np.bincount(codes[:, number], minlength=size) / len(codes) for codes in (drawn, free))
        assert np.abs(one - other).sum() < 0.08


def test_the_estimate_is_the_distribution_itself_when_tables_have_no_noise() -> None:
    rng = np.random.default_rng(5)
    a = rng.dirichlet(np.ones(4))
    b = rng.dirichlet(np.ones(3), 4)
    c = rng.dirichlet(np.ones(5), 3)
    joint = a[:, None, None] * b[:, :, None] * c[None]
    tables = [
        Measured((0, 1), 1000 * joint.sum(axis=2), np.full((4, 3), 1e-3)),
        Measured((1, 2), 1000 * joint.sum(axis=0), np.full((3, 5), 1e-3)),
    ]
    found = fitted(JunctionTree.of((4, 3, 5), [(0, 1), (1, 2)]), tables, rounds=2000)
    codes = np.stack(np.unravel_index(np.arange(60), (4, 3, 5)), axis=1).astype(np.int32)
    assert np.allclose(np.exp(-found.surprise(codes)), joint.ravel(), atol=2e-3)


def test_cycles_of_pairs_make_cliques_that_still_sum_to_one() -> None:
    tree = JunctionTree.of((2, 3, 2, 3), [(0, 1), (1, 2), (2, 3), (0, 3)])
    beliefs = tree.calibrated([np.random.default_rng(n).normal(size=tree.shape(n)) for n in range(len(tree.cliques))])
    for n, parent in enumerate(tree.parents):
        assert beliefs[n].sum() == pytest.approx(1)
        if parent >= 0:
            shared = tree.shared(n)
            here, there = (
                b.sum(axis=tuple(at for at, v in enumerate(c) if v not in shared))
                for b, c in ((beliefs[n], tree.cliques[n]), (beliefs[parent], tree.cliques[parent]))
            )
            assert np.allclose(here, there)


@pytest.mark.promise("private.4")
def test_it_refuses_what_it_cannot_do_and_names_the_way_out(rows: CodedRows) -> None:
    with pytest.raises(InputError, match="needs a privacy budget"):
        DpMarginals.fit(rows, seed=1, options={}, watch=Watch())
    ledger = PrivacyLedger(1.0, 1e-6, 1)
    with pytest.raises(InputError, match="fewer than 100 rows"):
        DpMarginals.fit(ledger.guarded(rows, 20), seed=1, options={}, watch=Watch(), ledger=ledger)
    with pytest.raises(InputError, match="by itself"):
        DpMarginals.fit(ledger.guarded(replace(rows, given=1), 2000), seed=1, options={}, watch=Watch(), ledger=ledger)
    assert ledger.entries == ()


@pytest.mark.promise("private.4")
def test_single_valued_columns_one_person_and_one_column_are_no_trouble() -> None:
    constant = CodedRows(np.zeros((300, 2), dtype=np.int32), (Part("a", "value", 1), Part("b", "value", 2)), np.zeros(300, dtype=np.int64))
    model, _ = learned(constant)
    assert model.sample(empty(10), np.random.default_rng(0)).shape == (10, 2)
    single = CodedRows(coded(300).codes[:, :1], coded(300).parts[:1], np.arange(300))
    assert learned(single)[0].sample(empty(5), np.random.default_rng(0)).shape == (5, 1)


@pytest.mark.promise("private.7")
def test_pairs_kept_apart_are_never_counted(rows: CodedRows) -> None:
    _, ledger = learned(replace(rows, apart=frozenset({(3, 4)})), selection="aim")
    assert not any("ward" in e.what and "died" in e.what for e in ledger.entries)
    assert math.isfinite(ledger.spent())
