"""What goes in and out of the interface for machines: ids, names, states, digests, sentences; never a value of a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from ninja import Schema
from pydantic import ConfigDict, Field

from releases import permissions, policy
from releases.models import Account, ReleaseRequest, Run, Snapshot, SourceDataset, SummaryRecord, SyntheticVersion


class Strict(Schema):
    """What is sent in: a field that is not known is refused rather than overlooked."""

    model_config = ConfigDict(extra="forbid")


class DatasetLine(Schema):
    """A dataset in a list: what is read with the list itself, however many there are."""

    id: UUID
    title: str
    controller: str
    subject: str
    newest_snapshot: UUID | None = Field(description="The last one given, whatever became of it.")
    ready_snapshot: UUID | None = Field(description="The one that summaries and data are made from.")

    @staticmethod
    def every(sources: QuerySet[SourceDataset]) -> list[DatasetLine]:
        """The lines of these datasets, by one question to the database."""
        newest = Snapshot.objects.filter(source=OuterRef("pk")).order_by("-number")
        ready = newest.filter(state=Snapshot.State.READY)
        found = sources.annotate(newest_snapshot=Subquery(newest.values("pk")[:1]), ready_snapshot=Subquery(ready.values("pk")[:1]))
        return [DatasetLine(**row) for row in found.values(*DatasetLine.model_fields)]


class DatasetOut(DatasetLine):
    may_not_receive: str | None = Field(description="Why new data cannot be given now; null when they can.")

    @staticmethod
    def of(source: SourceDataset, actor: Account) -> DatasetOut:
        newest, ready = source.latest_snapshot, source.current_snapshot
        return DatasetOut(
            id=source.pk,
            title=source.title,
            controller=source.controller,
            subject=source.subject,
            newest_snapshot=newest.pk if newest else None,
            ready_snapshot=ready.pk if ready else None,
            may_not_receive=permissions.explain(actor, "receive_upload", source),
        )


class RunOut(Schema):
    id: UUID
    kind: str
    state: str = Field(description="queued, running, succeeded, failed or cancelled")
    stage: str
    fraction: float
    reason: str = Field(description="Why it failed or was cancelled.")
    request: UUID | None
    snapshot: UUID | None
    version: UUID | None = Field(description="The version this run made.")
    followed_by: UUID | None = Field(description="The run that this one began, such as the evaluation of what was generated.")

    @staticmethod
    def of(run: Run, among: Sequence[Run] | None = None) -> RunOut:
        """among: the runs of its request in the order they were asked for, where the caller has them already."""
        made = getattr(run, "made_version", None)
        kinds = _FOLLOWS.get(run.kind, ()) if run.state == Run.State.SUCCEEDED and run.request else ()
        if among is None:
            among = list(run.request.runs.order_by("queued_at")) if run.request and kinds else []
        following = next((each for each in among if each.kind in kinds and each.queued_at > run.queued_at), None)
        return RunOut(
            id=run.pk,
            kind=run.kind,
            state=run.state,
            stage=run.stage,
            fraction=run.fraction,
            reason=run.reason,
            request=run.request_id,
            snapshot=run.snapshot_id,
            version=made.pk if made else None,
            followed_by=following.pk if following else None,
        )


_FOLLOWS = {Run.Kind.FIT.value: (Run.Kind.GENERATE,), Run.Kind.GENERATE.value: (Run.Kind.EVALUATE,)}


class SnapshotOut(Schema):
    id: UUID
    dataset: UUID
    number: int
    state: str = Field(description="received, profiled, confirmed or ready")
    sha256: str
    rows: int | None
    proposed_schema_sha256: str | None = Field(description="Send it back to confirm the schema.")
    differences: list[str] = Field(description="How the schema differs from the last confirmed one.")
    may_not_confirm: str | None
    runs: list[RunOut]

    @staticmethod
    def of(snapshot: Snapshot, actor: Account, digest: str | None) -> SnapshotOut:
        return SnapshotOut(
            id=snapshot.pk,
            dataset=snapshot.source_id,
            number=snapshot.number,
            state=snapshot.state,
            sha256=snapshot.sha256,
            rows=snapshot.rows,
            proposed_schema_sha256=digest,
            differences=[str(each) for each in snapshot.drift],
            may_not_confirm=permissions.explain(actor, "confirm_schema", snapshot),
            runs=[
                RunOut.of(run) for run in snapshot.runs.filter(request__isnull=True).select_related("made_version").order_by("queued_at")
            ],
        )


class SummaryOut(Schema):
    id: UUID
    snapshot: UUID
    policy: str
    digest: str
    made_at: datetime

    @staticmethod
    def of(summary: SummaryRecord) -> SummaryOut:
        return SummaryOut(
            id=summary.pk, snapshot=summary.snapshot_id, policy=summary.policy_name, digest=summary.digest, made_at=summary.made_at
        )


class GateOut(Schema):
    gate: str
    level: str
    met: bool
    sentence: str


class VersionOut(Schema):
    id: UUID
    number: int
    generator: str
    tier: str
    rows: int
    seed: int
    mechanism_digest: str
    evaluated: bool
    gates: str | None = Field(description="The version of the gates it was judged by.")
    hard_gates_met: bool | None
    outcomes: list[GateOut]

    @staticmethod
    def of(version: SyntheticVersion) -> VersionOut:
        evaluation = getattr(version, "evaluation", None)
        outcomes: list[dict[str, Any]] = evaluation.verdict["outcomes"] if evaluation else []
        return VersionOut(
            id=version.pk,
            number=version.number,
            generator=version.generator,
            tier=version.tier,
            rows=version.rows,
            seed=version.seed,
            mechanism_digest=version.mechanism_digest,
            evaluated=evaluation is not None,
            gates=evaluation.gates_version if evaluation else None,
            hard_gates_met=evaluation.passed if evaluation else None,
            outcomes=[GateOut(gate=o["gate"], level=o["level"], met=o["passed"], sentence=o["sentence"]) for o in outcomes],
        )


class RequestLine(Schema):
    """A request in a list: what is in its own row. Ask for the request itself to see what it waits for."""

    id: UUID
    dataset: UUID
    title: str
    state: str
    round: int
    tier: str
    version: UUID | None = Field(description="The version chosen for release.")
    evidence_digest: str | None
    release_policy: str | None

    @staticmethod
    def of_row(asked: ReleaseRequest) -> RequestLine:
        return RequestLine(
            id=asked.pk,
            dataset=asked.source_id,
            title=asked.title,
            state=asked.state,
            round=asked.round,
            tier=asked.tier,
            version=asked.version_id,
            evidence_digest=asked.evidence_digest,
            release_policy=asked.release_policy,
        )


class RequestOut(RequestLine):
    signed: list[str] = Field(description="Capacities that signed this round.")
    wanted: list[str] = Field(description="Capacities that must sign.")
    versions: list[VersionOut]
    runs: list[RunOut]
    refusals: dict[str, str | None] = Field(description="For each action: why it cannot be done now, or null.")

    @staticmethod
    def of(asked: ReleaseRequest, actor: Account) -> RequestOut:
        versions = asked.versions.select_related("evaluation").order_by("number")
        runs = list(asked.runs.select_related("made_version", "request").order_by("queued_at"))
        return RequestOut(
            **RequestLine.of_row(asked).model_dump(),
            signed=sorted(policy.signed_capacities(asked)),
            wanted=sorted(policy.capacities(asked)),
            versions=[VersionOut.of(each) for each in versions],
            runs=[RunOut.of(run, runs) for run in runs],
            refusals=permissions.allowed(actor, asked),
        )


class PointIn(Strict):
    path: str = Field(description="A file, or a folder of tables, under a folder that the installation allows.", max_length=4096)


class ConfirmIn(Strict):
    schema_sha256: str = Field(description="`proposed_schema_sha256` of the snapshot.", min_length=64, max_length=64)


class SummaryIn(Strict):
    policy: str
    without: list[tuple[str, str]] = Field(default=[], description="[table, column] to leave out")
    cross_tabulations: list[str] = Field(default=[])


class RequestIn(Strict):
    title: str = Field(max_length=200)


class DescribeIn(Strict):
    title: str | None = None
    purpose: str | None = None
    use_case: str | None = None
    description: str | None = None
    variables: dict[str, str] | None = Field(default=None, description="Column → why it is needed.")
    targets: list[str] | None = None
    tier: str | None = None
    access_level: str | None = None
    licence: str | None = None


class LearningIn(Strict):
    options: dict[str, str] = Field(default={})
    epsilon: float | None = None
    delta: float | None = None
    contributions: int | None = None
    max_membership: float | None = None
    apart: list[tuple[str, str]] = Field(default=[], description="Pairs of columns of which nothing is learned together.")
    seed: int = 1


class GenerationIn(Strict):
    generator: str
    seed: int
    rows: int | None = Field(default=None, description="Of every table that refers to no other. Either this or `scale`.")
    scale: float | None = None
    summary: UUID | None = Field(default=None, description="For generators of aggregates.")
    learning: LearningIn | None = Field(default=None, description="For generators that learn from records.")


class VersionIn(Strict):
    version: UUID
