"""What figures mean, in words anybody can act on: shares as one in so many, and what somebody who attacked a release would get.

The same words stand in the report and on the portal's review page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.definitions import DEFINITIONS
from evaluation.gates import Outcome, Verdict, written
from evaluation.results import Evaluation, MetricResult

LEVELS = {"hard": "must be met", "soft": "to weigh", "advisory": "for information"}
NOT_MEASURED = "This was not measured."
KEPT = "What was found is for the reviewers alone."
NO_GATE = "No condition of this tier hangs on it."
GUESSING = 0.5
"""What an area under the ROC curve is when an attacker guesses."""
ALARMS = 0.01
"""The share of people found by guessing at one false alarm in a hundred."""
NONE = -1.0
"""How much an attacker gets beyond guessing, where nothing suggests any."""
CHECKS = ("rare_values", "rare_phrases", "text_identifiers")
"""What is looked for in the release by itself: no attack, so it alone answers no question."""
MEMBERSHIP = (
    *("exposed_recognised", "membership_shadow_auc", "membership_shadow_caught", "membership_distance_auc", "membership_distance_caught"),
    *("membership_density_auc", "membership_density_caught", "membership_quasi_auc", "membership_quasi_caught"),
)


@dataclass(frozen=True)
class AttackLine:
    """One question of who attacks a release. answer: one or two sentences. figure: with its interval; empty for the public.

    met: whether all conditions (gates) that hang on it were met; None where none does. gate: the same in words. gates: their ids.
    key: the question in a word, for addresses. metrics: what bears on it. result: the one measurement that gave the answer, for reviewers.
    """

    key: str
    question: str
    answer: str
    figure: str
    met: bool | None
    gate: str
    gates: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    result: MetricResult | None = None


@dataclass(frozen=True)
class _Finding:
    """What one result says. concern: above 0, how much more an attacker gets than by guessing; none below, less surely near 0."""

    concern: float
    words: str
    figure: str
    of: MetricResult


@dataclass(frozen=True)
class _Question:
    """metrics: every result of them bears on it. fine: the answer when none gives reason for concern. made: the answer for data made of
    approved totals, where nothing was measured.
    """

    key: str
    text: str
    metrics: tuple[str, ...]
    fine: str
    made: str


QUESTIONS = (
    _Question(
        "recognise",
        "Would they recognise a person?",
        (
            "singling_out",
            "rare_values",
            "rare_phrases",
            "text_identifiers",
            "matching_uniques",
            *MEMBERSHIP,
        ),
        "No: whoever knows a person finds them no better than by guessing.",
        "Made from approved totals, not from single records.",
    ),
    _Question(
        "link",
        "Could they link records of one person?",
        ("linkability",),
        "No: the release ties two pieces of knowledge about a person together no better than guessing.",
        "Nothing ties a made-up row, or two of its values, to a person.",
    ),
    _Question(
        "learn",
        "Could they learn a person's diagnosis, or another private thing?",
        ("inference",),
        "No: for people whose records were used they guess no better than for people whose records were not.",
        "No value was made with a person's other values in view.",
    ),
    _Question(
        "copy",
        "Would they find a row copied from a real person?",
        ("collisions", "rare_row_collisions", "unexplained_copies"),
        "No: rows equal real ones no more often than chance explains.",
        "Made from approved totals, not from single records.",
    ),
)


def attack_lines(evaluation: Evaluation, verdict: Verdict) -> tuple[AttackLine, ...]:
    """What somebody who attacked the release would get: four questions, each with its answer.

    Of a public evaluation only what the verdict's conditions say: no figure about real people. Where there are several tables, or
    several attacks, the worst of them answers.
    """
    return tuple(_line(question, evaluation, verdict) for question in QUESTIONS)


def _line(question: _Question, evaluation: Evaluation, verdict: Verdict) -> AttackLine:
    outcomes = tuple(o for o in verdict.outcomes if o.metric in question.metrics)
    met = all(o.passed for o in outcomes) if outcomes else None
    public = evaluation.audience == "public"
    gates = tuple(o.gate for o in outcomes)
    if public:
        answer, figure = _told(question, outcomes, verdict.tier)
        return AttackLine(question.key, question.text, answer, figure, met, _gate(outcomes), gates, question.metrics)
    answer, finding = _found(question, evaluation, outcomes, verdict.tier)
    figure, result = (finding.figure, finding.of) if finding else ("", None)
    return AttackLine(question.key, question.text, answer, figure, met, _gate(outcomes), gates, question.metrics, result)


def _told(question: _Question, outcomes: tuple[Outcome, ...], tier: str) -> tuple[str, str]:
    """The answer for the public: bands only."""
    unmet = [o for o in outcomes if not o.passed]
    if unmet:
        return _doubt(unmet), ""
    if tier == "structural":
        return "No: nothing observed went into it.", ""
    attacked = [o for o in outcomes if o.metric not in CHECKS]
    if attacked:
        return f"No: {_lower(attacked[0].public)}.", ""
    if outcomes:
        return f"{outcomes[0].public.rstrip('.')}.", ""
    return (f"Not by the way it is made: {_lower(question.made)}.", "") if tier == "publicly-sourced" else (KEPT, "")


def _found(question: _Question, evaluation: Evaluation, outcomes: tuple[Outcome, ...], tier: str) -> tuple[str, _Finding | None]:
    """The answer for reviewers, and what was found behind it."""
    unmet = [o for o in outcomes if not o.passed]
    findings = [f for metric in question.metrics for r in evaluation.of(metric) if (f := _finding(r)) is not None]
    worst = max(findings, key=lambda f: f.concern, default=None)
    if unmet:
        first = next((o for o in unmet if not _unknown(o)), unmet[0])
        named = [f for f in (_finding(r) for r in evaluation.of(first.metric)) if f is not None]
        behind = max(named, key=lambda f: f.concern, default=None)
        return _doubt(unmet), behind
    if worst is None:
        return {
            "structural": "No: nothing observed went into it.",
            "publicly-sourced": f"{NOT_MEASURED} {question.made}",
        }.get(tier, NOT_MEASURED), None
    if worst.concern > 0:
        return worst.words, worst
    attacked = any(r.value is not None for metric in question.metrics if metric not in CHECKS for r in evaluation.of(metric))
    return (
        question.fine if attacked else "Nothing rare of anybody appears in it; an attack on single people was not measured.",
        worst,
    )


def _unknown(o: Outcome) -> bool:
    """Whether a condition is not met because nothing was measured."""
    return o.public.endswith("measured)")


def _doubt(unmet: list[Outcome]) -> str:
    """The answer where a condition is not met."""
    known = [o for o in unmet if not _unknown(o)]
    return f"Perhaps: {_lower(known[0].public)}." if known else "Not known: something that must be measured was not."


def _gate(outcomes: tuple[Outcome, ...]) -> str:
    if not outcomes:
        return NO_GATE
    found = []
    for level, words in LEVELS.items():
        mine = [o for o in outcomes if o.level == level]
        if mine:
            met = all(o.passed for o in mine)
            found.append(f"{words[0].upper()}{words[1:]}: {'met' if met else 'not met'}{_overridden(mine)}.")
    return " ".join(found)


def _overridden(outcomes: list[Outcome]) -> str:
    reasons = [str(reason) for o in outcomes if (reason := getattr(o, "overridden", None))]
    return f", overridden ({'; '.join(reasons)})" if reasons else ""


def _finding(r: MetricResult) -> _Finding | None:
    return None if r.value is None else _SAYS[r.metric](r, r.value)


def _rare(r: MetricResult, value: float) -> _Finding:
    if value == 0:
        return _Finding(NONE, "", "no value of too few people appears", r)
    count = f"{round(value):,} value{'' if value == 1 else 's'} of too few people"
    return _Finding(1, "Perhaps: values that belong to fewer people than the policy's minimum appear.", count, r)


def _counted(r: MetricResult, value: float) -> _Finding:
    """Something of which there should be none."""
    title = DEFINITIONS[r.metric].title
    if value == 0:
        return _Finding(NONE, "", f"{title[0].lower()}{title[1:]}: none", r)
    return _Finding(1, f"Perhaps: {title[0].lower()}{title[1:]}, {round(value):,} of them.", f"{round(value):,}", r)


def _risk(r: MetricResult, value: float) -> _Finding:
    """A risk beyond that of people held out: (attack − control) / (1 − control)."""
    about = f" ({r.scope.names[1]})" if r.scope.kind == "column" else ""
    low, high = r.interval or (value, value)
    if value <= 0 or low <= 0:
        most = "" if high <= 0 or r.interval is None else f"; at most {share(high)} attempts could succeed beyond chance (95% interval)"
        return _Finding(min(high - 1, NONE / 1e6), "", f"no better than guessing{about}{most}", r)
    words = f"{_often(value)}: {share(value)} {'attempts' if value < 1 else 'of the attempts'} succeed beyond chance{about}."
    return _Finding(value, words, f"{share(value)}{_interval(r)}{about}", r)


def _belonging(r: MetricResult, value: float) -> _Finding:
    """An area under the ROC curve of whose records were used: ½ guessing."""
    low = r.interval[0] if r.interval else value
    if value <= GUESSING or low <= GUESSING:
        return _Finding(NONE, "", f"no better than guessing (right in {value:.0%} of pairs of people; guessing, in 50%)", r)
    between = "" if r.interval is None else f", 95% interval {r.interval[0]:.0%} to {r.interval[1]:.0%}"
    figure = f"right in {value:.0%} of pairs of people (guessing: 50%{between})"
    concern = 2 * (value - GUESSING)
    return _Finding(concern, f"{_often(concern)}: whose records were used is told better than by guessing.", figure, r)


def _caught(r: MetricResult, value: float) -> _Finding:
    low = r.interval[0] if r.interval else value
    if value <= ALARMS or low <= ALARMS * 2:
        return _Finding(NONE, "", f"no better than guessing ({share(value)} found; by guessing, about 1 in 100)", r)
    whom = "the most exposed people" if r.metric.startswith(("exposed", "membership_shadow")) else "the people whose records were used"
    words = f"{_often(value)}: {share(value)} of {whom} would be found, at one false alarm in a hundred."
    return _Finding(value, words, f"{share(value)}{_interval(r)}; by guessing, about 1 in 100", r)


def _beside(r: MetricResult, value: float) -> _Finding:
    """A share beside that of people held out."""
    twin = "" if r.ceiling is None else f"; of people whose records were not used, {share(r.ceiling)}"
    figure = f"{share(value)} of the rows{twin}"
    beyond = value - (r.ceiling or 0.0)
    if beyond <= 0:
        return _Finding(NONE, "", figure, r)
    return _Finding(beyond, f"{_often(beyond)}: rows match a real person's more often than those of people held out.", figure, r)


def _often(concern: float) -> str:
    return "Mostly" if concern >= 0.5 else "Sometimes" if concern >= 0.05 else "Rarely"


_SAYS: dict[str, Callable[[MetricResult, float], _Finding]] = {
    "rare_values": _rare,
    "text_identifiers": _counted,
    "unexplained_copies": _counted,
    "rare_phrases": _beside,
    "singling_out": _risk,
    "linkability": _risk,
    "inference": _risk,
    "matching_uniques": _beside,
    "collisions": _beside,
    "rare_row_collisions": _beside,
    **{metric: _belonging if metric.endswith("_auc") else _caught for metric in MEMBERSHIP},
}


def _interval(r: MetricResult) -> str:
    if r.interval is None:
        return ""
    low, high = (share(x) for x in r.interval)
    return f", 95% interval {low} to {high}"


def share(value: float) -> str:
    """`none`, `about 1 in 400`, `about half`, `98%`, `all`."""
    if value <= 0:
        return "none"
    if value >= 1:
        return "all"
    if value < 0.2:
        return f"about 1 in {_two_digits(1 / value):,}"
    return "about half" if 0.48 <= value <= 0.52 else f"{min(value, 0.99):.0%}"


def shown(metric: str, value: float) -> str:
    """A figure as `written`, but one that was rounded without digits that say nothing."""
    if value != round(value, 2) or DEFINITIONS[metric].form == "count":
        return written(metric, value)
    return f"{value:.0%}" if DEFINITIONS[metric].form == "share" else f"{value:.2f}"


def _two_digits(number: float) -> int:
    """A number as people say it: 1 in 400, not 1 in 403."""
    whole = round(number)
    return whole if whole < 100 else round(whole, 2 - len(str(whole)))


def in_words(r: MetricResult) -> str:
    """What a figure means, where words help: a share as one in so many, an AUC as a chance of being found out."""
    if r.value is None:
        return ""
    if DEFINITIONS[r.metric].form == "share" and 0 < r.value < 0.2:
        return share(r.value)
    if r.metric == "discriminator_auc":
        bands = ((0.55, "no better than guessing"), (0.7, "sometimes told apart"), (0.9, "often told apart"))
        return next((word for most, word in bands if r.value <= most), "almost always told apart")
    return ""


def _lower(text: str) -> str:
    plain = text.rstrip(".")
    return plain[0].lower() + plain[1:]
