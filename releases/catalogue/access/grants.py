"""Does this grant open anything now? The one place that says; downloads, previews, tokens and pages all ask it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases.catalogue.access import journal, licence, outbox, permissions
from releases.catalogue.access.permissions import InputRefused, permit
from releases.catalogue.models import CatalogueAccount, Grant, Release, TrainingProof, UseNote

ASKED_FOR = timedelta(days=14)
"""How long before its end a grant's person is told that it ends."""


def why_not(grant: Grant, now: datetime | None = None) -> str | None:
    """Why the grant opens nothing at this moment, as a sentence for its person; None when it opens its release."""
    now = now or timezone.now()
    if grant.ended_at is not None:
        return f"This grant was ended on {_day(grant.ended_at)}." + (f" {grant.reason}" if grant.reason else "")
    if grant.ends_at <= now:
        return f"This grant ended on {_day(grant.ends_at)}."
    if not grant.account.is_active or grant.account.confirmed_at is None:
        return "The account is closed."
    if not trained(grant.account, now):
        return "Your training has lapsed, or nobody has looked at your proof yet. Give a new proof of training."
    if settings.SYNTHPORTAL_SECOND_STEP_REQUIRED and not grant.account.sealed_secret:
        return "Safeguarded data ask for a second step at signing in. Set up an app on the page of your access."
    if licence.lapsed(grant.licence_id, timezone.localdate(now)) is not None:
        return "The End User Licence you signed is not in force any more. Apply again, and sign the new one."
    return None


def trained(account: CatalogueAccount, now: datetime | None = None) -> TrainingProof | None:
    """The proof of training that an officer accepted and that holds today, or None."""
    today = timezone.localdate(now)
    return account.proofs.filter(accepted=True, valid_until__gte=today).order_by("-valid_until").first()


def live(account: CatalogueAccount, release: Release) -> Grant | None:
    """A grant of this person that opens this release now, or None."""
    for grant in account.grants.filter(release=release, ended_at__isnull=True).select_related("account", "release"):
        if why_not(grant) is None:
            return grant
    return None


def stopped(account: CatalogueAccount, release: Release) -> str | None:
    """Why the newest grant of this person for this release opens nothing now; None when they never had one, or it opens it."""
    newest = account.grants.filter(release=release).select_related("account", "release").order_by("-granted_at").first()
    return why_not(newest) if newest else None


def end_grant(actor: CatalogueAccount, grant: Grant, *, reason: str) -> Grant:
    """End a grant now, for a reason that its person is told."""
    with transaction.atomic():
        grant = Grant.objects.select_for_update().select_related("account", "release").get(pk=grant.pk)
        account = permit(permissions.end_grant, actor, grant)
        if not reason.strip():
            raise InputRefused("Say why, in a sentence.", "reason")
        grant.ended_by, grant.ended_at, grant.reason = account, timezone.now(), reason.strip()
        grant.save(update_fields=["ended_by", "ended_at", "reason"])
        journal.record(account, "end grant", grant)
        ask_for_note(grant)
    return grant


def note_use(actor: CatalogueAccount, grant: Grant, *, text: str, publications: str, deleted: bool) -> UseNote:
    """What came of a grant. A person who is done may tell it before its last day, which ends it."""
    with transaction.atomic():
        grant = Grant.objects.select_for_update().select_related("account", "release").get(pk=grant.pk)
        account = permit(permissions.note_use, actor, grant)
        now = timezone.now()
        if grant.ended_at is None and grant.ends_at > now:
            grant.ended_by, grant.ended_at, grant.reason = account, now, "Its person had finished."
            grant.save(update_fields=["ended_by", "ended_at", "reason"])
        note = UseNote.objects.create(grant=grant, text=text.strip(), publications=publications.strip(), deleted=deleted, at=now)
        journal.record(account, "note use", grant, deleted=deleted)
    return note


def remind(now: datetime | None = None) -> None:
    """For the clock: who is told that a grant ends soon, and who is asked what came of one that has ended. Each once."""
    now = now or timezone.now()
    soon = Grant.objects.filter(ended_at__isnull=True, ends_at__gt=now, ends_at__lte=now + ASKED_FOR)
    for grant in soon.select_related("account", "release"):
        text = f"Your access to “{grant.release}” ends on {_day(grant.ends_at)}. If you need it for longer, apply again before then."
        outbox.post(grant.account.email, "Your access ends soon", text, once=f"ends soon {grant.pk}")
    over = Grant.objects.filter(ended_at__isnull=True, ends_at__lte=now, ends_at__gt=now - timedelta(days=90), use_note__isnull=True)
    for grant in over.select_related("account", "release"):
        ask_for_note(grant)


def ask_for_note(grant: Grant) -> None:
    """Ask the person what came of the grant, once."""
    reason = f" {grant.reason}" if grant.reason else ""
    text = (
        f"Your access to “{grant.release}” has ended.{reason}\n\nPlease delete every copy of its files, and tell us in a few lines what "
        "they were good for: sign in and open “Your access”. It helps the hospital to decide what to publish next."
    )
    outbox.post(grant.account.email, "Your access has ended: tell us what came of it", text, once=f"note of {grant.pk}")


def _day(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local.day} {local:%B %Y}"
