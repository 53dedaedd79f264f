"""Drills: a planted leak looks like any request to who reviews it, is never published, is revealed and destroyed, and is counted."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.intervals import wilson
from generators.errors import Cancelled, InputError
from generators.schema import DatasetSchema
from releases import agreements, audit, drill_rates, evidence, files, permissions, plain_account, policy, stored, visibility
from releases.capsule.attestation import Attestation, SignedOff
from releases.capsule.layout import CapsuleRefused
from releases.capsule.publish import DRILL, publish
from releases.models import AuditEvent, DestructionRecord, Drill, Notification, Publication, ReleaseRequest, Run, SyntheticVersion
from releases.permissions import Refused
from releases.planting import KINDS, plant
from releases.services import agreements as agreement_services
from releases.services import drills, publishing, requests, reviews, runs
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_concurrency import at_once, refused
from tests.secure.test_deliberation import asks


def start(world: World, **changes: object) -> Drill:
    given = {"origin": world.ready.version, "kind": "planted rows", "amount": 30, "title": "Visits for a course", "seed": 5}
    return drills.start_drill(world.people.administrator, **(given | changes))  # type: ignore[arg-type]


def planted(drill: Drill) -> SyntheticVersion:
    """Only plant: the first run of a drill, in full."""
    run = drill.request.runs.get()
    from releases.jobs import perform

    perform(str(run.pk), run.token, beating=False)
    return SyntheticVersion.objects.get(request=drill.request)


def judged(drill: Drill, *, passed: bool = True) -> Drill:
    """The evaluation's outcome as given, without measuring: the stored evaluation of the origin and a verdict."""
    from releases.models import EvaluationRecord

    version, first = planted(drill), drill.origin.evaluation
    run = drill.request.runs.get(kind="evaluate")
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(state="succeeded", finished_at=timezone.now())
        record = EvaluationRecord.objects.create(
            version=version,
            path=first.path,
            sha256=first.sha256,
            gates_version=first.gates_version,
            passed=passed,
            verdict=first.verdict,
            made_at=timezone.now(),
            run=run,
        )
        drills.judged(record)
    return Drill.objects.get(pk=drill.pk)


def submitted(world: World, **changes: object) -> Drill:
    drill = judged(start(world, **changes))
    build.work()
    drill = Drill.objects.get(pk=drill.pk)
    assert drill.request.state == "submitted", [r.reason for r in drill.request.runs.all()]
    return drill


def client(world: World, name: str) -> Client:
    made = Client()
    made.force_login(getattr(world.people, name), backend="django.contrib.auth.backends.ModelBackend")
    return made


# Planting


@pytest.mark.promise("drill.1")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_comes_from_train_keeps_the_rows_and_keys_and_follows_from_the_seed(
    world: World, kind: str, tmp_path: Path
) -> None:
    version = world.ready.version
    train, synthetic = stored.side(version.snapshot, "train"), stored.data(version)
    schema = DatasetSchema.from_dict(version.schema)
    (table,) = schema.tables
    told, made = plant(kind, 20, train, synthetic, schema, tmp_path / "a", seed=3)
    _, again = plant(kind, 20, train, synthetic, schema, tmp_path / "b", seed=3)
    before, after = pq.read_table(synthetic[table.name]), pq.read_table(made[table.name])
    assert after.equals(pq.read_table(again[table.name]))
    assert after.schema.equals(before.schema)
    assert after.num_rows == before.num_rows
    keys = [c for c in before.column_names if c not in told.columns]
    assert after.select(keys).equals(before.select(keys)) or not keys
    real = pq.read_table(train[table.name], columns=before.column_names).to_pylist()
    names = list(told.columns)
    changed = [(a, b) for a, b in zip(after.to_pylist(), before.to_pylist(), strict=True) if a != b]
    assert 0 < len(changed) <= 20
    assert told.rows == 20 if kind != "rare cells" else told.rows <= 20
    if kind == "planted rows":
        known = {tuple(row[n] for n in names) for row in real}
        assert all(tuple(row[n] for n in names) in known for row, _ in changed)
    elif kind == "rare cells":
        for row, was in changed:
            for name in names:
                if row[name] != was[name]:
                    assert sum(r[name] == row[name] for r in real) <= 2
    else:
        texts = [n for n in names if isinstance(real[0][n], str)]
        assert len({tuple(row[n] for n in texts) for row, _ in changed}) == 1, "one person's record, repeated"


