"""The steps of the basket that look for what the release tells about real people."""

from __future__ import annotations

from evaluation.fidelity.text import wanted as has_text
from evaluation.privacy import agreement, exposure, risks, safety, shadows, text, unseen
from evaluation.work import Measure

NEAR = ("nearer_to_train", "nearest_ratio", "authenticity", "alpha_precision", "beta_recall")
LEVELS = tuple(f"membership_{level}_{what}" for level in risks.LEVELS for what in ("auc", "caught"))
CLASSES = ("matching_uniques", "uniques", "small_classes", "smallest_class")

MEASURES = (
    Measure("looking for rare values", ("rare_values", "rare_extremes"), lambda w: safety.rare(w.c), 4),
    Measure("looking for rare phrases", ("rare_phrases",), text.phrases, 3, has_text),
    Measure("looking for identifiers in texts", ("text_identifiers",), text.identifiers, 1, has_text),
    Measure("looking for copied rows", ("collisions", "rare_row_collisions"), lambda w: safety.copies(w.c), 4),
    Measure("telling copies from chance", ("unexplained_copies",), lambda w: agreement.copies(w.c), 2),
    Measure("looking for people held out", ("holdout_seen",), lambda w: unseen.seen(w.c), 2),
    Measure("measuring distances", NEAR, risks.distances, 8),
    Measure("looking for members", LEVELS, risks.memberships, 10),
    Measure("singling out, linking, inferring", ("singling_out", "linkability", "inference"), risks.risks, 12),
    Measure("looking for people alone", CLASSES, lambda w: risks.anonymous(w.c), 1),
    Measure("attacking the most exposed people", ("exposed_recognised",), exposure.recognised, 3),
    Measure("fitting shadow models", ("membership_shadow_auc", "membership_shadow_caught"), shadows.shadowed, 25, shadows.wanted),
)
