"""Croissant 1.1: the Parquet files as record sets that training programs load by themselves.

Source: MLCommons Croissant Format Specification 1.1 (http://mlcommons.org/croissant/1.1).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from releases.capsule import layout
from releases.catalogue.standards.described import Column, Described, Table

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
_TYPES = {"int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean", "date32": "sc:Date", "timestamp[us]": "sc:DateTime"}
_TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet format includes isArray "
    "isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source subField "
    "transform"
)


def _context() -> dict[str, Any]:
    """The vocabulary of the specification, section "Namespaces"."""
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "qudt": "http://qudt.org/schema/qudt/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "name": {"@container": "@language"},
        "description": {"@container": "@language"},
        **{term: f"cr:{term}" for term in _TERMS.split()},
    }


def dataset(said: Described) -> dict[str, Any]:
    """The version as a Croissant dataset; a record set for each table."""
    tables = [table for table in said.tables if table.parquet is not None]
    known = {table.name: {column.name for column in table.columns} for table in tables}
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "@id": said.address,
        "conformsTo": CONFORMS_TO,
        "name": said.title,
        "description": said.abstract,
        "url": said.address,
        **({"sameAs": said.permanent} if said.doi else {}),
        "version": f"{said.version}.0.0",
        "license": said.licence_address or said.licence_name,
        "keywords": list(said.keywords),
        "citeAs": said.citation,
        "datePublished": said.issued.date().isoformat(),
        "dateModified": said.modified.date().isoformat(),
        "inLanguage": "en",
        "isLiveDataset": False,
        "creator": {"@type": "sc:Organization", "name": said.organisation},
        "publisher": {"@type": "sc:Organization", "name": said.site.publisher, "url": said.site.at("/")},
        "rai:dataCollection": said.provenance,
        "rai:dataUseCases": said.purpose,
        "rai:dataLimitations": "; ".join((*said.limits, layout.DISCLAIMER)),
        "rai:personalSensitiveInformation": layout.DISCLAIMER,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": table.parquet.path,
                "name": table.parquet.path,
                "contentUrl": table.parquet.address,
                "encodingFormat": "application/x-parquet",
                "contentSize": f"{table.parquet.size} B",
                "sha256": table.parquet.sha256,
            }
            for table in tables
            if table.parquet is not None
        ],
        "recordSet": [_record_set(table, known) for table in tables],
    }


def _record_set(table: Table, known: dict[str, set[str]]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": record_set(table.name),
        "name": table.name,
        "field": [_field(table, column, known) for column in table.columns],
    }
    if table.primary_key:
        told["key"] = [{"@id": _id(table.name, each)} for each in table.primary_key]
    return told


def _field(table: Table, column: Column, known: dict[str, set[str]]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": _id(table.name, column.name),
        "name": column.name,
        "description": column.description or column.kind,
        "dataType": _TYPES.get(column.storage, "sc:Text"),
        "source": {"fileObject": {"@id": table.parquet.path if table.parquet else ""}, "extract": {"column": column.name}},
    }
    if column.unit:  # by terms of another vocabulary, as the specification has it ("Using External Vocabularies")
        told |= {"qudt:ucumCode": column.unit, "sc:unitText": column.unit_words}
    for each in table.references:
        # Only a single column can refer to another; keys of several columns are told in schema.json.
        if each.columns == (column.name,) and each.parent_columns[:1] and each.parent_columns[0] in known.get(each.parent, set()):
            told["references"] = {"field": {"@id": _id(each.parent, each.parent_columns[0])}}
    return told


def record_set(table: str) -> str:
    """The identifier of a table's records, by which a program asks for them."""
    return _id(table)


def _id(*parts: str) -> str:
    """An identifier of names: percent-encoded, so that no name can be taken for a part of another."""
    return "/".join(quote(part, safe="") for part in parts)
