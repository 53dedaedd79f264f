"""Which releases would fail other gates? Judged on what was stored, and "cannot say" where it was not measured."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation import gates
from evaluation.results import Evaluation
from releases import standing, stored
from releases.models import ReauditRecord, ReleaseRequest, Run
from releases.services import publishing, requests
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.fixture
def published(world: World, tmp_path: Path) -> ReleaseRequest:
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready))
    assert publishing.publish_next(build.signer(), tmp_path / "lake") is not None
    return world.ready


def page(world: World, name: str = "sdat", address: str = "policy-check", **asked: Any) -> Any:
    client = Client()
    client.force_login(getattr(world.people, name), backend="django.contrib.auth.backends.ModelBackend")
    return client.get(reverse(address), asked)


def with_evaluation(request: ReleaseRequest, change: Any) -> None:
    """A re-audit whose stored evaluation is the release's own, changed."""
    first = request.version.evaluation
    path = stored.checked("runs", first.path, first.sha256)
    other = path.with_name(f"changed-{timezone.now().timestamp()}.json")
    other.write_text(change(Evaluation.from_json(path.read_text())).to_json())
    from releases import files

    now = timezone.now()
    run = Run.objects.create(
        kind="reaudit", state="succeeded", source=request.source, request=request, token="x", queued_at=now, finished_at=now
    )
    ReauditRecord.objects.create(
        request=request,
        version=request.version,
        run=run,
        outcome="passed",
        path=str(Path(first.path).with_name(other.name)),
        sha256=files.sha256(other),
        gates_version="2",
        release_policy="release-policy-2",
        verdict=first.verdict,
        made_at=now,
    )


def hard_metric(version: int, evaluation: Evaluation) -> str:
    """A metric of a hard gate of the structural tier that was measured."""
    return next(g.metric for g in gates.load(version).of("structural") if g.level == "hard" and evaluation.of(g.metric) and not g.optional)


@pytest.mark.promise("reaudit.11")
def test_every_set_of_gates_can_be_asked_and_each_release_passes_fails_or_cannot_be_said(world: World, published: ReleaseRequest) -> None:
    evaluation = stored.evaluation(published.version.evaluation)
    for version in gates.versions():
        verdict = gates.judge(evaluation, "structural", version=version.number)
        unmeasured = any(not evaluation.of(o.metric) for o in verdict.failed_hard)
        expected = standing.PASSES if verdict.passed else standing.UNKNOWN if unmeasured else standing.FAILS
        assert standing.judged(world.ready, version.number).result == expected, version
    metric = hard_metric(2, evaluation)
    with_evaluation(published, lambda e: replace(e, results=tuple(r for r in e.results if r.metric != metric)))
    said = standing.judged(world.ready, 2)
    assert said.result == standing.UNKNOWN
    assert said.sentences[-1] == "Re-audit it."
    with_evaluation(
        published, lambda e: replace(e, results=tuple(replace(r, value=None, failed="x") if r.metric == metric else r for r in e.results))
    )
    said = standing.judged(world.ready, 2)
    assert said.result == standing.FAILS
    assert said.sentences


@pytest.mark.promise("reaudit.11")
def test_what_is_not_stored_any_more_cannot_be_said(world: World, published: ReleaseRequest) -> None:
    record = published.version.evaluation
    type(record).objects.filter(pk=record.pk).update(sha256="0" * 64)
    assert standing.judged(world.ready, 2).result == standing.UNKNOWN


@pytest.mark.promise("reaudit.11")
def test_the_page_counts_links_and_exports_and_only_those_who_watch_see_it(world: World, published: ReleaseRequest) -> None:
    for name, status in (("sdat", 200), ("ig", 200), ("auditor", 200), ("steward", 404), ("ppi", 404), ("administrator", 404)):
        assert page(world, name).status_code == status, name
    shown = page(world, gates="2").content.decode()
    assert "Which releases would fail gates 2?" in shown
    assert reverse("release", args=[published.pk]) in shown
    assert published.title in shown
    assert published.title not in page(world, gates="2", tier="publicly-sourced").content.decode()
    assert page(world, gates="nonsense").status_code == 200
    rows = list(csv.DictReader(io.StringIO(page(world, address="export-policy-check", gates="2").content.decode())))
    assert [(r["release"], r["gates"], r["result"]) for r in rows] == [(published.slug, "2", standing.judged(published, 2).result)]
