"""Notices: who is waited for or concerned hears of it, once, on their page and by mail that holds no more than a title and a link."""

from __future__ import annotations

import smtplib
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone

from generators.errors import InputError
from releases import cron, deadlines, hearing, permissions, policy
from releases.models import Account, AuditEvent, Drill, MailChoice, Notification, Publication, ReleaseRequest, Rereview, SignOff
from releases.permissions import Refused
from releases.services import accounts, drills, ledger, notices, publishing, requests, runs, sources, suspensions
from releases.services.deadlines import expire_approvals, remind, rereview
from releases.waiting import waiting
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_permission_matrix import undone
from tests.secure.test_reaudit import publish


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def heard(kind: str) -> set[str]:
    """Names of those who were told something of this kind."""
    return {each.account.email.partition("@")[0] for each in Notification.objects.filter(kind=kind).select_related("account")}


def client_of(account: Account) -> Client:
    client = Client()
    client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.promise("notice.1")
def test_along_the_road_everybody_who_is_waited_for_or_concerned_hears_of_it_and_nobody_else(world: World, lake: Path) -> None:
    people = world.people
    Notification.objects.all().delete()
    request = requests.submit(people.steward, world.ready)
    assert heard("review") == {"ig", "other_ig"}
    build.decide(people.ig, request, "return")
    assert heard("returned") == {"steward"}
    left = Notification.objects.filter(kind="review", read_at=None)
    assert [each.account for each in left] == [people.other_ig], "who decided has read it"
    requests.submit(people.steward, requests.revise(people.steward, world.ready))
    assert Notification.objects.filter(kind="review", account=people.ig).count() == 2, "a new round is a new thing to review"
    build.decide(people.ig, world.ready)
    publishing.publish_next(build.signer(), lake)
    suspensions.suspend(people.ig, world.ready, why="Somebody rang.")
    suspensions.withdraw(people.other_ig, world.ready, reason="error", said="A column was wrong.", why="x")
    assert heard("approved") == heard("published") == {"steward"}
    assert heard("suspended") == {"sdat", "other_ig", "steward"}, "who did it knows"
    assert heard("withdrawn") == {"sdat", "ig", "steward"}
    assert not Notification.objects.filter(account__in=(people.nobody, people.outsider, people.auditor, people.administrator)).exists()


@pytest.mark.promise("notice.1")
def test_what_waits_for_stewards_administrators_and_ig_besides_reviews_is_told_too(world: World) -> None:
    people = world.people
    Notification.objects.all().delete()
    ledger.propose_budget(people.steward, world.source, epsilon=1.0, delta=1e-6, summaries=5)
    assert heard("budget") == {"ig", "other_ig"}
    grant = accounts.propose_role(people.administrator, people.nobody, role="ig")
    assert heard("role proposed") == {"second_administrator"}
    accounts.confirm_role(people.second_administrator, grant)
    assert heard("role") == {"nobody"}
    sources.add_steward(people.steward, world.source, person=people.outsider)
    assert heard("steward") == {"outsider"}
    run = requests.request_generation(people.steward, world.ready, generator="structural", rows=10, seed=5)
    claimed = runs.claim(str(run.pk), run.token)
    assert claimed is not None
    runs.fail(str(run.pk), claimed.token, reason="The disk is full.")
    assert heard("run failed") == {"steward"}


@pytest.mark.promise("notice.2")
def test_every_notice_leads_to_a_page_of_this_site_and_every_rule_follows_a_known_action() -> None:
    key = "00000000-0000-4000-8000-000000000000"
    assert {name: resolve(hearing.place(name, key)).url_name for name in hearing.PLACES} == {name: name for name in hearing.PLACES}
    known = {*permissions.ACTIONS, *AuditEvent.objects.none(), *policy.ACTIONS}
    by_system = {
        "propose_drill",
        "submit_drill",
        "reveal_drill",
        "fail_run",
        "lose_run",
        "profile",
        "evaluate",
        "finish_reaudit",
        "remind",
        "return_leaning",
    }
    assert set(hearing.RULES) - known - by_system - set(hearing._CONCERNS) - {"propose_reset"} == set()


