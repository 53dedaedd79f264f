"""Permissions over accounts and roles."""

from __future__ import annotations

from typing import Any

from releases.models import REVIEWER_ROLES, Account, RoleGrant


def administers(actor: Account) -> str | None:
    return None if "administrator" in actor.roles else "Only an administrator manages accounts and roles."


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
    if action == "remove_role" and target is not None and role is not None:
        if target.pk == actor.pk:
            return "Nobody removes their own role; ask another administrator."
        if not target.grants.filter(role=role, removed_at__isnull=True).exists():
            return "That account does not hold that role."
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
    return None