@pytest.mark.promise("drill.1")
def test_what_cannot_be_planted_is_said(world: World, tmp_path: Path) -> None:
    version = world.ready.version
    schema = DatasetSchema.from_dict(version.schema)
    sides = stored.side(version.snapshot, "train"), stored.data(version)
    with pytest.raises(InputError, match="plant between 1 and that many"):
        plant("planted rows", 10_000, *sides, schema, tmp_path / "x", seed=1)
    with pytest.raises(InputError, match="a drill plants one of"):
        plant("a virus", 1, *sides, schema, tmp_path / "x", seed=1)
    with pytest.raises(InputError, match="no table of this version"):
        plant("planted rows", 1, {}, {}, schema, tmp_path / "x", seed=1)


# Starting, unannounced


@pytest.mark.promise("drill.2")
def test_an_administrator_starts_a_drill_that_looks_like_its_authors_and_says_so_in_the_trail_alone(world: World) -> None:
    drill = start(world)
    asked, like = drill.request, world.ready
    assert asked.author == like.author
    assert {name: getattr(asked, name) for name in drills.COPIED} == {name: getattr(like, name) for name in drills.COPIED}
    event = AuditEvent.objects.get(action="start_drill")
    assert (event.actor, event.target_id) == (world.people.administrator, str(asked.pk))
    for name in ("steward", "sdat", "ig", "ppi", "nobody"):
        assert not visibility.visible_drills(getattr(world.people, name)).exists()
    for name in ("administrator", "auditor"):
        assert visibility.visible_drills(getattr(world.people, name)).exists()
    version = planted(drill)
    assert (version.made_by, version.rows, version.seed) == (like.author, like.version.rows, like.version.seed)
    assert Drill.objects.get().planted["rows"] == 30


