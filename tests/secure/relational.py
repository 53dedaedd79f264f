"""A small relational hospital for tests: persons, visits, diagnoses, and a vocabulary of concepts; made here, about nobody."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from generators.schema import DatasetSchema, Role
from releases.incoming import Incoming
from releases.models import Account, ReleaseRequest, Snapshot, SourceDataset
from releases.services import requests, sources
from tests.secure import world as build

PERSONS = 2_000
"""Enough persons in every table's train part for the public policy."""

CONCEPTS = {101: "Asthma", 102: "Fracture of wrist", 103: "Chest pain", 104: "Migraine"}
TABLES = ("concept", "diagnosis", "person", "visit")
VARIABLES = ("person.sex", "person.birth_year", "visit.ward", "visit.started", "diagnosis.concept_id", "diagnosis.severity")


def tables(persons: int = PERSONS, seed: int = 1) -> dict[str, bytes]:
    """CSV files by name. Visits reach the person by a column, diagnoses through their visit alone; names are direct identifiers."""
    random = np.random.default_rng(seed)
    visits = random.choice(4, persons, p=(0.1, 0.3, 0.3, 0.3))
    owner = np.repeat(np.arange(persons), visits)
    count = len(owner)
    started = np.datetime64("2022-01-01") + random.integers(0, 700, count)
    ended = started + random.integers(0, 9, count)
    of_visit = np.repeat(np.arange(count), random.integers(0, 3, count))
    sexes, years = random.choice(["F", "M"], persons), random.integers(1930, 2005, persons)
    wards = random.choice(["Ash", "Birch", "Cedar"], count)
    codes, severity = random.choice(list(CONCEPTS), len(of_visit)), random.integers(1, 4, len(of_visit))
    return {
        "person.csv": _csv(
            "person_id,full_name,sex,birth_year", [(10_000 + i, f"Person Number{i}", sexes[i], years[i]) for i in range(persons)]
        ),
        "visit.csv": _csv(
            "visit_id,person_id,ward,started,ended",
            [(500_000 + i, 10_000 + owner[i], wards[i], started[i], ended[i]) for i in range(count)],
        ),
        "diagnosis.csv": _csv(
            "diagnosis_id,visit_id,concept_id,severity",
            [(900_000 + i, 500_000 + visit, codes[i], severity[i]) for i, visit in enumerate(of_visit)],
        ),
        "concept.csv": _csv("concept_id,concept_name", list(CONCEPTS.items())),
    }


def _csv(header: str, rows: Sequence[tuple[object, ...]]) -> bytes:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows), ""]).encode()


def archive(files: Mapping[str, bytes], folder: str = "") -> bytes:
    """A zip archive of files, all in one folder when it is named."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(f"{folder}/{name}" if folder else name, content)
    return whole.getvalue()


def incoming(files: Mapping[str, bytes]) -> list[Incoming]:
    """As a browser's form would give them."""
    return [Incoming(name, io.BytesIO(content), len(content)) for name, content in files.items()]


def registered(steward: Account, title: str, files: Mapping[str, bytes] | None = None) -> SourceDataset:
    """A dataset whose files were sent and profiled."""
    source = sources.register_source(steward, title=title, description="Made up.", controller="Hospital of the Tests", subject="care")
    sources.receive_files(steward, source, sent=incoming(tables() if files is None else files))
    build.work()
    return source


def careful(snapshot: Snapshot) -> DatasetSchema:
    """What a careful steward confirms: what was proposed, the names marked as such."""
    proposed = DatasetSchema.from_dict(snapshot.proposed_schema)
    person = proposed.table("person")
    columns = tuple(replace(c, role=Role.DIRECT_IDENTIFIER) if c.name == "full_name" else c for c in person.columns)
    return replace(proposed, tables=tuple(replace(t, columns=columns) if t.name == "person" else t for t in proposed.tables))


def prepared(steward: Account, title: str) -> SourceDataset:
    """A dataset of several tables with a working copy and a split."""
    source = registered(steward, title)
    snapshot = source.latest_snapshot
    assert snapshot is not None
    assert snapshot.state == Snapshot.State.PROFILED, snapshot.runs.get().reason
    sources.confirm_schema(steward, snapshot, schema=careful(snapshot), published_names=TABLES)
    build.work()
    return source


def described(steward: Account, source: SourceDataset, tier: str, variables: tuple[str, ...] = VARIABLES) -> ReleaseRequest:
    """A request for some variables of it, described."""
    request = build.draft(steward, source, f"{source.title}, for teaching")
    build.describe(steward, request, tier, variables=dict.fromkeys(variables, "The exercises use it."))
    return ReleaseRequest.objects.get(pk=request.pk)


def submitted(steward: Account, request: ReleaseRequest, version: object) -> ReleaseRequest:
    """The request with a version chosen, waiting for review."""
    chosen = requests.choose_version(steward, request, version=version)  # type: ignore[arg-type]
    return requests.submit(steward, build.answered(steward, chosen))
