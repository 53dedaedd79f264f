"""Applying: a draft that can be left and resumed, signed by the applicant, sent to the referee, and on to the access officer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from releases.catalogue.access import institutions, journal, licence, links, outbox, permissions, states, training
from releases.catalogue.access.permissions import InputRefused, Rule, permit
from releases.catalogue.models import Application, CatalogueAccount, LicenceText, MailedLink, Release, Signature

MOST_ASKED = 5
"""Mails to referees for one application."""


@dataclass(frozen=True)
class Task:
    """A line of the task list. name: of its page; done: whether it is; hint: what is there or missing."""

    name: str
    title: str
    done: bool
    hint: str


def begin(actor: CatalogueAccount, release: Release) -> Application:
    """The open application of this person for this release; a new one when there is none."""
    with transaction.atomic():
        account = permit(permissions.apply, actor, release)
        now = timezone.now()
        known = Application.objects.filter(account=account, release=release, state__in=Application.OPEN).first()
        if known is not None:
            return known
        application = Application.objects.create(account=account, release=release, made_at=now, changed_at=now)
        journal.record(account, "begin application", application, release=release.slug)
    return application


def describe_purpose(actor: CatalogueAccount, application: Application, *, use: str, intended_use: str) -> Application:
    """What the data are for."""
    if len(intended_use.split()) < 10:
        raise InputRefused("Say it in a few sentences: what you want to find out or teach, and how.", "intended_use")
    return _changed(actor, application, "describe purpose", use=use, intended_use=intended_use.strip())


def name_referee(actor: CatalogueAccount, application: Application, *, name: str, email: str, role: str, page: str) -> Application:
    """Who vouches for the applicant: another person, of an institution, in a leading role, findable as such on its own site."""
    if institutions.canonical(email) == actor.person_key:
        raise InputRefused("Your referee must be somebody else.", "email")
    if " ".join(name.split()).casefold() == actor.full_name.casefold():
        raise InputRefused("Your referee must be somebody else; this is your own name.", "name")
    if not institutions.institutional(email):
        raise InputRefused(f"Give the address that their institution gave them: it ends in {institutions.endings()}.", "email")
    if not institutions.institutional_page(page):
        raise InputRefused("Give a page of their institution's own site, beginning with https://, that shows them in this role.", "page")
    said = {"referee_name": " ".join(name.split()), "referee_email": email.strip().lower(), "referee_role": role, "referee_page": page}
    return _changed(actor, application, "name referee", **said)


def sign_and_send(actor: CatalogueAccount, application: Application, *, typed_name: str, licence_sha256: str) -> Application:
    """Sign as the applicant and send to the referee; straight to the access officer where the referee's signature still holds.

    InputRefused when something is missing, the name typed is another, or the licence on the page is not the one in force any more.
    """
    with transaction.atomic():
        application = locked(application)
        account = permit(permissions.sign_application, actor, application)
        missing = [task.title.lower() for task in tasks(application) if not task.done]
        if missing:
            raise InputRefused(f"Before you sign, finish: {', '.join(missing)}.")
        text = signed_licence(licence_sha256)
        check_name(typed_name, account.full_name)
        held = holds(application, Signature.Capacity.REFEREE)
        sign(application, Signature.Capacity.APPLICANT, typed_name, text)
        if held:
            states.move(application, "send signed")
            tell_officers(application)
        else:
            if application.asked >= MOST_ASKED:
                raise InputRefused("Referees were asked five times for this application; cancel it and begin another one.")
            states.move(application, "send")
            application.asked += 1
            _ask_referee(application)
        application.save(update_fields=["state", "changed_at", "asked"])
        journal.record(account, "sign application", application, licence=text.sha256)
    return application


def call_back(actor: CatalogueAccount, application: Application) -> Application:
    """Take it back from the referee, to change it: the referee's link opens nothing any more."""
    return _ended(actor, application, "call back", permissions.call_back)


def cancel(actor: CatalogueAccount, application: Application) -> Application:
    """Give it up."""
    return _ended(actor, application, "cancel", permissions.cancel)


