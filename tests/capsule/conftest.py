"""One publisher in a folder of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capsule.world import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """A publisher with a new key and an empty lake."""
    return Publisher.new(tmp_path)
