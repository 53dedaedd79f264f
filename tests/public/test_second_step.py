"""The second step of researchers: added, asked for, recovered, removed; and an installation that asks it of whoever opens rows."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pyotp
import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from releases.catalogue.access import outbox, second_factor
from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.models import CatalogueAccount
from tests.capsule.world import Publisher
from tests.public import access_world as build
from tests.public.test_downloads import TakeIn

FIRST = {"email": "ada@uni.ac.uk", "password": build.PASSWORD}


def mailed() -> list[str]:
    outbox.send_waiting()
    return [str(each.subject) for each in mail.outbox]


@pytest.mark.promise("grant.17")
def test_a_researcher_adds_a_second_step_and_is_asked_for_it_and_a_recovery_code_stands_in_once(db: None) -> None:
    ada = build.person()
    browser, elsewhere = build.signed_in(ada), build.signed_in(ada)
    page = "/account/second-step/set-up/"
    secret = browser.get(page).context["secret"]
    app = pyotp.TOTP(secret)
    earlier = app.at(timezone.now() - timedelta(seconds=30))
    for bad in ({"code": earlier, "password": "not the password"}, {"code": "000000", "password": build.PASSWORD}):
        assert browser.post(page, bad).status_code == 422
    assert browser.get(page).context["secret"] == secret  # a page loaded again shows the same key
    answer = browser.post(page, {"code": earlier, "password": build.PASSWORD})
    codes = re.findall(r"(?:\d{4} ){3}\d{4}", answer.content.decode())
    assert (len(codes), answer.headers["Cache-Control"]) == (10, "private, no-store")
    ada.refresh_from_db()
    assert not {secret, codes[0].replace(" ", "")} & set(ada.sealed_secret.split() + ada.sealed_codes.split())
    assert browser.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302  # who signed in with the password alone is out
    other = Client()
    assert other.post("/account/sign-in/", FIRST).headers["Location"] == "/account/second-step/"
    assert other.get("/account/").status_code == 302
    assert other.post("/account/second-step/", {"code": earlier}).status_code == 422  # used already
    assert other.post("/account/second-step/", {"code": codes[3]}).status_code == 302
    assert b"9 recovery codes left" in other.get("/account/").content
    other = Client()
    other.post("/account/sign-in/", FIRST)
    assert other.post("/account/second-step/", {"code": codes[3]}).status_code == 422
    renewed = browser.post("/account/second-step/codes/", {"code": codes[4]}).content.decode()
    assert codes[5] not in renewed
    assert browser.post("/account/second-step/remove/", {"code": codes[5]}).status_code == 422
    assert browser.get(page).status_code == 403
    assert browser.post("/account/second-step/remove/", {"code": app.now()}).status_code == 302
    assert Client().post("/account/sign-in/", FIRST).headers["Location"] == "/account/"
    assert [each for each in mailed() if "code" in each or "step" in each] == [
        "A second step was added",
        "A recovery code was used",
        "A recovery code was used",
        "You have new recovery codes",
        "Your second step was removed",
    ]


@pytest.mark.promise("grant.17")
def test_codes_cannot_be_guessed_in_an_open_browser_and_what_is_lost_is_set_aside_by_the_installation(db: None) -> None:
    ada = build.with_app(build.person())
    browser = Client()
    browser.post("/account/sign-in/", FIRST)
    statuses = [browser.post("/account/second-step/", {"code": f"{guess:06}"}).status_code for guess in range(6)]
    assert statuses[-1] == 429
    with pytest.raises(AccessRefused, match="always sign in"):
        second_factor.remove_app(build.officer(), code="000000")
    with pytest.raises(InputRefused, match="not the code of this moment"):
        second_factor.new_codes(ada, code="1234 5678 9012 3456")
    said = StringIO()
    call_command("access_account", "reset-second-step", email=ada.email, stdout=said)
    link = said.getvalue().strip().removeprefix("http://localhost:8001")
    assert link in build.links()
    assert Client().post(link, {"password": build.PASSWORD}).status_code == 302
    assert Client(REMOTE_ADDR="203.0.113.9").post("/account/sign-in/", FIRST).headers["Location"] == "/account/"
    assert CatalogueAccount.objects.get(pk=ada.pk).sealed_codes == ""


@pytest.mark.promise("grant.17")
def test_where_the_installation_asks_for_it_no_row_opens_and_no_token_is_made_without_a_second_step(
    publisher: Publisher, take_in: TakeIn, settings: Settings
) -> None:
    publisher.publish(rows=6, **build.SAFEGUARDED)
    take_in()
    ada, ig = build.person(), build.officer()
    build.granted(ada, ig)
    text = build.token_for(ada)
    browser = build.signed_in(ada)

    def opens() -> tuple[int, int, int]:
        by_token = Client().get(build.FILE, headers={"Authorization": f"Bearer {text}"}).status_code
        return browser.get(build.FILE).status_code, by_token, browser.get("/account/tokens/new/").status_code

    assert opens() == (200, 200, 200)
    settings.SYNTHPORTAL_SECOND_STEP_REQUIRED = True
    assert opens() == (403, 403, 403)
    assert b"Set up an app" in browser.get(build.FILE).content
    assert b"Set up an app" in browser.get("/account/").content
    build.with_app(ada)
    assert browser.get("/account/").status_code == 302  # this browser showed no code
    browser = build.signed_in(ada)
    assert opens() == (200, 200, 200)
