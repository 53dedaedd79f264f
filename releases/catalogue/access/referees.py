"""What a referee does, who has no account and comes by a link: read, and sign or decline."""

from __future__ import annotations

from django.db import transaction

from releases.catalogue.access import applications, journal, links, outbox, states
from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.models import Application, MailedLink, Signature

Purpose = MailedLink.Purpose


def asked(text: str) -> Application | None:
    """The application that the link is about, while it waits for its referee."""
    waiting = Application.objects.filter(state=Application.State.WITH_REFEREE).select_related("account", "release")
    subject = links.found(Purpose.REFEREE, text)
    return waiting.filter(pk=subject).first() if subject else None


def sign(text: str, *, typed_name: str, licence_sha256: str, confirmed: bool) -> Application:
    """Sign as the referee: the application goes to the access officer. AccessRefused when the link is spent."""
    with transaction.atomic():
        application = _waiting(text)
        applications.check_name(typed_name, application.referee_name)
        if not confirmed:
            raise InputRefused("Say that you know this person and hold the role named here; otherwise decline.", "confirmed")
        if applications.holds(application, Signature.Capacity.APPLICANT) is None:
            raise InputRefused("The licence was replaced since the applicant signed; decline, so that they can sign the new one.")
        licence = applications.signed_licence(licence_sha256)
        links.use(Purpose.REFEREE, text)
        applications.sign(application, Signature.Capacity.REFEREE, typed_name, licence)
        states.move(application, "referee signs")
        application.save(update_fields=["state", "changed_at"])
        journal.record(None, "referee signs", application, licence=licence.sha256)
        applications.tell_officers(application)
        said = f"Your referee has signed your application for “{application.release}”. It is with the access officer now."
        outbox.post(application.account.email, "Your referee has signed", said)
    return application


def decline(text: str, *, reason: str) -> Application:
    """Say no: the application goes back to its applicant, with the reason. AccessRefused when the link is spent."""
    with transaction.atomic():
        application = _waiting(text)
        links.use(Purpose.REFEREE, text)
        states.move(application, "referee declines")
        application.reason = f"Your referee did not sign: {reason.strip()}" if reason.strip() else "Your referee did not sign."
        application.save(update_fields=["state", "changed_at", "reason"])
        journal.record(None, "referee declines", application)
        said = f"Your referee has not signed your application for “{application.release}”. Sign in to see why, and to change it."
        outbox.post(application.account.email, "Your referee has not signed", said)
    return application


def _waiting(text: str) -> Application:
    application = asked(text)
    if application is None:
        raise AccessRefused(links.SPENT)
    application = applications.locked(application)
    if application.state != Application.State.WITH_REFEREE:
        raise AccessRefused(links.SPENT)
    return application
