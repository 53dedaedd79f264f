"""Re-audits: found by the clock or asked for, stored for good; a release that fails is off the shelf, and its guardians hear of it."""

from __future__ import annotations

import io
import os
import smtplib
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import django_rq
import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation import gates
from evaluation.results import Evaluation
from generators.errors import InputError
from releases import audit, cron, files, guards, permissions, standing, stored
from releases.capsule import feed
from releases.capsule.signing import pin
from releases.models import Announcement, AuditEvent, EvaluationRecord, Notification, ReauditRecord, ReleaseRequest, Run
from releases.permissions import Refused
from releases.services import notices, publishing, reaudits, requests, runs, suspensions
from releases.views.audit import spreadsheet_safe
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_concurrency import at_once, refused
from tests.servers import QueueServer

LATER = timedelta(days=91)
COPY = "A row of a real person was copied."


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def publish(world: World, lake: Path) -> ReleaseRequest:
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready))
    assert publishing.publish_next(build.signer(), lake) is not None
    return world.ready


@pytest.fixture
def published(world: World, lake: Path) -> ReleaseRequest:
    return publish(world, lake)


def kinds(lake: Path) -> list[str]:
    """What the feed says, oldest first."""
    while publishing.announce_next(build.signer(), lake) is not None:
        pass
    return [str(notice.kind) for notice in feed.read(lake, build.signer().trusted())]


def finished(request: ReleaseRequest, *, passed: bool = True) -> ReauditRecord:
    """A re-audit whose evaluation is the stored one and whose verdict is given: what a run hands over."""
    run = reaudits.start_due() or [_started(request)]
    claimed = runs.claim(str(run[0].pk), run[0].token)
    assert claimed is not None
    first = request.version.evaluation
    verdict = gates.Verdict.from_dict(first.verdict)
    if not passed:
        outcome = gates.Outcome("collisions", "collisions", "hard", False, f"{COPY} (3 rows)", COPY)
        told = ("This version may not be released: a row of a real person was copied.", "Nothing else needs weighing.")
        verdict = gates.Verdict(verdict.tier, verdict.gates, False, (outcome,), told)
    return reaudits.reaudited(claimed, claimed.token, verdict=verdict, path=first.path, sha256=first.sha256)


def _started(request: ReleaseRequest) -> Run:
    from tests.secure.world import People

    return reaudits.request_reaudit(People.named().sdat, request)


def age(request: ReleaseRequest) -> None:
    EvaluationRecord.objects.filter(pk=request.version.evaluation.pk).update(made_at=timezone.now() - LATER)


@pytest.mark.promise("reaudit.1")
def test_the_nights_look_starts_a_re_audit_of_what_is_old_or_under_older_gates_and_of_nothing_else(
    world: World, published: ReleaseRequest
) -> None:
    assert reaudits.start_due() is None
    age(published)
    (run,) = reaudits.start_due() or []
    assert (run.kind, run.request, run.version, run.started_by) == ("reaudit", published, published.version, None)
    assert reaudits.start_due() is None, "one is under way"
    Run.objects.filter(pk=run.pk).update(state="cancelled", finished_at=timezone.now())
    EvaluationRecord.objects.filter(pk=published.version.evaluation.pk).update(made_at=timezone.now(), gates_version="1")
    assert "gates 1" in str(standing.due(world.ready, timezone.now()))
    assert len(reaudits.start_due() or []) == 1
    assert AuditEvent.objects.filter(action="start_due_reaudits", actor=None).count() == 2


@pytest.mark.promise("reaudit.2")
def test_a_re_audit_evaluates_the_published_files_under_the_gates_in_force_and_is_announced(
    world: World, published: ReleaseRequest, lake: Path
) -> None:
    run = reaudits.request_reaudit(world.people.sdat, published)
    build.work()
    run.refresh_from_db()
    assert run.state == "succeeded", run.reason
    record = ReauditRecord.objects.get(run=run)
    assert record.outcome == "passed", record.verdict
    assert record.gates_version == permissions.policy.release_policy().tiers["structural"].gates
    assert record.release_policy == permissions.policy.in_force()
    evaluation = Evaluation.from_json(stored.checked("runs", record.path, record.sha256).read_text())
    assert evaluation.results
    assert standing.newest(published).reaudit  # type: ignore[union-attr]
    assert kinds(lake) == ["published", "re-audited"]
    assert world.ready.state == "published"


