"""From a steward's file to a researcher's verified download, in a real browser, through every process there is."""

from __future__ import annotations

import random
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser

from generators.simulated import emergency_department, write_emergency_csv
from tests.browser.journey import Journey
from tests.browser.running import RunningSites

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

FLIPS = 60
"""Bytes flipped in the archive, one at a time: its first and last, and others spread over it."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSites]:
    running = RunningSites.start(tmp_path_factory.mktemp("var"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def inspected() -> set[str]:
    """Kinds of pages that were inspected: once is enough, whichever journey comes by first."""
    return set()


@pytest.fixture
def journey(sites: RunningSites, chromium: Browser, inspected: set[str]) -> Iterator[Journey]:
    made = Journey(sites, chromium, inspected=inspected)
    yield made
    made.close()


def assert_holds(sites: RunningSites, archive: Path, folder: Path) -> None:
    """The download verifies as it is, as a zip and unpacked, and with any one byte changed it does not."""
    done = sites.verify(archive, "--key", sites.public_key)
    assert done.returncode == 0, done.stderr
    assert "verdict: verified" in done.stdout
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
        (unpacked,) = {name.split("/")[0] for name in opened.namelist()}
    assert sites.verify(folder / unpacked, "--key", sites.public_key).returncode == 0
    from releases.capsule.layout import CapsuleRefused
    from releases.capsule.signing import TrustedKeys
    from releases.capsule.verify import verify

    keys = TrustedKeys.load(sites.public_key)
    whole = archive.read_bytes()
    chosen = {0, len(whole) - 1, *random.Random(1).sample(range(len(whole)), FLIPS)}  # noqa: S311 - places, not secrets
    changed = folder / archive.name
    for position in sorted(chosen):
        changed.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(CapsuleRefused):
            verify(changed, keys)
    assert sites.verify(changed, "--key", sites.public_key).returncode == 3


@pytest.mark.promise("pages.8", "pages.9", "publish.5", "withdrawal.5", "withdrawal.7", "journeys.6", "journeys.7")
def test_simulated_visits_go_from_a_file_to_a_verified_download(sites: RunningSites, journey: Journey, tmp_path: Path) -> None:
    journey.pictured = True
    file = write_emergency_csv(tmp_path / "visits.csv", rows=3000)
    page = journey.walk("Simulated emergency visits", file, "marginal", 3000)
    archive = journey.download(page, tmp_path)
    journey.look_around("Simulated emergency visits")
    assert_holds(sites, archive, tmp_path / "unpacked")
    table = pq.read_table(next((tmp_path / "unpacked").glob("*/data/*.parquet")))
    assert table.num_rows == 3000
    assert journey.faults == []
    audited = sites.verify_audit()
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert "1 published capsules agree" in audited.stdout
    journey.withdraw("Simulated emergency visits", page.url)
    assert journey.faults == []
    audited = sites.verify_audit()
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert "1 published capsules agree" in audited.stdout, "what proves what was signed is still there"


@pytest.mark.shared
@pytest.mark.promise("pages.8")
def test_a_real_csv_goes_the_same_way(sites: RunningSites, journey: Journey, shared_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    pyarrow.csv.write_csv(pq.read_table(shared_data / "nass_crash.parquet"), file)
    page = journey.walk("Crashes as CSV", file, "marginal", 2000)
    assert_holds(sites, journey.download(page, tmp_path), tmp_path / "unpacked")
    assert journey.faults == []


@pytest.mark.promise("pages.8", "pages.10", "journeys.6")
def test_a_parquet_file_goes_the_same_way_without_scripts(sites: RunningSites, journey: Journey, shared_data: Path, tmp_path: Path) -> None:
    journey.scripts = False
    file, real = tmp_path / "crashes.parquet", shared_data / "nass_crash.parquet"
    if real.is_file():  # where it is absent, the test before says so
        shutil.copy(real, file)
    else:
        pq.write_table(emergency_department(rows=3000), file)
    page = journey.walk("Crashes as Parquet", file, "structural", 500)
    assert_holds(sites, journey.download(page, tmp_path), tmp_path / "unpacked")
    assert journey.faults == []
