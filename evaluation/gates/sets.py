"""Gate sets: versioned data (`gates-N.json`), read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.definitions import DEFINITIONS
from generators.errors import InputError

LEVELS = ("hard", "soft", "advisory")
COMPARISONS = (
    "at_most",
    "at_least",
    "at_most_or_near_ceiling",
    "at_least_or_near_ceiling",
    "at_most_ceiling",
    "at_least_ceiling",
    "nearer_ceiling_than_floor",
    "no_better_than_guessing",
)
SCOPES = ("table", "column", "relationship")
STATUSES = ("issued", "draft")
CURRENT = 3
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Gate:
    """One gate. level: "hard" stops submission, "soft" must be answered with a reason that is published, "advisory" is shown.

    compare, and what it is met by:
    - "at_most", "at_least": with `constant`;
    - "at_most_or_near_ceiling", "at_least_or_near_ceiling": the same, or within `tolerance` of the holdout's value, which is no better on
      a small table;
    - "at_most_ceiling", "at_least_ceiling": with the holdout's value, `tolerance` and so many standard errors (`sigmas`) allowed;
    - "nearer_ceiling_than_floor": nearer to the holdout than to the shuffle, within `tolerance` of the holdout allowed;
    - "no_better_than_guessing": an attack fails its gate only where its advantage is both significant (the interval, at `sigmas` standard
      errors, lies above `constant`, what guessing gives) and material (the value is more than `tolerance` above it).

    scope: "table" for the table's figure, "column" for each column, "relationship" for each key. Of several tables each must meet the gate.
    optional: passes when the evaluation has no such metric. unmeasured_passes: passes when it could not be computed, and says so: for
    kinds of data whose safety does not rest on it.
    """

    id: str
    metric: str
    level: str
    compare: str
    passing: str
    failing: str
    constant: float = 0.0
    tolerance: float = 0.0
    sigmas: float = 0.0
    scope: str = "table"
    optional: bool = False
    unmeasured_passes: bool = False


@dataclass(frozen=True)
class GateSet:
    """The gates of every tier, in one version. status: "issued", or "draft": to be tried on releases, never in force."""

    version: int
    tiers: dict[str, tuple[Gate, ...]]
    status: str = "issued"
    about: str = ""

    def of(self, tier: str) -> tuple[Gate, ...]:
        """The gates of `tier`; InputError for an unknown one."""
        if tier not in self.tiers:
            raise InputError(f'there are no gates for the tier "{tier}"; known: {", ".join(self.tiers)}')
        return self.tiers[tier]


@dataclass(frozen=True)
class GateVersion:
    """A gate set there is. status: see `GateSet`. about: what it asks that others do not, for people."""

    number: int
    status: str
    about: str


@cache
def load(version: int = CURRENT) -> GateSet:
    """The gate set of that version. Raises InputError when there is none, or when it names an unknown metric or comparison."""
    path = _FOLDER / f"gates-{version}.json"
    if not path.is_file():
        raise InputError(f"there is no gate set of version {version}")
    return parse(json.loads(path.read_text(encoding="utf-8")))


@cache
def versions() -> tuple[GateVersion, ...]:
    """The gate sets there are, oldest first; drafts among them."""
    numbers = sorted(int(path.stem.removeprefix("gates-")) for path in _FOLDER.glob("gates-*.json"))
    return tuple(GateVersion(n, load(n).status, load(n).about) for n in numbers)


def parse(raw: Any) -> GateSet:
    """A gate set from parsed JSON."""
    tiers = {}
    for tier, gates in raw["tiers"].items():
        tiers[tier] = tuple(_gate(tier, g) for g in gates)
    status = str(raw.get("status", "issued"))
    if status not in STATUSES:
        raise InputError(f"the status of a gate set must be one of: {', '.join(STATUSES)}")
    return GateSet(int(raw["version"]), tiers, status, str(raw.get("about", "")))


def _gate(tier: str, raw: dict[str, Any]) -> Gate:
    renamed = {{"pass": "passing", "fail": "failing"}.get(k, k): v for k, v in raw.items()}
    try:
        gate = Gate(**renamed)
    except TypeError:
        raise InputError(f'a gate of the tier "{tier}" lacks a part or has an unknown one') from None
    place = f'gate "{gate.id}" of the tier "{tier}"'
    if gate.metric not in DEFINITIONS:
        raise InputError(f'{place}: unknown metric "{gate.metric}"')
    if gate.level not in LEVELS or gate.compare not in COMPARISONS or gate.scope not in SCOPES:
        raise InputError(f"{place}: unknown level, comparison or scope")
    return gate
