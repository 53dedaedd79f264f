"""What a release is good for, in words: one line for each thing people do with data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.definitions import DEFINITIONS
from evaluation.report.words import NOT_MEASURED, share, shown
from evaluation.results import Evaluation, MetricResult

YES, ROUGHLY, NO, UNKNOWN = "yes", "roughly", "no", "unknown"


@dataclass(frozen=True)
class UseLine:
    """One use. answer: a sentence. figure: behind it, or empty. good: "yes", "roughly", "no" or "unknown"."""

    use: str
    answer: str
    figure: str
    good: str


def use_lines(evaluation: Evaluation) -> tuple[UseLine, ...]:
    """What the release is good for, and what not; of several tables the worst answers. Uses nothing was measured for are left out.

    Where several metrics speak of one use, the first that was measured does.
    """
    found = {use: line for use, metric, says in reversed(_USES) if (line := _line(use, metric, says, evaluation)) is not None}
    return tuple(reversed(found.values()))


def _line(use: str, metric: str, says: Callable[[MetricResult, float], tuple[str, str]], evaluation: Evaluation) -> UseLine | None:
    results = evaluation.of(metric, "table")
    if not results:
        return None
    order = (YES, ROUGHLY, UNKNOWN, NO)
    lines = [_of(use, r, says) for r in results]
    return max(lines, key=lambda line: order.index(line.good))


def _of(use: str, r: MetricResult, says: Callable[[MetricResult, float], tuple[str, str]]) -> UseLine:
    if r.value is None:
        told = r.remark if r.failed is None and r.remark else NOT_MEASURED
        return UseLine(use, told[0].upper() + told[1:].rstrip(".") + ".", "", UNKNOWN)
    good, answer = says(r, r.value)
    definition = DEFINITIONS[r.metric]
    figure = f"{definition.title}: {shown(r.metric, r.value)}"
    if r.ceiling is not None:
        figure += f" (real people: {shown(r.metric, r.ceiling)})"
    return UseLine(use, answer, figure, good)


def _software(r: MetricResult, value: float) -> tuple[str, str]:
    if value >= 1:
        return YES, "Yes: every column is there, of the right kind and format."
    return NO, "Not as it is: the table is not what its schema says."


def _rules(r: MetricResult, value: float) -> tuple[str, str]:
    if value == 0:
        return YES, "Yes: no row breaks a rule."
    if value <= 0.05:
        return ROUGHLY, f"Nearly: {share(value)} rows break a rule."
    return NO, f"No: {share(value)} {'rows break' if value < 0.2 else 'of the rows break'} a rule."


def _alone(r: MetricResult, value: float) -> tuple[str, str]:
    near = (r.ceiling or 0.0) + 0.02
    if value <= max(0.05, near):
        return YES, "Yes: each column by itself is close to the real one."
    if value <= max(0.1, near):
        return ROUGHLY, "Roughly: columns by themselves are somewhat off."
    return NO, "No: columns by themselves are far from the real ones."


def _together(r: MetricResult, value: float) -> tuple[str, str]:
    near = (r.ceiling or 0.0) + 0.02
    if value <= max(0.05, near):
        return YES, "Yes: how strongly columns go together is close to the real table."
    if value <= max(0.1, near):
        return ROUGHLY, "Roughly: some columns go together more or less strongly than in the real table."
    return NO, "No: how columns go together is not kept. Do not look for relationships in these data."


def _pairs(r: MetricResult, value: float) -> tuple[str, str]:
    """Where associations are not told: from tables of two columns, between a shuffle and real people."""
    if r.floor is None or r.ceiling is None:
        return UNKNOWN, "Not known: there is nothing to compare pairs of columns with."
    kept = (value - r.floor) / max(r.ceiling - r.floor, 0.01)
    if kept >= 0.75 or value >= r.ceiling - 0.01:
        return YES, "Yes: columns go together about as in the real table."
    if kept >= 0.4:
        return ROUGHLY, "Roughly: columns go together less, or otherwise, than in the real table."
    return NO, "No: how columns go together is not kept. Do not look for relationships in these data."


def _models(r: MetricResult, value: float) -> tuple[str, str]:
    if r.ceiling is None or r.ceiling <= 0.02:
        return UNKNOWN, "Not known: even real rows predict nothing here."
    kept = value / r.ceiling
    if kept >= 0.9:
        return YES, "Yes: models learned from these data predict real people about as well as models learned from real ones."
    if kept >= 0.6:
        return ROUGHLY, "Partly: models learned from these data predict real people, but worse than models learned from real ones."
    return NO, "No: models learned from these data predict real people hardly, or much worse than models learned from real ones."


def _conclusions(r: MetricResult, value: float) -> tuple[str, str]:
    if value >= min(0.75, 1.0 if r.ceiling is None else r.ceiling - 0.05):
        return YES, "Mostly: a regression on these data comes to much the same conclusions. Check them on real data."
    if value >= 0.5:
        return ROUGHLY, "To try out an analysis: its conclusions differ in part. Check them on real data."
    return NO, "No: a regression on these data comes to other conclusions than on real ones."


def _alike(r: MetricResult, value: float) -> tuple[str, str]:
    if value <= 0:
        return YES, "Yes: no group of people is served clearly worse than everybody together."
    return (ROUGHLY if value <= 0.05 else NO), "Less: at least one group of people is served worse than everybody together."


_USES: tuple[tuple[str, str, Callable[[MetricResult, float], tuple[str, str]]], ...] = (
    ("To write and test software", "structure", _software),
    ("Where every row must make sense", "rule_violations", _rules),
    ("To look at columns one by one", "tvd_mean", _alone),
    ("To see how columns go together", "association_rmse", _together),
    ("To see how columns go together", "pairwise_accuracy", _pairs),
    ("To train a model that predicts", "target_skill", _models),
    ("To draw conclusions from a regression", "inference_overlap", _conclusions),
    ("For every group of people alike", "subgroup_worst", _alike),
)
