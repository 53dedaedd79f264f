"""What is possible: the one table of transitions. Its guards are in `releases.guards`; who may is in `releases.permissions`.

Services, buttons, the state diagram (`docs/states.md`) and the tests all read `TRANSITIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from releases.guards import GUARDS as GUARDS
from releases.guards import capacities as capacities
from releases.guards import columns_of as columns_of
from releases.guards import needed as needed
from releases.guards import policy_of as policy_of
from releases.guards import signatures as signatures
from releases.guards import signed_capacities as signed_capacities
from releases.models import ReleaseRequest
from releases.release_policies import in_force as in_force
from releases.release_policies import release_policy as release_policy

State = ReleaseRequest.State


@dataclass(frozen=True)
class Transition:
    """From `source`, `action` by somebody in `capacity` leads to `target`, when every guard agrees.

    built: whether a service performs it yet; the others have their place here and in no button.
    """

    source: str
    action: str
    target: str
    capacity: str
    guards: tuple[str, ...] = ()
    built: bool = True


_READY = (
    "described",
    "version_chosen",
    "version_evaluated",
    "tier_of_version",
    "variables_justified",
    "access_level_allowed",
    "licence_allowed",
    "no_run_active",
    "gates_green",
    "soft_gates_answered",
    "assertions_hold",
    "open_needs_policy",
)

TRANSITIONS: tuple[Transition, ...] = (
    Transition(State.DRAFT, "describe_request", State.DRAFT, "steward"),
    Transition(State.DRAFT, "request_generation", State.DRAFT, "steward", ("summary_of_same_source",)),
    Transition(State.DRAFT, "choose_version", State.DRAFT, "steward", ("version_of_request",)),
    Transition(State.DRAFT, "answer_gates", State.DRAFT, "steward", ("version_chosen", "version_evaluated")),
    Transition(State.DRAFT, "submit", State.SUBMITTED, "steward", ("not_a_drill", "no_agreement_needed", *_READY)),
    Transition(State.DRAFT, "cancel_request", State.CANCELLED, "steward", ("not_a_drill", "no_run_active")),
    Transition(State.SUBMITTED, "approve", State.SUBMITTED, "reviewer", ("signatures_outstanding",)),
    Transition(State.SUBMITTED, "approve", State.APPROVED, "reviewer", ("last_signature",)),
    Transition(State.SUBMITTED, "return", State.RETURNED, "reviewer"),
    Transition(State.SUBMITTED, "reject", State.REJECTED, "reviewer"),
    Transition(State.SUBMITTED, "cancel_request", State.CANCELLED, "steward", ("not_a_drill",)),
    Transition(State.RETURNED, "revise", State.DRAFT, "steward"),
    Transition(State.RETURNED, "cancel_request", State.CANCELLED, "steward"),
    Transition(State.APPROVED, "publish", State.PUBLISHED, "publisher", ("not_a_drill",)),
    # After publication: a re-audit that fails suspends by itself, whatever anybody thinks of it; only a person resumes.
    Transition(State.PUBLISHED, "suspend", State.SUSPENDED, "guardian"),
    Transition(State.SUSPENDED, "resume", State.PUBLISHED, "ig", ("reaudit_passed",)),
    # Drills: submitted by the site in their author's name, decided on like any other, and closed as what they were.
    Transition(State.DRAFT, "submit_drill", State.SUBMITTED, "system", ("a_drill", "version_evaluated")),
    *(
        Transition(state, "reveal_drill", State.CANCELLED, "system", ("a_drill",))
        for state in (State.DRAFT, State.SUBMITTED, State.RETURNED, State.REJECTED, State.APPROVED)
    ),
    # The privately-sourced route, and withdrawal.
    Transition(State.DRAFT, "propose", State.PROPOSED, "steward", built=False),
    Transition(State.PROPOSED, "agree", State.AGREED, "sdat", built=False),
    Transition(State.AGREED, "submit", State.SUBMITTED, "steward", _READY, built=False),
    Transition(State.PUBLISHED, "withdraw", State.WITHDRAWN, "ig", built=False),
    Transition(State.SUSPENDED, "withdraw", State.WITHDRAWN, "ig", built=False),
)

ACTIONS = tuple(dict.fromkeys(t.action for t in TRANSITIONS if t.built))
DECISIONS = ("approve", "return", "reject")

_SPOKEN = {
    "describe_request": "described",
    "request_generation": "given new data",
    "choose_version": "given another version",
    "answer_gates": "given other answers to its gates",
    "submit": "submitted",
    "cancel_request": "cancelled",
    "approve": "signed",
    "return": "returned",
    "reject": "rejected",
    "revise": "revised",
    "publish": "published",
    "suspend": "suspended",
    "resume": "released again",
}


def transition(request: ReleaseRequest, action: str, **context: Any) -> Transition | str:
    """The transition `action` would make now, or the sentence why it cannot be made.

    context: what a guard needs beside the request (`capacity` of a signature, `version`, `summary`).
    """
    refusal = f"This request is {request.get_state_display()}; it cannot be {_SPOKEN.get(action, 'changed so')} now."
    for candidate in TRANSITIONS:
        if candidate.built and candidate.source == request.state and candidate.action == action:
            sentences = (GUARDS[name](request, context) for name in candidate.guards)
            failed = next((s for s in sentences if s), None)
            if failed is None:
                return candidate
            refusal = failed
    return refusal


def refusal(request: ReleaseRequest, action: str, **context: Any) -> str | None:
    """Why `action` is not possible in the request's state, or None."""
    found = transition(request, action, **context)
    return found if isinstance(found, str) else None