@pytest.mark.promise("reaudit.3")
def test_a_failed_re_audit_suspends_in_the_same_transaction_tells_the_feed_sdat_and_ig(
    world: World,
    published: ReleaseRequest,
    lake: Path,
) -> None:
    record = finished(published, passed=False)
    assert record.outcome == "failed"
    assert world.ready.state == "suspended"
    assert kinds(lake) == ["published", "suspended"]
    notice = list(feed.read(lake, build.signer().trusted()))[-1]
    assert notice.reason == suspensions.SUSPENDED
    assert AuditEvent.objects.filter(action="suspend", actor=None, outcome="done").count() == 1
    assert notices.mail_waiting()
    told = {sent.to[0]: sent.body for sent in mail.outbox if f"Suspended: {published.title}" in sent.body}
    assert set(told) == {f"{name}@hospital.test" for name in ("sdat", "ig", "other_ig", "steward")}
    assert not [body for body in told.values() if "3 rows" in body or "copied" in body], "no figure leaves by mail, nor what was found"
    assert notices.mail_waiting() is None
    for person, told in (("sdat", True), ("ig", True), ("ppi", False)):
        client = Client()
        client.force_login(getattr(world.people, person), backend="django.contrib.auth.backends.ModelBackend")
        assert ("Releases to look after" in client.get(reverse("home")).content.decode()) == told, person


@pytest.mark.promise("reaudit.12")
def test_the_public_site_stops_giving_out_what_failed_a_re_audit_and_gives_it_out_again_once_ig_resumed_it(
    world: World, published: ReleaseRequest, lake: Path, tmp_path: Path
) -> None:
    pin(build.signer().public_pem(), tmp_path / "public" / "keys")
    assert visited(lake, tmp_path, published) == [200, 200]
    finished(published, passed=False)
    kinds(lake)
    assert visited(lake, tmp_path, published) == [403, 200]
    finished(world.ready)
    kinds(lake)
    assert visited(lake, tmp_path, published) == [403, 200], "a passed re-audit alone releases nothing"
    suspensions.resume(world.people.ig, published, why="The gate was mended.")
    kinds(lake)
    assert visited(lake, tmp_path, published) == [200, 200]


