"""What kind of values a text column holds, decided over *all* its values.

The first values of a column only suggest what it could be; every suggestion is then checked against every record. What fits without
exception is taken; what fits nearly is left as text, and the finding says how many values are in the way and where the first is.

Missing values: an empty or blank cell always. ``NA``, ``N/A``, ``NULL``, ``NaN``, ``None``, ``-`` and the like only in columns whose other
values are all numbers, dates, times or true/false, where they cannot be values; in text columns they may be (``NA`` is sodium and
Namibia, ``None`` an answer) and stay, with a finding.
"""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.engine import ROW, first_row, literal, scan
from generators.reading.casting import (
    INTEGER_TEXT,
    KIND_WORDS,
    REAL_TEXT,
    TIME_FRACTION_TEXT,
    TIME_SECONDS_TEXT,
    TIME_TEXT,
    format_shape,
    from_text,
    strptime,
)
from generators.reading.dataset import Finding
from generators.schema import ColumnSchema, Kind

MISSING_MARKERS = (
    "NA",
    "N/A",
    "n/a",
    "na",
    "#N/A",
    "NULL",
    "Null",
    "null",
    "NaN",
    "nan",
    "NAN",
    "None",
    "none",
    "NONE",
    "-",
    ".",
    "\\N",
    "NaT",
    "<NA>",
)
"""Spellings of "missing" besides the empty cell; see the module's docstring for where they count."""

_SAMPLE = 200
_COLUMNS_AT_ONCE = 8
"""Columns per query: the engine's planning time grows with the square of a query's expressions."""
FEW = 20
"""Values fewer than this are not taken for dates by eight digits alone."""
DATE_NAME = re.compile("date|dob|birth", re.IGNORECASE)
_NEARLY = 0.1
"""Share of misfits up to which a column is reported as mixed."""

DATE_FORMATS = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%Y%m%d",
)
_TIME_TAILS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
DATETIME_FORMATS = (
    *(f"%Y-%m-%d{gap}{tail}{zone}" for gap in (" ", "T") for tail in _TIME_TAILS for zone in ("", "Z", "%z")),
    *(f"{day} {tail}" for day in ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d-%b-%Y", "%Y/%m/%d") for tail in _TIME_TAILS[:2]),
)
_DAY_FIRST = {"%d/%m/%Y": "%m/%d/%Y", "%d-%m-%Y": "%m-%d-%Y"}
COMPACT_DATE = "(17|18|19|20|21)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"


@dataclass(frozen=True)
class Guess:
    """What a text column may be.

    label: for messages; test: SQL on the trimmed text `_T` that is true where a value fits; value: SQL for the stored value.
    """

    label: str
    kind: Kind
    storage: str
    test: str
    value: str
    shape: str
    format: str | None = None


_T = "value_text"
"""Stands for the trimmed text in the SQL of a guess."""


def _guess(kind: Kind, storage: str, shape: str, *, format: str | None = None, test: str | None = None, value: str = "") -> Guess:
    """A guess. `value` is by default the careful reading of `casting`; where `test` holds throughout, a plainer one does and is faster."""
    column = ColumnSchema("", kind, storage, format=format)
    return Guess(
        KIND_WORDS[kind], kind, storage, test or f"regexp_full_match({_T}, {literal(shape)})", value or from_text(column, _T), shape, format
    )


def _temporal(kind: Kind, pattern: str) -> Guess:
    shape = COMPACT_DATE if pattern == "%Y%m%d" else format_shape(pattern)
    test = f"regexp_full_match({_T}, {literal(shape)}) AND {strptime(_T, pattern)} IS NOT NULL"
    return _guess(kind, "date32" if kind is Kind.DATE else "timestamp[us]", shape, format=pattern, test=test)


_WHOLE = _guess(
    Kind.INTEGER,
    "int64",
    INTEGER_TEXT,
    test=f"coalesce(TRY_CAST({_T} AS BIGINT)::VARCHAR = ltrim({_T}, '+'), false)",
    value=f"TRY_CAST({_T} AS BIGINT)",
)
_REAL_SHAPE = r"[+-]?((0|[1-9][0-9]{0,14})([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_REAL = _guess(
    Kind.REAL,
    "float64",
    _REAL_SHAPE,
    test=f"regexp_full_match({_T}, '{_REAL_SHAPE}') AND isfinite(TRY_CAST({_T} AS DOUBLE))",
    value=f"TRY_CAST({_T} AS DOUBLE)",
)
_COMMA_SHAPE = r"[+-]?(0|[1-9][0-9]{0,14})(,[0-9]+)?"
_COMMA = Guess(
    "numbers",
    Kind.REAL,
    "float64",
    f"regexp_full_match({_T}, '{_COMMA_SHAPE}')",
    f"TRY_CAST(replace({_T}, ',', '.') AS DOUBLE)",
    _COMMA_SHAPE,
    "comma",
)
_DIGITS = Guess("digits", Kind.CATEGORICAL, "string", f"regexp_full_match({_T}, '[+-]?[0-9]+')", _T, "[+-]?[0-9]+")
_BOOLEAN = _guess(Kind.BOOLEAN, "bool", "(?i:true|false)", test=f"lower({_T}) IN ('true', 'false')")
GUESSES: tuple[Guess, ...] = (
    _BOOLEAN,
    _temporal(Kind.DATE, "%Y%m%d"),
    _WHOLE,
    _REAL,
    _COMMA,
    _DIGITS,
    *(_temporal(Kind.DATE, f) for f in DATE_FORMATS if f != "%Y%m%d"),
    *(_temporal(Kind.DATETIME, f) for f in DATETIME_FORMATS),
    _guess(Kind.TIME, "string", TIME_TEXT, format="%H:%M"),
    _guess(Kind.TIME, "string", TIME_SECONDS_TEXT, format="%H:%M:%S"),
    _guess(Kind.TIME, "string", TIME_FRACTION_TEXT, format="%H:%M:%S.%f"),
)
"""In order of preference among those that fit every value."""


