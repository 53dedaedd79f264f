"""A proposed schema of a place, from its catalogue and from counts alone: no value is looked at. For the steward to correct."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ibis  # type: ignore[import-untyped]
import ibis.expr.types as ir  # type: ignore[import-untyped]

from generators.errors import InputError
from generators.in_place.canonical_sql import SourceColumn
from generators.in_place.keys import holds
from generators.in_place.places import Place
from generators.in_place.relation import number, whole_sum
from generators.in_place.views import Source
from generators.profiling.identifiers import named_identifier, named_role, spelled
from generators.profiling.key_names import VOCABULARY, keyish, own_key, refers, singular
from generators.reading.dataset import Finding
from generators.schema import NUMBERS, ColumnSchema, DatasetSchema, ForeignKey, Kind, Role, TableSchema
from generators.units import suggested

FEW_VALUES = 20
NEAR_UNIQUE = 0.9
MOST_DECIMALS = 6
_PERSON = re.compile(r"^(patient|person|participant|subject|subj|pat)(_?(id|key|no|num|number))?$|(^|_)(mrn|nhs_?(no|num|number))$")


def schema_of(place: Place) -> tuple[DatasetSchema, tuple[Finding, ...]]:
    """(the schema as it is proposed, what the steward should know of it). Columns of types that no table can have here are left out, and
    said. InputError where the place does not answer.
    """
    tables, findings = [], []
    for name in place.tables():
        table, found = _table(place, name)
        tables.append(table)
        findings += found
    schema = DatasetSchema(tuple(tables))
    return _related(place, schema), tuple(findings)


def _table(place: Place, name: str) -> tuple[TableSchema, list[Finding]]:
    findings = []
    sources = place.columns(name)
    for source in sources:
        if source.storage is None:
            findings.append(Finding(name, source.name, "warning", f"left out: {source.declared} values cannot be read here", ""))
    kept = [s for s in sources if s.storage is not None]
    if not kept:
        raise InputError(f'table "{name}" of {place.reference} has no column of a type that can be read here; leave it out')
    plain = TableSchema(name, tuple(ColumnSchema(s.name, _plain(s), s.storage or "string", decimals=s.places) for s in kept))
    counts = _counts(place, plain)
    keys = place.keys(name)
    declared = {c for k in keys.foreign for c in k.columns} | set(keys.primary)
    columns = tuple(_column(c, s, counts[c.name], c.name in declared) for c, s in zip(plain.columns, kept, strict=True))
    person = next((c.name for c in columns if _PERSON.search(spelled(c.name)) and not c.nullable), None)
    columns = tuple(replace(c, kind=Kind.IDENTIFIER, unit="") if c.name == person else c for c in columns)
    primary = keys.primary or next(
        ((c.name,) for c in columns if c.unique and c.role is not Role.DIRECT_IDENTIFIER and own_key(name, c.name) is not None), ()
    )
    reason = "identifiers were looked for by name alone, since values stay where they are"
    findings.append(Finding(name, None, "note", "check every role: names, numbers and addresses of persons are direct identifiers", reason))
    public = bool(VOCABULARY.search(singular(name))) and person is None
    if public:
        findings.append(Finding(name, None, "warning", "taken as a vocabulary, published by somebody else", "its name; correct it if not"))
    table = TableSchema(name, columns, person, primary, keys.foreign, public=public)
    return table, findings


def _plain(source: SourceColumn) -> Kind:
    by_storage = {"int64": Kind.INTEGER, "float64": Kind.REAL, "bool": Kind.BOOLEAN, "date32": Kind.DATE, "timestamp[us]": Kind.DATETIME}
    return Kind.TIME if source.kind == "time" else by_storage.get(source.storage or "", Kind.CATEGORICAL)


def _counts(place: Place, table: TableSchema) -> dict[str, dict[str, Any]]:
    """Of each column, rows, values, different values, characters, words, the least whole number, and values with so many decimals."""
    source = Source.of(place, DatasetSchema((table,)))
    relation = source.relation(table, table.columns, most=2)
    asked: dict[str, ir.Value] = {"all_rows": relation.rows.count()}
    for i, column in enumerate(table.columns):
        value = relation.rows[f"c{i}"]
        asked |= {f"n{i}": value.count(), f"distinct{i}": value.nunique()}
        if column.storage == "string":
            words = value.length() - value.replace(" ", "").length() + 1
            asked |= {f"longest{i}": value.length().max(), f"words{i}": whole_sum(words)}
        elif column.storage == "int64":
            asked[f"low{i}"] = value.min()
        elif column.storage == "float64" and column.decimals is None:
            for places in range(MOST_DECIMALS):
                scaled = value * number(10.0**places)
                off = (scaled - (scaled + number(0.5)).floor().cast("float64")).abs() > number(1e-6)
                asked[f"finer{places}_{i}"] = whole_sum(ibis.ifelse(off, 1, 0))
    row = relation.answer(relation.rows.agg(**asked)).to_pylist()[0]
    names = ("n", "distinct", "longest", "words", "low", *(f"finer{p}_" for p in range(MOST_DECIMALS)))
    return {c.name: {"rows": row["all_rows"], **{w: row.get(f"{w}{i}") for w in names}} for i, c in enumerate(table.columns)}


def _column(column: ColumnSchema, source: SourceColumn, counts: dict[str, Any], key: bool) -> ColumnSchema:
    rows, present, distinct = counts["rows"], counts["n"], counts["distinct"]
    kind = _kind(column, counts, key)
    decimals = column.decimals
    if kind is Kind.REAL and decimals is None:
        decimals = next((p for p in range(MOST_DECIMALS) if not counts[f"finer{p}_"]), None)
    role = Role.DIRECT_IDENTIFIER if named_identifier(column.name) else named_role(column.name, kind)[0]
    if kind is Kind.IDENTIFIER and role is not Role.DIRECT_IDENTIFIER:
        role = Role.OTHER
    unique = kind is Kind.IDENTIFIER and rows == present == distinct and rows > 1
    form = "%H:%M:%S" if kind is Kind.TIME else None
    kept = decimals if kind is Kind.REAL else None
    unit = suggested(spelled(column.name)) if kind in NUMBERS and role is not Role.DIRECT_IDENTIFIER else ""
    return replace(column, kind=kind, role=role, nullable=present < rows, unique=unique, decimals=kept, format=form, unit=unit)


def _kind(column: ColumnSchema, counts: dict[str, Any], key: bool) -> Kind:
    present, distinct = counts["n"], counts["distinct"]
    if key or _PERSON.search(spelled(column.name)):
        return Kind.IDENTIFIER
    if column.kind is Kind.CATEGORICAL and present:
        words = (counts["words"] or 0) / present
        if keyish(column.name) and words < 1.5 and distinct > FEW_VALUES:
            return Kind.IDENTIFIER
        if words < 1.5 and distinct > NEAR_UNIQUE * present and present >= FEW_VALUES:
            return Kind.IDENTIFIER
        if (counts["longest"] or 0) > 200 or (words >= 2 and distinct > 5 and (distinct > 1000 or distinct > 0.2 * present)):
            return Kind.FREE_TEXT
    if column.kind is Kind.INTEGER and present:
        if keyish(column.name) and distinct > FEW_VALUES:
            return Kind.IDENTIFIER
        if distinct <= FEW_VALUES and present >= 20 * distinct and -9 <= (counts["low"] or 0) <= 1:
            return Kind.CATEGORICAL
    return column.kind


def _related(place: Place, schema: DatasetSchema) -> DatasetSchema:
    """With the foreign keys that names suggest and counts confirm, where the catalogue declares none."""
    whole = Source.of(place, schema)
    tables = []
    for table in schema.tables:
        declared = {c for k in table.foreign_keys for c in k.columns}
        found = [*table.foreign_keys]
        for column in table.columns:
            if column.kind is Kind.IDENTIFIER and column.name not in declared and table.primary_key != (column.name,):
                found += _reference(whole, table, column, schema.tables)
        tables.append(replace(table, foreign_keys=tuple(found)))
    return DatasetSchema(tuple(tables))


def _reference(source: Source, table: TableSchema, column: ColumnSchema, tables: Sequence[TableSchema]) -> list[ForeignKey]:
    """The foreign key of a column to the table its name speaks of most, if every value is there."""
    ranked = []
    for parent in tables:
        if len(parent.primary_key) == 1 and parent.name != table.name:
            strength = refers(column.name, parent.name, parent.primary_key[0], same_table=False)
            if strength:
                ranked.append((-strength, parent.name, ForeignKey((column.name,), parent.name, parent.primary_key)))
    return next(([key] for _, _, key in sorted(ranked, key=lambda r: r[:2]) if holds(source, table, key)), [])
