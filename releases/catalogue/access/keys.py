"""Keys by purpose, all from one file, and short texts sealed with them: a copy of the database alone opens nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE = 12


def key(purpose: str) -> bytes:
    """The 32 bytes for one purpose (HKDF, RFC 5869), from the file that `SYNTHPORTAL_PUBLIC_SEALING_KEY` names."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"synthportal {purpose}".encode()).derive(
        settings.SYNTHPORTAL_SEALING_KEY.encode()
    )


def keyed_digest(purpose: str, text: str) -> str:
    """A digest (hex) that nobody without the key can compare with a guess."""
    return hmac.new(key(purpose), text.encode(), hashlib.sha256).hexdigest()


def sealed(purpose: str, text: str) -> str:
    """`text` as it may be kept: AES-256-GCM, base64."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(nonce + AESGCM(key(purpose)).encrypt(nonce, text.encode(), None)).decode()


def unsealed(purpose: str, kept: str) -> str:
    """What was sealed; ValueError when the key is another one or the text was changed."""
    content = base64.b64decode(kept)
    try:
        return AESGCM(key(purpose)).decrypt(content[:_NONCE], content[_NONCE:], None).decode()
    except InvalidTag:
        raise ValueError("a sealed text cannot be opened: the sealing key is not the one it was sealed with") from None
