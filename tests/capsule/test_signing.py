"""Keys: private ones stay private, public ones are pinned, revoked ones do not count."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from releases.capsule import layout
from releases.capsule.attestation import PAYLOAD_TYPE, Attestation, attest, attested
from releases.capsule.feed import NOTICE_TYPE
from releases.capsule.layout import CapsuleRefused
from releases.capsule.publish import publish
from releases.capsule.signing import KeyRefused, Signer, TrustedKeys, create_key, pin
from releases.capsule.verify import verify
from tests.capsule.world import Publisher, attestation, unsigned


@pytest.mark.promise("publish.8")
def test_a_new_key_is_private_to_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "publisher")
    key = tmp_path / "publisher/signing.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    before = key.read_bytes()
    with pytest.raises(KeyRefused, match="never overwritten"):
        create_key(tmp_path / "publisher")
    assert key.read_bytes() == before
    assert [each.name for each in sorted(key.parent.iterdir())] == ["signing.key", "signing.pub"]


@pytest.mark.promise("publish.8")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o601])
def test_a_key_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path)
    (tmp_path / "signing.key").chmod(mode)
    with pytest.raises(KeyRefused, match="chmod 600"):
        Signer.load(tmp_path / "signing.key")


def rsa_pem(private: bool) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if private:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_what_is_no_signing_key_is_refused_in_one_line(tmp_path: Path) -> None:
    key = tmp_path / "signing.key"
    with pytest.raises(KeyRefused, match="cannot be read"):
        Signer.load(key)
    for content, reason in ((b"nonsense", "PEM"), (rsa_pem(private=True), "Ed25519")):
        key.write_bytes(content)
        key.chmod(0o600)
        with pytest.raises(KeyRefused, match=reason) as refused:
            Signer.load(key)
        assert "\n" not in str(refused.value)


@pytest.mark.promise("publish.6")
def test_without_a_key_to_trust_there_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.pub").write_bytes(b"nonsense")
    (tmp_path / "rsa.pub").write_bytes(rsa_pem(private=False))
    for path, reason in (("empty", "no public key"), ("absent.pub", "cannot be read"), ("bad.pub", "PEM"), ("rsa.pub", "Ed25519")):
        with pytest.raises(KeyRefused, match=reason):
            TrustedKeys.load(tmp_path / path)


def test_pinning_a_key_twice_pins_it_once(publisher: Publisher, tmp_path: Path) -> None:
    for _ in range(2):
        assert pin(publisher.signer.public_pem(), tmp_path / "keys") == publisher.signer.key_id
    assert set(TrustedKeys.load(tmp_path / "keys").keys) == {publisher.signer.key_id}


@pytest.mark.promise("publish.4")
def test_the_attestation_is_an_in_toto_statement_about_the_manifest_with_the_sign_offs_by_capacity(publisher: Publisher) -> None:
    place = publisher.lake / publisher.publish().place
    manifest = (place / "manifest.json").read_bytes()
    envelope = json.loads((place / "attestation.dsse.json").read_bytes())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert [each["keyid"] for each in envelope["signatures"]] == [publisher.signer.key_id]
    said, key_id = attested((place / "attestation.dsse.json").read_bytes(), manifest, publisher.keys)
    assert key_id == publisher.signer.key_id
    assert said == attestation()
    assert [(each.capacity, each.decision, each.at) for each in said.signoffs] == [("IG", "approve", "2026-11-21T21:04:00Z")]


@pytest.mark.promise("publish.7")
def test_after_rotation_capsules_of_the_old_key_and_the_new_one_both_hold(publisher: Publisher, tmp_path: Path) -> None:
    old = publisher.lake / publisher.publish().place
    create_key(tmp_path / "next")
    following = Signer.load(tmp_path / "next/signing.key")
    notice = publish(unsigned(tmp_path / "second", version=2), publisher.lake, following, attestation())
    for signer in (publisher.signer, following):
        pin(signer.public_pem(), tmp_path / "keys")
    keys = TrustedKeys.load(tmp_path / "keys")
    assert verify(old, keys).key_id == publisher.signer.key_id
    assert verify(publisher.lake / notice.place, keys).key_id == following.key_id


def revoke(publisher: Publisher, **when: object) -> TrustedKeys:
    listed = {"revoked": [{"key_id": publisher.signer.key_id, **when}]}
    (publisher.folder / "publisher/revoked.json").write_text(json.dumps(listed))
    return TrustedKeys.load(publisher.folder / "publisher/signing.pub")


@pytest.mark.promise("publish.7")
@pytest.mark.parametrize(
    ("when", "sequence", "holds"),
    [
        ({}, None, False),
        ({}, 1, False),
        ({"from_time": "2026-11-21T21:05:00Z"}, None, False),
        ({"from_time": "2026-11-21T21:05:01Z"}, None, True),
        ({"from_sequence": 5}, None, False),
        ({"from_sequence": 5}, 4, True),
        ({"from_sequence": 5}, 5, False),
        ({"from_sequence": 5, "from_time": "2026-11-21T00:00:00Z"}, 4, True),
        ({"from_sequence": 5, "from_time": "2026-11-21T00:00:00Z"}, None, False),
    ],
)
def test_a_revoked_key_counts_only_for_what_it_signed_before(
    publisher: Publisher, when: dict[str, object], sequence: int | None, holds: bool
) -> None:
    place = publisher.lake / publisher.publish().place
    keys = revoke(publisher, **when)
    if holds:
        assert verify(place, keys, sequence=sequence)
    else:
        with pytest.raises(CapsuleRefused, match="revoked"):
            verify(place, keys, sequence=sequence)


@pytest.mark.parametrize("content", ["", "[]", '{"revoked": [{}]}', '{"revoked": [{"key_id": "a", "from_time": "yesterday"}]}'])
def test_a_list_of_revoked_keys_that_cannot_be_read_stops_everything(publisher: Publisher, content: str) -> None:
    (publisher.folder / "publisher/revoked.json").write_text(content)
    with pytest.raises(KeyRefused, match="revoked"):
        TrustedKeys.load(publisher.folder / "publisher/signing.pub")


def test_a_list_of_revoked_keys_that_is_a_folder_stops_everything(publisher: Publisher) -> None:
    (publisher.folder / "publisher/revoked.json").mkdir()
    with pytest.raises(KeyRefused, match="cannot be read"):
        TrustedKeys.load(publisher.folder / "publisher/signing.pub")


def test_a_signature_of_something_else_does_not_pass_for_an_attestation(publisher: Publisher) -> None:
    place = publisher.lake / publisher.publish().place
    manifest = (place / "manifest.json").read_bytes()
    statement = layout.canonical_json({"_type": "x"})
    for envelope, reason in (
        (publisher.signer.sign(statement, NOTICE_TYPE), "something else"),
        (publisher.signer.sign(statement, PAYLOAD_TYPE), "another manifest"),
        (publisher.signer.sign(b'{"b":1, "a":2}', PAYLOAD_TYPE), "canonical"),
        (publisher.signer.sign(b"[]", PAYLOAD_TYPE), "canonical"),
        (attest(manifest + b" ", attestation(), publisher.signer), "another manifest"),
        (b"{}", "canonical DSSE"),
        (b"not json", "JSON"),
        (b'{"payload":"!","payloadType":"x","signatures":[]}', "canonical DSSE"),
        (b'{"payload":"","payloadType":"x","signatures":[]}', "canonical DSSE"),
    ):
        with pytest.raises(CapsuleRefused, match=reason):
            attested(envelope, manifest, publisher.keys)


def test_two_signatures_are_not_one(publisher: Publisher, tmp_path: Path) -> None:
    place = publisher.lake / publisher.publish().place
    manifest = (place / "manifest.json").read_bytes()
    create_key(tmp_path / "other")
    raw = json.loads((place / "attestation.dsse.json").read_bytes())
    raw["signatures"] += json.loads(attest(manifest, attestation(), Signer.load(tmp_path / "other/signing.key")))["signatures"]
    with pytest.raises(CapsuleRefused, match="one canonical"):
        attested(layout.canonical_json(raw), manifest, publisher.keys)


def predicate_with(**changes: object) -> dict[str, object]:
    return {**attestation().predicate(), **changes}


@pytest.mark.parametrize(
    "predicate",
    [
        None,
        {},
        predicate_with(evidence_digest="x"),
        predicate_with(published_at="today"),
        predicate_with(signoffs=[{"capacity": "IG"}]),
        predicate_with(signoffs=[{"capacity": "IG", "decision": "approve", "at": "today"}]),
        predicate_with(audit_head={"sequence": "x", "digest": ""}),
        predicate_with(more=1),
    ],
    ids=range(8),
)
def test_an_attestation_that_lacks_a_part_or_has_one_more_is_refused(predicate: object) -> None:
    with pytest.raises(CapsuleRefused):
        Attestation.from_predicate(predicate)


def test_what_nobody_signed_off_is_not_attested(publisher: Publisher) -> None:
    nobody = Attestation((), "1" * 64, "2026-11-21T21:05:00Z", "policy", 1, "2" * 64)
    with pytest.raises(CapsuleRefused, match="nobody has signed"):
        attest(b"", nobody, publisher.signer)
    assert attestation().published == datetime(2026, 11, 21, 21, 5, tzinfo=UTC)
