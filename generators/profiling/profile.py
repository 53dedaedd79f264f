"""What we think a table is: kinds, roles, the person key, with the reason for each, for the steward to correct.

Every statement is about all records, except where identifiers are looked for value by value (`identifiers.DISTINCT_LOOKED_AT`).
"""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

import duckdb

from generators import code_systems, units
from generators.engine import engine, first_row, quoted, scan
from generators.profiling import identifiers
from generators.profiling.key_discovery import related
from generators.profiling.key_meaning import NO_PERSON
from generators.profiling.sentinel_proposals import proposed
from generators.progress import Progress, silent
from generators.reading.casting import KIND_WORDS
from generators.reading.dataset import Dataset, Finding, TableFile
from generators.schema import NUMBERS, ColumnSchema, DatasetSchema, Kind, Role, TableSchema

__all__ = ["Finding", "Profile", "propose"]

_COLUMNS_AT_ONCE = 20
FEW_VALUES = 20
"""Most different values of a whole-number column that may be codes."""

NEAR_UNIQUE = 0.9
"""Different values per value from which text points at single persons."""

_KEY_NAME = re.compile(r"(^|_)(id|ids|key|uuid|guid|pk|fk|pseudonym|token|accession)$|_id_|^id_|(^|_)(number|no|num|ref|reference)$")
_CODE_NAME = re.compile(r"(concept|type|status|category|class|code|source)_id$")
_AMOUNT_NAME = re.compile(
    r"(^|_)(age|count|counts|number_of|num|n|total|minutes|mins|hours|days|weeks|months|years|los|length|duration|weight|wt\d*|height|ht|dose|"
    r"quantity|amount|score|pregnancies|children|visits|admissions|intensity|distance|delay|time|wait|refills|supply|price\d*|tax\d*)(_|$|\d)|^age|yrs$|years$|howmuch$"
)
_TEXT_NAME = re.compile(r"complaint|(^|_)notes?(_|$)|comment|narrative|free_?text|remark|history|summary|letter|report_text")
_PERSON_NAMES = (
    r"^(nhs_?(no|num|number|id)|nhs)$",
    r"^(patient|person|participant|pat|pt)_?(id|key|no|num|number|pseudo_?id|identifier)$",
    r"(^|_)(mrn|hospital_?(no|num|number|id)|medical_record_number|chi_?number)$",
    r"^(u?subj(ect)?_?(id|no|num|number|key)?|usubjid|study_?id|pseudo_?(id|nym)|empi|client_?id|member_?id|enc_nhs\w*|token_person_id)$",
    r"^(patient|person|participant)$",
)


@dataclass(frozen=True)
class Profile:
    """The proposed schema, and at least one finding per column that says what we took it for and why."""

    schema: DatasetSchema
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Facts:
    """Counts about one column: records, values present, different values, most characters, mean words, whether values hold a space."""

    rows: int
    present: int
    distinct: int
    longest: int
    words: float
    low: int | None
    high: int | None

    @property
    def ratio(self) -> float:
        return self.distinct / self.present if self.present else 0.0


def propose(dataset: Dataset, *, progress: Progress = silent) -> Profile:
    """Propose kind, nullability, role, uniqueness, person key and primary key of every table of `dataset` (canonical files).

    Storage, decimals and format stay as they are: they describe the files. Raises InputError only for files that cannot be read.
    """
    tables: list[TableSchema] = []
    findings: list[Finding] = []
    for i, file in enumerate(dataset.tables):
        progress("looking for keys and identifiers", i / len(dataset.tables))
        table, found = _table(file, dataset.schema.table(file.name))
        tables.append(table)
        findings += found
    return Profile(*related(dataset, DatasetSchema(tuple(tables)), tuple(findings), _PERSON_NAMES))


