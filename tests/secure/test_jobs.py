"""Long work: seen, stopped, failed with a reason, and found again when the process that did it died."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from generators.errors import Cancelled
from releases import files, jobs
from releases.models import AuditEvent, EvaluationRecord, Run, Snapshot, SummaryRecord, SyntheticVersion, WorkingCopy
from releases.permissions import Refused
from releases.services import requests, runs, sources, summaries
from releases.stages import STAGES
from tests.secure import world as build
from tests.secure.conftest import World
from tests.servers import QueueServer


@pytest.fixture
def waiting(world: World) -> Run:
    """A run that waits: a summary under the internal policy."""
    return summaries.request_summary(world.people.steward, world.source, policy="internal")


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


@pytest.mark.promise("jobs.1")
def test_a_run_shows_its_stage_its_share_and_its_rows(waiting: Run) -> None:
    assert runs.claim(str(waiting.pk), waiting.token) is not None
    runs.report(str(waiting.pk), waiting.token, "counting persons", 0.4, 400, 1000)
    run = fresh(waiting)
    assert (run.state, run.stage, run.fraction, run.rows, run.total) == ("running", "counting persons", 0.4, 400, 1000)
    runs.report(str(waiting.pk), waiting.token, "x" * 500, 7.0)
    assert fresh(waiting).fraction == 1.0


@pytest.mark.promise("jobs.2")
def test_a_job_is_given_the_runs_id_and_its_token_and_nothing_else(waiting: Run) -> None:
    assert runs.JOB == "releases.jobs.perform"
    assert waiting.job_id == f"run-{waiting.pk}-1"
    assert re.fullmatch(r"[0-9a-f]{32}", waiting.token)


@pytest.mark.promise("concurrency.2")
def test_a_replayed_job_does_nothing(world: World, waiting: Run) -> None:
    jobs.perform(str(waiting.pk), waiting.token, beating=False)
    jobs.perform(str(waiting.pk), waiting.token, beating=False)
    jobs.perform(str(waiting.pk), "another token", beating=False)
    assert fresh(waiting).state == Run.State.SUCCEEDED
    assert SummaryRecord.objects.filter(run=waiting).count() == 1


@pytest.mark.promise("jobs.3")
def test_a_waiting_run_is_cancelled_at_once_and_can_be_tried_again(world: World, waiting: Run) -> None:
    steward = world.people.steward
    with pytest.raises(Refused, match="only a failed or cancelled"):
        runs.retry_run(steward, waiting)
    assert runs.cancel_run(steward, waiting).state == Run.State.CANCELLED
    with pytest.raises(Refused, match="nothing to cancel"):
        runs.cancel_run(steward, waiting)
    assert runs.claim(str(waiting.pk), waiting.token) is None
    again = runs.retry_run(steward, waiting)
    assert (again.state, again.attempt, again.cancel_requested_at) == (Run.State.QUEUED, 2, None)
    assert again.token != waiting.token
    build.work()
    assert fresh(waiting).state == Run.State.SUCCEEDED


@pytest.mark.promise("jobs.3")
def test_a_running_run_stops_at_its_next_step_and_keeps_nothing(world: World, waiting: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    steward, summarise = world.people.steward, STAGES["summarise"]

    def cancelled_meanwhile(run: Run, token: str, progress: jobs.Reporter) -> None:
        runs.cancel_run(steward, run)
        with pytest.raises(Refused, match="being cancelled already"):
            runs.cancel_run(steward, run)
        summarise(run, token, progress)

    monkeypatch.setitem(STAGES, "summarise", cancelled_meanwhile)
    jobs.perform(str(waiting.pk), waiting.token, beating=False)
    run = fresh(waiting)
    assert (run.state, run.cancel_requested_by) == (Run.State.CANCELLED, steward)
    assert "nothing half-made" in run.reason
    assert not list(files.folder("summaries").glob(f"{run.pk}/*"))
    assert not SummaryRecord.objects.filter(run=run).exists()


@pytest.mark.promise("jobs.4")
def test_an_unexpected_fault_is_shown_as_a_reference_and_logged_without_its_message(
    world: World, waiting: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(run: Run, token: str, progress: jobs.Reporter) -> None:
        raise KeyError("943 476 5919")  # as a library would, with a value in it

    monkeypatch.setitem(STAGES, "summarise", breaks)
    with caplog.at_level(logging.DEBUG):
        jobs.perform(str(waiting.pk), waiting.token, beating=False)
    reason = fresh(waiting).reason
    reference = re.search(r"reference ([0-9A-F]{8})", reason)
    assert reference is not None
    assert reference[1] in caplog.text
    assert "test_jobs.py" in caplog.text
    assert "943 476 5919" not in caplog.text + reason
    assert fresh(waiting).state == Run.State.FAILED


@pytest.mark.promise("jobs.5")
def test_a_run_whose_worker_went_silent_is_started_again_once_and_then_fails_with_a_reason(world: World, waiting: Run) -> None:
    for attempt in (1, 2):
        run = fresh(waiting)
        assert (run.state, run.attempt) == (Run.State.QUEUED, attempt)
        assert runs.claim(str(run.pk), run.token) is not None
        assert runs.reconcile() == [], "a heart that beats is left alone"
        Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=settings.SYNTHPORTAL_RUN_LOST_AFTER + 1))
        assert [r.pk for r in runs.reconcile()] == [run.pk]
    run = fresh(waiting)
    assert (run.state, run.reason) == (Run.State.FAILED, runs.DIED)
    runs.retry_run(world.people.steward, run)
    build.work()
    assert fresh(waiting).state == Run.State.SUCCEEDED
    assert AuditEvent.objects.filter(action="lose_run", target_id=str(run.pk)).count() == 2


@pytest.mark.promise("jobs.5")
def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(world: World, waiting: Run) -> None:
    assert runs.claim(str(waiting.pk), waiting.token) is not None
    runs.cancel_run(world.people.steward, waiting)
    assert [r.state for r in runs.reconcile(lost_after=0)] == [Run.State.CANCELLED]


@pytest.mark.promise("concurrency.2")
def test_a_worker_given_up_for_dead_that_comes_back_is_told_to_stop_and_changes_nothing(world: World, waiting: Run) -> None:
    old = waiting.token
    assert runs.claim(str(waiting.pk), old) is not None
    runs.reconcile(lost_after=0)
    for speak in (
        lambda: runs.report(str(waiting.pk), old, "still here", 0.5),
        lambda: STAGES["summarise"](fresh(waiting), old, lambda *a, **k: None),
    ):
        with pytest.raises(Cancelled), transaction.atomic():
            speak()
    assert runs.fail(str(waiting.pk), old, reason="x") is None
    assert runs.stopped(str(waiting.pk), old) is None
    assert runs.lost(str(waiting.pk), old) is None
    assert (fresh(waiting).state, fresh(waiting).attempt) == (Run.State.QUEUED, 2)


@pytest.mark.promise("jobs.6")
@pytest.mark.parametrize("when", ["after the copy", "before the record"])
def test_a_preparation_that_dies_after_the_working_copy_is_made_only_destroys_the_raw_upload_when_it_is_run_again(
    world: World, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steward = world.people.steward
    source = build.registered_source(steward, content=build.emergency_csv(200, 3))
    snapshot = source.latest_snapshot
    assert snapshot is not None
    run = sources.confirm_schema(steward, snapshot, schema=build.confirmed_schema(snapshot))
    raw = sources.raw_data(snapshot)

    class Killed(BaseException):
        pass

    def killed(*args: object) -> None:
        if when == "before the record":
            files.discard(raw.parent)
        raise Killed

    from releases.services import outcomes

    monkeypatch.setattr(outcomes, "raw_destroyed", killed)
    with pytest.raises(Killed):
        jobs.perform(str(run.pk), run.token, beating=False)
    monkeypatch.undo()
    copy = WorkingCopy.objects.get(snapshot=snapshot)
    runs.cancel_run(steward, run)  # too late: there is a copy, so the raw upload must go
    runs.reconcile(lost_after=0)
    build.work()
    assert fresh(run).state == Run.State.SUCCEEDED
    assert not raw.exists()
    assert snapshot.destructions.count() == 1
    assert WorkingCopy.objects.get(snapshot=snapshot) == copy
    assert (files.folder("working") / copy.tables[0]["path"]).exists()


def test_the_heart_beats_while_the_work_computes(committed_world: World, settings) -> None:  # type: ignore[no-untyped-def]
    settings.SYNTHPORTAL_RUN_LOST_AFTER = 1
    run = summaries.request_summary(committed_world.people.steward, committed_world.source, policy="internal")
    assert runs.claim(str(run.pk), run.token) is not None
    before = fresh(run).heartbeat_at
    with jobs._heartbeat(str(run.pk), run.token, True):
        time.sleep(0.6)
    after = fresh(run).heartbeat_at
    assert before is not None
    assert after is not None
    assert after > before


def test_the_database_forbids_half_a_run(world: World, waiting: Run) -> None:
    for change in ({"state": "succeeded"}, {"state": "running"}, {"fraction": 2.0}, {"cancel_requested_at": timezone.now()}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Run.objects.filter(pk=waiting.pk).update(**change)


def test_the_command_says_what_was_lost(world: World, waiting: Run, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reconcile")
    assert runs.claim(str(waiting.pk), waiting.token) is not None
    Run.objects.filter(pk=waiting.pk).update(heartbeat_at=timezone.now() - timedelta(days=1))
    call_command("reconcile")
    assert capsys.readouterr().out == "nothing was lost\n1 lost\n"


# With a real worker, a real queue, and kill -9.

PAUSING = """
import os, sys, time
import releases.worker, releases.stages, releases.services.outcomes as outcomes
from releases.stages import STAGES
pause_kind, flag = sys.argv[1], sys.argv[2]
def paused(stage):
    def pausing(run, token, progress):
        done = []
        def slowly(*args, **kwargs):
            progress(*args, **kwargs)
            if not done and not os.path.exists(flag):
                done.append(1)
                open(flag, "w").write(str(os.getpid()))
                time.sleep(120)
        stage(run, token, slowly)
    return pausing
