"""Withdrawal with reach: everybody recorded as holding files is told, asked to confirm deletion, and reminded; officers see who has not.

Nothing hangs on the moment a notice is taken in: the clock compares who holds what with who was told, so that a crash costs time alone.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from releases.catalogue.access import journal, links, outbox, permissions
from releases.catalogue.access.permissions import AccessRefused, InputRefused, permit
from releases.catalogue.models import CatalogueAccount, HandOut, HolderNotice, MailedLink, ReleaseVersion

State = ReleaseVersion.State
_SUBJECTS = {
    State.WITHDRAWN: "A dataset you hold was withdrawn: delete it",
    State.SUSPENDED: "A dataset you hold is suspended: stop using it",
    State.PUBLISHED: "A dataset you hold may be used again",
}


def holders(version: ReleaseVersion) -> QuerySet[CatalogueAccount]:
    """Everybody to whom files of this version were handed out, in whole or in part."""
    return CatalogueAccount.objects.filter(Exists(HandOut.objects.filter(account=OuterRef("pk"), version=version)))


def tell() -> int:
    """For the clock: tell the holders of every withdrawn or suspended version who were not told yet, and remind those who did not answer.

    How many mails were posted.
    """
    posted = 0
    said = HolderNotice.objects.filter(version=OuterRef("pk"), state=State.SUSPENDED)
    gone = Q(state__in=(State.WITHDRAWN, State.SUSPENDED)) | Q(state=State.PUBLISHED) & Exists(said)
    held = ReleaseVersion.objects.filter(gone, access_level="safeguarded").filter(Exists(HandOut.objects.filter(version=OuterRef("pk"))))
    for version in held.select_related("release"):
        told = HolderNotice.objects.filter(version=version, account=OuterRef("pk"), state=version.state, state_at=version.state_at)
        waiting = holders(version).filter(~Exists(told))
        if version.state == State.PUBLISHED:  # back from a suspension: only who was told to stop is told to go on
            waiting = waiting.filter(Exists(HolderNotice.objects.filter(version=version, account=OuterRef("pk"), state=State.SUSPENDED)))
        posted += sum(_told(version, account) for account in waiting)
    return posted + _reminded(timezone.now())


def unconfirmed() -> QuerySet[HolderNotice]:
    """Deletions that were asked for and not confirmed, oldest first."""
    waiting = HolderNotice.objects.filter(state=State.WITHDRAWN, confirmed_at__isnull=True)
    return waiting.select_related("account", "version__release").order_by("told_at")


def confirm_deletion(actor: CatalogueAccount, notice: HolderNotice, *, said: str) -> HolderNotice:
    """A signed-in person says that their copies are deleted."""
    with transaction.atomic():
        notice = HolderNotice.objects.select_for_update().get(pk=notice.pk)
        return _confirmed(permit(permissions.confirm_deletion, actor, notice), notice, said)


def asked(text: str) -> HolderNotice | None:
    """What a mailed link asks about, while it is not answered."""
    subject = links.found(MailedLink.Purpose.DELETION, text)
    return unconfirmed().filter(pk=subject).first() if subject else None


def confirm_by_link(text: str, *, said: str) -> HolderNotice:
    """The same by the link in the mail, without signing in. AccessRefused when it is spent."""
    with transaction.atomic():
        subject: UUID | None = links.use(MailedLink.Purpose.DELETION, text)
        waiting = HolderNotice.objects.select_for_update().select_related("account").filter(confirmed_at__isnull=True)
        notice = waiting.filter(pk=subject).first() if subject else None
        if notice is None:
            raise AccessRefused(links.SPENT)
        return _confirmed(notice.account, notice, said)


def _confirmed(account: CatalogueAccount, notice: HolderNotice, said: str) -> HolderNotice:
    if len(said) > 2000:
        raise InputRefused("Say it in at most 2,000 characters.", "said")
    links.end(MailedLink.Purpose.DELETION, notice.pk)
    notice.confirmed_at, notice.said = timezone.now(), said.strip()
    notice.save(update_fields=["confirmed_at", "said"])
    journal.record(account, "confirm deletion", notice)
    return notice


def _told(version: ReleaseVersion, account: CatalogueAccount) -> bool:
    with transaction.atomic():
        # Two clocks at once: the second finds the row there.
        values = {"told_at": timezone.now()}
        key = {"account": account, "version": version, "state": version.state, "state_at": version.state_at}
        notice, new = HolderNotice.objects.get_or_create(**key, defaults=values)
        if new:
            outbox.post(account.email, _SUBJECTS[State(version.state)], _text(notice))
            journal.record(None, "tell holder", notice, state=version.state)
    return new


def _reminded(now: datetime) -> int:
    """Remind who has not confirmed, as often as the settings say."""
    late = now - settings.SYNTHPORTAL_REMIND_AFTER
    due = unconfirmed().filter(told_at__lte=late, reminded__lt=settings.SYNTHPORTAL_REMINDERS)
    posted = 0
    for notice in due.filter(Q(reminded_at__isnull=True) | Q(reminded_at__lte=late)):
        with transaction.atomic():
            mine = HolderNotice.objects.filter(pk=notice.pk, reminded=notice.reminded, confirmed_at__isnull=True)
            if mine.update(reminded=notice.reminded + 1, reminded_at=now):
                outbox.post(notice.account.email, f"Reminder: {_SUBJECTS[State.WITHDRAWN].lower()}", _text(notice))
                posted += 1
    return posted


def _text(notice: HolderNotice) -> str:
    version = notice.version
    about = f"“{version.title}”, version {version.version}"
    why = f" Reason: {version.state_reason}" if version.state_reason else ""
    if notice.state == State.PUBLISHED:
        return f"{about} was suspended, and was looked into. It may be used again, under the licence you signed."
    if notice.state == State.SUSPENDED:
        return f"{about} is suspended while it is looked into.{why}\n\nStop using it, and keep it locked away, until you hear from us."
    address = links.made(MailedLink.Purpose.DELETION, notice.pk)
    return (
        f"{about} was withdrawn.{why}\n\nYou have downloaded files of it. Stop using them, delete every copy, backups too where you "
        f"can, and tell us that you have:\n\n{address}\n\nYou can also sign in and open “Your access”. Your licence asks for this, "
        "and we remind you."
    )
