"""The disclosure ledger: what each thing enters, what conflicts are refused, and the budget that two people set."""

from __future__ import annotations

import stat
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import InputError
from releases import audit, budget, files, jobs, stored
from releases.models import AuditEvent, LedgerEntry, Run, SourceDataset, SummaryRecord
from releases.permissions import Refused
from releases.services import ledger, requests, runs, sources, summaries
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_concurrency import at_once, refused
from tests.secure.test_pages_site import signed_in, words

What = LedgerEntry.What
NOISY = DisclosurePolicy("noisy", 1, minimum=5, rounding=5, minimum_table=50, epsilon=0.5, delta=1e-6, contributions=3)


def refreshed(world: World, content: bytes) -> SourceDataset:
    """The source with another snapshot."""
    steward, source = world.people.steward, world.source
    build.upload(steward, source, content)
    build.work()
    snapshot = source.latest_snapshot
    assert snapshot is not None
    sources.confirm_schema(steward, snapshot, schema=build.confirmed_schema(snapshot))
    build.work()
    return source


def with_budget(world: World, **limits: Any) -> None:
    given = {"epsilon": None, "delta": None, "summaries": None, **limits}
    proposal = ledger.propose_budget(world.people.steward, world.source, **given)
    ledger.set_budget(world.people.ig, world.source, proposal=proposal.number)


@pytest.mark.promise("ledger.5")
def test_summaries_attempts_and_versions_are_entered_with_who_what_and_how_many_figures(world: World) -> None:
    entries = list(world.source.ledger.order_by("number"))
    assert [e.number for e in entries] == list(range(1, len(entries) + 1))
    whats = [e.what for e in entries]
    assert whats == [What.SUMMARY, What.ATTEMPT, What.GENERATION, What.ATTEMPT, What.GENERATION]
    told = entries[0]
    assert told.summary == world.summary
    assert told.digest == world.summary.digest
    assert sum(told.figures.values()) > 20
    assert (told.epsilon, told.delta) == (None, None)
    assert entries[1].detail["seed"] == entries[2].detail["seed"] == 1
    requests.request_generation(world.people.steward, world.ready, generator="structural", rows=50, seed=77)
    newest = world.source.ledger.first()
    assert newest is not None
    assert (newest.what, newest.detail["seed"], newest.actor) == (What.ATTEMPT, 77, world.people.steward)


