"""Home: what is waiting for me? Cards in order of urgency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from releases import agreement_guards, deadlines, dpias, permissions, standing, visibility
from releases.blindness import Sight
from releases.marks import own_doubts
from releases.models import Account, Announcement, ReleaseRequest, RoleGrant, Run, SignOff, Snapshot
from releases.services.deadlines import BEFORE_EXPIRY
from releases.templatetags.plain_words import age, day, number
from releases.views.pages import SignedInRequest, page
from releases.views.words import progress_words, risk_line
from releases.waiting import waiting

MOST = 20
"""Cards of one group; more would hide the next group."""


@dataclass(frozen=True)
class Card:
    """One thing that waits. percent: of a running job, else None."""

    heading: str
    href: str
    text: str
    meta: str
    tag: str = ""
    colour: str = ""
    percent: int | None = None


@dataclass(frozen=True)
class Group:
    """Cards of one urgency."""

    title: str
    cards: list[Card]


@dataclass(frozen=True)
class NextStep:
    """The next sensible thing, when nothing waits or at the top of a page."""

    text: str
    href: str = ""
    link: str = ""


@page()
def home(request: SignedInRequest) -> HttpResponse:
    """What waits for this person, their datasets, the last decisions."""
    me = request.user
    candidates = (
        Group("Releases to look after", _watched(me)),
        Group("To review", _to_review(me)),
        Group("Use cases to agree", _proposed(me)),
        Group("To write or approve", _beside(me)),
        Group("Returned to me", _returned(me)),
        Group("Expiring soon", _expiring(me)),
        Group("Schemas to confirm", _schemas(me)),
        Group("Roles to confirm", _roles(me)),
        Group("Stopped", _stopped(me)),
        Group("Running", _running(me)),
        Group("Drills under way", _drills(me)),
        Group("My drafts", _drafts(me)),
    )
    decided = SignOff.objects.filter(request__in=visibility.visible_requests(me)).exclude(request__drill__revealed_at__isnull=False)
    decisions = _seen(me, decided.select_related("request__source").order_by("-decided_at")[: 4 * MOST])
    context = {
        "groups": [group for group in candidates if group.cards],
        "next_step": _next_step(me),
        "datasets": list(me.sources.all()) if "steward" in me.roles else None,
        "decisions": decisions[:5],
    }
    return render(request, "secure/home.html", context)


def _to_review(me: Account) -> list[Card]:
    if not me.roles & set(visibility.REVIEWERS):
        return []
    waiting = visibility.visible_requests(me).filter(state=ReleaseRequest.State.SUBMITTED).order_by("submitted_at")
    cards = []
    for asked in waiting.select_related("author", "version__summary", "source")[: 2 * MOST]:
        if _decidable(me, asked):
            cards.append(
                Card(
                    heading=asked.title,
                    href=reverse("review", args=[asked.pk]),
                    tag=asked.get_tier_display(),
                    colour="blue",
                    text=risk_line(asked),
                    meta=f"Waiting for {age(asked.submitted_at)}, from {asked.author.full_name}{_due(asked)}",
                )
            )
    return cards[:MOST]


def _decidable(me: Account, asked: ReleaseRequest) -> bool:
    """Whether this person can approve it, or has nothing left but to return or reject it: what they doubt does not leave their home."""
    if permissions.explain(me, "sign_off", asked) is None:
        return True
    hopeless = own_doubts(asked, me) or agreement_guards.nothing_unacceptable(asked, {})
    return bool(hopeless) and permissions.explain(me, "sign_off", asked, decision="return") is None


def _due(asked: ReleaseRequest) -> str:
    """By when a decision is due, after a semicolon."""
    found = waiting(asked)
    if found is None or found.due is None:
        return ""
    return f"; number {found.place} in the queue, decision {'was ' if found.late else ''}due {day(found.due)}"


def _proposed(me: Account) -> list[Card]:
    waiting = visibility.visible_requests(me).filter(state=ReleaseRequest.State.PROPOSED).order_by("changed_at")
    return [
        Card(
            asked.title,
            reverse("agreement", args=[asked.pk]),
            _line(asked.use_case),
            f"Proposed {age(asked.changed_at)} ago by {asked.author.full_name}",
            asked.get_tier_display(),
            "blue",
        )
        for asked in waiting.select_related("author", "source")[: 2 * MOST]
        if permissions.explain(me, "agree", asked) is None
    ][:MOST]


def _beside(me: Account) -> list[Card]:
    """Accounts to approve, for PPI members; for SDAT impact assessments of requests that have a version, and evidence to assess."""
    states = (ReleaseRequest.State.AGREED, ReleaseRequest.State.SUBMITTED)
    cards = []
    for asked in visibility.visible_requests(me).filter(state__in=states).select_related("source", "author", "version")[: 2 * MOST]:
        if permissions.explain(me, "approve_account", asked) is None:
            text = "Would a patient understand it, and is nothing left out?"
            cards.append(Card(asked.title, reverse("account-text", args=[asked.pk]), text, "Plain-English account", "approve", "blue"))
        tier = agreement_guards.tier_of(asked)
        if (
            tier
            and tier.needs_dpia
            and asked.version
            and not dpias.complete(asked)
            and permissions.explain(me, "write_dpia", asked) is None
        ):
            text = "A version is chosen; say what it means for the people whose records were used."
            cards.append(
                Card(asked.title, reverse("write-dpia", args=[asked.pk]), text, "Data protection impact assessment", "write", "blue")
            )
        elif permissions.explain(me, "assess", asked) is None:
            text = "Read the evidence, then judge privacy, quality, utility and bias. You can sign after that."
            cards.append(Card(asked.title, reverse("assess", args=[asked.pk]), text, "Assessment of the evidence", "assess", "blue"))
    return cards[:MOST]


def _watched(me: Account) -> list[Card]:
    """Suspended releases, for SDAT and IG; for SDAT also those that could not be re-audited, for IG those to look at again."""
    if not me.roles & {"sdat", "ig"}:
        return []
    cards = []
    out = visibility.visible_releases(me).exclude(state=ReleaseRequest.State.WITHDRAWN).select_related("publication")
    for asked in out.prefetch_related("announcements", "reaudits", "runs", "rereviews").order_by("-changed_at"):
        here = reverse("release", args=[asked.pk])
        last = standing.trouble(asked)
        if asked.state == ReleaseRequest.State.SUSPENDED:
            why = next((a for a in reversed(asked.announcements.all()) if a.kind == Announcement.Kind.SUSPENDED), None)
            text = _line(why.why) if why else "See the release."
            cards.append(Card(asked.title, here, text, f"Suspended {age(asked.changed_at)} ago", "suspended", "red"))
        elif last and "sdat" in me.roles and asked.state == ReleaseRequest.State.PUBLISHED:
            cards.append(Card(asked.title, here, _line(last), "It has not passed a re-audit", "not re-audited", "orange"))
        due = deadlines.rereview_due(asked) if "ig" in me.roles and asked.state == ReleaseRequest.State.PUBLISHED else None
        if due and due <= timezone.localdate() and permissions.explain(me, "rereview", asked) is None:
            cards.append(Card(asked.title, here, "May it stay? Look at it again.", f"Due {day(due)}", "look again", "orange"))
    return cards[:MOST]


def _drills(me: Account) -> list[Card]:
    if "administrator" not in me.roles:
        return []
    under_way = visibility.secret_drills().select_related("request")
    return [
        Card(
            drill.request.title,
            reverse("drill", args=[drill.pk]),
            f"Planted: {drill.get_kind_display()}. Nobody else is told before it is decided on.",
            f"Started {age(drill.started_at)} ago",
            drill.request.get_state_display(),
            "grey",
        )
        for drill in under_way[:MOST]
    ]


def _seen(me: Account, decided: Iterable[SignOff]) -> list[SignOff]:
    """Those of the decisions this person may see: reviewers of one capacity are blind to each other until they have decided."""
    sights: dict[Any, Sight] = {}
    shown = []
    for each in decided:
        if each.request_id not in sights:
            sights[each.request_id] = Sight(me, each.request)
        sight = sights[each.request_id]
        if sight.asks or sight.sees(each.round, each.capacity, each.reviewer_id):
            shown.append(each)
    return shown


def _mine(me: Account) -> QuerySet[ReleaseRequest]:
    return visibility.visible_requests(me).filter(author=me).select_related("source")


def _returned(me: Account) -> list[Card]:
    cards = []
    for asked in _mine(me).filter(state=ReleaseRequest.State.RETURNED).prefetch_related("signoffs")[:MOST]:
        last = max(asked.signoffs.all(), key=lambda s: s.decided_at, default=None)
        reason = capfirst(f"{last.get_reason_code_display()}: {last.comment}") if last else "See the request."
        if last and last.decision == SignOff.Decision.APPROVE:
            reason = "The approval expired before it was published; submit it again."
        meta = f"Returned {age(last.decided_at)} ago by {last.get_capacity_display()}" if last else asked.source.title
        cards.append(Card(asked.title, reverse("request", args=[asked.pk]), _line(reason), meta, "returned", "yellow"))
    return cards


def _expiring(me: Account) -> list[Card]:
    """Approvals of one's own requests that will expire before they are published."""
    cards = []
    for asked in _mine(me).filter(state=ReleaseRequest.State.APPROVED):
        ends = deadlines.approval_ends(asked)
        if ends is not None and ends - BEFORE_EXPIRY <= timezone.now():
            here = reverse("request", args=[asked.pk])
            cards.append(Card(asked.title, here, "It is approved and not published yet.", f"Expires {day(ends)}", "expiring", "orange"))
    return cards[:MOST]


