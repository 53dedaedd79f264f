"""Sign-ins: each has its row, by which it is seen, limited in time, and ended from anywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from releases import audit
from releases.models import Account, ProviderIdentity, SignIn
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

SEEN_EVERY = timedelta(minutes=1)
MOST_AT_ONCE = 500
CLOCKS = timedelta(minutes=5)
"""How far back the clock may go before a sign-in from the future is ended: nobody knows how old it is."""
UNKNOWN_PERSON = "Your trust's sign-in named nobody who has an account here; ask an administrator of this site for an invitation."


@recorded("sign_in")
def begin(actor: Account, *, how: str, second_factor: bool) -> SignIn:
    """Somebody showed who they are."""
    with transaction.atomic():
        account = permit(actor, "sign_in")
        now = timezone.now()
        sign_in = SignIn.objects.create(account=account, how=how, second_factor=second_factor, began_at=now, seen_at=now)
        audit.record(account, "sign_in", account, how=how, second_factor=second_factor)
    return sign_in


@recorded("sign_out")
def end(actor: Account, sign_in: SignIn) -> SignIn | None:
    """Signed out. None when it had ended already."""
    with transaction.atomic():
        account = permit(actor, "sign_out", sign_in)
        if not _ended(account, "signed out", only=sign_in):
            return None
        audit.record(account, "sign_out", account)
    return sign_in


@recorded("end_sign_ins")
def end_others(actor: Account, *, but: SignIn | None) -> int:
    """End every other sign-in of one's own, on whatever machine; how many there were."""
    with transaction.atomic():
        account = permit(actor, "end_sign_ins")
        ended = _ended(account, "ended from another sign-in", but=but)
        audit.record(account, "end_sign_ins", account, ended=ended)
    return ended


@recorded("confirm_sign_in")
def confirm(actor: Account, sign_in: SignIn, *, how: str) -> SignIn:
    """Who is signed in here showed once more who they are, by their password or at the trust's provider."""
    with transaction.atomic():
        account = permit(actor, "confirm_sign_in", sign_in)
        if not SignIn.objects.filter(pk=sign_in.pk, ended_at__isnull=True).update(confirmed_at=timezone.now()):
            raise Refused("You were signed out here meanwhile; sign in again.")
        audit.record(account, "confirm_sign_in", account, how=how)
    return sign_in


def end_outlasted() -> int:
    """End every sign-in whose time is over and whose browser never came back to hear it; how many. Their sessions are removed."""
    now = timezone.now()
    too_long = models.Q(began_at__lt=now - settings.SYNTHPORTAL_SESSION_LONGEST)
    too_idle = models.Q(seen_at__lt=now - settings.SYNTHPORTAL_SESSION_IDLE)
    rows = SignIn.objects.select_related("account").filter(too_long | too_idle, ended_at__isnull=True)[:MOST_AT_ONCE]
    ended = sum(outlasted(row, because="its time was over") is not None for row in rows)
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return ended


@recorded("outlast_sign_in", by_system=True)
def outlasted(sign_in: SignIn, *, because: str) -> SignIn | None:
    """A sign-in whose time is over. None when it had ended already."""
    with transaction.atomic():
        if not _ended(sign_in.account, because, only=sign_in):
            return None
        audit.record(None, "outlast_sign_in", sign_in.account, because=because)
    return sign_in


@recorded("know_from_provider", by_system=True)
def of_provider(*, issuer: str, subject: str, email: str) -> Account:
    """The account of whom the trust's identity provider vouches for: by who they are there, at first by their e-mail address.

    Nobody gets an account this way, one person never two accounts, and one account never two people: Refused otherwise.
    """
    try:
        return _of_provider(issuer, subject, email)
    except Refused as refusal:
        audit.record_refusal(None, "sign_in", None, str(refusal))
        raise


def _of_provider(issuer: str, subject: str, email: str) -> Account:
    with transaction.atomic():
        known = ProviderIdentity.objects.select_related("account").filter(issuer=issuer, subject=subject).first()
        if known is not None:
            if not known.account.is_active:
                raise Refused(UNKNOWN_PERSON)
            return _told(known.account)
        account = Account.objects.filter(email__iexact=email, is_active=True).first()
        if account is None:
            raise Refused(UNKNOWN_PERSON)
        account = locked(account)
        if account.identities.filter(issuer=issuer).exists():
            raise Refused("This e-mail address belongs to an account that somebody else signs in to; ask an administrator.")
        ProviderIdentity.objects.create(account=account, issuer=issuer, subject=subject, since=timezone.now())
        audit.record(None, "know_from_provider", account, first=True)
    return account


def _told(account: Account) -> Account:
    audit.record(None, "know_from_provider", account, first=False)
    return account


def seen(sign_in: SignIn) -> None:
    """Somebody is there; written down once a minute."""
    now = timezone.now()
    SignIn.objects.filter(pk=sign_in.pk, seen_at__lt=now - SEEN_EVERY).update(seen_at=now)


def over(sign_in: SignIn, now: datetime) -> str | None:
    """Why a sign-in does not count any more, as one sentence to show; None when it does."""
    if sign_in.ended_at is not None:
        return f"You were signed out here: {sign_in.ended_because}. Sign in again."
    if now < sign_in.seen_at - CLOCKS or now < sign_in.began_at - CLOCKS:
        return "The clock of this site was set back, so nobody can say how old your sign-in is. Sign in again."
    if now - sign_in.began_at > settings.SYNTHPORTAL_SESSION_LONGEST:
        return f"You were signed in for {_words(settings.SYNTHPORTAL_SESSION_LONGEST)}, which is as long as it lasts. Sign in again."
    if now - sign_in.seen_at > settings.SYNTHPORTAL_SESSION_IDLE:
        return f"You were signed out because nothing was done for {_words(settings.SYNTHPORTAL_SESSION_IDLE)}. Sign in again."
    return None


def end_all(account: Account, because: str, *, but: SignIn | None = None) -> int:
    """End the sign-ins of an account, as part of the service that made them worthless and records that.

    Where not even the one who asks stays signed in (a lost password, a lost second step), the account's tokens end too: whoever found
    what was lost could have made some.
    """
    if but is None:
        account.tokens.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
    return _ended(account, because, but=but)


def _ended(account: Account, because: str, *, but: SignIn | None = None, only: SignIn | None = None) -> int:
    rows = SignIn.objects.filter(account=account, ended_at__isnull=True)
    if only is not None:
        rows = rows.filter(pk=only.pk)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    return rows.update(ended_at=timezone.now(), ended_because=because)


def _words(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    hours, rest = divmod(minutes, 60)
    parts = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in ((hours, "hour"), (rest, "minute")) if n]
    return " and ".join(parts) or "a moment"