@dataclass(frozen=True)
class Decision:
    """A staged column's schema so far (kind may be refined by `profile`), the SQL that makes its stored value, and what was noticed."""

    column: ColumnSchema
    value: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Checked:
    guess: Guess
    misfits: int
    first: int | None


def decide_text(
    connection: duckdb.DuckDBPyConnection, staged: Path, columns: Sequence[tuple[str, str]], table: str
) -> Iterator[tuple[str, Decision]]:
    """The decision on every text column of `staged`.

    columns: (name in the file, real name); yields the name in the file with each decision.
    """
    samples = _samples(connection, staged, [c for c, _ in columns])
    for start in range(0, len(columns), _COLUMNS_AT_ONCE):
        part = columns[start : start + _COLUMNS_AT_ONCE]
        plans = {c: [g for g in GUESSES if _suggested(g, samples[c])] for c, _ in part}
        first = {c: _first_of(plans[c]) for c, _ in part}
        decisions = dict(_checked_part(connection, staged, part, first, table, tentative=True))
        # only where the likeliest guess fails somewhere are the others tried
        again = [(c, name) for c, name in part if c not in decisions]
        if again:
            decisions |= dict(_checked_part(connection, staged, again, plans, table))
        yield from decisions.items()


def _first_of(plan: list[Guess]) -> list[Guess]:
    """The likeliest guess, with what it could be confused with (month first) or must yield to (numbers, for eight digits)."""
    if not plan:
        return []
    other = _DAY_FIRST.get((plan[0].format or "").split(" ")[0])
    rivals = [g for g in plan[1:] if (other and (g.format or "").startswith(other)) or (plan[0].format == "%Y%m%d" and g is _WHOLE)]
    return [plan[0], *rivals]


