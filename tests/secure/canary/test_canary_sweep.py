"""The canary sweep: a source whose every cell is unique goes down the whole path and its failures.

Then everything is searched for any of them.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django_rq
import django_rq.queues
import pytest
from django.conf import settings
from django.core import mail
from django.db import connections

from releases import files
from releases.models import AuditEvent, Notification, Run, Snapshot, WorkingCopy
from releases.services import notices
from tests.secure.canary.canaries import IDENTIFIERS, VALUES, CanaryTable, forms
from tests.secure.canary.road import FILE_NAME, Road
from tests.secure.canary.searching import Searcher, folder_documents, queue_documents
from tests.secure.canary.several import walk_several
from tests.secure.conftest import World
from tests.servers import QueueServer

SYSTEM_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - looked into, not written to
GENERATED = re.compile(r"synthetic\.(csv|parquet)|/lake/|/files/(runs|capsules)/|public/store/|public-answers/")
"""Places of generated rows."""
MOST_BY_CHANCE = 30
LARGEST_ASTRAY = 16 << 20
"""Bytes."""


@pytest.fixture
def road(
    committed_world: World,
    queue_server: QueueServer,
    tmp_path: Path,
    settings,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> Iterator[Road]:
    """The journey's equipment: a real queue, a real worker, and a temporary folder of its own for every process."""
    settings.RQ_QUEUES = {"default": settings.RQ_QUEUES["default"] | {"URL": queue_server.url}}
    django_rq.queues.get_connection("default").flushall()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    environment = os.environ | {
        "REDIS_URL": queue_server.url,
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.test_secure",
        "SYNTHPORTAL_TEST_VAR": str(settings.SYNTHPORTAL_VAR),
        "SYNTHPORTAL_PROCESS": "worker",
        "PYTHONFAULTHANDLER": "",
    }
    table = CanaryTable.made()
    road = Road(committed_world.people, table, tmp_path, environment)
    (tmp_path / "broken.parquet").write_bytes(road.wrong_types().parquet())
    road.start_worker()
    yield road
    road.stop_worker()


def system_entries() -> set[Path]:
    return {entry for folder in SYSTEM_FOLDERS if os.path.isdir(folder) for entry in Path(folder).iterdir()}


def astray(entries: set[Path]) -> Iterator[tuple[str, bytes]]:
    """New files in the system's own temporary folders. Other programs leave theirs there too: so one folder deep, and none that is huge."""
    for entry in sorted(entries):
        try:
            files_ = [entry] if entry.is_file() else [path for path in entry.iterdir() if path.is_file()] if entry.is_dir() else []
            for path in files_:
                if path.stat().st_size < LARGEST_ASTRAY:
                    yield str(path), path.read_bytes()
        except OSError:
            continue  # gone again, or not ours to read


def strangers(found: dict[str, set[str]]) -> dict[str, list[str]]:
    """What was found, less the days that generated rows meet by chance: their month is told, and a day in it drawn.

    One day in 86 is a canary, so of 600 rows with two such columns some 14 meet one. A column that was copied would have hundreds.
    """
    return {
        place: [*sorted(cells)[:3], f"{len(cells)} in all"]
        for place, cells in found.items()
        if not (GENERATED.search(place) and len(cells) <= MOST_BY_CHANCE and all(cell.startswith("seen_on,") for cell in cells))
    }


def walked() -> list[str]:
    """The ids of the journey's runs."""
    return [str(run.pk) for run in Run.objects.filter(source__title__startswith="Canaries")]


