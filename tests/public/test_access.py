"""From registering to the first byte of a safeguarded file, and everything that stands in between."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pyotp
import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from releases.capsule.layout import CapsuleRefused
from releases.capsule.verify import verify
from releases.catalogue.access import (
    accounts,
    applications,
    decisions,
    grants,
    institutions,
    licence,
    links,
    outbox,
    referees,
    tokens,
    training,
)
from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.models import (
    AccessEvent,
    AccessToken,
    Application,
    CatalogueAccount,
    Grant,
    HandOut,
    MailedLink,
    OutgoingMail,
    Release,
    Signature,
    StoredFile,
    TrainingProof,
)
from releases.catalogue.serving import sealed, store
from tests.capsule.world import Publisher
from tests.public import access_world as build
from tests.public.test_downloads import TakeIn

REGISTER = {"full_name": "Ada Byron", "email": "ada@uni.ac.uk", "organisation": "University", "post": "Analyst", "password": build.PASSWORD}
State = Application.State


@pytest.fixture
def content(publisher: Publisher, take_in: TakeIn) -> bytes:
    """The Parquet file of the safeguarded release; an open release stands beside it."""
    notice = publisher.publish(rows=50, **build.SAFEGUARDED)
    publisher.publish()
    take_in()
    return (publisher.lake / notice.place / "data/visits.parquet").read_bytes()


@pytest.fixture
def ig(db: None) -> CatalogueAccount:
    return build.officer()


@pytest.fixture
def ada(db: None) -> CatalogueAccount:
    return build.person()


def refused(do: Callable[[], Any]) -> str:
    with pytest.raises((AccessRefused, InputRefused)) as refusal:
        do()
    return str(refusal.value)


# Registering and signing in


@pytest.mark.promise("grant.1")
def test_an_account_takes_an_institutions_address_a_mailed_link_and_the_password_chosen_with_it(client: Client, db: None) -> None:
    answer = client.post("/account/register/", {**REGISTER, "email": "ada@gmail.com"})
    assert (answer.status_code, b".ac.uk" in answer.content, CatalogueAccount.objects.count()) == (422, True, 0)
    assert client.post("/account/register/", REGISTER).status_code == 200
    sign_in = {"email": REGISTER["email"], "password": build.PASSWORD}
    assert client.post("/account/sign-in/", sign_in).status_code == 422
    link = build.links()[-1]
    assert client.get(link).status_code == 200  # a mail program that looks at it uses nothing up
    # Somebody who registered another's address knows the password; the owner of the mailbox does not, and lets nobody in by a click.
    assert client.post(link, {"password": "not the password"}).status_code == 422
    assert client.post(link, {"password": build.PASSWORD}).status_code == 302
    assert client.post(link, {"password": build.PASSWORD}).status_code == 403
    assert client.post("/account/sign-in/", sign_in).status_code == 302
    assert client.get("/account/").status_code == 200


@pytest.mark.promise("grant.1")
def test_nothing_but_the_mail_tells_whether_there_is_an_account(client: Client, ada: CatalogueAccount) -> None:
    def shown(address: str, data: dict[str, str]) -> tuple[int, bytes]:
        answer = Client().post(address, data)
        return answer.status_code, answer.content

    for address in ("/account/register/", "/account/forgotten/"):
        known, unknown = shown(address, REGISTER), shown(address, {**REGISTER, "email": "nobody@uni.ac.uk"})
        assert known == unknown
    build.links()
    assert {message.to[0]: message.subject for message in mail.outbox[1:]} == {
        "ada@uni.ac.uk": "A new password",
        "nobody@uni.ac.uk": "Confirm your e-mail address",
    }
    wrong = {"password": "not the password"}
    tried = {email: shown("/account/sign-in/", {"email": email, **wrong})[0] for email in ("ada@uni.ac.uk", "none@uni.ac.uk")}
    assert set(tried.values()) == {422}
    assert accounts_of("A.D.A+more@UNI.ac.uk") == [ada.pk]  # one account a person, however the address is spelt


@pytest.mark.promise("grant.1")
def test_no_answer_takes_longer_for_an_account_that_is_there(ada: CatalogueAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes time is hashing a password: it is done as often whether there is such an account, a closed, a new one or none."""
    accounts.register(**{**REGISTER, "email": "new@uni.ac.uk"})
    closed = build.person("Eve", "eve@uni.ac.uk")
    accounts.close(email=closed.email)
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *given, **more: hashed.append("") or encode(*given, **more))

    def work(address: str, email: str) -> int:
        hashed.clear()
        Client().post(address, {**REGISTER, "email": email, "password": "none of theirs at all"})
        return len(hashed)

    for address in ("/account/sign-in/", "/account/register/"):
        assert {work(address, email) for email in (ada.email, "new@uni.ac.uk", closed.email, "nobody@uni.ac.uk")} == {1}, address


