"""Second factors: codes from an app (TOTP, RFC 6238), security keys (WebAuthn), codes for when both are lost.

What the libraries compute is put together here; what is kept and written down is in `releases.services.factors`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pyotp
import segno
import webauthn
from cryptography.fernet import Fernet
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import InvalidAuthenticationResponse, InvalidJSONStructure, InvalidRegistrationResponse
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from releases import files
from releases.models import Account, Authenticator, RecoveryCode, SignIn

SITE = "synthportal"
STEP = 30
"""Seconds a code of an app is for; the one before and the one after are taken too, since clocks differ."""
RECOVERY_CODES = 10
UNUSABLE = (InvalidAuthenticationResponse, InvalidRegistrationResponse, InvalidJSONStructure, ValueError, KeyError, TypeError)
"""What the library raises for an answer that is not a security key's."""


@dataclass(frozen=True)
class RegisteredKey:
    """A security key as it introduced itself. `credential` and `public_key` are base64url."""

    credential: str
    public_key: str
    counter: int


def held(account: Account) -> QuerySet[Authenticator]:
    """The second factors somebody has."""
    return account.authenticators.filter(removed_at__isnull=True)


def shown_lately(sign_in: SignIn | None) -> bool:
    """Whether who is signed in there showed who they are within the last minutes, by the clock of this site as it is now.

    Having come from the trust's provider is not enough: it may have let in whoever sat before an open browser. There they show it anew.
    """
    if sign_in is None or sign_in.ended_at is not None:
        return False
    shown = sign_in.confirmed_at or (None if sign_in.how == SignIn.How.PROVIDER else sign_in.began_at)
    return shown is not None and timedelta() <= timezone.now() - shown <= settings.SYNTHPORTAL_CONFIRMED_WITHIN


def open_codes(account: Account) -> QuerySet[RecoveryCode]:
    """The recovery codes somebody has left."""
    return account.recovery_codes.filter(used_at__isnull=True, ended_at__isnull=True)


def required(account: Account) -> bool:
    """Whether a role this person holds asks for a second factor in this installation."""
    return bool(account.roles & set(settings.SYNTHPORTAL_SECOND_FACTOR_ROLES))


# Codes from an app


def new_secret() -> str:
    """A secret for an app: 160 random bits in base 32."""
    return pyotp.random_base32()


def sealed(secret: str) -> str:
    """The secret as it is kept: encrypted under the zone's key, so that a copy of the database alone gives no codes."""
    return _seal().encrypt(secret.encode()).decode()


def unsealed(kept: str) -> str:
    return _seal().decrypt(kept.encode()).decode()


def picture(secret: str, account: Account) -> str:
    """The secret as a QR code, an address an `<img>` can show."""
    address = pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name=SITE)
    return str(segno.make(address, error="m").svg_data_uri(scale=5, border=4, light="#fff"))


def step_of(secret: str, code: str, *, after: int) -> int | None:
    """The time step `code` is for, when it is of now and later than `after` (the last one used); None otherwise."""
    code = code.replace(" ", "")
    totp, now = pyotp.TOTP(secret, interval=STEP), int(timezone.now().timestamp()) // STEP
    found = None
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()) and step > after:
            found = step
    return found


def _seal() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(files.key("second factors")))


# Recovery codes


def new_code() -> str:
    """A recovery code: 80 random bits, as four groups of four letters and figures."""
    letters = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))


def code_digest(code: str) -> str:
    return hashlib.sha256("".join(c for c in code.lower() if c.isalnum()).encode()).hexdigest()


# Security keys


def registration(account: Account, challenge: bytes) -> dict[str, Any]:
    """What the browser passes to a new key: options of `navigator.credentials.create`, as JSON."""
    options = webauthn.generate_registration_options(
        rp_id=_host(),
        rp_name=SITE,
        user_name=account.email,
        user_id=account.pk.bytes,
        user_display_name=account.full_name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.DISCOURAGED
        ),
        exclude_credentials=_descriptors(account),
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def registered(answer: str, challenge: bytes) -> RegisteredKey:
    """The key that answered `challenge`. One of `UNUSABLE` is raised when the answer is for another challenge or site, or is none."""
    found = webauthn.verify_registration_response(
        credential=answer, expected_challenge=challenge, expected_rp_id=_host(), expected_origin=_origin()
    )
    return RegisteredKey(bytes_to_base64url(found.credential_id), bytes_to_base64url(found.credential_public_key), found.sign_count)


def question(account: Account, challenge: bytes) -> dict[str, Any]:
    """What the browser asks a key that is known: options of `navigator.credentials.get`, as JSON."""
    options = webauthn.generate_authentication_options(
        rp_id=_host(),
        challenge=challenge,
        allow_credentials=_descriptors(account),
        user_verification=UserVerificationRequirement.DISCOURAGED,
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def answered_by(answer: str) -> str:
    """The credential that an answer claims to come from, base64url; "" when it is no answer."""
    try:
        return str(json.loads(answer)["rawId"]).rstrip("=")
    except (ValueError, KeyError, TypeError):
        return ""


def new_count(authenticator: Authenticator, answer: str, challenge: bytes) -> int:
    """The key's count of uses after this answer to `challenge`; one of `UNUSABLE` is raised when it is not that key's answer."""
    found = webauthn.verify_authentication_response(
        credential=answer,
        expected_challenge=challenge,
        expected_rp_id=_host(),
        expected_origin=_origin(),
        credential_public_key=base64url_to_bytes(authenticator.public_key),
        credential_current_sign_count=authenticator.counter,
    )
    return found.new_sign_count


def _descriptors(account: Account) -> list[PublicKeyCredentialDescriptor]:
    keys = held(account).filter(kind=Authenticator.Kind.KEY)
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential)) for key in keys]


def _host() -> str:
    return urlsplit(settings.SYNTHPORTAL_URL).hostname or ""


def _origin() -> str:
    parts = urlsplit(settings.SYNTHPORTAL_URL)
    return f"{parts.scheme}://{parts.netloc}"
