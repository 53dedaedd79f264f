"""Keys by purpose, all from one file, and short texts sealed with them: a copy of the database alone opens nothing.

While the key is exchanged (`rotation`) the one before lies beside it: everything is sealed with the new one, and either opens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE = 12
_read: dict[Path, tuple[tuple[int, int, int], str]] = {}
"""What a file held when it was last read, by what tells that it is another one now."""


def current_file() -> Path:
    """The file that `SYNTHPORTAL_PUBLIC_SEALING_KEY` names."""
    return Path(settings.SYNTHPORTAL_SEALING_KEY)


def earlier_file() -> Path:
    """Where the key before lies while not everything is sealed with the new one."""
    return current_file().with_name(f"{current_file().name}.earlier")


def key(purpose: str) -> bytes:
    """The 32 bytes for one purpose (HKDF, RFC 5869), with which everything is sealed."""
    return _for(purpose, _text(current_file()))


def opening(purpose: str) -> tuple[bytes, ...]:
    """The keys that may open what was sealed: that one, and while it is exchanged the one before."""
    current = key(purpose)
    try:
        return current, _for(purpose, _text(earlier_file()))
    except FileNotFoundError:
        return (current,)


def keyed_digest(purpose: str, text: str) -> str:
    """A digest (hex) that nobody without the key can compare with a guess."""
    return digest_with(key(purpose), text)


def digest_with(one: bytes, text: str) -> str:
    """The same with one of the keys that `opening` tells."""
    return hmac.new(one, text.encode(), hashlib.sha256).hexdigest()


def sealed(purpose: str, text: str) -> str:
    """`text` as it may be kept: AES-256-GCM, base64."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(nonce + AESGCM(key(purpose)).encrypt(nonce, text.encode(), None)).decode()


def unsealed(purpose: str, kept: str, *, current: bool = False) -> str:
    """What was sealed; ValueError when the key is another one or the text was changed. current: with the newest key alone."""
    content = base64.b64decode(kept)
    for one in (key(purpose),) if current else opening(purpose):
        try:
            return AESGCM(one).decrypt(content[:_NONCE], content[_NONCE:], None).decode()
        except InvalidTag:
            continue
    raise ValueError("a sealed text cannot be opened: the sealing key is not the one it was sealed with")


def _for(purpose: str, text: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"synthportal {purpose}".encode()).derive(text.encode())


def _text(file: Path) -> str:
    """What the file holds now: a process that runs for weeks sees that the key was exchanged."""
    said = file.stat()
    state = (said.st_ino, said.st_mtime_ns, said.st_size)
    known = _read.get(file)
    if known is None or known[0] != state:
        known = _read[file] = (state, file.read_text())
    return known[1]
