"""The metrics of what a release is good for."""

from __future__ import annotations

from evaluation.definitions.definition import Definition

_TESTED = "train on synthetic, test on the real holdout, beside train on real (C. Esteban and others 2017); "
_INFLUENCE = "; interval: influence of each held-out person on the score"

USEFUL: dict[str, Definition] = {
    "target_skill": Definition(
        "Use for prediction",
        "useful",
        "higher",
        "score",
        "figure",
        "How much models trained on synthetic rows know about real held-out people: 0 no more than guessing, 1 everything. The mean over "
        "the targets predicted; beside it the same models trained on shuffled and on real rows.",
        _TESTED + "mean over targets of 2 AUC − 1, R² or 2 C − 1, below 0 counted as 0",
    ),
    "target_auc": Definition(
        "Use for prediction of a class (TSTR)",
        "useful",
        "higher",
        "score",
        "figure",
        "How well a model trained on synthetic rows predicts the target of real held-out people: 0.5 guessing, 1 perfect. The ceiling is "
        "the same model trained on the real rows.",
        _TESTED + "mean one-against-rest area under the ROC curve of a random forest" + _INFLUENCE,
    ),
    "target_accuracy": Definition(
        "Classes told right (balanced accuracy, TSTR)",
        "useful",
        "higher",
        "share",
        "figure",
        "Of the real held-out people of each class, the share that a model trained on synthetic rows tells right; the mean over classes. "
        "Guessing gives one divided by the number of classes.",
        _TESTED
        + "mean recall of a random forest, told by probability relative to the class's share (K. Brodersen and others 2010)"
        + _INFLUENCE,
    ),
    "target_r2": Definition(
        "Use for prediction of a number (TSTR)",
        "useful",
        "higher",
        "score",
        "figure",
        "How much of the differences between real held-out people a model trained on synthetic rows explains: 1 all, 0 no more than "
        "their mean does, below 0 less than that.",
        _TESTED + "R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)² of boosted trees" + _INFLUENCE,
    ),
    "target_concordance": Definition(
        "Use for prediction of survival (TSTR)",
        "useful",
        "higher",
        "score",
        "figure",
        "How often a model trained on synthetic rows says rightly which of two real held-out people has the event earlier: 0.5 guessing, "
        "1 always.",
        _TESTED + "C of F. E. Harrell and others (JAMA 1982) of proportional hazards (Breslow's ties, small ridge)" + _INFLUENCE,
    ),
    "inference_overlap": Definition(
        "Agreement of conclusions (interval overlap)",
        "useful",
        "higher",
        "score",
        "figure",
        "How far the confidence intervals of a regression's coefficients, from synthetic and from real rows, have the same values in "
        "common: 1 the same interval, 0 nothing in common. The mean over coefficients; for the whole table, over regressions.",
        "½ (common / real length + common / synthetic length), 0 where apart (A. F. Karr and others, The American Statistician 2006)",
    ),
    "inference_signs": Definition(
        "Agreement of conclusions (sign)",
        "useful",
        "higher",
        "share",
        "withheld",
        "Of the coefficients that real rows show clearly to be above or below zero, the share that synthetic rows put on the same side.",
        "share of coefficients whose 95% interval in train leaves out 0 and whose sign is the same",
    ),
    "inference_size": Definition(
        "Agreement of conclusions (size)",
        "useful",
        "lower",
        "score",
        "withheld",
        "By how many of their real standard errors the coefficients of a regression differ, on average: other real people of the same "
        "number differ by about 1.1.",
        "mean |b′ − b| / se(b) (G. M. Raab, B. Nowok, C. Dibben 2017: standardised coefficient difference)",
    ),
}
