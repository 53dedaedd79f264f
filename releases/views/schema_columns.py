"""One column on the form of the schema: its words, its row on the page, and reading what was sent about it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from generators import units
from generators.code_systems import CODE_SYSTEMS
from generators.errors import InputError
from generators.schema import MEASURED, NUMBERS, ColumnSchema, Kind, Role
from releases.views.examples import made_up

KIND_WORDS: dict[Kind, str] = {
    Kind.CATEGORICAL: "Category",
    Kind.INTEGER: "Whole number",
    Kind.REAL: "Number with decimals",
    Kind.BOOLEAN: "Yes or no",
    Kind.DATE: "Date",
    Kind.DATETIME: "Date and time",
    Kind.TIME: "Time of day",
    Kind.IDENTIFIER: "Identifier",
    Kind.FREE_TEXT: "Free text",
}
ROLE_WORDS: dict[Role, str] = {
    Role.DIRECT_IDENTIFIER: "Says who it is",
    Role.QUASI_IDENTIFIER: "Helps recognise",
    Role.SENSITIVE: "Sensitive",
    Role.OTHER: "None of these",
}
MEANINGS: tuple[tuple[str, str], ...] = (
    (ROLE_WORDS[Role.DIRECT_IDENTIFIER], "names, NHS numbers, addresses, dates of birth: dropped from the working copy"),
    (ROLE_WORDS[Role.QUASI_IDENTIFIER], "what others may know about a person: age, area, dates"),
    (ROLE_WORDS[Role.SENSITIVE], "what nobody else should learn: diagnosis, treatment, outcome"),
    (KIND_WORDS[Kind.CATEGORICAL], "one of a set of words or codes; rare ones are pooled"),
    (KIND_WORDS[Kind.IDENTIFIER], "a number or code of one person or thing: replaced by a code of ours"),
    (KIND_WORDS[Kind.FREE_TEXT], "anything may be in it: never summarised, never released"),
)
"""The words of the lists that need an explanation."""

_STORAGE = {
    Kind.INTEGER: ("int64",),
    Kind.REAL: ("float64",),
    Kind.BOOLEAN: ("bool",),
    Kind.DATE: ("date32",),
    Kind.DATETIME: ("timestamp[us]",),
    Kind.TIME: ("string",),
    Kind.FREE_TEXT: ("string",),
    Kind.IDENTIFIER: ("string", "int64"),
    Kind.CATEGORICAL: ("string", "int64", "bool"),
}
"""Storage types a kind can have, the usual one first."""

MAXIMUM_CODES = 5_000


@dataclass(frozen=True)
class Note:
    """A finding on the page: where it points to, its words, and whether it is a warning."""

    anchor: str
    table: str
    column: str | None
    message: str
    reason: str
    warning: bool


@dataclass
class ColumnRow:
    """One column as the page shows it."""

    prefix: str
    column: ColumnSchema
    notes: list[Note] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    unit_typed: str | None = None  # what was typed, where it is no unit

    @property
    def measured(self) -> bool:
        """Whether it is, or could be said to be, a number with a unit."""
        return self.column.kind in NUMBERS or self.column.storage in ("int64", "float64") or self.column.unit != ""

    @property
    def unit_text(self) -> str:
        """The unit as the field holds it: as people read it where they could have written it so."""
        if self.unit_typed is not None:
            return self.unit_typed
        return spoken_unit(self.column.unit)

    @property
    def examples(self) -> tuple[str, str, str]:
        return made_up(self.column)

    @property
    def codes_text(self) -> str:
        return "\n".join(self.column.codes or ())

    @property
    def code_systems(self) -> tuple[str, ...]:
        return tuple(CODE_SYSTEMS)

    @property
    def sentinels_text(self) -> str:
        return ", ".join(self.column.sentinels)

    @property
    def kind_words(self) -> str:
        return KIND_WORDS[self.column.kind]

    @property
    def warned(self) -> bool:
        return any(note.warning for note in self.notes)


def sent_column(row: ColumnRow, sent: Mapping[str, str]) -> ColumnSchema:
    """What was sent about a column; what is wrong with it is in `row.errors`."""
    old = row.column
    place = f'Column "{old.name}"'
    try:
        kind, role = Kind(sent.get(f"{row.prefix}-kind", "")), Role(sent.get(f"{row.prefix}-role", ""))
    except ValueError:
        row.errors.append(f"{place}: choose what it is and what it could reveal from the lists.")
        return old
    codes = tuple(dict.fromkeys(line.strip() for line in sent.get(f"{row.prefix}-codes", "").splitlines() if line.strip()))
    if codes and kind is not Kind.CATEGORICAL:
        row.errors.append(f"{place}: a code list is only for a category; empty the list or call the column a category.")
    if len(codes) > MAXIMUM_CODES:
        row.errors.append(f"{place}: a code list holds at most {MAXIMUM_CODES:,} codes.")
    pattern = sent.get(f"{row.prefix}-format", "").strip()
    if kind in (Kind.DATE, Kind.DATETIME, Kind.TIME) and pattern and "%" not in pattern:
        row.errors.append(f"{place}: write the format with % signs, for example %d/%m/%Y or %H:%M.")
    allowed = _STORAGE[kind]
    sentinels = tuple(dict.fromkeys(part.strip() for part in sent.get(f"{row.prefix}-sentinels", "").split(",") if part.strip()))
    if sentinels and not all(_reads(value, kind) for value in sentinels):
        row.errors.append(f"{place}: write values that stand for “not known” as the column does: -999, or 1900-01-01 for a date.")
    system = sent.get(f"{row.prefix}-system", "")
    if system and system not in CODE_SYSTEMS:
        row.errors.append(f"{place}: choose the code system from the list.")
    unit = ""
    if kind in MEASURED:  # others lose their unit, as they lose their decimals
        try:
            unit = units.understood(sent.get(f"{row.prefix}-unit", ""))
        except InputError as error:
            row.unit_typed = sent[f"{row.prefix}-unit"]
            row.errors.append(f"{place}: {error}.")
    row.column = replace(
        old,
        kind=kind,
        role=role,
        storage=old.storage if old.storage in allowed else allowed[0],
        nullable=f"{row.prefix}-nullable" in sent,
        unique=f"{row.prefix}-unique" in sent,
        decimals=old.decimals if kind is Kind.REAL else None,
        format=pattern or None,
        codes=codes or None,
        code_system=system or None if kind is Kind.CATEGORICAL else None,
        sentinels=sentinels,
        description=sent.get(f"{row.prefix}-description", "").strip()[:500],
        unit=unit,
    )
    return row.column


def spoken_unit(code: str) -> str:
    """A unit as people read it, where that is understood as the same unit; else its code."""
    words = units.words(code) if code else ""
    try:
        return words if words and units.understood(words) == code else code
    except InputError:
        return code


COMMON_UNITS = tuple(spoken_unit(code) for code in units.COMMON)
"""Units to choose from."""


def _reads(text: str, kind: Kind) -> bool:
    """Whether `text` can be a value of a column of this kind."""
    try:
        match kind:
            case Kind.INTEGER:
                int(text)
            case Kind.REAL:
                float(text)
            case Kind.DATE:
                datetime.date.fromisoformat(text)
            case Kind.DATETIME:
                datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
