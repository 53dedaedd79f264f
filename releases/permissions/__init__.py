"""Who may do what. `explain` gives the sentence of refusal or None; services raise it, templates show it.

Who somebody is, is decided here; what is possible in a request's state and tier, in `releases.policy`, which `explain` asks too.
"""

from __future__ import annotations

from typing import Any, NoReturn

from releases import policy, visibility
from releases.models import Account, ReleaseRequest
from releases.permissions.accounts import account_change, own_account
from releases.permissions.accounts import administers as administers
from releases.permissions.agreeing import approves_account, decides_for_sdat, writes_account
from releases.permissions.policies import may_grant, may_revoke, policy_change
from releases.permissions.reviewing import keeps_releases, may_mark, may_sign
from releases.permissions.reviewing import release_open as release_open
from releases.permissions.runs import drill_change, model_kept, run_open, runs_keeper
from releases.permissions.sources import may_set_budget, schema_waits, source_ready
from releases.permissions.sources import steward_of as steward_of
from releases.permissions.tokens import own_token


class Refused(Exception):
    """Something was asked that this person may not do, or that is not possible now. The message is one sentence to show."""

    @property
    def sentence(self) -> str:
        return str(self)


def refuse(sentence: str) -> NoReturn:
    raise Refused(sentence)


_SOURCE_ACTIONS = ("receive_upload", "point_at_file", "add_steward", "request_summary", "create_request", "propose_budget")
_REQUEST_ACTIONS = ("describe_request", "request_generation", "choose_version", "answer_gates", "submit", "cancel_request", "revise")
_USE_CASE_ACTIONS = ("propose", "reopen")
_SDAT_ACTIONS = ("agree", "send_back", "write_dpia", "assess")
_PLAIN_ACTIONS = ("write_account", "approve_account")
_DELIBERATION = ("mark_items", "answer_remarks")
_RUN_ACTIONS = ("cancel_run", "retry_run")
_MODEL_ACTIONS = ("destroy_model",)
_ACCOUNT_ACTIONS = (
    "create_account",
    "invite_again",
    "propose_role",
    "confirm_role",
    "remove_role",
    "propose_reset",
    "confirm_reset",
    "drop_reset",
)
OWN_ACTIONS = (
    *("change_password", "sign_in", "sign_out", "end_sign_ins", "confirm_sign_in"),
    *("add_factor", "remove_factor", "make_recovery_codes"),
)
"""What everybody may do to their own account."""
_RELEASE_ACTIONS = ("reaudit", "suspend", "resume", "withdraw", "rereview")
_STANDING_ACTIONS = ("grant_standing_approval", "revoke_standing_approval")
_POLICY_ACTIONS = ("draft_policy", "change_policy", "discard_policy", "put_policy_in_force")
_DRILL_ACTIONS = ("start_drill", "end_drill")
_NOTICE_ACTIONS = ("read_notices", "choose_mail")
_TOKEN_ACTIONS = ("make_token", "revoke_token")
_VIEWS = ("view_audit", "view_accounts", "verify_audit", "export_audit", "download_summary")

_ABOUT_REQUESTS = (*_REQUEST_ACTIONS, *_USE_CASE_ACTIONS, *_SDAT_ACTIONS, *_PLAIN_ACTIONS)

ACTIONS = (
    *OWN_ACTIONS,
    "register_source",
    *_SOURCE_ACTIONS,
    "confirm_schema",
    *_REQUEST_ACTIONS,
    *_USE_CASE_ACTIONS,
    *_SDAT_ACTIONS,
    *_PLAIN_ACTIONS,
    *_DELIBERATION,
    "sign_off",
    "set_budget",
    *_RUN_ACTIONS,
    *_MODEL_ACTIONS,
    *_ACCOUNT_ACTIONS,
    *_RELEASE_ACTIONS,
    *_NOTICE_ACTIONS,
    *_TOKEN_ACTIONS,
    *_STANDING_ACTIONS,
    *_POLICY_ACTIONS,
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
    if action in OWN_ACTIONS:
        return own_account(actor, action, target, **context)
    if action in _NOTICE_ACTIONS:
        return None if target is None or target.account_id == actor.pk else "That notice is somebody else's."
    if action in _TOKEN_ACTIONS:
        return own_token(actor, action, target)
    if action == "register_source":
        return None if "steward" in actor.roles else "Only a data steward can register a dataset; ask an administrator for that role."
    if action in _SOURCE_ACTIONS:
        return steward_of(actor, target) or source_ready(target, action, **context)
    if action == "set_budget":
        return may_set_budget(actor, target)
    if action == "confirm_schema":
        return steward_of(actor, target.source) or schema_waits(target)
    if action in _REQUEST_ACTIONS or action in _USE_CASE_ACTIONS:
        return steward_of(actor, target.source) or policy.refusal(target, action, **context)
    if action in _SDAT_ACTIONS:
        return decides_for_sdat(actor, target) or policy.refusal(target, action, reviewer=actor, **context)
    if action == "write_account":
        return writes_account(actor, target) or policy.refusal(target, action)
    if action == "approve_account":
        return approves_account(actor, target) or policy.refusal(target, action)
    if action == "sign_off":
        return may_sign(actor, target, **context)
    if action == "mark_items":
        return may_mark(actor, target, **context)
    if action == "answer_remarks":
        return steward_of(actor, target.source) or policy.refusal(target, action)
    if action in _RUN_ACTIONS:
        return runs_keeper(actor, target) or run_open(target, action)
    if action in _MODEL_ACTIONS:
        return steward_of(actor, target.source) or model_kept(target)
    if action in _RELEASE_ACTIONS:
        return keeps_releases(actor, target, action) or release_open(target, action)
    if action == "grant_standing_approval":
        return may_grant(actor, target)
    if action == "revoke_standing_approval":
        return may_revoke(actor, target)
    if action in _POLICY_ACTIONS:
        return policy_change(actor, action, target)
    if action in _DRILL_ACTIONS:
        return drill_change(actor, target)
    if action in _ACCOUNT_ACTIONS:
        return administers(actor) or account_change(actor, action, target, **context)
    if action == "download_summary":
        return None if visibility.visible_summaries(actor).filter(pk=target.pk).exists() else "That summary is not shown to you."
    if action in ("view_audit", "verify_audit", "export_audit"):
        return None if "auditor" in actor.roles else "Only an auditor reads the audit trail."
    if action == "view_accounts":
        return None if actor.roles & {"administrator", "auditor"} else "Only an administrator or an auditor sees the accounts."
    raise ValueError(f"no such action: {action}")


def allowed(actor: Any, request: ReleaseRequest) -> dict[str, str | None]:
    """Every action on a request with its refusal, or None where it is possible: what the buttons are drawn from.

    Decisions of a review are listed as "approve", "return", "reject".
    """
    answers: dict[str, str | None] = {action: explain(actor, action, request) for action in _ABOUT_REQUESTS}
    answers |= {decision: explain(actor, "sign_off", request, decision=decision) for decision in policy.DECISIONS}
    return answers
