"""Who hears of what: one table from actions of the audit trail to rules. `services.notices.tell` is handed every event and asks it.

A rule gives what must be heard, by whom, in which sentence, with a link. Nobody hears of what they did themselves, of a request they
may not see, or of a figure or value: titles, names of people and states are all that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from releases import permissions, standing_approvals, visibility
from releases.models import (
    Account,
    Announcement,
    AuditEvent,
    PolicyRecord,
    ReleaseRequest,
    Remark,
    RoleGrant,
    RoleName,
    Run,
    SignOff,
    StandingApproval,
)

State = ReleaseRequest.State
REVIEWERS = ("sdat", "ig", "ppi")
GUARDIANS = ("sdat", "ig")

PLACES = {
    "review": "/requests/{}/review/",
    "request": "/requests/{}/",
    "marks": "/requests/{}/marks/",
    "release": "/releases/{}/",
    "run": "/runs/{}/",
    "schema": "/snapshots/{}/schema/",
    "version": "/versions/{}/",
    "source": "/sources/{}/",
    "ledger": "/sources/{}/ledger/",
    "account": "/accounts/{}/",
    "standing-approval": "/standing-approvals/{}/",
    "policy": "/policies/{}/",
}
"""Addresses by name, written out: workers and the publisher tell people things too, and load no page for it. A test compares them."""


@dataclass(frozen=True)
class Heard:
    """One thing that some people must hear. key: what makes it the same thing when it comes again ("": this event).

    title: all that a mail says beside the link. urgent: who must know of it is mailed at once, whatever they chose. own: whoever did it
    hears of it too.
    """

    whom: Iterable[Account]
    kind: str
    title: str
    sentence: str
    link: str
    request: ReleaseRequest | None = None
    key: str = ""
    urgent: bool = False
    own: bool = False


Rule = Callable[[AuditEvent, Any], Iterable[Heard]]


def place(name: str, key: object) -> str:
    """The address of a page by name."""
    return PLACES[name].format(key)


def holding(*roles: str) -> QuerySet[Account]:
    """Active accounts that hold one of these roles."""
    return Account.objects.filter(is_active=True, groups__name__in=roles).distinct()


def owners(request: ReleaseRequest) -> list[Account]:
    """Who asked for it and who looks after its dataset, as far as they may see it: a drill's author is not told of it."""
    people = {request.author, *request.source.stewards.all()} | ({request.submitted_by} if request.submitted_by else set())
    return [person for person in people if visibility.visible_requests(person).filter(pk=request.pk).exists()]