class _Notes:
    """Gathers the findings of one table."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.found: list[Finding] = []

    def note(self, column: str | None, message: str, reason: str = "", level: Literal["note", "warning"] = "note") -> None:
        self.found.append(Finding(self.table, column, level, message, reason))


def _table(file: TableFile, table: TableSchema) -> tuple[TableSchema, list[Finding]]:
    notes = _Notes(file.name)
    with engine(file.path.parent, f'table "{file.name}"') as connection:
        facts = _facts(connection, file, table)
        kinds = {c.name: _kind(c, facts[c.name], notes) for c in table.columns}
        columns = [replace(c, kind=kinds[c.name], nullable=facts[c.name].present < file.rows) for c in table.columns]
        person_key, key_reason = _person_key(columns, facts, connection, file)
        columns = _roles(connection, file, columns, facts, person_key, notes)
        columns = [_known_codes(connection, file, c, facts[c.name], notes) for c in columns]
        columns = [_with_unit(c, notes) if facts[c.name].present else c for c in columns]
    columns = [_unique(c, facts[c.name], file.rows) for c in columns]
    if file.rows == 1:
        notes.note(None, "the table has one record", "too few to summarise; is the file whole?", "warning")
    if person_key is None:
        notes.note(None, NO_PERSON, key_reason, "warning")
    else:
        notes.note(person_key, "taken as the person key", key_reason)
    primary = next((c for c in columns if c.unique and c.kind is Kind.IDENTIFIER and c.role is not Role.DIRECT_IDENTIFIER), None)
    primary = primary or next((c for c in columns if c.unique and c.name == person_key), None)
    if primary is not None:
        notes.note(primary.name, "taken as the primary key", "a different value in every record")
    return replace(table, columns=tuple(columns), person_key=person_key, primary_key=(primary.name,) if primary else ()), notes.found


def _facts(connection: duckdb.DuckDBPyConnection, file: TableFile, table: TableSchema) -> dict[str, _Facts]:
    found: dict[str, _Facts] = {}
    for start in range(0, len(table.columns), _COLUMNS_AT_ONCE):
        part = table.columns[start : start + _COLUMNS_AT_ONCE]
        selects = ["count(*)"]
        for c in part:
            v = quoted(c.name)
            text, whole = c.storage == "string", c.storage == "int64"
            selects += [
                f"count({v})",
                f"approx_count_distinct({v})",
                f"max(length({v}))" if text else "0",
                f"avg(length({v}) - length(replace({v}, ' ', '')) + 1)" if text else "0",
                f"min({v})" if whole else "NULL",
                f"max({v})" if whole else "NULL",
            ]
        rows, *values = first_row(connection, f"SELECT {', '.join(selects)} FROM {scan(file.path)}")
        rough = {c.name: values[6 * i : 6 * i + 6] for i, c in enumerate(part)}
        # the engine's quick count is a few per cent off: where a decision hangs on it, it is counted exactly
        doubtful = [c.name for c in part if rough[c.name][1] <= 3 * FEW_VALUES or rough[c.name][1] >= 0.7 * rough[c.name][0]]
        exact: dict[str, int] = {}
        if doubtful:
            counts = ", ".join(f"count(DISTINCT {quoted(name)})" for name in doubtful)
            exact = dict(zip(doubtful, first_row(connection, f"SELECT {counts} FROM {scan(file.path)}"), strict=True))
        for c in part:
            present, approximate, longest, words, low, high = rough[c.name]
            found[c.name] = _Facts(rows, present, exact.get(c.name, min(approximate, present)), longest or 0, words or 0.0, low, high)
    return found


def _kind(column: ColumnSchema, facts: _Facts, notes: _Notes) -> Kind:
    """The kind, and a finding with the reason."""
    values = f"{facts.present:,} values, {facts.distinct:,} different"
    name = identifiers.spelled(column.name)
    if facts.present == 0:
        notes.note(column.name, "holds no value at all", "every record has it missing; leave it out unless it will be filled", "warning")
        return column.kind
    if facts.distinct == 1 and facts.rows > 1:
        notes.note(column.name, "holds one and the same value", f"{facts.present:,} values, all alike", "warning")
    key_like = bool(_KEY_NAME.search(name)) and not _CODE_NAME.search(name)
    kind, why = column.kind, f"all {values}, are {KIND_WORDS[column.kind]}"
    if column.kind is Kind.INTEGER:
        kind, why = _whole_kind(name, facts, key_like, values)
    elif column.kind is Kind.CATEGORICAL:
        kind, why = _text_kind(name, facts, key_like, values)
    notes.note(column.name, f"taken as {kind.value}", why)
    return kind


def _whole_kind(name: str, facts: _Facts, key_like: bool, values: str) -> tuple[Kind, str]:
    repeated = facts.present >= 20 * facts.distinct
    if _CODE_NAME.search(name) and not (facts.ratio > NEAR_UNIQUE and facts.present > 1):
        return Kind.CATEGORICAL, f"the name speaks of codes ({values})"
    if key_like and (facts.distinct > FEW_VALUES or facts.ratio > NEAR_UNIQUE):
        return Kind.IDENTIFIER, f"the name speaks of a key ({values})"
    ten_digits = facts.low is not None and facts.high is not None and facts.low >= 10**9 and facts.high < 10**10
    if ten_digits and facts.ratio > 0.05:
        return Kind.IDENTIFIER, f"numbers of ten digits ({values})"
    if facts.distinct <= 2 and {facts.low, facts.high} <= {0, 1}:
        return Kind.CATEGORICAL, "only 0 and 1"
    from_start = facts.low is not None and -9 <= facts.low <= 1
    if facts.distinct <= FEW_VALUES and repeated and from_start and not _AMOUNT_NAME.search(name):
        return (
            Kind.CATEGORICAL,
            f"few whole numbers, each often: they look like codes ({values}); choose integer when they count or measure",
        )
    return Kind.INTEGER, f"all {values}, are whole numbers"


def _text_kind(name: str, facts: _Facts, key_like: bool, values: str) -> tuple[Kind, str]:
    if facts.words < 1.5 and facts.ratio > NEAR_UNIQUE and facts.present >= 20:
        return Kind.IDENTIFIER, f"nearly every value is different ({values})"
    if key_like and facts.words < 1.5 and facts.distinct > FEW_VALUES:
        return Kind.IDENTIFIER, f"the name speaks of a key ({values})"
    if _TEXT_NAME.search(name) and facts.words >= 1.3 and facts.distinct > 5 * FEW_VALUES:
        return Kind.FREE_TEXT, f"the name speaks of written text ({values})"
    wordy = facts.words >= 2 and (facts.distinct > 1000 or facts.ratio > 0.2) and facts.distinct > 5
    if wordy or facts.longest > 200:
        return Kind.FREE_TEXT, f"texts of {facts.words:.1f} words on average ({values})"
    return Kind.CATEGORICAL, f"text that repeats ({values})"


def _unique(column: ColumnSchema, facts: _Facts, rows: int) -> ColumnSchema:
    unique = column.kind is Kind.IDENTIFIER and facts.distinct == rows == facts.present and rows > 1
    return replace(column, unique=unique)


def _person_key(
    columns: list[ColumnSchema], facts: dict[str, _Facts], connection: duckdb.DuckDBPyConnection, file: TableFile
) -> tuple[str | None, str]:
    """The column that says who the person is, and why we think so."""
    fit = [
        c
        for c in columns
        if facts[c.name].present == file.rows and c.kind in (Kind.IDENTIFIER, Kind.INTEGER, Kind.CATEGORICAL, Kind.FREE_TEXT)
    ]
    for pattern in _PERSON_NAMES:
        for c in fit:
            if re.search(pattern, identifiers.spelled(c.name)) and facts[c.name].distinct > 1:
                return c.name, f"its name, and {facts[c.name].distinct:,} different values in {file.rows:,} records"
    for c in fit:
        if c.kind is Kind.IDENTIFIER and facts[c.name].longest <= 12:
            found = identifiers.whole_column(identifiers.different_values(connection, file.path, c.name))
            if found and found[0] == "an NHS number":
                return c.name, "its values are NHS numbers by check digit"
    incomplete = [c.name for c in columns if any(re.search(p, identifiers.spelled(c.name)) for p in _PERSON_NAMES)]
    if incomplete:
        return None, f'"{incomplete[0]}" has the name of a person key but it is missing in some records or always the same'
    return None, "no name or content of a column speaks of a person"


def _roles(
    connection: duckdb.DuckDBPyConnection,
    file: TableFile,
    columns: list[ColumnSchema],
    facts: dict[str, _Facts],
    person_key: str | None,
    notes: _Notes,
) -> list[ColumnSchema]:
    dates = [c.name for c in columns if c.kind in (Kind.DATE, Kind.DATETIME) and facts[c.name].present]
    ages = [c.name for c in columns if c.storage == "int64" and re.match(r"age(_|$|[a-z]*$)", identifiers.spelled(c.name))]
    births = {f.column: f for f in identifiers.birth_dates(connection, file.path, dates[:12], ages[:3])}
    return [_with_role(connection, file, c, facts[c.name], births.get(c.name), c.name == person_key, notes) for c in columns]


def _with_role(
    connection: duckdb.DuckDBPyConnection,
    file: TableFile,
    column: ColumnSchema,
    facts: _Facts,
    birth: identifiers.Found | None,
    person_key: bool,
    notes: _Notes,
) -> ColumnSchema:
    """The column with its disclosure role; a direct identifier gets a finding with the evidence."""
    what, why = _direct(connection, file, column, facts, birth, person_key)
    if what:
        if person_key:
            notes.note(column.name, f"{what}: a direct identifier, kept only as a keyed token because it is the person key", why, "warning")
        else:
            notes.note(column.name, f"{what}: a direct identifier, left out of the working copy", why, "warning")
        return replace(column, role=Role.DIRECT_IDENTIFIER)
    if column.kind is Kind.IDENTIFIER:
        notes.note(column.name, "a key: replaced by keyed tokens in the working copy")
        return replace(column, role=Role.OTHER)
    if column.kind is Kind.FREE_TEXT:
        notes.note(column.name, "sensitive: free text, never summarised", "texts can say anything about anybody", "warning")
        return replace(column, role=Role.SENSITIVE)
    if column.storage == "string" and facts.distinct > 5:
        if identifiers.postcode_districts(identifiers.different_values(connection, file.path, column.name)):
            notes.note(column.name, "a quasi-identifier", "postcode districts: where somebody lives, roughly")
            return replace(column, role=Role.QUASI_IDENTIFIER)
    role, reason = identifiers.named_role(column.name, column.kind)
    if role is not Role.OTHER:
        notes.note(column.name, "sensitive" if role is Role.SENSITIVE else f"a {role.value}", reason)
    return replace(column, role=role)


def _known_codes(
    connection: duckdb.DuckDBPyConnection, file: TableFile, column: ColumnSchema, facts: _Facts, notes: _Notes
) -> ColumnSchema:
    """The column with the public code system and the sentinels it seems to have, for the steward to confirm."""
    if column.role is Role.DIRECT_IDENTIFIER or not facts.present:
        return column
    numbered = column.storage == "int64" and facts.low is not None and facts.low >= 10**5
    if (column.kind is Kind.CATEGORICAL and column.storage == "string") or (numbered and column.kind in (Kind.CATEGORICAL, Kind.INTEGER)):
        system = code_systems.detected(identifiers.different_values(connection, file.path, column.name), identifiers.spelled(column.name))
        if system is not None:
            notes.note(
                column.name, f"looks like {system} codes", "nearly all different values have their public pattern: confirm it", "warning"
            )
            return replace(column, code_system=system, kind=Kind.CATEGORICAL)
    sentinels, finding = proposed(connection, file.path, file.name, column)
    if finding is not None:
        notes.found.append(finding)
    return replace(column, sentinels=sentinels)


def _with_unit(column: ColumnSchema, notes: _Notes) -> ColumnSchema:
    """The number with the unit its name speaks of; values say nothing about units."""
    if column.kind not in NUMBERS or column.role is Role.DIRECT_IDENTIFIER:
        return column
    unit = units.suggested(identifiers.spelled(column.name))
    if unit:
        words = units.words(unit)
        notes.note(
            column.name, f"taken to be {words if words.startswith('per ') else f'in {words}'}", "its name says so; no value was looked at"
        )
    return replace(column, unit=unit)


def _direct(
    connection: duckdb.DuckDBPyConnection,
    file: TableFile,
    column: ColumnSchema,
    facts: _Facts,
    birth: identifiers.Found | None,
    person_key: bool,
) -> tuple[str | None, str]:
    """What direct identifier the column is, and the evidence; (None, "") when it is none."""
    named = identifiers.named_identifier(column.name)
    textual = column.storage == "string" and column.kind is not Kind.TIME
    if facts.present and (textual or (column.storage == "int64" and (facts.high or 0) >= 10**8)):
        values = identifiers.different_values(connection, file.path, column.name)
        found = identifiers.whole_column(values)
        if found:
            looked = f"{found[1]:,} of {len(values):,} different values are" + (" (by check digit)" if "NHS" in found[0] else "")
            return found[0], looked
        if named == "a full postcode" and identifiers.postcode_districts(values):
            named = None
    if named and _name_fits(named, column):
        return named, "its name says so"
    if birth is not None:
        return birth.what, birth.why
    if textual and facts.longest >= 6:
        inside = identifiers.inside_text(connection, file.path, column.name)
        # in a list of codes or terms a rare look-alike is chance; in written text it is somebody's
        inside = [f for f in inside if column.kind is Kind.FREE_TEXT or f.count >= 0.01 * facts.present]
        if inside:
            return "text with " + " and ".join(f.what for f in inside) + " in it", "; ".join(f"{f.what} {f.why}" for f in inside)
    if person_key or not textual or facts.present < 20 or facts.ratio <= NEAR_UNIQUE:
        return None, ""
    if column.kind is Kind.FREE_TEXT or not _KEY_NAME.search(identifiers.spelled(column.name)):
        return "nearly unique text", f"{facts.distinct:,} different among {facts.present:,} values: each points at one record"
    return None, ""


def _name_fits(named: str, column: ColumnSchema) -> bool:
    """Whether the values can be what the name says: a date of birth is no flag, a name or address is no measurement."""
    if named == "a date of birth":
        return column.kind is not Kind.BOOLEAN
    if named in ("a name", "an address", "a picture or signature", "an e-mail address"):
        return column.storage == "string"
    return column.kind not in (Kind.BOOLEAN, Kind.REAL, Kind.DATE, Kind.DATETIME)
