"""How stored values are written as text, and how text becomes stored values: SQL expressions for `generators.engine`.

One place, so that writing CSV, tokens, a steward's corrections and `conform` agree on what a value looks like.
"""

from __future__ import annotations

from generators.engine import literal
from generators.schema import ColumnSchema, Kind

INTEGER_TEXT = r"[+-]?[0-9]+"
REAL_TEXT = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
TIME_TEXT = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
TIME_SECONDS_TEXT = TIME_TEXT + r":[0-5][0-9]"
TIME_FRACTION_TEXT = TIME_SECONDS_TEXT + r"[.][0-9]{1,6}"

ISO = {"date32": "%Y-%m-%d", "timestamp[us]": "%Y-%m-%dT%H:%M:%S"}
"""How dates and datetimes are written when the source had no text format of its own."""

KIND_WORDS = {
    Kind.INTEGER: "whole numbers",
    Kind.REAL: "numbers",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "dates",
    Kind.DATETIME: "dates with a time",
    Kind.TIME: "times of day",
    Kind.CATEGORICAL: "codes",
    Kind.IDENTIFIER: "identifiers",
    Kind.FREE_TEXT: "text",
}
"""What the values of a kind are called in messages."""


def format_shape(pattern: str) -> str:
    """A regular expression for texts of the strptime `pattern`: strptime alone takes a two-digit year for a year of the first century."""
    parts = {
        "%Y": "[0-9]{4}",
        "%m": "[0-9]{1,2}",
        "%d": "[0-9]{1,2}",
        "%b": "[A-Za-z]{3}",
        "%B": "[A-Za-z]{3,9}",
        "%H": "[0-9]{1,2}",
        "%M": "[0-9]{2}",
        "%S": "[0-9]{2}",
        "%f": "[0-9]{1,6}",
        "%y": "[0-9]{2}",
        "%p": "[AaPp][Mm]",
        "%I": "[0-9]{1,2}",
        "%z": "(Z|[+-][0-9]{2}(:?[0-9]{2})?)",
    }
    if pattern == "%Y%m%d":  # without separators every part must have its full width
        return "[0-9]{8}"
    shape, i = "", 0
    while i < len(pattern):
        if pattern[i] == "%":
            shape += parts.get(pattern[i : i + 2], ".+")
            i += 2
        else:
            shape += pattern[i] if pattern[i].isalnum() or pattern[i] in " /:-,_" else f"[{pattern[i]}]"
            i += 1
    return shape


def strptime(text: str, pattern: str) -> str:
    """SQL: the naive timestamp of `text` by `pattern` (offsets are taken to UTC), NULL when it does not fit."""
    parsed = f"try_strptime({text}, {literal(pattern)})"
    if "%z" in pattern:
        # the engine wants Z spelt as an offset
        parsed = f"(try_strptime(regexp_replace({text}, 'Z$', '+00:00'), {literal(pattern)}) AT TIME ZONE 'UTC')"
    return f"CASE WHEN regexp_full_match({text}, {literal(format_shape(pattern))}) THEN {parsed} END"


def as_text(column: ColumnSchema, value: str) -> str:
    """SQL: the text of the stored `value` as the source writes it; NULL stays NULL."""
    if column.storage == "string":
        return value
    if column.storage in ISO:
        if column.format is None and column.storage == "timestamp[us]":
            whole, part = f"strftime({value}, '%Y-%m-%dT%H:%M:%S')", f"strftime({value}, '%Y-%m-%dT%H:%M:%S.%f')"
            return f"CASE WHEN epoch_us({value}) % 1000000 = 0 THEN {whole} ELSE {part} END"
        return f"strftime({value}, {literal((column.format or ISO[column.storage]).replace('%z', '+00:00'))})"
    if column.storage == "float64" and column.decimals is not None and column.decimals <= 15:
        # beyond 2^53 fixed notation would print digits that were never measured
        fixed = f"printf('%.{column.decimals}f', {value})"
        return f"CASE WHEN {value} IS NULL THEN NULL WHEN abs({value}) < 9e15 THEN {fixed} ELSE CAST({value} AS VARCHAR) END"
    return f"CAST({value} AS VARCHAR)"


def from_text(column: ColumnSchema, text: str) -> str:
    """SQL: the value to store for `text`; NULL when the text does not fit the column's kind, storage and format."""
    trimmed = f"trim({text})"
    if column.kind is Kind.TIME:
        if column.format == "%H:%M:%S.%f":  # six decimals, as every reader of the format writes them
            whole = f"rpad(CASE WHEN {trimmed} LIKE '_:%' THEN '0' || {trimmed} ELSE {trimmed} END, 15, '0')"
            return f"CASE WHEN regexp_full_match({trimmed}, '{TIME_FRACTION_TEXT}') THEN {whole} END"
        shape = TIME_SECONDS_TEXT if column.format == "%H:%M:%S" else TIME_TEXT
        width = 8 if column.format == "%H:%M:%S" else 5
        return f"CASE WHEN regexp_full_match({trimmed}, '{shape}') THEN lpad({trimmed}, {width}, '0') END"
    if column.storage == "string":
        return f"CASE WHEN {trimmed} <> '' THEN {text} END"
    if column.storage == "int64":
        return (
            f"CASE WHEN regexp_full_match({trimmed}, '{INTEGER_TEXT}([.]0*)?') "
            f"THEN TRY_CAST(regexp_replace({trimmed}, '[.]0*$', '') AS BIGINT) END"
        )
    if column.storage == "float64":
        number = f"TRY_CAST({trimmed} AS DOUBLE)"
        return f"CASE WHEN regexp_full_match({trimmed}, '{REAL_TEXT}') AND isfinite({number}) THEN {number} END"
    if column.storage == "bool":
        return (
            f"CASE WHEN lower({trimmed}) IN ('true', 't', 'yes', 'y', '1') THEN true "
            f"WHEN lower({trimmed}) IN ('false', 'f', 'no', 'n', '0') THEN false END"
        )
    parsed = strptime(trimmed, column.format) if column.format else f"TRY_CAST({trimmed} AS TIMESTAMP)"
    return f"CAST({parsed} AS DATE)" if column.storage == "date32" else parsed


def converted(old: ColumnSchema, new: ColumnSchema, value: str) -> str | None:
    """SQL that turns a value stored as `old` into one stored as `new` (NULL: it does not fit), or None when it may stay as it is."""
    temporal = old.storage in ISO and new.storage in ISO
    if temporal and (old.format is None or old.format == new.format or new.format is None):
        if old.storage == new.storage:
            return None
        return f"CAST({value} AS {'DATE' if new.storage == 'date32' else 'TIMESTAMP'})"
    if old.storage == new.storage and not temporal and (new.kind is not Kind.TIME or (old.kind is Kind.TIME and old.format == new.format)):
        return None
    return from_text(new, f"({as_text(old, value)})")
