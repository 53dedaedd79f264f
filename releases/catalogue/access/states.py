"""The one table of what can become of an application; docs and buttons read it."""

from __future__ import annotations

from django.utils import timezone

from releases.catalogue.models import Application

State = Application.State
TRANSITIONS: dict[tuple[State, str], State] = {
    (State.DRAFT, "change"): State.DRAFT,
    (State.RETURNED, "change"): State.RETURNED,
    (State.DRAFT, "send"): State.WITH_REFEREE,
    (State.RETURNED, "send"): State.WITH_REFEREE,
    (State.DRAFT, "send signed"): State.SUBMITTED,
    (State.RETURNED, "send signed"): State.SUBMITTED,
    (State.WITH_REFEREE, "call back"): State.DRAFT,
    (State.WITH_REFEREE, "referee signs"): State.SUBMITTED,
    (State.WITH_REFEREE, "referee declines"): State.RETURNED,
    (State.SUBMITTED, "return"): State.RETURNED,
    (State.SUBMITTED, "refuse"): State.REFUSED,
    (State.SUBMITTED, "grant"): State.GRANTED,
    (State.DRAFT, "cancel"): State.CANCELLED,
    (State.RETURNED, "cancel"): State.CANCELLED,
    (State.WITH_REFEREE, "cancel"): State.CANCELLED,
    (State.SUBMITTED, "cancel"): State.CANCELLED,
}


def refusal(application: Application, action: str) -> str | None:
    """Why that cannot be done in this state, or None."""
    if (State(application.state), action) in TRANSITIONS:
        return None
    return f"That cannot be done now: the application is “{application.get_state_display().lower()}”."


def move(application: Application, action: str) -> None:
    """Put the application into the state that `action` leads to; KeyError when the rule was not asked first. The caller saves."""
    application.state = TRANSITIONS[State(application.state), action]
    application.changed_at = timezone.now()
