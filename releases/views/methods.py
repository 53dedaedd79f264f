"""The methods there are, as people choose between them: how alike, how safe, how long on this dataset. No record is read for that."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from generators.errors import InputError
from generators.fitting.expected import expected_cost
from generators.learning.known import learner_of
from generators.learning.model import Cost
from generators.learning.options import Option
from generators.registry import GENERATORS, GeneratorInfo
from releases import selection, stored
from releases.models import Snapshot

AGGREGATES = "seconds to a few minutes: about a second for every million rows, then the evaluation."
STRUCTURAL = "seconds, whatever the dataset."


@dataclass(frozen=True)
class Method:
    """One method. time: in words, on this dataset; missing: why it cannot be used here, or empty."""

    info: GeneratorInfo
    time: str
    missing: str = ""


def options_of(name: str) -> Sequence[Option] | None:
    """The choices of a method that learns; None when it cannot be loaded here (a package of others may be broken)."""
    try:
        return learner_of(name).OPTIONS
    except (InputError, ImportError, AttributeError):
        return None


def only_private(name: str) -> bool:
    """Whether a method learns with differential privacy or not at all."""
    return GENERATORS[name].needs == "data" and getattr(learner_of(name), "only_private", False)


def usable() -> list[str]:
    """Names of the methods that can be used here."""
    return [name for name, info in GENERATORS.items() if info.needs != "data" or (info.installed and options_of(name) is not None)]


def unasked(name: str) -> list[str]:
    """Fields about learning that a method which learns has no use for."""
    if GENERATORS[name].needs != "data":
        return []
    learner = learner_of(name)
    fields = [] if learner.private else ["epsilon", "delta", "contributions"]
    if only_private(name):
        fields.append("max_membership")  # the guarantee bounds it
    return fields if learner.limits else [*fields, "apart"]


SOURCES = {
    "schema": "From the schema alone",
    "summary": "From an approved summary",
    "data": "Learned from the records",
}
"""What methods work from, in words."""


def methods_shown(snapshot: Snapshot | None, variables: Collection[str]) -> list[tuple[str, list[Method]]]:
    """Every method under what it works from, with what it takes on the variables asked for; those that cannot be used here say so."""
    here = set(usable())
    return [
        (words, [_method(info, info.name in here, snapshot, variables) for info in GENERATORS.values() if info.needs == needs])
        for needs, words in SOURCES.items()
    ]


def _method(info: GeneratorInfo, here: bool, snapshot: Snapshot | None, variables: Collection[str]) -> Method:
    if info.needs != "data":
        return Method(info, STRUCTURAL if info.needs == "schema" else AGGREGATES)
    if not here:
        return Method(info, info.cost, "It is not installed here; an administrator can add it.")
    if snapshot is None:
        return Method(info, info.cost)
    rows = {t["name"]: t["rows"] for t in snapshot.working_copy.tables}
    learned = snapshot.split.train_rows / max(1, snapshot.split.train_rows + snapshot.split.holdout_rows)
    schema = selection.selected(stored.working_schema(snapshot), variables)
    return Method(info, cost_words(expected_cost(info.name, schema, {name: round(n * learned) for name, n in rows.items()})))


def cost_words(cost: Cost) -> str:
    """`about 2 minutes to learn on this dataset, with about 1 GB of memory; then seconds to generate`."""
    gigabytes = max(0.5, math.ceil(cost.memory / 5e8) / 2)
    return f"about {_rounded(cost.seconds)} to learn from this dataset, with about {gigabytes:g} GB of memory; then the evaluation."


def _rounded(seconds: float) -> str:
    """No more exact than it is: 10 seconds, 40 seconds, 3 minutes, 2 hours."""
    if seconds < 55:
        return f"{max(10, math.ceil(seconds / 10) * 10)} seconds"
    if seconds < 5400:
        count = max(1, round(seconds / 60))
        return f"{count} minute{'' if count == 1 else 's'}"
    return f"{round(seconds / 3600)} hours"