def accounts_of(email: str) -> list[Any]:
    return list(CatalogueAccount.objects.filter(person_key=institutions.canonical(email)).values_list("pk", flat=True))


@pytest.mark.promise("grant.1")
@pytest.mark.parametrize(
    ("host", "counts"),
    [("ucl.ac.uk", True), ("nhs.net", True), ("a.b.nhs.uk", True), ("ac.uk", False), ("evilac.uk", False), ("ac.uk.evil.com", False)],
)
def test_an_institution_is_known_by_the_end_of_its_address_and_by_nothing_that_looks_like_it(host: str, counts: bool) -> None:
    assert institutions.institutional(f"someone@{host}") is counts
    assert institutions.institutional_page(f"https://{host}/people") is counts
    assert not institutions.institutional_page(f"http://{host}/people")
    assert not institutions.institutional_page(f"https://{host}@evil.com/")


@pytest.mark.promise("grant.2")
def test_wrong_passwords_wait_longer_and_longer_whether_or_not_there_is_an_account(ada: CatalogueAccount) -> None:
    for email in (ada.email, "nobody@uni.ac.uk"):
        statuses = [Client().post("/account/sign-in/", {"email": email, "password": "wrong"}).status_code for _ in range(6)]
        assert statuses == [422, 422, 422, 422, 422, 429]
    # The right password waits as well; from another place it does not.
    right = {"email": ada.email, "password": build.PASSWORD}
    assert Client().post("/account/sign-in/", right).status_code == 429
    assert Client(REMOTE_ADDR="203.0.113.9").post("/account/sign-in/", right).status_code == 302


@pytest.mark.promise("grant.2")
def test_a_session_ends_when_nothing_is_done_or_the_password_changes_and_forms_need_their_token(
    ada: CatalogueAccount, settings: Settings
) -> None:
    browser, careful = build.signed_in(ada), Client(enforce_csrf_checks=True)
    assert careful.post("/account/sign-in/", {"email": ada.email, "password": build.PASSWORD}).status_code == 403
    assert browser.post("/account/sign-in/?next=//evil.com/").headers["Location"] == "/account/"
    accounts.ask_for_password(ada.email)
    link = build.links()[-1]
    tokens_before = AccessToken.objects.create(
        account=ada, name="x", digest="0" * 64, made_at=timezone.now(), expires_at=timezone.now() + timedelta(days=1)
    )
    assert Client().post(link, {"password": "short"}).status_code == 422
    assert Client().post(link, {"password": "another four words here"}).status_code == 302
    assert browser.get("/account/").status_code == 302
    tokens_before.refresh_from_db()
    assert tokens_before.revoked_at is not None
    ada.set_password(build.PASSWORD)
    ada.save()
    browser = build.signed_in(ada)
    settings.SYNTHPORTAL_SESSION_IDLE = timedelta(seconds=-1)
    assert browser.get("/account/").status_code == 302


@pytest.mark.promise("grant.2", "grant.11")
def test_who_only_reads_gets_no_cookie(content: bytes, client: Client) -> None:
    for address in (
        "/",
        "/datasets/",
        f"/datasets/{build.SLUG}/",
        "/access/",
        "/patients/",
        build.FILE,
        "/datasets/ed-visits/v1/capsule.zip",
    ):
        answer = client.get(address)
        assert not answer.cookies, address
        if build.SLUG not in address and address != "/access/":
            assert "cookie" not in answer.headers.get("Vary", "").lower()


