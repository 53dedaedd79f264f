"""The attestation: who signed off in what capacity, bound to the manifest by an in-toto Statement v1 in a DSSE envelope."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from releases.capsule import layout
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import Signer, TrustedKeys, moment

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:synthportal:release-attestation:1"


@dataclass(frozen=True)
class SignedOff:
    """One decision: the capacity it was taken in ("IG"), the decision ("approve"), when (``2026-11-21T21:04:00Z``). No names."""

    capacity: str
    decision: str
    at: str


@dataclass(frozen=True)
class Attestation:
    """What the publisher attests about a capsule.

    evidence_digest: what the sign-offs were given to; audit_sequence, audit_digest: head of the audit chain when it was published.
    """

    signoffs: tuple[SignedOff, ...]
    evidence_digest: str
    published_at: str
    release_policy: str
    audit_sequence: int
    audit_digest: str

    def predicate(self) -> dict[str, Any]:
        """The in-toto predicate."""
        return {
            "signoffs": [asdict(each) for each in self.signoffs],
            "evidence_digest": self.evidence_digest,
            "published_at": self.published_at,
            "release_policy": self.release_policy,
            "audit_head": {"sequence": self.audit_sequence, "digest": self.audit_digest},
        }

    @staticmethod
    def from_predicate(raw: Any) -> Attestation:
        """The inverse of `predicate`; CapsuleRefused when a part is missing."""
        try:
            attestation = Attestation(
                signoffs=tuple(SignedOff(str(s["capacity"]), str(s["decision"]), str(s["at"])) for s in raw["signoffs"]),
                evidence_digest=str(raw["evidence_digest"]),
                published_at=str(raw["published_at"]),
                release_policy=str(raw["release_policy"]),
                audit_sequence=int(raw["audit_head"]["sequence"]),
                audit_digest=str(raw["audit_head"]["digest"]),
            )
        except (KeyError, TypeError, ValueError):
            raise CapsuleRefused("the attestation lacks a part") from None
        for at in (attestation.published_at, *(each.at for each in attestation.signoffs)):
            moment(at)
        if not layout.is_digest(attestation.evidence_digest):
            raise CapsuleRefused("the attestation's evidence digest is not a SHA-256")
        if attestation.predicate() != raw:
            raise CapsuleRefused("the attestation has parts that this format does not have")
        return attestation

    @property
    def published(self) -> datetime:
        return moment(self.published_at)


def attest(manifest: bytes, attestation: Attestation, signer: Signer) -> bytes:
    """The bytes of `attestation.dsse.json` for a manifest; CapsuleRefused when nobody has signed off or a part is not well-formed."""
    if not attestation.signoffs:
        raise CapsuleRefused("nobody has signed this release off")
    Attestation.from_predicate(attestation.predicate())
    return signer.sign(layout.canonical_json(_statement(manifest, attestation.predicate())), PAYLOAD_TYPE)


def _statement(manifest: bytes, predicate: Any) -> dict[str, Any]:
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": layout.MANIFEST, "digest": {"sha256": hashlib.sha256(manifest).hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }


def attested(envelope: bytes, manifest: bytes, keys: TrustedKeys, *, sequence: int | None = None) -> tuple[Attestation, str]:
    """What a trusted key attests about exactly this manifest, and that key's id; else CapsuleRefused.

    sequence: number of the notice that announced it, where known: a key may be revoked from a notice on.
    """
    signed = keys.opened(envelope, PAYLOAD_TYPE, "the capsule")
    statement = layout.parse_json(signed.payload, "the attestation")
    if not isinstance(statement, dict) or layout.canonical_json(statement) != signed.payload:
        raise CapsuleRefused("the attestation is not a canonical in-toto statement")
    if statement != _statement(manifest, statement.get("predicate")):
        raise CapsuleRefused("the attestation is about another manifest than the one in this capsule")
    attestation = Attestation.from_predicate(statement["predicate"])
    keys.check_revocation(signed.key_id, "the capsule", at=attestation.published, sequence=sequence)
    return attestation, signed.key_id
