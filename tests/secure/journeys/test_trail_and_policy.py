"""A policy is written by one, previewed, and put in force by another; an auditor reads everything and changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from releases.services import publishing, requests
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.journeys.hospital import Hospital

pytestmark = pytest.mark.browser


@pytest.mark.promise("journeys.5")
def test_a_policy_is_previewed_and_put_in_force_by_another_and_the_auditor_finds_all_of_it(
    hospital: Hospital, committed_world: World, tmp_path: Path
) -> None:
    people = committed_world.people
    asked = requests.submit(people.steward, requests.describe_request(people.steward, committed_world.ready, title="Visits for teaching"))
    build.decide(people.ig, asked)
    assert publishing.publish_next(build.signer(), tmp_path) is not None

    writer = hospital.signs_in("ig")
    writer.opens("/policies/")
    writer.pictures("policy", tall=1300)
    writer.presses("Begin a draft")
    writer.writes("What does it change, and why?", "Structural data come under the Open Government Licence alone, as the trust decided.")
    for licence in ("CC-BY-4.0", "CC0-1.0"):
        writer.page.locator(f"input[name=structural-licences][value='{licence}']").uncheck()
    writer.pictures("policy-draft")
    writer.presses("Save, and see what it would change")
    draft = writer.page.url
    writer.sees("What would come out differently", asked.title)
    writer.pictures("policy-preview", tall=1300)
    assert writer.page.get_by_role("link", name="Put it in force").count() == 0, "who wrote it does not put it in force"
    other = hospital.signs_in("other_ig")
    other.page.goto(draft)
    other.follows("Put it in force")
    other.presses("Put it in force")
    other.opens("/policies/")
    other.sees("hospital-policy-1")

    auditor = hospital.signs_in("auditor")
    auditor.opens("/audit/")
    assert auditor.page.get_by_role("cell", name=re.compile("put policy in force")).count() == 1
    auditor.pictures("audit", tall=1300)
    auditor.presses("Check the list now")
    auditor.sees("The list is whole.")
    auditor.pictures("audit-checked", tall=700)
    auditor.opens(f"/versions/{asked.version.pk}/custody/")
    auditor.sees("published as")
    auditor.pictures("custody", tall=1200)
    for path in (f"/requests/{asked.pk}/review/", f"/releases/{asked.pk}/", "/policies/", "/standing-approvals/", "/drills/"):
        auditor.opens(path)
        changing = auditor.page.locator("main form[method=post]")
        assert changing.count() == 0, f"{path} offers an auditor to change something"
