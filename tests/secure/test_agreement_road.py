"""A release learned from records goes the whole road: three people, the lake's own place, and no download from the catalogue."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from generators.disclosure import POLICIES
from generators.fitting.own_process import fit_in_own_process
from releases import agreements, plain_account, selection, stored
from releases.capsule.signing import pin
from releases.capsule.verify import verify
from releases.models import ReleaseRequest, SyntheticVersion
from releases.services import publishing, requests
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_fitting import learn


def client(world: World, who: str) -> Client:
    made = Client()
    made.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return made


def said(world: World, who: str, name: str, *key: object) -> str:
    """What a page says to somebody."""
    answer = client(world, who).get(reverse(name, args=key))
    assert answer.status_code == 200, (name, who, answer.status_code)
    return str(answer.content.decode())


def sent(world: World, who: str, name: str, key: object, **form: object) -> None:
    """A form sent, and done."""
    answer = client(world, who).post(reverse(name, args=[key]), form)
    assert answer.status_code == 302, (name, who, answer.status_code, answer.content.decode()[:6000])


def filled(world: World, who: str, name: str, key: object) -> dict[str, object]:
    """The form of a page as it stands, for sending back."""
    form = client(world, who).get(reverse(name, args=[key])).context["form"]
    return {field.html_name: "" if field.value() is None else field.value() for field in form if field.value() is not False}


@pytest.mark.promise("agreement.13")
@pytest.mark.promise("agreement.14")
def test_the_whole_road_by_forms_into_the_lake_and_no_download_from_the_catalogue(world: World, tmp_path: Path) -> None:
    people = world.people
    request = build.describe(people.steward, build.draft(people.steward, world.source), **build.LEARNED)
    key = request.pk
    assert "Propose it; nothing is generated before it is agreed" in said(world, "steward", "request", key)
    assert client(world, "sdat").get(reverse("request", args=[key])).status_code == 404
    sent(world, "steward", "propose", key)
    assert "Use cases to agree" in said(world, "sdat", "home")
    assert "Use cases to agree" not in said(world, "ig", "home")
    assert "The exercises use it." in said(world, "sdat", "agreement", key)
    sent(world, "sdat", "agree", key, digest=agreements.digest(request), comment="Agreed.")
    assert "does not change" in said(world, "steward", "purpose", key) or "stays as it is" in said(world, "steward", "purpose", key)
    assert "What was agreed cannot be changed" in said(world, "steward", "variables", key)

    learn(world, ReleaseRequest.objects.get(pk=key), rows=300)
    build.work()
    version = SyntheticVersion.objects.get(request=key)
    assert version.evaluation.passed, version.evaluation.verdict["sentences"]
    build.answered(people.steward, requests.choose_version(people.steward, ReleaseRequest.objects.get(pk=key), version=version))
    draft = filled(world, "steward", "write-account", key)
    assert "weighted dice" in str(draft["text"])
    sent(world, "steward", "write-account", key, **draft)
    assert "To write or approve" in said(world, "ppi", "home")
    account = plain_account.current(ReleaseRequest.objects.get(pk=key))
    assert account is not None
    assert "Flesch reading ease" in said(world, "ppi", "account-text", key)
    sent(world, "ppi", "approve-account", key, account=account.pk)
    sent(world, "steward", "submit", key)

    form = filled(world, "sdat", "write-dpia", key)
    assert "copula" in str(form["nature"])
    for name, value in form.items():
        if not value and name not in ("commissioner", "concluded"):
            rating = {"likelihood": "remote", "severity": "some", "residual": "low"}.get(name.rpartition("-")[2])
            form[name] = rating or ("0" if name == "after" else "As the procedure says.")
    sent(world, "sdat", "write-dpia", key, **form, concluded="on")
    page = said(world, "ig", "dpia", key)
    assert "filled in by the site" in page
    assert "As the procedure says." in page
    for name in ("export-dpia", "export-dpia-text"):
        assert "attachment" in client(world, "ig").get(reverse(name, args=[key])).headers["Content-Disposition"]

    request = ReleaseRequest.objects.get(pk=key)
    assert "Assess it" in said(world, "sdat", "review", key)
    judged = {aspect: "acceptable" for aspect in ("privacy", "quality", "utility", "bias")}
    reasons = {f"{aspect}-reason": "The figures say so." for aspect in judged}
    assert (
        client(world, "sdat").post(reverse("assess", args=[key]), {**judged, "evidence_digest": request.evidence_digest}).status_code == 422
    )
    sent(world, "sdat", "assess", key, **judged, **reasons, evidence_digest=request.evidence_digest)
    assert "The figures say so." in said(world, "ig", "review", key)
    build.decide(people.sdat, request, capacity="sdat")
    build.decide(people.ig, request)

    lake = tmp_path / "lake"
    publication = publishing.publish_next(build.signer(), lake)
    assert publication is not None
    assert not (lake / "open").exists(), "nothing of it lies where open data lie"
    capsule = lake / "safeguarded" / publication.slug / "1"
    verified = verify(capsule, build.signer().trusted())
    assert [(s.capacity, s.decision) for s in verified.attestation.signoffs] == [("SDAT", "approve"), ("IG", "approve")]
    assert (capsule / "account.md").read_text() == account.text

    place = f"/datasets/{publication.slug}/"
    files = [f"{place}v1/files/{entry.path}" for entry in verified.manifest.files]
    pin(build.signer().public_pem(), tmp_path / "public" / "keys")
    answers = visited(lake, tmp_path, [*files, f"{place}v1/capsule.zip", place])
    assert answers[:-1] == [403] * (len(files) + 1)
    assert answers[-1] == 200, "its page is there, and says so"


def visited(lake: Path, folder: Path, paths: list[str]) -> list[int]:
    """What the public site answers to each, in a process of its own."""
    told = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.public",
        "SYNTHPORTAL_PUBLIC_VAR": str(folder / "public"),
        "SYNTHPORTAL_LAKE": str(lake),
    }
    command = [sys.executable, "-m", "tests.secure.public_visit", *paths]
    done = subprocess.run(command, env=told, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [int(line) for line in done.stdout.split()]


@pytest.mark.promise("agreement.12")
def test_what_was_not_asked_for_never_reaches_what_learns(world: World, tmp_path: Path) -> None:
    """The very same model is learned from files that lack every other column."""
    snapshot = world.source.current_snapshot
    assert snapshot is not None
    schema = selection.selected(stored.working_schema(snapshot), build.VARIABLES)
    (table,) = schema.tables
    train = stored.side(snapshot, "train")
    whole = pq.read_table(train[table.name])
    assert set(whole.column_names) > set(table.names)
    less = tmp_path / "less.parquet"
    pq.write_table(pa.table(whole.select(list(table.names))), less)
    digests = []
    for number, path in enumerate((train[table.name], less)):
        (tmp_path / str(number)).mkdir()
        made = fit_in_own_process("copula", {table.name: path}, schema, tmp_path / str(number), policy=POLICIES["internal"], seed=3)
        digests.append(made.digest)
    assert digests[0] == digests[1]
