"""Who may do what. `explain` gives the sentence of refusal or None; services raise it, templates show it.

Who somebody is, is decided here; what is possible in a request's state and tier, in `releases.policy`, which `explain` asks too.
"""

from __future__ import annotations

from typing import Any, NoReturn

from releases import policy
from releases.models import Account, ReleaseRequest
from releases.permissions.accounts import account_change
from releases.permissions.accounts import administers as administers
from releases.permissions.reviewing import keeps_releases, may_sign
from releases.permissions.reviewing import release_open as release_open
from releases.permissions.runs import drill_change, model_kept, run_open, runs_keeper
from releases.permissions.sources import may_set_budget, schema_waits, source_ready
from releases.permissions.sources import steward_of as steward_of


class Refused(Exception):
    """Something was asked that this person may not do, or that is not possible now. The message is one sentence to show."""

    @property
    def sentence(self) -> str:
        return str(self)


def refuse(sentence: str) -> NoReturn:
    raise Refused(sentence)


_SOURCE_ACTIONS = ("receive_upload", "point_at_file", "add_steward", "request_summary", "create_request", "propose_budget")
_REQUEST_ACTIONS = ("describe_request", "request_generation", "choose_version", "answer_gates", "submit", "cancel_request", "revise")
_RUN_ACTIONS = ("cancel_run", "retry_run")
_MODEL_ACTIONS = ("destroy_model",)
_ACCOUNT_ACTIONS = ("create_account", "propose_role", "confirm_role", "remove_role")
_RELEASE_ACTIONS = ("reaudit", "suspend", "resume")
_DRILL_ACTIONS = ("start_drill", "end_drill")
_VIEWS = ("view_audit", "view_accounts", "verify_audit")

ACTIONS = (
    "change_password",
    "register_source",
    *_SOURCE_ACTIONS,
    "confirm_schema",
    *_REQUEST_ACTIONS,
    "sign_off",
    "set_budget",
    *_RUN_ACTIONS,
    *_MODEL_ACTIONS,
    *_ACCOUNT_ACTIONS,
    *_RELEASE_ACTIONS,
    *_DRILL_ACTIONS,
    *_VIEWS,
)
"""Everything a signed-in person can be allowed or refused. (Publishing is the publisher process's alone.)"""


def explain(actor: Any, action: str, target: Any = None, **context: Any) -> str | None:
    """Why `actor` may not do `action` to `target` now, as one sentence, or None when they may.

    target: the source, snapshot, request, run, model or role grant; for `propose_role` and `remove_role` the account.
    context: `capacity`, `decision`, `version`, `summary`, `role`, `policy`, `person`, where the action has them.
    """
    if not isinstance(actor, Account) or not actor.is_active:
        return "Sign in first."
    if action == "change_password":
        return None
    if action == "register_source":
        return None if "steward" in actor.roles else "Only a data steward can register a dataset; ask an administrator for that role."
    if action in _SOURCE_ACTIONS:
        return steward_of(actor, target) or source_ready(target, action, **context)
    if action == "set_budget":
        return may_set_budget(actor, target)
    if action == "confirm_schema":
        return steward_of(actor, target.source) or schema_waits(target)
    if action in _REQUEST_ACTIONS:
        return steward_of(actor, target.source) or policy.refusal(target, action, **context)
    if action == "sign_off":
        return may_sign(actor, target, **context)
    if action in _RUN_ACTIONS:
        return runs_keeper(actor, target) or run_open(target, action)
    if action in _MODEL_ACTIONS:
        return steward_of(actor, target.source) or model_kept(target)
    if action in _RELEASE_ACTIONS:
        return keeps_releases(actor, target, action) or release_open(target, action)
    if action in _DRILL_ACTIONS:
        return drill_change(actor, target)
    if action in _ACCOUNT_ACTIONS:
        return administers(actor) or account_change(actor, action, target, **context)
    if action in ("view_audit", "verify_audit"):
        return None if "auditor" in actor.roles else "Only an auditor reads the audit trail."
    if action == "view_accounts":
        return None if actor.roles & {"administrator", "auditor"} else "Only an administrator or an auditor sees the accounts."
    raise ValueError(f"no such action: {action}")


def allowed(actor: Any, request: ReleaseRequest) -> dict[str, str | None]:
    """Every action on a request with its refusal, or None where it is possible: what the buttons are drawn from.

    Decisions of a review are listed as "approve", "return", "reject".
    """
    answers: dict[str, str | None] = {action: explain(actor, action, request) for action in _REQUEST_ACTIONS}
    answers |= {decision: explain(actor, "sign_off", request, decision=decision) for decision in policy.DECISIONS}
    return answers
