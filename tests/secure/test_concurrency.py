"""Everything happens once: two people at the same moment, a double click, a replayed form. With real threads and real databases."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from releases import audit
from releases.models import ReleaseRequest, Run, SignOff
from releases.permissions import Refused
from releases.services import requests, runs, sources, summaries
from tests.secure import world as build
from tests.secure.conftest import World
from tests.servers import PostgresqlServer


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or was refused with, all started at the same moment in threads with connections of their own."""
    results: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def one(i: int) -> None:
        gate.wait()
        try:
            results[i] = calls[i]()
        except Exception as error:
            results[i] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def refused(results: list[Any]) -> list[Any]:
    unexpected = [r for r in results if isinstance(r, Exception) and not isinstance(r, Refused)]
    assert not unexpected, unexpected
    return [r for r in results if isinstance(r, Refused)]


@pytest.mark.promise("concurrency.3")
@pytest.mark.parametrize("second", ["approve", "reject"])
def test_two_reviewers_signing_at_the_same_moment_decide_once(committed_world: World, second: str) -> None:
    world = committed_world
    request = requests.submit(world.people.steward, world.ready)
    people = world.people
    results = at_once(lambda: build.decide(people.ig, request), lambda: build.decide(people.other_ig, request, second))
    assert len(refused(results)) == 1
    decided = SignOff.objects.get(request=request)
    assert world.ready.state == {"approve": "approved", "reject": "rejected"}[decided.decision]
    assert audit.verify_chain().intact


@pytest.mark.promise("concurrency.4")
def test_a_double_click_does_the_thing_once_and_the_second_hears_a_sentence(committed_world: World) -> None:
    world = committed_world
    steward, source, request = world.people.steward, world.source, world.ready
    things: dict[str, tuple[Callable[[], Any], Callable[[], int]]] = {
        "register": (
            lambda: sources.register_source(steward, title="Twice", description="x", controller="y", subject="z"),
            lambda: type(source).objects.filter(title="Twice").count(),
        ),
        "draft": (
            lambda: requests.create_request(steward, source, title="Twice"),
            lambda: ReleaseRequest.objects.filter(title="Twice").count(),
        ),
        "summary": (
            lambda: summaries.request_summary(steward, source, policy="internal"),
            lambda: Run.objects.filter(kind="summarise", state="queued").count(),
        ),
        "submit": (lambda: requests.submit(steward, request), lambda: int(world.ready.state == "submitted")),
        "cancel": (lambda: requests.cancel_request(steward, request, reason="x"), lambda: int(world.ready.state == "cancelled")),
    }
    for name, (call, count) in things.items():
        results = at_once(call, call, call)
        assert len(refused(results)) == 2, name
        assert count() == 1, name
    assert audit.verify_chain().intact


@pytest.mark.promise("concurrency.2")
def test_of_several_workers_one_takes_a_run(committed_world: World) -> None:
    run = summaries.request_summary(committed_world.people.steward, committed_world.source, policy="internal")
    results = at_once(*[lambda: runs.claim(str(run.pk), run.token)] * 4)
    assert not refused(results)
    assert len([r for r in results if r is not None]) == 1


@pytest.mark.promise("concurrency.2")
def test_of_several_reconcilers_one_starts_a_lost_run_again(committed_world: World) -> None:
    run = summaries.request_summary(committed_world.people.steward, committed_world.source, policy="internal")
    runs.claim(str(run.pk), run.token)
    results = at_once(*[lambda: runs.reconcile(lost_after=0)] * 3)
    assert not refused(results)
    assert sorted(len(r) for r in results) == [0, 0, 1]
    run.refresh_from_db()
    assert (run.state, run.attempt, run.lost) == ("queued", 2, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("concurrency.5")
def test_the_same_holds_on_postgresql(postgresql_server: PostgresqlServer, tmp_path: Any) -> None:
    """These tests again, and those of the database's own rules, in a process whose database is PostgreSQL."""
    if os.environ.get("SYNTHPORTAL_SECURE_DATABASE"):
        pytest.skip("this is that process")
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("SYNTHPORTAL_TEST_VAR", "SYNTHPORTAL_VAR", "SYNTHPORTAL_STRICT_SKIPS")},
        "SYNTHPORTAL_SECURE_DATABASE": postgresql_server.url,
        "SYNTHPORTAL_TEST_VAR": str(tmp_path / "var"),
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--ds=synthportal.settings.test_secure"),
            *(f"tests/secure/test_{name}.py" for name in ("concurrency", "permissions", "reviews")),
            "tests/secure/test_audit.py::test_the_database_refuses_to_change_or_delete_an_event",
            "tests/secure/test_audit.py::test_the_database_refuses_to_change_or_delete_a_sign_off",
            "tests/secure/test_drill.py::test_the_database_refuses_to_publish_a_drill_or_its_version_and_to_unmake_one",
            "tests/secure/test_drill.py::test_a_release_cannot_be_made_a_drill",
            "tests/secure/test_reaudit.py::test_a_re_audit_is_never_changed_or_deleted",
            "tests/secure/test_bad_faith.py::test_the_database_too_refuses_a_signature_in_a_capacity_not_held_and_one_by_an_administrator",
            "tests/secure/test_sign_in.py::test_the_database_too_wants_two_administrators_for_a_reset",
            "tests/secure/test_sign_in.py::test_nobody_gets_a_second_account_by_another_spelling_of_their_e_mail",
            "tests/secure/test_sign_in.py::test_a_code_from_an_app_is_asked_for_and_works_once",
            "tests/secure/test_sign_in.py::test_a_link_ends_with_its_time_and_with_the_next_one",
            "tests/secure/test_withdrawal.py::test_the_database_refuses_a_withdrawal_by_who_made_it_and_any_change_of_one",
            "tests/secure/test_withdrawal.py::test_two_people_withdrawing_at_the_same_moment_withdraw_once",
            "tests/secure/test_notices.py::test_a_notice_is_of_the_transaction_that_it_tells_of_and_the_same_thing_is_told_once",
            "tests/secure/test_notices.py::test_ig_is_asked_to_look_at_a_release_again_and_says_that_it_may_stay",
            "tests/secure/test_agreement.py::test_the_database_keeps_agreements_dpias_assessments_and_accounts_as_they_are",
            "tests/secure/test_agreement.py::test_the_database_refuses_a_decision_by_its_author_maker_steward_or_ig_signer",
            "tests/secure/test_agreement.py::test_the_database_refuses_a_signature_without_assessment_over_a_veto_or_by_who_worked_for_sdat",
            "tests/secure/test_standing_approvals.py::test_the_database_itself_keeps_standing_approvals_as_they_were_given",
            "tests/secure/test_standing_approvals.py::test_submitting_while_it_is_revoked_leaves_nothing_approved_by_a_revoked_one",
            "tests/secure/test_release_policy.py::test_the_database_itself_keeps_a_policy_to_two_people_and_as_it_was_read",
            "tests/secure/test_deliberation.py::test_a_reviewer_marks_items_and_the_later_mark_counts_while_the_earlier_stays",
            "tests/secure/test_deliberation.py::test_who_marked_something_as_must_change_does_not_approve_it_in_the_database_either",
            "tests/secure/test_deliberation.py::test_a_new_round_shows_what_changed_and_what_had_to",
            *("-k", "not postgresql"),
        ],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
