"""The verdict on one evaluation, and the reasons for which a version may be released although a soft gate is not met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from evaluation.gates.meeting import figures, met, reason
from evaluation.gates.sets import CURRENT, Gate, load
from evaluation.results import Evaluation
from generators.errors import InputError

OVERRIDE_CODES: dict[str, str] = {
    "not-needed-for-purpose": "the stated purpose does not need it",
    "expected-of-method": "data made in this way cannot do better, and the description says so",
    "property-of-source": "the real data are like this too",
    "public-knowledge": "what appears is public knowledge and tells nothing about a person",
    "looked-into": "each case was looked into, and none comes from a single person",
    "chance": "chance explains it, as the comparison with held-out people shows",
}
"""Why a version may be released although it does not meet a soft gate: code → the words that are published with it."""


@dataclass(frozen=True)
class Outcome:
    """How one gate was met. sentence: with figures, for reviewers. public: without any figure about real people.

    overridden: the code (see `OVERRIDE_CODES`) for which a soft gate that is not met was accepted; `passed` stays False.
    """

    gate: str
    metric: str
    level: str
    passed: bool
    sentence: str
    public: str
    overridden: str | None = None

    @property
    def overridable(self) -> bool:
        """Whether it needs an answer, and may be answered: a soft gate that is not met."""
        return self.level == "soft" and not self.passed


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

    @property
    def unanswered(self) -> tuple[Outcome, ...]:
        """Soft gates that are not met and that nobody has answered."""
        return tuple(o for o in self.outcomes if o.overridable and o.overridden is None)

    def overridden_by(self, overrides: Mapping[str, str]) -> Verdict:
        """The same verdict with soft gates answered: gate id → code; those given before are forgotten. A gate that is met needs none.

        InputError for a gate the verdict does not have, one that is not soft, or an unknown code.
        """
        levels = {o.gate: o.level for o in self.outcomes}
        for gate, code in overrides.items():
            if gate not in levels:
                raise InputError(f'there is no gate "{gate}" to override; there are: {", ".join(levels)}')
            if levels[gate] != "soft":
                raise InputError(f'gate "{gate}" is {levels[gate]}: only soft gates can be overridden')
            if code not in OVERRIDE_CODES:
                raise InputError(f'"{code}" is no reason to override a gate; known: {", ".join(OVERRIDE_CODES)}')
        outcomes = tuple(replace(o, overridden=overrides.get(o.gate) if o.overridable else None) for o in self.outcomes)
        return replace(self, outcomes=outcomes, sentences=_sentences(self.tier, outcomes))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(raw: Any) -> Verdict:
        """From parsed JSON of `as_dict`; InputError when a part is missing. Older ones have no `overridden`."""
        try:
            names = [f.name for f in fields(Outcome) if f.name != "overridden"]
            outcomes = tuple(Outcome(**{name: o[name] for name in names}, overridden=o.get("overridden")) for o in raw["outcomes"])
            first, second = raw["sentences"]
            return Verdict(str(raw["tier"]), int(raw["gates"]), bool(raw["passed"]), outcomes, (str(first), str(second)))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise InputError("the verdict lacks a part: tier, gates, passed, outcomes or sentences") from None


def judge(evaluation: Evaluation, tier: str, *, version: int = CURRENT, overrides: Mapping[str, str] | None = None) -> Verdict:
    """Hold a full (reviewers') evaluation against the gates of `tier`. overrides: see `Verdict.overridden_by`.

    InputError for an unknown tier or version, a public evaluation, or an override that cannot be.
    """
    if evaluation.audience != "reviewers":
        raise InputError("gates are judged on the full evaluation, not on its public form")
    outcomes = tuple(_outcome(gate, evaluation) for gate in load(version).of(tier))
    passed = all(o.passed for o in outcomes if o.level == "hard")
    return Verdict(tier, version, passed, outcomes, _sentences(tier, outcomes)).overridden_by(overrides or {})


def _sentences(tier: str, outcomes: tuple[Outcome, ...]) -> tuple[str, str]:
    hard = [o for o in outcomes if o.level == "hard"]
    failed = [o for o in hard if not o.passed]
    accepted = [o for o in outcomes if o.overridden]
    weigh = [o for o in outcomes if o.level == "soft" and not o.passed and not o.overridden]
    noted = sum(o.level == "advisory" and not o.passed for o in outcomes)
    if failed:
        first = f"This version may not be released: {_listed([_lower(o.public) for o in failed])}."
    else:
        first = f"This version meets all {len(hard)} conditions that a {tier} release must meet."
    parts = []
    if weigh:
        parts.append(f"To weigh: {_listed([_lower(o.public) for o in weigh])}")
    if accepted:
        words = [f"{_lower(o.public)}, because {OVERRIDE_CODES[o.overridden or '']}" for o in accepted[:2]]
        more = f"; and {len(accepted) - 2} more" if len(accepted) > 2 else ""
        parts.append(f"Accepted although not met: {'; '.join(words)}{more}")
    if not parts:
        parts.append("Nothing else needs weighing")
    if noted:
        parts.append(f"{noted} {'finding is' if noted == 1 else 'findings are'} for information")
    return first, "; ".join(parts[:1] + [_lower(p) for p in parts[1:]]) + "."


def _outcome(gate: Gate, evaluation: Evaluation) -> Outcome:
    results = evaluation.of(gate.metric, gate.scope)
    if not results:
        passed = gate.optional
        public = "There was nothing to check." if passed else f"{_plain(gate.failing)} (it was not measured)"
        return Outcome(gate.id, gate.metric, gate.level, passed, public, public)
    unmet = [r for r in results if not met(gate, r)]
    if not unmet:
        unknown = [r for r in results if r.value is None]
        if unknown:
            public = "It could not be measured here, which this condition allows."
            return Outcome(gate.id, gate.metric, gate.level, True, f"{_plain(public)}: {unknown[0].failed}.", public)
        shown = figures(gate, results[0]) if gate.scope == "table" and len(results) == 1 else ""
        return Outcome(gate.id, gate.metric, gate.level, True, gate.passing + shown, gate.passing)
    several = len(evaluation.names) > 1
    why = "; ".join(reason(gate, r, several) for r in unmet[:5]) + (f"; and {len(unmet) - 5} more" if len(unmet) > 5 else "")
    unknown = [r for r in unmet if r.value is None]
    public = f"{_plain(gate.failing)} (it could not be measured)" if len(unknown) == len(unmet) else _plain(gate.failing)
    return Outcome(gate.id, gate.metric, gate.level, False, f"{_plain(gate.failing)}: {why}.", public)


def _listed(sentences: list[str]) -> str:
    shown = sentences[:3]
    more = f"; and {len(sentences) - 3} more" if len(sentences) > 3 else ""
    return "; ".join(shown) + more


def _plain(text: str) -> str:
    return text.rstrip(".")


def _lower(text: str) -> str:
    return _plain(text[0].lower() + text[1:])
