"""How each kind of place spells a canonical value in SQL: the one part of counting that knows dialects.

A canonical value is what a canonical Parquet file would hold (see `generators.reading.tables`): text as it is and missing where blank,
numbers finite and never minus zero, moments without a time zone (taken to UTC), times of day as text. Everything after that is Ibis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generators.reading.casting import ISO

LARGEST_FLOAT = "1.7976931348623157e308"
_PARTS = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}


@dataclass(frozen=True)
class Spelling:
    """One SQL dialect. double, bigint, boolean, text, date, moment: its names of the canonical types; the rest are templates of `{x}`.

    matches: whether a text is, as a whole, of a pattern without backslashes; utc: a moment with a time zone as one without; digits: a text
    less blanks and hyphens; hmac: HMAC-SHA256 in hexadecimal of the text {x} by the padded keys {inner} and {outer}; before: whether two
    hexadecimal texts are in that order, byte by byte; plain: text compared byte by byte.
    """

    quote: tuple[str, str]
    double: str
    bigint: str
    boolean: str
    text: str
    date: str
    moment: str
    matches: str
    utc: str
    digits: str
    hmac: str
    before: str
    plain: str = "{x}"
    finite_moment: str = "{x}"

    def name(self, *parts: str) -> str:
        """An identifier; of several parts, from the outermost."""
        first, last = self.quote
        return ".".join(first + part.replace(last, last * 2) + last for part in parts)

    def literal(self, text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    def cast(self, x: str, kind: str) -> str:
        return f"CAST({x} AS {kind})"

    def present(self, x: str) -> str:
        """A text, missing where it is blank."""
        return f"CASE WHEN trim({x}) <> '' THEN {self.plain.format(x=x)} END"

    def number(self, x: str) -> str:
        """A floating number: finite, not minus zero."""
        wide = self.cast(x, self.double)
        largest = self.cast(f"'{LARGEST_FLOAT}'", self.double)
        return f"CASE WHEN {wide} = 0 THEN {self.cast('0', self.double)} WHEN abs({wide}) <= {largest} THEN {wide} END"

    def matching(self, x: str, pattern: str) -> str:
        return self.matches.format(x=x, pattern=pattern)

    def where(self, condition: str, x: str) -> str:
        return f"CASE WHEN {condition} THEN {x} END"

    def key_text(self, x: str) -> str:
        """The text a key is known by, of a text: blanks about it and within an NHS number do not count (as in
        `generators.working_copy.relations`).
        """
        trimmed = self.plain.format(x=f"trim({x})")
        spaced = self.matching(trimmed, "[0-9]{3}[ -][0-9]{3}[ -][0-9]{4}")
        return f"CASE WHEN {spaced} THEN {self.digits.format(x=trimmed)} ELSE {trimmed} END"

    def moment_in(self, x: str, pattern: str) -> str | None:
        """The text of a moment (year-month-day, then hour:minute:second) in a text written by a strptime pattern whose parts all have
        their full width; NULL where it is not so written; None for patterns with other parts.
        """
        at, i, shape = {}, 0, ""
        position = 1
        while i < len(pattern):
            part = pattern[i : i + 2]
            if part in _PARTS:
                at[part] = f"substr({x}, {position}, {_PARTS[part]})"
                shape += f"[0-9]{{{_PARTS[part]}}}"
                position += _PARTS[part]
                i += 2
                continue
            if pattern[i] == "%" or pattern[i] not in " /:-,_.T":
                return None
            shape += "[.]" if pattern[i] == "." else pattern[i]
            position, i = position + 1, i + 1
        if not {"%Y", "%m", "%d"} <= set(at):
            return None
        clock = [at.get(part, "'00'") for part in ("%H", "%M", "%S")]
        whole = " || ".join([at["%Y"], "'-'", at["%m"], "'-'", at["%d"], "' '", clock[0], "':'", clock[1], "':'", clock[2]])
        return self.where(self.matching(x, shape), f"({whole})")

    def patterns(self, format: str | None, storage: str) -> tuple[str, ...]:
        """How texts of dates and moments may be written."""
        return (format,) if format else (ISO[storage], "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")


SPELLINGS: Mapping[str, Spelling] = {
    "duckdb": Spelling(
        quote=('"', '"'),
        double="DOUBLE",
        bigint="BIGINT",
        boolean="BOOLEAN",
        text="VARCHAR",
        date="DATE",
        moment="TIMESTAMP",
        matches="regexp_full_match({x}, '{pattern}')",
        utc="({x} AT TIME ZONE 'UTC')",
        digits="regexp_replace({x}, '[ -]', '', 'g')",
        hmac="sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode({x}))))",
        before="{x} < {y}",
        finite_moment="CASE WHEN isfinite({x}) THEN {x} END",
    ),
    "postgres": Spelling(
        quote=('"', '"'),
        double="double precision",
        bigint="bigint",
        boolean="boolean",
        text="text",
        date="date",
        moment="timestamp",
        matches="({x} ~ '^({pattern})$')",
        utc="({x} AT TIME ZONE 'UTC')",
        digits="regexp_replace({x}, '[ -]', '', 'g')",
        hmac="encode(sha256(decode('{outer}', 'hex') || sha256(decode('{inner}', 'hex') || convert_to({x}, 'UTF8'))), 'hex')",
        before='{x} COLLATE "C" < {y}',
        plain='({x})::text COLLATE "C"',
        finite_moment="CASE WHEN isfinite({x}) THEN {x} END",
    ),
    "pyspark": Spelling(
        quote=("`", "`"),
        double="DOUBLE",
        bigint="BIGINT",
        boolean="BOOLEAN",
        text="STRING",
        date="DATE",
        moment="TIMESTAMP_NTZ",
        matches="({x} RLIKE '^({pattern})$')",
        utc="CAST({x} AS TIMESTAMP_NTZ)",
        digits="regexp_replace({x}, '[ -]', '')",
        hmac="sha2(concat(unhex('{outer}'), unhex(sha2(concat(unhex('{inner}'), encode({x}, 'UTF-8')), 256))), 256)",
        before="{x} < {y}",
    ),
}
"""By the name of Ibis's dialect."""
