"""The register and withdrawn releases on the public site: what is signed is shown, what is not is refused, nothing withdrawn is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from releases.capsule import feed, layout, register, signing
from releases.capsule.feed import NoticeKind
from releases.capsule.layout import CapsuleRefused
from releases.capsule.register import Figures, PolicyUsed, Register
from releases.catalogue.models import FeedPosition, IngestRefusal, RegisterStatement, ReleaseVersion, StoredFile
from releases.catalogue.serving import store
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import Publisher

TakeIn = Callable[[], Poll]
NOW = datetime.now(UTC).replace(microsecond=0)
SAID = Register(
    date(2026, 3, 2),
    (Figures("structural", 7, 2, 3, 1, 6, 1, 2, 4.5, 2.0, 9),),
    (PolicyUsed("release-policy-4", date(2026, 11, 22), 11),),
)


def say(publisher: Publisher, said: Register = SAID, at: datetime = NOW) -> None:
    register.say(publisher.lake, publisher.signer, said, at=at)


@pytest.mark.promise("openly.4")
def test_the_signed_register_is_shown_to_people_and_machines(publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    assert "has not sent a register yet" in client.get("/register/").content.decode()
    assert client.get("/register.json").status_code == 404
    assert "see the register" not in client.get("/").content.decode()
    say(publisher)
    feed.heartbeat(publisher.lake, publisher.signer)
    assert take_in().refusal is None
    page = client.get("/register/").content.decode()
    for words in ("Approved", "Refused", "4.5", "release-policy-4", "22 November 2026", "2 March 2026"):
        assert words in page
    assert "7 approved, 1 refused, 2 withdrawn" in client.get("/").content.decode()
    told = client.get("/register.json").json()
    assert told["register"] == SAID.as_dict()
    signed = register.opened(layout.canonical_json(told["envelope"]), publisher.keys)
    assert signed.register == SAID, "anybody can check it with the publisher's key"


@pytest.mark.promise("openly.5")
def test_a_register_that_does_not_hold_is_refused_and_holds_up_no_withdrawal(
    publisher: Publisher, take_in: TakeIn, tmp_path: Path, client: Client
) -> None:
    say(publisher)
    notice = publisher.publish()
    take_in()
    place = publisher.lake / "feed" / register.REGISTER
    good = place.read_bytes()
    stranger = signing.create_key(tmp_path / "stranger") and signing.Signer.load(tmp_path / "stranger" / signing.PRIVATE_KEY)
    bad = {
        "changed": good.replace(b'"payload": "', b'"payload": "e').replace(b'"payload":"', b'"payload":"e'),
        "a stranger's": stranger.sign(base64.b64decode(json.loads(good)["payload"]), register.REGISTER_TYPE),
        "a notice": publisher.signer.sign(base64.b64decode(json.loads(good)["payload"]), feed.NOTICE_TYPE),
        "too large": b"x" * (register.MAX_REGISTER + 1),
    }
    for what, content in bad.items():
        place.write_bytes(content)
        assert take_in().refusal is not None, what
        assert RegisterStatement.objects.get().content == SAID.as_dict()
    heard = FeedPosition.objects.get().heartbeat_at
    feed.announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=notice, at=NOW, reason="Wrong.")
    take_in()
    assert ReleaseVersion.objects.get().state == "withdrawn"
    assert FeedPosition.objects.get().heartbeat_at >= heard
    for at, words in ((NOW - timedelta(hours=1), "an old file was put back"), (NOW + timedelta(days=1), "comes from the future")):
        say(publisher, at=at)
        assert words in str(take_in().refusal)
    say(publisher, replace(SAID, policies=()), NOW + timedelta(seconds=1))
    assert take_in().refusal is None
    assert not IngestRefusal.objects.filter(resolved_at=None).exists()
    assert RegisterStatement.objects.get().content["policies"] == []


@pytest.mark.promise("openly.5")
@pytest.mark.parametrize(
    ("field", "value"),
    [("approved", -1), ("approved", "1"), ("approved", True), ("attempts", float("inf")), ("tier", "other"), ("more", 1)],
)
def test_figures_that_cannot_be_are_refused(field: str, value: object) -> None:
    raw = SAID.as_dict()
    raw["figures"][0][field] = value
    with pytest.raises(CapsuleRefused, match="the register"):
        Register.from_dict(raw)
    doubled = SAID.as_dict()
    doubled["figures"] *= 2
    with pytest.raises(CapsuleRefused, match="twice"):
        Register.from_dict(doubled)


@pytest.mark.promise("withdrawal.5")
def test_nothing_of_a_withdrawn_release_is_given_out_found_or_kept(
    publisher: Publisher, take_in: TakeIn, client: Client, settings: Settings
) -> None:
    first, second = publisher.publish(), publisher.publish(version=2)
    take_in()
    held = {each.sha256 for each in StoredFile.objects.filter(version__version=2)}
    mine = {each.sha256 for each in StoredFile.objects.filter(version__version=1)} - held
    assert mine
    paths = [each.get_absolute_url() for each in StoredFile.objects.select_related("version__release").filter(version__version=1)]
    feed.announce(
        publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=first, at=NOW, reason="There is an error in the data. Wrong."
    )
    take_in()
    for path in [*paths, "/datasets/ed-visits/v1/capsule.zip", "/datasets/ed-visits/v1/"]:
        for answer in (client.get(path), client.head(path), client.get(path, headers={"Range": "bytes=0-3"})):
            assert answer.status_code == 410, path
    there = Path(settings.SYNTHPORTAL_STORE)
    assert not [digest for digest in mine if store.place(there, digest).exists()]
    assert all(store.place(there, digest).exists() for digest in held), "what another release holds too is kept"
    page = client.get("/datasets/ed-visits/v1/").content.decode()
    for words in ("There is an error in the data. Wrong.", "delete it", 'href="/datasets/ed-visits/v2/"'):
        assert words in page
    feed.announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=second, at=NOW, reason="Superseded.")
    take_in()
    assert "Nothing has been published yet" in client.get("/").content.decode()
    assert "/datasets/ed-visits/" not in client.get("/datasets/?q=emergency").content.decode()
    assert not [digest for digest in held if store.place(there, digest).exists()]


@pytest.mark.promise("withdrawal.8")
def test_while_a_release_is_suspended_its_page_says_so_and_shows_nothing_of_what_it_tells(
    publisher: Publisher, take_in: TakeIn, client: Client
) -> None:
    notice = publisher.publish()
    take_in()
    page = client.get("/datasets/ed-visits/").content.decode()
    column = "/datasets/ed-visits/v1/column/?table=visits&name=triage"
    assert "differ from the real ones by 4%" in page
    assert "1,200" in client.get(column).content.decode()
    feed.announce(publisher.lake, publisher.signer, NoticeKind.SUSPENDED, about=notice, at=NOW, reason="It is looked into.")
    take_in()
    page = client.get("/datasets/ed-visits/").content.decode()
    for words in ("is suspended", "It is looked into.", "use it for nothing new", "Not shown while"):
        assert words in page
    assert "differ from the real ones" not in page
    assert "1,200" not in client.get(column).content.decode()
    assert client.get("/datasets/ed-visits/v1/files/summary.json").status_code == 403
    feed.announce(publisher.lake, publisher.signer, NoticeKind.PUBLISHED, about=notice, at=NOW)
    take_in()
    assert "Not shown while" not in client.get("/datasets/ed-visits/").content.decode()
