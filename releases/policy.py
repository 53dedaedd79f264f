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
    "account_written",
)
_SOUND = ("dpia_complete", "assessed", "nothing_unacceptable", "account_approved", "no_own_doubt")
"""What an approval needs beside the evidence, where the release policy asks for it; and no doubt of whoever signs."""

TRANSITIONS: tuple[Transition, ...] = (
    Transition(State.DRAFT, "describe_request", State.DRAFT, "steward"),
    Transition(State.DRAFT, "request_generation", State.DRAFT, "steward", ("summary_of_same_source", "generation_agreed")),
    Transition(State.DRAFT, "choose_version", State.DRAFT, "steward", ("version_of_request",)),
    Transition(State.DRAFT, "answer_gates", State.DRAFT, "steward", ("version_chosen", "version_evaluated")),
    Transition(State.DRAFT, "submit", State.SUBMITTED, "steward", ("not_a_drill", "no_agreement_needed", *_READY)),
    Transition(State.DRAFT, "cancel_request", State.CANCELLED, "steward", ("not_a_drill", "no_run_active")),
    Transition(State.SUBMITTED, "approve", State.SUBMITTED, "reviewer", (*_SOUND, "signatures_outstanding")),
    Transition(State.SUBMITTED, "approve", State.APPROVED, "reviewer", (*_SOUND, "last_signature")),
    Transition(State.SUBMITTED, "return", State.RETURNED, "reviewer"),
    Transition(State.SUBMITTED, "reject", State.REJECTED, "reviewer"),
    Transition(State.SUBMITTED, "mark_items", State.SUBMITTED, "reviewer"),
    *(Transition(state, "answer_remarks", state, "steward") for state in (State.SUBMITTED, State.RETURNED)),
    Transition(State.SUBMITTED, "cancel_request", State.CANCELLED, "steward", ("not_a_drill",)),
    Transition(State.RETURNED, "revise", State.AGREED, "steward", ("agreement_stands",)),
    Transition(State.RETURNED, "revise", State.DRAFT, "steward"),
    Transition(State.RETURNED, "cancel_request", State.CANCELLED, "steward"),
    # A standing approval of the way the data were made approves in the submission's own transaction; revoking it takes that back.
    Transition(State.SUBMITTED, "approve_by_standing", State.APPROVED, "system", ("not_a_drill", "covered_by_standing_approval")),
    Transition(State.APPROVED, "return_leaning", State.RETURNED, "system", ("approval_revoked",)),
    *(
        Transition(state, "grant_standing_approval", state, "ig", ("version_chosen", "standing_approval_allowed", "assessed_for_standing"))
        for state in (State.SUBMITTED, State.APPROVED, State.PUBLISHED)
    ),
    Transition(State.APPROVED, "publish", State.PUBLISHED, "publisher", ("not_a_drill", "approval_stands", "approval_in_time")),
    Transition(State.APPROVED, "expire", State.RETURNED, "system", ("not_a_drill", "approval_over")),
    # After publication: a re-audit that fails suspends by itself, whatever anybody thinks of it; only a person resumes.
    Transition(State.PUBLISHED, "suspend", State.SUSPENDED, "guardian"),
    Transition(State.SUSPENDED, "resume", State.PUBLISHED, "ig", ("reaudit_passed",)),
    # Taken back for good, by a person who had no part in it.
    Transition(State.PUBLISHED, "withdraw", State.WITHDRAWN, "ig"),
    Transition(State.SUSPENDED, "withdraw", State.WITHDRAWN, "ig"),
    # Drills: they go the road of their kind of data in their author's name, are decided on like any other, and closed as what they were.
    Transition(State.DRAFT, "propose_drill", State.PROPOSED, "system", ("a_drill", "agreement_needed")),
    Transition(State.DRAFT, "submit_drill", State.SUBMITTED, "system", ("a_drill", "no_agreement_needed", "version_evaluated")),
    Transition(State.AGREED, "submit_drill", State.SUBMITTED, "system", ("a_drill", "agreement_stands", "version_evaluated")),
    *(
        Transition(state, "reveal_drill", State.CANCELLED, "system", ("a_drill",))
        for state in (State.DRAFT, State.PROPOSED, State.AGREED, State.SUBMITTED, State.RETURNED, State.REJECTED, State.APPROVED)
    ),
    # The road whose use case is agreed first: nothing is generated before, and what was agreed does not change after.
    Transition(
        State.DRAFT,
        "propose",
        State.PROPOSED,
        "steward",
        ("not_a_drill", "proposable", "agreement_needed", "variables_asked", "access_level_allowed", "no_run_active"),
    ),
    Transition(State.PROPOSED, "agree", State.AGREED, "sdat"),
    Transition(State.PROPOSED, "send_back", State.DRAFT, "sdat"),
    Transition(State.PROPOSED, "reopen", State.DRAFT, "steward", ("not_a_drill",)),
    Transition(State.PROPOSED, "cancel_request", State.CANCELLED, "steward", ("not_a_drill",)),
    Transition(State.AGREED, "describe_request", State.AGREED, "steward", ("agreed_kept",)),
    Transition(State.AGREED, "request_generation", State.AGREED, "steward", ("agreement_stands", "summary_of_same_source")),
    Transition(State.AGREED, "choose_version", State.AGREED, "steward", ("version_of_request",)),
    Transition(State.AGREED, "answer_gates", State.AGREED, "steward", ("version_chosen", "version_evaluated")),
    Transition(State.AGREED, "submit", State.SUBMITTED, "steward", ("not_a_drill", "agreement_stands", *_READY)),
    Transition(State.AGREED, "reopen", State.DRAFT, "steward", ("not_a_drill", "no_run_active")),
    Transition(State.AGREED, "cancel_request", State.CANCELLED, "steward", ("not_a_drill", "no_run_active")),
    # What is written beside a request, in the states in which it can be. Of a request under review a new DPIA changes the evidence.
    *(Transition(state, "write_dpia", state, "sdat") for state in (State.AGREED, State.SUBMITTED, State.PUBLISHED, State.SUSPENDED)),
    Transition(State.SUBMITTED, "assess", State.SUBMITTED, "sdat", ("assessment_needed", "not_assessed_yet")),
    *(Transition(state, "write_account", state, "writer") for state in (State.DRAFT, State.AGREED)),
    *(Transition(state, "approve_account", state, "ppi", ("account_waits",)) for state in (State.AGREED, State.SUBMITTED)),
    # Withdrawal.
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
    "mark_items": "marked",
    "answer_remarks": "given answers",
    "revise": "revised",
    "propose": "proposed",
    "agree": "agreed",
    "send_back": "sent back",
    "reopen": "taken back to draft",
    "write_dpia": "given another impact assessment",
    "assess": "assessed",
    "write_account": "given another account",
    "approve_account": "given an approved account",
    "grant_standing_approval": "given a standing approval",
    "publish": "published",
    "suspend": "suspended",
    "resume": "released again",
    "withdraw": "withdrawn",
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
