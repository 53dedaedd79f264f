"""What a running site says in the formats of others, checked by the tools of those formats; and its interface by schemathesis.

The tools live in an environment of their own, made by `.ci/install-validators`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser

from releases.capsule.feed import NoticeKind
from releases.catalogue.standards import oai_pmh
from tests.browser import inspection
from tests.browser.conftest import chromium as chromium
from tests.capsule.world import Publisher
from tests.public.relational_release import HOSTILE, publish_relational
from tests.public.running import ROOT, Site, served
from tests.public.test_downloads import TakeIn
from tests.public.test_standards import OAI, UNKNOWN, announced, asked

TOOLS = ROOT / "build/validators/bin"
PATH = "/datasets/two-tables/v1/"
pytestmark = pytest.mark.slow
tools = pytest.mark.skipif(not (TOOLS.parent / "installed.lock").exists(), reason="no validators: run .ci/install-validators")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a release of two tables under a hostile title and with a DOI, and another."""
    publisher = Publisher.new(tmp_path_factory.mktemp("tools"))
    publisher.publish()
    publish_relational(publisher)
    said = json.loads((ROOT / "docs/deploy/data-holder.json").read_text())
    said["organisations"][f"Trust {' '.join(HOSTILE.split())}"] = "https://trust.example/"
    holder = publisher.folder / "data-holder.json"
    holder.write_text(json.dumps(said))
    more = {"SYNTHPORTAL_PUBLIC_CONTACT": "data@trust.example", "SYNTHPORTAL_PUBLIC_DATA_HOLDER": str(holder)}
    with served(publisher, SYNTHPORTAL_PUBLIC_RATE="0", **more) as site:
        recording = [sys.executable, "manage.py", "doi", "record", "two-tables", "1", "10.12345/two-tables.v1"]
        subprocess.run(recording, cwd=ROOT, env=site.environment, check=True, timeout=120, capture_output=True)
        yield site


def checked(site: Site, check: str, path: str = PATH, *more: str) -> Any:
    """What `validators/standards.py` found; its own words where it found something wrong."""
    return found_by(check, site.publisher.folder, f"{site.address}{path}", *more)


def found_by(check: str, home: Path, *more: str) -> Any:
    command = [TOOLS / "python", "-W", "ignore", "tests/public/validators/standards.py", check, *more]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@tools
@pytest.mark.promise("standard.3")
def test_mlcroissant_finds_nothing_to_say_and_loads_every_record(site: Site) -> None:
    records = checked(site, "croissant")
    assert records["person"][1] == ["2", None, "8532", None, None]
    assert records["visits/of a person"] == [["A01", "1", "2026-01-02 03:04:05", None, "=made up"], ["A02", "3", None, "15", None]]


@tools
@pytest.mark.promise("standard.4")
def test_dcat_conforms_to_the_official_shapes_and_with_what_the_data_holder_said_to_those_of_the_health_profile(site: Site) -> None:
    found = checked(site, "dcat")
    assert found["titles"] == [" ".join(HOSTILE.split())]
    assert found["missing"] == []
    assert checked(site, "catalogue", "/") == [f"{site.address}/datasets/ed-visits/v1/", f"{site.address}{PATH}"]


@tools
@pytest.mark.promise("standard.5")
def test_frictionless_validates_every_cell_against_the_package(site: Site) -> None:
    assert checked(site, "data_package") == {"person": 3, "visits-of-a-person": 2}


@tools
@pytest.mark.promise("standard.6")
def test_the_unzipped_capsule_with_its_metadata_is_an_ro_crate(site: Site, tmp_path: Path) -> None:
    (tmp_path / "capsule.zip").write_bytes(site.get(f"{PATH}capsule.zip")[2])
    subprocess.run(["unzip", "-q", "capsule.zip"], cwd=tmp_path, check=True)
    (folder,) = (each for each in tmp_path.iterdir() if each.is_dir())
    (folder / "SHA256SUMS").write_bytes(site.get(f"{PATH}SHA256SUMS")[2])
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)
    (folder / "SHA256SUMS").unlink()
    found = checked(site, "ro_crate", PATH, str(folder))
    assert set(found["files"]) == {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()} - {
        "ro-crate-metadata.json"
    }
    assert found["advised"] == []


