"""The metrics of the bias audit: whether every group of people is served alike."""

from __future__ import annotations

from evaluation.definitions.definition import Definition

FAIR: dict[str, Definition] = {
    "subgroup_tvd": Definition(
        "Difference of columns within a group",
        "fair",
        "lower",
        "score",
        "withheld",
        "The mean of the columns' total variation distances among the people of one group alone. A group much worse than the others is "
        "served worse by the data.",
        "mean over columns of TVD = ½ Σ |p − q|, rows of the group; bias audit by sub-group",
    ),
    "subgroup_share": Definition(
        "Share of a group",
        "fair",
        "lower",
        "score",
        "withheld",
        "By how much the group's share of the synthetic rows differs from its share of the real ones.",
        "|p − q|; bias audit by sub-group",
    ),
    "subgroup_worst": Definition(
        "Worst served group",
        "fair",
        "lower",
        "score",
        "band",
        "By how much, at least, the group that is served worst is served worse than everybody together, because a model was trained on "
        "synthetic and not on real rows: in how well it predicts, or in how often it is wrong about those with and without the outcome. "
        "0 where chance explains all differences. Targets that real rows teach nothing about are left out.",
        "largest lower bound over groups and targets of (loss in the group − loss of all), loss = score trained on real − score trained on "
        "synthetic, or rise of the false-positive or false-negative rate; 95% bounds shared among all (Bonferroni)",
    ),
    "subgroup_prediction_gap": Definition(
        "Prediction lost within a group",
        "fair",
        "lower",
        "score",
        "withheld",
        "How much worse the target of real held-out people of one group is predicted by a model trained on synthetic rows than by one "
        "trained on real rows: 0 no worse, below 0 better.",
        "AUC, R² or C in the group of the model trained on real − of the one trained on synthetic; interval: of the people tested alone",
    ),
    "subgroup_false_positives": Definition(
        "False alarms within a group",
        "fair",
        "lower",
        "share",
        "withheld",
        "Of the people of one group without the outcome, the share that a model trained on synthetic rows says have it. Under real people: "
        "the same for a model trained on real rows.",
        "false-positive rate; as many people are flagged as have the outcome in train (M. Hardt and others 2016)",
    ),
    "subgroup_false_negatives": Definition(
        "Missed within a group",
        "fair",
        "lower",
        "share",
        "withheld",
        "Of the people of one group with the outcome, the share that a model trained on synthetic rows says do not have it. Under real "
        "people: the same for a model trained on real rows.",
        "false-negative rate; as many people are flagged as have the outcome in train (M. Hardt and others 2016)",
    ),
    "subgroup_error_spread": Definition(
        "Difference of error rates between groups",
        "fair",
        "lower",
        "share",
        "withheld",
        "How far apart the groups are in how often a model trained on synthetic rows is wrong about them. Under real people: the same for "
        "a model trained on real rows. More than that is unfairness the release adds.",
        "larger of the ranges over groups of false-positive and false-negative rates: equalised-odds difference (M. Hardt and others 2016)",
    ),
}