def _schemas(me: Account) -> list[Card]:
    waiting = visibility.visible_snapshots(me).filter(state=Snapshot.State.PROFILED, source__stewards=me).select_related("source")
    return [
        Card(
            snapshot.source.title,
            reverse("schema", args=[snapshot.pk]),
            "The file was read. Say whether we understood it, then the working copy is made and the raw upload destroyed.",
            f"Snapshot {snapshot.number}, received {day(snapshot.received_at)}, {number(snapshot.rows)} rows",
            "confirm the schema",
            "blue",
        )
        for snapshot in waiting[:MOST]
        if permissions.explain(me, "confirm_schema", snapshot) is None
    ]


def _roles(me: Account) -> list[Card]:
    if "administrator" not in me.roles:
        return []
    proposed = RoleGrant.objects.filter(confirmed_at__isnull=True, removed_at__isnull=True).select_related("account", "proposed_by")
    return [
        Card(
            str(grant.account),
            reverse("account", args=[grant.account_id]),
            f"Proposed as {grant.get_role_display()}. A reviewer role takes two administrators.",
            f"Proposed {age(grant.proposed_at)} ago by {grant.proposed_by}",
            "confirm or remove",
            "blue",
        )
        for grant in proposed[:MOST]
        if permissions.explain(me, "confirm_role", grant) is None
    ]


