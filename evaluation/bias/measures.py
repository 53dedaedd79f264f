"""The step of the basket that audits for bias."""

from __future__ import annotations

from evaluation.bias import groups
from evaluation.tables.coded import Coded
from evaluation.work import Measure

MEASURES = (Measure("looking at groups of people", ("subgroup_tvd",), lambda w: groups.groups(w.c, w.shared(Coded)), 4),)