@pytest.mark.promise("drill.2")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "a virus"}, "a drill plants one of"),
        ({"amount": 0}, "plant between 1"),
        ({"title": " "}, "a title of at most 200"),
    ],
)
def test_a_drill_that_makes_no_sense_is_refused(world: World, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        start(world, **changes)


@pytest.mark.promise("drill.2")
def test_only_an_administrator_starts_or_ends_one_only_of_a_chosen_version_and_one_at_a_time(world: World) -> None:
    people = world.people
    for person in (people.ig, people.steward, people.auditor):
        with pytest.raises(Refused, match="Only an administrator"):
            drills.start_drill(person, origin=world.ready.version, kind="rare cells", amount=5, title="x")
    drill = start(world)
    with pytest.raises(Refused, match="under way already"):
        start(world)
    with pytest.raises(Refused, match="Only an administrator"):
        drills.end_drill(people.ig, drill)
    version = planted(drill)
    with pytest.raises(Refused, match="evaluated version that a request chose"):
        start(world, origin=version)
    ReleaseRequest.objects.filter(pk=world.ready_marginal_key).update(use_case="")
    with pytest.raises(Refused, match="something is amiss"):
        start(world, origin=world.ready_marginal.version)


@pytest.mark.promise("drill.2")
def test_two_clicks_at_once_start_one_drill(committed_world: World) -> None:
    world = committed_world
    assert len(refused(at_once(lambda: start(world), lambda: start(world), lambda: start(world)))) == 2
    assert Drill.objects.count() == 1
    assert audit.verify_chain().intact


@pytest.mark.promise("drill.3")
def test_reviewers_see_a_request_like_any_other_and_the_steward_sees_nothing(world: World) -> None:
    drill = submitted(world)
    asked = drill.request
    assert visibility.visible_requests(world.people.ig).filter(pk=asked.pk).exists()
    assert not visibility.visible_requests(world.people.steward).filter(pk=asked.pk).exists()
    assert not visibility.visible_runs(world.people.steward).filter(request=asked).exists()
    page = client(world, "ig").get(reverse("review", args=[asked.pk]))
    assert page.status_code == 200
    assert "drill" not in page.content.decode().replace("/drills/", "").replace(">Drills<", "").lower()
    home = client(world, "ig").get(reverse("home")).content.decode()
    assert "Visits for a course" in home
    steward = client(world, "steward")
    source = steward.get(reverse("source", args=[world.source_key])).content.decode()
    assert "Visits for a course" not in source
    assert steward.get(reverse("request", args=[asked.pk])).status_code == 404
    assert "Visits for a course" not in steward.get(reverse("requests")).content.decode()
    Drill.objects.update(started_by=world.people.ig)
    refusal = permissions.explain(world.people.ig, "sign_off", ReleaseRequest.objects.get(pk=asked.pk), capacity="ig")
    assert "Nobody reviews what they requested" in str(refusal), "whoever started it does not decide on it either"


@pytest.mark.promise("drill.10")
def test_a_drill_of_data_whose_use_case_is_agreed_first_waits_for_that_agreement_like_any_other(world: World) -> None:
    asks(world.ready, skips=[], needs_account=True)
    people, drill = world.people, start(world)
    asked = ReleaseRequest.objects.get(pk=drill.request_id)
    assert (asked.state, asked.runs.count(), asked.agreements.count()) == ("proposed", 0, 0)
    assert {each.account for each in Notification.objects.filter(kind="proposal", request=asked)} == {people.sdat}
    assert "Visits for a course" in client(world, "sdat").get(reverse("home")).content.decode()
    page = client(world, "sdat").get(reverse("agreement", args=[asked.pk]))
    assert page.status_code == 200
    assert "drill" not in page.content.decode().replace("/drills/", "").replace(">Drills<", "").lower()
    assert client(world, "steward").get(reverse("request", args=[asked.pk])).status_code == 404
    for taken_back in (agreement_services.reopen, lambda actor, request: requests.cancel_request(actor, request, reason="Not mine.")):
        with pytest.raises(Refused):
            taken_back(people.steward, asked)
    agreement_services.agree(people.sdat, asked, digest=agreements.digest(asked))
    assert [run.kind for run in asked.runs.all()] == ["drill"]
    judged(drill)
    build.work()
    asked = ReleaseRequest.objects.get(pk=drill.request_id)
    assert asked.state == "submitted", [run.reason for run in asked.runs.all()]
    assert agreements.standing(asked) is not None
    account = plain_account.current(asked)
    assert account is not None
    assert account.writer == asked.author
    assert not Notification.objects.filter(account=people.steward, request=asked).exists()


@pytest.mark.promise("drill.10")
def test_a_drill_whose_use_case_is_sent_back_is_over(world: World) -> None:
    asks(world.ready, skips=[])
    drill = start(world)
    asked = ReleaseRequest.objects.get(pk=drill.request_id)
    agreement_services.send_back(world.people.sdat, asked, digest=agreements.digest(asked), comment="What for?")
    drill.refresh_from_db()
    assert (drill.revealed_because, drill.reviewers_caught) == ("The use case was sent back.", None)
    assert ReleaseRequest.objects.get(pk=asked.pk).state == "cancelled"
    assert {each.account for each in Notification.objects.filter(kind="drill")} == {world.people.sdat}
    assert not Notification.objects.filter(account=world.people.steward, title__contains="Visits for a course").exists()


# Never published


@pytest.mark.promise("drill.4")
def test_the_database_refuses_to_publish_a_drill_or_its_version_and_to_unmake_one(world: World) -> None:
    drill = submitted(world)
    asked = ReleaseRequest.objects.get(pk=drill.request_id)
    attempts = (
        lambda: ReleaseRequest.objects.filter(pk=asked.pk).update(state="published"),
        lambda: ReleaseRequest.objects.filter(pk=asked.pk).update(state="suspended"),
        lambda: ReleaseRequest.objects.filter(pk=world.ready_key).update(version=asked.version, state="published"),
        lambda: publication(asked),
        lambda: (
            ReleaseRequest.objects.filter(pk=world.ready_key).update(version=asked.version),
            publication(ReleaseRequest.objects.get(pk=world.ready_key)),
        ),
        lambda: Drill.objects.filter(pk=drill.pk).delete(),
        lambda: Drill.objects.filter(pk=drill.pk).update(request=world.ready_marginal_key),
        lambda: Drill.objects.filter(pk=drill.pk).update(kind="rare cells"),
    )
    for number, attempt in enumerate(attempts):
        with pytest.raises(DatabaseError, match="a drill"), transaction.atomic():
            attempt()
        assert ReleaseRequest.objects.get(pk=asked.pk).state == "submitted", number


def publication(asked: ReleaseRequest) -> Publication:
    return Publication.objects.create(
        request=asked, slug="x", release_version=1, manifest_sha256="0" * 64, predicate={}, started_at=timezone.now()
    )


@pytest.mark.promise("drill.4")
def test_a_release_cannot_be_made_a_drill(world: World, tmp_path: Path) -> None:
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready))
    assert publishing.publish_next(build.signer(), tmp_path / "lake") is not None
    with pytest.raises(DatabaseError, match="cannot be made a drill"), transaction.atomic():
        Drill.objects.create(
            request=world.ready,
            origin=world.ready.version,
            kind="rare cells",
            amount=1,
            seed=1,
            despite_gates=False,
            started_by=world.people.administrator,
            started_at=timezone.now(),
        )


