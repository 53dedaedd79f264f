"""The site as it runs: its own processes, a real web server, the very line a researcher copies."""

from __future__ import annotations

import html
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from releases.capsule.verify import verify
from tests.capsule.world import Publisher
from tests.public.running import ROOT, Site, served


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A public site on a port of its own, with one release, served by the server that `serve` uses."""
    publisher = Publisher.new(tmp_path_factory.mktemp("site"))
    publisher.publish(rows=3000)
    # A page that was kept a moment before something was counted is sent again for as long as pages are kept: here that is a second.
    with served(publisher, SYNTHPORTAL_PUBLIC_KEEP_PAGES="1") as site:
        yield site


@pytest.mark.slow
@pytest.mark.promise("catalogue.10")
def test_the_pandas_line_on_the_page_loads_the_data(site: Site) -> None:
    page = site.get("/datasets/ed-visits/")[2].decode()
    (line,) = re.findall(r'<code id="pandas-1">(.*?)</code>', page)
    done = subprocess.run(
        [sys.executable, "-c", f"{html.unescape(line)}; print(table.shape, list(table.columns))"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "(3000, 3) ['visit_id', 'triage', 'age']\n", done.stderr


@pytest.mark.slow
@pytest.mark.promise("catalogue.11")
def test_a_download_broken_off_is_resumed_and_the_capsule_verifies(site: Site, tmp_path: Path) -> None:
    path = "/datasets/ed-visits/v1/capsule.zip"
    status, headers, nothing = site.get(path, "HEAD")
    size = int(headers["Content-Length"])
    assert (status, nothing) == (200, b"")
    first = site.get(path, Range=f"bytes=0-{size // 2}")
    second = site.get(path, Range=f"bytes={size // 2 + 1}-", If_Range=headers["ETag"])
    assert (first[0], second[0]) == (206, 206)
    (tmp_path / "capsule.zip").write_bytes(first[2] + second[2])
    assert verify(tmp_path / "capsule.zip", site.publisher.keys)
    assert site.get(path)[2] == first[2] + second[2]
    assert site.get(path, Range=f"bytes={size}-")[0] == 416
    assert site.get(path, If_None_Match=headers["ETag"])[0] == 304


@pytest.mark.slow
@pytest.mark.promise("catalogue.13")
def test_a_whole_download_from_the_running_site_is_counted(site: Site) -> None:
    site.publisher.publish(slug="counted")
    subprocess.run([sys.executable, "manage.py", "ingest"], cwd=ROOT, env=site.environment, check=True, timeout=60, capture_output=True)

    def counted() -> int:
        (number,) = re.findall(r"Downloaded ([\d,]+) time", site.get("/datasets/counted/")[2].decode())
        return int(number)

    site.get("/datasets/counted/v1/files/README.md", Range="bytes=0-4")
    site.get("/datasets/counted/v1/files/README.md")
    deadline = time.monotonic() + 20
    while counted() == 0:  # the count is written once the last byte has gone, which the reader may see first
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert counted() == 1


@pytest.mark.slow
@pytest.mark.promise("catalogue.2")
def test_the_ingest_process_takes_in_what_is_published_while_it_runs_and_stops_when_told(site: Site) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "ingest", "--loop", "0.2"],
        cwd=ROOT,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        site.publisher.publish(slug="later", title="Published later")
        deadline = time.monotonic() + 60
        while site.get("/datasets/later/")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        beat = Path(site.environment["SYNTHPORTAL_VAR"]) / "public/ingest.heartbeat"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", beat.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "later version 1 published" in out
    assert "Traceback" not in err


@pytest.mark.slow
def test_without_a_pinned_key_the_ingest_says_what_to_do(site: Site, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    environment = {**site.environment, "SYNTHPORTAL_PUBLIC_KEYS": str(tmp_path / "none")}
    done = subprocess.run([sys.executable, "manage.py", "ingest"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "pin the publisher's" in done.stderr
    assert "Traceback" not in done.stderr
    done = subprocess.run(
        [sys.executable, "manage.py", "ingest", "--loop", "0"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "above 0" in done.stderr
