"""A release of any tables: its schema follows from their Arrow types, or is given. Built without a generator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from releases.capsule.build import CapsuleTable, build
from releases.capsule.feed import Notice
from releases.capsule.publish import publish
from tests.capsule.world import REPORT, SUMMARY, Publisher, attestation, description

KINDS = {
    "string": "categorical",
    "int64": "integer",
    "double": "real",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us]": "datetime",
}
STORAGES = {"double": "float64", "date32[day]": "date32"}


def schema_of(tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """A schema that fits the tables."""
    return {"tables": [{"name": name, "columns": [_column(each) for each in table.schema]} for name, table in tables.items()]}


def _column(field: pa.Field) -> dict[str, Any]:
    kind = str(field.type)
    return {"name": field.name, "kind": KINDS[kind], "storage": STORAGES.get(kind, kind)}


def publish_tables(
    publisher: Publisher,
    tables: Mapping[str, pa.Table],
    schema: dict[str, Any] | None = None,
    report: Any = REPORT,
    row_group: int = 100_000,
    unit_words: Mapping[str, str] = MappingProxyType({}),
    **changes: Any,
) -> Notice:
    """Build and publish them; row_group: rows of a group in the Parquet files; any field of the description may be changed."""
    said = {"slug": "any", "version": 1, "tier": "privately-sourced", **changes}
    work = publisher.folder / "any" / f"{said['slug']}-{said['version']}"
    work.mkdir(parents=True)
    built = []
    for number, (name, table) in enumerate(tables.items()):
        pq.write_table(table, work / f"{number}.parquet", row_group_size=row_group)
        pyarrow.csv.write_csv(table, work / f"{number}.csv")
        built.append(CapsuleTable(name, work / f"{number}.parquet", work / f"{number}.csv", len(table)))
    build(
        work / "capsule",
        description(rows=sum(len(table) for table in tables.values()), **said),
        tables=built,
        schema=schema or schema_of(tables),
        report_json=json.dumps(report),
        report_html="<!doctype html><title>Report</title>",
        unit_words=unit_words,
        summary=json.dumps(SUMMARY) if said["tier"] == "publicly-sourced" else None,
    )
    return publish(work / "capsule", publisher.lake, publisher.signer, attestation())
