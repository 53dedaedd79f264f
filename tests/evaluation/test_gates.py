"""Gates are data; each can fail."""

from dataclasses import replace

import pytest

from evaluation.definitions import result
from evaluation.gates import OVERRIDE_CODES, Gate, Verdict, judge, load, met, parse, versions
from evaluation.report import public
from evaluation.results import Evaluation, Scope
from generators.errors import InputError

TIERS = ("structural", "publicly-sourced", "privately-sourced")
GATES = [(tier, gate.id) for tier in TIERS for gate in load().of(tier)]
WORST = {
    "at_most": 1e6,
    "at_most_or_near_ceiling": 1e6,
    "at_least": -1.0,
    "at_most_ceiling": 1.0,
    "at_least_ceiling": 0.0,
    "no_better_than_guessing": 1.0,
}
FAULT = "could not be computed (ValueError)"


def with_value(evaluation: Evaluation, gate: Gate, **changed: object) -> Evaluation:
    return replace(evaluation, results=tuple(replace(r, **changed) if r.metric == gate.metric else r for r in evaluation.results))


@pytest.fixture(scope="module")
def third(third: Evaluation) -> Evaluation:
    """With a result for every gate: keys, texts and shadow models are not in the table of the fixture."""
    keys = Scope("relationship", ("emergency_visits", "patient_id", "→ patients"))
    links = [result(metric, keys, best, n=9) for metric, best in (("unique_keys", 1.0), ("foreign_keys", 1.0), ("children", 0.0))]
    known = {r.metric for r in (*third.results, *links)}
    for gate in {g.metric: g for tier in TIERS for g in load().of(tier)}.values():
        if gate.metric not in known:
            value = gate.constant if gate.compare == "no_better_than_guessing" else 0.0
            links.append(result(gate.metric, Scope("table", ("emergency_visits",)), value, ceiling=value, n=500, n_ceiling=200))
    return replace(third, results=(*third.results, *links))


@pytest.mark.promise("evaluate.10")
@pytest.mark.parametrize(("tier", "name"), GATES)
def test_every_gate_can_pass_and_fail_and_fails_without_its_metric(third: Evaluation, tier: str, name: str) -> None:
    gate = next(g for g in load().of(tier) if g.id == name)
    sample = third.of(gate.metric, gate.scope)[0]
    fixed = {
        "at_most": 0.0,
        "at_most_or_near_ceiling": 0.0,
        "at_least": 1.0,
        "at_most_ceiling": 0.0,
        "no_better_than_guessing": gate.constant,
    }
    best = fixed.get(gate.compare, sample.ceiling)
    worst = WORST.get(gate.compare, sample.floor)

    def passed(evaluation: Evaluation) -> bool:
        return next(o.passed for o in judge(evaluation, tier).outcomes if o.gate == name)

    assert passed(with_value(third, gate, value=best))
    assert not passed(with_value(third, gate, value=worst, interval=None))
    assert not passed(with_value(third, gate, value=None, failed=FAULT))
    assert passed(with_value(third, gate, value=None, failed="fewer than 50 people to attack")) == gate.unmeasured_passes
    without = replace(third, results=tuple(r for r in third.results if r.metric != gate.metric))
    assert passed(without) == gate.optional


@pytest.mark.promise("evaluate.10")
def test_only_hard_gates_stop_a_release(third: Evaluation) -> None:
    for tier in TIERS:
        for gate in load().of(tier):
            broken = with_value(third, gate, value=None, failed=FAULT)
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
    old = verdict.as_dict() | {"outcomes": [{k: v for k, v in o.items() if k != "overridden"} for o in verdict.as_dict()["outcomes"]]}
    assert Verdict.from_dict(old) == verdict
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


@pytest.mark.promise("gates.1")
def test_a_soft_gate_that_is_not_met_is_answered_by_a_code_whose_words_are_published(third: Evaluation) -> None:
    gate = next(g for g in load().of("privately-sourced") if g.id == "worst_column")
    broken = with_value(third, gate, value=1.0)
    plain = judge(broken, "privately-sourced")
    assert "worst_column" in {o.gate for o in plain.unanswered}
    verdict = judge(broken, "privately-sourced", overrides={"worst_column": "not-needed-for-purpose"})
    found = next(o for o in verdict.outcomes if o.gate == "worst_column")
    assert (found.passed, found.overridable, found.overridden) == (False, True, "not-needed-for-purpose")
    assert "worst_column" not in {o.gate for o in verdict.unanswered}
    assert f"because {OVERRIDE_CODES['not-needed-for-purpose']}" in verdict.sentences[1]
    assert verdict == plain.overridden_by({"worst_column": "not-needed-for-purpose"})
    assert Verdict.from_dict(verdict.as_dict()) == verdict
    assert verdict.overridden_by({}) == plain


@pytest.mark.promise("gates.2")
def test_only_soft_gates_can_be_overridden_and_only_for_a_known_reason(third: Evaluation) -> None:
    with pytest.raises(InputError, match='gate "collisions" is hard'):
        judge(third, "privately-sourced", overrides={"collisions": "chance"})
    with pytest.raises(InputError, match='gate "projection" is advisory'):
        judge(third, "privately-sourced", overrides={"projection": "chance"})
    with pytest.raises(InputError, match='no gate "beauty" to override'):
        judge(third, "privately-sourced", overrides={"beauty": "chance"})
    with pytest.raises(InputError, match="no reason to override"):
        judge(third, "privately-sourced", overrides={"worst_column": "because"})
    met_already = judge(third, "privately-sourced", overrides={"worst_column": "chance"})
    assert next(o for o in met_already.outcomes if o.gate == "worst_column").overridden is None


@pytest.mark.promise("gates.3")
def test_a_draft_is_judged_on_request_and_is_stricter(copied: Evaluation, third: Evaluation) -> None:
    assert [(v.number, v.status) for v in versions()] == [(1, "issued"), (2, "issued"), (3, "issued"), (4, "draft")]
    assert all(v.about for v in versions())
    assert judge(third, "privately-sourced", version=4).gates == 4
    for tier in TIERS:
        failed = [{o.gate for o in judge(copied, tier, version=version).failed_hard} for version in (3, 4)]
        assert failed[0] <= failed[1]
    with pytest.raises(InputError, match="status of a gate set"):
        parse({"version": 5, "status": "secret", "tiers": {}})


@pytest.mark.promise("gates.4")
def test_an_attack_fails_only_where_its_advantage_is_both_beyond_chance_and_worth_something(third: Evaluation) -> None:
    gate = Gate("x", "membership_distance_auc", "hard", "no_better_than_guessing", "", "", constant=0.5, tolerance=0.02, sigmas=3)
    base = third.find("membership_distance_auc")
    for value, interval, wanted in (
        (0.60, (0.48, 0.72), True),  # chance may be all of it
        (0.51, (0.505, 0.515), True),  # beyond chance, and nothing to worry about
        (0.55, (0.51, 0.59), True),  # beyond chance at 95 %, not at three standard errors
        (0.60, (0.57, 0.63), False),
        (0.60, None, False),
    ):
        assert met(gate, replace(base, value=value, interval=interval)) is wanted
