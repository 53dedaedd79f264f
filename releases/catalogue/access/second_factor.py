"""The second step of access officers: a six-figure code from an app (TOTP, RFC 6238), each code once."""

from __future__ import annotations

import hmac

import pyotp
import segno
from django.db import transaction
from django.utils import timezone

from releases.catalogue.access import journal
from releases.catalogue.access.keys import sealed, unsealed
from releases.catalogue.access.permissions import InputRefused
from releases.catalogue.models import CatalogueAccount

STEP = 30
_PURPOSE = "second factors"


def new_secret() -> str:
    """A secret for an app: 160 random bits in base 32."""
    return pyotp.random_base32()


def picture(secret: str, account: CatalogueAccount) -> str:
    """The secret as a QR code, an address an `<img>` can show."""
    address = pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name="Synthetic data catalogue")
    return str(segno.make(address, error="m").svg_data_uri(scale=5, border=4, light="#fff"))


def add_app(account: CatalogueAccount, *, secret: str, code: str) -> None:
    """Bind an app that shows the codes of `secret`. InputRefused when `code` is not its code of now, or there is one already."""
    with transaction.atomic():
        account = CatalogueAccount.objects.select_for_update().get(pk=account.pk)
        step = _step_of(secret, code, after=0)
        if account.sealed_secret or step is None:
            raise InputRefused("That is not the code the app shows now; check the clock of the telephone, and try the next code.", "code")
        account.sealed_secret, account.step = sealed(_PURPOSE, secret), step
        account.save(update_fields=["sealed_secret", "step"])
        journal.record(account, "add second step", account)


def shown(account: CatalogueAccount, code: str) -> bool:
    """Whether `code` is of this moment and was not used before; it is used now."""
    with transaction.atomic():
        account = CatalogueAccount.objects.select_for_update().get(pk=account.pk)
        step = _step_of(unsealed(_PURPOSE, account.sealed_secret), code, after=account.step) if account.sealed_secret else None
        if step is None:
            return False
        account.step = step
        account.save(update_fields=["step"])
    return True


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    totp, now = pyotp.TOTP(secret, interval=STEP), int(timezone.now().timestamp()) // STEP
    given, found = code.replace(" ", "").encode(), None
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given) and step > after:
            found = step
    return found
