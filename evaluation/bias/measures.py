"""The steps of the basket that audit for bias."""

from __future__ import annotations

from evaluation.bias import groups, predictions
from evaluation.definitions import result
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coded import Coded
from evaluation.utility.measures import trials
from evaluation.work import Measure, Work


def _predicted(w: Work) -> list[MetricResult]:
    try:
        tried = trials(w)
    except Incomputable as error:
        return [result("subgroup_worst", w.c.scope(), None, failed=str(error), seed=w.c.seed)]
    return predictions.audit(w.c, tried)


PREDICTED = ("prediction_gap", "false_positives", "false_negatives", "error_spread")

MEASURES = (
    Measure("looking at groups of people", ("subgroup_tvd", "subgroup_share"), lambda w: groups.groups(w.c, w.shared(Coded)), 4),
    Measure(
        "asking who is predicted worse",
        ("subgroup_worst", *(f"subgroup_{name}" for name in PREDICTED)),
        _predicted,
        3,
        lambda w: w.asked.targets is not None,
    ),
)
