"""Keys and signatures: Ed25519 in DSSE envelopes. The private key is the publisher's alone; verifiers pin public keys.

Source of the envelope: Dead Simple Signing Envelope v1 (secure-systems-lab/dsse), over securesystemslib.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey  # type: ignore[attr-defined] # the package does not list them

from releases.capsule import files, layout
from releases.capsule.layout import CapsuleRefused

PRIVATE_KEY = "signing.key"
PUBLIC_KEY = "signing.pub"
REVOKED = "revoked.json"


class KeyRefused(Exception):
    """A key file that is missing, damaged, or readable by others. The message is one line with the way out."""


def create_key(folder: Path) -> str:
    """Make a new key pair: `signing.key` (0600, never replaced) and `signing.pub` in `folder`; the key's id.

    KeyRefused when there is a key already: rotating means creating the next one in another folder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    signer = CryptoSigner.generate_ed25519()
    try:
        files.create_durably(folder / PRIVATE_KEY, signer.private_bytes, 0o600)
    except FileExistsError:
        raise KeyRefused(f"{folder / PRIVATE_KEY} exists already; a signing key is never overwritten") from None
    files.replace_durably(folder / PUBLIC_KEY, _public_pem(signer.public_key))
    return str(signer.public_key.keyid)


def _public_pem(key: SSlibKey) -> bytes:
    raw = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"]))
    return raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class Signer:
    """The publisher's private key, in memory."""

    _crypto: CryptoSigner

    @staticmethod
    def load(path: Path) -> Signer:
        """The key at `path`; KeyRefused when it is missing, no Ed25519 key, or its file can be read by anyone but its owner."""
        try:
            with path.open("rb") as stream:
                if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                    raise KeyRefused(f"{path} can be read by others; make it private: chmod 600 {path}")
                content = stream.read(64 * 1024)
        except OSError as error:
            raise KeyRefused(f"the signing key {path} cannot be read: {error.strerror}") from None
        try:
            private = load_pem_private_key(content, None)
        except (ValueError, TypeError):
            raise KeyRefused(f"{path} is not a private key in PEM format") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyRefused(f"{path} is not an Ed25519 key")
        return Signer(CryptoSigner(private))

    @property
    def key_id(self) -> str:
        return str(self._crypto.public_key.keyid)

    def trusted(self) -> TrustedKeys:
        """Trust in this key alone: what the publisher checks its own work with."""
        return TrustedKeys({self.key_id: self._crypto.public_key}, {})

    def public_pem(self) -> bytes:
        """The public half, to be pinned by verifiers."""
        return _public_pem(self._crypto.public_key)

    def sign(self, payload: bytes, payload_type: str) -> bytes:
        """A DSSE envelope around `payload` as the canonical JSON that verifiers require."""
        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._crypto)
        return layout.canonical_json(envelope.to_dict())


@dataclass(frozen=True)
class Revocation:
    """From when a key no longer counts: from notice `from_sequence`, or from `from_time`; neither: all it ever signed."""

    key_id: str
    from_sequence: int | None = None
    from_time: datetime | None = None


@dataclass(frozen=True)
class Signed:
    """What a trusted key signed."""

    payload: bytes
    key_id: str


