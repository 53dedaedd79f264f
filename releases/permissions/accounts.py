"""Permissions over accounts and roles."""

from __future__ import annotations

from typing import Any

from releases import second_factors
from releases.models import REVIEWER_ROLES, Account, AccountReset, RoleGrant, SignIn


def administers(actor: Account) -> str | None:
    return None if "administrator" in actor.roles else "Only an administrator manages accounts and roles."


SHOWN_LATELY = ("add_factor", "remove_factor", "make_recovery_codes")
"""What changes how somebody signs in: not by whoever finds a browser open. Services say by which `sign_in` it is asked."""


def own_account(actor: Account, action: str, target: Any, **context: Any) -> str | None:
    """Everybody looks after their own account; a second factor that a role asks for stays."""
    if target is not None and target.account_id != actor.pk:
        return "That belongs to somebody else's account."
    if action in SHOWN_LATELY and "sign_in" in context and not _theirs_lately(actor, context["sign_in"]):
        return "Show once more that it is you: it has been some minutes since you signed in, and this changes how you do."
    if action == "remove_factor" and target is not None:
        if target.removed_at is not None:
            return "It was removed already."
        if second_factors.required(actor) and second_factors.held(actor).count() < 2:
            return "Your role asks for a second sign-in step, and this is the only one you have; add another one first."
    return None


def _theirs_lately(actor: Account, sign_in: SignIn | None) -> bool:
    return sign_in is not None and sign_in.account_id == actor.pk and second_factors.shown_lately(sign_in)


def account_change(actor: Account, action: str, target: Any, *, role: str | None = None, **context: Any) -> str | None:
    """Roles: not for oneself; administrators hold no other role but auditor; reviewer roles take two administrators."""
    if action == "propose_role" and role is not None:
        return _proposable(actor, target, role)
    if action == "confirm_role" and isinstance(target, RoleGrant):
        if target.confirmed_at is not None or target.removed_at is not None:
            return "That role was decided on already."
        if target.proposed_by_id == actor.pk:
            return "A reviewer role takes two administrators; somebody else must confirm it."
        if target.account_id == actor.pk:
            return "Nobody confirms a role for themselves."
        return _compatible(target.account, target.role)
    if action == "invite_again" and target is not None and target.has_usable_password():
        return "That person has set a password already; if they forgot it, ask for a new one below."
    if action == "propose_reset" and target is not None and target.pk == actor.pk:
        return "Nobody resets their own account; ask two other administrators."
    if action in ("confirm_reset", "drop_reset") and isinstance(target, AccountReset):
        return _reset_open(actor, action, target)
    if action == "remove_role" and target is not None and role is not None:
        if target.pk == actor.pk:
            return "Nobody removes their own role; ask another administrator."
        if not target.grants.filter(role=role, removed_at__isnull=True).exists():
            return "That account does not hold that role."
    return None


def _reset_open(actor: Account, action: str, reset: AccountReset) -> str | None:
    if reset.confirmed_at is not None or reset.dropped_at is not None:
        return "That was decided on already."
    if action == "confirm_reset" and reset.proposed_by_id == actor.pk:
        return "Helping somebody back in takes two administrators; somebody else must confirm it."
    if action == "confirm_reset" and reset.account_id == actor.pk:
        return "Nobody resets their own account; ask two other administrators."
    return None


def _proposable(actor: Account, account: Account, role: str) -> str | None:
    if account.pk == actor.pk:
        return "Nobody gives a role to themselves; ask another administrator."
    if account.grants.filter(role=role, removed_at__isnull=True).exists():
        return "That account holds the role, or it is proposed already."
    return _compatible(account, role)


def _compatible(account: Account, role: str) -> str | None:
    held = set(account.grants.filter(removed_at__isnull=True, confirmed_at__isnull=False).values_list("role", flat=True))
    working = REVIEWER_ROLES | {"steward", "ppi"}
    if (role == "administrator" and held & working) or (role in working and "administrator" in held):
        return "An administrator approves nothing and stewards nothing: those roles do not go together."
    if (role == "auditor" and held & working) or (role in working and "auditor" in held):
        return "An auditor sees everything, drills and blind reviews too, and changes nothing: that role does not go with this one."
    return None
