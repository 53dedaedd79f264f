"""The steps of the basket that audit for bias."""

from __future__ import annotations

from evaluation.bias import groups, predictions
from evaluation.tables.coded import Coded
from evaluation.utility.measures import trials
from evaluation.work import Measure

PREDICTED = ("prediction_gap", "false_positives", "false_negatives", "error_spread")

MEASURES = (
    Measure("looking at groups of people", ("subgroup_tvd", "subgroup_share"), lambda w: groups.groups(w.c, w.shared(Coded)), 4),
    Measure(
        "asking who is predicted worse",
        ("subgroup_worst", *(f"subgroup_{name}" for name in PREDICTED)),
        lambda w: predictions.audit(w.c, trials(w)),
        3,
        lambda w: w.asked.targets is not None,
    ),
)