@tools
@pytest.mark.promise("standard.7")
def test_datacites_schema_and_readers_of_citations_take_a_hostile_title_as_one_value(site: Site) -> None:
    title = " ".join(HOSTILE.split())
    assert checked(site, "datacite") == [{"title": title, "lang": "en"}]
    found = checked(site, "citations")
    assert (found["ris"], found["authors"]) == (title, [f"Trust {title}"])
    assert found["bibtex"] == f"{site.address}{PATH}"
    assert found["fields"] == ["ENTRYTYPE", "ID", "author", "doi", "note", "publisher", "title", "url", "version", "year"]


@tools
@pytest.mark.promise("standard.8")
def test_a_harvester_goes_through_the_whole_catalogue(site: Site) -> None:
    assert checked(site, "harvested", "/")["records"] == [["oai:127.0.0.1:ed-visits/v1", False], ["oai:127.0.0.1:two-tables/v1", False]]


@tools
@pytest.mark.promise("standard.13")
def test_every_kind_of_answer_to_a_harvester_fits_the_official_schema(
    publisher: Publisher, take_in: TakeIn, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        publish_relational(publisher, version=number)
    take_in()
    announced(publisher, NoticeKind.WITHDRAWN, version=2)
    take_in()
    monkeypatch.setattr(oai_pmh, "PAGE", 2)
    record = {"metadataPrefix": "oai_dc", "identifier": "oai:testserver:two-tables/v1"}
    questions: list[dict[str, str]] = [{"verb": "Identify"}, {"verb": "ListMetadataFormats"}, {"verb": "GetRecord", **record}]
    questions += [{"verb": verb, "metadataPrefix": "oai_dc"} for verb in ("ListRecords", "ListIdentifiers")]
    token = asked(client, **questions[-1]).findtext(".//oai:resumptionToken", "", OAI)
    questions += [{"verb": verb, "resumptionToken": token} for verb in ("ListRecords", "ListIdentifiers")]
    questions += [question for question, _ in UNKNOWN]
    for number, question in enumerate(questions):
        answer = client.get("/oai", {name.rstrip("_"): value for name, value in question.items()})
        (tmp_path / f"{number}.xml").write_bytes(answer.content)
    assert found_by("oai", tmp_path, "", str(tmp_path)) == len(questions)


@tools
@pytest.mark.promise("service.5")
def test_schemathesis_finds_nothing(site: Site) -> None:
    command = [TOOLS / "schemathesis", "run", f"{site.address}/api/v1/openapi.json", "--no-color", "--seed", "1", "-n", "8"]
    bounds = ["--max-time", "30", "--generation-database", "none", "--warnings", "off", "--continue-on-failure"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(site.publisher.folder)}
    done = subprocess.run([*command, *bounds], cwd=site.publisher.folder, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "9 passed" in done.stdout


@pytest.mark.browser
@pytest.mark.promise("standard.11")
@pytest.mark.promise("service.6")
def test_a_browser_has_nothing_against_the_description_in_the_page_nor_the_page_for_programs(site: Site, chromium: Browser) -> None:
    page = chromium.new_context(viewport=inspection.LARGE).new_page()
    complaints = inspection.watch(page)
    page.goto(site.address + PATH)
    told = page.locator('script[type="application/ld+json"]').text_content()
    assert json.loads(told or "")["url"] == f"{site.address}{PATH}"
    page.goto(f"{site.address}/api/")
    assert inspection.serious_findings(page) == []
    page.set_viewport_size(inspection.SMALL)
    for summary in page.locator("summary").all():
        summary.click()
    assert inspection.overflow(page) is None
    assert inspection.serious_findings(page) == []
    assert complaints == []
    page.context.close()
