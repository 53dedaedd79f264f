"""Giving back: reports that reach Information Governance and can take a release off display at once; uses told of one's own accord."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from releases.catalogue.access import attempts, outbox
from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.giving import reports, uses
from releases.catalogue.models import AccessEvent, CatalogueAccount, DisplayHold, ProblemReport, RecordedUse, ReleaseVersion
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import Publisher

SAID = "In table visits the oldest row describes my neighbour."
PAGES = ("/datasets/ed-visits/", "/datasets/ed-visits/v1/")
FILE = "/datasets/ed-visits/v1/files/data/visits.csv"


@pytest.fixture
def version(publisher: Publisher, take_in: Callable[[], Poll], settings: Settings) -> ReleaseVersion:
    settings.SYNTHPORTAL_REPORTS_TO = ["ig@hospital.test"]
    publisher.publish(rows=30)
    take_in()
    return ReleaseVersion.objects.select_related("release").get()


def account(email: str, *, officer: bool) -> CatalogueAccount:
    now = timezone.now()
    return CatalogueAccount.objects.create(
        email=email, person_key=email, full_name=email.split("@")[0], officer=officer, made_at=now, confirmed_at=now
    )


@pytest.fixture
def officer(db: None) -> CatalogueAccount:
    return account("officer@hospital.test", officer=True)


@pytest.fixture
def desk(officer: CatalogueAccount) -> Client:
    return signed_in(officer)


def signed_in(person: CatalogueAccount) -> Client:
    client = Client()
    client.force_login(person)
    session = client.session
    session["began"] = session["seen"] = time.time()
    session.save()
    return client


def send(client: Client, path: str, **said: str) -> str:
    answer = client.post(path, said)
    assert answer.status_code in (200, 201, 302), answer.content.decode()
    return answer.content.decode()


def mailed() -> list[str]:
    outbox.send_waiting()
    return [f"{each.to[0]}: {each.subject}\n{each.body}" for each in mail.outbox]


@pytest.mark.promise("back.1")
def test_a_suspected_disclosure_reaches_governance_with_a_deadline_and_no_mail_carries_what_was_seen(
    client: Client, version: ReleaseVersion, officer: CatalogueAccount
) -> None:
    page = send(client, "/datasets/ed-visits/v1/report/", kind="disclosure", said=SAID, reply_to="me@example.org")
    made = ProblemReport.objects.get()
    assert "It is answered by" in page
    assert reports.said(made) == SAID
    assert SAID not in made.said, "it may hold what was disclosed: it is kept sealed"
    sent = mailed()
    assert {each.split(":")[0] for each in sent} == {"ig@hospital.test", "officer@hospital.test"}
    assert not [each for each in sent if "neighbour" in each]
    assert "/hold/" in sent[0]


@pytest.mark.promise("back.1")
@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-20 09:00", 1, "2026-11-23"),
        ("2026-11-18 23:30", 1, "2026-11-19"),
        ("2026-12-24 12:00", 1, "2026-12-29"),
        ("2026-03-27 12:00", 10, "2026-04-14"),
    ],
)
def test_deadlines_are_working_days_of_england(start: str, days: int, end: str) -> None:
    due = reports.due(datetime.fromisoformat(start).replace(tzinfo=ZoneInfo("Europe/London")), days)
    assert due.strftime("%Y-%m-%d %H:%M") == f"{end} 17:00"


@pytest.mark.promise("back.1")
def test_a_report_that_is_overdue_is_told_again_once_a_day(version: ReleaseVersion) -> None:
    made = reports.report(version, "problem", "A column is empty.")
    assert reports.remind(made.due_at - timedelta(minutes=1)) == 0
    assert [reports.remind(made.due_at + timedelta(minutes=minutes)) for minutes in (0, 5, 24 * 60)] == [1, 0, 1]


@pytest.mark.promise("back.2")
def test_the_link_in_the_mail_takes_the_release_off_display_at_once_and_works_once(
    client: Client, version: ReleaseVersion, officer: CatalogueAccount
) -> None:
    send(client, "/datasets/ed-visits/v1/report/", kind="disclosure", said=SAID)
    (link,) = {found[1] for each in mailed() if (found := re.search(r"https?://[^/]+(/hold/\S+)", each))}
    phone = Client()
    asked = phone.get(link)
    assert "Take it off display now" in asked.content.decode()
    assert (asked.headers["Referrer-Policy"], version.display_held) == ("same-origin", False)
    assert client.get(FILE).status_code == 200, "looking at the link does nothing"
    assert "is off display" in send(phone, link)
    assert client.get(FILE).status_code == 403
    assert [client.get(page).status_code for page in PAGES] == [200, 200]
    for page in PAGES:
        told = client.get(page).content.decode()
        assert "taken off display while a report about it is looked into" in told
        assert "What was released about" not in told
    assert "ed-visits" not in client.get("/datasets/").content.decode()
    assert phone.post(link).status_code == 410
    assert phone.get(link[:-3] + "xyz/").status_code == 410
    assert [each for each in mailed() if "Taken off display" in each]


@pytest.mark.promise("back.2")
def test_an_officer_takes_it_off_and_puts_it_back_with_a_reason(client: Client, version: ReleaseVersion, desk: Client) -> None:
    reports.report(version, "problem", "Dates lie in the future.")
    key = ProblemReport.objects.get().pk
    send(desk, f"/officer/reports/{key}/hold/")
    send(desk, f"/officer/reports/{key}/hold/")
    held = DisplayHold.objects.get()
    assert client.get(FILE).status_code == 403
    assert desk.post(f"/officer/holds/{held.pk}/", {"why": " "}).status_code == 422
    send(desk, f"/officer/holds/{held.pk}/", why="They are meant to.")
    assert client.get(FILE).status_code == 200
    assert "ed-visits" in client.get("/datasets/").content.decode()
    with pytest.raises(AccessRefused, match="on display again"):
        reports.lift(CatalogueAccount.objects.get(officer=True), held, why="Again")
    assert [each.action for each in AccessEvent.objects.all()] == ["report", "hold", "lift hold"]


@pytest.mark.promise("back.3")
def test_an_answer_is_mailed_and_the_address_forgotten(client: Client, version: ReleaseVersion, desk: Client) -> None:
    send(client, "/datasets/ed-visits/v1/report/", kind="problem", said="The title is wrong.", reply_to="me@example.org")
    key = ProblemReport.objects.get().pk
    assert "The title is wrong." in desk.get(f"/officer/reports/{key}/").content.decode()
    send(desk, f"/officer/reports/{key}/", answer="It is mended.")
    assert [each for each in mailed() if each.startswith("me@example.org") and "It is mended." in each]
    assert ProblemReport.objects.get().reply_to == ""
    assert desk.post(f"/officer/reports/{key}/", {"answer": "Again"}).status_code == 422
    assert "It is mended." in desk.get(f"/officer/reports/{key}/").content.decode()


@pytest.mark.promise("back.4")
def test_uses_and_publications_are_shown_once_an_officer_has_looked(client: Client, version: ReleaseVersion, desk: Client) -> None:
    send(client, "/datasets/ed-visits/uses/tell/", kind="use", what="We taught <b>joins</b> with it.", who="A university")
    send(client, "/datasets/ed-visits/uses/tell/", kind="publication", what="On waiting times", link="doi:10.1000/182")
    send(client, "/datasets/ed-visits/uses/tell/", kind="use", what="Buy cheap things", link="https://spam.example")
    page = "/datasets/ed-visits/uses/"
    assert "joins" not in client.get(page).content.decode()
    good, paper, spam = RecordedUse.objects.order_by("made_at")
    for use, decision in ((good, "show"), (paper, "show"), (spam, "leave")):
        send(desk, f"/officer/uses/{use.pk}/", decision=decision)
    told = client.get(page).content.decode()
    assert "We taught &lt;b&gt;joins&lt;/b&gt; with it." in told
    assert 'href="https://doi.org/10.1000/182" rel="nofollow noreferrer ugc"' in told
    assert "spam.example" not in told
    assert desk.post(f"/officer/uses/{good.pk}/", {"decision": "leave"}).status_code == 409
    assert desk.post(f"/officer/uses/{good.pk}/", {"decision": "?"}).status_code == 404


@pytest.mark.promise("back.4")
@pytest.mark.parametrize(
    ("link", "told"),
    [("javascript:alert(1)", "web address"), ("not an address", "web address"), ("ftp://example.org/x", "web address"), ("x" * 401, "400")],
)
def test_a_link_that_is_none_is_refused(version: ReleaseVersion, link: str, told: str) -> None:
    with pytest.raises(InputRefused, match=told):
        uses.tell(version.release, "use", "Something", link=link)


@pytest.mark.promise("back.5")
def test_downloads_are_told_by_month_and_know_nobody(client: Client, version: ReleaseVersion) -> None:
    for _ in range(3):
        b"".join(client.get(FILE).streaming_content)
    told = client.get("/datasets/ed-visits/uses/").content.decode()
    assert "3 whole downloads" in told
    assert timezone.localdate().strftime("%B %Y") in told


@pytest.mark.promise("back.6")
def test_who_is_no_officer_sees_and_decides_nothing(client: Client, version: ReleaseVersion) -> None:
    reports.report(version, "problem", "x")
    use = uses.tell(version.release, "use", "y")
    key = ProblemReport.objects.get().pk
    person = signed_in(account("person@university.ac.uk", officer=False))
    for path in ("/officer/reports/", f"/officer/reports/{key}/"):
        assert client.get(path).status_code == 302
        assert person.get(path).status_code == 404
    for path in (f"/officer/reports/{key}/hold/", f"/officer/uses/{use.pk}/"):
        assert client.post(path).status_code == 302
        assert person.post(path, {"decision": "show"}).status_code == 404
    with pytest.raises(AccessRefused, match="officers alone"):
        reports.hold(CatalogueAccount.objects.get(officer=False), version)
    assert not DisplayHold.objects.exists()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/datasets/ed-visits/v1/report/", {"kind": "problem", "said": "x"}).status_code == 403


@pytest.mark.promise("back.6")
def test_whoever_tells_too_much_waits_and_bad_input_is_named(client: Client, version: ReleaseVersion, settings: Settings) -> None:
    path = "/datasets/ed-visits/v1/report/"
    for said in (
        {},
        {"kind": "problem"},
        {"kind": "x", "said": "y"},
        {"kind": "problem", "said": "y" * 5000},
        {"kind": "problem", "said": "\x00"},
    ):
        answer = client.post(path, said)
        assert answer.status_code == 422
        assert "There is a problem" in answer.content.decode()
    assert not ProblemReport.objects.exists()
    codes = [client.post(path, {"kind": "problem", "said": "Again"}).status_code for _ in range(13)]
    assert codes == [201] * 11 + [429] * 2
    assert attempts.waiting({"giving place": (10, timedelta(hours=1))}, "", "127.0.0.1") is not None
    assert client.get("/datasets/nothing/v1/report/").status_code == 404


@pytest.mark.promise("back.6")
def test_the_database_holds_one_hold_at_a_time_and_no_half_decision(version: ReleaseVersion, officer: CatalogueAccount) -> None:
    reports.hold(officer, version)
    now = timezone.now()
    for wrong in (
        lambda: DisplayHold.objects.create(version=version, put_at=now, put_by=officer),
        lambda: DisplayHold.objects.create(version=version, put_at=now, lifted_at=now, lifted_by=officer),
        lambda: DisplayHold.objects.filter().update(lifted_at=now),
        lambda: RecordedUse.objects.create(release=version.release, kind="use", what="x", made_at=now, shown=True),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            wrong()


@pytest.mark.promise("back.1")
def test_a_report_is_mailed_also_while_the_lake_cannot_be_read(version: ReleaseVersion, settings: Settings, tmp_path: Path) -> None:
    reports.report(version, "problem", "A column is empty.")
    settings.SYNTHPORTAL_KEYS = tmp_path / "nothing"
    with pytest.raises(CommandError):
        call_command("ingest")
    assert [each.to for each in mail.outbox] == [["ig@hospital.test"]]
