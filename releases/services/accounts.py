"""Accounts and roles. Reviewer roles take two administrators; an administrator approves nothing and stewards nothing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit
from releases.models import REVIEWER_ROLES, Account, PasswordLink, RoleGrant, RoleName, SignIn
from releases.models.accounts import person_key
from releases.services import links, sign_ins
from releases.services.recorded import locked, permit, recorded


@recorded("create_account")
def create_account(actor: Account, *, email: str, full_name: str) -> tuple[Account, str]:
    """A new account without any role or password, and the secret of the link that invites its person: "" when it goes by mail.

    InputError when the e-mail is not one, or its person has an account already.
    """
    with transaction.atomic():
        administrator = permit(actor, "create_account")
        account = _new_account(email, full_name, None)
        by_mail = not settings.SYNTHPORTAL_MAIL_IN_FILES
        link, secret = links.open_link(account, PasswordLink.Purpose.INVITATION, asked_by=administrator, by_mail=by_mail)
        audit.record(administrator, "create_account", account, link=link.pk)
    return account, secret


@recorded("set_up_account", by_system=True)
def set_up_account(*, email: str, full_name: str, password: str) -> Account:
    """An account with a password, made by the installation itself: for a demonstration, or to begin with. It has no role."""
    with transaction.atomic():
        account = _new_account(email, full_name, password)
        audit.record(None, "set_up_account", account)
    return account


@recorded("change_password")
def change_password(actor: Account, *, password: str, sign_in: SignIn | None = None) -> Account:
    """Change one's own password; every other sign-in than `sign_in` ends. (The page asks for the old one.)

    InputError when it is too weak.
    """
    with transaction.atomic():
        account = permit(actor, "change_password")
        _valid(validate_password, password, account)
        account.set_password(password)
        account.save()
        sign_ins.end_all(account, "your password was changed", but=sign_in)
        audit.record(account, "change_password", account)
    return account


@recorded("create_administrator", by_system=True)
def create_administrator(*, email: str, full_name: str, password: str) -> Account:
    """An account that administers, made by the installation itself (the command line; there is nobody yet to ask)."""
    with transaction.atomic():
        account = _new_account(email, full_name, password)
        now = timezone.now()
        RoleGrant.objects.create(account=account, role=RoleName.ADMINISTRATOR, proposed_by=None, proposed_at=now, confirmed_at=now)
        _join(account, RoleName.ADMINISTRATOR)
        audit.record(None, "create_administrator", account)
    return account


@recorded("propose_role")
def propose_role(actor: Account, account: Account, *, role: str) -> RoleGrant:
    """Give a role; a reviewer role only when another administrator confirms it."""
    if role not in RoleName.values:
        raise InputError(f"there is no such role; the roles are: {', '.join(RoleName.values)}")
    with transaction.atomic():
        account = locked(account)
        administrator = permit(actor, "propose_role", account, role=role)
        now = timezone.now()
        grant = RoleGrant(account=account, role=role, proposed_by=administrator, proposed_at=now)
        if role not in REVIEWER_ROLES:
            grant.confirmed_by, grant.confirmed_at = administrator, now
            _join(account, role)
        grant.save()
        audit.record(administrator, "propose_role", account, role=role, grant=grant.pk, effective=grant.effective)
    return grant


@recorded("confirm_role")
def confirm_role(actor: Account, grant: RoleGrant) -> RoleGrant:
    """Confirm a proposed reviewer role, as another administrator than the one who proposed it."""
    with transaction.atomic():
        grant = locked(grant)
        administrator = permit(actor, "confirm_role", grant)
        grant.confirmed_by, grant.confirmed_at = administrator, timezone.now()
        grant.save()
        _join(grant.account, grant.role)
        audit.record(administrator, "confirm_role", grant.account, role=grant.role, grant=grant.pk)
    return grant


@recorded("remove_role")
def remove_role(actor: Account, account: Account, *, role: str) -> RoleGrant:
    """Take a role away, or drop its proposal. It counts from that moment, also for pages already open."""
    with transaction.atomic():
        account = locked(account)
        administrator = permit(actor, "remove_role", account, role=role)
        grant = RoleGrant.objects.get(account=account, role=role, removed_at__isnull=True)
        grant.removed_by, grant.removed_at = administrator, timezone.now()
        grant.save()
        account.groups.remove(*Group.objects.filter(name=role))
        audit.record(administrator, "remove_role", account, role=role, grant=grant.pk)
    return grant


def _new_account(email: str, full_name: str, password: str | None) -> Account:
    email, full_name = email.strip().lower(), full_name.strip()
    if not full_name:
        raise InputError("the account needs a full name")
    _valid(validate_email, email)
    if Account.objects.filter(email__iexact=email).exists():
        raise InputError("there is an account with that e-mail address already")
    if Account.objects.filter(person_key=person_key(email)).exists():
        raise InputError("there is an account of that person already, under a spelling of the same e-mail address; nobody has two")
    account = Account(email=email, full_name=full_name)
    if password is not None:
        _valid(validate_password, password, account)
    return Account.objects.create_user(email, password, full_name=full_name)


def _valid(check: Any, *values: Any) -> None:
    try:
        check(*values)
    except ValidationError as error:
        raise InputError(" ".join(error.messages)) from None


def _join(account: Account, role: str) -> None:
    group, _ = Group.objects.get_or_create(name=str(role))
    account.groups.add(group)
