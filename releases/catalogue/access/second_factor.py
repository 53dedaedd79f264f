"""The second step at signing in: a six-figure code from an app (TOTP, RFC 6238), each code once, or a recovery code, each once.

Access officers have one always. Researchers may; an installation can ask it of whoever opens safeguarded data (`grants.why_not`).
"""

from __future__ import annotations

import hmac
import secrets

import pyotp
import segno
from django.db import transaction
from django.utils import timezone

from releases.catalogue.access import journal, outbox, permissions
from releases.catalogue.access.keys import sealed, unsealed
from releases.catalogue.access.permissions import InputRefused, permit
from releases.catalogue.models import CatalogueAccount

STEP = 30
CODES = 10
"""Recovery codes at a time, of 16 figures each: too many to guess while wrong ones cost waits."""
WRONG = "That was not the code of this moment; each code works once."
SECRETS, CODES_SEALED = "second factors", "recovery codes"
"""The purposes of the keys."""


def new_secret() -> str:
    """A secret for an app: 160 random bits in base 32."""
    return pyotp.random_base32()


def picture(secret: str, account: CatalogueAccount) -> str:
    """The secret as a QR code, an address an `<img>` can show."""
    address = pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name="Synthetic data catalogue")
    return str(segno.make(address, error="m").svg_data_uri(scale=5, border=4, light="#fff"))


def add_app(account: CatalogueAccount, *, secret: str, code: str) -> tuple[str, ...]:
    """Bind an app that shows the codes of `secret`; the recovery codes, which are shown once.

    InputRefused when `code` is not its code of now, or there is an app already.
    """
    with transaction.atomic():
        account = CatalogueAccount.objects.select_for_update().get(pk=account.pk)
        step = _step_of(secret, code, after=0)
        if account.sealed_secret or step is None:
            raise InputRefused("That is not the code the app shows now; check the clock of the telephone, and try the next code.", "code")
        account.sealed_secret, account.step = sealed(SECRETS, secret), step
        codes = _given(account)
        account.save(update_fields=["sealed_secret", "step", "sealed_codes"])
        journal.record(account, "add second step", account)
        _tell(account, "A second step was added", "From now on signing in takes a code from your app as well.")
    return codes


def shown(account: CatalogueAccount, code: str) -> bool:
    """Whether `code` is the app's of this moment, or a recovery code, and was not used before; it is used now."""
    with transaction.atomic():
        account = CatalogueAccount.objects.select_for_update().get(pk=account.pk)
        return _used(account, code)


def new_codes(actor: CatalogueAccount, *, code: str) -> tuple[str, ...]:
    """New recovery codes in place of those there were. InputRefused when `code` shows nothing."""
    with transaction.atomic():
        account = _shown_again(permissions.renew_codes, actor, code)
        codes = _given(account)
        account.save(update_fields=["sealed_codes"])
        journal.record(account, "new recovery codes", account)
        _tell(account, "You have new recovery codes", "Those you had before open nothing any more.")
    return codes


def remove_app(actor: CatalogueAccount, *, code: str) -> None:
    """Sign in without a second step again. AccessRefused for officers; InputRefused when `code` shows nothing."""
    with transaction.atomic():
        account = _shown_again(permissions.remove_second_step, actor, code)
        account.sealed_secret = account.sealed_codes = ""
        account.save(update_fields=["sealed_secret", "sealed_codes"])
        journal.record(account, "remove second step", account)
        _tell(account, "Your second step was removed", "Signing in takes the password alone again.")


def codes_left(account: CatalogueAccount) -> int:
    """How many recovery codes are left."""
    return len(_codes(account))


def _shown_again(rule: permissions.Rule, actor: CatalogueAccount, code: str) -> CatalogueAccount:
    account = permit(rule, actor)
    account = CatalogueAccount.objects.select_for_update().get(pk=account.pk)
    if not _used(account, code):
        raise InputRefused(WRONG, "code")
    return account


def _used(account: CatalogueAccount, code: str) -> bool:
    given = "".join(code.split())
    if not account.sealed_secret:
        return False
    step = _step_of(unsealed(SECRETS, account.sealed_secret), given, after=account.step)
    if step is not None:
        account.step = step
        account.save(update_fields=["step"])
        return True
    codes = _codes(account)
    left = [each for each in codes if not hmac.compare_digest(each.encode(), given.encode())]
    if len(left) == len(codes):
        return False
    account.sealed_codes = sealed(CODES_SEALED, " ".join(left))
    account.save(update_fields=["sealed_codes"])
    journal.record(account, "use recovery code", account, left=len(left))
    told = f"You have {len(left)} left. If you lost your app, remove it on the page of your access and add a new one."
    _tell(account, "A recovery code was used", told)
    return True


def _codes(account: CatalogueAccount) -> list[str]:
    return unsealed(CODES_SEALED, account.sealed_codes).split() if account.sealed_codes else []


def _given(account: CatalogueAccount) -> tuple[str, ...]:
    """New codes, put on the account; in groups of four, as they are shown."""
    codes = [f"{secrets.randbelow(10**16):016}" for _ in range(CODES)]
    account.sealed_codes = sealed(CODES_SEALED, " ".join(codes))
    return tuple(" ".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes)


def _tell(account: CatalogueAccount, subject: str, told: str) -> None:
    text = f"{told}\n\nIf this was not you, choose a new password at once, and tell the hospital."
    outbox.post(account.email, subject, text)


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    totp, now = pyotp.TOTP(secret, interval=STEP), int(timezone.now().timestamp()) // STEP
    given, found = code.replace(" ", "").encode(), None
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given) and step > after:
            found = step
    return found
