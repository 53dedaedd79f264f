"""The public site on PostgreSQL: the tests that touch its database again, in a process whose database is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

if TYPE_CHECKING:
    from tests.servers import PostgresqlServer

AGAIN = (
    "tests/public/test_finding.py",
    "tests/public/test_kept_pages.py",
    "tests/public/test_ingest.py::test_two_polls_at_once_take_each_notice_in_once",
    "tests/public/test_ingest.py::test_polling_again_changes_nothing",
    "tests/public/test_ingest.py::test_a_suspension_takes_a_release_off_the_shelf_and_its_lifting_puts_it_back",
    "tests/public/test_ingest.py::test_a_withdrawn_release_keeps_its_address_says_why_and_stays_withdrawn",
    "tests/public/test_ingest.py::test_what_a_key_signed_that_is_revoked_later_is_taken_off_the_shelf",
    "tests/public/test_reach.py",
    "tests/public/test_access.py::test_every_download_is_written_down_by_name_and_a_day_has_its_limit",
    "tests/public/test_access.py::test_an_officer_grants_what_both_signed_after_looking_and_never_for_themselves",
    "tests/public/test_register.py::test_the_signed_register_is_shown_to_people_and_machines",
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.promise("outgrown.9")
def test_the_catalogue_does_the_same_on_postgresql(postgresql_server: PostgresqlServer, tmp_path: Path) -> None:
    if os.environ.get("SYNTHPORTAL_PUBLIC_DATABASE"):
        pytest.skip("this is that process")
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("SYNTHPORTAL_TEST_VAR", "SYNTHPORTAL_VAR", "SYNTHPORTAL_STRICT_SKIPS")},
        "SYNTHPORTAL_PUBLIC_DATABASE": postgresql_server.url,
        "SYNTHPORTAL_TEST_VAR": str(tmp_path / "var"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--ds=synthportal.settings.test_public", *AGAIN],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
