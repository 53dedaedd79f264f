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
from releases.catalogue.models import CatalogueAccount, DisplayHold, HandOut, HolderNotice, MailedLink, ReleaseVersion

State = ReleaseVersion.State
Told = HolderNotice.Told
_SUBJECTS = {
    Told.WITHDRAWN: "A dataset you hold was withdrawn: delete it",
    Told.SUSPENDED: "A dataset you hold is suspended: stop using it",
    Told.PUBLISHED: "A dataset you hold may be used again",
    Told.OFF_DISPLAY: "A dataset you hold is off display: do not use it until you hear from us",
    Told.ON_DISPLAY: "A dataset you hold is on display again: you may use it",
}


def holders(version: ReleaseVersion) -> QuerySet[CatalogueAccount]:
    """Everybody to whom files of this version were handed out, in whole or in part."""
    return CatalogueAccount.objects.filter(Exists(HandOut.objects.filter(account=OuterRef("pk"), version=version)))


def tell() -> int:
    """For the clock: tell the holders of every version that is withdrawn, suspended, off display or back, and were not told yet.

    Those who were asked to delete and did not answer are reminded.
    How many mails were posted.
    """
    posted = 0
    said = HolderNotice.objects.filter(version=OuterRef("pk"), state=Told.SUSPENDED)
    back = Q(state=State.PUBLISHED, display_held=False) & Exists(said)
    handed = Exists(HandOut.objects.filter(version=OuterRef("pk")))
    gone = Q(state__in=(State.WITHDRAWN, State.SUSPENDED)) | back
    for version in ReleaseVersion.objects.filter(gone, handed, access_level="safeguarded").select_related("release"):
        after = Told.SUSPENDED if version.state == State.PUBLISHED else None
        posted += _tell(version, Told(version.state), version.state_at, after)
    return posted + _tell_of_holds() + _reminded(timezone.now())


def _tell_of_holds() -> int:
    """Who holds files of what is off display here is told not to use them, and when they may; how many mails were posted."""
    posted = 0
    handed = Exists(HandOut.objects.filter(version=OuterRef("version")))
    holds = DisplayHold.objects.filter(handed, version__access_level="safeguarded").exclude(version__state=State.WITHDRAWN)
    for hold in holds.select_related("version__release"):
        if hold.lifted_at is None:
            posted += _tell(hold.version, Told.OFF_DISPLAY, hold.put_at, None)
        elif hold.version.on_show:  # suspended meanwhile, or off display once more: whatever ends that tells that it may be used
            posted += _tell(hold.version, Told.ON_DISPLAY, hold.lifted_at, Told.OFF_DISPLAY, hold.put_at)
    return posted


def _tell(version: ReleaseVersion, what: Told, at: datetime, after: Told | None, after_at: datetime | None = None) -> int:
    """Tell who holds files of the version and was not told this yet; after: only who was told that before, of `after_at` where given."""
    told = HolderNotice.objects.filter(version=version, account=OuterRef("pk"))
    waiting = holders(version).filter(~Exists(told.filter(state=what, state_at=at)))
    if after is not None:  # only who was told to stop is told to go on
        before = told.filter(state=after)
        waiting = waiting.filter(Exists(before.filter(state_at=after_at) if after_at else before))
    return sum(_told(version, account, what, at) for account in waiting)


def unconfirmed() -> QuerySet[HolderNotice]:
    """Deletions that were asked for and not confirmed, oldest first."""
    waiting = HolderNotice.objects.filter(state=Told.WITHDRAWN, confirmed_at__isnull=True)
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


def _told(version: ReleaseVersion, account: CatalogueAccount, what: Told, at: datetime) -> bool:
    with transaction.atomic():
        # Two clocks at once: the second finds the row there.
        values = {"told_at": timezone.now()}
        key = {"account": account, "version": version, "state": what, "state_at": at}
        notice, new = HolderNotice.objects.get_or_create(**key, defaults=values)
        if new:
            outbox.post(account.email, _SUBJECTS[what], _text(notice))
            journal.record(None, "tell holder", notice, state=str(what))
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
                outbox.post(notice.account.email, f"Reminder: {_SUBJECTS[Told.WITHDRAWN].lower()}", _text(notice))
                posted += 1
    return posted


def _text(notice: HolderNotice) -> str:
    version = notice.version
    about = f"“{version.title}”, version {version.version}"
    why = f" Reason: {version.state_reason}" if version.state_reason else ""
    if notice.state == Told.OFF_DISPLAY:
        return (
            f"{about} was taken off display on this site while a report is looked into. It is not withdrawn.\n\nDo not use it, and "
            "pass nothing of it on, until you hear from us. You need not delete anything now."
        )
    if notice.state == Told.ON_DISPLAY:
        return f"{about} was off display while a report about it was looked into. You may use it again, under the licence you signed."
    if notice.state == Told.PUBLISHED:
        return f"{about} was suspended, and was looked into. It may be used again, under the licence you signed."
    if notice.state == Told.SUSPENDED:
        return f"{about} is suspended while it is looked into.{why}\n\nStop using it, and keep it locked away, until you hear from us."
    address = links.made(MailedLink.Purpose.DELETION, notice.pk)
    return (
        f"{about} was withdrawn.{why}\n\nYou have downloaded files of it. Stop using them, delete every copy, backups too where you "
        f"can, and tell us that you have:\n\n{address}\n\nYou can also sign in and open “Your access”. Your licence asks for this, "
        "and we remind you."
    )
