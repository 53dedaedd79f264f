"""Reports of problems and suspected disclosures: to Information Governance, with a deadline; a release can be taken off display at once.

Taking off display is this site's own: it lasts until an access officer lifts it. Suspending or withdrawing for good is decided in the
secure zone, and comes by the feed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import holidays
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localtime

from releases.catalogue.access import journal, keys, links, outbox
from releases.catalogue.access.permissions import OFFICERS_ONLY, AccessRefused, InputRefused, permit
from releases.catalogue.finding.index import shelve
from releases.catalogue.models import CatalogueAccount, DisplayHold, MailedLink, ProblemReport, ReleaseVersion

LONGEST = 4_000
"""Characters of a report or an answer."""
WORKING_DAYS = {ProblemReport.Kind.DISCLOSURE: 1, ProblemReport.Kind.PROBLEM: 10}
"""Within how many working days of England a report is answered."""
NOT_ON_SHOW = "This release is not on show any more."
SEALED = "report"


def report(version: ReleaseVersion, kind: str, said: str, *, reply_to: str = "") -> ProblemReport:
    """Take a report in and tell Information Governance. InputRefused names what is missing."""
    said = said.replace("\x00", "").strip()
    if kind not in ProblemReport.Kind.values:
        raise InputRefused("Say what kind of report this is.", "kind")
    if not said or len(said) > LONGEST:
        raise InputRefused(f"Say in up to {LONGEST:,} characters what you saw, and where.", "said")
    now = timezone.now()
    with transaction.atomic():
        made = ProblemReport.objects.create(
            version=version,
            kind=kind,
            said=keys.sealed(SEALED, said),
            reply_to=reply_to,
            made_at=now,
            due_at=due(now, WORKING_DAYS[ProblemReport.Kind(kind)]),
        )
        journal.record(None, "report", made, kind=kind, release=version.release.slug, version=version.version)
        hold = links.made(MailedLink.Purpose.HOLD, made.pk) if made.kind == ProblemReport.Kind.DISCLOSURE else None
        for recipient in _governance():
            outbox.post(recipient, _subject(made), _letter(made, hold))
    return made


def said(report: ProblemReport) -> str:
    """What the report says."""
    return keys.unsealed(SEALED, report.said)


def answered(report: ProblemReport) -> str:
    """What was answered; "" before."""
    return keys.unsealed(SEALED, report.answer) if report.answer else ""


def waiting() -> list[ProblemReport]:
    """Reports that are not answered, by when they are due."""
    return list(ProblemReport.objects.filter(answered_at__isnull=True).select_related("version__release"))


def look_after(account: CatalogueAccount, target: object) -> str | None:
    """Answer reports, take releases off display and put them back."""
    return None if account.officer else OFFICERS_ONLY


def answer(actor: CatalogueAccount, report: ProblemReport, text: str) -> ProblemReport:
    """An officer answers; whoever left an address is told, and their address is forgotten."""
    text = text.replace("\x00", "").strip()
    if not text or len(text) > LONGEST:
        raise InputRefused(f"Write an answer of up to {LONGEST:,} characters.", "answer")
    with transaction.atomic():
        officer = permit(look_after, actor)
        report = ProblemReport.objects.select_for_update(of=("self",)).select_related("version__release").get(pk=report.pk)
        if report.answered_at is not None:
            raise AccessRefused("This report was answered already.")
        recipient, report.reply_to = report.reply_to, ""
        report.answer, report.answered_at, report.answered_by = keys.sealed(SEALED, text), timezone.now(), officer
        report.save()
        links.end(MailedLink.Purpose.HOLD, report.pk)
        journal.record(officer, "answer report", report)
        if recipient:
            title = report.version.title
            outbox.post(recipient, f"Your report about “{title}”", f"You told us of something about “{title}”. Our answer:\n\n{text}")
    return report


def hold(actor: CatalogueAccount, version: ReleaseVersion, *, report: ProblemReport | None = None) -> DisplayHold:
    """An officer takes a version off display, at once."""
    with transaction.atomic():
        return _held(permit(look_after, actor), version, report)


def asked_by_link(text: str) -> ProblemReport | None:
    """The report whose mailed link this is, while it can be used."""
    subject = links.found(MailedLink.Purpose.HOLD, text)
    return ProblemReport.objects.filter(pk=subject).select_related("version__release").first() if subject else None


def hold_by_link(text: str) -> DisplayHold:
    """Whoever has the link in the mail to Information Governance takes the version off display, without signing in. It works once."""
    with transaction.atomic():
        subject = links.use(MailedLink.Purpose.HOLD, text)
        report = ProblemReport.objects.filter(pk=subject).select_related("version__release").first() if subject else None
        if report is None:
            raise AccessRefused(links.SPENT)
        return _held(None, report.version, report)


def lift(actor: CatalogueAccount, hold: DisplayHold, *, why: str) -> DisplayHold:
    """An officer puts a version back on display, saying why."""
    why = why.replace("\x00", "").strip()
    if not why or len(why) > LONGEST:
        raise InputRefused("Say why it may be shown again.", "why")
    with transaction.atomic():
        officer = permit(look_after, actor)
        hold = DisplayHold.objects.select_for_update(of=("self",)).select_related("version__release").get(pk=hold.pk)
        if hold.lifted_at is not None:
            raise AccessRefused("It is on display again already.")
        hold.lifted_at, hold.lifted_by, hold.why_lifted = timezone.now(), officer, why
        hold.save()
        _show(hold.version, held=False)
        journal.record(officer, "lift hold", hold, release=hold.version.release.slug, version=hold.version.version)
    return hold


def holds() -> list[DisplayHold]:
    """Versions that are off display now."""
    return list(DisplayHold.objects.filter(lifted_at__isnull=True).select_related("version__release", "put_by"))


def remind(now: datetime | None = None) -> int:
    """For the clock: Information Governance is told once a day of each report that is overdue. How many mails were posted."""
    now = now or timezone.now()
    posted = 0
    for late in ProblemReport.objects.filter(answered_at__isnull=True, due_at__lte=now).select_related("version__release"):
        for number, recipient in enumerate(_governance()):
            body = f"This report has waited since {localtime(late.made_at):%-d %B %Y}.\n\n{_letter(late, None)}"
            posted += outbox.post(recipient, f"Overdue: {_subject(late)}", body, once=f"late {late.pk} {localtime(now):%Y%m%d} {number}")
    return posted


def due(start: datetime, working_days: int) -> datetime:
    """The end (17:00) of so many working days of England after `start`."""
    bank = holidays.country_holidays("GB", subdiv="ENG")
    day = localtime(start).replace(hour=17, minute=0, second=0, microsecond=0)
    while working_days:
        day += timedelta(days=1)
        working_days -= day.weekday() < 5 and day.date() not in bank
    return day


def _held(officer: CatalogueAccount | None, version: ReleaseVersion, report: ProblemReport | None) -> DisplayHold:
    version = ReleaseVersion.objects.select_for_update(of=("self",)).select_related("release").get(pk=version.pk)
    if version.state == ReleaseVersion.State.WITHDRAWN:
        raise AccessRefused(NOT_ON_SHOW)
    found = DisplayHold.objects.filter(version=version, lifted_at__isnull=True).first()
    if found is not None:
        return found
    made = DisplayHold.objects.create(version=version, report=report, put_at=timezone.now(), put_by=officer)
    _show(version, held=True)
    journal.record(officer, "hold", made, release=version.release.slug, version=version.version)
    for number, recipient in enumerate(_governance()):
        body = (
            f"“{version.title}”, version {version.version}, was taken off display. Nothing of it is handed out until an access officer "
            f"puts it back. If it must be withdrawn for good, do so in the secure zone.\n\n{_address(version)}"
        )
        outbox.post(recipient, f"Taken off display: {version.title}", body, once=f"hold {made.pk} {number}")
    return made


def _show(version: ReleaseVersion, *, held: bool) -> None:
    ReleaseVersion.objects.filter(pk=version.pk).update(display_held=held)
    shelve([version.release_id], Path(settings.SYNTHPORTAL_STORE))


def _governance() -> list[str]:
    """Who is told: the addresses of the setting, and every access officer."""
    officers = CatalogueAccount.objects.filter(Q(officer=True), is_active=True, confirmed_at__isnull=False).values_list("email", flat=True)
    return list(dict.fromkeys([*settings.SYNTHPORTAL_REPORTS_TO, *officers]))


def _subject(report: ProblemReport) -> str:
    what = "A suspected disclosure" if report.kind == ProblemReport.Kind.DISCLOSURE else "A problem"
    return f"{what} in “{report.version.title}”"


def _letter(report: ProblemReport, hold: str | None) -> str:
    """What is reported is read on the site, signed in: it may itself disclose something, so no mail carries it."""
    version, desk = report.version, f"{settings.SYNTHPORTAL_URL}{reverse('catalogue:reports')}"
    lines = [
        f"Somebody reported {report.get_kind_display()[:1].lower()}{report.get_kind_display()[1:]}.",
        f"It is about “{version.title}”, version {version.version}: {_address(version)}",
        f"Answer it by {localtime(report.due_at):%-d %B %Y, %H:%M}. It is read and answered here: {desk}",
    ]
    if hold:
        lines.append(f"To take the release off display at once, from wherever you are, follow this link; it works once:\n{hold}")
    return "\n\n".join(lines)


def _address(version: ReleaseVersion) -> str:
    return f"{settings.SYNTHPORTAL_URL}{version.get_absolute_url()}"
