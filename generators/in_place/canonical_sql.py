"""A column of a place as SQL of its canonical values, whatever type the place holds it in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from generators.errors import InputError
from generators.in_place.spelling import Spelling
from generators.reading.casting import INTEGER_TEXT, REAL_TEXT, TIME_SECONDS_TEXT, TIME_TEXT
from generators.schema import ColumnSchema, Kind

_EXACT_DIGITS = 18
"""Whole decimals of more digits than this may not fit 64 bits."""

_TYPES = (
    ("text", r"text|(n?var)?char(acter)?( varying)?|string|bpchar|name|citext|clob|enum|user-defined enum"),
    ("integer", r"(big|small|tiny|medium)?int(eger)?[248]?|long|short|byte|u(tiny|small|)int(eger)?"),
    ("long integer", r"hugeint|uhugeint|ubigint"),
    ("decimal", r"decimal|numeric|number"),
    ("float", r"double( precision)?|float[48]?|real"),
    ("bool", r"bool(ean)?|logical"),
    ("date", r"date"),
    ("moment with zone", r"timestamp with time zone|timestamptz|timestamp_ltz"),
    ("moment", r"timestamp( without time zone)?|timestamp_(ntz|s|ms|ns|us)|datetime2?"),
    ("time", r"time( without time zone)?"),
    ("uuid", r"uuid"),
)


@dataclass(frozen=True)
class SourceColumn:
    """A column as its place declares it. kind: a family of types ("text", "integer", "decimal", "moment with zone" …), "" where it is
    none a table can have here; declared: the place's own word; digits, places: of decimals, None where not declared.
    """

    name: str
    kind: str
    declared: str
    nullable: bool = True
    digits: int | None = None
    places: int | None = None

    @property
    def storage(self) -> str | None:
        """The storage such values have in canonical files; None where they can have none."""
        if self.kind == "decimal" and self.places == 0:
            return "int64" if (self.digits or 0) <= _EXACT_DIGITS else "string"
        by_kind = {"integer": "int64", "long integer": "string", "decimal": "float64", "float": "float64", "bool": "bool"}
        by_kind |= {"text": "string", "uuid": "string", "time": "string", "date": "date32"}
        return by_kind.get(self.kind) or ("timestamp[us]" if self.kind.startswith("moment") else None)


def source_column(name: str, declared: str, nullable: bool = True) -> SourceColumn:
    """From the type's name in the place's catalogue."""
    word = declared.lower().strip()
    size = re.search(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", word)
    plain = re.sub(r"\s*\(.*?\)", "", word).strip()
    kind = next((kind for kind, pattern in _TYPES if re.fullmatch(pattern, plain)), "")
    if word.startswith("enum("):
        kind = "text"
    digits, places = (int(size[1]), int(size[2] or 0)) if kind == "decimal" and size else (None, None)
    return SourceColumn(name, kind, plain, nullable, digits, places)


@dataclass(frozen=True)
class Spelled:
    """SQL of a column's canonical values. fallible: SQL that is true where a value cannot be what the schema says; None: nowhere."""

    value: str
    fallible: str | None = None


def spelled(spelling: Spelling, table: str, source: SourceColumn, column: ColumnSchema, alias: str) -> Spelled:
    """The column `source` of the table `alias` as the schema's `column`; InputError where the one can never be the other."""
    x = spelling.name(alias, source.name)
    value = _direct(spelling, x, source, column)
    if value is not None:
        return Spelled(value)
    text = f"trim({spelling.plain.format(x=x)})" if source.kind == "text" else spelling.cast(x, spelling.text)
    value = _from_text(spelling, text, source, column)
    if value is None:
        raise InputError(
            f'table "{table}", column "{column.name}": the place holds {source.declared or "values of an unknown type"}, which cannot be '
            f"read as {column.kind} ({column.storage}); correct the schema, or leave the column out of it"
        )
    there = f"{text} <> ''" if source.kind == "text" else f"{x} IS NOT NULL"
    return Spelled(value, f"{there} AND ({value}) IS NULL")


def _direct(spelling: Spelling, x: str, source: SourceColumn, column: ColumnSchema) -> str | None:
    """Where every value has a canonical form."""
    kind, storage = source.kind, column.storage
    moment = {"moment": x, "moment with zone": spelling.utc.format(x=x), "date": x}.get(kind)
    if column.kind is Kind.TIME:
        clock = f"substr({spelling.cast(x, spelling.text)}, 1, {5 if column.format == '%H:%M' else 8})"
        return clock if kind == "time" else None
    if storage == "string":
        return _text(spelling, x, source)
    if storage == "int64" and (kind == "integer" or (kind == "decimal" and source.storage == "int64")):
        return spelling.cast(x, spelling.bigint)
    if storage == "float64" and kind in ("integer", "decimal", "float"):
        return spelling.number(x)
    if storage == "bool" and kind == "bool":
        return x
    if storage in ("date32", "timestamp[us]") and moment is not None:
        return spelling.cast(spelling.finite_moment.format(x=moment), spelling.date if storage == "date32" else spelling.moment)
    return None


def _text(spelling: Spelling, x: str, source: SourceColumn) -> str | None:
    as_text = spelling.cast(x, spelling.text)
    if source.kind == "text":
        return spelling.present(as_text)
    if source.kind == "bool":
        return f"CASE WHEN {x} THEN 'true' WHEN NOT {x} THEN 'false' END"
    if source.kind == "time":
        return f"substr({as_text}, 1, 8)"
    if source.kind in ("integer", "long integer", "uuid", "date") or (source.kind == "decimal" and source.places == 0):
        return as_text
    return None


def _from_text(spelling: Spelling, text: str, source: SourceColumn, column: ColumnSchema) -> str | None:
    """Where only some values have one: SQL that is NULL for the others; None where no value has."""
    if source.kind not in ("text", "integer", "long integer", "decimal", "float"):
        return None
    storage = column.storage
    if column.kind is Kind.TIME:
        seconds = column.format == "%H:%M:%S"
        shape = TIME_SECONDS_TEXT if seconds else TIME_TEXT
        return spelling.where(spelling.matching(text, shape), f"lpad({text}, {8 if seconds else 5}, '0')")
    if storage == "int64":
        return spelling.where(spelling.matching(text, INTEGER_TEXT), spelling.cast(text, spelling.bigint))
    if storage == "float64":
        return spelling.where(spelling.matching(text, REAL_TEXT), spelling.number(text))
    if storage == "bool":
        low = f"lower({text})"
        return f"CASE WHEN {low} IN ('true', 't', 'yes', 'y', '1') THEN true WHEN {low} IN ('false', 'f', 'no', 'n', '0') THEN false END"
    if storage in ("date32", "timestamp[us]"):
        read = [m for p in spelling.patterns(column.format, storage) if (m := spelling.moment_in(text, p)) is not None]
        if not read:
            return None
        moment = spelling.cast(f"coalesce({', '.join(read)})" if len(read) > 1 else read[0], spelling.moment)
        return spelling.cast(moment, spelling.date) if storage == "date32" else moment
    return None