@pytest.mark.promise("grant.6")
def test_an_access_officer_is_made_by_the_installation_and_signs_in_with_a_code_used_once(db: None, ada: CatalogueAccount) -> None:
    said = StringIO()
    call_command("add_access_officer", email="grace@trust.nhs.uk", name="Grace Okoro", stdout=said)
    link = said.getvalue().strip().removeprefix("http://localhost:8001")
    assert Client().post("/account/register/", {**REGISTER, "email": "grace@trust.nhs.uk"}).status_code == 200  # takes nothing away
    browser = Client()
    assert browser.post(link, {"password": build.PASSWORD}).status_code == 302
    answer = browser.post("/account/sign-in/", {"email": "grace@trust.nhs.uk", "password": build.PASSWORD})
    assert answer.headers["Location"] == "/account/app/"
    assert browser.get("/officer/").status_code == 302  # the password alone opens nothing
    secret = browser.get("/account/app/").context["secret"]
    assert browser.post("/account/app/", {"code": "000000"}).status_code == 422
    code = pyotp.TOTP(secret).now()
    assert b"not shown again" in browser.post("/account/app/", {"code": code}).content  # the recovery codes
    assert browser.get("/officer/").status_code == 200
    other = Client()
    other.post("/account/sign-in/", {"email": "grace@trust.nhs.uk", "password": build.PASSWORD})
    assert other.post("/account/second-step/", {"code": code}).status_code == 422
    kept = CatalogueAccount.objects.get(officer=True).sealed_secret
    assert secret not in kept
    with pytest.raises(CommandError, match="account already"):
        call_command("add_access_officer", email="Ada@uni.ac.uk", name="Ada")
    call_command("access_account", "reset-second-step", email="grace@trust.nhs.uk", stdout=said)
    assert browser.get("/officer/").status_code == 302
    call_command("access_account", "close", email=ada.email, stdout=said)
    assert Client().post("/account/sign-in/", {"email": ada.email, "password": build.PASSWORD}).status_code == 422


# Training


@pytest.mark.promise("grant.3")
def test_a_proof_of_training_is_kept_sealed_and_opened_by_its_person_and_officers_alone(
    ada: CatalogueAccount, ig: CatalogueAccount
) -> None:
    browser = build.signed_in(ada)
    until = (timezone.localdate() + timedelta(days=30)).isoformat()

    def given(name: str, content: bytes, **more: str) -> int:
        file = SimpleUploadedFile(name, content, "application/pdf")
        return browser.post("/account/training/", {"course": "Data security", "valid_until": until, **more, "file": file}).status_code

    assert given("a.pdf", b"<html>not a pdf</html>") == 422
    assert given("a.pdf", build.PDF + b"x" * 6_000_000) == 422
    assert given("a.pdf", build.PDF, valid_until="2020-01-01") == 422
    assert given("../../a.pdf", build.PDF) == 302
    proof = TrainingProof.objects.get()
    assert build.PDF not in training.place(proof).read_bytes()
    assert training.place(proof).stat().st_mode & 0o077 == 0
    address = f"/account/training/{proof.pk}/certificate.pdf"
    assert browser.get(address).content == build.PDF
    assert build.signed_in(ig).get(address).content == build.PDF
    assert build.signed_in(build.person("Eve", "eve@uni.ac.uk")).get(address).status_code == 404
    assert grants.trained(ada) is None  # nobody has looked at it yet
    assert "sentence" in refused(lambda: training.look_at(ig, proof, accepted=False))
    training.look_at(ig, proof, accepted=True)
    assert "already" in refused(lambda: training.look_at(ig, proof, accepted=True))
    assert grants.trained(ada) == proof


# The application


@pytest.mark.promise("grant.4")
def test_an_application_is_left_and_resumed_and_its_referee_is_another_person_findable_at_an_institution(
    content: bytes, ada: CatalogueAccount
) -> None:
    browser = build.signed_in(ada)
    begun = browser.post(f"/access/apply/{build.SLUG}/").headers["Location"]
    assert browser.post(f"/access/apply/{build.SLUG}/").headers["Location"] == begun  # one open application each
    assert b"Cannot start yet" in browser.get(begun).content
    assert browser.post(f"{begun}purpose/", {"use": "research", "intended_use": "Because.", "lawful": "on"}).status_code == 422
    assert browser.post(f"{begun}purpose/", {"use": "research", "intended_use": build.USE, "lawful": "on"}).status_code == 302
    named = {"name": "Mary Somerville", "email": "mary@uni.ac.uk", "role": "academic", "page": "https://www.uni.ac.uk/people/mary"}
    for bad in (
        {"email": "A.da+referee@uni.ac.uk"},
        {"name": "ada  byron"},
        {"email": "mary@gmail.com"},
        {"page": "https://example.com/mary"},
        {"page": "https://www.uni.ac.uk@example.com/"},
        {"role": "friend"},
    ):
        assert browser.post(f"{begun}referee/", {**named, **bad}).status_code == 422, bad
    assert browser.post(f"{begun}referee/", named).status_code == 302
    mine = Application.objects.get()
    assert (mine.intended_use, mine.referee_email) == (build.USE, "mary@uni.ac.uk")
    assert "training" in refused(lambda: build.signed(mine))
    assert browser.get(f"/access/apply/{'ed-visits'}/").status_code == 404  # nothing safeguarded there
    eve = build.signed_in(build.person("Eve", "eve@uni.ac.uk"))
    assert {eve.get(begun).status_code, eve.post(f"{begun}cancel/").status_code} == {404}
    assert browser.post(f"{begun}cancel/").status_code == 302
    assert browser.post(f"{begun}purpose/", {}).status_code == 403


