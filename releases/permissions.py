"""Who may do what. `explain` gives the sentence of refusal or None; services raise it, templates show it.

Who somebody is, is decided here; what is possible in a request's state and tier, in `releases.policy`, which `explain` asks too.
"""

from __future__ import annotations

from typing import Any, NoReturn

from releases import budget, policy, retention
from releases.models import (
    REVIEWER_ROLES,
    Account,
    Drill,
    ReleaseRequest,
    RoleGrant,
    Run,
    Snapshot,
    SourceDataset,
    TrainedModel,
)


class Refused(Exception):
    """Something was asked that this person may not do, or that is not possible now. The message is one sentence to show."""

    @property
    def sentence(self) -> str:
        return str(self)


def refuse(sentence: str) -> NoReturn:
    raise Refused(sentence)


_STEWARD = "Only a data steward of this dataset can do that; a steward of it can add others."
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


def steward_of(actor: Account, source: SourceDataset) -> str | None:
    if "steward" in actor.roles and source.stewards.filter(pk=actor.pk).exists():
        return None
    return _STEWARD


def source_ready(source: SourceDataset, action: str, *, person: Account | None = None, **context: Any) -> str | None:
    """What the dataset itself must be ready for."""
    if action in ("receive_upload", "point_at_file"):
        if _preparing(source.latest_snapshot):
            return "The last snapshot is still being prepared; wait until that is done."
    elif action in ("request_summary", "create_request"):
        if source.current_snapshot is None:
            return "The dataset has no prepared snapshot yet; upload a file and confirm its schema first."
    elif person is not None and "steward" not in person.roles:
        return "That person does not hold the role of data steward; ask an administrator to give it first."
    return None


def may_set_budget(actor: Account, source: SourceDataset) -> str | None:
    """IG sets what a steward proposed; nobody sets their own proposal or a budget of a dataset they look after."""
    if "ig" not in actor.roles:
        return "Only Information Governance sets a disclosure budget."
    if steward_of(actor, source) is None:
        return "Nobody sets the budget of a dataset they are a steward of; another reviewer must."
    waiting = budget.standing(source).waiting
    if waiting is None:
        return "No budget waits to be set; a steward of the dataset proposes one."
    return "Nobody sets a budget they proposed; another reviewer must." if waiting.actor_id == actor.pk else None


def schema_waits(snapshot: Snapshot) -> str | None:
    if snapshot.state == Snapshot.State.RECEIVED:
        return "The file is still being read; its schema can be confirmed when that is done."
    if snapshot.state == Snapshot.State.READY or _preparing(snapshot):
        return "The schema of this snapshot is confirmed already; upload a new file to change it."
    if snapshot.source.snapshots.filter(number__gt=snapshot.number).exists():
        return "A newer file was given for this dataset; confirm the schema of that one."
    return None