def allowed() -> set[str]:
    """The files that may hold values: those of the working copies and their splits, by their records."""
    found = set()
    for copy in WorkingCopy.objects.filter(snapshot__source__title__startswith="Canaries"):
        paths = [table["path"] for table in copy.tables]
        paths += [file["path"] for side in (copy.snapshot.split.train, copy.snapshot.split.holdout) for file in side.values()]
        found |= {str((files.folder("working") / path).relative_to(Path(settings.SYNTHPORTAL_VAR).parent)) for path in paths}
    return found


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.promise("zones.23")
@pytest.mark.promise("zones.24")
@pytest.mark.promise("deidentify.7")
@pytest.mark.promise("zones.26")
@pytest.mark.promise("notice.4")
def test_no_value_of_a_record_is_anywhere_but_in_the_zones_data_files(
    road: Road, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = system_entries()
    # Other tests' files, from before this journey; of some no row is left.
    standing = [entry.name for area in files.FOLDERS for entry in files.folder(area).iterdir()]
    source = road.source("Canaries")
    road.walk_failures(source)
    road.walk_killed(source)
    road.walk_small()
    road.walk_release(source)
    road.walk_learned(source)
    road.walk_after(source)
    walk_several(road)
    road.walk_broken_pages(monkeypatch)
    shown = road.read_everything("in the end")
    answered = road.taken_in()
    road.command_line()
    road.stop_worker()
    connections.close_all()
    # Every mail of the journey once more, in this process: the worker's were sent by another.
    Notification.objects.update(mail="waiting", mailed_at=None)
    assert notices.mail_waiting()

    # The journey was the whole one: else there would be nothing to find.
    assert shown > 150
    assert answered.count("200 ") > 30
    broken = AuditEvent.objects.filter(action__in=("fail_run", "stop_run", "lose_run"), target_id__in=walked())
    assert broken.count() >= 12
    raw = Snapshot.objects.filter(source__title__startswith="Canaries")
    assert all(snapshot.destructions.filter(what__startswith="raw upload").count() == (len(snapshot.files) or 1) for snapshot in raw)

    printed = capfd.readouterr()
    documents = [
        *road.said,
        ("this process, output", printed.out.encode()),
        ("this process, errors", printed.err.encode()),
        *((f"mail {i}", message.message().as_bytes()) for i, message in enumerate(mail.outbox)),
        *queue_documents(django_rq.queues.get_connection("default")),
        *((f"{path} (its name)", path.name.encode()) for path in road.folder.glob("*")),
    ]
    for name in ("worker.log", "public", "public-answers", "temporary", "cli"):
        place = road.folder / name
        documents += folder_documents(place) if place.is_dir() else [(name, place.read_bytes())]
    searcher = Searcher(road.table.needles())
    assert strangers(searcher.sweep([*documents, *road.pages])) == {}

    # Other programs' files may hold any day, and by no chance the other values.
    values = [name for name in (*IDENTIFIERS, *VALUES) if name != "seen_on"]
    assert Searcher(road.table.needles(values)).sweep(astray(system_entries() - before - {road.folder})) == {}

    # The tests' other datasets lie beside this one: their own files may hold any day.
    others = [str(key) for key in Run.objects.exclude(pk__in=walked()).values_list("pk", flat=True)]
    whole = folder_documents(Path(settings.SYNTHPORTAL_VAR))
    theirs = {"made-by-tests", *standing, *others}
    zone = [(place, document) for place, document in whole if theirs.isdisjoint(place.split(" (")[0].split("[")[0].split("/"))]
    zone.append(("audit trail", "\n".join(map(str, AuditEvent.objects.values_list())).encode()))
    connections.close_all()
    found = strangers(searcher.sweep(zone))
    assert {name.split("[")[0].split(" (")[0] for name in found} == allowed()
    assert Searcher(road.table.needles(IDENTIFIERS)).sweep(zone) == {}

    # What the steward's computer calls the file is told inside the zone, by the site's own pages from its own database, and nowhere else.
    name = Searcher(dict.fromkeys(forms(FILE_NAME.removesuffix(".csv")), "the file's name"))
    assert name.sweep(road.pages)
    assert name.sweep(documents) == {}
    assert [place for place in name.sweep(zone) if "/secure/db.sqlite3" not in place] == []