@pytest.mark.promise("grant.5")
def test_the_licence_is_pinned_to_its_exact_text_and_a_signature_to_what_was_signed(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount
) -> None:
    edition = licence.in_force(timezone.localdate())
    assert edition.sha256 == "e4ecb68dffd349089ebe0ce93dbd53b1b09b811fd4b343e6df9a2b13afa66798"  # version 1.0, for good
    build.trained(ada, ig)
    application = build.filled(ada)
    sign = {"agreed": "on", "typed_name": "Ada Byron", "licence_sha256": edition.sha256}
    browser, address = build.signed_in(ada), f"/access/applications/{application.pk}/sign/"
    assert edition.sha256 in browser.get(address).content.decode()
    assert b"criminal offence" in browser.get(address).content  # the sanctions stand there
    for bad in ({"typed_name": "Somebody Else"}, {"licence_sha256": "0" * 64}, {"agreed": ""}):
        assert browser.post(address, {**sign, **bad}).status_code == 422, bad
    assert browser.post(address, sign).status_code == 302
    signature = Signature.objects.get()
    assert (signature.typed_name, signature.licence.text, signature.licence_id) == ("Ada Byron", edition.text, edition.sha256)
    application.refresh_from_db()
    assert applications.holds(application, "applicant") == signature
    accounts.describe(ada, full_name="Ada Byron", organisation="A company", post="Seller")
    application.refresh_from_db()
    assert applications.holds(Application.objects.get(), "applicant") is None
    for change in (lambda: Signature.objects.update(typed_name="x"), lambda: Signature.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


@pytest.mark.promise("grant.5")
def test_the_referees_link_is_signed_and_works_once_and_a_forged_one_not_at_all(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount
) -> None:
    build.trained(ada, ig)
    application = build.filled(ada)
    sha256 = licence.in_force().sha256
    applications.sign_and_send(ada, application, typed_name="ada byron", licence_sha256=sha256)
    first = build.links()[-1]
    secret = build.secret(first)
    assert not MailedLink.objects.filter(digest=secret).exists()
    applications.call_back(ada, application)
    assert Client().get(first).status_code == 403  # called back
    applications.sign_and_send(ada, application, typed_name="Ada Byron", licence_sha256=sha256)
    link = build.links()[-1]
    forged = links._signer(MailedLink.Purpose.PASSWORD).sign(build.secret(link).rpartition(".")[0])
    for bad in (build.secret(link)[:-2], forged, "x", secret):
        assert Client().get(f"/access/referee/{bad}/").status_code == 403
    page = Client().get(link)
    assert build.USE.encode() in page.content
    assert page.headers["Referrer-Policy"] == "same-origin"
    sign = {"confirmed": "on", "agreed": "on", "typed_name": "Mary Somerville", "licence_sha256": sha256}
    for bad_sign in ({"typed_name": "Ada Byron"}, {"confirmed": ""}):
        assert Client().post(link, {**sign, **bad_sign}).status_code == 422
    assert Client().post(link, sign).status_code == 200
    assert Client().post(link, sign).status_code == 403
    application.refresh_from_db()
    assert (application.state, application.signatures.count()) == (State.SUBMITTED, 3)


@pytest.mark.promise("grant.5")
def test_a_referee_declines_and_the_applicant_names_another(content: bytes, ada: CatalogueAccount, ig: CatalogueAccount) -> None:
    build.trained(ada, ig)
    application = build.filled(ada)
    applications.sign_and_send(ada, application, typed_name="Ada Byron", licence_sha256=licence.in_force().sha256)
    link = build.links()[-1]
    assert Client().post(f"{link}decline/", {"reason": "I do not know her."}).status_code == 200
    application.refresh_from_db()
    assert (application.state, "do not know" in application.reason) == (State.RETURNED, True)
    assert Client().post(f"{link}decline/").status_code == 403
    assert build.signed(application).state == State.SUBMITTED


# The decision


@pytest.mark.promise("grant.6")
def test_an_officer_grants_what_both_signed_after_looking_and_never_for_themselves(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount
) -> None:
    until = timezone.localdate() + timedelta(days=9)
    proof = training.give_training(ada, course="Course", valid_until=until, content=build.PDF)
    application = build.signed(build.filled(ada))
    browser, address = build.signed_in(ig), f"/officer/applications/{application.pk}/"
    assert b"look at it" in browser.get(address).content
    grant = {"decision": "grant", "days": "30", "referee_found": "on"}
    assert browser.post(f"{address}decide/", grant).status_code == 403  # the proof was not looked at
    training.look_at(ig, proof, accepted=True)
    for bad in ({"referee_found": ""}, {"days": "0"}, {"days": "9999"}, {"decision": "return"}, {"decision": "burn"}):
        assert browser.post(f"{address}decide/", {**grant, **bad}).status_code == 422, bad
    for decider in (ada, build.officer("Mary Somerville", "mary@uni.ac.uk")):  # the applicant; the referee
        assert refused(partial(decisions.grant, decider, application, days=30, referee_found=True))
    assert browser.post(f"{address}decide/", grant).status_code == 302
    assert browser.post(f"{address}decide/", grant).status_code == 403  # decided once
    made = Grant.objects.get()
    assert (made.granted_by, made.licence_id, made.release.slug) == (ig, licence.in_force().sha256, build.SLUG)
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.filter(pk=made.pk).update(granted_by=ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=application.pk).update(decided_by=None)


@pytest.mark.promise("grant.6")
def test_a_returned_application_goes_straight_back_while_the_referees_signature_holds(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount
) -> None:
    build.trained(ada, ig)
    application = build.signed(build.filled(ada))
    decisions.send_back(ig, application, reason="The certificate is hard to read.")
    application.refresh_from_db()
    sha256 = licence.in_force().sha256
    sent = applications.sign_and_send(ada, application, typed_name="Ada Byron", licence_sha256=sha256)
    assert sent.state == State.SUBMITTED
    decisions.send_back(ig, application, reason="Say more.")
    applications.describe_purpose(ada, application, use="education", intended_use=f"{build.USE} And to teach it.")
    changed = applications.sign_and_send(ada, application, typed_name="Ada Byron", licence_sha256=sha256)
    assert changed.state == State.WITH_REFEREE  # what the referee signed is not what it says now
    applications.call_back(ada, application)
    build.signed(application)
    decisions.refuse(ig, application, reason="Not research.")
    application.refresh_from_db()
    assert applications.begin(ada, application.release).pk != application.pk


# What a grant opens


@pytest.mark.promise("grant.7")
def test_a_grant_opens_its_release_and_ends_at_once_with_training_licence_account_or_time(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount, settings: Settings, tmp_path: Path
) -> None:
    browser = build.signed_in(ada)
    assert browser.get(build.FILE).status_code == 403
    grant = build.granted(ada, ig)
    text = build.token_for(ada)

    def opens() -> set[int]:
        by_token = Client().get(build.FILE, headers={"Authorization": f"Bearer {text}"})
        return {browser.get(build.FILE).status_code, by_token.status_code}

    assert opens() == {200}
    page = browser.get(f"/datasets/{build.SLUG}/v1/rows/")
    assert page.headers["Cache-Control"] == "private, no-store"
    proofs = TrainingProof.objects.filter(account=ada)
    proofs.update(valid_until=timezone.localdate() - timedelta(days=1))
    assert opens() == {403}
    proofs.update(valid_until=timezone.localdate())
    assert opens() == {200}
    # A new licence comes into force: the old one counts for the grace, and then no more.
    folder = tmp_path / "licences"
    folder.mkdir()
    for edition in licence.editions():
        (folder / f"{edition.version}--{edition.since}.txt").write_text(edition.text)
    (folder / f"2.0--{timezone.localdate() - timedelta(days=1)}.txt").write_text("A new licence.")
    settings.SYNTHPORTAL_LICENCES = folder
    assert opens() == {200}
    settings.SYNTHPORTAL_LICENCE_GRACE = timedelta(days=1)
    assert opens() == {403}
    (folder / f"2.0--{timezone.localdate() - timedelta(days=1)}.txt").unlink()
    (old,) = folder.iterdir()
    old.write_text(f"{old.read_text()} ")  # one character more is another licence
    assert opens() == {403}
    settings.SYNTHPORTAL_LICENCES = Path(licence.__file__).parent / "licences"
    assert opens() == {200}
    Grant.objects.filter(pk=grant.pk).update(granted_at=timezone.now() - timedelta(days=2), ends_at=timezone.now())
    assert opens() == {403}
    Grant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() + timedelta(days=2))
    assert opens() == {200}
    grants.end_grant(ig, grant, reason="Broke the licence.")
    assert opens() == {403}
    Grant.objects.filter(pk=grant.pk).update(ended_at=None, ended_by=None)
    accounts.close(email=ada.email)
    assert opens() == {401, 403}


