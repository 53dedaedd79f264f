"""Gates: what a synthetic table must show before it may be released, by tier. Versioned data (`gates-N.json`), judged here.

A gate compares a metric with a constant or with its twins in the same run. A metric that could not be computed fails its gate.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.definitions import DEFINITIONS
from evaluation.results import Evaluation, MetricResult
from generators.errors import InputError

LEVELS = ("hard", "soft", "advisory")
COMPARISONS = ("at_most", "at_least", "at_most_or_near_ceiling", "at_most_ceiling", "nearer_ceiling_than_floor")
_TWINNED = ("at_most_ceiling", "nearer_ceiling_than_floor")
CURRENT = 2
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Gate:
    """One gate. level: "hard" stops submission, "soft" must be weighed, "advisory" is shown.

    compare: with `constant` ("at_most", "at_least"); the same, or within `tolerance` of the holdout's value, which is no better on a
    small table ("at_most_or_near_ceiling"); with the holdout's value, `tolerance` and so many standard errors allowed
    ("at_most_ceiling"); or nearer to the holdout than to the shuffle, within `tolerance` of the holdout allowed.
    scope: "table" for the table's figure, "column" for each column, "relationship" for each key. Of several tables each must meet the gate.
    optional: passes when the evaluation has no such metric.
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


@dataclass(frozen=True)
class GateSet:
    """The gates of every tier, in one version."""

    version: int
    tiers: dict[str, tuple[Gate, ...]]

    def of(self, tier: str) -> tuple[Gate, ...]:
        """The gates of `tier`; InputError for an unknown one."""
        if tier not in self.tiers:
            raise InputError(f'there are no gates for the tier "{tier}"; known: {", ".join(self.tiers)}')
        return self.tiers[tier]


@dataclass(frozen=True)
class Outcome:
    """How one gate was met. sentence: with figures, for reviewers. public: without any figure about real people."""

    gate: str
    metric: str
    level: str
    passed: bool
    sentence: str
    public: str


@dataclass(frozen=True)
class Verdict:
    """passed: no hard gate failed. sentences: two, without figures. gates: version of the gate set."""

    tier: str
    gates: int
    passed: bool
    outcomes: tuple[Outcome, ...]
    sentences: tuple[str, str]

    @property
    def failed_hard(self) -> tuple[Outcome, ...]:
        """What stops a submission."""
        return tuple(o for o in self.outcomes if o.level == "hard" and not o.passed)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(raw: Any) -> Verdict:
        """From parsed JSON of `as_dict`; InputError when a part is missing."""
        try:
            outcomes = tuple(Outcome(**{f.name: o[f.name] for f in fields(Outcome)}) for o in raw["outcomes"])
            first, second = raw["sentences"]
            return Verdict(str(raw["tier"]), int(raw["gates"]), bool(raw["passed"]), outcomes, (str(first), str(second)))
        except (KeyError, TypeError, ValueError):
            raise InputError("the verdict lacks a part: tier, gates, passed, outcomes or sentences") from None


@cache
def load(version: int = CURRENT) -> GateSet:
    """The gate set of that version. Raises InputError when there is none, or when it names an unknown metric or comparison."""
    path = _FOLDER / f"gates-{version}.json"
    if not path.is_file():
        raise InputError(f"there is no gate set of version {version}")
    return parse(json.loads(path.read_text(encoding="utf-8")))


def parse(raw: Any) -> GateSet:
    """A gate set from parsed JSON."""
    tiers = {}
    for tier, gates in raw["tiers"].items():
        tiers[tier] = tuple(_gate(tier, g) for g in gates)
    return GateSet(int(raw["version"]), tiers)


def _gate(tier: str, raw: dict[str, Any]) -> Gate:
    renamed = {{"pass": "passing", "fail": "failing"}.get(k, k): v for k, v in raw.items()}
    try:
        gate = Gate(**renamed)
    except TypeError:
        raise InputError(f'a gate of the tier "{tier}" lacks a part or has an unknown one') from None
    place = f'gate "{gate.id}" of the tier "{tier}"'
    if gate.metric not in DEFINITIONS:
        raise InputError(f'{place}: unknown metric "{gate.metric}"')
    if gate.level not in LEVELS or gate.compare not in COMPARISONS or gate.scope not in ("table", "column", "relationship"):
        raise InputError(f"{place}: unknown level, comparison or scope")
    return gate


def judge(evaluation: Evaluation, tier: str, *, version: int = CURRENT) -> Verdict:
    """Hold a full (reviewers') evaluation against the gates of `tier`. InputError for an unknown tier or a public evaluation."""
    if evaluation.audience != "reviewers":
        raise InputError("gates are judged on the full evaluation, not on its public form")
    outcomes = tuple(_outcome(gate, evaluation) for gate in load(version).of(tier))
    hard = [o for o in outcomes if o.level == "hard"]
    failed = [o for o in hard if not o.passed]
    weigh = [o for o in outcomes if o.level != "hard" and not o.passed]
    if failed:
        first = f"This version may not be released: {_listed([_lower(o.public) for o in failed])}."
    else:
        first = f"This version meets all {len(hard)} conditions that a {tier} release must meet."
    second = f"To weigh: {_listed([_lower(o.public) for o in weigh])}." if weigh else "Nothing else needs weighing."
    return Verdict(tier, version, not failed, outcomes, (first, second))


