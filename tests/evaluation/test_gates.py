"""Gates are data; each can fail."""

from dataclasses import replace

import pytest

from evaluation.definitions import result
from evaluation.gates import Gate, Verdict, judge, load, met, parse
from evaluation.report import public
from evaluation.results import Evaluation, Scope
from generators.errors import InputError

TIERS = ("structural", "publicly-sourced", "privately-sourced")
GATES = [(tier, gate.id) for tier in TIERS for gate in load().of(tier)]
WORST = {"at_most": 1e6, "at_most_or_near_ceiling": 1e6, "at_least": -1.0, "at_most_ceiling": 1.0}


def with_value(evaluation: Evaluation, gate: Gate, **changed: object) -> Evaluation:
    return replace(evaluation, results=tuple(replace(r, **changed) if r.metric == gate.metric else r for r in evaluation.results))


@pytest.fixture(scope="module")
def third(third: Evaluation) -> Evaluation:
    keys = Scope("relationship", ("emergency_visits", "patient_id", "→ patients"))
    links = (result(metric, keys, best, n=9) for metric, best in (("unique_keys", 1.0), ("foreign_keys", 1.0), ("children", 0.0)))
    return replace(third, results=(*third.results, *links))


@pytest.mark.promise("evaluate.10")
@pytest.mark.parametrize(("tier", "name"), GATES)
def test_every_gate_can_pass_and_fail_and_fails_without_its_metric(third: Evaluation, tier: str, name: str) -> None:
    gate = next(g for g in load().of(tier) if g.id == name)
    sample = third.of(gate.metric, gate.scope)[0]
    best = {"at_most": 0.0, "at_most_or_near_ceiling": 0.0, "at_least": 1.0, "at_most_ceiling": 0.0}.get(gate.compare, sample.ceiling)
    worst = WORST.get(gate.compare, sample.floor)

    def passed(evaluation: Evaluation) -> bool:
        return next(o.passed for o in judge(evaluation, tier).outcomes if o.gate == name)

    assert passed(with_value(third, gate, value=best))
    assert not passed(with_value(third, gate, value=worst))
    assert not passed(with_value(third, gate, value=None, failed="it could not be computed"))
    without = replace(third, results=tuple(r for r in third.results if r.metric != gate.metric))
    assert passed(without) == gate.optional


@pytest.mark.promise("evaluate.10")
def test_only_hard_gates_stop_a_release(third: Evaluation) -> None:
    for tier in TIERS:
        for gate in load().of(tier):
            broken = with_value(third, gate, value=None, failed="it could not be computed")
            # one metric may carry gates of several levels; here none does
            assert judge(broken, tier).passed == (gate.level != "hard")


@pytest.mark.promise("evaluate.10")
def test_a_gate_that_needs_a_twin_fails_without_it(third: Evaluation) -> None:
    gate = next(g for g in load().of("publicly-sourced") if g.id == "collisions")
    verdict = judge(with_value(third, gate, ceiling=None), "publicly-sourced")
    assert "nothing to compare" in verdict.failed_hard[0].sentence


def test_a_few_chance_collisions_more_than_the_holdouts_are_allowed_and_many_are_not(third: Evaluation) -> None:
    gate = Gate("x", "collisions", "hard", "at_most_ceiling", "", "", sigmas=3)
    base = replace(third.find("collisions"), n=20_000, n_ceiling=5_000, ceiling=4 / 5_000)
    assert met(gate, replace(base, value=20 / 20_000))
    assert not met(gate, replace(base, value=90 / 20_000))


def test_a_verdict_says_two_sentences_without_figures(third: Evaluation, copied: Evaluation) -> None:
    for evaluation in (third, copied):
        verdict = judge(evaluation, "publicly-sourced")
        assert len(verdict.sentences) == 2
        assert "%" not in "".join(verdict.sentences)
    assert judge(copied, "publicly-sourced").sentences[0].startswith("This version may not be released: rows equal real rows")
    assert Verdict.from_dict(verdict.as_dict()) == verdict


def test_unknown_tiers_versions_metrics_and_public_evaluations_are_refused(third: Evaluation) -> None:
    with pytest.raises(InputError, match='no gates for the tier "open"'):
        judge(third, "open")
    with pytest.raises(InputError, match="no gate set of version 99"):
        load(99)
    with pytest.raises(InputError, match="full evaluation"):
        judge(public(third, "publicly-sourced"), "publicly-sourced")
    gate = {"id": "a", "metric": "beauty", "level": "hard", "compare": "at_most", "pass": "", "fail": ""}
    with pytest.raises(InputError, match='unknown metric "beauty"'):
        parse({"version": 2, "tiers": {"structural": [gate]}})
    with pytest.raises(InputError, match="unknown level"):
        parse({"version": 2, "tiers": {"structural": [gate | {"metric": "tvd", "level": "firm"}]}})
    with pytest.raises(InputError, match="lacks a part"):
        parse({"version": 2, "tiers": {"structural": [{"id": "a"}]}})
    with pytest.raises(InputError, match="lacks a part"):
        Verdict.from_dict({"tier": "structural"})