@pytest.mark.promise("drill.4")
def test_the_table_the_publisher_and_the_capsule_refuse_each_when_the_others_are_gone_around(world: World, tmp_path: Path) -> None:
    drill, lake = submitted(world), tmp_path / "lake"
    asked = ReleaseRequest.objects.get(pk=drill.request_id)
    # The table and the publisher: a row that says approved, with every signature there.
    with transaction.atomic():
        point = transaction.savepoint()
        reviews.SignOff.objects.create(
            request=asked,
            round=1,
            capacity="ig",
            reviewer=world.people.ig,
            author=asked.author,
            decision="approve",
            checklist={},
            evidence_digest=asked.evidence_digest,
            release_policy="x",
            gates_version="2",
            decided_at=timezone.now(),
        )
        ReleaseRequest.objects.filter(pk=asked.pk).update(state="approved", release_version=1)
        approved = ReleaseRequest.objects.get(pk=asked.pk)
        assert "A drill is never published" in str(policy.refusal(approved, "publish"))
        assert publishing.publish_next(build.signer(), lake) is None
        transaction.savepoint_rollback(point)
    # The capsule: signed by hand with the publisher's own key.
    capsule = files.folder("capsules") / str(asked.capsule)
    statement = Attestation(
        (SignedOff("IG", "approve", "2026-11-22T00:00:00Z"),), "0" * 64, "2026-11-22T00:00:00Z", "release-policy-2", 1, "0" * 64
    )
    with pytest.raises(CapsuleRefused, match="a drill is never published"):
        publish(capsule, lake, build.signer(), statement)
    assert not lake.exists()
    # The evidence: under another name, or from another request.
    for request, slug in ((asked, "visits"), (world.ready, f"{DRILL}1")):
        with pytest.raises(InputError, match="bears the name of a drill"):
            evidence.build_capsule(request, tmp_path / "capsule", slug=slug, version=1)
    other = world.ready
    other.version = asked.version
    with pytest.raises(InputError, match="made for one"):
        evidence.build_capsule(other, tmp_path / "capsule", slug="visits", version=1)
    assert "A drill is never published" in str(policy.refusal(other, "submit"))
    other.title = "Drill data for teaching"
    assert evidence.slug(other) == "a-drill-data-for-teaching"


