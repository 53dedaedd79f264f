"""Permissions over personal tokens."""

from releases.models import Account, PersonalToken


def own_token(actor: Account, action: str, token: PersonalToken | None) -> str | None:
    """A token is made and revoked by the person it stands for. Who holds no role that reads data has no use for one."""
    if action == "make_token":
        return None if actor.roles & {"steward", "auditor"} else "Only a data steward or an auditor has use for a token."
    if token is None or token.account_id != actor.pk:
        return "Only the person whose token it is revokes it."
    return "This token is revoked already." if token.revoked_at is not None else None