@pytest.mark.promise("notice.3")
def test_a_drill_is_told_to_reviewers_like_any_other_request_and_to_nobody_who_would_know_better(world: World) -> None:
    people = world.people
    drill = drills.start_drill(people.administrator, origin=world.ready.version, kind="rare cells", amount=3, title="Visits for a course")
    Notification.objects.all().delete()
    ReleaseRequest.objects.filter(pk=drill.request_id).update(tier="structural", state="draft", author=people.steward)
    event = AuditEvent(action="submit_drill", sequence=10**6, at=timezone.now(), payload={})
    request = ReleaseRequest.objects.get(pk=drill.request_id)
    request.state, request.submitted_at, request.release_policy = "submitted", timezone.now(), policy.in_force()
    request.version = world.ready.version
    notices.tell(event, request)
    assert heard("review") == {"ig", "other_ig"}
    assert "drill" not in " ".join(f"{n.title} {n.sentence} {n.kind}" for n in Notification.objects.all())
    request.state = "approved"
    notices.tell(AuditEvent(action="sign_off", sequence=10**6 + 1, at=timezone.now(), payload={"capacity": "ig"}), request)
    assert heard("approved") == set(), "its author did not ask for it"
    assert Drill.objects.get().revealed_at is None


@pytest.mark.promise("notice.2")
def test_a_notice_is_of_the_transaction_that_it_tells_of_and_the_same_thing_is_told_once(world: World) -> None:
    Notification.objects.all().delete()
    with undone():
        requests.submit(world.people.steward, world.ready)
        assert Notification.objects.exists()
    assert not Notification.objects.exists()
    requests.submit(world.people.steward, world.ready)
    event = AuditEvent.objects.filter(action="submit").latest("sequence")
    notices.tell(event, world.ready)
    assert Notification.objects.filter(kind="review").count() == 2
    one = Notification.objects.filter(kind="review").first()
    assert one is not None
    with pytest.raises(DatabaseError), transaction.atomic():
        Notification.objects.filter(pk=one.pk).update(mail="mailed")


@pytest.mark.promise("notice.4")
def test_a_mail_holds_titles_and_links_and_a_server_that_is_down_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    notices.mail_waiting()
    mail.outbox.clear()
    requests.submit(world.people.steward, world.ready)

    def down(self: EmailBackend, messages: object) -> int:
        raise smtplib.SMTPServerDisconnected("gone")

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", down)
        assert notices.mail_waiting() is None
    assert notices.mail_waiting() == 2
    assert notices.mail_waiting() is None
    sent = {message.to[0]: message for message in mail.outbox}
    assert set(sent) == {"ig@hospital.test", "other_ig@hospital.test"}
    message = sent["ig@hospital.test"]
    assert message.subject == f"To review: {world.ready.title}"
    assert f"{settings.SYNTHPORTAL_URL.rstrip('/')}/requests/{world.ready.pk}/review/" in message.body
    assert world.ready.description not in message.body
    assert message.from_email == settings.SYNTHPORTAL_MAIL_FROM
    event = AuditEvent.objects.filter(action="mail_notices").latest("sequence")
    assert event.payload == {"notices": 1}


