"""Settings for the type checker alone: both sites' apps and settings at once, which no process ever has."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from synthportal.settings import test_secure
from synthportal.settings.test_secure import *  # noqa: F403

INSTALLED_APPS = [*test_secure.INSTALLED_APPS, "releases.catalogue"]
SYNTHPORTAL_STORE: Path = Path()
SYNTHPORTAL_KEYS: Path = Path()
SYNTHPORTAL_STALE_AFTER: int = 0
SYNTHPORTAL_REFUSE_AFTER: int = 0
SYNTHPORTAL_SAFEGUARDED_LAKE: str = ""
SYNTHPORTAL_SEALING_KEY: Path = Path()
SYNTHPORTAL_TRAINING: Path = Path()
SYNTHPORTAL_LICENCES: Path = Path()
SYNTHPORTAL_LICENCE_GRACE: timedelta = timedelta()
SYNTHPORTAL_INSTITUTIONS: list[str] = []
SYNTHPORTAL_LONGEST_GRANT: int = 0
SYNTHPORTAL_SECOND_STEP_REQUIRED: bool = False
SYNTHPORTAL_HANDOUTS_A_DAY: int = 0
SYNTHPORTAL_REMIND_AFTER: timedelta = timedelta()
SYNTHPORTAL_REMINDERS: int = 0
SYNTHPORTAL_PERMANENT_URL: str = ""
SYNTHPORTAL_PUBLISHER: str = ""
SYNTHPORTAL_CONTACT: str = ""
SYNTHPORTAL_COUNTRY: str = ""
SYNTHPORTAL_DATA_HOLDER: str = ""
SYNTHPORTAL_DOI_PREFIX: str = ""
SYNTHPORTAL_RATE_SERVER: str = ""
SYNTHPORTAL_RATE: int = 0
SYNTHPORTAL_RATE_FILE: Path = Path()
SYNTHPORTAL_ACCEL: str = ""
SYNTHPORTAL_FETCHED_LOG: str = ""
SYNTHPORTAL_REPORTS_TO: list[str] = []
SYNTHPORTAL_KEEP_PAGES: int = 0