def _outcome(gate: Gate, evaluation: Evaluation) -> Outcome:
    results = evaluation.of(gate.metric, gate.scope)
    if not results:
        passed = gate.optional
        public = "There was nothing to check." if passed else f"{_plain(gate.failing)} (it was not measured)"
        return Outcome(gate.id, gate.metric, gate.level, passed, public, public)
    unmet = [r for r in results if not met(gate, r)]
    if not unmet:
        figures = _figures(gate, results[0]) if gate.scope == "table" and len(results) == 1 else ""
        return Outcome(gate.id, gate.metric, gate.level, True, gate.passing + figures, gate.passing)
    several = len(evaluation.names) > 1
    why = "; ".join(_reason(gate, r, several) for r in unmet[:5]) + (f"; and {len(unmet) - 5} more" if len(unmet) > 5 else "")
    unknown = all(r.value is None for r in unmet)
    public = f"{_plain(gate.failing)} (it could not be measured)" if unknown else _plain(gate.failing)
    return Outcome(gate.id, gate.metric, gate.level, False, f"{_plain(gate.failing)}: {why}.", public)


def met(gate: Gate, r: MetricResult) -> bool:
    """Whether one result meets the gate; one without a value, or without the twins the gate needs, does not."""
    if r.value is None:
        return False
    if gate.compare == "at_most":
        return r.value <= gate.constant
    if gate.compare == "at_least":
        return r.value >= gate.constant
    if gate.compare == "at_most_or_near_ceiling":
        return r.value <= max(gate.constant, (r.ceiling or 0.0) + gate.tolerance)
    if r.ceiling is None:
        return False
    if gate.compare == "at_most_ceiling":
        return r.value <= allowed(gate, r)
    if r.floor is None:
        return False
    near = abs(r.value - r.ceiling)
    return near <= gate.tolerance or near < abs(r.value - r.floor)


def allowed(gate: Gate, r: MetricResult) -> float:
    """The largest share the gate allows: the holdout's, the tolerance, and so many standard errors of a difference of two shares.

    The shares are pooled, with one success and one failure added to each side (Agresti and Caffo 2000), so that none is certain.
    """
    if r.ceiling is None or not r.n or not r.n_ceiling or r.value is None:
        return 0.0
    pooled = (r.value * r.n + r.ceiling * r.n_ceiling + 1) / (r.n + r.n_ceiling + 2)
    error = math.sqrt(pooled * (1 - pooled) * (1 / r.n + 1 / r.n_ceiling))
    return r.ceiling + gate.tolerance + gate.sigmas * error


def _reason(gate: Gate, r: MetricResult, several: bool) -> str:
    place = f"{r.scope.label} " if gate.scope != "table" else ""
    if several:
        place = f"{r.scope.names[0]}: {place}"
    if r.value is None:
        return f"{place}{r.failed or 'it has no value'}"
    missing = gate.compare in _TWINNED and (r.ceiling is None or (gate.compare.startswith("nearer") and r.floor is None))
    if missing:
        return f"{place}{written(r.metric, r.value)}, with nothing to compare it with"
    return f"{place}{_figures(gate, r).strip(' ()')}" + (f", {r.remark}" if r.remark and gate.scope == "table" else "")


def _figures(gate: Gate, r: MetricResult) -> str:
    if r.value is None:
        return ""
    value = written(r.metric, r.value)
    if gate.compare not in _TWINNED:
        bound = "at least" if gate.compare == "at_least" else "at most"
        return f" ({value}; {bound} {written(r.metric, gate.constant)} wanted)"
    ceiling = "unknown" if r.ceiling is None else written(r.metric, r.ceiling)
    if gate.compare == "at_most_ceiling":
        return f" ({value}; held-out people {ceiling})"
    floor = "unknown" if r.floor is None else written(r.metric, r.floor)
    return f" ({value}; held-out people {ceiling}, shuffle {floor})"


def written(metric: str, value: float) -> str:
    """A value as people read it: shares as percentages, counts whole, scores to three decimals."""
    form = DEFINITIONS[metric].form
    if form == "share":
        percent = 100 * value
        return f"{percent:.0f}%" if percent in (0.0, 100.0) else f"{percent:.2f}%" if percent < 99.995 else "almost 100%"
    return f"{value:,.0f}" if form == "count" else f"{value:.3f}"


def _listed(sentences: list[str]) -> str:
    shown = sentences[:3]
    more = f"; and {len(sentences) - 3} more" if len(sentences) > 3 else ""
    return "; ".join(shown) + more


def _plain(text: str) -> str:
    return text.rstrip(".")


def _lower(text: str) -> str:
    return _plain(text[0].lower() + text[1:])
