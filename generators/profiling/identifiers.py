"""Direct identifiers found by what columns hold and by what they are called; and the roles their names suggest.

By content: NHS numbers (check digit, python-stdnum), e-mail addresses, UK postcodes and telephone numbers, dates of birth, text that is
nearly unique, and identifiers inside longer text. A proposal with a reason, for the steward to correct: no detector is complete.
"""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from stdnum.gb import nhs

from generators.engine import first_row, quoted, scan
from generators.schema import Kind, Role

DISTINCT_LOOKED_AT = 20_000
"""Most different values of a column that are looked at one by one (whole-column identifiers).

Inside longer text every record is searched.
"""

MAJORITY = 0.8
"""Share of a column's different values that must look like an identifier for the column to be one."""

_POSTCODE = r"(?:GIR ?0AA|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2})"
_DISTRICT = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?", re.IGNORECASE)
_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
_PHONE = r"(?:\+44 ?\(?0?\)?|\(?0)[1-37-9][0-9]{0,4}\)?[ -]?(?:[0-9][ -]?){4,8}[0-9]"
_NHS = r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}"

_NAME_WORDS: tuple[tuple[str, str], ...] = (
    (
        "a name",
        r"(sur|fore|first|last|family|given|middle|full|maiden|patient|person|gp|nok|carer|consultant|doctor|clinician|staff|nurse)_?names?|^names?$|initials",
    ),
    ("an address", r"address|street|house_?(no|number|name)|addr_?line|^addr"),
    ("a full postcode", r"^(post_?code|postal_?code|zip|zip_?code)$|(home|patient|full)_post_?code"),
    ("an e-mail address", r"e_?mail"),
    ("a telephone number", r"phone|mobile_?(no|number|phone)|^mobile$|^tel$|^tel_|fax"),
    ("an NHS number", r"nhs_?(no|num|number|id)?$|^nhs"),
    ("a hospital number", r"^mrn$|_mrn$|medical_record|hospital_?(no|num|number|id)$|(^|_)hosp_?no"),
    ("a national number", r"national_?insurance|^nino$|^ssn$|social_security|passport|driving_?licen[cs]e|^chi_?(no|number)$"),
    ("an account or device", r"ip_?address|device_?(id|serial)|serial_?(no|number)|bank|iban|account_?(no|number)|user_?name|url"),
    ("a date of birth", r"^dob$|_dob$|^dob_|birth_?(date|day|datetime)$|date_?of_?birth|born_?(on|date)"),
    ("a picture or signature", r"photo|signature|fingerprint"),
)
_QUASI = re.compile(
    r"(^|_)(age|sex|gender|ethnic\w*|race|religion|marital\w*|occupation|nationality|country|language|birthplace|postcode\w*|district|"
    r"lsoa\w*|msoa\w*|ward_of_residence|region|imd\w*|deprivation\w*|year_of_birth|birth_year|yob|month_of_birth|day_of_birth|height|education|income|"
    r"date|dates|datetime|(admission|discharge|arrival)_(date|time)|dates?_?of_?death|death_?date|site|hospital|provider|gp_?practice)(_|$)|^age|^date|date$",
)
_SENSITIVE = re.compile(
    r"diag\w*|icd\w*|snomed\w*|condition|disease|procedure|opcs\w*|drug|medic\w*|dose|prescri\w*|symptom\w*|complaint|note|comment|result|"
    r"outcome|death|dead|died|mortal\w*|disposition|hiv|cancer|tumou?r|asthma|diabet\w*|mental|psych\w*|alcohol\w*|smok\w*|pregnan\w*|"
    r"allerg\w*|severity|injur\w*|hepatitis|weight|bmi|pressure|bp$|heart|measurement|value_as|observation|test_"
)


