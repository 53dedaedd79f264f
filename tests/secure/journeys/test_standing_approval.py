"""The fast lane: data made again in an approved way are approved with their submission; what changed goes to the reviewers."""

from __future__ import annotations

from pathlib import Path

import pytest

from releases.models import ReleaseRequest
from releases.services import publishing, requests
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.journeys.hospital import Hospital, Person

pytestmark = pytest.mark.browser


def described(world: World, title: str, variables: tuple[str, ...] = build.VARIABLES) -> ReleaseRequest:
    """A further request of the same steward, of which the data are still to be made."""
    draft = build.draft(world.people.steward, world.source, title)
    return build.describe(world.people.steward, draft, variables=dict.fromkeys(variables, "The exercises use it."))


def generates(steward: Person, request: ReleaseRequest, rows: int, seed: int) -> None:
    """The steward makes structural data, waits for their evaluation and chooses them."""
    steward.opens_request(request)
    steward.follows("Method and data")
    steward.page.locator("input[name=method][value=structural]").check()
    steward.presses("Continue")
    steward.writes("How many rows?", str(rows))
    steward.writes("Seed", str(seed))
    steward.page.locator("main form button[type=submit]").first.click()
    steward.inspects()
    steward.waits_for_work()
    steward.opens_request(request)
    steward.follows("Evaluate")
    steward.presses("Choose this version")
    build.answered(request.source.stewards.get(), ReleaseRequest.objects.get(pk=request.pk))


@pytest.mark.promise("journeys.1", "journeys.7")
def test_the_next_data_of_an_approved_way_are_approved_at_once_and_what_changed_is_named(
    hospital: Hospital, committed_world: World, tmp_path: Path
) -> None:
    world, people = committed_world, committed_world.people
    first = requests.submit(people.steward, requests.describe_request(people.steward, world.ready, title="Visits for teaching"))
    build.wrote_dpia(people.sdat, first)

    reviewer = hospital.signs_in("ig")
    reviewer.opens_request(first)
    reviewer.follows("Give this way of making data a standing approval")
    reviewer.writes("For how many days?", "90")
    reviewer.writes("Why may it stand approved?", "Names, kinds and formats of columns alone; nothing about anybody.")
    reviewer.pictures("give-standing-approval", tall=1500)
    reviewer.presses("Give the standing approval")
    reviewer.sees("The standing approval is in force until")
    reviewer.pictures("standing-approval")

    again = described(world, "Visits for teaching, spring term")
    steward = hospital.signs_in("steward")
    generates(steward, again, rows=250, seed=99)
    steward.opens_request(again, "submit/")
    steward.sees("It will be approved at once by the")
    steward.pictures("approved-at-once")
    steward.presses("Submit, to be approved at once")
    steward.opens_request(again)
    steward.sees("The standing approval that approved it")
    again.refresh_from_db()
    assert (again.state, again.signoffs.count()) == ("approved", 0)
    reviewer.opens("/")
    reviewer.sees_nothing_of(again.title)
    publication = publishing.publish_next(build.signer(), tmp_path)
    assert publication is not None
    assert publication.request_id == again.pk

    other = described(world, "Visits for teaching, fewer columns", build.VARIABLES[:-1])
    generates(steward, other, rows=250, seed=99)
    steward.opens_request(other, "submit/")
    steward.sees("does not cover it:", "This part changed since: the columns")
    steward.pictures("changed-since")
    steward.presses("Submit for review")
    other.refresh_from_db()
    assert other.state == "submitted"
    reviewer.opens("/")
    reviewer.sees(other.title)
