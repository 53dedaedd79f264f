"""A publisher, a lake, and this site's keys and store, fresh for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from pytest_django import Settings

from releases.capsule.signing import TrustedKeys, pin
from releases.catalogue.taking_in.ingest import Poll, poll
from tests.capsule.world import Publisher


@pytest.fixture
def publisher(tmp_path: Path, settings: Settings) -> Publisher:
    """A publisher whose key this site has pinned and whose lake it polls."""
    publisher = Publisher.new(tmp_path)
    settings.SYNTHPORTAL_KEYS = tmp_path / "keys"
    settings.SYNTHPORTAL_STORE = tmp_path / "store"
    settings.SYNTHPORTAL_LAKE = publisher.lake
    pin(publisher.signer.public_pem(), tmp_path / "keys")
    return publisher


@pytest.fixture
def take_in(db: None, publisher: Publisher, settings: Settings) -> Callable[[], Poll]:
    """Poll the publisher's lake as the ingest process does."""
    return lambda: poll(publisher.lake, TrustedKeys.load(settings.SYNTHPORTAL_KEYS), settings.SYNTHPORTAL_STORE)


@pytest.fixture(autouse=True)
def _erasable(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that commit are followed by emptying every table, which the append-only triggers rightly refuse: without them, for that."""
    if "transactional_db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")
    guards = import_module("releases.catalogue.migrations.0004_access")
    with connection.schema_editor() as editor:
        guards.allow_changes(apps, editor)
        guards.forbid_changes(apps, editor)
    yield
    with connection.schema_editor() as editor:
        guards.allow_changes(apps, editor)
