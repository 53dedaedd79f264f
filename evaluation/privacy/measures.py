"""The steps of the basket that look for what the release tells about real people."""

from __future__ import annotations

from evaluation.privacy import attacked, safety
from evaluation.privacy.attacked import Attacked
from evaluation.work import Measure

LEVELS = tuple(f"membership_{level}_{what}" for level in ("distance", "density") for what in ("auc", "caught"))
NEAR = ("nearer_to_train", "nearest_ratio", "authenticity", "alpha_precision", "beta_recall")

MEASURES = (
    Measure("looking for rare values", ("rare_values", "rare_extremes"), lambda w: safety.rare(w.c), 4),
    Measure("looking for copied rows", ("collisions", "rare_row_collisions"), lambda w: safety.copies(w.c), 4),
    Measure("measuring distances", NEAR, lambda w: attacked.distances(w.shared(Attacked)), 12),
    Measure("looking for members", LEVELS, lambda w: attacked.memberships(w.shared(Attacked)), 8),
    Measure("singling out, linking, inferring", ("singling_out", "linkability"), lambda w: attacked.risks(w.shared(Attacked)), 12),
    Measure("looking for people alone", ("matching_uniques", "uniques"), lambda w: attacked.anonymous(w.c), 1),
)
