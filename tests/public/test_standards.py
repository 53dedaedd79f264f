"""Releases in the formats of others: what is asked for is given, what was withdrawn says so, and no text becomes anything but text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as tree

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from releases.capsule.feed import NoticeKind, announce, latest_about
from releases.catalogue.models import FeedPosition, ReleaseVersion
from releases.catalogue.standards import oai_pmh, sitemap
from releases.catalogue.standards.data_holder import written_in
from releases.catalogue.standards.formats import FORMATS
from tests.capsule.world import Publisher
from tests.public.relational_release import HOSTILE, publish_relational
from tests.public.test_downloads import TakeIn

PATH = "/datasets/two-tables/v1/"
TITLE = " ".join(HOSTILE.split())
OAI = {"oai": "http://www.openarchives.org/OAI/2.0/", "dc": "http://purl.org/dc/elements/1.1/"}


def announced(publisher: Publisher, kind: NoticeKind, version: int = 1, reason: str = "Too <few> people") -> None:
    about = latest_about(publisher.lake, "two-tables", version)
    assert about is not None
    announce(publisher.lake, publisher.signer, kind, about=about, at=datetime(2026, 11, 21, 22, tzinfo=UTC), reason=reason)


@pytest.fixture
def two_tables(publisher: Publisher, take_in: TakeIn) -> ReleaseVersion:
    publish_relational(publisher)
    take_in()
    return ReleaseVersion.objects.get()


ASKED = {
    "application/ld+json": "dcat.jsonld",
    "text/turtle": "dcat.ttl",
    'application/ld+json; profile="http://mlcommons.org/croissant/1.1"': "croissant.json",
    "application/vnd.schemaorg.ld+json": "schema.jsonld",
    "application/vnd.datacite.datacite+json": "datacite.json",
    "application/x-bibtex": "citation.bib",
    "application/x-research-info-systems;q=0.9, text/html;q=0.1": "citation.ris",
    "application/vnd.citationstyles.csl+json": "citation.csl.json",
}


@pytest.mark.promise("standard.2")
@pytest.mark.parametrize("path", ["/datasets/two-tables/", PATH])
def test_the_page_answers_in_the_format_it_is_asked_for(two_tables: ReleaseVersion, client: Client, path: str) -> None:
    for accept, name in ASKED.items():
        answer = client.get(path, headers={"accept": accept})
        own = client.get(f"{PATH}{name}")
        assert (answer.status_code, answer.content) == (200, own.content)
        assert answer["Content-Location"] == f"http://testserver{PATH}{name}"
        assert "Accept" in answer["Vary"]
        assert answer["Content-Type"] == own["Content-Type"] == FORMATS[name].media_type
        assert client.get(path, headers={"accept": accept, "if-none-match": own["ETag"]}).status_code == 304


@pytest.mark.promise("standard.2")
def test_who_asks_for_nothing_that_is_understood_gets_the_page(two_tables: ReleaseVersion, client: Client) -> None:
    for accept in ("", "*/*", "text/html,*/*;q=0.8", "image/png", "nonsense", "text/turtle," * 500, "application/json"):
        answer = client.get(PATH, headers={"accept": accept})
        assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (200, "text/html"), accept[:40]
        assert "Accept" in answer["Vary"]
        assert f'<http://testserver{PATH}croissant.json>; rel="describedby"' in answer["Link"]


@pytest.mark.promise("standard.9")
def test_a_withdrawn_release_says_why_in_every_format(
    two_tables: ReleaseVersion, publisher: Publisher, take_in: TakeIn, client: Client
) -> None:
    announced(publisher, NoticeKind.WITHDRAWN)
    take_in()
    for name, each in FORMATS.items():
        for answer in (client.get(f"{PATH}{name}"), *(client.get(PATH, headers={"accept": kind}) for kind in each.asked_for[:1])):
            assert (answer.status_code, answer["Cache-Control"]) == (410, "no-store"), name
            reason = json.loads(answer.content)["detail"] if each.is_json else answer.content.decode()
            assert reason.strip().endswith("was withdrawn on 21 November 2026. Too <few> people")
    assert client.get("/sitemap.xml").content.count(b"two-tables") == 0
    assert b'term="withdrawn"' in client.get("/feed.atom").content


@pytest.mark.promise("standard.9")
def test_a_suspended_release_tells_no_columns(two_tables: ReleaseVersion, publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    announced(publisher, NoticeKind.SUSPENDED)
    take_in()
    for name in FORMATS:
        answer = client.get(f"{PATH}{name}")
        assert answer.status_code == 200
        assert b"gender_concept_id" not in answer.content, name
    assert "suspended" in json.loads(client.get(f"{PATH}schema.jsonld").content)["creativeWorkStatus"]


@pytest.mark.promise("standard.9")
def test_safeguarded_files_are_told_as_restricted(publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    publish_relational(publisher, access_level="safeguarded")
    take_in()
    assert b"access-right/RESTRICTED" in client.get(f"{PATH}dcat.ttl").content
    assert b"gender_concept_id" in client.get(f"{PATH}croissant.json").content  # names and meanings are public
    said = json.loads(client.get(f"{PATH}schema.jsonld").content)
    assert said["conditionsOfAccess"] == "For those with a live grant; see the page."
    assert client.get(said["distribution"][0]["contentUrl"].removeprefix("http://testserver")).status_code == 403


@pytest.mark.promise("standard.12")
def test_what_no_program_can_know_is_said_by_the_data_holder_or_not_at_all(
    two_tables: ReleaseVersion, client: Client, settings: Settings, tmp_path: Path
) -> None:
    said = client.get(f"{PATH}dcat.ttl").content.decode()
    holders = ("publisherType", "hdab", "applicableLegislation", "healthTheme", "healthCategory", "populationCoverage", "TypicalAge")
    assert [each for each in holders if each in said] == []
    assert f"dcat:accessURL <http://testserver{PATH}rows/>" in said
    assert 'healthdcatap:numberOfUniqueIndividuals "3"' in said
    file = tmp_path / "holder.json"
    facts = {"every": {"ages": [0, 110], "population": "All"}, "releases": {"two-tables": {"population": "Two tables' people"}}}
    file.write_text(json.dumps(facts))
    settings.SYNTHPORTAL_DATA_HOLDER = str(file)
    said = client.get(f"{PATH}dcat.ttl").content.decode()
    assert 'healthdcatap:maxTypicalAge "110"' in said
    assert 'healthdcatap:populationCoverage "Two tables\' people"@en' in said
    wrong = {
        '{"every": {"themes": ["not an address"]}}': "every.themes.0",
        '{"access_body": {"name": "x"}}': "access_body.homepage",
        '{"evry": {}}': "evry",
        "{": "the file",
    }
    for number, (text, place) in enumerate(wrong.items()):
        other = tmp_path / f"{number}.json"
        other.write_text(text)
        with pytest.raises(ImproperlyConfigured, match=rf"SYNTHPORTAL_PUBLIC_DATA_HOLDER: {other}, {place}: "):
            written_in(str(other))
    with pytest.raises(ImproperlyConfigured, match="cannot be read: No such file"):
        written_in(str(tmp_path / "nowhere.json"))


@pytest.mark.promise("standard.14")
def test_a_doi_is_asked_for_by_an_administrator_and_once_recorded_named_wherever_the_version_is(
    two_tables: ReleaseVersion, client: Client, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> str:
        call_command("doi", *words)
        return capsys.readouterr().out

    for setting, value in (("SYNTHPORTAL_PERMANENT_URL", "https://data.trust.example"), ("SYNTHPORTAL_DOI_PREFIX", "10.12345")):
        with pytest.raises(CommandError, match=f"set {setting.replace('PERMANENT', 'PUBLIC').replace('L_DOI', 'L_PUBLIC_DOI')}"):
            told("request", "two-tables", "1")
        setattr(settings, setting, value)
    asked_for = json.loads(told("request", "two-tables", "1", "--publish"))["data"]
    assert asked_for["type"] == "dois"
    said = asked_for["attributes"]
    assert (said["prefix"], said["event"]) == ("10.12345", "publish")
    assert said["url"] == f"https://data.trust.example{PATH}"
    before = client.get(f"{PATH}citation.bib").content
    refused = [("two-tables", "1", "nonsense"), ("two-tables", "1", "10.99999/abc"), ("two-tables", "7", "10.12345/abc")]
    for words in refused:
        with pytest.raises(CommandError):
            told("record", *words)
    assert client.get(f"{PATH}citation.bib").content == before
    revision = FeedPosition.objects.get().revision
    assert "10.12345/abc-1" in told("record", "two-tables", "1", "https://doi.org/10.12345/ABC-1")
    assert FeedPosition.objects.get().revision > revision  # pages that were kept count no more
    for name in FORMATS:
        assert name == "SHA256SUMS" or b"10.12345/abc-1" in client.get(f"{PATH}{name}").content, name
    for path in (PATH, "/datasets/two-tables/", "/api/v1/releases/two-tables/versions/1", "/oai?verb=ListRecords&metadataPrefix=oai_dc"):
        assert b"10.12345/abc-1" in client.get(path).content, path
    assert '<https://doi.org/10.12345/abc-1>; rel="cite-as"' in client.get(PATH)["Link"]
    with pytest.raises(CommandError, match=r"has the DOI 10\.12345/abc-1 already"):
        told("record", "two-tables", "1", "10.12345/abc-2")
    told("record", "two-tables", "1", "10.12345/abc-2", "--correct")
    said = json.loads(told("request", "two-tables", "1"))["data"]["attributes"]
    assert (said["doi"], "prefix" in said, "event" in said) == ("10.12345/abc-2", False, False)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.promise("standard.10")
def test_a_hostile_title_is_one_value_in_every_format(two_tables: ReleaseVersion, client: Client) -> None:
    for name, each in FORMATS.items():
        content = client.get(f"{PATH}{name}").content.decode()
        if each.is_json:
            assert name == "ro-crate-metadata.json" or TITLE in texts(json.loads(content)), name
    ris = client.get(f"{PATH}citation.ris").content.decode()
    assert re.findall(r"(?m)^(TY|ER)  - ", ris) == ["TY", "ER"]
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]  - .*", line) for line in ris.split("\r\n")[:-1])
    bib = client.get(f"{PATH}citation.bib").content.decode()
    depth = 0
    for mark in re.findall(r"\\.|[{}]", bib):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        assert depth >= 0
    assert depth == 0
    assert bib.count("@misc{") == 1
    (link,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', client.get(PATH).content.decode(), re.DOTALL)
    assert "<" not in link
    assert json.loads(link)["name"] == TITLE
    feed = tree.fromstring(client.get("/feed.atom").content)  # noqa: S314 - our own
    assert f"Published: {TITLE}, version 1" in [each.text for each in feed.iter("{http://www.w3.org/2005/Atom}title")]


def asked(client: Client, **arguments: str) -> tree.Element:
    answer = client.get("/oai", {name.rstrip("_"): value for name, value in arguments.items()})
    assert answer.status_code == 200
    return tree.fromstring(answer.content)  # noqa: S314 - our own


@pytest.mark.promise("standard.8")
def test_a_long_list_is_harvested_in_parts_and_withdrawn_releases_are_deleted_records(
    publisher: Publisher, take_in: TakeIn, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 6):
        publish_relational(publisher, version=number)
    take_in()
    announced(publisher, NoticeKind.WITHDRAWN, version=2)
    take_in()
    monkeypatch.setattr(oai_pmh, "PAGE", 2)
    found, deleted, arguments = [], [], {"verb": "ListRecords", "metadataPrefix": "oai_dc"}
    for _ in range(3):
        answer = asked(client, **arguments)
        for header in answer.iterfind(".//oai:header", OAI):
            identifier = header.findtext("oai:identifier", "", OAI)
            found.append(identifier.rsplit("/", 1)[-1])
            deleted += [identifier] if header.get("status") == "deleted" else []
        token = answer.find(".//oai:resumptionToken", OAI)
        assert token is not None
        assert token.get("completeListSize") == "5"
        arguments = {"verb": "ListRecords", "resumptionToken": token.text or ""}
    assert arguments["resumptionToken"] == ""
    assert found == ["v1", "v3", "v4", "v5", "v2"]  # in the order in which they last changed
    assert deleted == ["oai:testserver:two-tables/v2"]
    record = asked(client, verb="GetRecord", metadataPrefix="oai_dc", identifier="oai:testserver:two-tables/v5")
    assert record.findtext(".//dc:title", "", OAI) == TITLE
    since = asked(client, verb="ListIdentifiers", metadataPrefix="oai_dc", from_="2026-11-21T22:00:00Z", until="2026-11-21T22:00:00Z")
    assert [each.text for each in since.iterfind(".//oai:identifier", OAI)] == ["oai:testserver:two-tables/v2"]
    form = client.post("/oai", {"verb": "Identify"})
    assert b"<deletedRecord>persistent</deletedRecord>" in form.content


UNKNOWN: list[tuple[dict[str, str], str]] = [
    ({}, "badVerb"),
    ({"verb": "Drop"}, "badVerb"),
    ({"verb": "Identify", "more": "x"}, "badArgument"),
    ({"verb": "ListRecords"}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": "marc21"}, "cannotDisseminateFormat"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "set": "a"}, "noSetHierarchy"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "from_": "yesterday"}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "from_": "2026-13-40"}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "until": "9999-12-31"}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "from_": "2026-01-01", "until": "2026-01-01T00:00:00Z"}, "badArgument"),
    ({"verb": "ListRecords", "metadataPrefix": "oai_dc", "until": "2020-01-01"}, "noRecordsMatch"),
    ({"verb": "ListRecords", "resumptionToken": "W10"}, "badResumptionToken"),
    ({"verb": "ListRecords", "resumptionToken": "é\x00"}, "badResumptionToken"),
    ({"verb": "ListSets"}, "noSetHierarchy"),
    ({"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": "oai:testserver:../../etc/v1"}, "idDoesNotExist"),
]


@pytest.mark.promise("standard.8")
def test_a_question_that_the_protocol_does_not_know_is_answered_by_its_error(two_tables: ReleaseVersion, client: Client) -> None:
    for arguments, code in UNKNOWN:
        answer = asked(client, **arguments)
        assert [each.get("code") for each in answer.iterfind("oai:error", OAI)] == [code], arguments


@pytest.mark.promise("standard.8")
def test_many_addresses_are_several_sitemaps(
    two_tables: ReleaseVersion, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SYNTHPORTAL_PERMANENT_URL = "https://data.trust.example"
    whole = client.get("/sitemap.xml").content.decode()
    assert "<loc>https://data.trust.example/datasets/two-tables/</loc>" in whole
    assert "Sitemap: https://data.trust.example/sitemap.xml" in client.get("/robots.txt").content.decode()
    monkeypatch.setattr(sitemap, "MOST", 3)
    index = client.get("/sitemap.xml").content.decode()
    assert re.findall("<loc>(.*?)</loc>", index) == [f"https://data.trust.example/sitemap-{n}.xml" for n in (1, 2)]
    assert "two-tables" in client.get("/sitemap-2.xml").content.decode()
    assert client.get("/sitemap-3.xml").status_code == 404


@pytest.mark.promise("standard.2")
def test_a_page_of_the_catalogue_that_is_not_there_is_404(two_tables: ReleaseVersion, client: Client) -> None:
    for page in ("0", "2", "-1", "x", "9" * 5000):
        assert client.get("/catalog.ttl", {"page": page}).status_code == 404
