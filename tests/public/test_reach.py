"""A withdrawn release reaches everybody who holds files of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from releases.capsule import feed
from releases.capsule.feed import Notice, NoticeKind
from releases.catalogue.access import outbox, reach
from releases.catalogue.access.clock import tick
from releases.catalogue.giving import reports
from releases.catalogue.models import AccessEvent, CatalogueAccount, Grant, HolderNotice, OutgoingMail, ReleaseVersion, StoredFile
from releases.catalogue.serving import store
from tests.capsule.world import Publisher
from tests.public import access_world as build
from tests.public.test_access import refused
from tests.public.test_downloads import TakeIn


@pytest.fixture
def notice(publisher: Publisher, take_in: TakeIn) -> Notice:
    """The safeguarded release's announcement."""
    made = publisher.publish(rows=50, **build.SAFEGUARDED)
    take_in()
    return made


@pytest.fixture
def holders(notice: Notice) -> list[CatalogueAccount]:
    """Three people with a grant; the third never downloaded anything. Then the access officer."""
    ig = build.officer()
    people = [build.person(name, f"{name.lower()}@uni.ac.uk") for name in ("Ada", "Ben", "Cleo")]
    for account in people:
        build.granted(account, ig)
    for account, asked in zip(people[:2], ({}, {"Range": "bytes=0-9"}), strict=True):
        build.signed_in(account).get(build.FILE, headers=asked)
    outbox.send_waiting()
    mail.outbox.clear()
    return [*people, ig]


def said(publisher: Publisher, notice: Notice, kind: NoticeKind, reason: str = "") -> None:
    feed.announce(publisher.lake, publisher.signer, kind, about=notice, at=datetime.now(UTC), reason=reason)


def subjects() -> dict[str, list[str]]:
    """Subjects of the mails since last asked, by who got them."""
    found: dict[str, list[str]] = {}
    for message in mail.outbox:
        found.setdefault(message.to[0].partition("@")[0], []).append(str(message.subject))
    mail.outbox.clear()
    return found


@pytest.mark.promise("reach.1", "reach.2")
def test_everybody_who_holds_withdrawn_files_is_told_confirms_their_deletion_and_officers_see_who_has_not(
    publisher: Publisher, take_in: TakeIn, notice: Notice, holders: list[CatalogueAccount], settings: Settings
) -> None:
    ada, ben, _, ig = holders
    browser = build.signed_in(ada)
    stored = StoredFile.objects.get(path="data/visits.parquet")
    assert store.held(stored).is_file()
    said(publisher, notice, NoticeKind.WITHDRAWN, "A column could give somebody away.")
    take_in()
    assert browser.get(build.FILE).status_code == 410
    assert not store.held(stored).exists()
    Grant.objects.filter(account=ben).update(granted_at=timezone.now() - timedelta(days=9), ends_at=timezone.now() - timedelta(days=1))
    assert tick() >= 2
    body = next(str(message.body) for message in mail.outbox if message.to == [ada.email])
    assert "A column could give somebody away." in body
    link = body.split("http://localhost:8001")[1].split()[0]
    mails = subjects()
    assert "cleo" not in mails  # who holds nothing is not written to
    for who in ("ada", "ben"):  # with or without a live grant
        assert "A dataset you hold was withdrawn: delete it" in mails[who]
    assert tick() == 0  # once
    watch = build.signed_in(ig)
    assert b"2 not confirmed" in watch.get("/officer/holders/").content
    assert Client().get(link[:-3] + "x/").status_code == 403
    assert Client().post(link, {"said": "nothing"}).status_code == 422
    assert Client().post(link, {"deleted": "on", "said": "One backup until Friday."}).status_code == 200
    assert Client().post(link, {"deleted": "on"}).status_code == 403
    page = watch.get("/officer/holders/").content.decode()
    assert "1 not confirmed" in page
    assert "One backup until Friday." in page
    # Ben does not answer, and is reminded, not too often and not for ever.
    settings.SYNTHPORTAL_REMINDERS = 2
    for _ in range(4):
        HolderNotice.objects.update(told_at=timezone.now() - timedelta(days=30), reminded_at=None)
        tick()
        tick()
    assert subjects() == {"ben": ["Reminder: a dataset you hold was withdrawn: delete it"] * 2}
    assert "reminded 2 times" in watch.get("/officer/holders/").content.decode()
    asked = HolderNotice.objects.get(account=ben)
    assert browser.post(f"/account/deletions/{asked.pk}/", {"deleted": "on"}).status_code == 404  # another's
    bens = build.signed_in(ben)
    assert b"delete your copies" in bens.get("/account/").content
    assert bens.post(f"/account/deletions/{asked.pk}/", {"deleted": "on"}).status_code == 302
    assert "already" in refused(lambda: reach.confirm_deletion(ben, asked, said=""))
    assert b"0 not confirmed" in watch.get("/officer/holders/").content
    assert tick() == 0


