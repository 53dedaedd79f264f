"""A small hospital of many tables, and a summary of it as if it had been counted: every way in which tables refer to each other."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from generators.disclosure import POLICIES
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from generators.summary import Cell, ColumnSummary, Distribution, MetadataSummary, RelationshipSummary, TableSummary


def key(name: str, *, nullable: bool = False, issued: str | None = "int64") -> ColumnSchema:
    return ColumnSchema(name, Kind.IDENTIFIER, "string", nullable=nullable, issued=issued)


def to(parent: str, *columns: str, theirs: tuple[str, ...] | None = None) -> ForeignKey:
    return ForeignKey(columns, parent, theirs or columns)


CONCEPT = ColumnSchema("concept_id", Kind.CATEGORICAL, "int64", nullable=False)
KIND_OF_VISIT = ColumnSchema("visit_concept", Kind.CATEGORICAL, "int64", nullable=False)

SCHEMA = DatasetSchema(
    (
        TableSchema(
            "diagnosis",
            (key("diagnosis_id"), key("person_id"), key("visit_id", nullable=True), ColumnSchema("code", Kind.CATEGORICAL, "string")),
            person_key="person_id",
            primary_key=("diagnosis_id",),
            foreign_keys=(to("person", "person_id"), to("visit", "visit_id")),
        ),
        TableSchema("ward", (key("ward_id"), ColumnSchema("beds", Kind.INTEGER, "int64", nullable=False)), primary_key=("ward_id",)),
        TableSchema(
            "provider",
            (key("provider_id", issued=None), key("ward_id")),
            primary_key=("provider_id",),
            foreign_keys=(to("ward", "ward_id"),),
        ),
        TableSchema(
            "person",
            (key("person_id"), ColumnSchema("sex", Kind.CATEGORICAL, "string"), key("doctor", nullable=True, issued=None)),
            person_key="person_id",
            primary_key=("person_id",),
            foreign_keys=(to("provider", "doctor", theirs=("provider_id",)),),
        ),
        TableSchema(
            "death",
            (key("person_id"), ColumnSchema("year", Kind.INTEGER, "int64", nullable=False)),
            person_key="person_id",
            primary_key=("person_id",),
            foreign_keys=(to("person", "person_id"),),
        ),
        TableSchema(
            "visit",
            (key("visit_id"), key("person_id"), KIND_OF_VISIT, key("preceding", nullable=True)),
            person_key="person_id",
            primary_key=("visit_id",),
            foreign_keys=(
                to("person", "person_id"),
                to("concept", "visit_concept", theirs=("concept_id",)),
                to("visit", "preceding", theirs=("visit_id",)),
            ),
        ),
        TableSchema(
            "drug",
            (key("drug_id"), key("person_id"), key("visit_id"), ColumnSchema("dose", Kind.INTEGER, "int64")),
            person_key="person_id",
            primary_key=("drug_id",),
            foreign_keys=(to("person", "person_id"), to("visit", "visit_id")),
        ),
        TableSchema(
            "team",
            (key("visit_id"), key("provider_id", issued=None)),
            primary_key=("visit_id", "provider_id"),
            foreign_keys=(to("visit", "visit_id"), to("provider", "provider_id")),
        ),
        TableSchema(
            "treated",
            (key("drug_id"), key("diagnosis_id")),
            primary_key=("drug_id", "diagnosis_id"),
            foreign_keys=(to("drug", "drug_id"), to("diagnosis", "diagnosis_id")),
        ),
        TableSchema(
            "line",
            (key("visit_id"), ColumnSchema("number", Kind.INTEGER, "int64", nullable=False)),
            primary_key=("visit_id", "number"),
            foreign_keys=(to("visit", "visit_id"),),
        ),
        TableSchema(
            "remark",
            (key("remark_id"), key("visit_id"), ColumnSchema("number", Kind.INTEGER, "int64", nullable=False)),
            primary_key=("remark_id",),
            foreign_keys=(to("line", "visit_id", "number"),),
        ),
        TableSchema(
            "day",
            (key("person_id"), ColumnSchema("day", Kind.DATE, "date32", nullable=False), ColumnSchema("mood", Kind.CATEGORICAL, "string")),
            person_key="person_id",
            primary_key=("person_id", "day"),
            foreign_keys=(to("person", "person_id"),),
        ),
        TableSchema("concept", (CONCEPT, ColumnSchema("name", Kind.CATEGORICAL, "string")), primary_key=("concept_id",), public=True),
    )
)


def shared(**numbers: int) -> Distribution:
    """`shared(_0=3, _2=1)`: none in three of four, two in one of four."""
    return Distribution(tuple(Cell(int(n[1:]), w * 100, w * 100) for n, w in numbers.items()))


CODES = Distribution((Cell("A", 500, 700), Cell("B", 300, 300)), other=Cell("Other", 20, 20))
DISTRIBUTIONS = {
    "sex": Distribution((Cell("F", 600, 600), Cell("M", 400, 400))),
    "code": CODES,
    "mood": CODES,
    "visit_concept": Distribution((Cell(9201, 800, 900), Cell(9202, 100, 100)), other=Cell("Other", 30, 30)),
    "beds": shared(_10=1, _20=1),
    "year": shared(_2020=1, _2021=1),
    "dose": shared(_1=2, _2=1, _4=1),
    "number": shared(_1=1, _2=1),
    "day": Distribution((Cell("2024-01", 100, 100), Cell("2024-02", 100, 100)), unit="month"),
}
ROWS = {"person": 1000, "visit": 2000, "diagnosis": 3000, "drug": 2500, "ward": 20, "provider": 60}
RELATIONS = {
    ("diagnosis", "person"): (shared(_0=1, _3=2, _6=1), 0),
    ("diagnosis", "visit"): (shared(_0=3, _1=1), 2400),
    ("provider", "ward"): (shared(_2=1, _4=1), 0),
    ("person", "provider"): (shared(_10=1), 300),
    ("death", "person"): (shared(_0=4, _1=1, _2=1), 0),
    ("visit", "person"): (shared(_0=1, _2=1, _4=1), 0),
    ("visit", "visit"): (shared(_0=1, _1=1), 1200),
    ("drug", "visit"): (shared(_0=1, _2=1), 0),
    ("drug", "person"): (shared(_0=1, _3=1), 0),
    ("team", "visit"): (shared(_0=1, _3=1), 0),
    ("team", "provider"): (shared(_9=1), 0),
    ("treated", "drug"): (shared(_0=1, _2=1), 0),
    ("line", "visit"): (shared(_0=1, _1=1, _5=1), 0),
    ("remark", "line"): (shared(_0=2, _1=1), 0),
    ("day", "person"): (shared(_0=1, _20=1), 0),
}


def summary_of(schema: DatasetSchema) -> MetadataSummary:
    """The summary of the tables of `schema`."""
    tables = [
        TableSummary(
            t.name,
            ROWS.get(t.name, 1000),
            ROWS.get(t.name, 1000),
            tuple(
                ColumnSummary(c.name, c.kind.value, absent="identifier" if c.kind is Kind.IDENTIFIER else "")
                if c.name not in DISTRIBUTIONS
                else ColumnSummary(c.name, c.kind.value, distribution=DISTRIBUTIONS[c.name])
                for c in t.columns
            ),
            rows_per_person=shared(_1=1, _3=1) if t.person_key else None,
        )
        for t in schema.tables
        if not t.public
    ]
    relations = []
    for table in schema.tables:
        for k in table.foreign_keys:
            if (table.name, k.parent) in RELATIONS:
                children, nulls = RELATIONS[table.name, k.parent]
                released = Cell("missing", nulls, nulls) if nulls else None
                relations.append(RelationshipSummary(table.name, k.columns, k.parent, ROWS.get(k.parent), children, released))
    return MetadataSummary(POLICIES["internal"], schema.digest, tuple(tables), relationships=tuple(relations))


SUMMARY = summary_of(SCHEMA)


def concepts(folder: Path) -> dict[str, Path]:
    """The public table's file."""
    table = pa.table({"concept_id": pa.array([9201, 9202, 9203], pa.int64()), "name": ["inpatient", "outpatient", "emergency"]})
    pq.write_table(table, folder / "concept.parquet")
    return {"concept": folder / "concept.parquet"}
