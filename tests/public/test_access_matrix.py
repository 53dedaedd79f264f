"""Every address of the public site × everybody who may come: the status it answers with, and that rows go to a live grant alone.

An address added without an entry in `EXPECTED` fails. What somebody may not know of is 404, like what does not exist.
"""

from __future__ import annotations

import copy
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from releases.catalogue.access import training
from releases.catalogue.models import AccessToken, CatalogueAccount, Grant, HandOut, HolderNotice, ReleaseVersion, TrainingProof
from tests.capsule.world import Publisher
from tests.public import access_world as build
from tests.public.test_downloads import TakeIn

PERSONAS = ("anonymous", "stranger", "expired", "live", "lapsed", "officer")
"""stranger: a researcher without a grant; expired: one whose grant has ended; lapsed: whose training has; officer: an access officer."""
ROW = b"A00017"
"""A value of the safeguarded rows that nothing else on the site holds."""
Rule = Callable[[str], int]


def everybody(status: int) -> Rule:
    return lambda persona: status


def signed_in(status: int, officer: int | None = None) -> Rule:
    """This to researchers; a redirect to the sign-in page for strangers to the site."""
    return lambda persona: 302 if persona == "anonymous" else officer if persona == "officer" and officer is not None else status


def owner(status: int, officer: int = 404) -> Rule:
    """What belongs to the person with the live grant."""
    return lambda persona: {"anonymous": 302, "live": status, "officer": officer}.get(persona, 404)


def officers(status: int) -> Rule:
    return lambda persona: {"anonymous": 302, "officer": status}.get(persona, 404)


def rows(status: int = 200) -> Rule:
    return lambda persona: status if persona == "live" else 403


NO = everybody(405)


@dataclass(frozen=True)
class Expected:
    """What GET and an empty POST answer."""

    get: Rule
    post: Rule = NO


OPEN = Expected(everybody(200))
EXPECTED: dict[str, Expected] = {
    **dict.fromkeys(("front", "results", "dataset", "version", "patients", "register", "changes", "format", "dcat", "feed"), OPEN),
    "oai-pmh": Expected(everybody(200), everybody(200)),
    **dict.fromkeys(("sitemap", "sitemap-part", "robots"), OPEN),
    "register-json": Expected(everybody(404)),
    **dict.fromkeys(("interface", "openapi", "uses"), OPEN),
    **{f"catalogue-interface:{name}": OPEN for name in ("search", "facets", "release", "version", "files", "columns", "notices")},
    "catalogue-interface:register": Expected(everybody(404)),
    "catalogue-interface:api-root": Expected(everybody(404), everybody(404)),
    ":unknown": Expected(everybody(404), everybody(404)),
    "catalogue-interface:look": Expected(rows()),
    "report": Expected(everybody(200), everybody(422)),
    "tell-use": Expected(everybody(200), everybody(422)),
    "hold": Expected(everybody(410), everybody(410)),
    "reports": Expected(officers(200), officers(200)),
    **dict.fromkeys(("report-at-hand", "lift-hold"), Expected(officers(404), officers(404))),
    **dict.fromkeys(("hold-report", "decide-use"), Expected(NO, officers(404))),
    **dict.fromkeys(("columns", "column"), OPEN),  # names and meanings are public; figures are not
    "rows": Expected(rows()),
    "load": Expected(rows()),
    "capsule": Expected(rows()),
    "file": Expected(rows()),
    "your-access": Expected(signed_in(200, officer=302), signed_in(200, officer=302)),
    "register-account": Expected(everybody(200), everybody(422)),
    "confirm-address": Expected(everybody(403), everybody(403)),
    "sign-in": Expected(lambda persona: 200 if persona == "anonymous" else 302, lambda persona: 422 if persona == "anonymous" else 302),
    "second-step": Expected(everybody(302), everybody(302)),
    "add-app": Expected(everybody(302), everybody(302)),
    "set-up-app": Expected(signed_in(200, officer=403), signed_in(422, officer=403)),
    "recovery-codes": Expected(signed_in(403, officer=200), signed_in(403, officer=422)),
    "remove-app": Expected(signed_in(403), signed_in(403)),
    "sign-out": Expected(NO, everybody(302)),
    "forgotten": Expected(everybody(200), everybody(422)),
    "choose-password": Expected(everybody(403), everybody(403)),
    "own-record": Expected(signed_in(200), signed_in(200)),
    "record-json": Expected(signed_in(200), signed_in(200)),
    "details": Expected(signed_in(200), signed_in(422)),
    "training": Expected(signed_in(200, officer=403), signed_in(422, officer=403)),
    "training-file": Expected(owner(200, officer=200), owner(200, officer=200)),
    "new-token": Expected(
        lambda persona: {"anonymous": 302, "live": 200}.get(persona, 403), lambda persona: {"anonymous": 302, "live": 422}.get(persona, 403)
    ),
    "revoke-token": Expected(owner(200), owner(302)),
    "use-note": Expected(owner(200), owner(422)),
    "leave": Expected(owner(200), owner(422)),
    "confirm-deletion": Expected(owner(200), owner(422)),
    "access": Expected(everybody(200), everybody(200)),
    "licence": Expected(everybody(200), everybody(200)),
    "apply": Expected(
        lambda persona: {"anonymous": 302, "live": 302, "officer": 403}.get(persona, 200),
        lambda persona: {"officer": 403}.get(persona, 302),
    ),
    "application": Expected(owner(200), owner(200)),
    "purpose": Expected(owner(200), owner(422)),
    "referee-named": Expected(owner(200), owner(422)),
    "sign": Expected(owner(200), owner(422)),
    "call-back": Expected(owner(200), owner(403)),
    "cancel-application": Expected(owner(200), owner(302)),
    "referee": Expected(everybody(403), everybody(403)),
    "decline": Expected(everybody(403), everybody(403)),
    "deletion": Expected(everybody(403), everybody(403)),
    "officer": Expected(officers(200), officers(200)),
    "officer-application": Expected(officers(200), officers(200)),
    "decide": Expected(officers(200), officers(422)),
    "officer-training": Expected(officers(200), officers(422)),
    "officer-grants": Expected(officers(200), officers(200)),
    "end-grant": Expected(officers(200), officers(422)),
    "officer-holders": Expected(officers(200), officers(200)),
    "officer-downloads": Expected(officers(200), officers(200)),
}


