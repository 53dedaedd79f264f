"""The chain of custody: of a dataset, or of one version made from it, what was made, stored, shared and destroyed, by whom, when.

Read from the rows that say so, each with its digest; nothing is written down a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from generators.digests import digest
from releases.models import (
    Account,
    AuditEvent,
    DestructionRecord,
    Drill,
    EvaluationRecord,
    ReleaseRequest,
    Snapshot,
    SourceDataset,
    SummaryRecord,
    SyntheticVersion,
    TrainedModel,
)

MADE, STORED, SHARED, DESTROYED = "made", "stored", "shared", "destroyed"
SYSTEM = "the system"


@dataclass(frozen=True)
class Entry:
    """One thing that happened to an artefact. sha256: of its bytes, or of its files' digests together; page, key: where to read on."""

    at: datetime
    stage: str
    what: str
    who: str
    sha256: str = ""
    page: str = ""
    key: str = ""


def of_source(source: SourceDataset) -> tuple[Entry, ...]:
    """Everything that came of a dataset, oldest first. Versions of drills are left out: nobody's data were made for them."""
    drilled = Drill.objects.values("request")
    found: list[Entry] = []
    for snapshot in source.snapshots.select_related("received_by", "working_copy__run__started_by", "split"):
        found += _of_snapshot(snapshot)
    for summary in source.summaries.select_related("requested_by", "snapshot"):
        found += _of_summary(summary)
    for trained in source.trained_models.select_related("requested_by", "snapshot"):
        found += _of_model(trained)
    for version in SyntheticVersion.objects.filter(snapshot__source=source).exclude(request__in=drilled).select_related(*_RELATED):
        found += _of_version(version)
    for request in source.requests.exclude(pk__in=drilled).filter(submitted_at__isnull=False).select_related("submitted_by"):
        found += _of_release(request)
    found += _destroyed(DestructionRecord.objects.filter(snapshot__source=source))
    return tuple(sorted(found, key=lambda entry: entry.at))


def of_version(version: SyntheticVersion) -> tuple[Entry, ...]:
    """What one version came from, and what came of it, oldest first."""
    found = [*_of_snapshot(version.snapshot), *_of_version(version)]
    if version.summary is not None:
        found += _of_summary(version.summary)
    if version.trained is not None:
        found += _of_model(version.trained)
    for request in ReleaseRequest.objects.filter(version=version, submitted_at__isnull=False).select_related("submitted_by"):
        found += _of_release(request)
    gone = DestructionRecord.objects.filter(snapshot=version.snapshot).exclude(what__startswith="model ")
    if version.trained is not None:
        gone |= DestructionRecord.objects.filter(snapshot=version.snapshot, what__startswith=f"model {version.trained_id}")
    found += _destroyed(gone)
    return tuple(sorted(found, key=lambda entry: entry.at))


_RELATED = ("request", "made_by", "evaluation")


def _of_snapshot(snapshot: Snapshot) -> Iterator[Entry]:
    name = f"Snapshot {snapshot.number}"
    how = "uploaded" if snapshot.origin == Snapshot.Origin.UPLOAD else "pointed at, where it lies in the secure zone"
    yield Entry(snapshot.received_at, STORED, f"{name}, {how}", _who(snapshot.received_by), snapshot.sha256)
    copy = getattr(snapshot, "working_copy", None)
    if copy is not None:
        files = digest([table["sha256"] for table in copy.tables])
        yield Entry(copy.made_at, MADE, f"Working copy of snapshot {snapshot.number}: names dropped, persons behind codes", SYSTEM, files)
    split = getattr(snapshot, "split", None)
    if split is not None:
        yield Entry(split.made_at, MADE, f"Split of snapshot {snapshot.number} into train and holdout", SYSTEM, split.digest)


def _of_summary(summary: SummaryRecord) -> Iterator[Entry]:
    name = f"Summary of snapshot {summary.snapshot.number} under the policy “{summary.policy_name}”"
    yield Entry(summary.made_at, MADE, name, _who(summary.requested_by), summary.sha256, "summary", str(summary.pk))
    for event in _events("download_summary", summary).select_related("actor"):
        yield Entry(event.at, SHARED, f"{name}: its file was downloaded within the hospital", _who(event.actor), summary.sha256)


def _of_model(trained: TrainedModel) -> Iterator[Entry]:
    name = f"Model of {trained.generator}, learned from snapshot {trained.snapshot.number}"
    yield Entry(trained.made_at, MADE, name, _who(trained.requested_by), trained.digest, "trained-model", str(trained.pk))


def _of_version(version: SyntheticVersion) -> Iterator[Entry]:
    name = f"Version {version.number} of “{version.request.title}”"
    files = digest([each["sha256"] for each in version.files])
    made = f"{name}: {version.rows:,} rows by {version.generator}, seed {version.seed}"
    yield Entry(version.made_at, MADE, made, _who(version.made_by), files, "version", str(version.pk))
    evaluation: EvaluationRecord | None = getattr(version, "evaluation", None)
    if evaluation is not None:
        yield Entry(evaluation.made_at, MADE, f"Evaluation of version {version.number}", SYSTEM, evaluation.sha256)


def _of_release(request: ReleaseRequest) -> Iterator[Entry]:
    title, page, key = f"“{request.title}”", "request", str(request.pk)
    if request.submitted_at is not None:
        stored = f"Capsule of {title}, as submitted in round {request.round}"
        yield Entry(request.submitted_at, STORED, stored, _who(request.submitted_by), str(request.manifest_sha256), page, key)
    publication = getattr(request, "publication", None)
    if publication is not None and publication.published_at is not None:
        out = f"{title}, published as {publication.slug}, version {publication.release_version}, notice {publication.notice_sequence}"
        yield Entry(publication.published_at, SHARED, out, "the publisher", publication.manifest_sha256, page, key)
    for notice in request.announcements.select_related("by"):
        if notice.announced_at is None:
            continue
        told = f"{title}: the public site was told “{notice.get_kind_display().lower()}”, notice {notice.notice_sequence}"
        yield Entry(notice.announced_at, SHARED, told, _who(notice.by), "", page, key)


def _destroyed(records: QuerySet[DestructionRecord]) -> Iterator[Entry]:
    for record in records.select_related("snapshot"):
        what = f"{record.what[:1].upper()}{record.what[1:]}, of snapshot {record.snapshot.number}. {record.reason}"
        yield Entry(record.destroyed_at, DESTROYED, what, SYSTEM, record.sha256)


def _events(action: str, target: Any) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(action=action, outcome=AuditEvent.Outcome.DONE, target_id=str(target.pk))


def _who(account: Account | None) -> str:
    return account.full_name if account is not None else SYSTEM
