"""Signing in at the trust's identity provider: OpenID Connect Core 1.0, authorisation code with PKCE (RFC 7636), by Authlib and joserfc.

What the provider vouches for is an `Identity`; whose account that is, `services.sign_ins.of_provider` says.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from django.conf import settings
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that are made with a key only the provider has. Never "none", never a secret we know too."""
CLOCKS = 120
"""Seconds by which the provider's clock may differ from ours."""
ANSWER_WITHIN = 10.0
KEPT_FOR = 3600.0
BEGUN_WITHIN = 600.0
"""Seconds somebody may take at the provider."""
UNREACHABLE = "Your trust's sign-in does not answer; try again in a moment, or sign in with your password here."
NOT_HELD = "What your trust's sign-in answered could not be trusted; nothing was done. Start again from the sign-in page."
BROKEN_OFF = "You did not finish signing in there; start again from the sign-in page."
NOT_AGAIN = "Your trust's sign-in did not ask you anew, so nothing was changed; sign out there, or use your password here."
UNVERIFIED = "Your trust's sign-in does not vouch for your e-mail address; ask those who run it, or sign in with your password here."


class NotSignedIn(Exception):
    """The provider did not vouch for anybody. The message is one sentence to show."""


@dataclass(frozen=True)
class Provider:
    """The trust's identity provider. acr, amr: its words for "with a second factor"; none where it is not asked."""

    issuer: str
    client_id: str
    client_secret: str
    name: str
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Whom the provider vouches for; its e-mail address is verified there."""

    issuer: str
    subject: str
    email: str
    second_factor: bool
    shown_at: int | None = None
    """When they last showed the provider who they are (seconds since 1970), where it says so."""


def provider() -> Provider | None:
    """The identity provider of this installation, if it has one."""
    told = settings.SYNTHPORTAL_PROVIDER
    return Provider(**told) if told else None


def begin(there: Provider, back: str, *, again: bool = False) -> tuple[str, dict[str, Any]]:
    """(address to send the browser to, what to keep in its session until it comes back). back: our own address to return to.

    again: who is signed in there already is asked anew (OpenID Connect Core, section 3.1.2.1: `prompt`, `max_age`).
    """
    kept = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "at": time.time(),
    }
    asked = {"acr_values": " ".join(there.acr)} if there.acr else {}
    if again:
        kept["again"] = True
        asked |= {"prompt": "login", "max_age": "0"}
    with _session(there, back) as client:
        address, _ = client.create_authorization_url(
            _described(there)["authorization_endpoint"],
            state=kept["state"],
            nonce=kept["nonce"],
            code_verifier=kept["verifier"],
            **asked,
        )
    return str(address), kept


def identity(there: Provider, back: str, kept: dict[str, Any] | None, returned: dict[str, str]) -> Identity:
    """Whom the provider vouches for, from what the browser came back with. NotSignedIn when anything does not hold."""
    if not kept or not hmac.compare_digest(str(kept["state"]).encode(), returned.get("state", "").encode()):
        raise NotSignedIn(NOT_HELD)
    if abs(time.time() - kept["at"]) > BEGUN_WITHIN or "code" not in returned:
        raise NotSignedIn(BROKEN_OFF)
    if returned.get("iss", there.issuer) != there.issuer:  # RFC 9207
        raise NotSignedIn(NOT_HELD)
    described = _described(there)
    try:
        with _session(there, back) as client:
            token = client.fetch_token(
                described["token_endpoint"], code=returned["code"], code_verifier=kept["verifier"], timeout=ANSWER_WITHIN
            )
            claims = _claims(there, str(token.get("id_token", "")), kept["nonce"], str(token.get("access_token", "")))
            if "email" not in claims and "userinfo_endpoint" in described:
                told = client.get(described["userinfo_endpoint"], timeout=ANSWER_WITHIN).json()
                if told.get("sub") != claims["sub"]:
                    raise NotSignedIn(NOT_HELD)
                claims |= {name: told[name] for name in ("email", "email_verified") if name in told}
    except requests.RequestException:
        raise NotSignedIn(UNREACHABLE) from None
    except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError):
        raise NotSignedIn(NOT_HELD) from None
    if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
        raise NotSignedIn(UNVERIFIED)
    methods = claims.get("amr")
    second = claims.get("acr") in there.acr or bool(set(methods if isinstance(methods, list) else ()) & set(there.amr))
    shown = claims.get("auth_time")
    found = Identity(there.issuer, str(claims["sub"]), claims["email"], second, shown if isinstance(shown, int) else None)
    if kept.get("again") and (found.shown_at is None or found.shown_at < kept["at"] - CLOCKS):
        raise NotSignedIn(NOT_AGAIN)
    return found


def _claims(there: Provider, token: str, nonce: str, access_token: str) -> dict[str, Any]:
    """The claims of an ID token whose signature, issuer, audience, times and nonce hold."""
    try:
        decoded = jwt.decode(token, _keys(there, _hour()), algorithms=list(ALGORITHMS))
    except JoseError:  # the provider may have new keys
        _keys.cache_clear()
        decoded = jwt.decode(token, _keys(there, _hour()), algorithms=list(ALGORITHMS))
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={"iss": {"essential": True, "value": there.issuer}, "aud": {"essential": True, "value": there.client_id}},
        params={"nonce": nonce, "client_id": there.client_id, "access_token": access_token},
    )
    claims.validate(now=int(timezone.now().timestamp()), leeway=CLOCKS)
    return dict(claims)


def _session(there: Provider, back: str) -> OAuth2Session:
    return OAuth2Session(
        there.client_id,
        there.client_secret or None,
        scope="openid email",
        redirect_uri=back,
        code_challenge_method="S256",
        token_endpoint_auth_method=None if there.client_secret else "none",
    )


def _described(there: Provider) -> dict[str, Any]:
    try:
        return _description(there, _hour())
    except (requests.RequestException, ValueError, KeyError, TypeError):
        raise NotSignedIn(UNREACHABLE) from None


@lru_cache(maxsize=4)
def _description(there: Provider, hour: int) -> dict[str, Any]:
    """What the provider says of itself; read again every hour."""
    answer = requests.get(f"{there.issuer.rstrip('/')}/.well-known/openid-configuration", timeout=ANSWER_WITHIN)
    answer.raise_for_status()
    described: dict[str, Any] = answer.json()
    if described["issuer"] != there.issuer:
        raise ValueError("it speaks for another issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        if name != "userinfo_endpoint" or name in described:
            _kept_from_eavesdroppers(described[name], there)
    return described


@lru_cache(maxsize=4)
def _keys(there: Provider, hour: int) -> KeySet:
    answer = requests.get(_described(there)["jwks_uri"], timeout=ANSWER_WITHIN)
    answer.raise_for_status()
    return KeySet.import_key_set(answer.json())


def _kept_from_eavesdroppers(address: str, there: Provider) -> None:
    """An address of the provider is HTTPS wherever its issuer is. ValueError otherwise."""
    if urlsplit(there.issuer).scheme == "https" and urlsplit(address).scheme != "https":
        raise ValueError("an address of the provider is not HTTPS")


def _hour() -> int:
    return int(time.time() // KEPT_FOR)
