"""A small world for capsules: a table, a capsule made of it, a publisher with a key, a lake. No Django, no generator."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from releases.capsule.attestation import Attestation, SignedOff
from releases.capsule.build import CapsuleTable, build
from releases.capsule.feed import Notice
from releases.capsule.manifest import CapsuleDescription, Event, Made
from releases.capsule.publish import publish
from releases.capsule.signing import Signer, TrustedKeys, create_key

SCHEMA: dict[str, Any] = {
    "tables": [
        {
            "name": "visits",
            "columns": [
                {"name": "visit_id", "kind": "identifier", "storage": "string", "nullable": False, "unique": True, "format": "A99999"},
                {"name": "triage", "kind": "categorical", "storage": "string", "codes": ["red", "amber"], "description": "How urgent"},
                {"name": "age", "kind": "integer", "storage": "int64"},
            ],
        }
    ]
}


def cell(value: Any, count: int) -> dict[str, Any]:
    return {"value": value, "persons": count, "rows": count}


SUMMARY: dict[str, Any] = {
    "format": 1,
    "policy": {"name": "public", "version": 1, "minimum": 100, "rounding": 100, "minimum_table": 1000},
    "tables": [
        {
            "name": "visits",
            "columns": [
                {
                    "name": "visit_id",
                    "kind": "identifier",
                    "absent": "identifier",
                    "nulls": None,
                    "distribution": {"values": [], "other": None, "steps": []},
                },
                {
                    "name": "triage",
                    "kind": "categorical",
                    "absent": "",
                    "nulls": cell("missing", 200),
                    "distribution": {
                        "values": [cell("red", 1200), cell("<script>alert(1)</script>", 700)],
                        "other": cell("Other", 300),
                        "steps": [],
                    },
                },
                {
                    "name": "age",
                    "kind": "integer",
                    "absent": "",
                    "nulls": None,
                    "distribution": {"values": [], "other": None, "steps": [{"low": 2, "high": 40, "persons": 900, "rows": 1000}]},
                },
            ],
        }
    ],
}


def metric(name: str, value: float | None, **more: Any) -> dict[str, Any]:
    said = {"metric": name, "scope": {"kind": "table", "names": []}, "value": value, "floor": 0.1, "ceiling": 0.2, "audience": "public"}
    return {**said, "meaning": f"What {name} means.", "failed": None, "remark": None, **more}


REPORT: dict[str, Any] = {
    "results": [
        metric("tvd_mean", 0.04),
        metric("pairwise_accuracy", 0.86),
        metric("rare_values", None, remark="none found"),
        metric("collisions", 17, audience="reviewers"),
        metric("tvd", 0.5, scope={"kind": "column", "names": ["age"]}),
    ],
    "charts": [
        {
            "title": "Columns agree",
            "figure": {"data": [{"type": "bar", "x": ["age"], "y": [0.9]}], "layout": {}},
            "alternative": "One bar.",
            "table": {"columns": ["Column", "Agreement"], "rows": [["age", 0.9]]},
            "audience": "public",
        }
    ],
    "notes": ["visit_id was left out"],
}


def description(**changes: Any) -> CapsuleDescription:
    """A description of the small table; `rows` and any field may be changed."""
    rows = changes.pop("rows", 3)
    said = CapsuleDescription(
        slug="ed-visits",
        version=1,
        title="Emergency department visits",
        description="Made-up visits to an emergency department.\nSecond line.",
        subject="Emergency care",
        tier="publicly-sourced",
        access_level="open",
        licence="CC-BY-4.0",
        purpose="training",
        made=Made("marginal", "1.0", "ab" * 32, 7, rows, "public", 2),
        variables={"age": "to practise grouping"},
        history=(Event("summarised", "2026-11-20T09:00:00Z"), Event("generated", "2026-11-20T10:00:00Z")),
    )
    return replace(said, **changes)


def unsigned(folder: Path, *, rows: int = 3, schema: dict[str, Any] = SCHEMA, report: Any = REPORT, **changes: Any) -> Path:
    """A new unsigned capsule in `folder`; `examples` by file name and any field may be given."""
    examples = changes.pop("examples", {})
    work = folder.parent / f"{folder.name}-work"
    work.mkdir(parents=True)
    data = {
        "visit_id": [f"A{n:05}" for n in range(rows)],
        "triage": ["red", "amber", None] * (rows // 3) + ["red"] * (rows % 3),
        "age": [40] * rows,
    }
    pq.write_table(
        pa.table(data, schema=pa.schema([("visit_id", pa.string()), ("triage", pa.string()), ("age", pa.int64())])), work / "visits.parquet"
    )
    lines = ["visit_id,triage,age"] + [f"{a},{b or ''},{c}" for a, b, c in zip(*data.values(), strict=True)]
    (work / "visits.csv").write_text("\n".join(lines) + "\n")
    said = description(rows=rows, **changes)
    build(
        folder,
        said,
        tables=[CapsuleTable("visits", work / "visits.parquet", work / "visits.csv", rows)],
        schema=schema,
        report_json=json.dumps(report),
        report_html="<!doctype html><title>Report</title>",
        summary=json.dumps(SUMMARY) if said.tier == "publicly-sourced" else None,
        examples=examples,
    )
    return folder


def attestation(at: str = "2026-11-21T21:05:00Z") -> Attestation:
    return Attestation((SignedOff("IG", "approve", "2026-11-21T21:04:00Z"),), "1" * 64, at, "release policy 1", 12, "2" * 64)


@dataclass(frozen=True)
class Publisher:
    """A publisher in a folder of its own: key, lake, and the keys a verifier would pin."""

    folder: Path
    signer: Signer
    keys: TrustedKeys

    @staticmethod
    def new(folder: Path) -> Publisher:
        create_key(folder / "publisher")
        return Publisher(folder, Signer.load(folder / "publisher/signing.key"), TrustedKeys.load(folder / "publisher/signing.pub"))

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    def publish(self, **changes: Any) -> Notice:
        """Build and publish a capsule."""
        said = {"slug": "ed-visits", "version": 1, **changes}
        return publish(
            unsigned(self.folder / f"capsules/{said['slug']}-{said['version']}", **changes), self.lake, self.signer, attestation()
        )