def spelled(name: str) -> str:
    """A column name in lower snake case: ``dateOfBirth`` and ``Date of birth`` → ``date_of_birth``."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def named_identifier(name: str) -> str | None:
    """What direct identifier a column of this name holds ("a date of birth"), or None."""
    word = spelled(name)
    return next((what for what, pattern in _NAME_WORDS if re.search(pattern, word)), None)


def named_role(name: str, kind: Kind) -> tuple[Role, str]:
    """The role a name and kind suggest for a column that is no direct identifier, and why."""
    word = spelled(name)
    if _QUASI.search(word) or kind in (Kind.DATE, Kind.DATETIME):
        return Role.QUASI_IDENTIFIER, "others may know this about a person"
    if _SENSITIVE.search(word):
        return Role.SENSITIVE, "the name speaks of health or private life"
    return Role.OTHER, ""


@dataclass(frozen=True)
class Found:
    """A direct identifier in a column.

    what: "an NHS number"; why: the evidence, in counts; count: of records it was seen in (0: not counted).
    """

    column: str
    what: str
    why: str
    count: int = 0


def is_nhs_number(text: str) -> bool:
    """Ten digits, spaces or hyphens allowed, with a right check digit."""
    return re.fullmatch(_NHS, text) is not None and bool(nhs.is_valid(text))


def whole_column(values: Sequence[str]) -> tuple[str, int] | None:
    """What identifier most of `values` (different, at least 5) are, and how many of them; None when they are none."""
    if len(values) < 5:
        return None
    stripped = [v.strip() for v in values]
    detectors = (
        ("an NHS number", is_nhs_number),
        ("an e-mail address", lambda v: re.fullmatch(_EMAIL, v) is not None),
        ("a full postcode", lambda v: re.fullmatch(_POSTCODE, v, re.IGNORECASE) is not None),
        ("a telephone number", lambda v: re.fullmatch(_PHONE, v) is not None and 10 <= sum(c.isdigit() for c in v) <= 14),
    )
    for what, detect in detectors:
        count = sum(map(detect, stripped))
        if count >= MAJORITY * len(stripped):
            return what, count
    return None


def looks_like_identifier(text: str) -> bool:
    """Whether one value by itself is an NHS number (by its check digit), an e-mail address, a full postcode or a telephone number.

    Postcodes only with their space, and telephone numbers only of ten digits or more: single codes are often written like them.
    """
    if is_nhs_number(text) or re.search(rf"(?:^|[^\w.]){_EMAIL}(?:$|[^\w])", text):
        return True
    if re.fullmatch(r"[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}", text):
        return True
    return re.fullmatch(_PHONE, text) is not None and 10 <= sum(c.isdigit() for c in text) <= 14


def postcode_districts(values: Sequence[str]) -> bool:
    """Whether most values are the first half of a UK postcode (N1, SW10): where somebody lives, but not the house."""
    matching = sum(_DISTRICT.fullmatch(v.strip()) is not None for v in values)
    return len(values) >= 5 and matching >= MAJORITY * len(values)


def different_values(connection: duckdb.DuckDBPyConnection, path: Path, column: str) -> list[str]:
    """Up to `DISTINCT_LOOKED_AT` different values as text."""
    value = quoted(column)
    sql = f"SELECT DISTINCT CAST({value} AS VARCHAR) FROM {scan(path)} WHERE {value} IS NOT NULL LIMIT {DISTINCT_LOOKED_AT}"
    return [text for (text,) in connection.execute(sql).fetchall()]


def inside_text(connection: duckdb.DuckDBPyConnection, path: Path, column: str) -> list[Found]:
    """Identifiers within the longer texts of a column; every record is searched.

    A ten-digit number counts as an NHS number only by its check digit, so one in eleven other numbers is taken for one.
    """
    value = quoted(column)
    bounded = r"(?:^|[^A-Za-z0-9])"
    patterns = {
        "an e-mail address": _EMAIL,
        "a telephone number": rf"(?:^|[^0-9])(?:{_PHONE})(?:$|[^0-9])",
        "a full postcode": rf"{bounded}(?:[A-Z]{{1,2}}[0-9][A-Z0-9]? [0-9][A-Z]{{2}})(?:$|[^A-Za-z0-9])",
    }
    counts = ", ".join(f"count_if(regexp_matches({value}, '{p}'))" for p in patterns.values())
    nhs_pattern = rf"(?:^|[^0-9])({_NHS})(?:$|[^0-9])"
    total, *hits, tens = first_row(
        connection,
        f"SELECT count({value}), {counts}, count_if(regexp_matches({value}, '{nhs_pattern}')) FROM {scan(path)}",
    )
    found = [Found(column, what, f"in {n:,} of {total:,} texts", n) for what, n in zip(patterns, hits, strict=True) if n]
    if tens:
        sql = f"SELECT unnest(regexp_extract_all({value}, '{nhs_pattern}', 1)) FROM {scan(path)}"
        cursor = connection.execute(sql)
        valid = 0
        while rows := cursor.fetchmany(10_000):
            valid += sum(is_nhs_number(text) for (text,) in rows)
        if valid:
            found.append(Found(column, "an NHS number", f"in {valid:,} places of {total:,} texts, by check digit", valid))
    return found


def birth_dates(
    connection: duckdb.DuckDBPyConnection, path: Path, dates: Sequence[str], ages: Sequence[str], span: int = 50
) -> list[Found]:
    """Date columns that are dates of birth by content.

    Either the years between it and another date agree with an age column (within one year, in nine records of ten), or its dates
    spread over more than `span` years and lie, with hardly an exception, at or before every other date of a table whose
    other dates are much closer together.
    """
    found: list[Found] = []
    for birth in dates:
        why = next((w for age in ages for event in dates if event != birth and (w := _agrees(connection, path, birth, event, age))), None)
        if why is None and len(dates) > 1:
            why = _spread(connection, path, birth, [d for d in dates if d != birth], span)
        if why:
            found.append(Found(birth, "a date of birth", why))
    return found


def _agrees(connection: duckdb.DuckDBPyConnection, path: Path, birth: str, event: str, age: str) -> str | None:
    b, e, a = (quoted(x) for x in (birth, event, age))
    years = f"datediff('day', CAST({b} AS DATE), CAST({e} AS DATE)) / 365.25"
    known = f"{b} IS NOT NULL AND {e} IS NOT NULL AND {a} IS NOT NULL"
    fits = f"{known} AND abs(floor({years}) - {a}) <= 1"
    rows, agreeing, spread = first_row(
        connection,
        f"SELECT count_if({known}), count_if({fits}), stddev_pop({a}) FILTER ({known}) FROM {scan(path)}",
    )
    # a constant age would agree with any two dates a fixed time apart
    if rows >= 10 and agreeing >= 0.9 * rows and (spread or 0) > 2:
        return f'the years from it to "{event}" are the "{age}" in {agreeing:,} of {rows:,} records'
    return None


def _spread(connection: duckdb.DuckDBPyConnection, path: Path, birth: str, others: Sequence[str], span: int) -> str | None:
    b = quoted(birth)
    earliest = f"least({', '.join(f'CAST({quoted(o)} AS DATE)' for o in others)})"
    rows, before, years, other_years = first_row(
        connection,
        f"SELECT count(*), count_if(CAST({b} AS DATE) <= {earliest}), "
        f"datediff('year', quantile_disc(CAST({b} AS DATE), 0.01), quantile_disc(CAST({b} AS DATE), 0.99)), "
        f"datediff('year', quantile_disc({earliest}, 0.01), quantile_disc({earliest}, 0.99)) "
        f"FROM {scan(path)} WHERE {b} IS NOT NULL AND {earliest} IS NOT NULL",
    )
    if rows >= 20 and before >= 0.99 * rows and years >= span and other_years <= span / 2:
        return f"its dates spread over {years} years and lie before all other dates of the record"
    return None
