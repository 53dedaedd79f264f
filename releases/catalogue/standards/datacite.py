"""DataCite metadata (schema 4.5): what a DOI is registered with (`doi.request`), and the DOI once it is recorded."""

from __future__ import annotations

from typing import Any

from releases.capsule import layout
from releases.catalogue.standards.described import Described


def metadata(said: Described) -> dict[str, Any]:
    """The version for DataCite's interface (attributes of a DOI)."""
    rights: dict[str, str] = {"rights": said.licence_name}
    if said.licence_address:
        rights |= {
            "rightsUri": said.licence_address,
            "rightsIdentifier": said.licence,
            "rightsIdentifierScheme": "SPDX",
            "schemeUri": "https://spdx.org/licenses/",
        }
    return {
        **({"doi": said.doi} if said.doi else {}),
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Synthetic dataset"},
        "titles": [{"title": said.title, "lang": "en"}],
        "creators": [{"name": said.organisation, "nameType": "Organizational"}],
        "publisher": {"name": said.site.publisher},
        "publicationYear": str(said.issued.year),
        "url": said.address,
        "version": str(said.version),
        "language": "en",
        "subjects": [{"subject": each} for each in said.keywords],
        "contributors": [{"name": said.site.publisher, "nameType": "Organizational", "contributorType": "Distributor"}],
        "dates": [
            {"date": said.issued.date().isoformat(), "dateType": "Issued"},
            {"date": said.modified.date().isoformat(), "dateType": "Updated"},
        ],
        "descriptions": [
            {"description": said.abstract, "descriptionType": "Abstract", "lang": "en"},
            {"description": said.provenance, "descriptionType": "Methods", "lang": "en"},
        ],
        "rightsList": [rights],
        "sizes": [f"{said.rows} rows", f"{sum(each.size for each in said.files)} bytes"],
        "formats": sorted({each.media_type.split(";")[0] for each in said.data}),
        "alternateIdentifiers": [{"alternateIdentifier": said.manifest_sha256, "alternateIdentifierType": f"SHA-256 of {layout.MANIFEST}"}],
        "relatedIdentifiers": [
            {"relatedIdentifier": said.dataset_address, "relatedIdentifierType": "URL", "relationType": "IsVersionOf"},
            {
                "relatedIdentifier": f"{said.address}dcat.ttl",
                "relatedIdentifierType": "URL",
                "relationType": "HasMetadata",
                "relatedMetadataScheme": "DCAT-AP",
            },
        ],
    }