@pytest.mark.promise("grant.8")
def test_a_token_is_hashed_named_for_releases_revocable_and_read_from_the_header_alone(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount, publisher: Publisher, take_in: TakeIn
) -> None:
    publisher.publish(**{**build.SAFEGUARDED, "slug": "other-visits"})
    take_in()
    build.granted(ada, ig)
    other = build.filled(ada, "other-visits")
    decisions.grant(ig, build.signed(other), days=9, referee_found=True)
    text = build.token_for(ada)
    assert text not in str(list(AccessToken.objects.values()))

    def by(value: str, address: str = build.FILE, browser: Client | None = None) -> int:
        return (browser or Client()).get(address, headers={"Authorization": value}).status_code

    assert by(f"Bearer {text}") == 200
    assert by(f"bearer {text}", build.ZIP) == 200
    assert by(f"Bearer {text}", build.FILE.replace(build.SLUG, "other-visits")) == 403  # its person may, it may not
    signed_in = build.signed_in(ada)
    for bad in (f"Bearer {text}x", "Bearer synthcatalogue_forged", f"Basic {text}", "Bearer ", f"Bearer {'x' * 9000}"):
        answer = signed_in.get(build.FILE, headers={"Authorization": bad})  # the cookie beside it does not help
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    for address in (f"{build.FILE}?token={text}", f"{build.FILE}?access_token={text}&Authorization=Bearer+{text}"):
        assert Client().get(address).status_code == 403
    assert by(f"Bearer {text}x", "/datasets/ed-visits/v1/files/README.md") == 200  # open data ask for nothing
    unfit: list[dict[str, Any]] = [{"releases": []}, {"name": ""}, {"days": 0}, {"name": f"for {build.SLUG}"}]
    for bad_token in unfit:
        given: dict[str, Any] = {"name": "another", "releases": [other.release], "days": 9, **bad_token}
        assert refused(partial(tokens.make_token, ada, **given))
    eve = build.person("Eve", "eve@uni.ac.uk")
    assert refused(lambda: tokens.make_token(eve, name="x", releases=[other.release], days=9))
    token = AccessToken.objects.get()
    assert build.signed_in(eve).post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert signed_in.post(f"/account/tokens/{token.pk}/revoke/").status_code == 302
    assert by(f"Bearer {text}") == 401
    AccessToken.objects.update(revoked_at=None, made_at=timezone.now() - timedelta(days=9), expires_at=timezone.now())
    assert by(f"Bearer {text}") == 401


