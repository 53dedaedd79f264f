"""What anybody may see. Unknown and forbidden look the same to the views: both are "not in this queryset"."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from releases.models import (
    Account,
    AuditEvent,
    Drill,
    EvaluationRecord,
    Notification,
    PersonalToken,
    ReleaseRequest,
    Run,
    Snapshot,
    SourceDataset,
    StandingApproval,
    SummaryRecord,
    SyntheticVersion,
    TrainedModel,
)

REVIEWERS = ("sdat", "ig", "ppi")


def roles_of(actor: Any) -> frozenset[str]:
    """Roles of an account; none for somebody not signed in or no longer active."""
    if not isinstance(actor, Account) or not actor.is_active:
        return frozenset()
    return actor.roles


def visible_sources(actor: Any) -> QuerySet[SourceDataset]:
    """Datasets the actor may know of: those they steward; all of them for auditors."""
    roles = roles_of(actor)
    if "auditor" in roles:
        return SourceDataset.objects.all()
    if "steward" in roles:
        return SourceDataset.objects.filter(stewards=actor)
    return SourceDataset.objects.none()


def secret_drills() -> QuerySet[Drill]:
    """Drills that nobody but administrators and auditors may know to be drills."""
    return Drill.objects.filter(revealed_at__isnull=True)


def visible_requests(actor: Any) -> QuerySet[ReleaseRequest]:
    """Requests the actor may know of: of datasets they steward; once submitted, for reviewers; all for auditors.

    SDAT sees a use case once it is proposed, PPI members once it is agreed: then there is an account to write.

    A drill under way is a request like any other to reviewers; stewards, who would know that nobody made it, do not see it.
    """
    roles = roles_of(actor)
    if "auditor" in roles:
        return ReleaseRequest.objects.all()
    seen = Q(pk__in=())
    if "steward" in roles:
        seen |= Q(source__in=SourceDataset.objects.filter(stewards=actor)) & ~Q(pk__in=secret_drills().values("request"))
    if roles & set(REVIEWERS):
        seen |= Q(submitted_at__isnull=False)
    if roles & {"sdat"}:
        seen |= Q(state__in=(ReleaseRequest.State.PROPOSED, ReleaseRequest.State.AGREED))
    if roles & {"ppi"}:
        seen |= Q(state=ReleaseRequest.State.AGREED)
    return ReleaseRequest.objects.filter(seen)


def visible_snapshots(actor: Any) -> QuerySet[Snapshot]:
    return Snapshot.objects.filter(source__in=visible_sources(actor))


def visible_runs(actor: Any) -> QuerySet[Run]:
    """Runs about visible datasets; re-audits for SDAT and IG; those of drills for administrators, and for nobody else but auditors."""
    roles = roles_of(actor)
    seen = Q(source__in=visible_sources(actor))
    if "auditor" not in roles:
        seen &= Q(request__isnull=True) | ~Q(request__in=Drill.objects.values("request"))
    if roles & {"sdat", "ig"}:
        seen |= Q(kind=Run.Kind.REAUDIT)
    if "administrator" in roles:
        seen |= Q(request__in=Drill.objects.values("request"))
    return Run.objects.filter(seen)


def visible_releases(actor: Any) -> QuerySet[ReleaseRequest]:
    """What is published or suspended, or was withdrawn, for those who watch over it."""
    watching = roles_of(actor) & {"sdat", "ig", "auditor"}
    out = (ReleaseRequest.State.PUBLISHED, ReleaseRequest.State.SUSPENDED, ReleaseRequest.State.WITHDRAWN)
    return ReleaseRequest.objects.filter(state__in=out) if watching else ReleaseRequest.objects.none()


def visible_drills(actor: Any) -> QuerySet[Drill]:
    """Drills the actor may know of: all for administrators and auditors; revealed ones for reviewers."""
    roles = roles_of(actor)
    if roles & {"administrator", "auditor"}:
        return Drill.objects.all()
    return Drill.objects.filter(revealed_at__isnull=False) if roles & set(REVIEWERS) else Drill.objects.none()


def drill_origins(actor: Any) -> QuerySet[SyntheticVersion]:
    """Versions an administrator may make a drill of: evaluated ones that a described request chose, and no drill's."""
    if "administrator" not in roles_of(actor):
        return SyntheticVersion.objects.none()
    return SyntheticVersion.objects.filter(chosen_for__isnull=False, chosen_for__drill__isnull=True, evaluation__isnull=False).distinct()


def visible_versions(actor: Any) -> QuerySet[SyntheticVersion]:
    """Versions of visible requests: a reviewer sees every attempt, not the chosen one alone."""
    return SyntheticVersion.objects.filter(request__in=visible_requests(actor))


def visible_models(actor: Any) -> QuerySet[TrainedModel]:
    """What is on record of the models of visible requests; nobody sees the models themselves."""
    return TrainedModel.objects.filter(request__in=visible_requests(actor))


def visible_evaluations(actor: Any) -> QuerySet[EvaluationRecord]:
    return EvaluationRecord.objects.filter(version__in=visible_versions(actor))


def visible_summaries(actor: Any) -> QuerySet[SummaryRecord]:
    """Summaries of visible datasets, and those that a visible request's versions were made from."""
    return SummaryRecord.objects.filter(
        Q(source__in=visible_sources(actor)) | Q(pk__in=visible_versions(actor).filter(summary__isnull=False).values("summary"))
    )


def visible_ledgers(actor: Any) -> QuerySet[SourceDataset]:
    """Datasets whose disclosure ledger the actor may read: their own as a steward; all for SDAT, IG and auditors."""
    return SourceDataset.objects.all() if roles_of(actor) & {"sdat", "ig", "auditor"} else visible_sources(actor)


def visible_notices(actor: Any) -> QuerySet[Notification]:
    """One's own, and nobody else's."""
    return Notification.objects.filter(account=actor) if isinstance(actor, Account) else Notification.objects.none()


def visible_tokens(actor: Any) -> QuerySet[PersonalToken]:
    """One's own, and nobody else's."""
    return PersonalToken.objects.filter(account=actor) if isinstance(actor, Account) else PersonalToken.objects.none()


def visible_accounts(actor: Any) -> QuerySet[Account]:
    return Account.objects.all() if roles_of(actor) & {"administrator", "auditor"} else Account.objects.none()


def visible_standing_approvals(actor: Any) -> QuerySet[StandingApproval]:
    """Of the datasets they steward for stewards, all for reviewers and auditors. What was given on a drill is shown once that is over."""
    roles = roles_of(actor)
    shown = StandingApproval.objects.all()
    if "auditor" not in roles:
        if not roles & {"sdat", "ig", "ppi"}:
            shown = shown.filter(source__in=visible_sources(actor))
        if "steward" in roles:
            shown = shown.exclude(request__in=secret_drills().values("request"), source__in=visible_sources(actor))
    return shown


def visible_events(actor: Any) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.all() if "auditor" in roles_of(actor) else AuditEvent.objects.none()
