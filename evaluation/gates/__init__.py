"""Gates: what a synthetic table must show before it may be released, by tier. Versioned data (`gates-N.json`), judged here.

A gate compares a metric with a constant, with what guessing gives, or with its twins in the same run. A metric that could not be computed
fails its gate, unless the gate says otherwise.
"""

from evaluation.gates.meeting import allowed, figures, met, reason, written
from evaluation.gates.sets import COMPARISONS, CURRENT, LEVELS, SCOPES, Gate, GateSet, GateVersion, load, parse, versions
from evaluation.gates.verdict import OVERRIDE_CODES, Outcome, Verdict, judge

__all__ = [
    "COMPARISONS",
    "CURRENT",
    "LEVELS",
    "OVERRIDE_CODES",
    "SCOPES",
    "Gate",
    "GateSet",
    "GateVersion",
    "Outcome",
    "Verdict",
    "allowed",
    "figures",
    "judge",
    "load",
    "met",
    "parse",
    "reason",
    "versions",
    "written",
]