def tasks(application: Application) -> tuple[Task, ...]:
    """What must be done before it can be signed, in order."""
    account, proof = application.account, training.current(application.account)
    described = bool(account.full_name and account.organisation and account.post)
    use = application.get_use_display() if application.use else "What you want to do with the data"
    return (
        Task(
            "details",
            "Who you are",
            described,
            f"{account.post}, {account.organisation}" if described else "Your name, post and organisation",
        ),
        Task(
            "training",
            "Training",
            proof is not None,
            f"{proof.course}, until {proof.valid_until:%-d %B %Y}" if proof else "A certificate as PDF",
        ),
        Task("referee", "Referee", bool(application.referee_email), application.referee_name or "Who vouches for you"),
        Task("purpose", "Purpose", bool(application.intended_use), use),
    )


def digest(application: Application) -> str:
    """SHA-256 (hex) of everything an application says: what a signature is under."""
    account = application.account
    said = {
        "applicant": [str(account.pk), account.email, account.full_name, account.organisation, account.post],
        "release": application.release.slug,
        "use": [application.use, application.intended_use],
        "referee": [application.referee_name, application.referee_email, application.referee_role, application.referee_page],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def holds(application: Application, capacity: str) -> Signature | None:
    """The signature in this capacity under what the application says now and the licence in force now, or None."""
    same = application.signatures.filter(capacity=capacity, application_digest=digest(application))
    return same.filter(licence_id=licence.in_force().sha256).order_by("-pk").first()


def sign(application: Application, capacity: str, typed_name: str, text: LicenceText) -> Signature:
    """Put a name under the application, as part of the service that checked it."""
    return Signature.objects.create(
        application=application,
        capacity=capacity,
        typed_name=" ".join(typed_name.split()),
        licence=text,
        application_digest=digest(application),
        at=timezone.now(),
    )


def signed_licence(sha256: str) -> LicenceText:
    """The licence in force, kept; InputRefused when the page that was signed showed another."""
    edition = licence.in_force()
    if edition.sha256 != sha256:
        raise InputRefused("The End User Licence was replaced while you read it; read the new one below and sign again.")
    return licence.kept(edition)


def locked(application: Application) -> Application:
    """The application as it is now, locked until the transaction ends."""
    return Application.objects.select_for_update(of=("self",)).select_related("account", "release").get(pk=application.pk)


def tell_officers(application: Application) -> None:
    """Mail the access officers that an application waits. No name: that stands on the page."""
    for officer in CatalogueAccount.objects.filter(officer=True, is_active=True):
        text = f"An application for “{application.release}” is signed by applicant and referee. It waits for a decision: sign in to see it."
        outbox.post(officer.email, "An application waits", text)


def check_name(typed: str, known: str) -> None:
    """InputRefused when the name typed under a signature is not the one it stands for."""
    if " ".join(typed.split()).casefold() != " ".join(known.split()).casefold():
        raise InputRefused(f"Type your name as it stands in the application: {known}.", "typed_name")


def _changed(actor: CatalogueAccount, application: Application, action: str, **said: str) -> Application:
    with transaction.atomic():
        application = locked(application)
        account = permit(permissions.change_application, actor, application)
        for name, value in said.items():
            setattr(application, name, value)
        application.changed_at = timezone.now()
        application.save(update_fields=[*said, "changed_at"])
        journal.record(account, action, application)
    return application


def _ended(actor: CatalogueAccount, application: Application, action: str, rule: Rule) -> Application:
    with transaction.atomic():
        application = locked(application)
        account = permit(rule, actor, application)
        links.end(MailedLink.Purpose.REFEREE, application.pk)
        states.move(application, action)
        application.save(update_fields=["state", "changed_at"])
        journal.record(account, action, application)
    return application


def _ask_referee(application: Application) -> None:
    address = links.made(MailedLink.Purpose.REFEREE, application.pk)
    account = application.account
    text = (
        f"Dear {application.referee_name},\n\n{account.full_name} ({account.post}, {account.organisation}) asks for synthetic health data, "
        "and names you as referee. The data are safeguarded: you are asked to read what they want them for, and to sign for them."
        f"\n\n{address}\n\n"
        "The link is yours alone and works once, for three weeks. If you do not know this person, open it and say so, or do nothing."
    )
    outbox.post(application.referee_email, "Will you act as referee?", text)
