"""Twenty threads at one request, round after round: signing, cancelling, publishing, withdrawing. Each thing is done by exactly one."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db.models import Model

from releases import audit
from releases.capsule.feed import read
from releases.capsule.signing import PUBLIC_KEY, Signer, TrustedKeys, pin
from releases.models import Publication, ReleaseRequest, SignOff, Withdrawal
from releases.services import publishing, requests, suspensions
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_concurrency import at_once, refused
from tests.servers import PostgresqlServer

ON_POSTGRESQL = bool(os.environ.get("SYNTHPORTAL_SECURE_DATABASE"))
ROUNDS = 100 if ON_POSTGRESQL else 4


Row = TypeVar("Row", bound=Model)


def copied(row: Row, **changes: Any) -> Row:
    """The same row under another key."""
    copy = type(row)._default_manager.get(pk=row.pk)
    copy.pk, copy._state.adding = uuid.uuid4(), True
    for name, value in changes.items():
        setattr(copy, name, value)
    copy.save(force_insert=True)
    return copy


def submitted(world: World, number: int) -> ReleaseRequest:
    """Another request, with a copy of the version that is there already: what is tried here is who decides, not what is made."""
    steward, origin = world.people.steward, world.ready.version
    assert origin is not None
    request = build.describe(steward, build.draft(steward, world.source, f"Round {number}"))
    version = copied(origin, request=request, run=copied(origin.run, request=request))
    copied(origin.evaluation, version=version, run=copied(origin.evaluation.run, request=request, version=version))
    return requests.submit(steward, build.answered(steward, requests.choose_version(steward, request, version=version)))


def one_round(world: World, number: int, signer: Signer, lake: Path) -> str:
    """Twenty threads for each step of one request's road; the state it ended in."""
    people, request = world.people, submitted(world, number)
    taken_back = {"reason": Withdrawal.Reason.choices[0][0], "said": "It is taken back.", "why": "A trial."}
    given_up = 6 if number % 3 == 0 else 0  # it is quicker than reading the evidence, and would nearly always win
    deciding = [lambda: build.decide(people.ig, request)] * 10 + [lambda: build.decide(people.other_ig, request)] * (10 - given_up)
    cancelling = [lambda: requests.cancel_request(people.steward, request, reason="Not needed.")] * given_up
    assert len(won(at_once(*deciding, *cancelling))) == 1
    request.refresh_from_db()
    assert SignOff.objects.filter(request=request).count() == int(request.state == "approved")
    if request.state == "cancelled":
        return "cancelled"
    publishers = [lambda: publishing.publish_next(signer, lake)] * 12
    withdrawing = [lambda: suspensions.withdraw(people.other_ig, request, **taken_back)] * 8
    results = won(at_once(*publishers, *withdrawing))
    assert [type(each) for each in results].count(Publication) == 1
    results += won(at_once(*withdrawing, *[lambda: suspensions.withdraw(people.ig, request, **taken_back)] * 12))
    assert len(results) == 2
    assert Publication.objects.get(request=request).notice_sequence is not None
    assert Withdrawal.objects.filter(request=request).count() == 1
    request.refresh_from_db()
    return str(request.state)


def won(results: list[Any]) -> list[Any]:
    """What those got who were not refused; anything but a refusal in a sentence fails."""
    lost = refused(results)
    return [result for result in results if result is not None and result not in lost]


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.promise("concurrency.6")
def test_of_twenty_at_once_exactly_one_decides_publishes_and_withdraws_round_after_round(committed_world: World, tmp_path: Path) -> None:
    lake, signer = tmp_path / "lake", build.signer()
    ended = Counter(one_round(committed_world, number, signer, lake) for number in range(ROUNDS))
    assert set(ended) <= {"cancelled", "withdrawn"}
    assert audit.verify_chain().intact
    if ended["withdrawn"]:
        pin((Path(settings.SYNTHPORTAL_SECURE_FILES).parent / "publisher" / PUBLIC_KEY).read_bytes(), tmp_path / "keys")
        notices = list(read(lake, TrustedKeys.load(tmp_path / "keys")))
        assert [notice.sequence for notice in notices] == list(range(1, ended["withdrawn"] + 1))
    print(f"{ROUNDS} rounds of twenty threads: {dict(ended)}")


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.promise("concurrency.6")
def test_a_hundred_rounds_on_postgresql(postgresql_server: PostgresqlServer, tmp_path: Path) -> None:
    if ON_POSTGRESQL:
        pytest.skip("this is that process")
    left_out = ("SYNTHPORTAL_TEST_VAR", "SYNTHPORTAL_VAR", "SYNTHPORTAL_STRICT_SKIPS")
    environment = {k: v for k, v in os.environ.items() if k not in left_out}
    environment |= {"SYNTHPORTAL_SECURE_DATABASE": postgresql_server.url, "SYNTHPORTAL_TEST_VAR": str(tmp_path / "var")}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--ds=synthportal.settings.test_secure"]
    done = subprocess.run(
        [*command, __file__, "-k", "not postgresql"], env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
