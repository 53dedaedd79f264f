"""A release of two tables with every kind of column, and a title written by somebody with bad intentions. Built without a generator."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from releases.capsule.build import CapsuleTable, build
from releases.capsule.feed import Notice
from releases.capsule.publish import publish
from tests.capsule.world import Publisher, attestation, description

HOSTILE = "</script><b>\"'&{}\\$ %_^~ é ]]> <http://x> \\\\ @en ^^xsd:date TI  - no"
"""Ends elements, strings, commands and records of every format, where it is not escaped."""
HOSTILE_TEXT = f'{HOSTILE}\nER  - \nTY  - BOOK\n}}\n@misc{{x}}\n\x0b\x1b]]> """ . <a> <b> <c> .'

SCHEMA: dict[str, Any] = {
    "tables": [
        {
            "name": "person",
            "primary_key": ["person_id"],
            "person_key": "person_id",
            "columns": [
                {"name": "person_id", "kind": "identifier", "storage": "string", "issued": "int64", "nullable": False, "unique": True},
                {"name": "born", "kind": "date", "storage": "date32", "format": "%d/%m/%Y"},
                {"name": "gender_concept_id", "kind": "categorical", "storage": "string", "codes": ["8507", "8532"]},
                {"name": "alive", "kind": "boolean", "storage": "bool"},
                {"name": "weight", "kind": "real", "storage": "float64", "decimals": 1, "unit": "kg", "description": 'In kg "dressed"'},
            ],
        },
        {
            "name": "visits/of a person",
            "primary_key": ["visit"],
            "foreign_keys": [{"columns": ["person_id"], "parent": "person", "parent_columns": ["person_id"]}],
            "columns": [
                {"name": "visit", "kind": "identifier", "storage": "string", "format": "A99", "nullable": False, "unique": True},
                {"name": "person_id", "kind": "identifier", "storage": "string", "issued": "int64", "nullable": False},
                {"name": "came at", "kind": "datetime", "storage": "timestamp[us]"},
                {"name": "minutes", "kind": "integer", "storage": "int64", "unit": "min"},
                {"name": "=note", "kind": "free text", "storage": "string"},
            ],
        },
    ]
}
DATA: dict[str, dict[str, pa.Array]] = {
    "person": {
        "person_id": pa.array([1, 2, 3], pa.int64()),
        "born": pa.array([date(1980, 1, 31), None, date(2001, 12, 1)], pa.date32()),
        "gender_concept_id": pa.array(["8507", "8532", None], pa.string()),
        "alive": pa.array([True, None, False], pa.bool_()),
        "weight": pa.array([70.5, None, 61.0], pa.float64()),
    },
    "visits/of a person": {
        "visit": pa.array(["A01", "A02"], pa.string()),
        "person_id": pa.array([1, 3], pa.int64()),
        "came at": pa.array([datetime(2026, 1, 2, 3, 4, 5), None], pa.timestamp("us")),
        "minutes": pa.array([None, 15], pa.int64()),
        "=note": pa.array(["=made up", None], pa.string()),
    },
}
CSV = {
    "person": "person_id,born,gender_concept_id,alive,weight\n1,31/01/1980,8507,true,70.5\n2,,8532,,\n3,01/12/2001,,false,61.0\n",
    "visits/of a person": "visit,person_id,came at,minutes,'=note\nA01,1,2026-01-02 03:04:05,,'=made up\nA02,3,,15,\n",
}


def publish_relational(publisher: Publisher, **changes: Any) -> Notice:
    """Build and publish it; any field of the description may be changed."""
    said = {
        "slug": "two-tables",
        "title": HOSTILE,
        "description": HOSTILE_TEXT,
        "organisation": f"Trust {HOSTILE}",
        "data_model": "OMOP CDM",
        "tier": "structural",
        **changes,
    }
    work = publisher.folder / f"work/{said['slug']}-{said.get('version', 1)}"
    work.mkdir(parents=True)
    tables = []
    for number, (name, columns) in enumerate(DATA.items()):
        pq.write_table(pa.table(columns), work / f"{number}.parquet")
        (work / f"{number}.csv").write_text(CSV[name])
        tables.append(CapsuleTable(name, work / f"{number}.parquet", work / f"{number}.csv", len(next(iter(columns.values())))))
    folder: Path = work / "capsule"
    report = {"report_json": json.dumps({"results": []}), "report_html": "<!doctype html><title>Report</title>"}
    build(folder, description(rows=5, **said), tables=tables, schema=SCHEMA, unit_words={"min": "minutes"}, **report)
    return publish(folder, publisher.lake, publisher.signer, attestation())
