"""What each metric is: its name for people, which way is good, what it means, where the formula is from, who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evaluation.results import MetricResult, Scope


@dataclass(frozen=True)
class Definition:
    """group: "safe", "good" or "structure": the part of the report it belongs to. public: whether the public report may hold it.

    form: how the value is written: "share" (a percentage), "count" or "score".
    """

    title: str
    group: str
    direction: str
    form: str
    public: bool
    meaning: str
    source: str


DEFINITIONS: dict[str, Definition] = {
    "structure": Definition(
        "Structure",
        "structure",
        "higher",
        "share",
        True,
        "Share of columns that are there, of the type the schema says, and free of infinite values or nulls where none are allowed.",
        "UK Data Service structural check; SDMetrics Data Structure",
    ),
    "foreign_keys": Definition(
        "Keys that lead somewhere",
        "structure",
        "higher",
        "share",
        True,
        "Share of rows whose key to another table finds its row there; rows without a key are not counted.",
        "referential integrity (SQL, MATCH SIMPLE); SDMetrics ReferentialIntegrity",
    ),
    "unique_keys": Definition(
        "Keys that are unique",
        "structure",
        "higher",
        "share",
        True,
        "Distinct keys as a share of all: 100% means that no two rows have the same.",
        "entity integrity (SQL); SDMetrics KeyUniqueness",
    ),
    "children": Definition(
        "Rows per row of another table",
        "good",
        "lower",
        "score",
        True,
        "Total variation distance between the real and the synthetic shares of rows to which no other row refers, one row, two rows …: "
        "0 the same.",
        "TVD = ½ Σ |p − q| over 0 … 50 children; SDMetrics CardinalityShapeSimilarity compares the same shares by KS",
    ),
    "collisions": Definition(
        "Rows copied from real people",
        "safe",
        "lower",
        "share",
        False,
        "Share of synthetic rows that equal a row the generator learned from. Real people who were held out collide by chance too: "
        "the share beside it is theirs, and only more than theirs suggests copying.",
        "UCLPartners framework annex 3, collision analysis, with a holdout as control",
    ),
    "rare_row_collisions": Definition(
        "Rows copied from rare people",
        "safe",
        "lower",
        "share",
        False,
        "The same, counting only real rows that fewer people share than the policy's minimum.",
        "collision analysis restricted to small cells",
    ),
    "rare_values": Definition(
        "Rare real values that appear",
        "safe",
        "lower",
        "count",
        False,
        "How many values of categories, identifiers or free text that belong to fewer people than the policy's minimum appear in the "
        "synthetic table. None should.",
        "small-number suppression (NHS artificial data; disclosure policy)",
    ),
    "rare_extremes": Definition(
        "Real extremes that appear",
        "safe",
        "lower",
        "count",
        False,
        "In how many number and date columns the smallest or largest real value, if it belongs to fewer people than the policy's "
        "minimum, appears in the synthetic table. Where values lie close together this happens by chance.",
        "top and bottom coding (ONS statistical disclosure control)",
    ),
    "tvd": Definition(
        "Difference of a column (TVD)",
        "good",
        "lower",
        "score",
        True,
        "Total variation distance between the column's real and synthetic shares: 0 the same, 1 nothing in common.",
        "TVD = ½ Σ |p − q| over at most 50 bins fitted on train, missing included",
    ),
    "tvd_mean": Definition(
        "Difference of columns (mean TVD)",
        "good",
        "lower",
        "score",
        True,
        "The mean of the columns' total variation distances. The shuffle is perfect here, because it keeps every column by itself.",
        "mean over columns of TVD = ½ Σ |p − q|",
    ),
    "ks_complement": Definition(
        "Agreement of a numeric column (KS)",
        "good",
        "higher",
        "score",
        True,
        "1 minus the largest gap between the real and synthetic cumulative shares: 1 the same.",
        "1 − sup |F − G| over values present (Kolmogorov–Smirnov; SDMetrics KSComplement)",
    ),
    "ks_complement_mean": Definition(
        "Agreement of numeric columns (mean KS)",
        "good",
        "higher",
        "score",
        True,
        "The mean over number, date and time columns of 1 minus the largest gap between cumulative shares.",
        "mean over columns of 1 − sup |F − G|",
    ),
    "kl": Definition(
        "Divergence of a column (KL)",
        "good",
        "lower",
        "score",
        True,
        "Kullback–Leibler divergence of the synthetic shares from the real ones, in nats: 0 the same.",
        "Σ p ln(p / q) over at most 50 bins, ½ added to every cell of both (Krichevsky–Trofimov)",
    ),
    "kl_mean": Definition(
        "Divergence of columns (mean KL)",
        "good",
        "lower",
        "score",
        True,
        "The mean of the columns' Kullback–Leibler divergences, in nats.",
        "mean over columns of Σ p ln(p / q), ½ added to every cell",
    ),
    "pairwise_accuracy": Definition(
        "Agreement of pairs of columns",
        "good",
        "higher",
        "score",
        True,
        "How well the table of two columns together is kept: 1 the same. For the whole table, the mean over all pairs. A holdout of few "
        "rows cannot reach 1.",
        "1 − TVD of the two-way tables (20 bins of numbers, 30 categories, missing)",
    ),
    "association_rmse": Definition(
        "Error of associations",
        "good",
        "lower",
        "score",
        True,
        "By how much the strength of association between two columns typically differs from the real one: 0 the same.",
        "√ mean over pairs (R − S)²: Spearman between numbers, bias-corrected Cramér's V (Bergsma 2013) between categories, bias-corrected "
        "correlation ratio (Kelley 1935) between both",
    ),
    "pearson_rmse": Definition(
        "Error of correlations",
        "good",
        "lower",
        "score",
        True,
        "By how much the plain correlation of two number columns typically differs from the real one: 0 the same.",
        "√ mean over pairs of numeric columns (r − r′)², Pearson over rows where both are present",
    ),
    "discriminator_auc": Definition(
        "Can a machine tell them apart",
        "good",
        "half",
        "score",
        True,
        "How often a boosted-tree classifier ranks a synthetic row as more synthetic than a real one: 0.5 no better than guessing, "
        "1 always. Fidelity only: it says nothing about privacy.",
        "area under the ROC curve of out-of-fold scores (3 folds); interval: Hanley and McNeil 1982",
    ),
    "rule_violations": Definition(
        "Rows that break a rule",
        "good",
        "lower",
        "share",
        True,
        "Share of synthetic rows that break a rule which holds in real rows. For the whole table: that break any.",
        "rules of the schema; a comparison with a missing value breaks none",
    ),
    "sdmetrics_quality": Definition(
        "SDMetrics quality score",
        "good",
        "higher",
        "score",
        True,
        "A published summary score of column shapes and pair trends. Its pair trends leave weak pairs out, so it is never a gate.",
        "SDMetrics QualityReport",
    ),
    "sdmetrics_diagnostic": Definition(
        "SDMetrics diagnostic score",
        "structure",
        "higher",
        "score",
        True,
        "A published check of structure and value ranges: 1 means every value lies within the real range and category list.",
        "SDMetrics DiagnosticReport",
    ),
    "target_auc": Definition(
        "Use for prediction (TSTR)",
        "good",
        "higher",
        "score",
        True,
        "How well a model trained on synthetic rows predicts the target of real held-out people: 0.5 guessing, 1 perfect. The ceiling is "
        "the same model trained on the real rows.",
        "train on synthetic, test on real holdout; mean one-against-rest area under the ROC curve of boosted trees",
    ),
}


def result(metric: str, scope: Scope, value: float | None, **more: Any) -> MetricResult:
    """A `MetricResult` with the metric's definition filled in.

    Figures are kept to ten significant digits: the last bits depend on the order of additions, and the same run must give the same text.
    """
    definition = DEFINITIONS[metric]
    floor, ceiling = more.pop("floor", None), more.pop("ceiling", None)
    interval = more.pop("interval", None)
    return MetricResult(
        metric=metric,
        scope=scope,
        value=_figure(value),
        interval=None if interval is None else rounded(interval),
        direction=definition.direction,
        meaning=definition.meaning,
        source=definition.source,
        audience="public" if definition.public and scope.kind != "pair" else "reviewers",
        floor=_figure(floor),
        ceiling=_figure(ceiling),
        **more,
    )


def rounded(interval: tuple[float, float]) -> tuple[float, float]:
    """An interval to ten significant digits, as `result` writes figures."""
    return float(f"{interval[0]:.10g}"), float(f"{interval[1]:.10g}")


def _figure(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.10g}")
