"""The form on which a steward corrects a proposed schema: from schema to rows on the page, and from the sent fields back to a schema.

One field name per column and property (`t0-c12-kind`). A form class with thousands of field objects would be slow to build
and to draw, so the fields are read directly; whatever is sent is checked against the proposed schema, and a column can be
changed but never added or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from generators.errors import InputError
from generators.reading.dataset import safe_name
from generators.rules.meaning import parse
from generators.schema import DatasetSchema, Rule, TableSchema
from releases import data_models
from releases.views import schema_keys
from releases.views.schema_columns import COMMON_UNITS, ColumnRow, Note, sent_column
from releases.views.schema_keys import KEY_COLUMNS, Reference, Target


@dataclass(frozen=True)
class ProposedRule:
    """A rule that was found in the data, for the steward to take or leave. nearly: there are records that break it."""

    field: str
    text: str
    sentence: str
    nearly: bool = False
    chosen: bool = False


@dataclass
class TablePart:
    """One table as the page shows it. file: what it was read from, where a dataset has several."""

    prefix: str
    table: TableSchema
    rows: list[ColumnRow]
    several: bool = False
    reached: bool = False  # whether its persons are reached through other tables
    file: str = ""
    references: list[Reference] = field(default_factory=list)
    proposed_rules: list[ProposedRule] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    field_errors: dict[str, str] = field(default_factory=dict)  # sentence by field ("name", "public", "key", "ref", "rules")
    rules_text: str = ""
    asked: bool = False  # whether somebody has answered the question about the patient
    nobody: bool = False  # and the answer was: no column
    sure: bool = False  # whether somebody confirmed that the vocabulary is public

    @property
    def wrong(self) -> int:
        """How many things there are to mend in it."""
        return len(self.errors) + len(self.field_errors) + sum(len(row.errors) for row in self.rows)

    @property
    def public_error(self) -> str:
        return self.field_errors.get("public-sure", "")

    @property
    def warnings(self) -> int:
        return sum(row.warned for row in self.rows)

    @property
    def key_choices(self) -> list[str]:
        """The columns of the key, and blanks for more."""
        key = list(self.table.primary_key)
        return key + [""] * max(0, KEY_COLUMNS - len(key))


class SchemaForm:
    """The whole form; bound when `sent` is given.

    proposed: the schema the profile proposed (or the confirmed one of the last snapshot); findings: dicts with table, column, level,
    message, reason; rules: dicts with table, text, sentence, holds; files: by table, what it was read from, for people;
    data_model: as proposed.
    """

    def __init__(
        self,
        proposed: DatasetSchema,
        findings: Sequence[Mapping[str, object]] = (),
        sent: Mapping[str, str] | None = None,
        *,
        rules: Sequence[Mapping[str, object]] = (),
        files: Mapping[str, str] | None = None,
        data_model: str = "",
    ) -> None:
        self.proposed = proposed
        self.sent = sent
        self.confirmed: DatasetSchema | None = None
        self.several = len(proposed.tables) > 1
        self.names_sure = sent is not None and "names-sure" in sent
        self.errors_of_names: list[str] = []
        self.data_model = data_model if sent is None else sent.get("data-model", data_model)
        self.parts = [self._part(t, table, rules, files or {}) for t, table in enumerate(proposed.tables)]
        self.notes: list[Note] = []
        self._place(findings)

    @property
    def warnings(self) -> list[Note]:
        return [note for note in self.notes if note.warning]

    @property
    def units(self) -> tuple[str, ...]:
        """Units to choose from; any other may be typed."""
        return COMMON_UNITS

    @property
    def errors(self) -> list[tuple[str, str]]:
        """(anchor, sentence) of everything wrong with what was sent."""
        found = [("names-sure", error) for error in self.errors_of_names]
        for part in self.parts:
            found += [(f"{part.prefix}-{name}", error) for name, error in part.field_errors.items()]
            found += [(f"{part.prefix}-person", error) for error in part.errors]
            found += [(f"{row.prefix}-kind", error) for row in part.rows for error in row.errors]
        return found + ([("data-model", self.data_model_error)] if self.data_model_error else [])

    @property
    def data_model_error(self) -> str:
        """What is wrong with the data model's name, as a sentence, or ""."""
        try:
            data_models.understood(self.data_model)
        except InputError as error:
            return f"{str(error)[0].upper()}{str(error)[1:]}."
        return ""

    @property
    def data_models(self) -> tuple[str, ...]:
        """Data models to choose from; any other may be named."""
        return data_models.KNOWN

    @property
    def adding(self) -> bool:
        """Whether a reference is being added: the page is shown again with it, and nothing is confirmed."""
        return self.sent is not None and self.sent.get("step") == "add"

    @property
    def renamed(self) -> dict[str, str]:
        """The name given by the name proposed, of every table."""
        return {old.name: part.table.name for old, part in zip(self.proposed.tables, self.parts, strict=True)}

    @property
    def published_names(self) -> tuple[str, ...]:
        """The tables' names, when the steward said that they may be published."""
        return tuple(part.table.name for part in self.parts) if self.names_sure else ()

    @property
    def targets(self) -> list[Target]:
        return schema_keys.targets([part.table for part in self.parts])

    def is_valid(self) -> bool:
        """Read what was sent; then `confirmed` is the schema, or `errors` says what is wrong."""
        if self.sent is None:
            return False
        for part in self.parts:
            part.table = self._table(part, self.sent)
        self._check_names()
        tables = [part.table for part in self.parts]
        for position, part in enumerate(self.parts):
            place = f'Table "{part.table.name}"'
            part.references, wrong = schema_keys.sent_references(self.sent, part.prefix, position, tables, place)
            if wrong:
                part.field_errors["ref"] = wrong
        if self.errors:
            return False
        chosen = schema_keys.keys_as_chosen(tables, [part.references for part in self.parts])
        try:
            self.confirmed = DatasetSchema.from_dict(DatasetSchema(tables=chosen).as_dict())
        except InputError as error:  # keys that go round in a circle
            self.parts[0].field_errors["ref"] = f"{str(error)[0].upper()}{str(error)[1:]}."
        return self.confirmed is not None

    def _part(self, t: int, table: TableSchema, rules: Sequence[Mapping[str, object]], files: Mapping[str, str]) -> TablePart:
        prefix = f"t{t}"
        found = [rule for rule in rules if rule["table"] == table.name]
        return TablePart(
            prefix,
            table,
            [ColumnRow(f"{prefix}-c{c}", column) for c, column in enumerate(table.columns)],
            several=self.several,
            reached=bool(self.proposed.person_route(table.name)),
            file=files.get(table.name, ""),
            references=schema_keys.references_of(self.proposed, table),
            proposed_rules=[
                ProposedRule(f"{prefix}-rule{n}", str(r["text"]), str(r["sentence"]), nearly=r["holds"] != "always")
                for n, r in enumerate(found)
            ],
            rules_text=_rules_text(table),
        )

    def _check_names(self) -> None:
        """Names that can be file names, each once, and looked at."""
        if not self.several:
            return
        seen: set[str] = set()
        for part in self.parts:
            name = part.table.name
            if name != safe_name(name):
                part.field_errors["name"] = "A table's name has letters, digits, _ and - only, at most 64: change it."
            elif name.casefold() in seen:
                part.field_errors["name"] = f'Two tables would be called "{name}": give one of them another name.'
            seen.add(name.casefold())
        if not self.names_sure and not self.adding:
            self.errors_of_names.append("Look at the tables' names, which are published, and say that they may be.")

    def _place(self, findings: Iterable[Mapping[str, object]]) -> None:
        rows = {(part.table.name, row.column.name): row for part in self.parts for row in part.rows}
        parts = {part.table.name: part for part in self.parts}
        for finding in findings:
            table, column = str(finding.get("table") or ""), finding.get("column")
            row = rows.get((table, str(column)))
            anchor = f"{row.prefix}-row" if row else f"{parts[table].prefix}-person" if table in parts else "warnings"
            note = Note(
                anchor=anchor,
                table=table,
                column=None if column is None else str(column),
                message=str(finding.get("message") or ""),
                reason=str(finding.get("reason") or ""),
                warning=str(finding.get("level") or "") not in ("info", "note"),
            )
            self.notes.append(note)
            if row:
                row.notes.append(note)

    def _table(self, part: TablePart, sent: Mapping[str, str]) -> TableSchema:
        name = sent.get(f"{part.prefix}-name", "").strip() if part.several else part.table.name
        place = f'Table "{name}"'
        columns = tuple(sent_column(row, sent) for row in part.rows)
        public = f"{part.prefix}-public" in sent
        part.sure = f"{part.prefix}-public-sure" in sent
        person = self._person(part, sent, place, public)
        try:
            key = schema_keys.sent_key(sent, part.prefix, part.table.names, place)
        except InputError as error:
            part.field_errors["key0"] = str(error)
            key = part.table.primary_key
        if public and not part.sure:
            part.field_errors["public-sure"] = f"{place}: say that it was published by somebody else and holds nothing about a patient."
        part.rules_text = sent.get(f"{part.prefix}-rules", "")
        part.proposed_rules = [replace(rule, chosen=rule.field in sent) for rule in part.proposed_rules]
        taken = "\n".join(rule.text for rule in part.proposed_rules if rule.chosen)
        return replace(
            part.table,
            name=name,
            columns=columns,
            person_key=person,
            primary_key=key,
            foreign_keys=(),
            public=public,
            rules=_rules(part, f"{part.rules_text}\n{taken}", place),
        )

    def _person(self, part: TablePart, sent: Mapping[str, str], place: str, public: bool) -> str | None:
        """The column that says who the patient is."""
        person = sent.get(f"{part.prefix}-person", "")
        part.asked, part.nobody = person != "", person == "-none-"
        if person == "" and not public:
            part.errors.append(f"{place}: say which column tells who the patient is, or that there is none.")
        if person in ("", "-none-"):
            return None
        if person[1:] not in part.table.names:
            part.errors.append(f"{place}: the column chosen for the patient is not in the table.")
            return None
        if public:
            part.errors.append(f"{place}: a public vocabulary has no patients; choose that no column says who they are.")
        return person[1:]


def _rules_text(table: TableSchema) -> str:
    return "\n".join(rule.text for rule in table.rules)


def _rules(part: TablePart, text: str, place: str) -> tuple[Rule, ...]:
    """One rule a line; a rule that was there before keeps its name, a new one is named by its own words."""
    known = {rule.text: rule.name for rule in part.table.rules} | {rule.text: rule.sentence for rule in part.proposed_rules}
    rules: dict[str, Rule] = {}
    for line in text.splitlines():
        words = line.strip()
        if not words:
            continue
        try:
            parse(words)
        except InputError as error:
            part.field_errors["rules"] = f"{place}, rules: {error}"
            continue
        rules[words] = Rule(known.get(words, words), words)
    return tuple(rules.values())