def _preparing(snapshot: Snapshot | None) -> bool:
    """Whether a confirmed snapshot is on its way. One whose preparation failed can be confirmed again, with another schema."""
    if snapshot is None or snapshot.state != Snapshot.State.CONFIRMED:
        return False
    return snapshot.runs.filter(kind=Run.Kind.PREPARE, state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists()


def runs_keeper(actor: Account, run: Run) -> str | None:
    """Whose run it is: SDAT's when it re-audits, an administrator's when it makes a drill, else the stewards'."""
    if run.kind == Run.Kind.REAUDIT:
        return None if "sdat" in actor.roles else "Only the Synthetic Data Audit Team stops or repeats a re-audit."
    if run.request is not None and hasattr(run.request, "drill"):
        return None if "administrator" in actor.roles else _STEWARD
    return steward_of(actor, run.source)


def keeps_releases(actor: Account, request: ReleaseRequest, action: str) -> str | None:
    """SDAT re-audits; IG suspends, and releases again what they had no part in."""
    if action == "reaudit":
        return None if "sdat" in actor.roles else "Only the Synthetic Data Audit Team starts a re-audit."
    if "ig" not in actor.roles:
        return "Only Information Governance suspends a release or releases it again."
    if action == "resume" and (actor.pk in _made_by(request) or steward_of(actor, request.source) is None):
        return "Nobody releases again what they requested or generated, or of a dataset they are a steward of; another reviewer must."
    return None


def release_open(request: ReleaseRequest, action: str) -> str | None:
    """What the release itself must be ready for."""
    if action != "reaudit":
        return policy.refusal(request, action)
    if request.state not in (ReleaseRequest.State.PUBLISHED, ReleaseRequest.State.SUSPENDED):
        return f"This request is {request.get_state_display()}; only what is published or suspended is re-audited."
    if request.runs.filter(kind=Run.Kind.REAUDIT, state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists():
        return "This release is being re-audited already; wait until that is done."
    return None


def drill_change(actor: Account, drill: Drill | None) -> str | None:
    if "administrator" not in actor.roles:
        return "Only an administrator starts or ends a drill."
    return "This drill is over already." if drill is not None and drill.revealed_at is not None else None


def run_open(run: Run, action: str) -> str | None:
    if action == "cancel_run":
        if run.finished:
            return f"This run is {run.get_state_display()}; there is nothing to cancel."
        return "This run is being cancelled already." if run.cancel_requested_at else None
    if run.kind == Run.Kind.REAUDIT:
        return "Start another re-audit from the page of the release."
    if run.state not in (Run.State.FAILED, Run.State.CANCELLED):
        return f"This run is {run.get_state_display()}; only a failed or cancelled one can be tried again."
    if run.snapshot is not None and run.request is None and run.snapshot.runs.filter(kind=run.kind, queued_at__gt=run.queued_at).exists():
        return "A newer run took this one's place; it cannot be tried again."
    if run.request is not None and run.request.state != ReleaseRequest.State.DRAFT:
        return f"The request is {run.request.get_state_display()}; nothing can be run for it now."
    return None


def model_kept(trained: TrainedModel) -> str | None:
    if trained.destroyed_at is not None:
        return "This model is destroyed already."
    return "Data are being generated from this model; wait until that is done, or stop it first." if retention.in_use(trained) else None


def may_sign(
    actor: Account, request: ReleaseRequest, *, capacity: str | None = None, decision: str = "approve", **context: Any
) -> str | None:
    """Who may sign: role, not one's own, once, and (privately-sourced) SDAT and IG by different people; then the state."""
    if capacity is None:
        wanted = [c for c in policy.capacities(request) if c in actor.roles]
        answers = [may_sign(actor, request, capacity=c, decision=decision) for c in wanted]
        if not answers:
            return "Only a reviewer can decide on this request, in the capacity the release policy asks for."
        return None if None in answers else answers[0]
    if capacity not in actor.roles:
        return f"Only somebody with the role {capacity.upper()} can sign in that capacity."
    if actor.pk in _made_by(request):
        return "Nobody reviews what they requested or generated themselves; another reviewer must decide."
    if steward_of(actor, request.source) is None:
        return "Nobody reviews a release of a dataset they are a steward of; another reviewer must decide."
    if capacity not in policy.capacities(request):
        return f"The release policy asks for no {capacity.upper()} signature on this request."
    state = policy.refusal(request, decision, capacity=capacity)
    if state is not None:
        return state
    earlier = request.signoffs.filter(round=request.round)
    if earlier.filter(capacity=capacity, decision="approve").exists():
        return f"{capacity.upper()} has signed this round already."
    if earlier.filter(reviewer=actor).exists():
        return "You signed this round in another capacity; somebody else must sign in this one."
    return None


def _made_by(request: ReleaseRequest) -> set[Any]:
    makers = {request.author_id, request.submitted_by_id}
    if request.version:
        makers.add(request.version.made_by_id)
        if request.version.summary:
            makers.add(request.version.summary.requested_by_id)
        if request.version.trained:
            makers.add(request.version.trained.requested_by_id)
    if hasattr(request, "drill"):
        makers.add(request.drill.started_by_id)
    return makers


def administers(actor: Account) -> str | None:
    return None if "administrator" in actor.roles else "Only an administrator manages accounts and roles."


def account_change(actor: Account, action: str, target: Any, *, role: str | None = None, **context: Any) -> str | None:
    """Roles: not for oneself; administrators hold no other role but auditor; reviewer roles take two administrators."""
    if action == "propose_role" and role is not None:
        return _proposable(actor, target, role)
    if action == "confirm_role" and isinstance(target, RoleGrant):
        if target.confirmed_at is not None or target.removed_at is not None:
            return "That role was decided on already."
        if target.proposed_by_id == actor.pk:
            return "A reviewer role takes two administrators; somebody else must confirm it."
        if target.account_id == actor.pk:
            return "Nobody confirms a role for themselves."
        return _compatible(target.account, target.role)
    if action == "remove_role" and target is not None and role is not None:
        if target.pk == actor.pk:
            return "Nobody removes their own role; ask another administrator."
        if not target.grants.filter(role=role, removed_at__isnull=True).exists():
            return "That account does not hold that role."
    return None


def _proposable(actor: Account, account: Account, role: str) -> str | None:
    if account.pk == actor.pk:
        return "Nobody gives a role to themselves; ask another administrator."
    if account.grants.filter(role=role, removed_at__isnull=True).exists():
        return "That account holds the role, or it is proposed already."
    return _compatible(account, role)


def _compatible(account: Account, role: str) -> str | None:
    held = set(account.grants.filter(removed_at__isnull=True, confirmed_at__isnull=False).values_list("role", flat=True))
    working = REVIEWER_ROLES | {"steward", "ppi"}
    if (role == "administrator" and held & working) or (role in working and "administrator" in held):
        return "An administrator approves nothing and stewards nothing: those roles do not go together."
    return None
