"""Whether a result meets a gate, and the figures that say so."""

from __future__ import annotations

import math

from evaluation.definitions import DEFINITIONS
from evaluation.gates.sets import Gate
from evaluation.intervals import Z
from evaluation.results import MetricResult

FAULT = "could not be computed"
"""How `comparison.reason` begins where nobody foresaw the error: that excuses nothing."""
_TWINNED = ("at_most_ceiling", "at_least_ceiling", "nearer_ceiling_than_floor")


def met(gate: Gate, r: MetricResult) -> bool:
    """Whether one result meets the gate; one without a value, or without the twins the gate needs, does not."""
    if r.value is None:
        return gate.unmeasured_passes and not (r.failed or FAULT).startswith(FAULT)
    if gate.compare == "at_most":
        return r.value <= gate.constant
    if gate.compare == "at_least":
        return r.value >= gate.constant
    if gate.compare == "at_most_or_near_ceiling":
        return r.value <= max(gate.constant, (r.ceiling or 0.0) + gate.tolerance)
    if gate.compare == "at_least_or_near_ceiling":
        return r.value >= gate.constant or (r.ceiling is not None and r.value >= r.ceiling - gate.tolerance)
    if gate.compare == "no_better_than_guessing":
        return r.value <= gate.constant + gate.tolerance or _low(gate, r) <= gate.constant
    if r.ceiling is None:
        return False
    if gate.compare == "at_most_ceiling":
        return r.value <= allowed(gate, r)
    if gate.compare == "at_least_ceiling":
        return r.value >= r.ceiling - _allowance(gate, r)
    if r.floor is None:
        return False
    near = abs(r.value - r.ceiling)
    return near <= gate.tolerance or near < abs(r.value - r.floor)


def _low(gate: Gate, r: MetricResult) -> float:
    """The lower end of the result's interval, at the gate's number of standard errors; infinite without an interval: nothing excuses it."""
    if r.interval is None or r.value is None:
        return math.inf
    return r.value - (r.value - r.interval[0]) * ((gate.sigmas or Z) / Z)


def _allowance(gate: Gate, r: MetricResult) -> float:
    """By how much a share may differ from the holdout's: the tolerance, and so many standard errors of a difference of two shares.

    The shares are pooled, with one success and one failure added to each side (Agresti and Caffo 2000), so that none is certain.
    """
    if r.ceiling is None or not r.n or not r.n_ceiling or r.value is None:
        return -math.inf
    if not gate.sigmas:
        return gate.tolerance
    pooled = (r.value * r.n + r.ceiling * r.n_ceiling + 1) / (r.n + r.n_ceiling + 2)
    return gate.tolerance + gate.sigmas * math.sqrt(max(0.0, pooled * (1 - pooled)) * (1 / r.n + 1 / r.n_ceiling))


def allowed(gate: Gate, r: MetricResult) -> float:
    """The largest share an "at_most_ceiling" gate allows; 0 without a holdout's value."""
    return max(0.0, (r.ceiling or 0.0) + _allowance(gate, r))


def reason(gate: Gate, r: MetricResult, several: bool) -> str:
    """Why the result does not meet the gate, with figures. several: whether there are several tables."""
    place = f"{r.scope.label} " if gate.scope != "table" else ""
    if several:
        place = f"{r.scope.names[0]}: {place}"
    if r.value is None:
        return f"{place}{r.failed or 'it has no value'}"
    missing = gate.compare in _TWINNED and (r.ceiling is None or (gate.compare.startswith("nearer") and r.floor is None))
    if missing:
        return f"{place}{written(r.metric, r.value)}, with nothing to compare it with"
    return f"{place}{figures(gate, r).strip(' ()')}" + (f", {r.remark}" if r.remark and gate.scope == "table" else "")


def figures(gate: Gate, r: MetricResult) -> str:
    """The value and what it is held against, in brackets."""
    if r.value is None:
        return ""
    value = written(r.metric, r.value)
    if gate.compare == "no_better_than_guessing":
        return f" ({value}; guessing {written(r.metric, gate.constant)})"
    if gate.compare not in _TWINNED:
        bound = "at least" if gate.compare.startswith("at_least") else "at most"
        return f" ({value}; {bound} {written(r.metric, gate.constant)} wanted)"
    ceiling = "unknown" if r.ceiling is None else written(r.metric, r.ceiling)
    if gate.compare in ("at_most_ceiling", "at_least_ceiling"):
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