@pytest.mark.promise("grant.9")
def test_rows_lie_encrypted_under_names_that_tell_nothing_and_any_range_of_them_is_served(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount, settings: Settings, publisher: Publisher, take_in: TakeIn
) -> None:
    publisher.publish(**{**build.SAFEGUARDED, "slug": "same-visits"}, rows=50)
    take_in()
    every = b"".join(path.read_bytes() for path in Path(settings.SYNTHPORTAL_STORE).rglob("*") if path.is_file())
    assert content not in every
    assert b"A00017" not in every
    same = StoredFile.objects.filter(path="data/visits.parquet", version__access_level="safeguarded")
    assert len({each.sha256 for each in same}) == 1
    assert len({each.sealed_as for each in same} | {each.sha256 for each in same}) == 3
    for each in same:
        assert store.held(each).stat().st_mode & 0o077 == 0
    build.granted(ada, ig)
    browser = build.signed_in(ada)
    for asked, part in {
        "bytes=0-9": content[:10],
        "bytes=-7": content[-7:],
        f"bytes={len(content) // 2}-": content[len(content) // 2 :],
    }.items():
        answer = browser.get(build.FILE, headers={"Range": asked})
        assert (answer.status_code, build.body(answer)) == (206, part)
        assert answer.headers["Cache-Control"] == "private, no-store"
    archive = Path(settings.SYNTHPORTAL_STORE) / "capsule.zip"
    archive.write_bytes(build.body(browser.get(build.ZIP)))
    assert verify(archive, publisher.keys)


@pytest.mark.promise("grant.9")
def test_a_sealed_file_reads_anywhere_and_every_change_to_it_is_found(tmp_path: Path) -> None:
    key, chunk = os.urandom(32), sealed.CHUNK
    for size in (0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7):
        content = os.urandom(size)
        path = tmp_path / f"{size}.sealed"
        pieces = [content[at : at + 100_001] for at in range(0, size, 100_001)]
        assert sealed.seal(pieces, path, key)[0] == size
        with sealed.Sealed(path, key) as stream:
            assert (stream.size, stream.read()) == (size, content)
            for place in {0, size // 2, max(0, size - 3), chunk - 1}:
                stream.seek(place)
                assert stream.read(chunk) == content[place : place + chunk]
    whole = bytearray((tmp_path / f"{3 * chunk + 7}.sealed").read_bytes())
    head, step = len(whole) - (3 * chunk + 7 + 4 * 16), chunk + 16
    swapped = whole[:head] + whole[head + step : head + 2 * step] + whole[head : head + step] + whole[head + 2 * step :]
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    for name, damaged in {"cut": whole[: head + step], "swapped": swapped, "flipped": flipped, "short": whole[:10]}.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(sealed.SealBroken), sealed.Sealed(tmp_path / name, key) as stream:
            stream.read()
    with pytest.raises(sealed.SealBroken), sealed.Sealed(tmp_path / "1.sealed", os.urandom(32)) as stream:
        stream.read()
    with pytest.raises(FileExistsError):
        sealed.seal([b"x"], tmp_path / "1.sealed", key)


@pytest.mark.promise("grant.9")
def test_safeguarded_capsules_come_from_a_folder_of_their_own_where_one_is_set(
    publisher: Publisher, take_in: TakeIn, settings: Settings, tmp_path: Path
) -> None:
    publisher.publish(**build.SAFEGUARDED)
    settings.SYNTHPORTAL_SAFEGUARDED_LAKE = str(tmp_path / "mount")
    assert take_in().refusal
    (tmp_path / "mount").mkdir()
    (publisher.lake / "safeguarded").rename(tmp_path / "mount/safeguarded")
    assert take_in().refusal is None
    assert Release.objects.filter(slug=build.SLUG).exists()
    source = next((tmp_path / "mount").rglob("visits.parquet"))
    with pytest.raises(CapsuleRefused, match="changed while"):
        store.keep_sealed(Path(settings.SYNTHPORTAL_STORE), source, "0" * 64, "ab" * 32)


@pytest.mark.promise("grant.10")
def test_every_download_is_written_down_by_name_and_a_day_has_its_limit(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount, settings: Settings
) -> None:
    build.granted(ada, ig)
    text = build.token_for(ada)
    browser = build.signed_in(ada)
    browser.get(build.FILE)  # asked for: on record, though nobody read it
    browser.get(build.FILE, headers={"Range": "bytes=0-9"})
    browser.head(build.FILE)
    browser.get(build.FILE, headers={"If-None-Match": browser.head(build.FILE).headers["ETag"]})
    Client().get(build.ZIP, headers={"Authorization": f"Bearer {text}"})
    said = [(each.account, each.path, each.whole, each.start, each.token is not None) for each in HandOut.objects.order_by("pk")]
    assert said == [
        (ada, "data/visits.parquet", True, 0, False),
        (ada, "data/visits.parquet", False, 0, False),
        (ada, "", True, 0, True),
    ]
    settings.SYNTHPORTAL_HANDOUTS_A_DAY = 4
    assert browser.get(build.FILE).status_code == 200
    for _ in range(2):
        answer = browser.get(build.FILE)
        assert (answer.status_code, answer.headers["Retry-After"], content in answer.content) == (429, "86400", False)
    build.links()
    assert [message.subject for message in mail.outbox].count("Unusually many downloads") == 1
    assert HandOut.objects.count() == 4
    assert ada.full_name in build.signed_in(ig).get("/officer/downloads/").content.decode()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        HandOut.objects.all().delete()
    assert AccessEvent.objects.filter(action="many downloads").count() == 1


@pytest.mark.promise("grant.11")
def test_a_refusal_is_the_same_whatever_file_is_asked_for_and_whoever_has_a_grant(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount
) -> None:
    def said(path: str, browser: Client) -> tuple[int, bytes]:
        answer = browser.get(f"/datasets/{build.SLUG}/v1/files/{path}")
        return answer.status_code, answer.content

    stranger = build.signed_in(build.person("Eve", "eve@uni.ac.uk"))
    before = said("data/visits.parquet", Client()), said("data/visits.parquet", stranger)
    assert before[0][0] == before[1][0] == 403
    assert b"/access/apply/" in before[0][1]
    build.granted(ada, ig)
    asked: set[int] = set()
    for path in ("data/visits.parquet", "data/nothing.parquet", "../../etc/passwd", "README.md", "x" * 400):
        assert (said(path, Client()), said(path, stranger)) == before
        with CaptureQueriesContext(connection) as queries:
            said(path, stranger)
        asked.add(len(queries))
    assert len(asked) == 1, "nor does the work it takes tell which files there are"
    assert build.signed_in(ada).get(f"/datasets/{build.SLUG}/v1/files/data/nothing.parquet").status_code == 404


@pytest.mark.promise("grant.12")
def test_the_page_of_ones_access_says_what_can_be_used_until_when_and_at_the_end_what_came_of_it_is_asked(
    content: bytes, ada: CatalogueAccount, ig: CatalogueAccount
) -> None:
    grant = build.granted(ada, ig, days=10)
    browser = build.signed_in(ada)
    page = browser.get("/account/").content.decode()
    local = timezone.localtime(grant.ends_at)
    assert f"{local.day} {local:%B %Y}" in page
    assert build.SAFEGUARDED["title"] in page
    grants.remind()
    grants.remind()
    build.links()
    assert [message.subject for message in mail.outbox].count("Your access ends soon") == 1
    Grant.objects.filter(pk=grant.pk).update(granted_at=timezone.now() - timedelta(days=20), ends_at=timezone.now() - timedelta(days=1))
    grants.remind()
    grants.remind()
    build.links()
    assert [message.subject for message in mail.outbox].count("Your access has ended: tell us what came of it") == 1
    assert "Tell us what came of it" in browser.get("/account/").content.decode()
    note = f"/account/grants/{grant.pk}/note/"
    assert browser.post(note, {"text": "A model."}).status_code == 422
    assert browser.post(note, {"text": "A model that can be taught.", "deleted": "on"}).status_code == 302
    assert browser.post(note, {"text": "Again.", "deleted": "on"}).status_code == 403
    assert "A model that can be taught." in build.signed_in(ig).get("/officer/grants/").content.decode()


@pytest.mark.promise("grant.15")
def test_mails_wait_sealed_for_a_server_that_is_away_and_leave_nothing_behind(db: None, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1
    settings.EMAIL_TIMEOUT = 1
    outbox.post("ada@uni.ac.uk", "One\nBcc: x@evil.com", "A secret link")
    assert outbox.post("ada@uni.ac.uk", "Two", "Text", once="k")
    assert not outbox.post("ada@uni.ac.uk", "Two", "Text", once="k")
    assert "secret" not in str(list(OutgoingMail.objects.values()))
    assert outbox.send_waiting() == 0
    waiting = OutgoingMail.objects.order_by("-tries")
    assert [each.tries for each in waiting] == [1, 0]
    assert waiting[0].next_try_at > timezone.now()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    OutgoingMail.objects.update(next_try_at=timezone.now())
    said = StringIO()
    call_command("send_mails", stdout=said)
    assert said.getvalue() == "2 mails sent\n"
    assert "A secret link" in str(mail.outbox[0].body)
    assert set(OutgoingMail.objects.values_list("sealed_body", flat=True)) == {""}


@pytest.mark.promise("grant.6")
def test_referees_cannot_be_asked_for_ever_and_a_spent_link_says_so(content: bytes, ada: CatalogueAccount, ig: CatalogueAccount) -> None:
    build.trained(ada, ig)
    application = build.filled(ada)
    Application.objects.filter(pk=application.pk).update(asked=applications.MOST_ASKED)
    assert "five times" in refused(
        lambda: applications.sign_and_send(ada, application, typed_name="Ada Byron", licence_sha256=licence.in_force().sha256)
    )
    assert refused(lambda: referees.decline("forged", reason="")) == links.SPENT
