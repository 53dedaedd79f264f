"""Two members of SDAT judge the same evidence, each in a browser of their own, and neither sees the other's judgement before the end."""

from __future__ import annotations

import pytest

from releases.models import Account, ReleaseRequest
from releases.services import requests
from tests.browser import inspection
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.journeys.conftest import NAMES
from tests.secure.journeys.hospital import Hospital, Person
from tests.secure.journeys.test_learned_from_records import judges
from tests.secure.test_deliberation import asks

pytestmark = pytest.mark.browser
FIRST, SECOND = "Which years are these visits from?", "It reads well to me."


def places(member: Person) -> dict[str, float]:
    """How far the checklist begins to the right of the evidence, and how far below its end."""
    return dict(
        member.page.evaluate(
            """() => {
              const box = (part) => document.querySelector(`.sp-review__${part}`).getBoundingClientRect();
              const [evidence, checklist] = [box("evidence"), box("checklist")];
              return { right: checklist.left - evidence.right, below: checklist.top - evidence.bottom };
            }"""
        )
    )


def finds_the_checklist(member: Person) -> None:
    """Beside the evidence, and still there half way down; on a telephone below it."""
    page = member.page
    assert places(member)["right"] >= 0
    page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    assert page.get_by_role("heading", name="Checklist").is_visible()
    assert page.locator("#checklist").evaluate("e => e.getBoundingClientRect().top") < 200
    page.set_viewport_size(inspection.SMALL)
    assert places(member)["below"] >= 0
    page.set_viewport_size(inspection.LARGE)


@pytest.mark.promise("journeys.4", "journeys.7", "marks.9", "marks.10")
def test_two_of_sdat_mark_assess_and_sign_blindly_and_see_all_once_both_have_signed(hospital: Hospital, committed_world: World) -> None:
    people = committed_world.people
    build.account("other_sdat", people.administrator, "sdat", second=people.second_administrator)
    Account.objects.filter(email="other_sdat@hospital.test").update(full_name=NAMES["other_sdat"])
    request = requests.describe_request(people.steward, committed_world.ready, title="Visits for teaching")
    requests.submit(people.steward, request)
    asks(request, signatures={"sdat": 2, "ig": 1}, needs_assessment=True, standing_approval_days=None)

    first, second, author = (hospital.signs_in(who) for who in ("sdat", "other_sdat", "steward"))
    for member, mark, words in ((first, "Question", FIRST), (second, "Fine", SECOND)):
        member.opens_request(request, "marks/")
        about = member.page.locator("section").filter(has=member.page.get_by_role("heading", name="The description"))
        member.picks(mark, about)
        about.locator("textarea").fill(words)
        about.get_by_role("checkbox").check()
        member.presses("Keep these marks")
        member.sees("Your mark is kept.")
        member.opens_request(request, "assessment/")
        judges(member, quality=f"{words} The ages look flat.")
        member.presses("Record this assessment")
        member.sees("Your assessment is recorded.")
    for member, other, whose in ((first, SECOND, "Dan Assessor"), (second, FIRST, "Dee Assessor")):
        for page in ("", "marks/", "review/"):
            member.opens_request(request, page)
            member.sees_nothing_of(other, whose)

    author.opens_request(request)
    author.follows("What the reviewers ask and say")
    author.sees_nothing_of(SECOND)  # a question comes at once, the rest with the decision
    author.page.locator("main textarea").fill("Of 2019 to 2024.")
    author.presses("Send these answers")
    author.sees("Your answers are with the reviewers.")

    first.opens_request(request, "review/")
    finds_the_checklist(first)
    first.signs(request)
    for page in ("", "marks/", "review/"):
        second.opens_request(request, page)
        second.sees_nothing_of(FIRST, "Dee Assessor")
    second.signs(request)
    for member, other in ((first, SECOND), (second, "Of 2019 to 2024.")):
        member.opens_request(request, "marks/")
        member.sees(other)
    first.pictures("marks-of-both", tall=900)
    assert ReleaseRequest.objects.get(pk=request.pk).state == "submitted", "Information Governance has not signed"
