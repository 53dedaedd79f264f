"""Permissions over what the Synthetic Data Audit Team and PPI members write beside a request."""

from __future__ import annotations

from releases import plain_account
from releases.models import Account, ReleaseRequest
from releases.permissions.reviewing import THREE, made_by
from releases.permissions.sources import steward_of


def decides_for_sdat(actor: Account, request: ReleaseRequest) -> str | None:
    """SDAT's own work: by nobody who asked, generated or looks after the dataset, nor by who signed the request as IG."""
    if "sdat" not in actor.roles:
        return "Only a member of the Synthetic Data Audit Team can do that."
    if actor.pk in made_by(request):
        return "Nobody assesses what they requested or generated themselves; another member of the team must."
    if steward_of(actor, request.source) is None:
        return "Nobody assesses a release of a dataset they are a steward of; another member of the team must."
    if request.signoffs.filter(reviewer=actor, capacity="ig").exists():
        return f"You signed this request for Information Governance. {THREE}"
    return None


def writes_account(actor: Account, request: ReleaseRequest) -> str | None:
    if "ppi" in actor.roles or steward_of(actor, request.source) is None:
        return None
    return "Only a steward of this dataset or a patient and public involvement member writes the plain-English account."


def approves_account(actor: Account, request: ReleaseRequest) -> str | None:
    """A PPI member who wrote no part of it and has none in the request."""
    if "ppi" not in actor.roles:
        return "Only a patient and public involvement member approves the plain-English account."
    account = plain_account.current(request)
    if account is not None and account.writer_id == actor.pk:
        return "Nobody approves an account they wrote; another patient and public involvement member must."
    if actor.pk in made_by(request) or steward_of(actor, request.source) is None:
        return "Nobody approves the account of what they requested, generated or look after."
    return None
