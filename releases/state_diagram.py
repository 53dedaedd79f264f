"""The page `docs/states.md`, generated from the table of transitions so that it cannot say anything else."""

from __future__ import annotations

from releases.models import ReleaseRequest
from releases.policy import TRANSITIONS, Transition, release_policy

_WORDS = {
    "describe_request": "describe",
    "request_generation": "generate",
    "choose_version": "choose a version",
    "cancel_request": "cancel",
    "submit_drill": "submit a drill",
    "reveal_drill": "reveal a drill",
}
_WHO = {
    "steward": "a steward of the dataset",
    "reviewer": "a reviewer in a capacity the tier asks for, not its author",
    "publisher": "the publisher process",
    "sdat": "SDAT",
    "ig": "IG",
    "guardian": "the site itself after a failed re-audit, or IG",
    "system": "the site itself",
}


def page() -> str:
    """The whole page as Markdown."""
    policy = release_policy()
    lines = [
        "# The states of a release request",
        "",
        "Made by `manage.py state_diagram` from `releases/policy.py`; a test fails when it is stale.",
        "“Later”: it has its place and is not built yet.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "  [*] --> draft",
    ]
    for step in TRANSITIONS:
        if step.source != step.target:
            lines.append(f"  {_node(step.source)} --> {_node(step.target)}: {_action(step)}{'' if step.built else ' (later)'}")
    lines += [
        "```",
        "",
        "| from | action | to | who | when |",
        "|---|---|---|---|---|",
        *(_row(step) for step in TRANSITIONS),
        "",
        f"## Release policy in force: {policy.id}",
        "",
        "| tier | must sign | gates | access levels | open needs the disclosure policy | use case agreed first |",
        "|---|---|---|---|---|---|",
    ]
    for name, tier in policy.tiers.items():
        signs = ", ".join(c.upper() for c in tier.capacities)
        lines.append(
            f"| {name} | {signs} | {tier.gates} | {', '.join(tier.access_levels)} | {tier.open_needs_disclosure_policy or '–'} "
            f"| {'yes' if tier.needs_agreement else 'no'} |"
        )
    return "\n".join(lines) + "\n"


def _row(step: Transition) -> str:
    when = ", ".join(guard.replace("_", " ") for guard in step.guards) or "–"
    later = "" if step.built else " (later)"
    return f"| {_label(step.source)} | {_action(step)}{later} | {_label(step.target)} | {_WHO[step.capacity]} | {when} |"


def _action(step: Transition) -> str:
    return _WORDS.get(step.action, step.action)


def _node(state: str) -> str:
    return str(ReleaseRequest.State(state).value)


def _label(state: str) -> str:
    return str(ReleaseRequest.State(state).label)
