"""Rules: statements that hold in every row, written in a small language, checked a whole column at a time.

Examples::

    wait_minutes <= los_minutes
    discharge_datetime = arrival_date + arrival_time + los_minutes minutes
    age = years between birth_date and visit_date
    admit_ward is not null iff disposition = 'Admitted'
    sex = 'M' implies diagnosis not in OBSTETRIC
    (sex, pregnant) in (('M', 'no'), ('F', 'no'), ('F', 'yes'))
    systolic_bp is null where age < 10
    heart_rate, spo2, temperature null together
    unique (patient_id, visit_date)

A comparison with a null is neither true nor false (Kleene's logic, as in SQL); a row violates a rule only where it is false. The
grammar is in `generators.rules.language`; `docs/reference/rules.md` is its page.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from generators.errors import InputError
from generators.rules import tree
from generators.rules.language import parse
from generators.rules.tree import ParsedRule
from generators.rules.values import (
    PUBLIC_GROUPS,
    Bools,
    Value,
    Verdict,
    compare_numbers,
    compare_text,
    elapsed,
    in_codes,
    in_text_range,
    like,
    microseconds_of_day,
    repeated,
    text_is_one_of,
    values_of,
)
from generators.schema import Rule, TableSchema

__all__ = ["ParsedRule", "check", "evaluation", "parse", "parsed", "violations"]

_SAFE = 1 << 61
"""Integers beyond this are added as floats rather than allowed to wrap round."""

_STORED = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "date32": pa.date32()}


def violations(rule: ParsedRule | Rule | str, table: pa.Table, schema: TableSchema) -> Bools:
    """Which rows break `rule`: a boolean array, one a row of `table` (canonical Arrow types).

    "unique" looks at the rows of `table` alone: give it the whole. Raises InputError for a rule that does not parse, names a missing
    column, or compares unlike things.
    """
    known = parsed(rule)
    _known(known, schema)
    missing = [name for name in known.columns if name not in table.column_names]
    if missing:
        raise InputError(f'rule "{known.name}" names column "{missing[0]}", which the data of table "{schema.name}" lack')
    found = evaluation(known, table, schema)
    broken = found.condition(known.condition).false
    if known.where is not None:
        broken = broken & found.condition(known.where).true
    return broken


def check(rule: ParsedRule | Rule | str, schema: TableSchema) -> ParsedRule:
    """Parse a rule and try it on an empty table of this schema: InputError when it could not be evaluated."""
    known = parsed(rule)
    _known(known, schema)
    fields = [pa.field(c.name, _STORED.get(c.storage, pa.timestamp("us"))) for c in schema.columns]
    violations(known, pa.schema(fields).empty_table(), schema)
    return known


def parsed(rule: ParsedRule | Rule | str) -> ParsedRule:
    """The rule as a tree, however it is given."""
    if isinstance(rule, ParsedRule):
        return rule
    return parse(rule) if isinstance(rule, str) else parse(rule.text, rule.name)


def evaluation(rule: ParsedRule, table: pa.Table, schema: TableSchema) -> Evaluation:
    """The parts of `rule` on the rows of `table`; columns are read once."""
    return Evaluation(rule, table, schema)


def within(node: tree.Condition | tree.Operand) -> Iterator[tree.Condition | tree.Operand]:
    """A node and all nodes in it."""
    yield node
    for name in node.__dataclass_fields__:
        part = getattr(node, name)
        for inner in part if isinstance(part, tuple) else (part,):
            if hasattr(inner, "__dataclass_fields__"):
                yield from within(inner)


def _known(rule: ParsedRule, schema: TableSchema) -> None:
    for name in rule.columns:
        if name not in schema.names:
            raise InputError(
                f'rule "{rule.name}" names column "{name}", which table "{schema.name}" lacks; it has: {", ".join(schema.names)}'
            )
    inner = (n for n in within(rule.condition) if n is not rule.condition)
    if any(isinstance(n, tree.Unique | tree.Together) for n in inner):  # the grammar has no such rule
        raise InputError(f'rule "{rule.name}": unique and null together are whole rules, not parts of one')


class Evaluation:
    """A rule's conditions and operands on the rows of a table."""

    def __init__(self, rule: ParsedRule, table: pa.Table, schema: TableSchema) -> None:
        self.rule, self.table, self.schema = rule, table, schema
        self.rows = table.num_rows
        self.read: dict[str, Value] = {}

    def error(self, message: str) -> InputError:
        return InputError(f'rule "{self.rule.name}": {message}')

    def condition(self, node: tree.Condition) -> Verdict:
        match node:
            case tree.Together(columns):
                nulls = np.stack([~self.operand(c).valid for c in columns])
                apart = np.asarray(nulls.any(axis=0) & ~nulls.all(axis=0))
                return Verdict(~apart, apart)
            case tree.Unique(columns):
                again = repeated(tuple(self.operand(c) for c in columns), self.rows)
                return Verdict(~again, again)
            case tree.Not(of):
                inside = self.condition(of)
                return Verdict(inside.false, inside.true)
            case tree.Joined(how, left, right):
                return _joined(how, self.condition(left), self.condition(right))
            case tree.IsNull(of):
                valid = self.operand(of).valid
                return Verdict(~valid, valid)
            case tree.Truth(of):
                return self.compare(self.operand(of), "=", self.operand(tree.Literal(True)))
            case tree.IsIn(of, values):
                return self.one_of(self.operand(of), values)
            case tree.IsInGroup(of, group):
                value = self.text(of, "code groups hold texts")
                return _known_verdict(value.valid, in_codes(value.data, self.rows, self.codes(group)))
            case tree.Like(of, pattern):
                value = self.text(of, '"like" compares texts')
                return _known_verdict(value.valid, like(value.data, self.rows, pattern))
            case tree.Combination(columns, rows):
                return self.combination(columns, rows)
            case tree.Comparison(left, sign, right):
                return self.compare(self.operand(left), sign, self.operand(right))

    def one_of(self, value: Value, members: tuple[tree.Literal | tree.Range, ...]) -> Verdict:
        true = np.zeros(self.rows, dtype=np.bool_)
        texts = tuple(m.value for m in members if isinstance(m, tree.Literal) and isinstance(m.value, str))
        if value.what == "text" and texts:
            true |= text_is_one_of(value.data, self.rows, texts)
            members = tuple(m for m in members if not (isinstance(m, tree.Literal) and isinstance(m.value, str)))
        for member in members:
            if isinstance(member, tree.Literal):
                true |= self.compare(value, "=", self.operand(member)).true
            elif isinstance(member.low, str) and value.what == "text":
                true |= in_text_range(value.data, self.rows, member)
            else:
                low, high = self.operand(tree.Literal(member.low)), self.operand(tree.Literal(member.high))
                true |= self.compare(value, ">=", low).true & self.compare(value, "<=", high).true
        return _known_verdict(value.valid, true)

    def combination(self, columns: tuple[tree.Column, ...], rows: tuple[tuple[tree.Literal | None, ...], ...]) -> Verdict:
        values = [self.operand(c) for c in columns]
        true = np.zeros(self.rows, dtype=np.bool_)
        known = np.ones(self.rows, dtype=np.bool_)
        for place, value in enumerate(values):
            if not any(row[place] is None for row in rows):
                known &= value.valid
        for row in rows:
            fits = known.copy()
            for value, literal in zip(values, row, strict=True):
                fits &= ~value.valid if literal is None else self.compare(value, "=", self.operand(literal)).true
            true |= fits
        return _known_verdict(known, true)

    def codes(self, group: str) -> tuple[str, ...]:
        declared = {g.name: g.codes for g in self.schema.code_groups}
        found = declared.get(group) or PUBLIC_GROUPS.get(group)
        if found is None:
            raise self.error(f'there is no code group "{group}"; there are: {", ".join(sorted({*declared, *PUBLIC_GROUPS}))}')
        return found

    def text(self, of: tree.Operand, why: str) -> Value:
        value = self.operand(of)
        if value.what != "text":
            raise self.error(f"{why}, not a {value.what}")
        return value

    def compare(self, a: Value, sign: str, b: Value) -> Verdict:
        a, b = self.alike(a, b)
        holds = compare_text(a.data, sign, b.data, self.rows) if a.what == "text" else compare_numbers(a.data, sign, b.data)
        return _known_verdict(a.valid & b.valid, np.broadcast_to(holds, (self.rows,)))

    def alike(self, a: Value, b: Value) -> tuple[Value, Value]:
        """Both of one sort: a text literal beside a moment is read as a date or time."""
        if a.what != b.what:
            a, b = self.moment(a, b.what), self.moment(b, a.what)
        if a.what != b.what:
            raise self.error(f"cannot compare a {a.what} with a {b.what}")
        return a, b

    def moment(self, value: Value, wanted: str) -> Value:
        if value.what != "text" or not isinstance(value.data, str) or wanted not in ("moment", "duration"):
            return value
        try:
            if wanted == "moment":
                data = int(np.datetime64(datetime.fromisoformat(value.data), "us").astype(np.int64))
            else:
                data = microseconds_of_day(value.data, None)
        except ValueError:
            raise self.error("a date is written 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM', a time 'HH:MM'") from None
        return Value(wanted, data, value.valid)

    def operand(self, node: tree.Operand) -> Value:
        match node:
            case tree.Column(name):
                if name not in self.read:
                    self.read[name] = values_of(self.table[name], self.schema.column(name))
                return self.read[name]
            case tree.Literal(value):
                what = "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
                return Value(what, value, np.ones(self.rows, dtype=np.bool_))
            case tree.Span(of, microseconds):
                inside = self.operand(of)
                if inside.what != "number":
                    raise self.error(f"a {inside.what} cannot be counted in units of time")
                count = np.where(inside.valid, inside.data, 0)
                exact = count.dtype.kind == "i" and (not len(count) or np.abs(count).max() < _SAFE // microseconds)
                data = count * microseconds if exact else np.round(count.astype(np.float64) * microseconds)
                return Value("duration", data, inside.valid)
            case tree.Elapsed(unit, start, end):
                a, b = (self.moment(self.operand(n), "moment") for n in (start, end))
                if a.what != "moment" or b.what != "moment":
                    raise self.error(f'"{unit}s between" needs two dates or date-times')
                return Value("number", np.broadcast_to(elapsed(unit, a.data, b.data), (self.rows,)), a.valid & b.valid)
            case tree.Sum(left, sign, right):
                return self.sum(self.operand(left), sign, self.operand(right))

    def sum(self, a: Value, sign: int, b: Value) -> Value:
        kinds = {("number", "number"): "number", ("moment", "duration"): "moment", ("duration", "duration"): "duration"}
        if sign > 0:
            kinds["duration", "moment"] = "moment"
        else:
            kinds["moment", "moment"] = "duration"
        what = kinds.get((a.what, b.what))
        if what is None:
            raise self.error(f"cannot {'add' if sign > 0 else 'subtract'} a {a.what} and a {b.what}")
        x, y = np.asarray(a.data), np.asarray(b.data)
        if any(v.dtype.kind == "i" and v.size and max(int(v.max()), -int(v.min())) > _SAFE for v in (x, y)):
            x, y = x.astype(np.float64), y.astype(np.float64)
        return Value(what, x + sign * y, a.valid & b.valid)


def _known_verdict(known: Bools, holds: Any) -> Verdict:
    """True or false where known, else neither."""
    return Verdict(known & holds, known & ~holds)


def _joined(how: str, a: Verdict, b: Verdict) -> Verdict:
    if how == "and":
        return Verdict(a.true & b.true, a.false | b.false)
    if how == "or":
        return Verdict(a.true | b.true, a.false & b.false)
    if how == "implies":
        return Verdict(a.false | b.true, a.true & b.false)
    return Verdict((a.true & b.true) | (a.false & b.false), (a.true & b.false) | (a.false & b.true))