STAGES[pause_kind] = paused(STAGES[pause_kind])
from django.core.management import call_command
call_command("worker")
"""


@pytest.fixture
def queue(queue_server: QueueServer, settings) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """A real queue for this process, and the environment that tells a worker of it."""
    import django_rq.queues

    settings.RQ_QUEUES = {"default": settings.RQ_QUEUES["default"] | {"URL": queue_server.url}}
    settings.SYNTHPORTAL_RUN_LOST_AFTER = 2
    django_rq.queues.get_connection("default").flushall()
    return os.environ | {
        "REDIS_URL": queue_server.url,
        "SYNTHPORTAL_SECURE_RUN_LOST_AFTER": "2",
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.test_secure",
        "SYNTHPORTAL_TEST_VAR": str(settings.SYNTHPORTAL_VAR),
    }


def worker(environment: dict[str, str], *pausing: str) -> subprocess.Popen[bytes]:
    code = "import django; django.setup()\n" + (
        PAUSING if pausing else "from django.core.management import call_command; call_command('worker')"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *pausing],
        env=environment,
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def until(true: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.1)


def ended(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(10)


def started(world: World, kind: str) -> Run:
    """A run of that kind in the queue."""
    steward = world.people.steward
    if kind in ("profile", "prepare"):
        source = sources.register_source(steward, title=f"For {kind}", description="x", controller="y", subject="z")
        snapshot = build.upload(steward, source, build.emergency_csv(300, 9))
        if kind == "profile":
            return snapshot.runs.get()
        jobs.perform_queued(beating=False)
        snapshot.refresh_from_db()
        return sources.confirm_schema(steward, snapshot, schema=build.confirmed_schema(snapshot))
    if kind == "summarise":
        return summaries.request_summary(steward, world.source, policy="internal")
    request = build.describe(steward, build.draft(steward, world.source))
    run = requests.request_generation(steward, request, generator="structural", rows=100, seed=7)
    if kind == "generate":
        return run
    jobs.perform(str(run.pk), run.token)
    return request.runs.get(kind="evaluate")


def things(run: Run) -> int:
    """How often the thing the run makes is there."""
    run = fresh(run)
    return {
        "profile": Snapshot.objects.filter(pk=run.snapshot_id, state="profiled").count(),
        "prepare": WorkingCopy.objects.filter(snapshot=run.snapshot_id).count(),
        "summarise": SummaryRecord.objects.filter(run=run).count(),
        "generate": SyntheticVersion.objects.filter(run=run).count(),
        "evaluate": EvaluationRecord.objects.filter(run=run).count(),
    }[run.kind]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("jobs.7")
@pytest.mark.parametrize("whole", [False, True], ids=["the work-horse", "worker and work-horse"])
@pytest.mark.parametrize("kind", ["profile", "prepare", "summarise", "generate", "evaluate"])
def test_a_worker_killed_in_any_stage_leaves_the_thing_done_once_and_nothing_half_written(
    committed_world: World, queue: dict[str, str], kind: str, whole: bool, tmp_path: Path
) -> None:
    run, flag = started(committed_world, kind), tmp_path / "flag"
    first = worker(queue, kind, str(flag))
    second = None
    try:
        until(lambda: flag.exists() and flag.read_text())
        if whole:
            ended(first)
        os.kill(int(flag.read_text()), signal.SIGKILL)
        if whole:
            second = worker(queue)
        until(lambda: fresh(run).finished)
        run = fresh(run)
        assert (run.state, run.attempt) == (Run.State.SUCCEEDED, 2), run.reason
        assert things(run) == 1
        until(lambda: not Run.objects.filter(state__in=("queued", "running")).exists())
        for area in ("working", "summaries", "runs"):
            left = [p for p in (files.folder(area) / str(run.pk)).glob("*")]
            assert [p.name for p in left] in ([], ["2"]), left
    finally:
        ended(first)
        if second is not None:
            ended(second)
        connection.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("jobs.3")
def test_a_job_deep_in_a_long_call_is_stopped_when_it_is_cancelled(committed_world: World, queue: dict[str, str], tmp_path: Path) -> None:
    run, flag = started(committed_world, "summarise"), tmp_path / "flag"
    process = worker(queue, "summarise", str(flag))
    try:
        until(lambda: flag.exists() and flag.read_text())
        runs.cancel_run(committed_world.people.steward, fresh(run))
        until(lambda: fresh(run).finished, 20)
        assert fresh(run).state == Run.State.CANCELLED
        assert things(run) == 0
    finally:
        ended(process)
        connection.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("jobs.8")
def test_what_was_asked_while_the_queue_was_away_is_done_when_it_is_back(committed_world: World, queue: dict[str, str]) -> None:
    import django_rq

    run = started(committed_world, "summarise")
    django_rq.get_connection("default").flushall()
    Run.objects.filter(pk=run.pk).update(queued_at=timezone.now() - timedelta(seconds=30))
    process = worker(queue)
    try:
        until(lambda: fresh(run).finished)
        assert fresh(run).state == Run.State.SUCCEEDED
    finally:
        ended(process)
        connection.close()
