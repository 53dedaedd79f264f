"""Downloads of files that nginx sent by itself are counted from its log, each once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from releases.catalogue.models import DownloadCount
from releases.catalogue.serving.fetched import count_fetched
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import Publisher


@pytest.mark.promise("outgrown.11")
def test_each_whole_download_in_the_log_is_counted_once_however_it_is_rotated_or_written(
    publisher: Publisher, take_in: Callable[[], Poll], settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "fetched.log"
    settings.SYNTHPORTAL_FETCHED_LOG = str(log)
    publisher.publish()
    take_in()
    assert count_fetched() == 0, "there is no log yet"
    whole = '2026-11-22 200 500 "-" ed-visits 1 visits.csv\n'
    log.write_text(
        whole
        + '2026-11-22 206 500 "bytes 0-499/500" ed-visits 1 visits.csv\n'
        + '2026-11-22 206 400 "bytes 0-399/500" ed-visits 1 visits.csv\n'
        + '2026-11-22 200 5 "-" ed-visits 1 no-such-file.csv\n'
        + '2026-11-22 200 5 "-" no-such-release 1 visits.csv\n'
        + '2026-99-22 200 5 "-" ed-visits 1 visits.csv\n'
        + "something else \udc80 altogether\n".encode("utf-8", "surrogateescape").decode("latin-1")
        + whole[:20]
    )
    assert (count_fetched(), count_fetched()) == (2, 0)
    with log.open("a") as more:
        more.write(whole[20:])
    assert count_fetched() == 1, "a line counts when it is all there"
    with log.open("a") as more:
        more.write(whole * 2)
    log.rename(tmp_path / "fetched.log.1")
    log.write_text(whole.replace("11-22", "11-23") * 3)
    assert count_fetched() == 5, "what was left of the one before, and the new one"
    log.rename(tmp_path / "fetched.log.1")
    log.write_text(whole)
    assert (count_fetched(), count_fetched()) == (1, 0)
    assert [(str(each.day), each.count) for each in DownloadCount.objects.order_by("day")] == [("2026-11-22", 6), ("2026-11-23", 3)]
