"""What a finished run leaves: stored with the run's own success in one transaction, so that there is both or neither."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from evaluation.gates import Verdict
from evaluation.results import Evaluation
from generators.errors import Cancelled
from generators.mechanism import Mechanism
from generators.reading.dataset import Finding
from generators.schema import DatasetSchema
from generators.summarising.exposure import Conflict, figures_by_table
from generators.summary import MetadataSummary
from releases import audit, budget, files, retention
from releases.models import (
    DestructionRecord,
    EvaluationRecord,
    LedgerEntry,
    MetricRecord,
    Run,
    Snapshot,
    SplitRecord,
    SummaryRecord,
    SyntheticVersion,
    WorkingCopy,
)
from releases.permissions import Refused
from releases.services import drills, ledger, runs
from releases.services.recorded import locked, recorded


@recorded("profile", by_system=True)
def profiled(
    run: Run,
    token: str,
    *,
    schema: DatasetSchema,
    findings: Iterable[Finding],
    rows: int,
    drift: Sequence[str],
    table_names: Mapping[str, str] | None = None,
    rules: Sequence[Mapping[str, Any]] = (),
) -> Run:
    """Store the schema proposed for a snapshot, the findings behind it, how it differs from the last one, and rules to choose from."""
    with transaction.atomic():
        run = runs.finish(run, token)
        snapshot = locked(_snapshot(run))
        snapshot.proposed_schema, snapshot.findings = schema.as_dict(), [asdict(f) for f in findings]
        snapshot.rows, snapshot.drift, snapshot.state = rows, list(drift), Snapshot.State.PROFILED
        snapshot.table_names, snapshot.proposed_rules = dict(table_names or {}), [dict(rule) for rule in rules]
        snapshot.save()
        audit.record(None, "profile", snapshot, run=run.pk, schema_digest=schema.digest)
    return run


@recorded("prepare", by_system=True)
def prepared(run: Run, token: str, *, schema: DatasetSchema, tables: list[dict[str, Any]], split: Mapping[str, Any]) -> WorkingCopy:
    """Store the working copy and the split. The run goes on: it ends when the raw upload is destroyed (`raw_destroyed`)."""
    with transaction.atomic():
        run = locked(run)
        if run.token != token or run.state != Run.State.RUNNING:
            raise Cancelled
        snapshot = locked(_snapshot(run))
        now = timezone.now()
        copy = WorkingCopy.objects.create(snapshot=snapshot, schema=schema.as_dict(), tables=tables, made_at=now, run=run)
        SplitRecord.objects.create(snapshot=snapshot, made_at=now, **split)
        snapshot.state = Snapshot.State.READY
        snapshot.save()
        audit.record(None, "prepare", snapshot, run=run.pk, split=split["digest"], schema_digest=schema.digest)
    return copy


@recorded("destroy_raw", by_system=True)
def raw_destroyed(run: Run, token: str) -> Run:
    """Destroy the raw uploads of this snapshot and of older ones nobody confirmed, keep a record of each, and end the run.

    Files that were pointed at stay: they are not ours.
    """
    uploads = list(_snapshot(run).source.snapshots.filter(number__lte=_snapshot(run).number, origin=Snapshot.Origin.UPLOAD))
    for snapshot in uploads:
        files.discard((files.folder("uploads") / snapshot.location).parent)
    with transaction.atomic():
        run = runs.finish(run, token)
        for snapshot in uploads:
            if retention.raw_gone(snapshot):
                continue
            for what, size, sha256 in retention.raw_files(snapshot):
                record = DestructionRecord.objects.create(
                    snapshot=snapshot,
                    what=what,
                    sha256=sha256,
                    size=size,
                    reason=f"The working copy of snapshot {_snapshot(run).number} was made.",
                    destroyed_at=timezone.now(),
                    run=run,
                )
                audit.record(None, "destroy_raw", snapshot, record=record.pk, sha256=sha256)
    return run


@recorded("summarise", by_system=True)
def summarised(
    run: Run,
    token: str,
    *,
    summary: MetadataSummary,
    path: str,
    sha256: str,
    exposure: Mapping[str, str],
    compared: Iterable[Any],
    failed: Sequence[Mapping[str, Any]] = (),
) -> SummaryRecord:
    """Store a summary that was compared with the source's earlier ones (`compared`: their keys), and enter it in the ledger.

    exposure: {path, sha256} of what it exposes; failed: automatic assertions that do not hold. Refused when another summary was released
    in the meantime, or the budget no longer suffices.
    """
    with transaction.atomic():
        run = runs.finish(run, token)
        source = locked(run.source)
        if set(source.summaries.values_list("pk", flat=True)) != set(compared):
            raise Refused(
                "Another summary of this dataset was released meanwhile, and this one was not compared with it; try this run again."
            )
        sentence = budget.refusal(source, summary.policy, besides=run)
        if sentence is not None:
            raise Refused(sentence)
        record = SummaryRecord.objects.create(
            source=source,
            snapshot=run.snapshot,
            policy_name=summary.policy.name,
            policy=summary.policy.as_dict(),
            digest=summary.digest,
            path=path,
            sha256=sha256,
            exposure_path=exposure["path"],
            exposure_sha256=exposure["sha256"],
            without=run.parameters.get("without", []),
            cross_tabulations=run.parameters.get("cross_tabulations", []),
            failed_assertions=[dict(each) for each in failed],
            requested_by=run.started_by,
            made_at=timezone.now(),
            run=run,
        )
        spent = summary.privacy
        entry = ledger.enter(
            source,
            LedgerEntry.What.SUMMARY,
            run.started_by,
            run=run,
            summary=record,
            figures=figures_by_table(summary.as_dict()),
            digest=summary.digest,
            epsilon=spent.epsilon if spent else None,
            delta=spent.delta if spent else None,
            composition=f"{spent.composition}; {budget.COMPOSITION}" if spent else "",
            detail={
                "policy": summary.policy.name,
                "minimum": summary.policy.minimum,
                "without": record.without,
                "cross_tabulations": record.cross_tabulations,
            },
        )
        audit.record(None, "summarise", record, run=run.pk, digest=summary.digest, policy=summary.policy.name, entry=entry.number)
    return record


@recorded("refuse_summary", by_system=True)
def summary_refused(run: Run, token: str, *, summary: MetadataSummary, conflicts: Sequence[Conflict]) -> Run:
    """End a run whose summary may not be released beside the earlier ones. Nothing of it was written; the ledger says that it was tried."""
    with transaction.atomic():
        ended = runs.fail(str(run.pk), token, reason=_conflict_words(conflicts))
        if ended is None:
            raise Cancelled
        entry = ledger.enter(
            locked(run.source),
            LedgerEntry.What.REFUSED,
            run.started_by,
            run=run,
            digest=summary.digest,
            detail={"policy": summary.policy.name, "places": [[c.table, c.column] for c in conflicts]},
        )
        audit.record(None, "refuse_summary", run, digest=summary.digest, entry=entry.number, policy=summary.policy.name)
    return ended


def _conflict_words(conflicts: Sequence[Conflict]) -> str:
    """Why it was refused: the first sentence whole, and where else it holds."""
    first, *others = conflicts
    words = f"The summary was not released: {first.sentence}." if not first.sentence.endswith(".") else first.sentence
    places = [f'table "{c.table}", column "{c.column}"' if c.column else f'table "{c.table}"' for c in others]
    if places:
        words += f" The same holds for {'; '.join(places[:20])}" + (f"; and {len(places) - 20} more." if len(places) > 20 else ".")
    return words


@recorded("generate", by_system=True)
def generated(
    run: Run,
    token: str,
    *,
    mechanism: Mechanism,
    tier: str,
    schema: DatasetSchema,
    produced: list[dict[str, Any]],
    confinement: str,
) -> SyntheticVersion:
    """Store a version, and have it evaluated. Its number counts the attempts of its request."""
    with transaction.atomic():
        run = runs.finish(run, token)
        request = locked(run.request)
        last = request.versions.aggregate(last=Max("number"))["last"] or 0
        version = SyntheticVersion.objects.create(
            request=request,
            number=last + 1,
            generator=mechanism.generator,
            generator_version=mechanism.version,
            tier=tier,
            schema=schema.as_dict(),
            mechanism=mechanism.as_dict(),
            mechanism_digest=mechanism.digest,
            summary=run.summary,
            trained=run.trained,
            snapshot=run.snapshot,
            rows=sum(file["rows"] for file in produced),
            seed=run.parameters["seed"],
            confinement=confinement,
            files=produced,
            made_by=run.started_by,
            made_at=timezone.now(),
            run=run,
        )
        evaluating = runs.begin_on(version, Run.Kind.EVALUATE, run.started_by)
        ledger.enter(
            locked(run.source),
            LedgerEntry.What.GENERATION,
            run.started_by,
            run=run,
            version=version,
            summary=run.summary,
            digest=mechanism.digest,
            detail={"generator": mechanism.generator, "rows": version.rows, "seed": version.seed, "number": version.number},
        )
        audit.record(None, "generate", version, run=run.pk, mechanism=mechanism.digest, seed=version.seed, next=evaluating.pk)
    return version


@recorded("evaluate", by_system=True)
def evaluated(run: Run, token: str, *, evaluation: Evaluation, verdict: Verdict, path: str, sha256: str) -> EvaluationRecord:
    """Store an evaluation, its gates' verdict, and its metrics as rows."""
    with transaction.atomic():
        run = runs.finish(run, token)
        record = EvaluationRecord.objects.create(
            version=run.version,
            path=path,
            sha256=sha256,
            gates_version=str(verdict.gates),
            passed=verdict.passed,
            verdict=verdict.as_dict(),
            made_at=timezone.now(),
            run=run,
        )
        MetricRecord.objects.bulk_create(
            MetricRecord(
                evaluation=record,
                metric=r.metric,
                scope_kind=r.scope.kind,
                scope_names=list(r.scope.names),
                value=r.value,
                floor=r.floor,
                ceiling=r.ceiling,
                audience=r.audience,
                failed=r.failed or "",
            )
            for r in evaluation.results
        )
        audit.record(None, "evaluate", record, run=run.pk, passed=verdict.passed, gates=str(verdict.gates), sha256=sha256)
        drills.judged(record)
    return record


def _snapshot(run: Run) -> Snapshot:
    if run.snapshot is None:
        raise ValueError("this run has no snapshot")
    return run.snapshot
