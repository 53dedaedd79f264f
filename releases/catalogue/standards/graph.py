"""Statements about resources (RDF), written as Turtle and as JSON-LD from one source.

Source of the grammars: RDF 1.1 Turtle, JSON-LD 1.1 (W3C Recommendations).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eli": "http://data.europa.eu/eli/ontology#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_NOT_IN_IRI = re.compile(r"[\x00-\x20<>\"{}|^`\\]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Literal:
    """A value: its text, and its datatype ("xsd:date") or language ("en")."""

    text: str
    datatype: str = ""
    language: str = ""


@dataclass(frozen=True)
class Iri:
    """Another resource by its address."""

    address: str


@dataclass(frozen=True)
class Resource:
    """A resource and what is said of it; without an address it is told where it is mentioned."""

    types: tuple[str, ...]
    said: tuple[tuple[str, Literal | Iri | Resource], ...]
    address: str = ""


def turtle(resources: Iterable[Resource]) -> str:
    """The resources as Turtle, those with an address each for itself."""
    told = [f"@prefix {name}: <{address}> ." for name, address in PREFIXES.items()]
    seen: set[str] = set()
    waiting = list(resources)
    while waiting:
        resource = waiting.pop(0)
        if resource.address in seen:
            continue
        seen.add(resource.address)
        waiting += [each for each in _inner(resource) if each.address]
        told += ["", f"{_iri(resource.address)}\n{_body(resource, 1)} ."]
    return "\n".join(told) + "\n"


def json_ld(resources: Iterable[Resource]) -> dict[str, Any]:
    """The resources as one JSON-LD document."""
    return {"@context": PREFIXES, "@graph": [_object(each) for each in resources]}


def _inner(resource: Resource) -> Iterator[Resource]:
    """Resources mentioned in this one, at any depth."""
    for _, value in resource.said:
        if isinstance(value, Resource):
            yield value
            if not value.address:
                yield from _inner(value)


def _body(resource: Resource, depth: int) -> str:
    indent = "  " * depth
    lines = [f"{indent}a {', '.join(resource.types)}"]
    lines += [f"{indent}{name} {_written(value, depth)}" for name, value in resource.said]
    return " ;\n".join(lines)


def _written(value: Literal | Iri | Resource, depth: int) -> str:
    if isinstance(value, Iri):
        return _iri(value.address)
    if isinstance(value, Literal):
        text = f'"{"".join(_character(each) for each in value.text)}"'
        if value.datatype:
            return f"{text}^^{value.datatype}"
        return f"{text}@{value.language}" if value.language else text
    if value.address:
        return _iri(value.address)
    return f"[\n{_body(value, depth + 1)}\n{'  ' * depth}]"


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\u{ord(character):04X}" if ord(character) < 32 or 127 <= ord(character) < 160 else character


def address(text: str) -> str:
    """`text` as an address: what may not stand in one is percent-encoded."""
    return _NOT_IN_IRI.sub(lambda found: f"%{ord(found[0]):02X}", text)


def _iri(text: str) -> str:
    return f"<{address(text)}>"


def _object(resource: Resource) -> dict[str, Any]:
    told: dict[str, Any] = {"@id": address(resource.address)} if resource.address else {}
    told["@type"] = list(resource.types)
    for name, value in resource.said:
        told.setdefault(name, []).append(_value(value))
    return told


def _value(value: Literal | Iri | Resource) -> dict[str, Any]:
    if isinstance(value, Resource):
        return _object(value)
    if isinstance(value, Iri):
        return {"@id": address(value.address)}
    told = {"@value": value.text}
    if value.datatype:
        told["@type"] = value.datatype
    if value.language:
        told["@language"] = value.language
    return told
