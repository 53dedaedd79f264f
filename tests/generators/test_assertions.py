"""The automatic checks of a summary: all hold for what summarise makes, and each fails for a summary edited so that it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.schema import ColumnSchema, Kind
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from generators.summarising.assertions import assertions
from generators.summarising.summarise import summarise
from generators.summary import (
    Axis,
    Cell,
    ColumnSummary,
    CrossCell,
    CrossTabulation,
    Distribution,
    MetadataSummary,
    MissingPattern,
    PrivacySpent,
    Step,
)

SCHEMA = EMERGENCY_SCHEMA.deidentified()
TABLE = SCHEMA.tables[0].name


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> MetadataSummary:
    path: Path = tmp_path_factory.mktemp("train") / "visits.parquet"
    pq.write_table(emergency_department(6_000), path)
    return summarise({TABLE: path}, SCHEMA, POLICIES["public"])


@pytest.mark.promise("assertions.1")
@pytest.mark.parametrize("policy", ["public", "sub-national", "internal"])
def test_all_hold_for_a_summary_that_summarise_made(tmp_path: Path, policy: str) -> None:
    pq.write_table(emergency_department(3_000), tmp_path / "visits.parquet")
    made = summarise({TABLE: tmp_path / "visits.parquet"}, SCHEMA, POLICIES[policy])
    found = assertions(made, SCHEMA)
    assert [(a.name, a.sentence) for a in found if not a.passed] == []
    assert len({a.name for a in found}) == len(found) == 13


def edited(summary: MetadataSummary, column: str, **changes: Any) -> MetadataSummary:
    (table,) = summary.tables
    columns = tuple(replace(c, **changes) if c.name == column else c for c in table.columns)
    return replace(summary, tables=(replace(table, columns=columns),))


def value(text: Any, persons: int = 100, rows: int | None = 100) -> Distribution:
    return Distribution(values=(Cell(text, persons, rows),))


def steps(*edges: Any) -> Distribution:
    return Distribution(steps=tuple(Step(low, high, 100, 100) for low, high in edges))


def table_with(summary: MetadataSummary, **changes: Any) -> MetadataSummary:
    return replace(summary, tables=(replace(summary.tables[0], **changes),))


Edit = Callable[[MetadataSummary], MetadataSummary]
CROSSED = CrossTabulation((Axis("sex", ("Female", "Other")),), (CrossCell((0,), 99, None),))
SPENT = PrivacySpent(1.0, 1e-6, 1, "discrete Laplace", "basic")
EDITS: dict[str, tuple[str, Edit]] = {
    "a cell of one person": ("minimum", lambda s: edited(s, "sex", distribution=value("Female", 1, None))),
    "a missing pattern of few": ("minimum", lambda s: table_with(s, missing=(MissingPattern(("sex",), 50, 50),))),
    "a crossing of few": ("minimum", lambda s: table_with(s, cross_tabulations=(CROSSED,))),
    "an exact count": ("rounding", lambda s: edited(s, "sex", distribution=value("Female", 1_234))),
    "exact missing values": ("rounding", lambda s: edited(s, "sex", nulls=Cell("missing", 101, 101))),
    "a small table": ("table size", lambda s: table_with(s, persons=900)),
    "a withheld table told of": ("table size", lambda s: table_with(s, withheld=True)),
    "more than everybody": ("parts", lambda s: edited(s, "sex", distribution=value("Female", 1_000_000))),
    "an identifier's values": ("identifiers", lambda s: edited(s, "visit_id", distribution=value("V1"))),
    "the person key's values": ("identifiers", lambda s: edited(s, "patient_id", absent="", kind="categorical", distribution=value("P1"))),
    "an NHS number": ("identifier-like values", lambda s: edited(s, "sex", distribution=value("943 476 5919"))),
    "an NHS number as a number": ("identifier-like values", lambda s: edited(s, "age", distribution=value(9434765919))),
    "an e-mail address": ("identifier-like values", lambda s: edited(s, "sex", distribution=value("ask a.b@hospital.nhs.uk"))),
    "a postcode": ("identifier-like values", lambda s: edited(s, "sex", distribution=value("NW1 2BU"))),
    "a telephone number": ("identifier-like values", lambda s: edited(s, "sex", distribution=value("020 7946 0018"))),
    "a day": ("exact dates", lambda s: edited(s, "arrival_date", distribution=replace(value("2024-02-01"), unit="month"))),
    "days as ranges": (
        "exact dates",
        lambda s: edited(s, "arrival_date", distribution=replace(steps(("2024-02-01", "2024-02-09")), unit="day")),
    ),
    "a day as a category": ("exact dates", lambda s: edited(s, "sex", distribution=value("seen 01/02/1950"))),
    "a name": ("names", lambda s: edited(s, "sex", distribution=value("Mrs Ada Lovelace"))),
    "a column of names": ("names", lambda s: edited(s, "sex", name="surname")),
    "a long text": ("free text", lambda s: edited(s, "sex", distribution=value("pain since the morning " * 6))),
    "many decimals": ("precision", lambda s: edited(s, "age", decimals=0, distribution=steps((1.25, 3.0)))),
    "ranges out of order": ("precision", lambda s: edited(s, "age", distribution=steps((1, 9), (5, 12)))),
    "all records counted": ("training part", lambda s: replace(s, counts="everything")),
    "noise that the policy has not": ("noise", lambda s: replace(s, privacy=SPENT)),
    "a policy's noise not told": ("noise", lambda s: replace(s, policy=replace(s.policy, epsilon=1.0, delta=1e-6, contributions=1))),
    "more noise spent than allowed": (
        "noise",
        lambda s: replace(s, privacy=replace(SPENT, epsilon=2.0), policy=replace(s.policy, epsilon=1.0, delta=1e-6, contributions=1)),
    ),
    "a column nobody confirmed": ("schema", lambda s: edited(s, "sex", name="gender")),
    "another schema": ("schema", lambda s: replace(s, schema_digest="0" * 64)),
}


@pytest.mark.promise("assertions.2")
@pytest.mark.parametrize("edit", EDITS)
def test_each_fails_for_a_summary_edited_so_and_names_the_place_but_no_value(summary: MetadataSummary, edit: str) -> None:
    name, change = EDITS[edit]
    failed = {a.name: a for a in assertions(change(summary), SCHEMA) if not a.passed}
    assert name in failed
    assertion = failed[name]
    assert all(place in assertion.sentence for place in assertion.places[:10])
    assert not any(text in assertion.sentence for text in ("Lovelace", "943", "NW1", "7946", "2024", "1950", "pain", "1234", "a.b@"))


@pytest.mark.promise("assertions.1")
def test_a_direct_identifier_that_is_told_is_found_by_its_role(summary: MetadataSummary) -> None:
    schema = replace(
        SCHEMA, tables=(replace(SCHEMA.tables[0], columns=(*SCHEMA.tables[0].columns, ColumnSchema("hosp", Kind.IDENTIFIER, "string"))),)
    )
    (table,) = summary.tables
    told = replace(
        summary, tables=(replace(table, columns=(*table.columns, ColumnSummary("hosp", "identifier", distribution=value("H1")))),)
    )
    assert "identifiers" in {a.name for a in assertions(told, schema) if not a.passed}
