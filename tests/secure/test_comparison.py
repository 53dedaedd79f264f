"""Several versions side by side: which one should I release?"""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from evaluation.gates import load
from releases import files, policy
from releases.capsule.manifest import Manifest
from releases.models import MetricRecord, ReleaseRequest, SyntheticVersion
from releases.services import requests
from releases.views.comparison import ATTACKS, advantage
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_overrides import another_version
from tests.secure.test_pages_site import signed_in, words


def measured(version: SyntheticVersion, **figures: float) -> SyntheticVersion:
    """The version's evaluation with these figures in place of its own, and no attack but these."""
    record = version.evaluation
    record.metrics.filter(metric__in=(*ATTACKS, *figures)).delete()
    for metric, value in figures.items():
        MetricRecord.objects.create(
            evaluation=record, metric=metric, scope_kind="table", scope_names=["visits"], value=value, ceiling=0.0, audience="reviewers"
        )
    return version


def shown(world: World, request: ReleaseRequest) -> Any:
    response = signed_in(world.people.steward).get(reverse("compare", args=[request.pk]))
    assert response.status_code == 200
    return response


def dots(response: Any) -> dict[str, tuple[float, float]]:
    """Version → (risk, likeness) as drawn."""
    traces = response.context["chart"]["figure"]["data"]
    return {text: (x, y) for t in traces for text, x, y in zip(t["text"], t["x"], t["y"], strict=True)}


@pytest.mark.promise("report.20")
@pytest.mark.parametrize("count", [1, 2, 20])
def test_one_two_and_twenty_versions_stand_side_by_side_with_a_dot_each(world: World, count: int) -> None:
    request = world.ready_marginal
    first = request.versions.get()
    measured(first, pairwise_accuracy=0.8, singling_out=0.01, membership_distance_auc=0.51)
    for place in range(1, count):
        measured(another_version(first, seed=100 + place), pairwise_accuracy=0.8 + place / 100, singling_out=0.03 * place)
    response = shown(world, request)
    assert set(dots(response)) == {str(n) for n in range(1, count + 1)}
    assert dots(response)["1"][1] == 80.0
    page = words(response)
    assert "Choosing among many is itself a disclosure choice" in page
    assert f"attempt 1 of {count}" in page
    assert page.count("Version ") >= count
    if count > 1:
        assert dots(response)[str(count)] == (pytest.approx(3.0 * (count - 1)), pytest.approx(80 + count - 1))
        assert f"Of {count} versions, version 1 gives an attacker least" in page


@pytest.mark.promise("report.20")
def test_versions_that_were_not_evaluated_or_not_attacked_are_listed_and_not_drawn(world: World) -> None:
    request = world.ready_marginal
    first = request.versions.get()
    measured(first, pairwise_accuracy=0.8, singling_out=0.01)
    bare = another_version(first)
    bare.evaluation.metrics.all().delete()
    waiting = another_version(first)
    waiting.evaluation.metrics.all().delete()
    waiting.evaluation.delete()
    structural = another_version(first, tier="structural", generator="structural")
    measured(structural, pairwise_accuracy=0.3, singling_out=0.0)
    response = shown(world, request)
    assert set(dots(response)) == {"1", "4"}
    page = words(response)
    assert "Not evaluated yet: version 3." in page
    assert "Not drawn, because likeness or risk was not measured: version 2." in page
    assert "structural: structural" in page
    bare.evaluation.delete()
    MetricRecord.objects.filter(evaluation__version__request=request).delete()
    assert "There is nothing to draw" in words(shown(world, request))


@pytest.mark.promise("report.20")
def test_a_request_without_a_version_says_so(world: World) -> None:
    request = build.draft(world.people.steward, world.source)
    assert "No version has been made yet." in words(shown(world, request))


@pytest.mark.promise("report.21")
def test_the_gates_of_the_requests_kind_of_data_are_lines(world: World) -> None:
    request = world.ready_marginal
    measured(request.versions.get(), pairwise_accuracy=0.8, singling_out=0.01)
    chart = shown(world, request).context["chart"]
    up = [s["y0"] for s in chart["figure"]["layout"]["shapes"] if s.get("xref") == "paper"]
    across = [s["x0"] for s in chart["figure"]["layout"]["shapes"] if s.get("yref") == "paper"]
    gates = load(int(policy.release_policy().tiers["publicly-sourced"].gates)).of("publicly-sourced")
    assert up == [100 * g.constant for g in gates if g.metric == "pairwise_accuracy"]
    limits = [advantage(g.metric, g.constant + g.tolerance, None) for g in gates if g.compare == "no_better_than_guessing"]
    assert across == [pytest.approx(100 * min(limits), abs=0.05)]
    assert "is a gate" in chart["alternative"]


@pytest.mark.promise("report.21")
@pytest.mark.parametrize(
    ("metric", "value", "ceiling", "gained"),
    [
        ("singling_out", 0.3, None, 0.3),
        ("singling_out", -0.1, None, 0.0),
        ("membership_distance_auc", 0.5, 0.5, 0.0),
        ("membership_distance_auc", 0.75, 0.5, 0.5),
        ("membership_density_caught", 0.01, None, 0.0),
        ("membership_density_caught", 1.0, None, 1.0),
        ("collisions", 0.3, 0.2, 0.1),
    ],
)
def test_what_an_attack_gains_is_counted_from_guessing(metric: str, value: float, ceiling: float | None, gained: float) -> None:
    assert advantage(metric, value, ceiling) == pytest.approx(gained)


@pytest.mark.promise("report.22")
def test_a_version_is_chosen_there_through_the_same_service_and_only_by_the_steward(world: World) -> None:
    request = world.ready_marginal
    second = another_version(request.versions.get())
    response = shown(world, request)
    assert reverse("choose-version", args=[second.pk]) in response.content.decode()
    assert signed_in(world.people.steward).post(reverse("choose-version", args=[second.pk])).status_code == 302
    request = ReleaseRequest.objects.get(pk=request.pk)
    assert request.version_id == second.pk
    request = requests.submit(world.people.steward, build.answered(world.people.steward, request))
    reviewer = signed_in(world.people.ig).get(reverse("compare", args=[request.pk]))
    assert reviewer.status_code == 200
    assert "choose-version" not in reviewer.content.decode()
    assert f"/versions/{second.pk}/choose/" not in reviewer.content.decode()


@pytest.mark.promise("report.23")
def test_the_number_of_attempts_is_on_every_page_of_the_choice_and_in_the_release(world: World) -> None:
    request = world.ready_marginal
    first = request.versions.get()
    another_version(first)
    steward = signed_in(world.people.steward)
    assert "2 versions made so far" in words(steward.get(reverse("request", args=[request.pk])))
    assert "1 of 2" in words(steward.get(reverse("version", args=[first.pk])))
    assert "version 1 of 2 made" in words(steward.get(reverse("submit", args=[request.pk])))
    request = requests.submit(world.people.steward, request)
    assert "version 1 of 2 made" in words(signed_in(world.people.ig).get(reverse("review", args=[request.pk])))
    folder = files.folder("capsules") / str(request.capsule)
    assert Manifest.from_bytes((folder / "manifest.json").read_bytes()).description.made.attempts == 2
    assert "Versions made to choose from" in (folder / "report.html").read_text("utf-8")
