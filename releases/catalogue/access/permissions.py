"""Who may do what about access: one function per action, which gives the sentence of refusal, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from releases.catalogue.access import institutions, states
from releases.catalogue.models import AccessToken, Application, CatalogueAccount, Grant, HolderNotice, TrainingProof


class AccessRefused(Exception):
    """Somebody may not do this, or not now; the sentence is fit to show."""


class InputRefused(Exception):
    """What was given does not do; the sentence names it and the way out. field: of the form, "" for the whole of it."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


NOT_YOURS = "This is not yours."
OFFICERS_ONLY = "Access officers alone decide this."
NOT_FOR_OFFICERS = "Access officers decide on applications and cannot apply themselves; use another account, in another person's hands."


def add_second_step(account: CatalogueAccount, target: Any = None) -> str | None:
    """Set up an app for signing in."""
    return "You have a second step already; remove it first to use another app." if account.sealed_secret else None


def renew_codes(account: CatalogueAccount, target: Any = None) -> str | None:
    """Have new recovery codes."""
    return None if account.sealed_secret else "You have no second step."


def remove_second_step(account: CatalogueAccount, target: Any = None) -> str | None:
    """Sign in without a second step again."""
    return "Access officers always sign in with a second step." if account.officer else renew_codes(account)


def apply(account: CatalogueAccount, release: Any) -> str | None:
    """Begin an application for a release."""
    if account.officer:
        return NOT_FOR_OFFICERS
    safeguarded = release.versions.on_show().filter(access_level="safeguarded")
    return None if safeguarded.exists() else "There is nothing safeguarded to apply for here."


def change_application(account: CatalogueAccount, application: Application) -> str | None:
    """Fill in an application."""
    return _own(account, application) or states.refusal(application, "change")


def sign_application(account: CatalogueAccount, application: Application) -> str | None:
    """Sign an application as its applicant, and send it on."""
    return _own(account, application) or states.refusal(application, "send")


def call_back(account: CatalogueAccount, application: Application) -> str | None:
    """Take an application back from the referee."""
    return _own(account, application) or states.refusal(application, "call back")


def cancel(account: CatalogueAccount, application: Application) -> str | None:
    """Give an application up."""
    return _own(account, application) or states.refusal(application, "cancel")


def decide(account: CatalogueAccount, application: Application) -> str | None:
    """Grant, return or refuse an application: never one's own, nor one for which one is the referee."""
    if not account.officer:
        return OFFICERS_ONLY
    mine = account.person_key
    if mine in (application.account.person_key, institutions.canonical(application.referee_email)):
        return "You are the applicant or the referee here; another access officer decides this one."
    return states.refusal(application, "grant")


def look_at_training(account: CatalogueAccount, proof: TrainingProof) -> str | None:
    """Accept or reject a proof of training."""
    if not account.officer:
        return OFFICERS_ONLY
    if proof.account.person_key == account.person_key:
        return "This is your own proof of training; another access officer looks at it."
    return "Somebody has looked at this proof already." if proof.accepted is not None else None


def give_training(account: CatalogueAccount, target: Any = None) -> str | None:
    """Give a proof of training."""
    return NOT_FOR_OFFICERS if account.officer else None


def end_grant(account: CatalogueAccount, grant: Grant) -> str | None:
    """End a grant before its time: an officer, or the person themselves."""
    if not account.officer and grant.account_id != account.pk:
        return OFFICERS_ONLY
    return "This grant has ended already." if grant.ended_at is not None else None


def note_use(account: CatalogueAccount, grant: Grant) -> str | None:
    """Tell what came of a grant."""
    if grant.account_id != account.pk:
        return NOT_YOURS
    return "You have told us already, thank you." if hasattr(grant, "use_note") else None


def make_token(account: CatalogueAccount, target: Any = None) -> str | None:
    """Make a personal token."""
    return NOT_FOR_OFFICERS if account.officer else None


def revoke_token(account: CatalogueAccount, token: AccessToken) -> str | None:
    """End a token of one's own."""
    if token.account_id != account.pk:
        return NOT_YOURS
    return "This token was revoked already." if token.revoked_at is not None else None


def confirm_deletion(account: CatalogueAccount, notice: HolderNotice) -> str | None:
    """Say that one's copies of withdrawn files are deleted."""
    if notice.account_id != account.pk:
        return NOT_YOURS
    if notice.state != HolderNotice.Told.WITHDRAWN:
        return "Nothing has to be deleted here."
    return "You have confirmed this already, thank you." if notice.confirmed_at is not None else None


Rule = Callable[[CatalogueAccount, Any], str | None]
"""(who, what it is about) → the sentence of refusal, or None."""


def permit(rule: Rule, account: CatalogueAccount, target: Any = None) -> CatalogueAccount:
    """The account as the database knows it now, when `rule` allows; AccessRefused with its sentence when not. Inside the transaction."""
    now = CatalogueAccount.objects.filter(pk=account.pk, is_active=True, confirmed_at__isnull=False).first()
    sentence = "Sign in first." if now is None else rule(now, target)
    if sentence is not None or now is None:
        raise AccessRefused(sentence)
    return now


def _own(account: CatalogueAccount, application: Application) -> str | None:
    return None if application.account_id == account.pk else NOT_YOURS
