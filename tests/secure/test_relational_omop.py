"""Eight OMOP tables: pointed at, understood, summarised, generated, reviewed, published, shown in the public catalogue."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as site

from generators.schema import DatasetSchema, Role
from releases.capsule.signing import pin
from releases.models import Run, Snapshot, SyntheticVersion
from releases.services import publishing, requests, sources
from tests.secure import relational
from tests.secure import world as build
from tests.secure.conftest import World

TABLES = {
    "concept",
    "condition_occurrence",
    "drug_exposure",
    "measurement",
    "observation_period",
    "person",
    "procedure_occurrence",
    "visit_occurrence",
}
VARIABLES = (
    "person.year_of_birth",
    "person.gender_concept_id",
    "visit_occurrence.visit_concept_id",
    "visit_occurrence.visit_start_date",
    "condition_occurrence.condition_concept_id",
    "measurement.measurement_concept_id",
    "observation_period.observation_period_start_date",
)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("register.32")
@pytest.mark.promise("request.31")
@pytest.mark.promise("catalogue.30")
def test_eight_omop_tables_go_from_a_folder_to_the_public_catalogue(world: World, shared_data: Path, tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    settings.SYNTHPORTAL_SECURE_FOLDERS = [shared_data]
    steward = world.people.steward
    source = sources.register_source(steward, title="OMOP extract", description="x", controller="y", subject="primary care")
    snapshot = sources.point_at_file(steward, source, path=str(shared_data / "omop"))
    build.work()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.PROFILED, snapshot.runs.get().reason
    proposed = DatasetSchema.from_dict(snapshot.proposed_schema)
    assert {t.name for t in proposed.tables} == TABLES
    assert [t.name for t in proposed.tables if t.public] == ["concept"]
    sources.confirm_schema(steward, snapshot, schema=plain(proposed), published_names=TABLES)
    build.work()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.READY, snapshot.runs.first()
    assert set(snapshot.split.train) == TABLES - {"concept"}
    summary = build.summary(steward, source)
    request = relational.described(steward, source, "publicly-sourced", VARIABLES)
    run = requests.request_generation(steward, request, generator="marginal", seed=1, summary=summary, scale=0.2)
    build.work()
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED, run.reason
    version = SyntheticVersion.objects.get(run=run)
    assert {f["table"] for f in version.files} == {name.split(".")[0] for name in VARIABLES} | {"concept"}
    failed = [o["sentence"] for o in version.evaluation.verdict["outcomes"] if o["level"] == "hard" and not o["passed"]]
    assert failed == []
    relational.submitted(steward, request, version)
    build.decide(world.people.ig, request)
    lake = tmp_path / "lake"
    publication = publishing.publish_next(build.signer(), lake)
    assert publication is not None, request.publication.problem
    answered = crawled(lake, tmp_path)
    page = f"/datasets/{publication.slug}/v1/"
    assert f"200 {page}" in answered
    for table in ("person", "measurement", "concept"):
        assert f"200 {page}files/data/{table}.parquet" in answered
    shown = "".join(path.read_text(errors="replace") for path in (tmp_path / "answers").iterdir() if path.suffix == "")
    for table in ("person", "visit_occurrence", "measurement"):
        assert f"{table}: " in shown


def plain(proposed: DatasetSchema) -> DatasetSchema:
    """What was proposed, with nothing marked as a direct identifier: the extract was made up and has none."""
    return replace(
        proposed,
        tables=tuple(
            replace(t, columns=tuple(replace(c, role=Role.OTHER) if c.role is Role.DIRECT_IDENTIFIER else c for c in t.columns))
            for t in proposed.tables
        ),
    )


def crawled(lake: Path, folder: Path) -> str:
    """The public site takes the lake in and answers every address; which, and with what."""
    public, answers = folder / "public", folder / "answers"
    answers.mkdir()
    pin(build.signer().public_pem(), public / "keys")
    told = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ} | {
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.public",
        "SYNTHPORTAL_PUBLIC_VAR": str(public),
        "SYNTHPORTAL_LAKE": str(lake),
    }
    command = [sys.executable, "-m", "tests.secure.canary.public_crawl", str(answers)]
    done = subprocess.run(command, env=told, cwd=site.BASE_DIR, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode()
