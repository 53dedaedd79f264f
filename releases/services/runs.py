"""Runs of long work: started, claimed by a worker, reported, ended; found and started again when their worker died.

The row is the truth; the queue only says that there is something to do. Whoever reports about a run shows the token of its
current attempt: a worker that was given up for dead and comes back has the old one, and is told to stop.
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from typing import Any

import django_rq
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError
from rq.command import send_stop_job_command
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job

from generators.errors import Cancelled
from releases import audit, files
from releases.models import Account, Run, SyntheticVersion, WorkingCopy
from releases.services import checkpoints
from releases.services.recorded import locked, permit, recorded

log = logging.getLogger(__name__)
JOB = "releases.jobs.perform"
RESTARTS = 1
"""How often a run whose worker died is started again by itself."""

DIED = "The program doing this work died twice, perhaps for want of memory. Nothing half-made was kept; it can be tried again."


def begin(actor: Account | None, kind: str, source: Any, **links: Any) -> Run:
    """A new run, queued when the transaction commits; actor None: the system. For services: it asks nothing and is recorded by them."""
    run = Run.objects.create(kind=kind, source=source, started_by=actor, token=secrets.token_hex(16), queued_at=timezone.now(), **links)
    transaction.on_commit(lambda: enqueue(run))
    return run


def begin_on(version: SyntheticVersion, kind: str, actor: Account | None) -> Run:
    """As `begin`, work on a version: with everything it was made from, and what its request would have predicted."""
    request = version.request
    return begin(
        actor,
        kind,
        request.source,
        request=request,
        snapshot=version.snapshot,
        version=version,
        summary=version.summary,
        parameters={"targets": request.targets},
    )


def enqueue(run: Run) -> bool:
    """Put the current attempt into the queue; False when the queue cannot be reached (`reconcile` tries again later)."""
    try:
        queue = django_rq.get_queue("default")
        queue.enqueue_call(JOB, args=(str(run.pk), run.token), job_id=run.job_id, result_ttl=0, failure_ttl=3600)
    except (RedisError, OSError):
        log.warning("run %s waits: the queue cannot be reached", run.pk)
        return False
    return True


@recorded("cancel_run")
def cancel_run(actor: Account, run: Run) -> Run:
    """Stop a run: at once when it waits, at its next step when it runs."""
    with transaction.atomic():
        run = locked(run)
        account = permit(actor, "cancel_run", run)
        run.cancel_requested_by, run.cancel_requested_at = account, timezone.now()
        if run.state == Run.State.QUEUED:
            _end(run, Run.State.CANCELLED, "Cancelled before it started.")
        else:
            run.save()
        audit.record(account, "cancel_run", run, kind=run.kind, attempt=run.attempt)
        transaction.on_commit(lambda: _stop(run))
    return run


@recorded("retry_run")
def retry_run(actor: Account, run: Run) -> Run:
    """Start a failed or cancelled run again, as a new attempt."""
    with transaction.atomic():
        run = locked(run)
        account = permit(actor, "retry_run", run)
        run.lost = 0
        _again(run)
        audit.record(account, "retry_run", run, kind=run.kind, attempt=run.attempt)
    return run


@recorded("claim_run", by_system=True)
def claim(run_id: str, token: str) -> Run | None:
    """The run, now this worker's; None when it is somebody else's, done, or was cancelled."""
    now = timezone.now()
    with transaction.atomic():
        taken = Run.objects.filter(pk=run_id, token=token, state=Run.State.QUEUED).update(
            state=Run.State.RUNNING, claimed_at=now, heartbeat_at=now, stage="starting", fraction=0.0, rows=None, total=None
        )
        if not taken:
            return None
        run = Run.objects.get(pk=run_id)
        audit.record(None, "claim_run", run, kind=run.kind, attempt=run.attempt)
    return run


def report(
    run_id: str,
    token: str,
    stage: str | None = None,
    fraction: float = 0.0,
    rows: int | None = None,
    total: int | None = None,
    rounds: list[list[Any]] | None = None,
) -> None:
    """Sign of life, and how far the work is. Cancelled when somebody asked to stop, or this attempt no longer counts.

    The one thing here that is not audited: it changes no state. Without a stage it is a heartbeat alone. rounds: of learning, all so far.
    """
    changes: dict[str, Any] = {"heartbeat_at": timezone.now()}
    if stage is not None:
        changes |= {"stage": stage[:200], "fraction": min(1.0, max(0.0, fraction)), "rows": rows, "total": total}
    if rounds:
        changes["rounds"] = rounds
    mine = Run.objects.filter(pk=run_id, token=token, state=Run.State.RUNNING)
    if not mine.filter(cancel_requested_at__isnull=True).update(**changes):
        raise Cancelled


@recorded("fail_run", by_system=True)
def fail(run_id: str, token: str, *, reason: str) -> Run | None:
    """End a run as failed, with a reason fit to show. None when this attempt no longer counts."""
    return _ended(run_id, token, Run.State.FAILED, reason, "fail_run")


@recorded("stop_run", by_system=True)
def stopped(run_id: str, token: str) -> Run | None:
    """End a run that gave way to a cancellation. None when this attempt no longer counts."""
    return _ended(run_id, token, Run.State.CANCELLED, "Cancelled while it ran; nothing half-made was kept.", "stop_run")


def finish(run: Run, token: str) -> Run:
    """Mark the run as done, within the transaction that stores what it made. Cancelled when this attempt no longer counts."""
    current = locked(run)
    if current.token != token or current.state != Run.State.RUNNING:
        raise Cancelled
    current.fraction, current.stage = 1.0, "done"
    _end(current, Run.State.SUCCEEDED, "")
    audit.record(None, "finish_run", current, kind=current.kind, attempt=current.attempt)
    return current


@recorded("lose_run", by_system=True)
def lost(run_id: str, token: str) -> Run | None:
    """A run's worker is known to be dead: cancelled if that was asked, started again once, else failed. None when it does not run."""
    with transaction.atomic():
        run = Run.objects.select_for_update(no_key=True).filter(pk=run_id, token=token, state=Run.State.RUNNING).first()
        if run is None:
            return None
        attempt, run.lost = run.attempt, run.lost + 1
        if WorkingCopy.objects.filter(run=run).exists():
            _again(run)  # the raw upload is still to be destroyed, whatever else was asked
        elif run.cancel_requested_at is not None:
            _end(run, Run.State.CANCELLED, "Cancelled while it ran; nothing half-made was kept.")
        elif run.lost <= RESTARTS:
            _again(run)
        else:
            _end(run, Run.State.FAILED, DIED)
        audit.record(None, "lose_run", run, kind=run.kind, attempt=attempt, now=run.state)
    tidy(run)
    return run


