"""A request is returned, comes back changed, is released, and is withdrawn again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from releases.services import publishing, requests
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.journeys.hospital import Hospital

pytestmark = pytest.mark.browser
BETTER = "Artificial visits of the years 2019 to 2024, with the columns of the hospital's extract."


@pytest.mark.promise("journeys.3", "journeys.7", "marks.8")
def test_what_had_to_change_comes_back_changed_is_approved_and_later_withdrawn(
    hospital: Hospital, committed_world: World, tmp_path: Path
) -> None:
    people = committed_world.people
    request = requests.describe_request(people.steward, committed_world.ready, title="Visits for teaching")
    requests.submit(people.steward, request)

    reviewer = hospital.signs_in("ig")
    reviewer.follows(request.title)
    reviewer.follows("Mark it item by item")
    about = reviewer.page.locator("section").filter(has=reviewer.page.get_by_role("heading", name="The description"))
    reviewer.picks("Must change", about)
    about.locator("textarea").fill("Say which years the visits are from.")
    about.get_by_role("checkbox").check()
    reviewer.pictures("marks", tall=1300)
    reviewer.presses("Keep these marks")
    reviewer.sees("Your mark is kept.")
    reviewer.opens("/")
    reviewer.sees(request.title)  # it still waits for them, though they cannot approve it
    reviewer.reviews(request)
    reviewer.is_refused("Continue", "must change")
    assert not request.signoffs.exists(), "who said that something must change does not approve it as it is"
    reviewer.reviews(request, "Return for changes")
    reviewer.page.get_by_label(re.compile("^Main reason")).select_option("description")
    reviewer.writes("Comment", "Say in the description which years the visits are from.")
    reviewer.presses("Continue")
    reviewer.sees("The requester gets it back with your reason")
    reviewer.pictures("confirm-return")
    reviewer.presses("Sign and return")
    reviewer.sees("You returned this request.")

    steward = hospital.signs_in("steward")
    steward.sees("Returned to me", "Say in the description which years")
    steward.pictures("returned", tall=700)
    steward.follows(request.title)
    steward.follows("What the reviewers ask and say")
    steward.sees("Say which years the visits are from.")
    steward.page.locator("main textarea").first.fill("It says so now.")
    steward.pictures("answer")
    steward.presses("Send these answers")
    steward.opens_request(request)
    steward.follows("Revise this request")
    steward.presses("Revise")
    steward.follows("Purpose")
    steward.writes("Description shown to the public", BETTER)
    steward.presses("Save")
    steward.follows("Submit for review")
    steward.presses("Submit for review")

    reviewer.opens_request(request, "review/")
    reviewer.sees("What changed since round 1", "What had to change:", BETTER)
    reviewer.pictures("second-round")
    reviewer.opens_request(request, "marks/")
    about = reviewer.page.locator("section").filter(has=reviewer.page.get_by_role("heading", name="The description"))
    reviewer.picks("Fine", about)
    reviewer.presses("Keep these marks")
    reviewer.signs(request)
    assert publishing.publish_next(build.signer(), tmp_path) is not None

    reviewer.opens("/releases/")
    reviewer.follows(request.title)
    reviewer.pictures("release")
    reviewer.follows("Withdraw this release for good")
    reviewer.picks("There is an error in the data")
    reviewer.writes("One sentence for the public", "The arrival times were shifted by an hour.")
    reviewer.writes("What people inside should know", "Seen by the warehouse; the extract is being mended.")
    reviewer.presses("Continue")
    reviewer.sees("Withdraw this release?")
    reviewer.pictures("withdraw")
    reviewer.presses("Withdraw the release")
    reviewer.sees("The release is withdrawn.")
    steward.opens_request(request)
    steward.sees("withdrawn")
    steward.opens("/notices/")
    steward.sees("withdrawn")
