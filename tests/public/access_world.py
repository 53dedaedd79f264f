"""People, applications and grants of the public site, made through the real services; a safeguarded release beside an open one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pyotp
from django.core import mail
from django.test import Client
from django.utils import timezone

from releases.catalogue.access import accounts, applications, decisions, licence, outbox, referees, tokens, training
from releases.catalogue.models import Application, CatalogueAccount, Grant, Release, TrainingProof

PASSWORD = "three words that wander"
PDF = b"%PDF-1.4\n% a certificate\n%%EOF\n"
SLUG = "safeguarded-visits"
FILE = f"/datasets/{SLUG}/v1/files/data/visits.parquet"
ZIP = f"/datasets/{SLUG}/v1/capsule.zip"
SAFEGUARDED: dict[str, Any] = {
    "slug": SLUG,
    "title": "Visits, learned from records",
    "tier": "privately-sourced",
    "access_level": "safeguarded",
    "licence": "end-user-licence",
}
USE = "We want to find out whether a queueing model of an emergency department can be taught with synthetic visits alone."


def links() -> list[str]:
    """Send what waits; the links in the mails of this round, newest last."""
    before = len(mail.outbox)
    outbox.send_waiting()
    found = []
    for message in mail.outbox[before:]:
        found += re.findall(r"http://localhost:8001(/\S+)", str(message.body))
    return found


def secret(address: str) -> str:
    """The secret in a link's address."""
    return address.rstrip("/").rpartition("/")[2]


def person(name: str = "Ada Byron", email: str = "ada@uni.ac.uk") -> CatalogueAccount:
    """Somebody registered and confirmed."""
    accounts.register(email=email, full_name=name, organisation="University", post="Analyst", password=PASSWORD)
    return accounts.confirm(secret(links()[-1]), password=PASSWORD)


def officer(name: str = "Grace Okoro", email: str = "grace@trust.nhs.uk") -> CatalogueAccount:
    """An access officer with a password and an app; the app's secret is `officer.app`."""
    account = accounts.choose_password(secret(accounts.add_officer(email=email, full_name=name)), password=PASSWORD)
    return with_app(account)


def with_app(account: CatalogueAccount) -> CatalogueAccount:
    """The person's app set up."""
    from releases.catalogue.access import second_factor

    app = second_factor.new_secret()
    earlier = timezone.now() - timedelta(seconds=30)  # the code of now is still to be used, for signing in
    second_factor.add_app(account, secret=app, code=pyotp.TOTP(app).at(earlier))
    account.refresh_from_db()
    account.app = app  # type: ignore[attr-defined]
    return account


def trained(account: CatalogueAccount, by: CatalogueAccount, days: int = 200) -> TrainingProof:
    """A proof of training, accepted."""
    until = timezone.localdate() + timedelta(days=days)
    proof = training.give_training(account, course="Data security", valid_until=until, content=PDF)
    return training.look_at(by, proof, accepted=True)


def filled(account: CatalogueAccount, slug: str = SLUG) -> Application:
    """An application with everything but signatures."""
    application = applications.begin(account, Release.objects.get(slug=slug))
    applications.describe_purpose(account, application, use="research", intended_use=USE)
    page = "https://www.uni.ac.uk/people/lovelace"
    return applications.name_referee(account, application, name="Mary Somerville", email="mary@uni.ac.uk", role="academic", page=page)


def signed(application: Application) -> Application:
    """Signed by applicant and referee: it waits for the officer."""
    sha256 = licence.in_force().sha256
    applications.sign_and_send(application.account, application, typed_name=application.account.full_name, licence_sha256=sha256)
    link = [each for each in links() if "/referee/" in each][-1]
    return referees.sign(secret(link), typed_name="Mary Somerville", licence_sha256=sha256, confirmed=True)


def granted(account: CatalogueAccount, by: CatalogueAccount, days: int = 30) -> Grant:
    """The whole road to a grant."""
    trained(account, by)
    return decisions.grant(by, signed(filled(account)), days=days, referee_found=True)


def token_for(account: CatalogueAccount, slug: str = SLUG) -> str:
    """The text of a token for that release."""
    return tokens.make_token(account, name=f"for {slug}", releases=[Release.objects.get(slug=slug)], days=5)[1]


def signed_in(account: CatalogueAccount) -> Client:
    """A browser in which that person signed in through the pages, with a code where they have an app."""
    client = Client()
    answer = client.post("/account/sign-in/", {"email": account.email, "password": PASSWORD})
    if hasattr(account, "app"):
        answer = client.post("/account/second-step/", {"code": pyotp.TOTP(account.app).now()})  # type: ignore[attr-defined]
    assert answer.status_code == 302, answer.content
    return client


def body(response: Any) -> bytes:
    """All bytes of an answer."""
    return b"".join(response.streaming_content) if response.streaming else response.content