@dataclass(frozen=True)
class TrustedKeys:
    """Pinned public keys by id, and which of them are revoked. Never filled from what travels with a capsule."""

    keys: dict[str, Key]
    revocations: dict[str, Revocation]

    @staticmethod
    def load(path: Path) -> TrustedKeys:
        """Pinned keys from one PEM file, or from every `*.pub` of a folder; `revoked.json` beside them is obeyed.

        KeyRefused when there is no key, one is damaged, or the list of revoked keys cannot be read.
        """
        folder = path if path.is_dir() else path.parent
        try:
            found = sorted(path.glob("*.pub")) if path.is_dir() else [path]
            keys = [_public_key(each) for each in found]
        except OSError as error:
            raise KeyRefused(f"the public key {path} cannot be read: {error.strerror}") from None
        if not keys:
            raise KeyRefused(f"the folder {path} holds no public key (*.pub); pin the publisher's")
        return TrustedKeys({key.keyid: key for key in keys}, _revocations(folder / REVOKED))

    def opened(self, envelope: bytes, payload_type: str, what: str) -> Signed:
        """The payload of a DSSE envelope with exactly one signature, by a trusted key, in canonical encoding; else CapsuleRefused.

        Revocation is judged by the caller, who knows the number or the time.
        """
        raw = layout.parse_json(envelope, f"the signature of {what}")
        try:
            if layout.canonical_json(raw) != envelope:
                raise ValueError
            payload = base64.b64decode(raw["payload"], validate=True)
            parsed = Envelope.from_dict(json.loads(envelope))
            if len(parsed.signatures) != 1 or layout.canonical_json(parsed.to_dict()) != envelope or parsed.payload != payload:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
            raise CapsuleRefused(f"the signature of {what} is not one canonical DSSE envelope") from None
        if parsed.payload_type != payload_type:
            raise CapsuleRefused(f"the signature of {what} is a signature of something else")
        (key_id,) = parsed.signatures
        if key_id not in self.keys:
            raise CapsuleRefused(f"{what} is signed by a key that is not trusted here ({layout.shown(key_id)})")
        try:
            parsed.verify([self.keys[key_id]], 1)
        except (VerificationError, UnverifiedSignatureError):
            raise CapsuleRefused(f"the signature of {what} does not hold") from None
        return Signed(parsed.payload, key_id)

    def check_revocation(self, key_id: str, what: str, *, at: datetime, sequence: int | None = None) -> None:
        """CapsuleRefused when the key was revoked by then.

        The notice's number decides where both it and `from_sequence` are known; else the time, which is the signer's own word
        and which a stolen key can lie about: where that is feared, revoke without a time, and all that the key signed is refused.
        """
        revoked = self.revocations.get(key_id)
        if revoked is None:
            return
        if sequence is not None and revoked.from_sequence is not None:
            counts = sequence < revoked.from_sequence
        else:
            counts = revoked.from_time is not None and at < revoked.from_time
        if not counts:
            raise CapsuleRefused(f"{what} is signed by the revoked key {layout.shown(key_id)}")


def pin(public_key: bytes, folder: Path) -> str:
    """Trust a public key (PEM) in `folder`: writes `<key id>.pub`; the key's id. Repeating it changes nothing."""
    key = _parsed(public_key, "the public key")
    folder.mkdir(parents=True, exist_ok=True)
    files.replace_durably(folder / f"{key.keyid}.pub", _public_pem(key))
    return str(key.keyid)


def _public_key(path: Path) -> SSlibKey:
    with path.open("rb") as stream:
        return _parsed(stream.read(64 * 1024), str(path))


def _parsed(content: bytes, what: str) -> SSlibKey:
    try:
        key = load_pem_public_key(content)
    except (ValueError, TypeError):
        raise KeyRefused(f"{what} is not a public key in PEM format") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused(f"{what} is not an Ed25519 key")
    return SSlibKey.from_crypto(key)


def _revocations(path: Path) -> dict[str, Revocation]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeyRefused(f"the list of revoked keys {path} cannot be read: {error.strerror}") from None
    try:
        raw: Any = json.loads(content)
        found = [
            Revocation(
                key_id=str(item["key_id"]),
                from_sequence=None if item.get("from_sequence") is None else int(item["from_sequence"]),
                from_time=None if item.get("from_time") is None else moment(item["from_time"]),
            )
            for item in raw["revoked"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, CapsuleRefused):
        raise KeyRefused(f'{path} is not a list of revoked keys: {{"revoked": [{{"key_id", "from_sequence", "from_time"}}]}}') from None
    return {revocation.key_id: revocation for revocation in found}


def moment(text: object) -> datetime:
    """A time as notices and attestations write it: ``2026-11-21T21:04:00Z``; CapsuleRefused otherwise."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise CapsuleRefused("a time is not written like 2026-11-21T21:04:00Z") from None


def written(at: datetime) -> str:
    """The inverse of `moment`, in UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
