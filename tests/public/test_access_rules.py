"""Whose it is and whether it is still to be done: each thing of safeguarded access refused to everybody else, and the second time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from releases.capsule import feed
from releases.capsule.feed import Notice, NoticeKind
from releases.catalogue.access import applications, decisions, grants, licence, reach, referees, tokens, training
from releases.catalogue.access.clock import tick
from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.giving import reports, uses
from releases.catalogue.models import CatalogueAccount, Grant, HolderNotice, RecordedUse, ReleaseVersion
from tests.capsule.world import Publisher
from tests.public import access_world as build
from tests.public.test_downloads import TakeIn

Call = Callable[[], Any]


@pytest.fixture
def notice(publisher: Publisher, take_in: TakeIn) -> Notice:
    made = publisher.publish(rows=6, **build.SAFEGUARDED)
    take_in()
    return made


@pytest.fixture
def officer(notice: Notice) -> CatalogueAccount:
    return build.officer()


def refused(call: Call, told: str) -> None:
    with pytest.raises((AccessRefused, InputRefused), match=told):
        call()


@pytest.mark.promise("grant.16")
def test_what_is_somebody_elses_is_refused_and_so_is_what_was_done_already(officer: CatalogueAccount) -> None:
    ada, ben = build.person(), build.person("Ben", "ben@uni.ac.uk")
    grant = build.granted(ada, officer)
    token, _ = tokens.make_token(ada, name="mine", releases=[grant.release], days=5)
    refused(lambda: tokens.revoke_token(ben, token), "not yours")
    tokens.revoke_token(ada, token)
    refused(lambda: tokens.revoke_token(ada, token), "revoked already")
    refused(lambda: tokens.make_token(officer, name="x", releases=[grant.release], days=5), "another person's hands")
    refused(lambda: grants.note_use(ben, grant, text="x", publications="", deleted=True), "not yours")
    refused(lambda: grants.end_grant(ben, grant, reason="x"), "officers alone")
    grants.note_use(ada, grant, text="It taught a class.", publications="", deleted=True)
    refused(lambda: grants.note_use(ada, grant, text="Again", publications="", deleted=True), "told us already")
    refused(lambda: grants.end_grant(officer, Grant.objects.get(pk=grant.pk), reason="x"), "ended already")
    refused(lambda: decisions.grant(officer, grant.application, days=3, referee_found=True), ".")


@pytest.mark.promise("grant.16")
def test_nobody_confirms_for_another_nor_what_was_never_asked(
    notice: Notice, officer: CatalogueAccount, publisher: Publisher, take_in: TakeIn
) -> None:
    ada, ben = build.person(), build.person("Ben", "ben@uni.ac.uk")
    build.granted(ada, officer)
    build.body(build.signed_in(ada).get(build.FILE))
    feed.announce(publisher.lake, publisher.signer, NoticeKind.SUSPENDED, about=notice, at=datetime.now(UTC), reason="Looked into.")
    take_in()
    tick()
    asked = HolderNotice.objects.get()
    refused(lambda: reach.confirm_deletion(ada, asked, said=""), "Nothing has to be deleted")
    refused(lambda: reach.confirm_deletion(ben, asked, said=""), "not yours")
    feed.announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=notice, at=datetime.now(UTC), reason="It shows somebody.")
    take_in()
    tick()
    asked = HolderNotice.objects.get(state="withdrawn")
    reach.confirm_deletion(ada, asked, said="")
    refused(lambda: reach.confirm_deletion(ada, asked, said=""), "confirmed this already")
    version = ReleaseVersion.objects.get()
    refused(lambda: reports.hold(officer, version), "not on show any more")


@pytest.mark.promise("grant.20")
def test_a_person_is_told_all_that_is_held_about_them_and_nothing_of_others(officer: CatalogueAccount) -> None:
    ada, ben = build.with_app(build.person()), build.person("Ben", "ben@uni.ac.uk")
    for person in (ada, ben):
        build.granted(person, officer)
    text = build.token_for(ada)
    browser = build.signed_in(ada)
    build.body(browser.get(build.FILE))
    build.body(build.signed_in(ben).get(build.ZIP))
    reports.report(ReleaseVersion.objects.get(), "problem", "Typed by somebody else.", reply_to=ada.email)
    answer = browser.get("/account/record.json")
    held = answer.json()
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert [each["file"] for each in held["downloads"]] == ["data/visits.parquet"]
    assert {each["typed_name"] for each in held["applications"][0]["signatures"]} == {"Ada Byron", "Mary Somerville"}
    assert held["account"]["second_step"]
    assert {"make token", "grant"} <= {each["what"] for each in held["done"]}, held["done"]
    assert {"you", "an access officer"} < {each["by"] for each in held["done"]}
    for secret in (text, ada.password, ada.sealed_secret, ada.app, "ben@uni.ac.uk", "Ben", "Typed by somebody else"):  # type: ignore[attr-defined]
        assert secret not in answer.content.decode()
    page = browser.get("/account/record/").content.decode()
    assert "safeguarded-visits, version 1: data/visits.parquet" in page
    assert "capsule.zip" not in page
    assert "Ben" not in page
    mary = build.person("Mary Somerville", "mary@uni.ac.uk")
    (first, second) = build.signed_in(mary).get("/account/record.json").json()["named_as_referee"]
    assert first["referee_page"] == second["referee_page"]


@pytest.mark.promise("grant.3")
def test_a_proof_of_training_is_a_pdf_that_lasts_and_is_looked_at_by_another(officer: CatalogueAccount) -> None:
    ada, today = build.person(), timezone.localdate()

    def given(content: bytes = build.PDF, days: int = 30) -> Any:
        return training.give_training(ada, course="Data security", valid_until=today + timedelta(days=days), content=content)

    refused(lambda: given(b"%PDF-" + b"x" * training.LARGEST), "5 MB")
    refused(lambda: given(b"a picture"), "not a whole PDF")
    refused(lambda: given(days=-1), "last day")
    refused(lambda: given(days=365 * 4), "last day")
    proof = given()
    refused(lambda: training.look_at(ada, proof, accepted=True), "officers alone")
    refused(lambda: training.look_at(officer, proof, accepted=False, reason=" "), "what is wrong")
    training.look_at(officer, proof, accepted=False, reason="Another person's name is on it.")
    refused(lambda: training.look_at(officer, proof, accepted=True), "looked at this proof already")
    assert [body for body in build.links() if body] == []
    assert grants.trained(ada) is None
    for _ in range(training.MOST):
        given()
    refused(given, "nobody has looked at yet")


@pytest.mark.promise("grant.5")
def test_a_referee_signs_in_their_own_name_what_is_in_force_or_not_at_all(officer: CatalogueAccount) -> None:
    ada = build.person()
    build.trained(ada, officer)
    application = build.filled(ada)
    sha256 = licence.in_force().sha256
    applications.sign_and_send(ada, application, typed_name=ada.full_name, licence_sha256=sha256)
    link = build.secret([each for each in build.links() if "/referee/" in each][-1])

    def sign(name: str = "Mary Somerville", *, confirmed: bool = True, digest: str = sha256) -> Any:
        return referees.sign(link, typed_name=name, licence_sha256=digest, confirmed=confirmed)

    refused(lambda: sign("Ada Byron"), ".")
    refused(lambda: sign(confirmed=False), "you know this person")
    refused(lambda: sign(digest="0" * 64), ".")
    sign()
    refused(sign, "used already")
    refused(lambda: referees.decline(link, reason="No."), "used already")


@pytest.mark.promise("back.6")
def test_what_is_told_by_a_program_is_checked_as_what_is_told_on_a_page(officer: CatalogueAccount) -> None:
    version = ReleaseVersion.objects.select_related("release").get()
    refused(lambda: reports.report(version, "gossip", "x"), "what kind")
    refused(lambda: reports.report(version, "problem", "\x00 "), "what you saw")
    refused(lambda: uses.tell(version.release, "gossip", "x"), "use or a publication")
    refused(lambda: uses.tell(version.release, "use", "\x00"), "in a sentence")
    made = reports.report(version, "problem", "A column is empty.")
    refused(lambda: reports.answer(officer, made, " "), "Write an answer")
    reports.answer(officer, made, "It is meant to be.")
    refused(lambda: reports.answer(officer, made, "Again"), "answered already")
    use = uses.tell(version.release, "use", "A course.")
    uses.decide(officer, use, show=True)
    refused(lambda: uses.decide(officer, use, show=False), "decided on this already")
    assert RecordedUse.objects.get().shown
