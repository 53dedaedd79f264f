"""Data learned from records: agreed by SDAT, assessed by SDAT, explained to patients, signed by two different people."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from releases.models import ReleaseRequest
from releases.services import publishing
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.journeys.hospital import Hospital, Person
from tests.secure.test_fitting import learn

pytestmark = pytest.mark.browser
TITLE = "Visits for a triage model"


def answers_what_is_open(page: Page) -> None:
    """Fill in whatever of an impact assessment the site could not."""
    for area in page.locator("main textarea").all():
        if not area.input_value() and "commissioner" not in str(area.get_attribute("name")):
            area.fill("As the procedure of the hospital says; agreed with the data protection officer.")
    for select in page.locator("main select").all():
        wanted = {"likelihood": "remote", "severity": "some", "residual": "low"}
        select.select_option(wanted[str(select.get_attribute("name")).rpartition("-")[2]])


def judges(member: Person, **reservations: str) -> None:
    """Four judgements; what is not named is acceptable."""
    for aspect in ("privacy", "quality", "utility", "bias"):
        member.page.locator(f"input[name={aspect}][value={'reservations' if aspect in reservations else 'acceptable'}]").check()
        member.page.locator(f"textarea[name={aspect}-reason]").fill(reservations.get(aspect, "The figures beside it say so."))


@pytest.mark.promise("journeys.2", "journeys.7", "agreement.14")
def test_a_use_case_is_agreed_then_learned_assessed_explained_and_signed_by_different_people(
    hospital: Hospital, committed_world: World, tmp_path: Path
) -> None:
    world, people = committed_world, committed_world.people
    draft = build.draft(people.steward, world.source, TITLE)
    request = build.describe(
        people.steward, draft, **build.LEARNED, use_case="A doctoral student writes a triage model before access is granted."
    )

    steward = hospital.signs_in("steward")
    steward.opens_request(request)
    steward.follows("Agreement of the use case")
    steward.presses("Propose it")
    steward.opens_request(request)
    steward.sees("The Synthetic Data Audit Team decides.")

    member = hospital.signs_in("sdat")
    member.sees("Use cases to agree")
    member.follows(TITLE)
    member.pictures("use-case")
    member.follows("Send back")
    member.opens_request(request, "agreement/")
    member.follows("Agree")
    member.writes("Comment", "Six variables, each with its reason.")
    member.presses("Agree")

    learn(world, ReleaseRequest.objects.get(pk=request.pk), rows=300)
    steward.opens_request(request)
    steward.waits_for_work()
    steward.opens_request(request, "purpose/")
    steward.opens_request(request, "reopen/")
    steward.opens_request(request)
    steward.follows("Choose the version to release")
    steward.presses("Choose this version")
    build.answered(people.steward, ReleaseRequest.objects.get(pk=request.pk))
    steward.opens_request(request)
    steward.pictures("task-list", tall=1300)
    steward.follows("Plain-English account")
    steward.presses("Save this version")

    patient = hospital.signs_in("ppi")
    patient.follows(TITLE)
    patient.pictures("account")
    patient.follows("Approve this account")
    patient.presses("Approve")
    patient.sees("You approved the plain-English account.")

    steward.opens_request(request, "submit/")
    steward.sees("SDAT")
    steward.presses("Submit for review")

    member.opens("/")
    member.sees("To write or approve")
    member.pictures("sdat-home")
    member.opens_request(request, "dpia/write/")
    member.pictures("impact-assessment", tall=1300)
    answers_what_is_open(member.page)
    member.picks("This assessment is complete")
    member.presses("Save this version")
    member.opens_request(request, "dpia/")
    member.sees("filled in by the site", "complete")
    member.opens("/")
    member.sees("Assessment of the evidence")
    member.opens_request(request, "review/")
    member.follows("Assess it")
    member.pictures("assessment", tall=1400)
    judges(member, bias="Few people over 90; the note says so.")
    member.pictures("judgement", "#id_privacy", tall=560)
    member.presses("Record this assessment")
    member.signs(request)
    member.opens_request(request, "review/")
    assert member.page.get_by_role("button", name="Continue").count() == 0, "whoever signed for SDAT signs nothing more"

    reviewer = hospital.signs_in("ig")
    reviewer.pictures("reviewer-home")
    reviewer.opens_request(request, "review/")
    reviewer.pictures("review", tall=1500)
    reviewer.signs(request)
    request.refresh_from_db()
    assert request.state == "approved"
    signed = set(request.signoffs.values_list("reviewer", flat=True))
    assert signed == {people.sdat.pk, people.ig.pk}
    assert people.steward.pk not in signed

    publication = publishing.publish_next(build.signer(), tmp_path)
    assert publication is not None
    assert (tmp_path / "safeguarded" / publication.slug).is_dir()
    assert not (tmp_path / "open").exists(), "nothing of it lies where open data lie"
    steward.opens_request(request)
    steward.sees("published")
