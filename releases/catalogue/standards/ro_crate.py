"""RO-Crate for the capsule: `ro-crate-metadata.json`, to lie in the unzipped capsule's folder beside `manifest.json`.

Source: RO-Crate Metadata Specification 1.1 (https://w3id.org/ro/crate/1.1). It is served beside the capsule and not in it: nothing is added
to what was signed.
"""

from __future__ import annotations

from typing import Any

from releases.capsule import layout
from releases.catalogue.standards.described import Described, File

_ROLES = {
    "data": "synthetic data",
    "schema": "the schema, for programs",
    "dictionary": "the data dictionary",
    "summary": "the disclosure-controlled summary the data were made from",
    "report": "the public report: how good and how safe, as measured",
    "text": "for readers",
    "example": "a script that learns from the data",
    "proof": "what the publisher signed, and the signature",
}


def crate(said: Described) -> dict[str, Any]:
    """The metadata file of the crate."""
    software, action = "#generator", "#generation"
    made = said.made
    licence: dict[str, Any] = {"@id": said.licence_address or "#licence", "@type": "CreativeWork", "name": said.licence_name}
    licence["description"] = f"See {layout.LICENCE}."
    organisation = {"@id": said.home or "#organisation", "@type": "Organization", "name": said.organisation}
    if said.home:
        organisation["url"] = said.home
    publisher = {"@id": said.site.at("/"), "@type": "Organization", "name": said.site.publisher, "url": said.site.at("/")}
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": said.title,
        "description": said.abstract,
        "identifier": said.permanent,
        "url": said.address,
        "version": str(said.version),
        "datePublished": said.issued.isoformat(timespec="seconds"),
        "dateModified": said.modified.isoformat(timespec="seconds"),
        "keywords": list(said.keywords),
        "license": {"@id": licence["@id"]},
        "author": {"@id": organisation["@id"]},
        "publisher": {"@id": publisher["@id"]},
        "conditionsOfAccess": "open" if said.open else "restricted: for those with a live grant",
        "hasPart": _one_or_all([{"@id": each.path} for each in said.files]),
        "mentions": {"@id": action},
    }
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [
            {
                "@id": "ro-crate-metadata.json",
                "@type": "CreativeWork",
                "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
                "about": {"@id": "./"},
            },
            root,
            *(_file(each) for each in said.files),
            licence,
            organisation,
            publisher,
            {
                "@id": software,
                "@type": "SoftwareApplication",
                "name": str(made.get("generator")),
                "version": str(made.get("version")),
                "url": said.site.at("/"),
            },
            {
                "@id": action,
                "@type": "CreateAction",
                "name": "Generation of the synthetic data",
                "description": said.provenance,
                "instrument": {"@id": software},
                "agent": {"@id": organisation["@id"]},
                "result": _one_or_all([{"@id": each.path} for each in said.data]),
            },
        ],
    }


def _one_or_all(values: list[dict[str, Any]]) -> dict[str, Any] | list[dict[str, Any]]:
    """A single value stands by itself, as the specification recommends."""
    return values[0] if len(values) == 1 else values


def _file(file: File) -> dict[str, Any]:
    return {
        "@id": file.path,
        "@type": "File",
        "name": file.path.rsplit("/", 1)[-1],
        "description": f"{file.table}: {_ROLES.get(file.role, file.role)}" if file.table else _ROLES.get(file.role, file.role),
        "contentUrl": file.address,
        "contentSize": str(file.size),
        "encodingFormat": file.media_type.split(";")[0],
        "sha256": file.sha256,
    }
