"""The steps of the basket that look how much alike the tables are. What the charts need is left in `Work.details`."""

from __future__ import annotations

from evaluation.fidelity import joint, likeness, sequences, structure, text
from evaluation.results import MetricResult
from evaluation.tables.coded import Coded
from evaluation.work import Measure, Work


def _associations(w: Work) -> list[MetricResult]:
    found, w.details["associations"] = likeness.associations(w.c, w.shared(Coded))
    return found


def _projection(w: Work) -> list[MetricResult]:
    found, w.details["axes"] = joint.principal(w.c, w.shared(Coded))
    return found


def _beliefs(w: Work) -> list[MetricResult]:
    found, beliefs = joint.beliefs(w.c, w.shared(Coded))
    if beliefs is not None:
        w.details["propensity"] = beliefs
    return found


def _discrimination(w: Work) -> list[MetricResult]:
    found, scores = likeness.discrimination(w.c)
    if scores is not None:
        w.details["discriminator"] = scores
    return found


STRUCTURE = Measure("checking the structure", ("structure",), lambda w: structure.structure(w.c), 2)
SINGLE = ("tvd", "ks_complement", "js", "kl")
MEANS = ("tvd_mean", "ks_complement_mean", "js_mean", "kl_mean")

MEASURES = (
    STRUCTURE,
    Measure("comparing columns", MEANS, lambda w: likeness.columns(w.c, w.shared(Coded)), 8, single=SINGLE),
    Measure("comparing pairs of columns", ("pairwise_accuracy",), lambda w: likeness.pairs(w.c, w.shared(Coded), w.tick), 6),
    Measure("comparing associations", ("association_rmse", "pearson_rmse"), _associations, 6),
    Measure("comparing cross-tabulations", ("voas_williamson",), lambda w: joint.voas(w.c, w.shared(Coded), w.tick), 3),
    Measure("comparing three columns together", ("triple_accuracy",), lambda w: joint.triples(w.c, w.shared(Coded), w.tick), 4),
    Measure("asking a simple model", ("propensity_pmse", "propensity_ratio", "propensity_auc"), _beliefs, 6),
    Measure("projecting rows", ("projection",), _projection, 1),
    Measure("training a discriminator", ("discriminator_auc", "boosted_pmse", "boosted_ratio"), _discrimination, 14),
    Measure("following people", sequences.METRICS, sequences.sequences, 3, sequences.wanted),
    Measure("comparing texts", ("text_vocabulary", "text_words"), text.likeness, 2, text.wanted),
    Measure("checking rules", ("rule_violations",), lambda w: likeness.rule_breaks(w.c), 3),
    Measure("computing SDMetrics' scores", ("sdmetrics_quality", "sdmetrics_diagnostic"), lambda w: likeness.published_scores(w.c), 8),
)
