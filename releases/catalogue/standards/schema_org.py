"""schema.org Dataset: what search engines read in the dataset's page."""

from __future__ import annotations

from typing import Any

from releases.capsule import layout
from releases.catalogue.standards.described import Column, Described

MOST_VARIABLES = 300
"""Variables told in the page; all of them are in the other formats."""


def dataset(said: Described) -> dict[str, Any]:
    """The version as a schema.org Dataset (https://schema.org/Dataset)."""
    variables = [(table.name, column) for table in said.tables for column in table.columns]
    organisation = {"@type": "Organization", "name": said.organisation}
    if said.home:
        organisation["url"] = said.home
    publisher = {"@type": "Organization", "name": said.site.publisher, "url": said.site.at("/")}
    if said.site.contact:
        publisher["email"] = said.site.contact
    told: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": said.address,
        "name": said.title,
        "description": said.abstract[:5000],
        "disambiguatingDescription": layout.DISCLAIMER,
        "url": said.address,
        "identifier": [*dict.fromkeys((said.permanent, said.address)), f"urn:sha256:{said.manifest_sha256}"],
        "version": str(said.version),
        "keywords": list(said.keywords),
        "license": said.licence_address or said.licence_name,
        "isAccessibleForFree": True,
        "conditionsOfAccess": "open" if said.open else "For those with a live grant; see the page.",
        "creator": organisation,
        "publisher": publisher,
        "datePublished": said.issued.date().isoformat(),
        "dateModified": said.modified.date().isoformat(),
        "inLanguage": "en",
        "size": f"{said.rows} rows",
        "measurementTechnique": said.provenance,
        "creditText": said.citation,
        "includedInDataCatalog": {"@type": "DataCatalog", "name": said.site.name, "url": said.site.at("/")},
        "distribution": [
            {
                "@type": "DataDownload",
                "name": each.path,
                "contentUrl": each.address,
                "encodingFormat": each.media_type.split(";")[0],
                "contentSize": f"{each.size} B",
                "sha256": each.sha256,
            }
            for each in said.data
        ],
        "variableMeasured": [_variable(table, column) for table, column in variables[:MOST_VARIABLES]],
    }
    if said.doi:
        told["sameAs"] = said.permanent
    if said.held:
        told["creativeWorkStatus"] = said.held
    return told


def _variable(table: str, column: Column) -> dict[str, Any]:
    """A column as schema.org's PropertyValue; codes of other systems than UN/CEFACT's bear the system's name."""
    told = {"@type": "PropertyValue", "name": column.name, "description": column.description or f"{column.kind} of {table}"}
    return {**told, "unitText": column.unit_words, "unitCode": f"UCUM:{column.unit}"} if column.unit else told
