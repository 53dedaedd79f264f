"""The built world behind a live server, and people in real browsers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from releases.models import Account, SourceDataset
from tests.browser.conftest import chromium as chromium
from tests.secure.conftest import World
from tests.secure.journeys.hospital import Hospital

NAMES = {
    "steward": "Sam Steward",
    "sdat": "Dee Assessor",
    "other_sdat": "Dan Assessor",
    "ig": "Ira Reviewer",
    "other_ig": "Ida Reviewer",
    "ppi": "Pat Member",
    "auditor": "Ana Auditor",
}
"""What pictures call the people by."""


@pytest.fixture(scope="session")
def inspected() -> set[str]:
    """Kinds of pages that were inspected: once is enough, whichever journey comes by first."""
    return set()


@pytest.fixture
def hospital(committed_world: World, live_server: LiveServer, chromium: Browser, inspected: set[str]) -> Iterator[Hospital]:
    """The secure site, with names fit for pictures; no page that anybody came by had a fault."""
    for name, full in NAMES.items():
        Account.objects.filter(email=f"{name}@hospital.test").update(full_name=full)
    SourceDataset.objects.filter(pk=committed_world.source_key).update(title="Emergency visits")
    made = Hospital(chromium, live_server.url, inspected)
    yield made
    made.close()
    assert not made.faults, "\n".join(made.faults)