@pytest.mark.promise("ledger.6")
def test_the_database_refuses_to_change_or_delete_an_entry_and_a_budget_set_by_its_proposer(world: World) -> None:
    entry = world.source.ledger.first()
    assert entry is not None
    for change in (
        lambda: LedgerEntry.objects.filter(pk=entry.pk).update(figures={}),
        lambda: LedgerEntry.objects.filter(pk=entry.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.enter(
            world.source, What.SET, world.people.ig, budget={"epsilon": None, "delta": None, "summaries": 9}, proposed_by=world.people.ig
        )
    assert connection.vendor in ("sqlite", "postgresql")


@pytest.mark.promise("ledger.2")
def test_the_same_snapshot_may_be_summarised_under_another_policy(world: World) -> None:
    record = build.summary(world.people.steward, world.source, "internal")
    assert record.exposure_path
    assert stat.S_IMODE((files.folder("exposures") / record.exposure_path).stat().st_mode) == 0o600
    assert stored.exposure(record) is not None


@pytest.mark.promise("ledger.7")
def test_a_refresh_with_few_records_less_is_refused_recorded_and_nothing_of_it_is_kept(world: World) -> None:
    before = set(SummaryRecord.objects.values_list("pk", flat=True))
    lines = build.emergency_csv().splitlines(keepends=True)
    source = refreshed(world, b"".join(lines[:-12]))
    run = summaries.request_summary(world.people.steward, source, policy="public")
    build.work()
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "The summary was not released" in run.reason
    assert 'table "' in run.reason
    assert set(SummaryRecord.objects.values_list("pk", flat=True)) == before
    for area in ("summaries", "exposures"):
        assert not (files.folder(area) / str(run.pk)).exists()
    newest = source.ledger.first()
    assert newest is not None
    assert newest.what == What.REFUSED
    assert newest.detail["places"]
    assert newest.figures == {}
    assert AuditEvent.objects.filter(action="refuse_summary").count() == 1
    assert audit.verify_chain().intact
    page = signed_in(world.people.steward).get(reverse("new-summary", args=[source.pk]))
    assert "arrival_date" in words(page)  # what is in the way is offered to be left out
    shown = words(signed_in(world.people.auditor).get(reverse("ledger", args=[source.pk])))
    assert "conflicts with an earlier summary" in shown


@pytest.mark.promise("ledger.3")
def test_an_earlier_summary_whose_exposure_is_lost_or_changed_stops_every_new_one(world: World) -> None:
    path = files.folder("exposures") / world.summary.exposure_path
    content = path.read_bytes()
    try:
        path.write_bytes(content + b"x")
        run = summaries.request_summary(world.people.steward, world.source, policy="internal")
        build.work()
        run.refresh_from_db()
        assert run.state == Run.State.FAILED
        assert "not on record or was changed" in run.reason
    finally:
        path.write_bytes(content)


@pytest.mark.promise("ledger.8")
def test_columns_can_be_left_out_of_a_summary_but_not_keys_or_what_is_not_there(world: World) -> None:
    steward, source = world.people.steward, world.source
    (table,) = stored.working_schema(world.summary.snapshot).tables
    for wrong in ((table.name, "no such column"), ("no such table", "age"), (table.name, table.person_key or "")):
        with pytest.raises(InputError):
            summaries.request_summary(steward, source, policy="internal", without=[wrong])
    # Less the one column, a pattern of missing values may take in the few of another: it can be left out, too.
    left_out = [(table.name, "heart_rate"), (table.name, "(missing together)")]
    run = summaries.request_summary(steward, source, policy="internal", without=left_out)
    build.work()
    assert stored.summary(SummaryRecord.objects.get(run=run)).table(table.name).missing == ()
    record = SummaryRecord.objects.get(run=run)
    names = [c.name for c in stored.summary(record).table(table.name).columns]
    assert "heart_rate" not in names
    assert "age" in names
    assert stored.summarised_schema(record).digest == stored.summary(record).schema_digest


@pytest.mark.promise("ledger.9")
def test_a_budget_is_proposed_by_a_steward_and_set_by_ig_and_over_it_summaries_are_refused(world: World) -> None:
    steward, source, ig = world.people.steward, world.source, world.people.ig
    with pytest.raises(Refused, match="No budget waits"):
        ledger.set_budget(ig, source, proposal=1)
    proposal = ledger.propose_budget(steward, source, epsilon=None, delta=None, summaries=1)
    assert budget.standing(source).waiting == proposal
    assert budget.standing(source).budget is None
    for person in (steward, world.people.sdat, world.people.auditor):
        with pytest.raises(Refused):
            ledger.set_budget(person, source, proposal=proposal.number)
    with pytest.raises(Refused, match="Another budget was proposed"):
        ledger.set_budget(ig, source, proposal=proposal.number - 1)
    ledger.set_budget(ig, source, proposal=proposal.number)
    assert budget.standing(source).left("summaries") == 0
    with pytest.raises(Refused, match="of 1 summaries 0 are left"):
        summaries.request_summary(steward, source, policy="internal")
    page = words(signed_in(steward).get(reverse("ledger", args=[source.pk])))
    assert "1 of 1 spent, 0 left" in page
    assert "proposed by Steward" in page


@pytest.mark.promise("ledger.9")
@pytest.mark.parametrize(
    "wrong", [{"epsilon": 1.0}, {"epsilon": -1.0, "delta": 0.0}, {"epsilon": float("nan"), "delta": 0.0}, {"summaries": -1}]
)
def test_a_budget_that_makes_no_sense_is_refused(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ledger.propose_budget(world.people.steward, world.source, **{"epsilon": None, "delta": None, "summaries": None, **wrong})


@pytest.mark.promise("ledger.10")
def test_noise_needs_a_budget_is_added_up_and_is_refused_beyond_it(world: World) -> None:
    source = world.source
    assert "no budget is set" in str(budget.refusal(source, NOISY))
    with_budget(world, epsilon=1.2, delta=1e-5)
    assert budget.refusal(source, NOISY) is None
    for _ in range(2):
        ledger.enter(source, What.SUMMARY, world.people.steward, epsilon=0.5, delta=1e-6, detail={"policy": "noisy", "minimum": 5})
    assert budget.standing(source).left("epsilon") == pytest.approx(0.2)
    assert "of 1.2 ε 0.2 are left" in str(budget.refusal(source, NOISY))
    assert budget.refusal(source, POLICIES["internal"]) is None


@pytest.mark.promise("ledger.11")
def test_of_two_summaries_asked_for_at_once_one_passes_the_budget(committed_world: World) -> None:
    world = committed_world
    with_budget(world, summaries=2)
    steward, source = world.people.steward, world.source
    results = at_once(
        lambda: summaries.request_summary(steward, source, policy="internal"),
        lambda: summaries.request_summary(steward, source, policy="sub-national"),
    )
    assert len(refused(results)) == 1
    assert budget.standing(source).summaries == 2


@pytest.mark.promise("ledger.11")
def test_a_summary_that_was_not_compared_with_one_released_meanwhile_is_not_released(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from releases import stages

    run = summaries.request_summary(world.people.steward, world.source, policy="internal")
    whole = stages.expose

    def slow(*args: Any, **kwargs: Any) -> Any:
        found = whole(*args, **kwargs)
        told = world.summary
        other = runs.begin(world.people.steward, Run.Kind.SUMMARISE, world.source, snapshot=told.snapshot)
        fields = {f.attname: getattr(told, f.attname) for f in SummaryRecord._meta.concrete_fields if f.name not in ("id", "run")}
        SummaryRecord.objects.create(**fields, run=other)
        Run.objects.filter(pk=other.pk).update(state="succeeded", finished_at=other.queued_at)
        return found

    monkeypatch.setattr(stages, "expose", slow)
    jobs.perform(str(run.pk), run.token, beating=False)
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "released meanwhile" in run.reason


@pytest.mark.promise("ledger.12")
def test_the_ledger_is_read_by_stewards_of_the_dataset_sdat_ig_and_auditors(world: World) -> None:
    for persona, status in {
        "steward": 200,
        "sdat": 200,
        "ig": 200,
        "auditor": 200,
        "ppi": 404,
        "outsider": 404,
        "administrator": 404,
    }.items():
        client = signed_in(getattr(world.people, persona))
        assert client.get(reverse("ledger", args=[world.source.pk])).status_code == status, persona
    listed = signed_in(world.people.ig).get(reverse("ledgers"))
    assert world.source.title in words(listed)
    proposal = ledger.propose_budget(world.people.steward, world.source, epsilon=None, delta=None, summaries=5)
    assert "budget waits for IG" in words(signed_in(world.people.ig).get(reverse("ledgers")))
    client = signed_in(world.people.ig)
    assert "Set this budget" in words(client.get(reverse("ledger", args=[world.source.pk])))
    assert client.post(reverse("set-budget", args=[world.source.pk]), {"proposal": proposal.number}).status_code == 302
    assert budget.standing(world.source).limit("summaries") == 5


@pytest.mark.promise("assertions.3")
def test_a_failing_check_stops_the_submission_where_the_version_holds_the_column(world: World) -> None:
    request = world.ready_marginal
    (table,) = stored.working_schema(world.summary.snapshot).tables
    for places, stops in (([f"{table.name}.heart_rate"], True), ([f"{table.name}.bed_number"], False), ([], True)):
        failed = [{"name": "names", "sentence": "Values that look like a name.", "places": places}]
        SummaryRecord.objects.filter(pk=world.summary.pk).update(failed_assertions=failed)
        if stops:
            with pytest.raises(Refused, match="An automatic check of the summary fails"):
                requests.submit(world.people.steward, request)
        else:
            from releases import policy

            assert "automatic check" not in str(policy.refusal(world.ready_marginal, "submit"))


@pytest.mark.promise("ledger.10")
def test_a_summary_with_noise_is_charged_what_it_spent_and_is_not_compared(world: World) -> None:
    with pytest.raises(Refused, match="no budget is set"):
        summaries.request_summary(world.people.steward, world.source, policy="dp")
    with_budget(world, epsilon=1.5, delta=1e-4)
    record = build.summary(world.people.steward, world.source, "dp")
    spent = stored.summary(record).privacy
    entry = world.source.ledger.get(what=What.SUMMARY, summary=record)
    assert spent is not None
    assert (entry.epsilon, entry.delta) == (spent.epsilon, spent.delta)
    assert "basic composition" in entry.composition
    exposed = stored.exposure(record)
    assert exposed is not None
    assert (exposed.noisy, dict(exposed.cells)) == (True, {})
    assert budget.standing(world.source).left("epsilon") == pytest.approx(1.5 - spent.epsilon)
    assert "ε" in words(signed_in(world.people.ig).get(reverse("ledger", args=[world.source.pk])))


@pytest.mark.promise("disclosure.49")
def test_columns_asked_for_together_are_counted_together_and_drawn_together(world: World) -> None:
    steward, source = world.people.steward, world.source
    (table,) = stored.working_schema(world.summary.snapshot).tables
    page = signed_in(steward)
    address = reverse("new-summary", args=[source.pk])
    wrong = page.post(address, {"policy": "public", "without": "", "cross_tabulations": "sex*no_such_column"})
    assert wrong.status_code == 400
    assert "no_such_column" in words(wrong)
    sent = {"policy": "public", "without": "", "cross_tabulations": "sex*disposition\nage:0,18,40,65,80,121*sex"}
    assert page.post(address, sent).status_code == 302
    build.work()
    record = source.summaries.latest("made_at")
    assert record.cross_tabulations == ["age:0,18,40,65,80,121*sex", "sex*disposition"]
    crossed = stored.summary(record).table(table.name).cross_tabulations
    assert [[axis.column for axis in each.axes] for each in crossed] == [["age", "sex"], ["sex", "disposition"]]
    assert all(cell.persons is None or cell.persons >= 100 for each in crossed for cell in each.cells)
    assert page.post(address, sent).status_code == 403  # there is one already
    request = build.draft(steward, source)
    run = requests.request_generation(steward, request, generator="aggregates", rows=500, seed=4, summary=record)
    build.work()
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED, run.reason


@pytest.mark.promise("ledger.9")
def test_the_list_of_ledgers_asks_as_often_for_many_datasets_as_for_one(world: World, django_assert_num_queries: Any) -> None:
    other = sources.register_source(world.people.steward, title="Another", description="Another.", controller="A trust", subject="Other")
    both = [other, world.source]
    with django_assert_num_queries(2):
        found = budget.standings(both)
    assert found == [budget.standing(source) for source in both]
    assert found[0].summaries == 0 < found[1].summaries


@pytest.mark.promise("ledger.9")
def test_the_page_says_that_nothing_may_be_spent_on_noise_before_a_budget_is_set(world: World) -> None:
    page = signed_in(world.people.steward)
    assert "0 spent; none may be before a budget is set" in words(page.get(reverse("ledger", args=[world.source.pk])))
    with_budget(world, epsilon=1.0, delta=1e-6)
    assert "0 of 1 spent, 1 left" in words(page.get(reverse("ledger", args=[world.source.pk])))
    assert "Noise (differential privacy)" in words(page.get(reverse("new-summary", args=[world.source.pk])))
