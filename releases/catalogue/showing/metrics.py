"""The metrics of public reports: what each is called on pages, and which question it answers."""

from __future__ import annotations

GROUPS = ("good", "useful", "safe", "fair")

METRICS = {
    "structure": ("good", "Structure"),
    "foreign_keys": ("good", "Keys that lead somewhere"),
    "unique_keys": ("good", "Keys that are unique"),
    "tvd_mean": ("good", "Difference of columns, on average"),
    "ks_complement_mean": ("good", "Agreement of numeric columns, on average"),
    "kl_mean": ("good", "Divergence of columns, on average (Kullback–Leibler)"),
    "js_mean": ("good", "Divergence of columns, on average (Jensen–Shannon)"),
    "pairwise_accuracy": ("good", "Agreement of pairs of columns"),
    "triple_accuracy": ("good", "Agreement of three columns together"),
    "voas_williamson": ("good", "Tables of two columns, against chance"),
    "association_rmse": ("good", "Error of associations between columns"),
    "pearson_rmse": ("good", "Error of correlations"),
    "alpha_precision": ("good", "Rows lie where real ones do"),
    "beta_recall": ("good", "Every kind of real row is covered"),
    "propensity_pmse": ("good", "How well a simple model tells them apart"),
    "propensity_ratio": ("good", "The same, against chance"),
    "propensity_auc": ("good", "Can a simple model tell real from synthetic?"),
    "boosted_pmse": ("good", "How well boosted trees tell them apart"),
    "boosted_ratio": ("good", "The same for boosted trees, against chance"),
    "discriminator_auc": ("good", "Can a classifier tell real from synthetic?"),
    "projection": ("good", "Difference on two principal axes"),
    "rows_per_person": ("good", "Rows per person"),
    "sequence_transitions": ("good", "What follows what"),
    "sequence_gaps": ("good", "Time between rows of one person"),
    "children": ("good", "Rows per row of another table"),
    "parent_child": ("good", "Ties between a row and the row it refers to"),
    "children_by_parent": ("good", "Who has how many rows of another table"),
    "rule_violations": ("good", "Rows that break a rule"),
    "sdmetrics_quality": ("good", "SDMetrics quality score"),
    "sdmetrics_diagnostic": ("good", "SDMetrics diagnostic score"),
    "target_skill": ("useful", "Use for prediction"),
    "target_auc": ("useful", "Use for prediction (trained here, tested on real people)"),
    "inference_overlap": ("useful", "Agreement of conclusions"),
    "collisions": ("safe", "Rows copied from real people"),
    "rare_row_collisions": ("safe", "Rows copied from rare people"),
    "holdout_seen": ("safe", "Rows copied from people held out"),
    "rare_values": ("safe", "Rare real values that appear"),
    "rare_extremes": ("safe", "Real extremes that appear"),
    "rare_phrases": ("safe", "Texts with a rare real phrase"),
    "text_identifiers": ("safe", "Identifiers in texts"),
    "exposed_recognised": ("safe", "Most exposed people who could be recognised"),
    "membership_shadow_caught": ("safe", "Most exposed people recognised by shadow models"),
    "subgroup_worst": ("fair", "Worst served group of people"),
}
"""Question and name by metric, for those that a public report may hold of a whole table."""

_PREFIXES = {
    "collisions": "safe",
    "rare_": "safe",
    "membership": "safe",
    "singling_out": "safe",
    "linkability": "safe",
    "inference": "safe",
    "target_": "useful",
    "subgroup_": "fair",
}
"""For metrics of a later program."""


def group(metric: str) -> str:
    """Which question the metric answers, one of `GROUPS`."""
    if metric in METRICS:
        return METRICS[metric][0]
    return next((found for start, found in _PREFIXES.items() if metric.startswith(start)), "good")


def name(metric: str) -> str:
    """Its name on pages."""
    return METRICS[metric][1] if metric in METRICS else metric.replace("_", " ").capitalize()
