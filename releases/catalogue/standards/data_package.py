"""Frictionless Data Package: the CSV files with the kind of every column.

Source: https://specs.frictionlessdata.io (Data Package, Table Schema).
"""

from __future__ import annotations

import re
from typing import Any

from releases.catalogue.standards.described import Column, Described, Table

_TYPES = {"int64": "integer", "float64": "number", "bool": "boolean", "date32": "date", "timestamp[us]": "datetime"}
_RISKY = "=+-@\t\r\n＝＋－＠"


def package(said: Described) -> dict[str, Any]:
    """The version as a Data Package; its resources are the CSV files at their permanent addresses."""
    names = _names(said)
    resources = [_resource(table, names) for table in said.tables if table.csv is not None]
    licence = {"title": said.licence_name}
    if said.licence_address:
        licence |= {"name": said.licence, "path": said.licence_address}
    return {
        "profile": "tabular-data-package",
        "name": said.slug,
        "id": said.permanent,
        "title": said.title,
        "description": said.abstract,
        "version": str(said.version),
        "created": said.issued.isoformat(timespec="seconds"),
        "homepage": said.address,
        "keywords": list(said.keywords),
        "licenses": [licence if "name" in licence else {"name": "other", **licence}],
        "contributors": [
            {"title": said.organisation, "role": "author"},
            {"title": said.site.publisher, "role": "publisher", "path": said.site.at("/")},
        ],
        "resources": resources,
    }


def _names(said: Described) -> dict[str, str]:
    """A resource name for each table: lower case, digits, hyphens, no two alike."""
    names: dict[str, str] = {}
    for table in said.tables:
        stem = re.sub(r"[^a-z0-9._-]+", "-", table.name.lower()).strip("-") or "table"
        name, number = stem, 2
        while name in names.values():
            name, number = f"{stem}-{number}", number + 1
        names[table.name] = name
    return names


def _resource(table: Table, names: dict[str, str]) -> dict[str, Any]:
    if table.csv is None:
        raise ValueError(f"table {table.name} has no CSV")
    schema: dict[str, Any] = {"fields": [_field(column) for column in table.columns], "missingValues": [""]}
    if table.primary_key:
        schema["primaryKey"] = [heading(each) for each in table.primary_key]
    keys = [
        {
            "fields": [heading(name) for name in each.columns],
            "reference": {
                "resource": "" if each.parent == table.name else names[each.parent],
                "fields": [heading(name) for name in each.parent_columns],
            },
        }
        for each in table.references
        if each.parent in names
    ]
    if keys:
        schema["foreignKeys"] = keys
    told: dict[str, Any] = {
        "profile": "tabular-data-resource",
        "name": names[table.name],
        "title": table.name,
        "path": table.csv.address,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": table.csv.size,
        "hash": f"sha256:{table.csv.sha256}",
        "schema": schema,
    }
    if table.parquet is not None:
        told["parquet"] = table.parquet.address
    return told


def heading(name: str) -> str:
    """A column's name as the CSV has it: one that a spreadsheet would run starts with an apostrophe."""
    return f"'{name}" if name[:1] and name[:1] in _RISKY else name


def _field(column: Column) -> dict[str, Any]:
    kind = _TYPES.get(column.storage, "string")
    told: dict[str, Any] = {"name": heading(column.name), "type": kind}
    if kind in ("date", "datetime"):
        told["format"] = column.format or ("default" if kind == "date" else "any")
    if column.description:
        told["description"] = column.description
    if column.unit:
        told["unit"] = column.unit  # Table Schema has no word for it and lets others stand; UCUM, as in the capsule's own schema
    constraints = {name: True for name, holds in (("required", not column.nullable), ("unique", column.unique)) if holds}
    if constraints:
        told["constraints"] = constraints
    if column.codes:
        told["categories"] = list(column.codes)
    return told
