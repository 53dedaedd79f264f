"""Every page of the road whose use case is agreed first, in a real browser: axe, a telephone's width, the content policy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser

from releases import agreements, plain_account
from releases.models import ReleaseRequest
from releases.services import agreements as service
from releases.services import plain_accounts, requests
from tests.browser import inspection, kit
from tests.browser.conftest import chromium as chromium
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_agreement import _strict as _strict


def pages(world: World, request: ReleaseRequest) -> Iterator[tuple[str, str]]:
    """(name, HTML) of every page, each for who works with it, in the state in which it is used."""
    people, key = world.people, request.pk

    def shown(who: str, *names: str) -> Iterator[tuple[str, str]]:
        client = Client()
        client.force_login(getattr(people, who), backend="django.contrib.auth.backends.ModelBackend")
        for name in names:
            answer = client.get(reverse(name, args=[] if name == "home" else [key]))
            assert answer.status_code == 200, name
            yield f"{name} as {who}", answer.content.decode()

    yield from shown("steward", "request", "propose")
    service.propose(people.steward, request)
    yield from shown("sdat", "home", "agreement", "agree", "send-back")
    service.agree(people.sdat, world.ready, digest=agreements.digest(request))
    yield from shown("steward", "request", "purpose", "variables", "reopen", "write-account")
    account = plain_accounts.write_account(people.steward, world.ready, text=plain_account.draft(request))
    yield from shown("ppi", "home", "account-text", "approve-account")
    plain_accounts.approve_account(people.ppi, world.ready, account=account)
    requests.submit(people.steward, world.ready)
    yield from shown("sdat", "write-dpia")
    build.wrote_dpia(people.sdat, world.ready)
    yield from shown("sdat", "dpia", "assess")
    build.assess(people.sdat, world.ready, bias="reservations")
    yield from shown("ig", "review", "request")


@pytest.mark.browser
@pytest.mark.promise("agreement.14")
def test_every_page_of_the_road_is_read_by_anybody_on_any_screen(world: World, chromium: Browser) -> None:
    tab = chromium.new_context(viewport=inspection.LARGE).new_page()
    complaints = inspection.watch(tab)
    faults = []
    for name, html in pages(world, world.ready):
        with kit.served(html) as address:
            tab.set_viewport_size(inspection.LARGE)
            tab.goto(address)
            faults += [f"{name}: {finding}" for finding in inspection.serious_findings(tab)]
            levels = inspection.heading_levels(tab)
            if levels and (levels[0] != 1 or any(b - a > 1 for a, b in pairwise(levels))):
                faults.append(f"{name}: headings {levels}")
            tab.set_viewport_size(inspection.SMALL)
            wide = inspection.overflow(tab)
            faults += [f"{name}: {wide}"] if wide else []
    tab.context.close()
    assert faults == []
    assert complaints == []
