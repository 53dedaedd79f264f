"""DCAT-AP 3 with the health extension (HealthDCAT-AP): one dataset with its distributions, or the whole catalogue page by page.

What HealthDCAT-AP asks of a European data holder and no program can know (the health data access body, the law that applies, the health
theme) comes from the file that the organisation wrote (`data_holder`), or is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from releases.capsule import layout
from releases.catalogue.standards.described import Described, File, Site
from releases.catalogue.standards.graph import Iri, Literal, Resource

_EU = "http://publications.europa.eu/resource/authority"
_FORMATS = {"parquet": "PARQUET", "csv": "CSV"}
_PURPOSES = {"code development": "https://w3id.org/dpv#ResearchAndDevelopment", "research": "https://w3id.org/dpv#AcademicResearch"}
"""Of the purposes here those that the Data Privacy Vocabulary has as well."""
_ENGLISH = Resource(("dct:LinguisticSystem",), (), f"{_EU}/language/ENG")
_Said = list[tuple[str, Literal | Iri | Resource]]


def dataset(said: Described) -> Resource:
    """The version as a dcat:Dataset."""
    access = "PUBLIC" if said.open else "RESTRICTED"
    told: _Said = [
        ("dct:title", Literal(said.title, language="en")),
        ("dct:description", Literal(said.abstract, language="en")),
        ("dct:identifier", Literal(said.address, "xsd:anyURI")),
        ("dcat:version", Literal(str(said.version))),
        ("dcat:landingPage", _page(said.dataset_address)),
        ("foaf:page", _page(next((f.address for f in said.files if f.path == layout.REPORT_HTML), said.address))),
        ("dct:issued", _moment(said.issued)),
        ("dct:modified", _moment(said.modified)),
        ("dct:language", _ENGLISH),
        ("dct:accessRights", Resource(("dct:RightsStatement",), (), f"{_EU}/access-right/{access}")),
        ("dct:type", _concept("dataset-type/SYNTHETIC_DATA", "Synthetic data")),
        ("dcat:theme", _concept("data-theme/HEAL", "Health")),
        ("dct:spatial", Resource(("dct:Location",), (), f"{_EU}/country/{said.site.country}")),
        ("dct:publisher", publisher(said.site)),
        ("dct:creator", Resource(("foaf:Agent",), _named(said.organisation, said.home))),
        ("dct:provenance", Resource(("dct:ProvenanceStatement",), (("rdfs:label", Literal(said.provenance, language="en")),))),
        ("healthdcatap:numberOfRecords", Literal(str(said.rows), "xsd:nonNegativeInteger")),
    ]
    told += [("dcat:keyword", Literal(each, language="en")) for each in said.keywords]
    told += [("dcat:contactPoint", each) for each in _contact(said.site)]
    purpose = Resource(("dpv:Purpose",), (("rdfs:label", Literal(said.purpose, language="en")),), _PURPOSES.get(said.made_for, ""))
    told.append(("dpv:hasPurpose", purpose))
    if said.data_model:
        told.append(("dct:conformsTo", Resource(("dct:Standard",), (("dct:title", Literal(said.data_model, language="en")),))))
    if said.doi:
        told.append(("adms:identifier", Resource(("adms:Identifier",), (("skos:notation", Literal(said.permanent, "xsd:anyURI")),))))
    told += _health(said)
    told += [("dcat:distribution", _distribution(said, each)) for each in said.data]
    told += [("healthdcatap:analytics", _report(said, each)) for each in said.files if each.path == layout.REPORT_HTML]
    if said.data and not said.held:
        told.append(("adms:sample", _sample(said)))
    return Resource(("dcat:Dataset",), tuple(told), said.address)


def _health(said: Described) -> _Said:
    """What the health extension adds: counted or named in the capsule, or said by the data holder."""
    facts = said.facts
    people = [table.people for table in said.tables if table.people is not None]
    systems = dict.fromkeys(column.code_system for table in said.tables for column in table.columns if column.code_system)
    told: _Said = [("dcatap:applicableLegislation", each) for each in _legislation(said)]
    told += [("healthdcatap:healthCategory", Iri(each)) for each in facts.categories]
    told += [("healthdcatap:healthTheme", Iri(each)) for each in facts.themes]
    told += [("dpv:hasLegalBasis", Iri(each)) for each in facts.legal_basis]
    told += [("healthdcatap:hasCodingSystem", Resource(("dct:Standard",), (("dct:title", Literal(each)),))) for each in systems]
    if len(people) == 1:
        told.append(("healthdcatap:numberOfUniqueIndividuals", Literal(str(people[0]), "xsd:nonNegativeInteger")))
    if facts.population:
        told.append(("healthdcatap:populationCoverage", Literal(facts.population, language="en")))
    if facts.ages:
        youngest, oldest = (Literal(str(each), "xsd:nonNegativeInteger") for each in facts.ages)
        told += [("healthdcatap:minTypicalAge", youngest), ("healthdcatap:maxTypicalAge", oldest)]
    if body := said.site.holder.access_body:
        agent = Resource(("foaf:Agent",), (*_named(body.name, body.homepage), ("foaf:mbox", Iri(f"mailto:{body.email}"))))
        told.append(("healthdcatap:hdab", agent))
    return told


def _legislation(said: Described) -> list[Resource]:
    return [Resource(("eli:LegalResource",), (), each) for each in said.facts.legislation]


def _named(name: str, home: str) -> tuple[tuple[str, Literal | Iri | Resource], ...]:
    return (("foaf:name", Literal(name)), *((("foaf:homepage", _page(home)),) if home else ()))


def catalogue(site: Site, datasets: Sequence[Described], *, page: int, pages: int, address: str) -> list[Resource]:
    """One page of the catalogue; harvesters follow hydra:next."""
    told: _Said = [
        ("dct:title", Literal(site.name, language="en")),
        ("dct:description", Literal(f"Synthetic health data. {layout.DISCLAIMER}", language="en")),
        ("dct:publisher", publisher(site)),
        ("dct:language", _ENGLISH),
        ("foaf:homepage", _page(site.at("/"))),
    ]
    told += [("dcat:dataset", dataset(each)) for each in datasets]
    paging: _Said = [("hydra:first", Iri(f"{address}?page=1")), ("hydra:last", Iri(f"{address}?page={pages}"))]
    paging += [("hydra:next", Iri(f"{address}?page={page + 1}"))] if page < pages else []
    paging += [("hydra:previous", Iri(f"{address}?page={page - 1}"))] if page > 1 else []
    return [
        Resource(("dcat:Catalog",), tuple(told), site.at("/#catalogue")),
        Resource(("hydra:PartialCollectionView",), tuple(paging), f"{address}?page={page}"),
    ]


def publisher(site: Site) -> Resource:
    """Who runs the catalogue."""
    told: _Said = [("foaf:name", Literal(site.publisher)), ("foaf:homepage", _page(site.at("/")))]
    told += [("foaf:mbox", Iri(f"mailto:{site.contact}"))] if site.contact else []
    if holder := site.holder.publisher:
        told.append(("healthdcatap:publisherType", Iri(holder.type)))
        told.append(("healthdcatap:publisherNote", Literal(holder.note, language="en")))
        told.append(("healthdcatap:trustedDataHolder", Literal(str(holder.trusted_data_holder).lower(), "xsd:boolean")))
    return Resource(("foaf:Agent",), tuple(told), site.at("/#publisher"))


def _contact(site: Site) -> list[Resource]:
    told: _Said = [("vcard:fn", Literal(site.publisher)), ("vcard:hasURL", Iri(site.at("/")))]
    if site.contact:
        told.append(("vcard:hasEmail", Iri(f"mailto:{site.contact}")))
    return [Resource(("vcard:Kind", "vcard:Organization"), tuple(told), site.at("/#contact"))]


def _distribution(said: Described, file: File) -> Resource:
    suffix = file.path.rsplit(".", 1)[-1]
    told: _Said = [
        ("dct:title", Literal(file.path)),
        ("dct:description", Literal(f"{file.table or 'The data'} as {suffix.upper()}. {layout.DISCLAIMER}", language="en")),
        ("dcat:accessURL", Iri(said.address)),
        ("dcat:downloadURL", Iri(file.address)),
        (
            "dcat:mediaType",
            Resource(("dct:MediaType",), (), f"https://www.iana.org/assignments/media-types/{file.media_type.split(';')[0]}"),
        ),
        ("dcat:byteSize", Literal(str(file.size), "xsd:nonNegativeInteger")),
        ("dct:rights", _rights(said)),
        ("spdx:checksum", _checksum(file)),
    ]
    told += [("dcatap:applicableLegislation", each) for each in _legislation(said)]
    if suffix in _FORMATS:
        told.append(("dct:format", Resource(("dct:MediaTypeOrExtent",), (), f"{_EU}/file-type/{_FORMATS[suffix]}")))
    if said.licence_address:
        licence = Resource(("dct:LicenseDocument",), (("rdfs:label", Literal(said.licence_name)),), said.licence_address)
    else:
        licence = Resource(("dct:LicenseDocument",), (("rdfs:label", Literal(said.licence_name)),))
    told.append(("dct:license", licence))
    return Resource(("dcat:Distribution",), tuple(told), f"{file.address}#distribution")


def _rights(said: Described) -> Resource:
    rights = "Open to everybody under its licence." if said.open else "Restricted: for those with a live grant; see the landing page."
    return Resource(("dct:RightsStatement",), (("rdfs:label", Literal(rights, language="en")),))


def _report(said: Described, file: File) -> Resource:
    """The public report: how good and how safe, as measured."""
    told: _Said = [
        ("dct:title", Literal("Public report", language="en")),
        ("dcat:accessURL", Iri(file.address)),
        ("dcat:byteSize", Literal(str(file.size), "xsd:nonNegativeInteger")),
    ]
    return Resource(("dcat:Distribution",), tuple(told), f"{file.address}#report")


def _sample(said: Described) -> Resource:
    """Rows to look at, a page of them at a time; who may see rows is asked there."""
    told: _Said = [
        ("dct:title", Literal("Rows to look at", language="en")),
        ("dct:description", Literal(f"A page of the synthetic rows. {layout.DISCLAIMER}", language="en")),
        ("dcat:accessURL", Iri(f"{said.address}rows/")),
        ("dct:rights", _rights(said)),
    ]
    return Resource(("dcat:Distribution",), tuple(told), f"{said.address}rows/#sample")


def _checksum(file: File) -> Resource:
    algorithm = Resource(("spdx:ChecksumAlgorithm",), (), "http://spdx.org/rdf/terms#checksumAlgorithm_sha256")
    return Resource(("spdx:Checksum",), (("spdx:algorithm", algorithm), ("spdx:checksumValue", Literal(file.sha256, "xsd:hexBinary"))))


def _concept(name: str, label: str) -> Resource:
    return Resource(("skos:Concept",), (("skos:prefLabel", Literal(label, language="en")),), f"{_EU}/{name}")


def _page(address: str) -> Resource:
    return Resource(("foaf:Document",), (), address)


def _moment(at: datetime) -> Literal:
    return Literal(at.isoformat(timespec="seconds"), "xsd:dateTime")
