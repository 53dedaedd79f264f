"""Learning from records as a job: progress, cancellation, the way on after a killed worker, what is charged, kept and destroyed."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.fitting.own_process import fit_in_own_process
from generators.learning.known import learned_generators
from generators.learning.options import Budget
from generators.learning.watch import Watch
from generators.registry import GENERATORS
from generators.schema import DatasetSchema
from releases import budget, files, guards, jobs, retention, shadow, stored
from releases.learning import Learning
from releases.models import AuditEvent, DestructionRecord, LedgerEntry, ReleaseRequest, Run, SyntheticVersion, TrainedModel
from releases.permissions import Refused
from releases.services import ledger, requests, runs, trained
from releases.stages import STAGES
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.drawn_forms import drawn

STRICT = Learning(budget=Budget(epsilon=1.0, delta=1e-6, contributions=2))


def draft(world: World, **changes: Any) -> ReleaseRequest:
    """A request of a privately-sourced release of few variables, whose use case is agreed."""
    described = build.describe(world.people.steward, build.draft(world.people.steward, world.source), **{**build.LEARNED, **changes})
    return build.agreed(world.people, described)


def learn(world: World, request: ReleaseRequest, generator: str = "copula", **choices: Any) -> Run:
    """A generation by a method that learns, asked for; its first run."""
    given = {"rows": 400, "seed": 1, **choices}
    return requests.request_generation(world.people.steward, request, generator=generator, **given)


def done(run: Run) -> Run:
    """The run, performed here and now."""
    jobs.perform(str(run.pk), run.token, beating=False)
    return fresh(run)


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def signed_in(world: World, who: str = "steward") -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def model(world: World) -> TrainedModel:
    """A learned model, whose generation waits."""
    run = done(learn(world, draft(world)))
    assert run.state == Run.State.SUCCEEDED, run.reason
    return run.made_model


@pytest.mark.promise("fitting.1")
@pytest.mark.promise("fitting.8")
def test_data_are_learned_generated_and_evaluated_one_after_the_other(world: World) -> None:
    request = draft(world)
    run = learn(world, request)
    assert run.kind == Run.Kind.FIT
    build.work()
    version = SyntheticVersion.objects.get(request=request)
    learned = TrainedModel.objects.get(run=run)
    assert (version.trained, version.tier, version.generator) == (learned, "privately-sourced", "copula")
    assert "Landlock" in version.confinement, "data are made where the records cannot be opened, from a model too"
    assert learned.digest in json.dumps(version.mechanism)
    (table,) = learned.schema["tables"]
    assert {c["name"] for c in table["columns"]} - {table["person_key"]} == set(build.VARIABLES), "what nobody asked for is not learned"
    assert version.evaluation.gates_version
    assert shadow.learned_from(version) == {name: f["sha256"] for name, f in version.snapshot.split.train.items()}
    entries = list(world.source.ledger.order_by("number").values_list("what", flat=True))[-3:]
    assert entries == [LedgerEntry.What.ATTEMPT, LedgerEntry.What.LEARNED, LedgerEntry.What.GENERATION]
    page = signed_in(world).get(reverse("version", args=[version.pk])).content.decode()
    assert "Recognising people" in page
    assert "guessing" in page
    assert "Recognising people in the model" in signed_in(world).get(reverse("compare", args=[request.pk])).content.decode()
    chosen = build.answered(world.people.steward, requests.choose_version(world.people.steward, request, version=version))
    with pytest.raises(Refused, match="plain-English account"):
        requests.submit(world.people.steward, chosen)


@pytest.mark.promise("fitting.2")
def test_the_page_of_a_run_shows_its_rounds_and_what_is_left(world: World) -> None:
    run = learn(world, draft(world))
    assert runs.claim(str(run.pk), run.token) is not None
    told, watch = jobs.Reporter(str(run.pk), run.token), Watch(stage="learning visits")
    watch.progress = told
    for number in (1, 2):
        watch.epoch(number, 12, 9.5 - number, 8.41)
    assert fresh(run).rounds == [["learning visits", 1, 12, 8.41], ["learning visits", 2, 12, 8.41]]
    page = signed_in(world).get(reverse("run-progress", args=[run.pk])).content.decode()
    for words in ("learning visits: round 2 of at most 12, loss 8.410, about 1 seconds left", "2 of at most 12", "8.410", "Learning from"):
        assert words in page, words
    assert page.count(" left") == 1, "the time left is told once"


@pytest.mark.promise("fitting.3")
def test_a_fit_that_is_cancelled_ends_within_seconds_and_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run, fit = learn(world, draft(world)), STAGES[Run.Kind.FIT]

    def cancelled_meanwhile(run: Run, token: str, progress: jobs.Reporter) -> None:
        runs.cancel_run(world.people.steward, run)
        (files.folder("checkpoints") / str(run.pk)).mkdir()
        (files.folder("checkpoints") / str(run.pk) / "learning.safetensors").write_bytes(b"what an earlier attempt kept")
        fit(run, token, progress)

    monkeypatch.setitem(STAGES, Run.Kind.FIT, cancelled_meanwhile)
    begun = time.monotonic()
    assert done(run).state == Run.State.CANCELLED
    assert time.monotonic() - begun < 30
    assert children() == []
    for area in ("models", "checkpoints"):
        assert not (files.folder(area) / str(run.pk)).exists()
    assert DestructionRecord.objects.get(run=run).what.startswith("checkpoints of learning")
    assert not TrainedModel.objects.filter(run=run).exists()


@pytest.mark.promise("fitting.4")
def test_what_is_too_large_is_refused_before_it_starts_and_a_fit_the_system_ended_says_so(world: World, tmp_path: Path) -> None:
    run = done(learn(world, draft(world), learning=Learning(budget=Budget(memory=1_000_000))))
    assert run.state == Run.State.FAILED
    assert "the fit needs about" in run.reason
    snapshot = world.source.current_snapshot
    assert snapshot is not None

    def out_of_memory(*told: object, **more: object) -> None:
        for child in children():
            os.kill(child, signal.SIGKILL)

    with pytest.raises(InputError, match="for want of memory"):
        fit_in_own_process(
            "copula",
            stored.side(snapshot, "train"),
            stored.working_schema(snapshot),
            tmp_path,
            policy=POLICIES["internal"],
            progress=out_of_memory,
        )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.promise("fitting.5")
def test_a_worker_killed_in_the_middle_of_a_fit_is_taken_up_again_to_the_same_model(committed_world: World, tmp_path: Path) -> None:
    """With kill -9, a process of its own for the worker, and another for the fit under it."""
    learning = Learning(options={"rounds": "40"})
    run = learn(committed_world, draft(committed_world), "autoregressive", learning=learning)
    code = f"import django; django.setup(); from releases import jobs; jobs.perform({str(run.pk)!r}, {run.token!r})"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.test_secure",
        "SYNTHPORTAL_TEST_VAR": str(settings.SYNTHPORTAL_VAR),
    }
    kept = files.folder("checkpoints") / str(run.pk)
    worker = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=settings.BASE_DIR, stderr=subprocess.DEVNULL)
    try:
        until(lambda: any(kept.rglob("*.safetensors")) or worker.poll() is not None)
        assert worker.poll() is None, fresh(run).reason
        assert fresh(run).state == Run.State.RUNNING
        below = children(worker.pid)
        assert below
    finally:
        worker.kill()
        worker.wait(10)
    until(
        lambda: not any(Path(f"/proc/{pid}/status").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text() for pid in below),
        20,
    )
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept.rglob("*.safetensors"))
    assert [r.pk for r in runs.reconcile(lost_after=0)] == [run.pk]
    again = fresh(run)
    assert (again.state, again.attempt) == (Run.State.QUEUED, 2)
    assert any(kept.rglob("*.safetensors")), "what it kept outlives the worker"
    again = done(again)
    assert again.state == Run.State.SUCCEEDED, again.reason
    assert not kept.exists()
    assert DestructionRecord.objects.filter(run=run, what__startswith="checkpoints of learning").exists()
    snapshot = committed_world.source.current_snapshot
    assert snapshot is not None
    whole = fit_in_own_process(
        "autoregressive",
        stored.side(snapshot, "train"),
        DatasetSchema.from_dict(again.made_model.schema),
        tmp_path,
        policy=POLICIES["internal"],
        seed=learning.seed,
        budget=learning.budget,
        options=again.parameters["learning"]["options"],
    )
    assert again.made_model.digest == whole.digest


@pytest.mark.promise("fitting.6")
def test_what_a_fit_spends_is_charged_to_the_budget_of_the_source_and_refused_beyond_it(world: World) -> None:
    people, source, request = world.people, world.source, draft(world)
    with pytest.raises(InputError, match="cannot learn with differential privacy; choose dp-marginals, or synthvae, or leave ε empty"):
        learn(world, request, "copula", learning=STRICT)
    with pytest.raises(InputError, match="say how much ε"):
        learn(world, request, "dp-marginals")
    with pytest.raises(Refused, match="no budget is set"):
        learn(world, request, "dp-marginals", learning=STRICT)
    proposal = ledger.propose_budget(people.steward, source, epsilon=1.5, delta=1e-5, summaries=None)
    ledger.set_budget(people.ig, source, proposal=proposal.number)
    run = learn(world, request, "dp-marginals", learning=STRICT)
    assert budget.standing(source).left("epsilon") == pytest.approx(0.5), "a fit that goes on counts"
    with pytest.raises(Refused, match=re.escape("of 1.5 ε 0.5 are left")):
        learn(world, draft(world), "dp-marginals", learning=STRICT)
    assert done(run).state == Run.State.SUCCEEDED, fresh(run).reason
    entry = source.ledger.get(what=LedgerEntry.What.LEARNED)
    assert (entry.epsilon, entry.delta) == (1.0, 1e-6)
    assert budget.standing(source).left("epsilon") == pytest.approx(0.5)
    assert fresh(run).made_model.private
    assert shadow.fit_for(SyntheticVersion(trained=fresh(run).made_model, schema=fresh(run).made_model.schema), Path(), 4) is None
    page = signed_in(world).get(reverse("ledger", args=[source.pk])).content.decode()
    assert "Model learned" in page
    again = learn(world, request, "dp-marginals", learning=STRICT, seed=2)
    assert again.kind == Run.Kind.GENERATE, "another draw from the same model spends nothing"


@pytest.mark.promise("fitting.7")
@pytest.mark.promise("fitting.9")
def test_a_model_lies_in_the_zone_for_its_owner_alone_is_used_again_and_is_destroyed_by_a_steward(
    world: World, model: TrainedModel
) -> None:
    people, request = world.people, model.request
    paths = [files.folder("models") / each["path"] for each in model.files]
    assert {path.suffix for path in paths} == {".json", ".safetensors"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in paths} == {0o700}
    with pytest.raises(Refused, match="generated from this model"):
        trained.destroy_model(people.steward, model)
    first = done(model.runs.get())
    assert first.state == Run.State.SUCCEEDED, first.reason
    with pytest.raises(Refused, match="exactly these choices already"):
        learn(world, request)
    second = learn(world, request, seed=2)
    assert (second.kind, second.trained) == (Run.Kind.GENERATE, model)
    paths[0].write_bytes(paths[0].read_bytes() + b" ")
    assert "changed after it was recorded" in done(second).reason
    for who in ("outsider", "sdat", "ig", "auditor", "administrator"):
        with pytest.raises(Refused, match="Only a data steward"):
            trained.destroy_model(getattr(people, who), model)
    client, where = signed_in(world), reverse("trained-model", args=[model.pk])
    assert "is destroyed by" in client.get(where).content.decode()
    assert client.get(reverse("destroy-model", args=[model.pk])).status_code == 200
    assert client.post(reverse("destroy-model", args=[model.pk])).status_code == 302
    assert "It was destroyed on" in client.get(where).content.decode()
    assert not any(path.exists() for path in paths)
    records = DestructionRecord.objects.filter(what__startswith=f"model {model.pk}")
    assert {(r.sha256, r.size) for r in records} == {(f["sha256"], f["size"]) for f in model.files}
    assert AuditEvent.objects.filter(action="destroy_model", outcome="done", target_id=str(model.pk)).count() == 1
    with pytest.raises(Refused, match="destroyed already"):
        trained.destroy_model(people.steward, model)
    assert learn(world, request, seed=3).kind == Run.Kind.FIT, "it is learned anew"
    evaluating = request.runs.get(kind=Run.Kind.EVALUATE)
    assert done(evaluating).state == Run.State.SUCCEEDED, "a version whose model is gone is evaluated"


@pytest.mark.promise("fitting.9")
def test_models_are_destroyed_when_their_time_has_come(world: World, model: TrainedModel) -> None:
    assert trained.destroy_due() is None, "it is in use, and young"
    TrainedModel.objects.filter(pk=model.pk).update(made_at=timezone.now() - timedelta(days=settings.SYNTHPORTAL_MODEL_DAYS))
    assert trained.destroy_due() is None, "what is in use is left until it is done"
    runs.cancel_run(world.people.steward, model.runs.get())
    assert trained.destroy_due() == 1
    model.refresh_from_db()
    assert model.destroyed_because == f"It was {settings.SYNTHPORTAL_MODEL_DAYS} days old."
    assert not (files.folder("models") / model.files[0]["path"]).exists()
    assert AuditEvent.objects.filter(action="destroy_models").count() == 1
    TrainedModel.objects.filter(pk=model.pk).update(made_at=timezone.now())
    model.refresh_from_db()
    for state, because in (("cancelled", "cancelled"), ("rejected", "rejected")):
        model.request.state = state
        assert because in retention.due(model)


@pytest.mark.promise("fitting.10")
def test_every_method_is_shown_in_plain_words_with_what_it_takes_here_and_sensible_choices(world: World) -> None:
    request, client = draft(world), signed_in(world)
    where = reverse("generate", args=[request.pk])
    page = client.get(where).content
    for info in GENERATORS.values():
        assert info.title in page.decode()
        assert info.fidelity in page.decode().replace("&#x27;", "'")
    assert page.decode().count("to learn from this dataset, with about") + page.decode().count("not installed here") == len(
        learned_generators()
    )
    assert drawn(page)["method"] == "autoregressive", "first choice where records may be learned from"
    assert client.get(where, {"method": "none"}).status_code == 422
    sent = drawn(client.get(where, {"method": "copula"}).content)
    assert sent["generator"] == "copula"
    assert "option-leaf" not in sent, "another method's choices are not asked"
    assert "epsilon" not in sent, "nor what this method cannot do"
    sent |= {"rows": "200", "minutes": "5", "max_membership": "0.6", "apart": ""}
    wrong = client.post(where, sent | {"apart": "age", "option-least": "none"})
    assert wrong.status_code == 422
    for words in ("Write two columns of this request in each line", "is a number from 1 to 1000", '<details class="nhsuk-details" open>'):
        assert words in wrong.content.decode(), words
    strict = client.post(where, drawn(client.get(where, {"method": "dp-marginals"}).content))
    assert "say how much ε, for example 1" in strict.content.decode()
    assert client.post(where, sent | {"option-least": "20"}).status_code == 302
    run = request.runs.get()
    assert run.kind == Run.Kind.FIT
    learning = Learning.from_dict(run.parameters["learning"])
    assert learning.budget == Budget(seconds=300.0, max_membership=0.6)
    assert learning.options["least"] == "20"
    assert (run.parameters["generation"]["rows"], run.parameters["generation"]["columns"]) == (200, sorted(build.VARIABLES))


@pytest.mark.promise("fitting.10")
def test_the_choices_of_every_method_are_read_without_loading_the_learning_library() -> None:
    """The web process shows them, and the confined one draws: neither must load what only a fit needs."""
    code = (
        "import sys\nfrom generators.learning.known import learned_generators, learner_of\n"
        "from generators.fitting.expected import expected_cost\nfrom generators.simulated import EMERGENCY_SCHEMA as schema\n"
        "for name in learned_generators():\n    learner_of(name).OPTIONS\n    expected_cost(name, schema, {schema.tables[0].name: 1000})\n"
        "print([name for name in ('torch', 'opacus', 'opendp', 'sklearn') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=settings.BASE_DIR, check=False)
    assert found.stdout.strip() == "[]", found.stderr


@pytest.mark.promise("fitting.11")
def test_trees_with_a_leaf_of_one_record_are_stopped_by_the_gates(world: World) -> None:
    request = draft(world)
    learn(world, request, "cart", rows=2000, learning=Learning(options={"leaf": "1"}))
    build.work()
    version = SyntheticVersion.objects.get(request=request)
    assert not version.evaluation.passed
    failed = [o["gate"] for o in version.evaluation.verdict["outcomes"] if o["level"] == "hard" and not o["passed"]]
    assert failed
    requests.choose_version(world.people.steward, request, version=version)
    request.refresh_from_db()
    assert guards.gates_green(request, {}) is not None
    with pytest.raises(Refused):
        requests.submit(world.people.steward, request)


@pytest.mark.promise("fitting.12")
def test_shadow_models_of_a_learned_version_are_fitted_as_it_was(world: World, model: TrainedModel, tmp_path: Path) -> None:
    version = SyntheticVersion(trained=model, schema=model.schema, snapshot=model.snapshot, generator=model.generator)
    fit = shadow.fit_for(version, tmp_path, 4)
    assert fit is not None
    assert fit.models == 4
    made = fit.of(stored.side(model.snapshot, "train"), tmp_path, 7)
    ((name, path),) = made.items()
    assert [table["name"] for table in model.schema["tables"]] == [name]
    assert path.is_file()


def children(parent: int | None = None) -> list[int]:
    """Processes that a process started."""
    here = Path(f"/proc/{parent or os.getpid()}/task")
    return [int(pid) for task in here.iterdir() for pid in (task / "children").read_text().split()]


def until(true: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.1)