def _stopped(me: Account) -> list[Card]:
    """Failed runs of the last fortnight that nothing newer of the same kind has replaced."""
    since = timezone.now() - timedelta(days=14)
    failed = Run.objects.filter(started_by=me, state=Run.State.FAILED, finished_at__gte=since).select_related("source", "request")
    cards = []
    for run in failed[:MOST]:
        newer = Run.objects.filter(
            kind=run.kind, source=run.source, snapshot=run.snapshot, request=run.request, version=run.version, queued_at__gt=run.queued_at
        )
        if not newer.exists():
            cards.append(
                Card(
                    _run_title(run), reverse("run", args=[run.pk]), _line(run.reason), f"Failed {age(run.finished_at)} ago", "failed", "red"
                )
            )
    return cards


def _running(me: Account) -> list[Card]:
    active = Run.objects.filter(started_by=me, state__in=(Run.State.QUEUED, Run.State.RUNNING)).select_related("source", "request")
    return [
        Card(
            _run_title(run),
            reverse("run", args=[run.pk]),
            progress_words(run),
            f"Started {age(run.queued_at)} ago",
            run.get_state_display(),
            "blue",
            int(run.fraction * 100),
        )
        for run in active[:MOST]
    ]


def _drafts(me: Account) -> list[Card]:
    own = (ReleaseRequest.State.DRAFT, ReleaseRequest.State.PROPOSED, ReleaseRequest.State.AGREED)
    return [
        Card(
            asked.title,
            reverse("request", args=[asked.pk]),
            f"For {asked.source.title}",
            f"Last changed {age(asked.changed_at)} ago",
            asked.get_state_display(),
            "grey",
        )
        for asked in _mine(me).filter(state__in=own)[:MOST]
    ]


def _next_step(me: Account) -> NextStep:
    if "steward" in me.roles:
        if me.sources.exists():
            return NextStep("You can ask for a release of one of your datasets.", reverse("sources"), "See your datasets")
        return NextStep("Begin by registering a dataset.", reverse("register-source"), "Register a dataset")
    if me.roles & set(visibility.REVIEWERS):
        return NextStep("New requests appear here when a steward submits one.", reverse("requests"), "See what was decided before")
    if "administrator" in me.roles:
        return NextStep("Accounts and roles are yours to look after.", reverse("accounts"), "See the accounts")
    if "auditor" in me.roles:
        return NextStep("You can read everything here.", reverse("audit"), "See the audit trail")
    return NextStep("Your account has no role yet; ask an administrator for one.")


def _run_title(run: Run) -> str:
    return f"{run.get_kind_display()}: {run.request.title if run.request else run.source.title}"


def _line(text: str) -> str:
    """The first line of `text`, short enough for a card."""
    first = text.strip().splitlines()[0] if text.strip() else "No reason was recorded."
    return first if len(first) <= 160 else f"{first[:159]}…"