# Revealed, destroyed, counted


@pytest.mark.promise("drill.5")
@pytest.mark.parametrize(("decision", "caught"), [("approve", False), ("return", True), ("reject", True)])
def test_a_decision_reveals_the_drill_and_says_who_noticed(world: World, decision: str, caught: bool, tmp_path: Path) -> None:
    drill = submitted(world)
    build.decide(world.people.ig, drill.request, decision)
    drill = Drill.objects.get()
    assert drill.request.state == "cancelled"
    assert (drill.gates_caught, drill.reviewers_caught) == (False, caught)
    assert f"The reviewers {'caught' if caught else 'missed'} it." in drill.request.closed_reason
    assert publishing.publish_next(build.signer(), tmp_path / "lake") is None
    page = client(world, "ig").get(reverse("request", args=[drill.request_id])).content.decode()
    assert "This was a drill: 30 rows held real people" in page
    assert client(world, "ig").get(reverse("drill", args=[drill.pk])).status_code == 200
    home = client(world, "ig").get(reverse("home")).content.decode()
    assert "Visits for a course" not in home, "it is no decision like any other"
    assert "Visits for a course" not in client(world, "ig").get(reverse("requests")).content.decode()


@pytest.mark.promise("drill.5")
def test_what_the_gates_catch_is_revealed_at_once_unless_it_was_to_go_to_the_reviewers(world: World) -> None:
    caught = judged(start(world), passed=False)
    assert (caught.gates_caught, caught.reviewers_caught, caught.request.state) == (True, None, "cancelled")
    assert caught.request.submitted_at is None
    forced = judged(start(world, despite_gates=True), passed=False)
    build.work()
    forced.request.refresh_from_db()
    assert (forced.gates_caught, forced.request.state) == (True, "submitted")


@pytest.mark.promise("drill.5")
def test_a_drill_can_be_called_off_whatever_it_is_doing(world: World) -> None:
    drill = start(world)
    claimed = runs.claim(str(drill.request.runs.get().pk), drill.request.runs.get().token)
    assert claimed is not None
    drills.end_drill(world.people.administrator, drill)
    with pytest.raises(Refused, match="over already"):
        drills.end_drill(world.people.administrator, drill)
    with pytest.raises(Cancelled), transaction.atomic():
        drills.planted(claimed, claimed.token, told={}, produced=[])
    with pytest.raises(Cancelled), transaction.atomic():
        drills.submitted(claimed, claimed.token, capsule="x", manifest="x")
    drill = Drill.objects.get()
    assert drill.revealed_because == "It was called off."
    assert "not finished" in drill.request.closed_reason
    assert drills.destroy_revealed() is None, "it is still being stopped"
    runs.stopped(str(claimed.pk), claimed.token)
    assert drills.destroy_revealed() == 1
    waiting = start(world)
    drills.end_drill(world.people.administrator, waiting)
    assert waiting.request.runs.get().state == "cancelled"


@pytest.mark.promise("drill.6")
def test_what_a_drill_left_is_destroyed_with_a_record_of_each_file(world: World) -> None:
    drill = submitted(world)
    version = drill.request.version
    paths = list(stored.data(version).values())
    capsule = files.folder("capsules") / str(drill.request.capsule)
    assert drills.destroy_revealed() is None
    assert all(path.exists() for path in (*paths, capsule))
    build.decide(world.people.ig, drill.request)
    assert drills.destroy_revealed() == 1
    assert drills.destroy_revealed() is None
    assert not any(path.exists() for path in (*paths, capsule))
    records = DestructionRecord.objects.filter(what__startswith=f"drill {drill.pk}")
    assert {r.sha256 for r in records} == {version.files[0]["sha256"], drill.request.manifest_sha256}
    assert Drill.objects.get().destroyed_at is not None
    assert client(world, "ig").get(reverse("version", args=[version.pk])).status_code == 200, "the evidence is still to be read"
    assert client(world, "ig").get(reverse("review", args=[drill.request_id])).status_code == 200


