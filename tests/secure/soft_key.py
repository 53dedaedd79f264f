"""A security key made of software: it answers as a real one does (WebAuthn Level 2, section 6), with real signatures."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, CREDENTIAL = 0x01, 0x40


class SoftKey:
    """One key. `origin`: the site the browser says it is at; a browser does not lie about that, a copy of a site has another one."""

    def __init__(self, origin: str = "http://localhost:8000") -> None:
        self.origin = origin
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.credential = secrets.token_bytes(32)
        self.uses = 0

    def introduced(self, options: dict[str, Any]) -> str:
        """The answer of `navigator.credentials.create`."""
        numbers = self.private.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        described = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + public
        data = self._data(options["rp"]["id"], PRESENT | CREDENTIAL) + described
        client = self._client("webauthn.create", options["challenge"])
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": bytes_to_base64url(client), "attestationObject": bytes_to_base64url(attestation)})

    def answer(self, options: dict[str, Any]) -> str:
        """The answer of `navigator.credentials.get`."""
        self.uses += 1
        data = self._data(options["rpId"], PRESENT)
        client = self._client("webauthn.get", options["challenge"])
        signature = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self._answer({name: bytes_to_base64url(part) for name, part in parts.items()})

    def _data(self, site: str, flags: int) -> bytes:
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + self.uses.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        asked = bytes_to_base64url(base64url_to_bytes(challenge))
        return json.dumps({"type": kind, "challenge": asked, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, str]) -> str:
        named = bytes_to_base64url(self.credential)
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response, "clientExtensionResults": {}})