@pytest.mark.promise("notice.5")
def test_people_choose_at_once_daily_or_not_by_mail_but_ig_always_hears_of_a_suspension(world: World, lake: Path) -> None:
    people, here = world.people, ZoneInfo("Europe/London")
    request = publish(world, lake)
    notices.mail_waiting()
    notices.choose_mail(people.ig, when="none")
    notices.choose_mail(people.sdat, when="none")
    notices.choose_mail(people.steward, when="daily")
    mail.outbox.clear()
    suspensions.suspend(people.other_ig, request, why="A doubt.")
    night = datetime(2027, 3, 2, 3, 0, tzinfo=here)
    assert notices.mail_waiting(night) == 1
    assert [message.to for message in mail.outbox] == [["ig@hospital.test"]]
    assert Notification.objects.get(account=people.sdat, kind="suspended").mail == "unwanted"
    assert Notification.objects.get(account=people.steward, kind="suspended").mail == "waiting"
    morning = night + timedelta(hours=5)
    notices.mail_waiting(morning)
    assert [m.subject for m in mail.outbox if m.to == ["steward@hospital.test"]] == [f"Suspended: {request.title}"]
    suspensions.withdraw(people.other_ig, request, reason="error", said="Wrong.", why="x")
    assert notices.mail_waiting(morning + timedelta(hours=1)) == 1, "to IG alone; the steward had today's"
    assert notices.mail_waiting(morning + timedelta(days=1)) == 1
    with pytest.raises(InputError, match="at once, daily, none"):
        notices.choose_mail(people.ig, when="sometimes")
    assert MailChoice.objects.count() == 3


@pytest.mark.promise("notice.6")
def test_the_page_lists_ones_own_notices_marks_them_read_and_the_header_counts(world: World) -> None:
    people = world.people
    Notification.objects.all().delete()
    requests.submit(people.steward, world.ready)
    client, other = client_of(people.ig), client_of(people.other_ig)
    page = client.get(reverse("notices")).content.decode()
    assert f"To review: {world.ready.title}" in page
    assert "Notices (1" in client.get(reverse("home")).content.decode()
    mine = Notification.objects.get(account=people.ig, kind="review")
    assert other.post(reverse("read-notice", args=[mine.pk])).status_code == 404
    with pytest.raises(Refused, match="somebody else's"):
        notices.read_notices(people.other_ig, mine)
    assert client.post(reverse("read-notice", args=[mine.pk])).status_code == 302
    assert "Notices (" not in client.get(reverse("home")).content.decode()
    assert other.post(reverse("read-notices")).status_code == 302
    assert not Notification.objects.filter(kind="review", read_at=None).exists()
    assert client.post(reverse("mail-choice"), {"when": "daily"}).status_code == 302
    assert client.post(reverse("mail-choice"), {"when": "x"}).status_code == 422
    assert MailChoice.objects.get(account=people.ig).when == "daily"


@pytest.mark.promise("notice.7")
def test_working_days_leave_out_weekends_and_the_bank_holidays_of_england() -> None:
    friday = date(2026, 12, 18)
    assert deadlines.after_working_days(friday, 5) == date(2026, 12, 29), "25 and 28 December 2026 are holidays"
    assert deadlines.working_days(friday, date(2027, 1, 4)) == 8
    assert deadlines.working_days(friday, friday) == 0
    assert not deadlines.working(date(2027, 5, 3))


@pytest.mark.promise("notice.7")
def test_author_and_reviewers_see_the_place_in_the_queue_and_by_when_a_decision_is_due(world: World) -> None:
    people = world.people
    first = requests.submit(people.steward, world.ready)
    second = requests.submit(people.steward, world.ready_marginal)
    ReleaseRequest.objects.filter(pk=first.pk).update(submitted_at=timezone.now() - timedelta(days=40))
    one, two = waiting(world.ready), waiting(world.ready_marginal)
    assert one is not None
    assert two is not None
    assert ((one.place, one.of), (two.place, two.of)) == ((1, 2), (2, 2))
    assert one.late
    assert not two.late
    assert one.days >= 20
    assert "number 1 of 2 in the queue" in client_of(people.steward).get(reverse("request", args=[first.pk])).content.decode()
    assert "number 2 in the queue" in client_of(people.ig).get(reverse("home")).content.decode()
    assert "number 2 of 2" in client_of(people.ig).get(reverse("review", args=[second.pk])).content.decode()
    build.decide(people.ig, first)
    assert waiting(world.ready) is None


