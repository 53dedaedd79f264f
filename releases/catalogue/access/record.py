"""What this site holds about a person, for that person: everything but what would open something (passwords, secrets, tokens' digests)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db.models import Q

from releases.catalogue.access import grants, second_factor
from releases.catalogue.models import AccessEvent, Application, CatalogueAccount, OutgoingMail, ProblemReport, ReleaseVersion

Line = dict[str, Any]


def held_about(account: CatalogueAccount) -> dict[str, Any]:
    """All of it, as JSON can hold it: times are ISO 8601."""
    return {
        "account": _account(account),
        "training": [
            _line(each, "course", "valid_until", "given_at", "size", "sha256", "accepted", "reason") for each in account.proofs.all()
        ],
        "applications": [_application(each) for each in account.applications.select_related("release")],
        "access": [_grant(each) for each in account.grants.select_related("account", "release", "licence", "use_note")],
        "tokens": [_token(each) for each in account.tokens.prefetch_related("releases")],
        "downloads": [_download(each) for each in account.handouts.select_related("version__release", "token")],
        "told": [_notice(each) for each in account.notices.select_related("version__release")],
        "named_as_referee": [
            {"release": each.release.slug, **_line(each, "referee_name", "referee_email", "referee_role", "referee_page", "changed_at")}
            for each in Application.objects.filter(referee_email__iexact=account.email).select_related("release")
        ],
        "reports_with_your_address": [
            {"about": str(each.version), **_line(each, "made_at", "due_at")}
            for each in ProblemReport.objects.filter(reply_to__iexact=account.email).select_related("version__release")
        ],
        "mails": [
            _line(each, "subject", "made_at", "sent_at")
            for each in OutgoingMail.objects.filter(recipient__iexact=account.email).order_by("made_at")
        ],
        "done": [_event(each, account) for each in _events(account)],
    }


def newest(account: CatalogueAccount, count: int) -> list[tuple[datetime, str, str]]:
    """When, by whom and what was done, the newest first."""
    return [(each.at, _by(each, account), each.action) for each in reversed(_events(account)[-count:])]


def _account(account: CatalogueAccount) -> Line:
    said = _line(account, "email", "full_name", "organisation", "post", "officer", "made_at", "confirmed_at", "last_login")
    return {**said, "second_step": bool(account.sealed_secret), "recovery_codes_left": second_factor.codes_left(account)}


def _application(application: Application) -> Line:
    fields = ("state", "made_at", "changed_at", "use", "intended_use", "referee_name", "referee_email", "referee_role", "referee_page")
    signatures = [
        {**_line(each, "capacity", "typed_name", "at"), "licence": each.licence.version, "licence_sha256": each.licence_id}
        for each in application.signatures.select_related("licence")
    ]
    said = _line(application, *fields, "decided_at", "reason")
    return {"release": application.release.slug, **said, "signatures": signatures}


def _grant(grant: Any) -> Line:
    note = getattr(grant, "use_note", None)
    return {
        "release": grant.release.slug,
        **_line(grant, "granted_at", "ends_at", "ended_at", "reason"),
        "opens_nothing_because": grants.why_not(grant),
        "licence": grant.licence.version,
        "what_came_of_it": _line(note, "text", "publications", "deleted", "at") if note else None,
    }


def _token(token: Any) -> Line:
    releases = sorted(each.slug for each in token.releases.all())
    return {**_line(token, "name", "made_at", "expires_at", "used_at", "revoked_at"), "releases": releases}


def _download(handed: Any) -> Line:
    said = {"at": handed.at.isoformat(), **_version(handed.version), "file": handed.path or "everything, as a zip"}
    return {
        **said,
        "from_byte": handed.start,
        "bytes": handed.length,
        "whole": handed.whole,
        "token": handed.token.name if handed.token else None,
    }


def _notice(notice: Any) -> Line:
    return {**_version(notice.version), "what": notice.state, **_line(notice, "told_at", "reminded", "reminded_at", "confirmed_at", "said")}


def _version(version: ReleaseVersion) -> Line:
    return {"release": version.release.slug, "version": version.version}


def _events(account: CatalogueAccount) -> list[AccessEvent]:
    """What the journal holds of a person: what they did, and what others did about them or what is theirs."""
    theirs = [account, *account.proofs.all(), *account.applications.all(), *account.grants.all(), *account.tokens.all()]
    about = [f"{each._meta.model_name} {each.pk}" for each in (*theirs, *account.notices.all())]
    return list(AccessEvent.objects.filter(Q(actor=account) | Q(about__in=about)))


def _event(event: AccessEvent, account: CatalogueAccount) -> Line:
    return {"at": event.at.isoformat(), "by": _by(event, account), "what": event.action, "about": event.about, "detail": event.detail}


def _by(event: AccessEvent, account: CatalogueAccount) -> str:
    return (
        "the site, or somebody by a mailed link"
        if event.actor_id is None
        else "you"
        if event.actor_id == account.pk
        else "an access officer"
    )


def _line(row: Any, *fields: str) -> Line:
    return {name: _plain(getattr(row, name)) for name in fields}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
