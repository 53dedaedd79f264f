"""A request: described, given versions of which only the variables asked for leave, submitted with its evidence."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from django.db import DatabaseError, transaction

from generators.errors import InputError
from releases import evidence, files, permissions, selection, stored
from releases.models import ReleaseRequest, Run, SummaryRecord
from releases.permissions import Refused
from releases.services import requests, sources, summaries
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.mark.promise("request.1")
def test_a_draft_is_made_once_and_takes_only_what_is_on_the_lists(world: World) -> None:
    steward = world.people.steward
    request = requests.create_request(steward, world.source, title=" Visits ")
    with pytest.raises(Refused, match="already"):
        requests.create_request(steward, world.source, title="Visits")
    with pytest.raises(InputError, match="needs a title"):
        requests.create_request(steward, world.source, title="")
    for wrong, sentence in (
        ({"purpose": "profit"}, "purpose must be one of"),
        ({"state": "approved"}, "has no field state"),
        ({"variables": ["age"]}, "for each column, why"),
        ({"title": "x" * 201}, "longer than 200"),
        ({"use_case": "x" * 20_001}, "longer than 20,000"),
    ):
        with pytest.raises(InputError, match=sentence):
            requests.describe_request(steward, request, **wrong)
    described = requests.describe_request(steward, request, purpose="training", variables={"age": " why "})
    assert described.variables == {"age": "why"}


@pytest.mark.promise("request.6")
@pytest.mark.promise("utility.10")
def test_a_version_holds_only_the_variables_asked_for_and_so_does_everything_published_with_it(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    capsule = files.folder("capsules") / str(request.capsule)
    table = stored.working_schema(world.source.current_snapshot).tables[0].name
    asked = {*build.VARIABLES, "patient_id"}  # the person key is issued anew
    assert set(pq.read_schema(capsule / "data" / f"{table}.parquet").names) == asked
    assert {c["name"] for c in json.loads((capsule / "schema.json").read_text())["tables"][0]["columns"]} == asked
    assert {c["name"] for c in json.loads((capsule / "summary.json").read_text())["tables"][0]["columns"]} == asked
    manifest = json.loads((capsule / "manifest.json").read_text())
    assert set(manifest["variables"]) == set(build.VARIABLES)
    assert manifest["made"]["disclosure_policy"] == "public"
    assert [event["what"] for event in manifest["history"]] == ["summarised", "generated", "evaluated"]
    names = {path.name for path in capsule.rglob("*") if path.is_file()}
    assert {f"{table}.csv", "dictionary.csv", "report.html", "report.json", "README.md", "LICENCE.txt", "DISCLAIMER.txt"} <= names
    assert {"train_scikit_learn.py", "train_torch.py"} <= names


def test_rules_that_name_a_variable_left_out_go_with_it(world: World) -> None:
    whole = stored.working_schema(world.source.current_snapshot)
    part = selection.selected(whole, ["age", "disposition", "admit_ward"])
    assert set(part.tables[0].names) == {"patient_id", "age", "disposition", "admit_ward"}
    assert [rule.text for rule in part.tables[0].rules] == [rule.text for rule in whole.tables[0].rules if "admit_ward" in rule.text]
    assert len(part.tables[0].rules) < len(whole.tables[0].rules)
    assert selection.selected(whole, []) == whole
    assert selection.selected_summary(stored.summary(world.summary), whole, whole) == stored.summary(world.summary)


@pytest.mark.promise("request.7")
def test_choices_of_a_version_are_checked_before_anything_is_queued(world: World) -> None:
    steward, request = world.people.steward, build.draft(world.people.steward, world.source)
    for wrong, sentence in (
        ({"generator": "oracle"}, "no such generator"),
        ({"rows": 0}, "rows must be from 1"),
        ({"seed": -1}, "the seed must be"),
        ({"generator": "marginal"}, "works from a summary"),
    ):
        with pytest.raises(InputError, match=sentence):
            requests.request_generation(steward, request, **({"generator": "structural", "rows": 5, "seed": 1} | wrong))
    assert not request.runs.exists()


@pytest.mark.promise("concurrency.1")
def test_the_same_version_is_not_made_twice(world: World) -> None:
    steward = world.people.steward
    request = build.describe(steward, build.draft(steward, world.source))
    choices = {"generator": "structural", "rows": 20, "seed": 4}
    requests.request_generation(steward, request, **choices)
    with pytest.raises(Refused, match="being generated already"):
        requests.request_generation(steward, request, **choices)
    build.work()
    with pytest.raises(Refused, match="another seed"):
        requests.request_generation(steward, request, **choices)
    version = request.versions.get()
    assert (version.number, version.tier, version.rows, version.seed) == (1, "structural", 20, 4)
    assert version.confinement
    assert version.evaluation.metrics.exists(), "evaluated by itself"


def test_another_requests_version_or_another_datasets_summary_is_refused(world: World) -> None:
    steward = world.people.steward
    request = build.draft(steward, world.source)
    with pytest.raises(Refused, match="another request"):
        requests.choose_version(steward, request, version=world.ready.version)
    other = sources.register_source(steward, title="Another", description="x", controller="y", subject="z")
    SummaryRecord.objects.filter(pk=world.summary.pk).update(source=other)
    summary = SummaryRecord.objects.get(source=other)
    with pytest.raises(Refused, match="another dataset"):
        requests.request_generation(steward, request, generator="marginal", rows=5, seed=1, summary=summary)


@pytest.mark.promise("request.8")
def test_a_summary_is_made_once_for_a_snapshot_and_policy(world: World) -> None:
    steward = world.people.steward
    with pytest.raises(InputError, match="no such disclosure policy"):
        summaries.request_summary(steward, world.source, policy="secret")
    with pytest.raises(Refused, match="There is a summary"):
        summaries.request_summary(steward, world.source, policy="public")
    summaries.request_summary(steward, world.source, policy="internal")
    with pytest.raises(Refused, match="being made already"):
        summaries.request_summary(steward, world.source, policy="internal")
    build.work()
    record = SummaryRecord.objects.get(source=world.source, policy_name="internal")
    assert stored.summary(record).digest == record.digest


@pytest.mark.promise("request.9")
def test_a_table_smaller_than_the_policy_allows_is_refused_a_summary_with_the_reason(world: World) -> None:
    steward = world.people.steward
    source = build.prepared_source(steward, content=build.emergency_csv(200, 3))
    run = summaries.request_summary(steward, source, policy="public")
    build.work()
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "1,000" in run.reason or "1000" in run.reason
    assert not source.summaries.exists()


def test_a_file_changed_behind_the_rows_is_noticed_and_not_used(world: World) -> None:
    path = files.folder("summaries") / world.summary.path
    content = path.read_bytes()
    try:
        path.write_bytes(content.replace(b"public", b"Public"))
        with pytest.raises(InputError, match="was changed after it was recorded"):
            stored.summary(world.summary)
        path.unlink()
        with pytest.raises(InputError, match="is missing"):
            stored.summary(world.summary)
    finally:
        path.write_bytes(content)


def test_a_dataset_without_a_prepared_snapshot_gives_no_request_and_no_summary(world: World) -> None:
    source = build.registered_source(world.people.steward, content=build.emergency_csv(200, 3))
    for action in ("create_request", "request_summary"):
        sentence = permissions.explain(world.people.steward, action, source)
        assert sentence is not None
        assert "no prepared snapshot" in sentence


@pytest.mark.promise("concurrency.1")
def test_a_request_submitted_twice_is_submitted_once_and_leaves_one_capsule(world: World) -> None:
    folder = files.folder("capsules") / str(world.ready.pk)
    before = set(folder.glob("*"))
    first = requests.submit(world.people.steward, world.ready)
    with pytest.raises(Refused, match="waiting for review"):
        requests.submit(world.people.steward, world.ready)
    assert set(folder.glob("*")) - before == {files.folder("capsules") / str(first.capsule)}


@pytest.mark.promise("request.10")
def test_a_request_is_cancelled_with_a_reason_and_stays_on_record(world: World) -> None:
    steward = world.people.steward
    with pytest.raises(InputError, match="say why"):
        requests.cancel_request(steward, world.ready, reason=" ")
    assert requests.cancel_request(steward, world.ready, reason="The course was cancelled.").state == "cancelled"
    with pytest.raises(Refused):
        requests.cancel_request(steward, world.ready, reason="again")


def test_two_datasets_with_one_title_get_two_public_names_and_the_same_dataset_gets_the_next_version(world: World) -> None:
    steward = world.people.steward
    first = requests.submit(steward, world.ready)
    again = build.ready_request(steward, world.source)
    requests.describe_request(steward, again, title=first.title)
    again = requests.submit(steward, again)
    assert (again.slug, again.release_version) == (first.slug, 2)
    ReleaseRequest.objects.filter(pk=again.pk).update(slug="elsewhere")
    other = sources.register_source(steward, title="Another", description="x", controller="y", subject="z")
    ReleaseRequest.objects.filter(pk=first.pk).update(source=other)
    third = build.ready_request(steward, world.source)
    requests.describe_request(steward, third, title=first.title)
    assert requests.submit(steward, third).slug == f"{first.slug}-{str(world.source.pk)[:8]}"


def test_a_title_without_a_latin_letter_still_gets_a_public_name(world: World) -> None:
    requests.describe_request(world.people.steward, world.ready, title="医療データ")
    assert requests.submit(world.people.steward, world.ready).slug == f"dataset-{str(world.ready.pk)[:8]}"


@pytest.mark.promise("request.11")
def test_the_database_forbids_half_a_submission(world: World) -> None:
    for change in ({"submitted_by": world.people.steward}, {"state": "submitted"}, {"evidence_digest": "0" * 64}):
        with pytest.raises(DatabaseError), transaction.atomic():
            ReleaseRequest.objects.filter(pk=world.ready.pk).update(**change)


def test_a_request_changed_while_its_capsule_was_built_is_not_submitted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    build_capsule, steward = evidence.build_capsule, world.people.steward
    folder = files.folder("capsules") / str(world.ready.pk)
    before = set(folder.glob("*"))

    def slow(request: ReleaseRequest, folder, **place):  # type: ignore[no-untyped-def]
        digest = build_capsule(request, folder, **place)
        requests.describe_request(steward, request, use_case="Something else, at the last moment.")
        return digest

    monkeypatch.setattr(evidence, "build_capsule", slow)
    with pytest.raises(Refused, match="changed while it was being submitted"):
        requests.submit(steward, world.ready)
    assert set(folder.glob("*")) == before