@pytest.mark.promise("notice.8")
def test_reviewers_are_reminded_once_for_every_so_many_working_days(world: World) -> None:
    requests.submit(world.people.steward, world.ready)
    Notification.objects.all().delete()
    tier = policy.release_policy().tier("structural")
    assert tier is not None
    assert tier.reminder_days
    assert remind() is None
    later = timezone.make_aware(
        datetime.combine(deadlines.after_working_days(timezone.localdate(), tier.reminder_days), datetime.max.time())
    )
    assert remind(later) == 1
    assert remind(later) is None
    assert heard("reminder") == {"ig", "other_ig"}
    last = deadlines.after_working_days(timezone.localdate(), 2 * tier.reminder_days)
    assert remind(timezone.make_aware(datetime.combine(last, datetime.max.time()))) == 1


def aged(request: ReleaseRequest, days: int) -> None:
    ReleaseRequest.objects.filter(pk=request.pk).update(changed_at=timezone.now() - timedelta(days=days))


@pytest.mark.promise("notice.9")
def test_an_approval_that_is_not_published_in_time_expires_and_goes_back_to_its_author(world: World, lake: Path) -> None:
    people = world.people
    build.decide(people.ig, requests.submit(people.steward, world.ready))
    tier = policy.release_policy().tier("structural")
    assert tier is not None
    assert tier.approval_days
    assert expire_approvals() is None
    aged(world.ready, tier.approval_days - 3)
    assert remind() == 1
    assert heard("expiry") == {"steward", "ig", "other_ig"}
    aged(world.ready, tier.approval_days + 1)
    assert publishing.publish_next(build.signer(), lake) is None, "not a moment later, whether or not the clock has looked"
    assert not lake.exists()
    cron.look_for_due()
    assert world.ready.state == "returned"
    assert heard("expired") == {"steward", "ig", "other_ig"}
    assert expire_approvals() is None
    assert "expired before it was published" in client_of(people.steward).get(reverse("home")).content.decode()
    requests.submit(people.steward, requests.revise(people.steward, world.ready))
    assert world.ready.state == "submitted"


@pytest.mark.promise("notice.9")
def test_an_approval_whose_publication_has_begun_does_not_expire(world: World, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready))

    def dies(*args: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "publish", dies)
        with pytest.raises(KeyboardInterrupt):
            publishing.publish_next(build.signer(), lake)
    assert Publication.objects.exists()
    aged(world.ready, 4_000)
    assert expire_approvals() is None
    assert publishing.publish_next(build.signer(), lake) is not None
    assert SignOff.objects.filter(request=world.ready).exists()


@pytest.mark.promise("notice.10")
def test_ig_is_asked_to_look_at_a_release_again_and_says_that_it_may_stay(world: World, lake: Path) -> None:
    people, request = world.people, publish(world, lake)
    due = deadlines.rereview_due(request)
    assert due is not None
    assert remind() is None
    then = timezone.make_aware(datetime.combine(due, datetime.max.time()))
    assert remind(then) == 1
    assert heard("re-review") == {"ig", "other_ig"}
    for person in (people.sdat, people.steward):
        with pytest.raises(Refused, match="Only Information Governance"):
            rereview(person, request, why="Still useful.")
    with pytest.raises(InputError, match="say why"):
        rereview(people.ig, request, why=" ")
    page = client_of(people.ig).post(reverse("rereview", args=[request.pk]), {"why": "Still used for teaching."})
    assert page.status_code == 302
    assert "Still used for teaching." in client_of(people.auditor).get(reverse("release", args=[request.pk])).content.decode()
    made = Rereview.objects.get()
    assert (made.by, made.author) == (people.ig, people.steward)
    for change in (lambda: Rereview.objects.update(why="x"), made.delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    with pytest.raises(DatabaseError), transaction.atomic():
        Rereview.objects.create(request=request, by=people.steward, author=people.steward, why="x", at=timezone.now())
    suspensions.suspend(people.ig, request, why="A doubt.")
    with pytest.raises(Refused, match="only what is published is looked at again"):
        rereview(people.other_ig, request, why="Still useful.")