KNOWN = {
    "rest": "v2/nothing",
    "slug": build.SLUG,
    "path": "data/visits.parquet",
    "link": "forged.link",
    "number": 1,
    "suffix": "ttl",
    "name": "croissant.json",
}
"""What stands in for the parts of an address."""


@dataclass
class World:
    """Everybody, in browsers of their own, and what belongs to whom."""

    browsers: dict[str, Client]
    tokens: dict[str, str]
    keys: dict[str, Any]
    content: bytes
    grants: dict[str, Grant] = field(default_factory=dict)


def patterns(resolver: URLResolver, before: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Name and route of every address; of other namespaces than the catalogue's with theirs in front."""
    for each in resolver.url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from patterns(each, route, each.namespace or space)
        else:
            yield (str(each.name) if space == "catalogue" else f"{space}:{each.name}"), route


@pytest.fixture
def world(publisher: Publisher, take_in: TakeIn) -> World:
    """The safeguarded release, an open one beside it, and a person for each persona."""
    notice = publisher.publish(rows=50, **build.SAFEGUARDED)
    publisher.publish(slug="withdrawn-visits", access_level="safeguarded", tier="privately-sourced", licence="end-user-licence")
    take_in()
    content = (publisher.lake / notice.place / "data/visits.parquet").read_bytes()
    ig = build.officer()
    people = {name: build.person(f"{name.title()} Person", f"{name}@uni.ac.uk") for name in ("stranger", "expired", "live", "lapsed")}
    grants = {name: build.granted(people[name], ig) for name in ("expired", "live", "lapsed")}
    tokens = {name: build.token_for(people[name]) for name in grants}
    live = people["live"]
    # Times pass that no service can make pass.
    Grant.objects.filter(pk=grants["expired"].pk).update(
        granted_at=timezone.now() - timedelta(days=9), ends_at=timezone.now() - timedelta(seconds=1)
    )
    TrainingProof.objects.filter(account=people["lapsed"]).update(valid_until=timezone.localdate() - timedelta(days=1))
    second = build.person("Second Person", "second@uni.ac.uk")
    build.trained(second, ig)
    waiting = build.signed(build.filled(second))
    gone = ReleaseVersion.objects.get(release__slug="withdrawn-visits")
    now, until = timezone.now(), timezone.localdate() + timedelta(days=9)
    asked = HolderNotice.objects.create(account=live, version=gone, state="withdrawn", state_at=now, told_at=now)
    again = build.filled(live)
    accepted = TrainingProof.objects.get(account=live)
    unseen = training.give_training(live, course="Another", valid_until=until, content=build.PDF)
    keys = {
        "account/training": accepted.pk,
        "account/tokens": AccessToken.objects.get(account=live).pk,
        "account/grants": grants["live"].pk,
        "account/deletions": asked.pk,
        "access/applications": again.pk,
        "officer/applications": waiting.pk,
        "officer/training": unseen.pk,
        "officer/grants": grants["live"].pk,
    }
    browsers = {"anonymous": Client(), "officer": build.signed_in(ig)}
    browsers |= {name: build.signed_in(account) for name, account in people.items()}
    return World(browsers, tokens, keys, content, grants)


def addresses(world: World) -> dict[str, list[str]]:
    """Every address of the site by name, about the safeguarded release and what belongs to the person with the live grant."""
    found: dict[str, list[str]] = {}
    for name, route in patterns(get_resolver()):
        key = next((key for prefix, key in world.keys.items() if route.startswith(prefix)), uuid4())
        version: str | int = "1.0" if name == "licence" else 1
        known = {**KNOWN, "key": key, "version": version}
        parts = re.split(r"<(?:\w+:)?(\w+)>", route)
        found.setdefault(name, []).append("/" + "".join(str(known[part]) if odd % 2 else part for odd, part in enumerate(parts)))
    return found


@contextmanager
def undone(browser: Client) -> Iterator[None]:
    """What happens inside is rolled back, in the database and in the browser's cookies."""
    before = copy.deepcopy(browser.cookies)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    browser.cookies = before


def holds_rows(content: bytes, world: World) -> bool:
    """Whether an answer holds rows of the safeguarded release: a value of theirs, the file itself, or the file within a zip."""
    if ROW in content or world.content in content:
        return True
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(world.content in archive.read(name) for name in archive.namelist())
    return False


@pytest.mark.promise("grant.13")
def test_every_address_answers_everybody_as_it_should_and_rows_go_to_a_live_grant_alone(world: World) -> None:
    wrong: list[str] = []
    found = addresses(world)
    assert sorted(set(found) - set(EXPECTED)) == [], "addresses without an entry"
    for name, every in found.items():
        expected = EXPECTED[name]
        for address in every:
            for persona in PERSONAS:
                query = {"columns": "?table=visits", "column": "?table=visits&name=age", "oai-pmh": "?verb=Identify"}.get(name, "")
                with undone(world.browsers[persona]):
                    answer = world.browsers[persona].get(address + query)
                    content = build.body(answer)
                    if answer.status_code != expected.get(persona):
                        wrong.append(f"GET {address} by {persona}: {answer.status_code}, not {expected.get(persona)}")
                    if holds_rows(content, world) and persona != "live":
                        wrong.append(f"GET {address} gives rows to {persona}")
                with undone(world.browsers[persona]):
                    answer = world.browsers[persona].post(address)
                    if answer.status_code != expected.post(persona):
                        wrong.append(f"POST {address} by {persona}: {answer.status_code}, not {expected.post(persona)}")
                    if holds_rows(build.body(answer), world):
                        wrong.append(f"POST {address} gives rows to {persona}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.promise("grant.13")
def test_tokens_open_bytes_for_a_live_grant_alone_and_nothing_that_is_a_persons(world: World) -> None:
    for persona, text in world.tokens.items():
        header = {"Authorization": f"Bearer {text}"}
        for address in (build.FILE, build.ZIP):
            answer = Client().get(address, headers=header)
            content = build.body(answer)
            expected = (200, True) if persona == "live" else (403, False)
            assert (answer.status_code, holds_rows(content, world)) == expected, (persona, address)
        for address in ("/account/", "/officer/", "/account/tokens/new/"):
            assert Client().get(address, headers=header).status_code == 302
    assert {each.account.email for each in HandOut.objects.select_related("account")} == {"live@uni.ac.uk"}
    assert CatalogueAccount.objects.filter(officer=True).count() == 1