@pytest.mark.promise("reach.3")
def test_a_suspension_is_told_to_those_who_hold_files_and_so_is_its_end(
    publisher: Publisher, take_in: TakeIn, notice: Notice, holders: list[CatalogueAccount]
) -> None:
    ada = holders[0]
    browser = build.signed_in(ada)
    for kind, subject, status in (
        (NoticeKind.SUSPENDED, "A dataset you hold is suspended: stop using it", 403),
        (NoticeKind.PUBLISHED, "A dataset you hold may be used again", 200),
    ):
        said(publisher, notice, kind, "It is looked into." if kind is NoticeKind.SUSPENDED else "")
        take_in()
        tick()
        tick()
        assert subjects() == {"ada": [subject], "ben": [subject]}
        assert browser.get(build.FILE).status_code == status
        assert (b"is suspended while" in browser.get("/account/").content) is (kind is NoticeKind.SUSPENDED)
    asked = HolderNotice.objects.filter(account=ada, state="suspended").get()
    assert "Nothing has to be deleted" in refused(lambda: reach.confirm_deletion(ada, asked, said=""))


@pytest.mark.promise("reach.5")
def test_who_holds_what_is_off_display_is_told_not_to_use_it_and_when_it_is_back(
    publisher: Publisher, take_in: TakeIn, notice: Notice, holders: list[CatalogueAccount]
) -> None:
    ada, *_, ig = holders
    off = "A dataset you hold is off display: do not use it until you hear from us"
    on = "A dataset you hold is on display again: you may use it"
    browser, version = build.signed_in(ada), ReleaseVersion.objects.get()

    def told() -> dict[str, list[str]]:
        tick()
        tick()
        return {
            who: [each for each in every if each.startswith("A dataset")]
            for who, every in subjects().items()
            if who in ("ada", "ben", "cleo")
        }

    for _ in range(2):  # each time by itself
        hold = reports.hold(ig, version)
        assert told() == {"ada": [off], "ben": [off]}
        assert browser.get("/account/").content.count(b"is off display while") == 1
        reports.lift(ig, hold, why="Nobody real.")
        assert told() == {"ada": [on], "ben": [on]}
        assert b"is off display while" not in browser.get("/account/").content
    # Put back while it is suspended: it may not be used yet. Suspended no more while it is off display: neither.
    hold = reports.hold(ig, version)
    assert told() == {"ada": [off], "ben": [off]}
    said(publisher, notice, NoticeKind.SUSPENDED, "Looked into.")
    take_in()
    assert set(told()) == {"ada", "ben"}
    reports.lift(ig, hold, why="Nobody real.")
    assert told() == {}
    hold = reports.hold(ig, version)
    told()
    said(publisher, notice, NoticeKind.PUBLISHED)
    take_in()
    assert told() == {}
    reports.lift(ig, hold, why="Nobody real.")
    assert on in told()["ada"]
    assert AccessEvent.objects.filter(action="tell holder", detail__state="off-display").count() == 8


@pytest.mark.promise("reach.4")
def test_a_mail_server_that_is_away_loses_no_withdrawal(
    publisher: Publisher, take_in: TakeIn, notice: Notice, holders: list[CatalogueAccount], settings: Settings
) -> None:
    said(publisher, notice, NoticeKind.WITHDRAWN, "Gone.")
    take_in()
    here = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    assert tick() == 0
    assert reach.unconfirmed().count() == 2
    assert "could not be sent yet" in build.signed_in(holders[-1]).get("/officer/").content.decode()
    settings.EMAIL_BACKEND = here
    OutgoingMail.objects.filter(sent_at__isnull=True).update(next_try_at=timezone.now())
    assert tick() >= 2
    assert set(subjects()) >= {"ada", "ben"}
