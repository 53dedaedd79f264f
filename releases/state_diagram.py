"""The page `docs/states.md`, generated from the table of transitions so that it cannot say anything else."""

from __future__ import annotations

from releases.models import ReleaseRequest
from releases.policy import TRANSITIONS, Transition
from releases.policy_words import described
from releases.release_policies import newest_shipped, release_policy

_WORDS = {
    "describe_request": "describe",
    "request_generation": "generate",
    "choose_version": "choose a version",
    "cancel_request": "cancel",
    "send_back": "send back",
    "write_dpia": "write the DPIA",
    "write_account": "write the account",
    "approve_account": "approve the account",
    "propose_drill": "propose a drill",
    "submit_drill": "submit a drill",
    "reveal_drill": "reveal a drill",
    "approve_by_standing": "approve by a standing approval",
    "return_leaning": "return what leaned on a revoked standing approval",
    "grant_standing_approval": "give its way of making data a standing approval",
}
_WHO = {
    "steward": "a steward of the dataset",
    "reviewer": "a reviewer in a capacity the tier asks for, not its author",
    "publisher": "the publisher process",
    "sdat": "SDAT",
    "ig": "IG",
    "ppi": "a PPI member, not its writer",
    "writer": "a steward of the dataset, or a PPI member",
    "guardian": "the site itself after a failed re-audit, or IG",
    "system": "the site itself",
}


def page() -> str:
    """The whole page as Markdown."""
    policy = release_policy(newest_shipped())
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
        f"## The release policy that comes with the product: {policy.id}",
        "",
        f"| | {' | '.join(policy.tiers)} |",
        f"|---|{'---|' * len(policy.tiers)}",
    ]
    told = [described(tier) for tier in policy.tiers.values()]
    lines += [f"| {words} | {' | '.join(each[words] for each in told)} |" for words in told[0]]
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