def _samples(connection: duckdb.DuckDBPyConnection, staged: Path, columns: list[str]) -> dict[str, list[str]]:
    """Up to `_SAMPLE` different values of each column that are not missing."""
    found: dict[str, list[str]] = {}
    with pq.ParquetFile(staged) as file:
        head = next(file.iter_batches(batch_size=20_000, columns=columns), None)
    for c in columns:
        values = [] if head is None else _present(head.column(head.schema.get_field_index(c)))
        if len(values) < 50 and head is not None and head.num_rows == 20_000:
            sql = f'SELECT "{c}" FROM {scan(staged)} WHERE trim("{c}") <> \'\' LIMIT {_SAMPLE}'
            values = [v for (v,) in connection.execute(sql).fetchall()]
        found[c] = sorted({v.strip() for v in values} - set(MISSING_MARKERS))
    return found


def _present(column: pa.Array) -> list[str]:
    present = column.filter(pc.is_valid(column))
    return [v for v in present.slice(0, 4 * _SAMPLE).to_pylist() if v.strip()][:_SAMPLE]


def _suggested(guess: Guess, sample: list[str]) -> bool:
    if not sample:
        return False
    shape = _compiled(guess.shape)
    return sum(shape.fullmatch(v) is not None for v in sample) >= 0.5 * len(sample)


@cache
def _compiled(shape: str) -> re.Pattern[str]:
    return re.compile(shape)


def _checked_part(
    connection: duckdb.DuckDBPyConnection,
    staged: Path,
    part: Sequence[tuple[str, str]],
    plans: dict[str, list[Guess]],
    table: str,
    *,
    tentative: bool = False,
) -> Iterator[tuple[str, Decision]]:
    """The decisions by these guesses; `tentative` leaves out columns of which every guess fails."""
    texts: list[str] = []
    selects: list[str] = []
    markers = ", ".join(literal(m) for m in MISSING_MARKERS)
    for i, (c, _) in enumerate(part):
        # p: what is in the cell; r: what is left when markers of missing values are taken away
        p, r = f"p{i}", f"r{i}"
        texts.append(f"nullif(trim(\"{c}\"), '') AS {p}, CASE WHEN NOT list_contains([{markers}], {p}) THEN {p} END AS {r}")
        selects += [f"count({p})", f"count({r})"]
        for guess in plans[c]:
            misfit = f"{r} IS NOT NULL AND NOT coalesce({guess.test.replace(_T, r)}, false)"
            selects += [f"count_if({misfit})", f"min(CASE WHEN {misfit} THEN {ROW} END)"]
        numeric = any(g.kind in (Kind.REAL, Kind.CATEGORICAL) for g in plans[c])
        selects += [f"max(length({r}))", _decimals(r) if numeric else "NULL", f"bool_and({r} LIKE '%.0')" if numeric else "NULL"]
    source = f"SELECT {', '.join(texts)}, file_row_number FROM {scan(staged, numbered=True)}"
    row = first_row(connection, f"SELECT {', '.join(selects)} FROM ({source})")
    values = iter(row)
    for c, name in part:
        present_count, real_count = next(values), next(values)
        checked = [_Checked(g, next(values), next(values)) for g in plans[c]]
        longest, decimals, all_point_zero = next(values), next(values), next(values)
        if tentative and checked and all(x.misfits for x in checked):
            continue
        numbers = _Numbers(present_count, real_count, longest or 0, decimals, bool(all_point_zero))
        yield c, _decide(c, name, table, checked, numbers)


def _decimals(text: str) -> str:
    """SQL: most digits after the decimal mark; 99 where an exponent hides them."""
    return (
        f"max(CASE WHEN regexp_full_match({text}, '[+-]?[0-9]*[.,]?[0-9]*') THEN length(regexp_extract({text}, '[.,]([0-9]*)$', 1)) "
        f"WHEN regexp_full_match({text}, '{REAL_TEXT}') THEN 99 END)"
    )


@dataclass(frozen=True)
class _Numbers:
    present: int
    real: int
    longest: int
    decimals: int | None
    all_point_zero: bool


