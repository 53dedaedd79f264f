"""Signing in: invited by a link, with a second factor, locked out for longer and longer, and not for ever."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generators.errors import InputError
from releases import second_factors
from releases.models import Account, AccountReset, AuditEvent, Authenticator, PasswordLink, SignIn
from releases.models.accounts import person_key
from releases.permissions import Refused
from releases.services import accounts, attempts, factors, links, resets, sign_ins, sources
from tests.secure.soft_key import SoftKey
from tests.secure.test_pages_site import signed_in, words
from tests.secure.world import PASSWORD, People

LONGER = "another passphrase, longer"


def entered(client: Client, email: str, password: str = PASSWORD, **where: Any) -> Any:
    return client.post(reverse("sign-in"), {"username": email, "password": password}, **where)


def events(action: str) -> int:
    return AuditEvent.objects.filter(action=action, outcome="done").count()


def just_now(account: Account) -> SignIn:
    """A sign-in of this moment."""
    return sign_ins.begin(account, how="password", second_factor=False)


def with_app(account: Account) -> pyotp.TOTP:
    """An authenticator app whose first code was used half a minute ago."""
    secret = second_factors.new_secret()
    here = just_now(account)
    app = factors.add_app(account, name="Telephone", secret=secret, code=pyotp.TOTP(secret).now(), sign_in=here)
    here.delete()
    Authenticator.objects.filter(pk=app.pk).update(counter=app.counter - 2)
    return pyotp.TOTP(secret)


# Links


@pytest.mark.promise("account.1")
def test_an_invited_person_chooses_their_own_password_by_a_link_that_works_once(people: People) -> None:
    page = signed_in(people.administrator).post(reverse("new-account"), {"full_name": "Ann New", "email": "ann@hospital.test"})
    (secret,) = re.findall(r"/link/([\w-]+)/", page.content.decode())
    ann = Account.objects.get(email="ann@hospital.test")
    assert not ann.has_usable_password()
    assert secret not in str(list(PasswordLink.objects.values())) + str(list(AuditEvent.objects.values("payload")))
    visitor = Client()
    assert entered(visitor, ann.email, "").status_code == 422
    assert visitor.get(reverse("open-link", args=[secret]))["Location"] == reverse("set-password")
    assert "ann@hospital.test" in words(visitor.get(reverse("set-password")))
    weak = visitor.post(reverse("set-password"), {"new_password1": "password1234", "new_password2": "password1234"})
    assert weak.status_code == 422
    good = {"new_password1": LONGER, "new_password2": LONGER}
    assert visitor.post(reverse("set-password"), good)["Location"] == reverse("sign-in")
    assert entered(visitor, ann.email, LONGER)["Location"] == "/"
    again = Client()
    again.get(reverse("open-link", args=[secret]))
    assert "used already" in words(again.post(reverse("set-password"), good))
    with pytest.raises(Refused, match="set a password already"):
        links.invite_again(people.administrator, Account.objects.get(pk=ann.pk))


@pytest.mark.promise("account.1")
def test_a_link_ends_with_its_time_and_with_the_next_one(people: People) -> None:
    account, first = accounts.create_account(people.administrator, email="ann@hospital.test", full_name="Ann New")
    _, second = links.invite_again(people.second_administrator, account)
    for spent in (first, "no-such-link"):
        with pytest.raises(Refused, match="too old, or was replaced"):
            links.use_link(spent, password=LONGER)
    PasswordLink.objects.filter(account=account).update(expires_at=timezone.now())
    with pytest.raises(Refused, match="too old"):
        links.use_link(second, password=LONGER)
    with pytest.raises(DatabaseError), transaction.atomic():
        PasswordLink.objects.filter(account=account).update(used_at=None, ended_at=None)


@pytest.mark.promise("account.2")
def test_who_forgot_their_password_gets_a_mail_and_nobody_learns_who_has_an_account(people: People, settings: Any) -> None:
    settings.SYNTHPORTAL_MAIL_IN_FILES = False
    address, steward = reverse("forgotten"), people.steward
    signed_in(steward)
    answers = [
        words(Client().post(address, {"email": email}, follow=True)) for email in ("Steward@Hospital.test", "nobody.here@hospital.test")
    ]
    assert answers[0] == answers[1]
    assert "If there is an account with that address" in answers[0]
    assert links.mail_links() == 1
    assert links.mail_links() is None
    (message,) = mail.outbox
    assert message.to == [steward.email]
    (secret,) = re.findall(r"/link/([\w-]+)/", str(message.body))
    links.use_link(secret, password=LONGER)
    assert Account.objects.get(pk=steward.pk).check_password(LONGER)
    assert not SignIn.objects.filter(account=steward, ended_at__isnull=True).exists()
    last = [Client().post(address, {"email": "steward@hospital.test"}).status_code for _ in range(4)]
    assert last[-1] == 429


@pytest.mark.promise("account.2")
def test_a_mail_server_that_does_not_answer_costs_a_try_and_no_link(people: People, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9
    links.ask_for_link(people.steward.email)
    assert links.mail_links() is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert links.mail_links() == 1


# One person, one account


@pytest.mark.promise("account.3")
@pytest.mark.parametrize(
    "again", ["STEWARD@hospital.test", "steward+review@hospital.test", "s.teward@Hospital.Test", "ｓteward@hospital.test"]
)
def test_nobody_gets_a_second_account_by_another_spelling_of_their_e_mail(people: People, again: str) -> None:
    assert person_key(again) == people.steward.person_key
    with pytest.raises(InputError, match=r"already|valid email"):
        accounts.create_account(people.administrator, email=again, full_name="The Same")
    with pytest.raises(DatabaseError), transaction.atomic():
        Account.objects.create(email=again, full_name="The Same")
    with pytest.raises(DatabaseError), transaction.atomic():
        Account.objects.filter(pk=people.steward.pk).update(person_key=None)


# Second factors


@pytest.mark.promise("account.4")
def test_a_code_from_an_app_is_asked_for_and_works_once(people: People) -> None:
    app, client = with_app(people.ig), Client()
    assert entered(client, people.ig.email)["Location"] == reverse("second-step")
    assert client.get("/")["Location"].startswith(reverse("sign-in"))
    code, step = app.now(), reverse("second-step")
    assert client.post(step, {"code": "000000"}).status_code == 422
    assert client.post(step, {"code": f"{code[:3]} {code[3:]}"})["Location"] == "/"
    assert SignIn.objects.filter(account=people.ig, how="code", second_factor=True, ended_at__isnull=True).count() == 1
    thief = Client()
    entered(thief, people.ig.email)
    assert "each works once" in words(thief.post(step, {"code": code}))
    kept = Authenticator.objects.get(account=people.ig)
    assert app.secret not in kept.sealed_secret
    assert second_factors.unsealed(kept.sealed_secret) == app.secret


@pytest.mark.promise("account.4")
def test_an_app_is_added_by_its_page_and_only_with_the_right_code(people: People) -> None:
    client = signed_in(people.nobody)
    page = client.get(reverse("add-app"))
    assert 'src="data:image/svg+xml' in page.content.decode()
    secret = page.context["secret"].replace(" ", "")
    wrong = client.post(reverse("add-app"), {"name": "Telephone", "code": "12345"})
    assert (wrong.status_code, wrong.context["secret"].replace(" ", "")) == (400, secret)
    right = client.post(reverse("add-app"), {"name": "Telephone", "code": pyotp.TOTP(secret).now()})
    assert right["Location"] == reverse("recovery-codes")
    assert "Telephone" in words(client.get(reverse("your-account")))
    assert client.post(reverse("add-app"), {"name": "Other", "code": "123456"}).status_code == 400


@pytest.mark.promise("account.5")
def test_a_security_key_is_taken_from_this_site_alone_and_never_the_same_answer_twice(people: People) -> None:
    client, key = signed_in(people.ig), SoftKey()
    copy_of_site = SoftKey("https://synthportal.example")
    copied = copy_of_site.introduced(client.get(reverse("add-key")).context["options"])
    assert client.post(reverse("add-key"), {"name": "Key", "answer": copied}).status_code == 400
    introduced = key.introduced(client.get(reverse("add-key")).context["options"])
    assert client.post(reverse("add-key"), {"name": "Key", "answer": introduced}).status_code == 302
    assert client.post(reverse("add-key"), {"name": "Again", "answer": introduced}).status_code == 400

    step, visitor = reverse("second-step"), Client()
    entered(visitor, people.ig.email)
    answer = key.answer(visitor.get(step).context["options"])
    assert visitor.post(step, {"answer": answer})["Location"] == "/"
    assert SignIn.objects.filter(account=people.ig, how="key").count() == 1
    thief = Client()
    entered(thief, people.ig.email)
    thief.get(step)
    for stolen in (answer, SoftKey().answer(thief.get(step).context["options"]), "{}", "[]", "no JSON"):
        assert thief.post(step, {"answer": stolen}).status_code in (422, 429)


@pytest.mark.promise("account.5")
def test_a_security_key_whose_count_goes_back_was_copied_and_is_refused(people: People) -> None:
    key, challenge = SoftKey(), b"c" * 32
    introduced = key.introduced(second_factors.registration(people.ig, challenge))
    factors.add_key(people.ig, name="Key", answer=introduced, challenge=challenge, sign_in=just_now(people.ig))
    key.uses = 7
    assert factors.show_key(people.ig, key.answer(second_factors.question(people.ig, challenge)), challenge) == "key"
    key.uses = 3
    assert factors.show_key(people.ig, key.answer(second_factors.question(people.ig, challenge)), challenge) is None


@pytest.mark.promise("account.6")
def test_recovery_codes_are_shown_once_and_each_lets_in_once(people: People) -> None:
    with_app(people.ig)
    client = signed_in(people.ig)
    old = factors.make_recovery_codes(people.ig, sign_in=just_now(people.ig))
    shown = client.post(reverse("recovery-codes")).context["codes"]
    assert len(set(shown)) == 10
    assert client.get(reverse("recovery-codes")).context["codes"] == []
    assert not set(shown) & set(people.ig.recovery_codes.values_list("digest", flat=True))
    assert factors.show_code(people.ig, old[0]) is None
    assert factors.show_code(people.ig, shown[0].upper()) == "recovery"
    assert factors.show_code(people.ig, shown[0]) is None
    assert second_factors.open_codes(people.ig).count() == 9
    with pytest.raises(InputError, match="set one up first"):
        factors.make_recovery_codes(people.nobody, sign_in=just_now(people.nobody))


@pytest.mark.promise("account.7")
def test_where_a_role_asks_for_a_second_factor_nothing_opens_without_one(people: People, settings: Any) -> None:
    settings.SYNTHPORTAL_SECOND_FACTOR_ROLES = ["ig", "administrator"]
    assert signed_in(people.steward).get("/sources/").status_code == 200
    client = signed_in(people.ig)
    for address in ("/", "/requests/", "/forgotten/"):
        assert client.get(address)["Location"] == reverse("your-account")
    assert "Your role asks for one" in words(client.get(reverse("your-account")))
    challenge = client.get(reverse("add-key")).context["options"]
    assert client.post(reverse("add-key"), {"name": "Key", "answer": SoftKey().introduced(challenge)}).status_code == 302
    assert client.get("/requests/").status_code == 200
    factor = Authenticator.objects.get(account=people.ig)
    removing = reverse("remove-factor", args=[factor.pk])
    assert "add another one first" in words(client.get(removing))
    assert client.post(removing).status_code == 403
    assert signed_in(people.administrator).get(removing)["Location"] == reverse("your-account")


@pytest.mark.promise("account.7")
def test_one_s_own_second_factor_can_be_removed_and_nobody_else_s(people: People) -> None:
    with_app(people.steward)
    factor = Authenticator.objects.get(account=people.steward)
    assert signed_in(people.ig).post(reverse("remove-factor", args=[factor.pk])).status_code == 404
    with pytest.raises(Refused, match="somebody else's"):
        factors.remove_factor(people.ig, factor, sign_in=None)
    elsewhere, client = signed_in(people.steward), signed_in(people.steward)
    assert client.post(reverse("remove-factor", args=[factor.pk])).status_code == 302
    assert Authenticator.objects.get(pk=factor.pk).sealed_secret == ""
    assert client.get("/").status_code == 200
    assert elsewhere.get("/")["Location"].startswith(reverse("sign-in"))


@pytest.mark.promise("account.17")
def test_how_one_signs_in_is_changed_only_soon_after_showing_who_one_is(people: People, settings: Any) -> None:
    with_app(people.steward)
    client, factor = signed_in(people.steward), Authenticator.objects.get(account=people.steward)
    guarded = [reverse(name) for name in ("add-key", "recovery-codes")] + [reverse("remove-factor", args=[factor.pk])]
    here = SignIn.objects.get(account=people.steward)
    SignIn.objects.filter(pk=here.pk).update(began_at=timezone.now() - timedelta(minutes=11))
    again = reverse("show-again")
    for address in guarded:
        assert client.get(address)["Location"] == f"{again}?next={address}"
        assert client.post(address, {})["Location"] == f"{again}?next={address}"
    here.refresh_from_db()
    for refused in (
        lambda: factors.remove_factor(people.steward, factor, sign_in=here),
        lambda: factors.make_recovery_codes(people.steward, sign_in=here),
        lambda: factors.make_recovery_codes(people.steward, sign_in=None),
        lambda: factors.make_recovery_codes(people.steward, sign_in=just_now(people.ig)),  # not theirs
    ):
        with pytest.raises(Refused, match="Show once more that it is you"):
            refused()
    assert client.post(again, {"password": "not mine", "next": guarded[2]}).status_code == 422
    assert client.get(guarded[2]).status_code == 302
    assert client.post(again, {"password": PASSWORD, "next": guarded[2]})["Location"] == guarded[2]
    assert client.get(guarded[2]).status_code == 200
    SignIn.objects.filter(pk=here.pk).update(confirmed_at=timezone.now() + timedelta(minutes=3))  # the clock was set back
    assert client.get(guarded[2]).status_code == 302
    client.post(again, {"password": PASSWORD, "next": "https://elsewhere.example/"})
    assert client.post(guarded[2])["Location"] == reverse("your-account")
    assert AuditEvent.objects.filter(action="confirm_sign_in", outcome="done", actor=people.steward).count() == 2
    for _ in range(6):
        waiting = client.post(again, {"password": "guess"})
    assert waiting.status_code == 429


@pytest.mark.promise("account.18")
def test_sign_ins_and_sessions_whose_time_is_over_are_ended_and_removed(people: People) -> None:
    client, idle, forgotten = (signed_in(people.ig) for _ in range(3))
    rows = [SignIn.objects.get(pk=each.session["sign_in"]) for each in (client, idle, forgotten)]
    SignIn.objects.filter(pk=rows[1].pk).update(seen_at=timezone.now() - timedelta(hours=2))
    SignIn.objects.filter(pk=rows[2].pk).update(began_at=timezone.now() - timedelta(hours=9))
    Session.objects.filter(session_key=forgotten.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert sign_ins.end_outlasted() == 2
    assert sign_ins.end_outlasted() == 0
    assert set(SignIn.objects.filter(ended_at__isnull=True).values_list("pk", flat=True)) == {rows[0].pk}
    assert events("outlast_sign_in") == 2
    assert not Session.objects.filter(session_key=forgotten.session.session_key).exists()
    assert client.get("/").status_code == 200
    assert idle.get("/")["Location"].startswith(reverse("sign-in"))


@pytest.mark.promise("account.8")
def test_a_lost_second_factor_is_set_aside_by_two_administrators(people: People) -> None:
    with_app(people.ig)
    first, second = signed_in(people.administrator), signed_in(people.second_administrator)
    address = reverse("account-reset", args=[people.ig.pk])
    assert first.post(address, {"act": "propose", "what": "factors"}).status_code == 302
    assert first.post(address, {"act": "propose", "what": "factors"}).status_code == 403
    assert "takes two administrators" in words(first.post(address, {"act": "confirm", "what": "factors"}))
    theirs = signed_in(people.ig)
    assert second.post(address, {"act": "confirm", "what": "factors"}).status_code == 302
    assert not second_factors.held(people.ig).exists()
    assert theirs.get("/").status_code == 302
    assert (events("propose_reset"), events("confirm_reset")) == (1, 1)
    with pytest.raises(Refused, match="their own account"):
        resets.propose_reset(people.administrator, people.administrator, what="factors")


@pytest.mark.promise("account.8")
def test_the_database_too_wants_two_administrators_for_a_reset(people: People) -> None:
    now, first = timezone.now(), people.administrator
    for wrong in (
        {"proposed_by": first, "confirmed_by": first, "confirmed_at": now},
        {"proposed_by": people.ig},
        {"proposed_by": first, "confirmed_by": people.ig, "confirmed_at": now},
        {"proposed_by": first, "confirmed_at": now},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            AccountReset.objects.create(account=people.ig, what="factors", proposed_at=now, **wrong)


@pytest.mark.promise("account.8")
def test_a_forgotten_password_is_reset_by_two_administrators_where_no_mail_goes_out(people: People) -> None:
    first, second = signed_in(people.administrator), signed_in(people.second_administrator)
    address = reverse("account-reset", args=[people.steward.pk])
    first.post(address, {"act": "propose", "what": "password"})
    second.post(address, {"act": "drop", "what": "password"})
    assert second.post(address, {"act": "confirm", "what": "password"}).status_code == 400
    first.post(address, {"act": "propose", "what": "password"})
    shown = second.post(address, {"act": "confirm", "what": "password"})
    (secret,) = re.findall(r"/link/([\w-]+)/", shown.content.decode())
    assert links.use_link(secret, password=LONGER) == people.steward


# Locked out


@pytest.mark.promise("account.9")
def test_each_further_wrong_password_costs_a_longer_wait_for_accounts_that_exist_and_that_do_not(people: People, monkeypatch: Any) -> None:
    now, waits = timezone.now(), {}
    for email in ("steward@hospital.test", "nobody.here@hospital.test"):
        client, waits[email], moment = Client(), [], now
        for _ in range(9):
            monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
            said = re.search(r"Wait (\d+) minute", words(entered(client, email, "wrong")))
            minutes = int(said[1]) if said else 0
            waits[email].append(minutes)
            moment += timedelta(minutes=minutes)
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment - timedelta(seconds=30))
        assert entered(client, email).status_code == 429
    assert waits["steward@hospital.test"] == waits["nobody.here@hospital.test"] == [0, 0, 0, 0, 1, 2, 4, 8, 16]
    monkeypatch.setattr(timezone, "now", lambda: moment + timedelta(minutes=20))
    assert entered(Client(), "steward@hospital.test")["Location"] == "/"
    assert entered(Client(), "steward@hospital.test", "wrong").status_code == 422
    refused = AuditEvent.objects.filter(action="sign_in", outcome="refused", target_id=str(people.steward.pk))
    assert any("must wait" in event.payload["refusal"] for event in refused)


@pytest.mark.promise("account.9")
def test_many_places_guessing_at_one_account_and_one_place_guessing_at_many_wait_too(
    people: People, settings: Any, monkeypatch: Any
) -> None:
    settings.SYNTHPORTAL_PROXIES = 1
    for kind in ("account", "place"):
        monkeypatch.setitem(attempts.ROWS, kind, (7, timedelta(minutes=15)))
    guesses = [entered(Client(), "ig@hospital.test", "wrong", HTTP_X_FORWARDED_FOR=f"made.up, 10.0.{n}.1") for n in range(8)]
    assert [each.status_code for each in guesses] == [422] * 7 + [429]
    assert entered(Client(), "ig@hospital.test", HTTP_X_FORWARDED_FOR="10.9.9.9").status_code == 429
    several = [entered(Client(), f"person{n}@hospital.test", "wrong", HTTP_X_FORWARDED_FOR="10.1.1.1") for n in range(8)]
    assert [each.status_code for each in several] == [422] * 7 + [429]
    assert entered(Client(), "steward@hospital.test", HTTP_X_FORWARDED_FOR="10.1.1.1").status_code == 429
    assert entered(Client(), "steward@hospital.test", HTTP_X_FORWARDED_FOR="10.1.1.2").status_code == 302


# Sign-ins end


@pytest.mark.promise("account.10")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seen_at": -61}, "nothing was done for 1 hour"),
        ({"seen_at": -1, "began_at": -8 * 60 - 1}, "signed in for 8 hours"),
        ({"seen_at": 30, "began_at": -1}, "clock of this site was set back"),
        ({"seen_at": -1, "began_at": -2}, None),
    ],
)
def test_a_sign_in_ends_when_idle_when_old_and_when_the_clock_goes_back(
    people: People, changes: dict[str, int], sentence: str | None
) -> None:
    client = signed_in(people.steward)
    now = timezone.now()
    SignIn.objects.filter(account=people.steward).update(**{name: now + timedelta(minutes=n) for name, n in changes.items()})
    answer = client.get("/sources/", follow=True)
    if sentence is None:
        assert answer.status_code == 200
        assert not answer.redirect_chain
        return
    assert answer.redirect_chain == [("/sign-in/?next=/sources/", 302)]
    assert sentence in words(answer)
    assert client.get("/sources/", headers={"HX-Request": "true"}).status_code == 302
    assert SignIn.objects.get(account=people.steward).ended_at is not None


@pytest.mark.promise("account.10")
def test_a_page_that_refreshes_itself_does_not_keep_a_sign_in_alive(people: People) -> None:
    client = signed_in(people.steward)
    long_ago = timezone.now() - timedelta(minutes=30)
    SignIn.objects.update(seen_at=long_ago, began_at=long_ago)
    client.get("/sources/", headers={"HX-Request": "true"})
    assert SignIn.objects.get().seen_at == long_ago
    client.get("/sources/")
    assert SignIn.objects.get().seen_at > long_ago


@pytest.mark.promise("account.11")
def test_signing_out_everywhere_and_a_new_password_end_the_other_sign_ins(people: People) -> None:
    here, there = signed_in(people.steward), signed_in(people.steward)
    assert words(here.get(reverse("your-account"))).count("last seen") == 2
    here.post(reverse("end-sign-ins"))
    assert there.get("/").status_code == 302
    there = signed_in(people.steward)
    given = {"old_password": PASSWORD, "new_password1": LONGER, "new_password2": LONGER}
    assert here.post(reverse("password"), given)["Location"] == reverse("your-account")
    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    kept = here.cookies["synthportal_secure_session"].value
    here.post(reverse("sign-out"))
    here.cookies["synthportal_secure_session"] = kept
    assert here.get("/").status_code == 302
    assert (events("end_sign_ins"), events("change_password"), events("sign_out")) == (1, 1, 1)


@pytest.mark.promise("account.12")
def test_a_role_taken_away_counts_in_pages_and_services_at_once(people: People) -> None:
    client, steward = signed_in(people.steward), people.steward
    assert "steward" in steward.roles
    assert client.get("/sources/new/").status_code == 200
    accounts.remove_role(people.administrator, people.steward, role="steward")
    assert client.get("/sources/new/").status_code == 404
    assert "steward" in steward.roles  # what this object still believes is of no use to it
    with pytest.raises(Refused, match="ask an administrator for that role"):
        sources.register_source(steward, title="T", description="D", controller="C", subject="S")