def tidy(run: Run) -> None:
    """Remove what attempts left behind, all but the files that rows point at."""
    copy = WorkingCopy.objects.filter(run=run).first()
    if copy is not None:
        files.discard_attempts(run.pk, keep=int(copy.tables[0]["path"].split("/")[1]))
    else:
        files.discard_attempts(run.pk, keep=run.attempt if run.state == Run.State.SUCCEEDED else None)
    if run.kind == Run.Kind.FIT and run.finished:
        checkpoints.destroy_checkpoints(run)


def reconcile(*, lost_after: float | None = None) -> list[Run]:
    """Find what died: running without a heartbeat for `lost_after` seconds (default: the setting), or waiting but not in the queue.

    Each is dealt with in a transaction of its own. Returns the runs that were lost.
    """
    limit = settings.SYNTHPORTAL_RUN_LOST_AFTER if lost_after is None else lost_after
    silent = Run.objects.filter(state=Run.State.RUNNING, heartbeat_at__lt=timezone.now() - timedelta(seconds=limit))
    found = [run for run in (lost(str(pk), token) for pk, token in silent.values_list("pk", "token")) if run is not None]
    for run in Run.objects.filter(state=Run.State.QUEUED, queued_at__lt=timezone.now() - timedelta(seconds=min(limit, 10.0))):
        if not _is_queued(run):
            enqueue(run)
    return found


def _is_queued(run: Run) -> bool:
    try:
        job = Job.fetch(run.job_id, connection=django_rq.get_connection("default"), serializer="rq.serializers.JSONSerializer")
        return str(job.get_status(refresh=True)) in ("JobStatus.QUEUED", "JobStatus.STARTED", "queued", "started")
    except NoSuchJobError:
        return False
    except (RedisError, OSError):
        return True  # nothing to be done about it now


def _stop(run: Run) -> None:
    """Ask the worker to stop a job that may be deep in a long call; the row already says so, in case nobody hears."""
    try:
        send_stop_job_command(django_rq.get_connection("default"), run.job_id, serializer="rq.serializers.JSONSerializer")
    except (RedisError, OSError, NoSuchJobError, InvalidJobOperation):
        log.info("run %s: no worker to stop", run.pk)


def _ended(run_id: str, token: str, state: str, reason: str, action: str) -> Run | None:
    with transaction.atomic():
        run = Run.objects.select_for_update(no_key=True).filter(pk=run_id, token=token, state=Run.State.RUNNING).first()
        if run is None:
            return None
        _end(run, state, reason)
        audit.record(None, action, run, kind=run.kind, attempt=run.attempt)
    tidy(run)
    return run


def _end(run: Run, state: str, reason: str) -> None:
    run.state, run.reason, run.finished_at = state, reason, timezone.now()
    run.save()


def _again(run: Run) -> None:
    run.state, run.attempt, run.token = Run.State.QUEUED, run.attempt + 1, secrets.token_hex(16)
    run.queued_at, run.finished_at, run.reason, run.stage, run.fraction = timezone.now(), None, "", "", 0.0
    run.rounds = run.rows = run.total = run.claimed_at = run.heartbeat_at = run.cancel_requested_by = run.cancel_requested_at = None
    run.save()
    transaction.on_commit(lambda: enqueue(run))