def _to_review(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    """Everybody who could sign. A drill is told like any other request, or it would be known for one."""
    if request.state == State.SUBMITTED and standing_approvals.covering(request, event.at) is None:
        able = [person for person in holding(*REVIEWERS) if permissions.explain(person, "sign_off", request) is None]
        sentence = f"“{request.title}” was submitted by {request.author} and waits for somebody who can sign in your capacity."
        yield _about(request, able, "review", f"To review: {request.title}", sentence, "review", key=f"review:{request.pk}:{request.round}")


def _decided(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    """The decision, once there is one: a first signature of two is nobody's business yet."""
    said = {State.APPROVED: "Approved", State.RETURNED: "Returned", State.REJECTED: "Rejected"}.get(State(request.state))
    if said is None:
        return
    capacity = str(event.payload.get("capacity", "")).upper()
    after = {
        State.APPROVED: "Every signature is there; the publisher publishes it by itself.",
        State.RETURNED: "The page of the request says what must change; then revise it.",
        State.REJECTED: "The page of the request says why.",
    }[State(request.state)]
    sentence = f"“{request.title}” was {said.lower()} by {capacity}. {after}"
    yield _about(request, owners(request), said.lower(), f"{said}: {request.title}", sentence)


def _asked(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    """A question that was shared is the requester's business at once; every other mark waits for the decision."""
    if event.payload.get("asked"):
        sentence = f"A reviewer of “{request.title}” has a question for you. You can answer it on the page of the marks."
        yield _about(request, owners(request), "question", f"Question about: {request.title}", sentence, "marks")


def _answered(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    asked = Remark.objects.filter(request=request, pk__in=event.payload.get("to", [])).select_related("writer")
    sentence = f"{event.actor} answered what you said of “{request.title}”."
    yield _about(request, {row.writer for row in asked}, "answer", f"Answered: {request.title}", sentence, "marks")


def _proposed(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    able = [person for person in holding("sdat") if permissions.explain(person, "agree", request) is None]
    sentence = f"The use case of “{request.title}” is proposed by {request.author} and waits for the Synthetic Data Audit Team to agree."
    yield _about(request, able, "proposal", f"Use case to agree: {request.title}", sentence)


def _agreed(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"The use case of “{request.title}” is agreed. Data can be generated for it now."
    yield _about(request, owners(request), "agreed", f"Use case agreed: {request.title}", sentence)


def _sent_back(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"The use case of “{request.title}” was sent back. The page of the request says what must change."
    yield _about(request, owners(request), "sent back", f"Use case sent back: {request.title}", sentence)


def _account_to_approve(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    able = [person for person in holding("ppi") if visibility.visible_requests(person).filter(pk=request.pk).exists()]
    sentence = f"The plain-English account of “{request.title}” was written. You can read it, and approve it."
    key = f"account:{request.pk}:{request.round}"
    yield _about(request, able, "account", f"Account to read: {request.title}", sentence, key=key)


def _account_approved(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"{event.actor} approved the plain-English account of “{request.title}”."
    yield _about(request, owners(request), "account approved", f"Account approved: {request.title}", sentence)


def _approved_by_standing(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"“{request.title}” is approved by the standing approval of how its data are made; the publisher publishes it by itself."
    yield _about(request, owners(request), "approved", f"Approved: {request.title}", sentence)


def _no_longer_covered(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"“{request.title}” is returned: the standing approval it leaned on was revoked before it was published. Submit it again."
    yield _about(request, owners(request), "returned", f"Returned: {request.title}", sentence)


def _standing_approval(event: AuditEvent, approval: StandingApproval) -> Iterable[Heard]:
    granted = event.action == "grant_standing_approval"
    what, after = ("given", "") if granted else ("revoked", " What it approved and is not published yet goes back to its author.")
    title = f"Standing approval {what}: {approval.source.title}"
    sentence = f"{event.actor} has {what} a standing approval of how data of “{approval.source.title}” are made.{after}"
    whom = {*approval.source.stewards.all(), approval.granted_by}
    yield Heard(whom, "standing approval", title, sentence, place("standing-approval", approval.pk))


def _policy_drafted(event: AuditEvent, draft: PolicyRecord) -> Iterable[Heard]:
    sentence = f"{event.actor} began a draft of the release policy. Somebody else of Information Governance puts it in force, or not."
    yield Heard(holding("ig"), "policy", f"Release policy to look at: {draft.name}", sentence, place("policy", draft.pk))


def _policy_in_force(event: AuditEvent, draft: PolicyRecord) -> Iterable[Heard]:
    sentence = f"{event.actor} put the release policy {draft.name} in force. Requests submitted from now on are judged by it."
    whom = holding("ig", "sdat", "steward", "auditor")
    yield Heard(whom, "policy", f"Release policy in force: {draft.name}", sentence, place("policy", draft.pk))


def _published(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"“{request.title}” is published as {request.slug}, version {request.release_version}."
    yield _about(request, owners(request), "published", f"Published: {request.title}", sentence)


def _expired(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"“{request.title}” was approved and not published in time. It is returned: revise it and submit it again."
    yield _about(request, {*owners(request), *holding("ig")}, "expired", f"Approval expired: {request.title}", sentence)


def _suspended(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    """What a person typed stays on the page of the release; what the site itself found is said."""
    announcement = Announcement.objects.filter(pk=event.payload.get("announcement")).first()
    found = announcement.why if announcement is not None and event.actor is None else ""
    whom = f"by {event.actor.full_name}; the page of the release says why." if event.actor else f"by the site itself. {found}"
    yield _release(request, "suspended", f"Suspended: {request.title}", f"“{request.title}” was suspended {whom}".strip())


def _resumed(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"“{request.title}” is released again, as {event.actor} decided."
    yield _release(request, "resumed", f"Released again: {request.title}", sentence)


def _withdrawn(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    sentence = f"“{request.title}” was withdrawn by {event.actor}. Nothing of it is given out any more; the page of the release says why."
    yield _release(request, "withdrawn", f"Withdrawn: {request.title}", sentence)


def _reaudited(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    """A pass is told by the public site; a failure that suspends is told by the suspension."""
    outcome = event.payload.get("outcome")
    if outcome == "impossible":
        sentence = f"“{request.title}” could not be re-audited; the page of the release says why. That is not a pass."
        title = f"Could not be re-audited: {request.title}"
        yield _about(request, holding("sdat"), "not re-audited", title, sentence, "release")
    elif outcome == "failed" and request.state != State.PUBLISHED:
        sentence = f"The re-audit of “{request.title}” failed; it is {request.get_state_display()} already."
        yield _about(request, holding(*GUARDIANS), "re-audit failed", f"Re-audit failed: {request.title}", sentence, "release", urgent=True)


def _drill_over(event: AuditEvent, request: ReleaseRequest) -> Iterable[Heard]:
    took_part = {signoff.reviewer for signoff in SignOff.objects.filter(request=request).select_related("reviewer")}
    took_part |= {agreement.reviewer for agreement in request.agreements.select_related("reviewer")}
    title = f"That was a drill: {request.title}"
    if request.submitted_at is None:  # it ended before there was anything to review
        sentence = f"“{request.title}” was a drill: its use case was nobody's, and nothing comes of it."
        yield Heard(list(took_part), "drill", title, sentence, "/")
        return
    sentence = f"“{request.title}” was a drill. The page of the request says what was planted and who noticed."
    yield _about(request, took_part, "drill", title, sentence)


def _run_failed(event: AuditEvent, run: Run) -> Iterable[Heard]:
    if run.state != Run.State.FAILED:
        return
    about = run.request.title if run.request else run.source.title
    whom = [run.started_by] if run.started_by else list(holding("sdat")) if run.kind == Run.Kind.REAUDIT else []
    sentence = f"{run.get_kind_display()}, for “{about}”, did not work. The page of the run says why, and whether it can be tried again."
    yield Heard(whom, "run failed", f"Did not work: {about}", sentence, place("run", run.pk), run.request)


def _schema_waits(event: AuditEvent, snapshot: Any) -> Iterable[Heard]:
    source = snapshot.source
    sentence = f"The file for “{source.title}” was read. Say whether we understood it; then the working copy is made."
    title = f"Schema to confirm: {source.title}"
    yield Heard(list(source.stewards.all()), "schema", title, sentence, place("schema", snapshot.pk), key=f"schema:{snapshot.pk}")


def _evaluated(event: AuditEvent, record: Any) -> Iterable[Heard]:
    version, request = record.version, record.version.request
    maker = [person for person in owners(request) if person.pk == version.made_by_id]
    sentence = f"Version {version.number} of “{request.title}” is generated and evaluated. Look at the evidence, then choose."
    yield Heard(maker, "evaluated", f"Ready to look at: {request.title}", sentence, place("version", version.pk), request)


def _budget_waits(event: AuditEvent, source: Any) -> Iterable[Heard]:
    able = [person for person in holding("ig") if permissions.explain(person, "set_budget", source) is None]
    sentence = f"A disclosure budget is proposed for “{source.title}” and waits for Information Governance to set it."
    yield Heard(able, "budget", f"Budget to set: {source.title}", sentence, place("ledger", source.pk))


def _budget_set(event: AuditEvent, source: Any) -> Iterable[Heard]:
    sentence = f"{event.actor} set the disclosure budget of “{source.title}” as it was proposed."
    yield Heard(list(source.stewards.all()), "budget set", f"Budget set: {source.title}", sentence, place("ledger", source.pk))


def _role(event: AuditEvent, account: Account) -> Iterable[Heard]:
    """A proposal that waits is for other administrators; what counts is for whom it concerns."""
    role = dict(RoleName.choices).get(event.payload.get("role"), "")
    grant = RoleGrant.objects.filter(pk=event.payload.get("grant")).first()
    if event.action == "propose_role" and grant is not None and not grant.effective:
        able = [person for person in holding("administrator") if permissions.explain(person, "confirm_role", grant) is None]
        sentence = f"{account} is proposed as {role}. A reviewer role takes two administrators: confirm it, or remove the proposal."
        title = f"Role to confirm: {role}"
        yield Heard(able, "role proposed", title, sentence, place("account", account.pk), key=f"role:{grant.pk}")
    elif event.action == "remove_role":
        yield Heard([account], "role", f"Role taken away: {role}", f"You no longer hold the role {role}, as {event.actor} decided.", "/")
    else:
        yield Heard([account], "role", f"Role given: {role}", f"You hold the role {role} now, as {event.actor} decided.", "/")


_CONCERNS = {
    "use_link": "Your password was set by the link that was sent to you.",
    "change_password": "Your password was changed.",
    "add_factor": "A second step for signing in was added.",
    "remove_factor": "A second step for signing in was removed.",
    "make_recovery_codes": "New recovery codes were made; the old ones no longer work.",
    "confirm_reset": "Two administrators reset how you sign in.",
}


def _sign_in_changed(event: AuditEvent, account: Account) -> Iterable[Heard]:
    """Told even to who did it themselves: it may have been somebody else."""
    sentence = f"{_CONCERNS[event.action]} If that was not you, tell an administrator at once."
    yield Heard([account], "sign-in", "Your sign-in was changed", sentence, "/", urgent=True, own=True)


def _reset_proposed(event: AuditEvent, account: Account) -> Iterable[Heard]:
    others = [person for person in holding("administrator") if person.pk != account.pk]
    sentence = f"{event.actor} proposes to reset how {account} signs in. It takes two administrators: confirm it, or drop it."
    yield Heard(others, "reset proposed", "Reset to confirm", sentence, place("account", account.pk))


def _steward(event: AuditEvent, source: Any) -> Iterable[Heard]:
    added = Account.objects.filter(pk=event.payload.get("person"))
    title, sentence = f"Dataset to look after: {source.title}", f"{event.actor} made you a steward of “{source.title}”."
    yield Heard(added, "steward", title, sentence, place("source", source.pk))


def _reminder(event: AuditEvent, about: Any) -> Iterable[Heard]:
    """What the clock finds: `services.deadlines.remind` says which, and its key."""
    what, key, request = event.payload["what"], event.payload["key"], about
    if what == "standing approval":
        title = f"Standing approval about to expire: {about.source.title}"
        sentence = (
            f"A standing approval of how data of “{about.source.title}” are made expires soon; later submissions wait for review again."
        )
        whom = {*about.source.stewards.all(), *holding("ig")}
        yield Heard(whom, "expiry", title, sentence, place("standing-approval", about.pk), key=key)
    elif what == "review":
        able = [person for person in holding(*REVIEWERS) if permissions.explain(person, "sign_off", request) is None]
        sentence = f"“{request.title}” still waits for review. The page of the request says since when, and by when a decision is due."
        yield _about(request, able, "reminder", f"Still to review: {request.title}", sentence, "review", key=key)
    elif what == "expiry":
        sentence = f"The approval of “{request.title}” expires soon, and it is not published yet. The page of the request says why."
        yield _about(request, {*owners(request), *holding("ig")}, "expiry", f"Approval about to expire: {request.title}", sentence, key=key)
    elif what == "rereview":
        able = [person for person in holding("ig") if permissions.explain(person, "rereview", request) is None]
        sentence = f"“{request.title}” was last looked at by people a long time ago: may it stay? The page of the release asks."
        yield _about(request, able, "re-review", f"To look at again: {request.title}", sentence, "release", key=key)


def _about(
    request: ReleaseRequest,
    whom: Iterable[Account],
    kind: str,
    title: str,
    sentence: str,
    page: str = "request",
    *,
    key: str = "",
    urgent: bool = False,
) -> Heard:
    return Heard(whom, kind, title, sentence, place(page, request.pk), request, key, urgent)


def _release(request: ReleaseRequest, kind: str, title: str, sentence: str) -> Heard:
    """For the release's guardians and its owners; guardians find it under Releases, the owners under Requests: both see the request."""
    return _about(request, {*holding(*GUARDIANS), *owners(request)}, kind, title, sentence, urgent=True)


RULES: dict[str, Rule] = {
    "submit": _to_review,
    "propose_drill": _proposed,
    "submit_drill": _to_review,
    "sign_off": _decided,
    "mark_items": _asked,
    "answer_remarks": _answered,
    "propose": _proposed,
    "agree": _agreed,
    "send_back": _sent_back,
    "write_account": _account_to_approve,
    "approve_account": _account_approved,
    "approve_by_standing": _approved_by_standing,
    "return_leaning": _no_longer_covered,
    "grant_standing_approval": _standing_approval,
    "revoke_standing_approval": _standing_approval,
    "draft_policy": _policy_drafted,
    "put_policy_in_force": _policy_in_force,
    "publish": _published,
    "expire": _expired,
    "suspend": _suspended,
    "resume": _resumed,
    "withdraw": _withdrawn,
    "finish_reaudit": _reaudited,
    "reveal_drill": _drill_over,
    "fail_run": _run_failed,
    "lose_run": _run_failed,
    "profile": _schema_waits,
    "evaluate": _evaluated,
    "propose_budget": _budget_waits,
    "set_budget": _budget_set,
    "propose_role": _role,
    "confirm_role": _role,
    "remove_role": _role,
    **dict.fromkeys(_CONCERNS, _sign_in_changed),
    "propose_reset": _reset_proposed,
    "add_steward": _steward,
    "remind": _reminder,
}
"""What somebody must hear of, by the action of the audit trail; an action that is not here is nobody's news."""
