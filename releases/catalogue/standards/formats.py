"""The formats a version is described in: where each lies, its media type, what writes it, and which one somebody asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest

from releases.catalogue.standards import checksums, citation, croissant, data_package, datacite, dcat, ro_crate, schema_org
from releases.catalogue.standards.described import Described
from releases.catalogue.standards.graph import json_ld, turtle

LD = "application/ld+json"


@dataclass(frozen=True)
class Format:
    """A format. file: the last part of its address; asked_for: media types that stand for it when the page itself is asked for."""

    file: str
    title: str
    media_type: str
    write: Callable[[Described], bytes]
    asked_for: tuple[str, ...] = ()

    @property
    def is_json(self) -> bool:
        return "json" in self.media_type


def _json(make: Callable[[Described], Mapping[str, Any] | list[Any]]) -> Callable[[Described], bytes]:
    return lambda said: (json.dumps(make(said), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")


def _text(make: Callable[[Described], str]) -> Callable[[Described], bytes]:
    return lambda said: make(said).encode("utf-8", "replace")


def _turtle(said: Described) -> str:
    return turtle([dcat.dataset(said)])


def _json_ld(said: Described) -> dict[str, Any]:
    return json_ld([dcat.dataset(said)])


_BIBTEX = "application/x-bibtex"
_RIS = "application/x-research-info-systems"
_CSL = "application/vnd.citationstyles.csl+json"

FORMATS: Mapping[str, Format] = {
    each.file: each
    for each in (
        Format("dcat.jsonld", "DCAT-AP, JSON-LD", LD, _json(_json_ld), (LD,)),
        Format(
            "dcat.ttl", "DCAT-AP, Turtle", "text/turtle; charset=utf-8", _text(lambda said: turtle([dcat.dataset(said)])), ("text/turtle",)
        ),
        Format("croissant.json", "Croissant", LD, _json(croissant.dataset), (f'{LD}; profile="{croissant.CONFORMS_TO}"',)),
        Format("schema.jsonld", "schema.org", LD, _json(schema_org.dataset), ("application/vnd.schemaorg.ld+json",)),
        Format("datapackage.json", "Data Package", "application/json", _json(data_package.package), ("application/vnd.datapackage+json",)),
        Format("ro-crate-metadata.json", "RO-Crate", LD, _json(ro_crate.crate), (f'{LD}; profile="https://w3id.org/ro/crate/1.1"',)),
        Format("datacite.json", "DataCite", "application/json", _json(datacite.metadata), ("application/vnd.datacite.datacite+json",)),
        Format("citation.bib", "BibTeX", f"{_BIBTEX}; charset=utf-8", _text(citation.bibtex), (_BIBTEX, "text/x-bibtex")),
        Format("citation.ris", "RIS", f"{_RIS}; charset=utf-8", _text(citation.ris), (_RIS,)),
        Format("citation.csl.json", "CSL-JSON", _CSL, _json(citation.csl), (_CSL,)),
        Format("SHA256SUMS", "Checksums", "text/plain; charset=utf-8", _text(checksums.sums)),
    )
}
"""By the last part of its address under a version's."""

_OFFERED = {"text/html": "", "application/xhtml+xml": "", **{kind: each.file for each in FORMATS.values() for kind in each.asked_for}}


def asked_for(request: HttpRequest) -> Format | None:
    """The format that the request's Accept header prefers to the page; None is the page, and stands for all that is not understood."""
    accept = request.headers.get("Accept", "*/*")
    return None if len(accept) > 1000 else _preferred(accept)


@lru_cache(maxsize=512)
def _preferred(accept: str) -> Format | None:
    """The same of the header alone: most visitors send one of a few, and weighing it against all formats costs more than reading a page."""
    asking = HttpRequest()
    asking.META["HTTP_ACCEPT"] = accept
    return FORMATS.get(_OFFERED.get(asking.get_preferred_type(list(_OFFERED)) or "", ""))
