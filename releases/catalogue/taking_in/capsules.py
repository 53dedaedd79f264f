"""From one notice to the rows that tell of its capsule: verified, its files on their way into the store, nothing saved yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from releases.capsule import layout
from releases.capsule.feed import Notice
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import TrustedKeys
from releases.capsule.verify import VerifiedCapsule, verify
from releases.catalogue.finding.index import FIDELITIES
from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.serving.store import Arrivals, keep_sealed, sealed_name


@dataclass(frozen=True)
class Arrival:
    """A notice, and of one that brings a new version its rows, unsaved and without their release."""

    notice: Notice
    version: ReleaseVersion | None = None
    files: tuple[StoredFile, ...] = ()


def announced(notice: Notice) -> ReleaseVersion:
    """A version as its notice alone tells of it."""
    return ReleaseVersion(
        version=notice.version,
        state=ReleaseVersion.State.PUBLISHED,
        state_at=notice.at,
        title=notice.slug,
        access_level=notice.access_level,
        manifest_sha256=notice.manifest_sha256,
        attestation_sha256=notice.attestation_sha256,
        key_id=notice.key_id,
        notice_sequence=notice.sequence,
        published_at=notice.at,
        year=notice.at.year,
    )


def arrived(notice: Notice, lake: Path, keys: TrustedKeys, arrivals: Arrivals) -> Arrival:
    """What a published notice brings: its capsule verified, its files taken by `arrivals`; CapsuleRefused when anything does not hold."""
    verified = _copied(notice, lake, keys, arrivals)
    version = announced(notice)
    _describe(version, verified, arrivals)
    return Arrival(notice, version, tuple(_stored_files(version, verified, arrivals)))


def _copied(notice: Notice, lake: Path, keys: TrustedKeys, arrivals: Arrivals) -> VerifiedCapsule:
    folder = lake
    if notice.access_level != "open" and settings.SYNTHPORTAL_SAFEGUARDED_LAKE:
        folder = Path(settings.SYNTHPORTAL_SAFEGUARDED_LAKE)
    for part in notice.place.split("/"):
        folder = folder / part
        if folder.is_symlink():
            raise CapsuleRefused(f"notice {notice.sequence}: the capsule's place in the lake is a symbolic link")
    try:
        verified = verify(folder, keys, sequence=notice.sequence)
        said = verified.manifest.description
        if (said.slug, said.version, said.access_level) != (notice.slug, notice.version, notice.access_level):
            raise CapsuleRefused("the capsule in that place is another one")
        if (verified.manifest_sha256, verified.attestation_sha256) != (notice.manifest_sha256, notice.attestation_sha256):
            raise CapsuleRefused("the capsule in that place is not the one that was announced")
        # What is copied is checked again against the digests just verified: a file exchanged in between is found.
        for entry in verified.manifest.files:
            if name := sealed_name(notice.access_level, entry.role, f"{notice.slug}/{notice.version}/{entry.path}"):
                keep_sealed(arrivals.store, folder / entry.path, entry.sha256, name)
            else:
                arrivals.take(folder / entry.path, entry.sha256)
        arrivals.take(folder / layout.MANIFEST, verified.manifest_sha256)
        arrivals.take(folder / layout.ATTESTATION, verified.attestation_sha256)
    except CapsuleRefused as refusal:
        raise CapsuleRefused(f"notice {notice.sequence}, {notice.slug} version {notice.version}: {refusal.reason}") from None
    except OSError as error:
        raise CapsuleRefused(f"notice {notice.sequence}: the capsule cannot be copied: {error.strerror}") from None
    return verified


def _describe(version: ReleaseVersion, verified: VerifiedCapsule, arrivals: Arrivals) -> None:
    """Fill in what the verified capsule says."""
    said = verified.manifest.description
    version.key_id = verified.key_id
    version.title, version.description, version.subject = said.title, said.description, said.subject
    version.tier, version.licence, version.purpose = said.tier, said.licence, said.purpose
    version.organisation, version.data_model = said.organisation, said.data_model
    version.fidelity = FIDELITIES[said.tier]
    version.row_count = said.made.rows
    version.published_at = verified.attestation.published
    version.year = version.published_at.year
    version.manifest = layout.parse_json(arrivals.content(verified.manifest_sha256).read_bytes(), "the manifest")
    version.attestation = verified.attestation.predicate()
    names = _column_names(verified, arrivals)
    version.column_names, version.column_count = "\n".join(names), len(names)
    if _holds_nul([version.manifest, version.attestation, names, [entry.table for entry in verified.manifest.files]]):
        # PostgreSQL keeps no such text: what one database refuses, the other does not take in either.
        raise CapsuleRefused(f"notice {version.notice_sequence}: a text of the capsule holds a NUL character")


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(each) for pair in value.items() for each in pair)
    return isinstance(value, list) and any(map(_holds_nul, value))


def _column_names(verified: VerifiedCapsule, arrivals: Arrivals) -> list[str]:
    entry = verified.manifest.file(layout.DICTIONARY_JSON)
    columns = layout.parse_json(arrivals.content(entry.sha256).read_bytes(), "the dictionary")
    try:
        return [" ".join(str(column["column"]).split()) for column in columns]
    except (TypeError, KeyError):
        raise CapsuleRefused("the dictionary is not a list of columns") from None


def _stored_files(version: ReleaseVersion, verified: VerifiedCapsule, arrivals: Arrivals) -> list[StoredFile]:
    said = verified.manifest.description
    stored = [
        StoredFile(
            version=version,
            path=entry.path,
            size=entry.size,
            sha256=entry.sha256,
            sealed_as=sealed_name(said.access_level, entry.role, f"{said.slug}/{said.version}/{entry.path}"),
            crc32=verified.crcs[entry.path],
            media_type=entry.media_type,
            role=entry.role,
            table=entry.table or "",
            row_count=entry.rows,
        )
        for entry in verified.manifest.files
    ]
    for path, sha256 in ((layout.MANIFEST, verified.manifest_sha256), (layout.ATTESTATION, verified.attestation_sha256)):
        size = arrivals.content(sha256).stat().st_size
        crc = verified.crcs[path]
        stored.append(
            StoredFile(version=version, path=path, size=size, sha256=sha256, crc32=crc, media_type="application/json", role="proof")
        )
    return stored
