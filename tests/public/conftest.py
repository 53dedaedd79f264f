"""A publisher, a lake, and this site's keys and store, fresh for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
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
