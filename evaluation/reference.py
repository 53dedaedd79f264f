"""The catalogue of metrics: `python -m evaluation.reference > docs/reference/metrics.md` makes it from the definitions and the gates."""

from __future__ import annotations

from evaluation.basket import MEASURES
from evaluation.definitions import DEFINITIONS
from evaluation.definitions.definition import Definition
from evaluation.gates import GateSet, load

HEAD = """# Catalogue of metrics

Made from the definitions by `python -m evaluation.reference > docs/reference/metrics.md`; a test fails when it is stale.

Every figure comes with a value or one line that says why there is none, the number of rows behind it, the seed, what was sampled,
and, where they exist, a 95 % interval, the floor (each column of train shuffled by itself) and the ceiling (real rows held out), by
the same code in the same run. `synthportal evaluate --metric NAME` measures one alone.
"""
GROUPS = {
    "safe": "Is it safe?",
    "good": "Is it like the real data?",
    "useful": "Is it useful?",
    "fair": "Is everybody served alike?",
    "structure": "Is it what its schema says?",
}
DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "half": "one half is best"}
FORMS = {"share": "a share", "count": "a count", "score": "a score"}
TOLD = {
    "figure": "the public report gives the rounded figure",
    "band": "the public report says whether its gate is met",
    "withheld": "reviewers alone see it",
}


def page(gates: GateSet | None = None) -> str:
    """The whole page, in Markdown; with the gates in force, or those given."""
    issued = gates or load()
    parts = [f"{HEAD}Gates: version {issued.version}.\n"]
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_entry(name, definition, issued) for name, definition in DEFINITIONS.items() if definition.group == group]
    return "\n".join(parts)


def stage(metric: str) -> str:
    """The step of the basket that measures it; keys between tables are measured by none."""
    found = [step.stage for step in MEASURES if metric in step.metrics + step.single]
    return found[0] if found else "checking what holds tables together"


def _entry(name: str, definition: Definition, gates: GateSet) -> str:
    facts = [
        f"{FORMS[definition.form]}, {DIRECTIONS[definition.direction]}; {TOLD[definition.told]}",
        f"Formula and source: {definition.source}",
        f"Measured while {stage(name)}",
    ]
    used = _gates(name, gates)
    facts.append(f"Gates: {'; '.join(used)}" if used else "No gate")
    return (
        f"### {definition.title}\n`{name}`\n\n{definition.meaning}\n\n"
        + "\n".join(f"- {fact[0].upper()}{fact[1:]}." for fact in facts)
        + "\n"
    )


def _gates(name: str, gates: GateSet) -> list[str]:
    """By tier, how hard its gate is."""
    found = []
    for tier, of_tier in gates.tiers.items():
        levels = dict.fromkeys(gate.level for gate in of_tier if gate.metric == name)
        if levels:
            found.append(f"{tier} {' and '.join(levels)}")
    return found


if __name__ == "__main__":
    print(page(), end="")