def _decide(c: str, name: str, table: str, checked: list[_Checked], numbers: _Numbers) -> Decision:
    t = f'trim("{c}")'
    fitting = [x.guess for x in checked if x.misfits == 0]
    if numbers.real < FEW:
        # eight digits in a handful of records are as likely a number as a date
        fitting = [g for g in fitting if g.format != "%Y%m%d" or DATE_NAME.search(name)]
    chosen = next((g for g in fitting if g is not _DIGITS), None)
    if numbers.real == 0 or chosen is None:
        return _text(c, name, table, checked, numbers, _DIGITS in fitting)
    findings: list[Finding] = []

    def find(level: str, message: str, reason: str = "") -> None:
        findings.append(Finding(table, name, "warning" if level == "warning" else "note", message, reason))

    kind, storage, pattern, decimals, value = chosen.kind, chosen.storage, chosen.format, None, chosen.value
    if chosen.format == "comma":
        find("note", "decimal commas were read as decimal points")
        pattern = None
    if kind is Kind.REAL:
        decimals = numbers.decimals if numbers.decimals is not None and 0 <= numbers.decimals <= 15 else None
        if numbers.all_point_zero and decimals == 1 and numbers.longest <= 17:
            kind, storage, decimals = Kind.INTEGER, "int64", None
            value = from_text(ColumnSchema("", kind, storage), _T)
            find(
                "note",
                "whole numbers written with .0 were read as whole numbers",
                "every value ends in .0, as some programs write whole numbers with gaps",
            )
    other = _DAY_FIRST.get((pattern or "").split(" ")[0])
    if other and any((g.format or "").startswith(other) for g in fitting):
        find(
            "warning",
            "read as day/month/year; it could as well be month/day/year",
            "no value in the whole column has a day above 12 that would tell",
        )
    if pattern and "%z" in pattern:
        find("note", "datetimes with an offset were taken to UTC")
    if numbers.present > numbers.real:
        find(
            "note",
            f"{numbers.present - numbers.real:,} cells that say NA, NULL or the like were read as missing",
            "all other values are " + chosen.label,
        )
    stored = value.replace(_T, t)
    markers = ", ".join(literal(m) for m in MISSING_MARKERS)
    if numbers.present > numbers.real:
        stored = f"CASE WHEN NOT list_contains([{markers}], {t}) THEN {stored} END"
    return Decision(ColumnSchema(name, kind, storage, format=pattern, decimals=decimals), stored, tuple(findings))


def _text(c: str, name: str, table: str, checked: list[_Checked], numbers: _Numbers, digits: bool) -> Decision:
    """A column that stays text, and why."""
    findings: list[Finding] = []
    if digits and numbers.longest > 18:
        findings.append(
            Finding(
                table, name, "warning", "digits kept as text", "some numbers do not fit in 64 bits, so counting with them would change them"
            )
        )
    elif digits:
        findings.append(
            Finding(
                table,
                name,
                "note",
                "digits kept as text",
                "some values start with zero: these are codes, and as numbers they would lose it",
            )
        )
    else:
        near = [x for x in checked if 0 < x.misfits <= _NEARLY * numbers.real]
        if near:
            best = min(near, key=lambda x: (x.misfits, GUESSES.index(x.guess)))
            findings.append(
                Finding(
                    table,
                    name,
                    "warning",
                    f"{best.misfits:,} of {numbers.real:,} values are not {best.guess.label} (first: row {best.first:,}); "
                    "the column was left as text",
                    "mark it as text, or mend the file and send it again",
                )
            )
    if numbers.present > numbers.real:
        findings.append(
            Finding(
                table,
                name,
                "note",
                f"{numbers.present - numbers.real:,} cells say NA, NULL, None or the like; they were kept as text",
                "in a text column they may be answers",
            )
        )
    return Decision(ColumnSchema(name, Kind.CATEGORICAL, "string"), f'CASE WHEN trim("{c}") <> \'\' THEN "{c}" END', tuple(findings))
