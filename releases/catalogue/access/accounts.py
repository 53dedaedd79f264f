"""Registering, confirming an address, choosing a password. Nothing here tells a stranger whether somebody has an account."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from releases.catalogue.access import institutions, journal, links, outbox
from releases.catalogue.access.permissions import AccessRefused, InputRefused, permit
from releases.catalogue.models import CatalogueAccount, MailedLink

Purpose = MailedLink.Purpose


def register(*, email: str, full_name: str, organisation: str, post: str, password: str) -> None:
    """Ask for an account: a link is mailed to the address. Who has an account already is told so by mail, and nobody else."""
    email = email.strip().lower()
    if not institutions.institutional(email):
        raise InputRefused(f"Use the e-mail address that your institution gave you: it ends in {institutions.endings()}.", "email")
    _valid(password, "password")
    hashed = make_password(password)
    with transaction.atomic():
        known = CatalogueAccount.objects.filter(person_key=institutions.canonical(email)).first()
        if known is not None and (known.confirmed_at is not None or known.officer):
            _tell_known(known)
            return
        if known is not None:
            known.delete()  # never confirmed: nothing hangs on it, and whoever registered it may have been somebody else
        try:
            with transaction.atomic():
                account = CatalogueAccount.objects.create(
                    email=email,
                    person_key=institutions.canonical(email),
                    full_name=" ".join(full_name.split()),
                    organisation=" ".join(organisation.split()),
                    post=" ".join(post.split()),
                    password=hashed,
                    made_at=timezone.now(),
                )
        except IntegrityError:
            return  # somebody registered it this very moment, and gets the mail
        address = links.made(Purpose.CONFIRM, account.pk)
        outbox.post(
            email,
            "Confirm your e-mail address",
            "Somebody, we hope you, asked for an account in the synthetic data catalogue with this address. To confirm it, open\n\n"
            f"{address}\n\n"
            "within two days. If it was not you, leave the link unused: nothing will happen.",
        )


def confirm(text: str, *, password: str) -> CatalogueAccount:
    """The address behind a link is its owner's, who knows the password chosen with it: who registered another's address stays out.

    AccessRefused when the link is spent; InputRefused when the password is another one (the link can then be used again).
    """
    with transaction.atomic():
        account = _behind(links.found(Purpose.CONFIRM, text))
        if account is not None and not account.check_password(password):
            raise InputRefused("That is not the password that was chosen with this address.", "password")
        if account is None or links.use(Purpose.CONFIRM, text) is None:
            raise AccessRefused(links.SPENT)
        account.confirmed_at = timezone.now()
        account.save(update_fields=["confirmed_at"])
        journal.record(account, "confirm address", account)
    return account


def ask_for_password(email: str) -> None:
    """A link to choose a new password goes to the address if it has an account; nothing tells who asked whether."""
    with transaction.atomic():
        account = CatalogueAccount.objects.filter(email__iexact=email.strip(), is_active=True, confirmed_at__isnull=False).first()
        if account is not None:
            address = links.made(Purpose.PASSWORD, account.pk)
            said = f"To choose a new password for the synthetic data catalogue, open\n\n{address}\n\nwithin two hours."
            text = f"{said} If you did not ask, do nothing."
            outbox.post(account.email, "A new password", text)


def choose_password(text: str, *, password: str) -> CatalogueAccount:
    """Set the password of the account behind a link, once. Every session and token of the account ends.

    AccessRefused when the link is spent; InputRefused when the password is too weak (the link can then be used again).
    """
    _valid(password, "password")
    with transaction.atomic():
        account = _behind(links.use(Purpose.PASSWORD, text))
        if account is None:
            raise AccessRefused(links.SPENT)
        account.set_password(password)  # the hash is part of every session: all of them end
        account.confirmed_at = account.confirmed_at or timezone.now()
        account.save(update_fields=["password", "confirmed_at"])
        account.tokens.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        journal.record(account, "choose password", account)
    return account


def describe(actor: CatalogueAccount, *, full_name: str, organisation: str, post: str) -> None:
    """Who somebody is. It is part of what they and their referee sign: changed, earlier signatures hold no more."""
    with transaction.atomic():
        account = permit(lambda person, target: None, actor)
        account.full_name, account.organisation, account.post = (" ".join(each.split()) for each in (full_name, organisation, post))
        account.save(update_fields=["full_name", "organisation", "post"])
        journal.record(account, "describe", account)


def add_officer(*, email: str, full_name: str) -> str:
    """An access officer (the installation does this); the address of the link by which they choose their password, which is mailed too.

    InputRefused when the address has an account already: who asks for data does not decide on it.
    """
    with transaction.atomic():
        person_key = institutions.canonical(email)
        known = CatalogueAccount.objects.filter(person_key=person_key).first()
        if known is not None and not (known.officer and known.last_login is None):
            raise InputRefused("This address has an account already; an access officer needs one of their own, with another address.")
        now = timezone.now()
        values = {"email": email.strip().lower(), "full_name": full_name, "officer": True, "made_at": now, "password": make_password(None)}
        account = known or CatalogueAccount.objects.create(person_key=person_key, **values)
        journal.record(None, "add officer", account)
        address = links.made(Purpose.PASSWORD, account.pk, lasts=links.LASTS[Purpose.CONFIRM])
        text = f"You are an access officer of the synthetic data catalogue. Choose a password within two days:\n\n{address}"
        outbox.post(account.email, "You are an access officer", text)
        return address


def set_aside_second_step(*, email: str) -> str:
    """Somebody lost telephone and codes: app and password go (the installation does this); the address of the link for a new password.

    It is mailed too. InputRefused when nobody of this address has a second step.
    """
    with transaction.atomic():
        account = CatalogueAccount.objects.filter(email__iexact=email.strip(), is_active=True).exclude(sealed_secret="").first()
        if account is None:
            raise InputRefused("There is no account of this address with a second step.")
        account.sealed_secret = account.sealed_codes = ""
        account.set_unusable_password()
        account.save(update_fields=["sealed_secret", "sealed_codes", "password"])
        journal.record(None, "set aside second step", account)
        address = links.made(Purpose.PASSWORD, account.pk, lasts=links.LASTS[Purpose.CONFIRM])
        text = f"Your second step and your password were set aside, as you asked. Choose a new password within two days:\n\n{address}"
        outbox.post(account.email, "Choose a new password", text)
        return address


def close(*, email: str) -> None:
    """Close an account (the installation does this): signed in nowhere, and its grants and tokens open nothing."""
    with transaction.atomic():
        account = CatalogueAccount.objects.filter(email__iexact=email.strip()).first()
        if account is None:
            raise InputRefused("There is no account of this address.")
        account.is_active = False
        account.save(update_fields=["is_active"])
        journal.record(None, "close account", account)


def _behind(subject: UUID | None) -> CatalogueAccount | None:
    """The account a link is about, unless it is closed."""
    return CatalogueAccount.objects.filter(pk=subject, is_active=True).first() if subject else None


def _tell_known(account: CatalogueAccount) -> None:
    text = (
        "Somebody asked for an account in the synthetic data catalogue with this address, which has one already. If it was you, sign in or "
        "ask for a new password there. If not, do nothing."
    )
    outbox.post(account.email, "You have an account already", text)


def _valid(password: str, field: str) -> None:
    try:
        validate_password(password)
    except ValidationError as error:
        raise InputRefused(" ".join(error.messages), field) from None
