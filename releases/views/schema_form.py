"""The form on which a steward corrects a proposed schema: from schema to rows on the page, and from the sent fields back to a schema.

One field name per column and property (`t0-c12-kind`). A form class with thousands of field objects would be slow to build
and to draw, so the fields are read directly; whatever is sent is checked against the proposed schema, and a column can be
changed but never added or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from generators.errors import InputError
from generators.rules import parse
from generators.schema import ColumnSchema, DatasetSchema, Kind, Role, Rule, TableSchema
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

    @property
    def examples(self) -> tuple[str, str, str]:
        return made_up(self.column)

    @property
    def codes_text(self) -> str:
        return "\n".join(self.column.codes or ())

    @property
    def kind_words(self) -> str:
        return KIND_WORDS[self.column.kind]

    @property
    def warned(self) -> bool:
        return any(note.warning for note in self.notes)


@dataclass
class TablePart:
    """One table as the page shows it."""

    prefix: str
    table: TableSchema
    rows: list[ColumnRow]
    errors: list[str] = field(default_factory=list)
    rules_text: str = ""
    asked: bool = False  # whether somebody has answered the question about the patient
    nobody: bool = False  # and the answer was: no column


class SchemaForm:
    """The whole form; bound when `sent` is given.

    proposed: the schema the profile proposed (or the confirmed one of the last snapshot); findings: dicts or objects with
    table, column, level, message, reason.
    """

    def __init__(
        self, proposed: DatasetSchema, findings: Sequence[Mapping[str, object]] = (), sent: Mapping[str, str] | None = None
    ) -> None:
        self.proposed = proposed
        self.sent = sent
        self.confirmed: DatasetSchema | None = None
        self.parts = [
            TablePart(
                f"t{t}", table, [ColumnRow(f"t{t}-c{c}", column) for c, column in enumerate(table.columns)], rules_text=_rules_text(table)
            )
            for t, table in enumerate(proposed.tables)
        ]
        self.notes: list[Note] = []
        self._place(findings)

    @property
    def warnings(self) -> list[Note]:
        return [note for note in self.notes if note.warning]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """(anchor, sentence) of everything wrong with what was sent."""
        found = [(f"{part.prefix}-person", error) for part in self.parts for error in part.errors]
        return found + [(f"{row.prefix}-kind", error) for part in self.parts for row in part.rows for error in row.errors]

    def is_valid(self) -> bool:
        """Read what was sent; then `confirmed` is the schema, or `errors` says what is wrong."""
        if self.sent is None:
            return False
        tables = tuple(self._table(part, self.sent) for part in self.parts)
        if self.errors:
            return False
        self.confirmed = DatasetSchema(tables=tables)
        return True

    def _place(self, findings: Iterable[Mapping[str, object]]) -> None:
        rows = {(part.table.name, row.column.name): row for part in self.parts for row in part.rows}
        parts = {part.table.name: part for part in self.parts}
        for finding in findings:
            table, column = str(finding.get("table") or ""), finding.get("column")
            row = rows.get((table, str(column)))
            anchor = f"{row.prefix}-row" if row else f"{parts[table].prefix}-person" if table in parts else "warnings"
            note = Note(
                anchor=anchor,
                column=None if column is None else str(column),
                message=str(finding.get("message") or ""),
                reason=str(finding.get("reason") or ""),
                warning=str(finding.get("level") or "") not in ("info", "note"),
            )
            self.notes.append(note)
            if row:
                row.notes.append(note)

    def _table(self, part: TablePart, sent: Mapping[str, str]) -> TableSchema:
        columns = tuple(self._column(row, sent) for row in part.rows)
        names = {c.name for c in columns}
        person: str | None = sent.get(f"{part.prefix}-person", "")
        part.asked, part.nobody = person != "", person == "-none-"
        if person == "":
            part.errors.append(f'Table "{part.table.name}": say which column tells who the patient is, or that there is none.')
        if person == "-none-":
            person = None
        elif person and person[1:] not in names:
            part.errors.append(f'Table "{part.table.name}": the column chosen for the patient is not in the table.')
            person = None
        elif person:
            person = person[1:]
        part.rules_text = sent.get(f"{part.prefix}-rules", "")
        table = replace(
            part.table,
            columns=columns,
            person_key=person,
            primary_key=part.table.primary_key if set(part.table.primary_key) <= names else (),
            rules=_rules(part, sent.get(f"{part.prefix}-rules", "")),
        )
        part.table = table
        return table

    def _column(self, row: ColumnRow, sent: Mapping[str, str]) -> ColumnSchema:
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
            description=sent.get(f"{row.prefix}-description", "").strip()[:500],
        )
        return row.column


def _rules_text(table: TableSchema) -> str:
    return "\n".join(rule.text for rule in table.rules)


def _rules(part: TablePart, text: str) -> tuple[Rule, ...]:
    """One rule a line; a rule that was there before keeps its name, a new one is named by its own words."""
    known = {rule.text: rule.name for rule in part.table.rules}
    rules = []
    for line in text.splitlines():
        words = line.strip()
        if not words:
            continue
        try:
            parse(words)
        except InputError as error:
            part.errors.append(f'Table "{part.table.name}", rules: {error}')
            continue
        rules.append(Rule(known.get(words, words), words))
    return tuple(rules)