@pytest.mark.promise("drill.7")
def test_rates_count_revealed_drills_alone_by_kind_with_intervals(world: World) -> None:
    assert all(rate.n == 0 for rate in drill_rates.rates())
    judged(start(world), passed=False)
    judged(start(world, kind="rare cells"), passed=True)
    found = {(r.kind, r.who): (r.caught, r.n) for r in drill_rates.rates()}
    assert found["planted rows", "gates"] == (1, 1)
    assert found["rare cells", "gates"] == (0, 0), "that one is under way"
    assert found["every kind", "reviewers"] == (0, 0)
    rate = next(r for r in drill_rates.rates() if r.n)
    assert (rate.low, rate.high) == wilson(1, 1)
    for name in ("administrator", "sdat", "ig", "auditor"):
        page = client(world, name).get(reverse("drills")).content.decode()
        assert "1 of 1" in page
        assert ("under way" in page.replace("those under way", "")) == (name in ("administrator", "auditor")), name


@pytest.mark.promise("drill.8")
def test_nothing_of_what_is_planted_is_in_a_row_a_message_or_a_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    drill = submitted(world, kind="memorised record", amount=3)
    version = drill.request.version
    schema = DatasetSchema.from_dict(version.schema)
    before, after = pq.read_table(next(iter(stored.data(drill.origin).values()))), pq.read_table(next(iter(stored.data(version).values())))
    row = next(a for a, b in zip(after.to_pylist(), before.to_pylist(), strict=True) if a != b)
    secret = str(row["arrival_date"])
    assert schema.tables[0].column("arrival_date") is not None
    told = " ".join(
        [caplog.text, str(drill.planted), str(list(AuditEvent.objects.values_list("payload", flat=True)))]
        + [str(r) for r in Run.objects.filter(request=drill.request).values_list("parameters", "reason", "stage")]
        + [client(world, "administrator").get(reverse("drill", args=[drill.pk])).content.decode()]
    )
    assert secret not in told


@pytest.mark.promise("drill.9")
def test_the_pages_of_drills_start_and_end_one(world: World) -> None:
    admin = client(world, "administrator")
    form = admin.get(reverse("new-drill")).content.decode()
    assert world.ready.title in form
    given = {"origin": world.ready.version.pk, "title": "Visits for a course", "kind": "rare cells", "amount": 5}
    assert admin.post(reverse("new-drill"), {**given, "amount": ""}).status_code == 422
    assert admin.post(reverse("new-drill"), given).status_code == 302
    drill = Drill.objects.get()
    assert admin.post(reverse("new-drill"), given).status_code == 403
    page = admin.get(reverse("drill", args=[drill.pk])).content.decode()
    assert "Nobody who reviews may know of it yet" in page
    assert "Drills under way" in admin.get(reverse("home")).content.decode()
    assert admin.get(reverse("run", args=[drill.request.runs.get().pk])).status_code == 200
    assert client(world, "ig").get(reverse("drill", args=[drill.pk])).status_code == 404
    assert client(world, "auditor").post(reverse("end-drill", args=[drill.pk])).status_code == 403
    assert admin.post(reverse("end-drill", args=[drill.pk])).status_code == 302
    assert "This was a drill that was not finished." in client(world, "ig").get(reverse("drill", args=[drill.pk])).content.decode()


@pytest.mark.promise("drill.1")
def test_the_whole_road_of_a_drill_through_the_real_evaluation(world: World) -> None:
    drill = start(world, amount=150, despite_gates=True)
    build.work()
    drill = Drill.objects.get(pk=drill.pk)
    assert drill.request.state == "submitted", [r.reason for r in drill.request.runs.all()]
    assert drill.gates_caught is True, "half of the rows are real people's"
    build.decide(world.people.ig, drill.request, "reject")
    assert Drill.objects.get().reviewers_caught is True
    assert audit.verify_chain().intact
