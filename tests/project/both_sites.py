"""Settings for the type checker alone: both sites' apps and settings at once, which no process ever has."""

from __future__ import annotations

from pathlib import Path

from synthportal.settings import test_secure
from synthportal.settings.test_secure import *  # noqa: F403

INSTALLED_APPS = [*test_secure.INSTALLED_APPS, "releases.catalogue"]
SYNTHPORTAL_STORE: Path = Path()
SYNTHPORTAL_KEYS: Path = Path()
SYNTHPORTAL_STALE_AFTER: int = 0
SYNTHPORTAL_REFUSE_AFTER: int = 0