def visited(lake: Path, folder: Path, request: ReleaseRequest) -> list[int]:
    """What the public site answers, in a process of its own, once it has heard the feed: to the capsule, to the page."""
    place = f"/datasets/{request.slug}/"
    told = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.public",
        "SYNTHPORTAL_PUBLIC_VAR": str(folder / "public"),
        "SYNTHPORTAL_LAKE": str(lake),
    }
    command = [sys.executable, "-m", "tests.secure.public_visit", f"{place}v{request.release_version}/capsule.zip", place]
    done = subprocess.run(command, env=told, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [int(line) for line in done.stdout.split()]


@pytest.mark.promise("reaudit.3")
def test_a_mail_server_that_does_not_answer_loses_neither_the_suspension_nor_the_mail(
    world: World,
    published: ReleaseRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notices.mail_waiting()
    finished(published, passed=False)

    def down(self: EmailBackend, messages: object) -> int:
        raise smtplib.SMTPServerDisconnected("gone")

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", down)
        assert notices.mail_waiting() is None
    assert world.ready.state == "suspended"
    told = Notification.objects.filter(kind="suspended")
    assert {each.mail for each in told} == {"waiting"}
    assert notices.mail_waiting() == told.count() == 4
    assert notices.mail_waiting() is None


@pytest.mark.promise("reaudit.4")
def test_what_cannot_be_re_audited_is_said_with_its_reason_and_is_no_pass(world: World, published: ReleaseRequest, lake: Path) -> None:
    holdout = next(iter(stored.side(published.version.snapshot, "holdout").values()))
    kept = holdout.read_bytes()
    holdout.unlink()
    try:
        reaudits.request_reaudit(world.people.sdat, published)
        build.work()
    finally:
        holdout.write_bytes(kept)
    record = ReauditRecord.objects.get()
    assert (record.outcome, record.verdict, record.path) == ("impossible", None, "")
    assert "missing from the secure zone" in record.reason
    assert world.ready.state == "published"
    assert kinds(lake) == ["published"], "nobody is told that it was re-audited"
    assert [each.account for each in Notification.objects.filter(kind="not re-audited")] == [world.people.sdat]
    assert standing.trouble(world.ready) == record.reason
    assert standing.due(world.ready, timezone.now()) is None, "not tried again every night"
    assert standing.due(world.ready, timezone.now() + timedelta(days=8)) is not None


@pytest.mark.promise("reaudit.4")
def test_files_that_are_not_the_published_ones_are_not_re_audited(world: World, published: ReleaseRequest) -> None:
    manifest = files.folder("capsules") / str(published.capsule) / "manifest.json"
    kept = manifest.read_bytes()
    manifest.write_bytes(kept + b" ")
    try:
        reaudits.request_reaudit(world.people.sdat, published)
        build.work()
        manifest.unlink()
        reaudits.request_reaudit(world.people.sdat, published)
        build.work()
    finally:
        manifest.write_bytes(kept)
    version = published.version
    type(version).objects.filter(pk=version.pk).update(files=[{**version.files[0], "sha256": "0" * 64}])
    reaudits.request_reaudit(world.people.sdat, published)
    build.work()
    told = [record.reason for record in ReauditRecord.objects.order_by("made_at")]
    assert [t for t in told if "not the one that was published" in t] == told[:1]
    assert "not in the secure zone any more" in told[1]
    assert "not those that were published" in told[2]


@pytest.mark.promise("reaudit.5")
def test_ig_releases_again_only_after_a_re_audit_that_passed_and_never_what_they_had_a_part_in(
    world: World, published: ReleaseRequest, lake: Path
) -> None:
    people = world.people
    finished(published, passed=False)
    with pytest.raises(Refused, match="once a re-audit made since then has passed"):
        suspensions.resume(people.ig, published, why="It looks fine.")
    finished(world.ready)
    with pytest.raises(Refused, match="Only Information Governance"):
        suspensions.resume(people.sdat, published, why="It looks fine.")
    with pytest.raises(InputError, match="say why"):
        suspensions.resume(people.ig, published, why=" ")
    ReleaseRequest.objects.filter(pk=published.pk).update(submitted_by=people.ig)
    with pytest.raises(Refused, match="Nobody releases again what they requested"):
        suspensions.resume(people.ig, published, why="It looks fine.")
    ReleaseRequest.objects.filter(pk=published.pk).update(submitted_by=people.steward)
    suspensions.resume(people.ig, published, why="The gate was mended.")
    assert world.ready.state == "published"
    assert kinds(lake) == ["published", "suspended", "re-audited", "published"]


@pytest.mark.promise("reaudit.5")
def test_a_pass_under_older_gates_does_not_release_again(world: World, published: ReleaseRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(published, passed=False)
    record = finished(world.ready)
    in_force = permissions.policy.release_policy
    newer = type(in_force())(
        "release-policy-new",
        {name: type(t)(**{**vars(t), "gates": "99"}) for name, t in in_force().tiers.items()},
        in_force().checklist,
    )
    monkeypatch.setattr(guards, "release_policy", lambda *identity: newer)
    assert record.outcome == "passed"
    assert "those in force are 99" in str(permissions.explain(world.people.ig, "resume", world.ready))


@pytest.mark.promise("reaudit.6")
def test_ig_suspends_by_hand_and_what_was_typed_stays_inside(world: World, published: ReleaseRequest, lake: Path) -> None:
    with pytest.raises(Refused, match="Only Information Governance"):
        suspensions.suspend(world.people.sdat, published, why="A doubt.")
    with pytest.raises(InputError, match="longer than"):
        suspensions.suspend(world.people.ig, published, why="x" * 2001)
    suspensions.suspend(world.people.ig, published, why="Somebody rang about a very rare case.")
    with pytest.raises(Refused, match="cannot be suspended now"):
        suspensions.suspend(world.people.ig, published, why="Again.")
    assert kinds(lake)[-1] == "suspended"
    assert "rare case" not in "".join(path.read_text() for path in lake.rglob("*.json"))
    assert not Notification.objects.filter(sentence__contains="rare case").exists()
    assert Notification.objects.filter(kind="suspended").exists()


@pytest.mark.promise("reaudit.6")
def test_a_failed_re_audit_of_what_is_suspended_already_is_stored_and_told_and_changes_nothing(
    world: World, published: ReleaseRequest, lake: Path
) -> None:
    suspensions.suspend(world.people.ig, published, why="A doubt.")
    finished(world.ready, passed=False)
    assert world.ready.state == "suspended"
    assert kinds(lake) == ["published", "suspended"]
    told = Notification.objects.filter(account=world.people.sdat, kind__in=("suspended", "re-audit failed"))
    assert sorted(each.kind for each in told) == ["re-audit failed", "suspended"]


@pytest.mark.promise("reaudit.7")
def test_a_re_audit_is_never_changed_or_deleted(world: World, published: ReleaseRequest) -> None:
    record = finished(published)
    for change in (lambda: ReauditRecord.objects.update(outcome="failed"), record.delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    with pytest.raises(DatabaseError), transaction.atomic():
        ReauditRecord.objects.create(
            request=published, version=published.version, run=published.version.run, outcome="passed", made_at=timezone.now()
        )


@pytest.mark.promise("reaudit.8")
def test_only_sdat_starts_one_and_only_of_a_release(world: World, published: ReleaseRequest) -> None:
    with pytest.raises(Refused, match="Only the Synthetic Data Audit Team"):
        reaudits.request_reaudit(world.people.ig, published)
    with pytest.raises(Refused, match="only what is published"):
        reaudits.request_reaudit(world.people.sdat, world.ready_marginal)
    run = reaudits.request_reaudit(world.people.sdat, published)
    with pytest.raises(Refused, match="being re-audited already"):
        reaudits.request_reaudit(world.people.sdat, published)
    assert permissions.explain(world.people.steward, "cancel_run", run) is not None
    runs.cancel_run(world.people.sdat, run)
    assert "Start another" in str(permissions.explain(world.people.sdat, "retry_run", Run.objects.get(pk=run.pk)))


@pytest.mark.promise("reaudit.8")
def test_two_looks_and_a_click_at_the_same_moment_start_one_re_audit(committed_world: World, lake: Path) -> None:
    request = publish(committed_world, lake)
    age(request)
    sdat = committed_world.people.sdat
    results = at_once(reaudits.start_due, reaudits.start_due, lambda: reaudits.request_reaudit(sdat, request))
    refused(results)
    assert Run.objects.filter(kind="reaudit").count() == 1
    assert audit.verify_chain().intact


@pytest.mark.promise("reaudit.9")
def test_a_publisher_that_dies_while_announcing_says_it_once_and_in_order(
    world: World, published: ReleaseRequest, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(published)
    finished(world.ready, passed=False)
    said = publishing._said

    def dies(*args: object) -> object:
        said(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "_said", dies)
            with pytest.raises(KeyboardInterrupt), transaction.atomic():
                publishing.announce_next(build.signer(), lake)
        assert publishing.announce_next(build.signer(), lake) is not None
    assert kinds(lake) == ["published", "re-audited", "suspended"]
    assert Announcement.objects.filter(announced_at__isnull=True).count() == 0


@pytest.mark.promise("reaudit.9")
def test_what_the_feed_does_not_know_is_not_announced_and_says_why_once(world: World, published: ReleaseRequest, tmp_path: Path) -> None:
    finished(published, passed=False)
    for _ in range(2):
        assert publishing.announce_next(build.signer(), tmp_path / "another lake") is None
    assert "does not know this release" in Announcement.objects.get().problem
    assert AuditEvent.objects.filter(action="announce", outcome="refused").count() == 1


@pytest.mark.promise("reaudit.1")
@pytest.mark.timeout(300)
def test_the_scheduler_asks_through_the_queue_in_json_and_a_worker_starts_and_does_what_is_due(
    queue_server: QueueServer,
    committed_world: World,
    lake: Path,
    settings,  # type: ignore[no-untyped-def]
) -> None:
    settings.RQ_QUEUES = {"default": settings.RQ_QUEUES["default"] | {"URL": queue_server.url}}
    connection = django_rq.get_connection("default")
    connection.flushall()
    request = publish(committed_world, lake)
    age(request)
    scheduler = cron.nightly_scheduler("* * * * *")
    (job,) = scheduler.get_jobs()
    assert scheduler.enqueue_jobs() == [], "it is not the time yet"
    job.next_enqueue_time = timezone.now()
    assert scheduler.enqueue_jobs() == [job]
    assert job.next_enqueue_time > timezone.now()
    waiting = django_rq.get_queue("default").jobs
    assert [(j.func_name, list(j.args)) for j in waiting] == [("releases.cron.look_for_due", [])]
    connection.close()
    environment = os.environ | {
        "REDIS_URL": queue_server.url,
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.test_secure",
        "SYNTHPORTAL_TEST_VAR": str(settings.SYNTHPORTAL_VAR),
        "SYNTHPORTAL_PROCESS": "worker",
    }
    command = [sys.executable, "-m", "django", "worker", "--burst"]
    done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    record = ReauditRecord.objects.get()
    assert (record.outcome, record.run.state, record.run.started_by) == ("passed", "succeeded", None)


@pytest.mark.promise("reaudit.1")
def test_a_schedule_that_is_none_is_named(settings, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    settings.SYNTHPORTAL_REAUDIT_AT = "every night"
    with pytest.raises(CommandError, match="SYNTHPORTAL_SECURE_REAUDIT_AT must be a cron expression"):
        call_command("cron")


@pytest.mark.promise("reaudit.1")
def test_a_look_that_meets_a_broken_database_leaves_no_text_in_the_queue(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise DatabaseError("a value")

    monkeypatch.setattr(reaudits, "start_due", broken)
    cron.look_for_due()


def test_the_publisher_announces(world: World, published: ReleaseRequest, lake: Path, settings) -> None:  # type: ignore[no-untyped-def]
    finished(published)
    settings.SYNTHPORTAL_LAKE = lake
    settings.SYNTHPORTAL_SIGNING_KEY = str(Path(settings.SYNTHPORTAL_SECURE_FILES).parent / "publisher" / "signing.key")
    out = io.StringIO()
    call_command("publisher", stdout=out)
    assert "announced re-audited, notice 2" in out.getvalue()
    assert spreadsheet_safe("=1") == "'=1"


@pytest.mark.promise("reaudit.10")
def test_the_pages_of_a_release_show_its_standing_and_act_through_the_same_services(world: World, published: ReleaseRequest) -> None:
    clients = {}
    for name in ("sdat", "ig", "steward"):
        clients[name] = Client()
        clients[name].force_login(getattr(world.people, name), backend="django.contrib.auth.backends.ModelBackend")
    here = reverse("release", args=[published.pk])
    assert clients["steward"].get(here).status_code == 404
    assert clients["sdat"].post(reverse("reaudit", args=[published.pk])).status_code == 302
    page = clients["sdat"].get(here).content.decode()
    assert "It is being re-audited." in page
    assert "being re-audited already" in page
    runs.cancel_run(world.people.sdat, Run.objects.get(kind="reaudit"))
    assert clients["ig"].post(reverse("suspend", args=[published.pk]), {"why": ""}).status_code == 422
    assert clients["ig"].post(reverse("suspend", args=[published.pk]), {"why": "A doubt."}).status_code == 302
    assert "A doubt." in clients["ig"].get(here).content.decode()
    assert clients["ig"].post(reverse("resume", args=[published.pk]), {"why": "Fine."}).status_code == 403
    finished(world.ready)
    assert clients["ig"].post(reverse("resume", args=[published.pk]), {"why": "Fine."}).status_code == 302
    assert published.title in clients["sdat"].get(reverse("releases")).content.decode()
    assert clients["sdat"].get(reverse("run", args=[ReauditRecord.objects.get().run_id])).status_code == 200
    assert "not those" not in clients["ig"].get(here).content.decode()
