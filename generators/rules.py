"""Rules: statements that hold in every row, written in a small language, checked a whole column at a time.

Examples::

    wait_minutes <= los_minutes
    discharge_datetime = arrival_date + arrival_time + los_minutes minutes
    admit_ward is not null iff disposition = 'Admitted'
    systolic_bp is null where age < 10
    heart_rate, spo2, temperature null together

A comparison with a null is neither true nor false (Kleene's logic, as in SQL); a row violates a rule only where it is false. The
grammar is in `generators.rule_language`. Dates are midnights and times of day are durations, so that they can be added.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators import rule_language as language
from generators.errors import InputError
from generators.rule_language import ParsedRule, parse
from generators.schema import ColumnSchema, Kind, Rule, TableSchema

__all__ = ["ParsedRule", "check", "parse", "violations"]

Bools = npt.NDArray[np.bool_]

CLOSE = 1e-9
"""Relative tolerance of "=" between numbers with decimals: sums of decimals are not exact in binary."""

_SAFE = 1 << 61
"""Integers beyond this are added as floats rather than allowed to wrap round."""


@dataclass(frozen=True)
class _Value:
    """One value a row. what: number, moment or duration (microseconds), text, or truth. data: array of n, or a single literal."""

    what: str
    data: Any
    valid: Bools


@dataclass(frozen=True)
class _Verdict:
    """Kleene truth: `true` and `false` are never both set; neither set: unknown."""

    true: Bools
    false: Bools


def violations(rule: ParsedRule | Rule | str, table: pa.Table, schema: TableSchema) -> Bools:
    """Which rows break `rule`: a boolean array, one a row of `table` (canonical Arrow types).

    Raises InputError for a rule that does not parse, names a missing column, or compares unlike things.
    """
    parsed = _parsed(rule)
    _known(parsed, schema)
    missing = [name for name in parsed.columns if name not in table.column_names]
    if missing:
        raise InputError(f'rule "{parsed.name}" names column "{missing[0]}", which the data of table "{schema.name}" lack')
    evaluation = _Evaluation(parsed, table, schema)
    broken = evaluation.condition(parsed.condition).false
    if parsed.where is not None:
        broken = broken & evaluation.condition(parsed.where).true
    return broken


def check(rule: ParsedRule | Rule | str, schema: TableSchema) -> ParsedRule:
    """Parse a rule and try it on an empty table of this schema: InputError when it could not be evaluated."""
    parsed = _parsed(rule)
    _known(parsed, schema)
    types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "date32": pa.date32()}
    fields = [pa.field(c.name, types.get(c.storage, pa.timestamp("us"))) for c in schema.columns]
    violations(parsed, pa.schema(fields).empty_table(), schema)
    return parsed


def _parsed(rule: ParsedRule | Rule | str) -> ParsedRule:
    if isinstance(rule, ParsedRule):
        return rule
    return parse(rule) if isinstance(rule, str) else parse(rule.text, rule.name)


def _known(rule: ParsedRule, schema: TableSchema) -> None:
    for name in rule.columns:
        if name not in schema.names:
            raise InputError(
                f'rule "{rule.name}" names column "{name}", which table "{schema.name}" lacks; it has: {", ".join(schema.names)}'
            )


class _Evaluation:
    def __init__(self, rule: ParsedRule, table: pa.Table, schema: TableSchema) -> None:
        self.rule, self.table, self.schema = rule, table, schema
        self.rows = table.num_rows
        self.read: dict[str, _Value] = {}

    def error(self, message: str) -> InputError:
        return InputError(f'rule "{self.rule.name}": {message}')

    def condition(self, node: language.Condition) -> _Verdict:
        match node:
            case language.Together(columns):
                nulls = np.stack([~self.operand(c).valid for c in columns])
                apart = np.asarray(nulls.any(axis=0) & ~nulls.all(axis=0))
                return _Verdict(~apart, apart)
            case language.Not(of):
                inside = self.condition(of)
                return _Verdict(inside.false, inside.true)
            case language.Joined(how, left, right):
                a, b = self.condition(left), self.condition(right)
                if how == "and":
                    return _Verdict(a.true & b.true, a.false | b.false)
                if how == "or":
                    return _Verdict(a.true | b.true, a.false & b.false)
                return _Verdict((a.true & b.true) | (a.false & b.false), (a.true & b.false) | (a.false & b.true))
            case language.IsNull(of):
                valid = self.operand(of).valid
                return _Verdict(~valid, valid)
            case language.Truth(of):
                return self.compare(self.operand(of), "=", self.operand(language.Literal(True)))
            case language.IsIn(of, values):
                value = self.operand(of)
                known = value.valid
                true = np.zeros(self.rows, dtype=np.bool_)
                for literal in values:
                    true |= self.compare(value, "=", self.operand(literal)).true
                return _Verdict(true, known & ~true)
            case language.Comparison(left, sign, right):
                return self.compare(self.operand(left), sign, self.operand(right))

    def compare(self, a: _Value, sign: str, b: _Value) -> _Verdict:
        a, b = self.alike(a, b)
        valid = a.valid & b.valid
        if a.what == "text":
            holds = _compare_text(a.data, sign, b.data, self.rows)
        else:
            holds = _compare_numbers(a.data, sign, b.data)
        holds = np.broadcast_to(holds, (self.rows,))
        return _Verdict(valid & holds, valid & ~holds)

    def alike(self, a: _Value, b: _Value) -> tuple[_Value, _Value]:
        """Both of one sort: a text literal beside a moment is read as a date or time."""
        if a.what != b.what:
            a, b = self.moment(a, b.what), self.moment(b, a.what)
        if a.what != b.what:
            raise self.error(f"cannot compare a {a.what} with a {b.what}")
        return a, b

    def moment(self, value: _Value, wanted: str) -> _Value:
        if value.what != "text" or not isinstance(value.data, str) or wanted not in ("moment", "duration"):
            return value
        try:
            if wanted == "moment":
                data = int(np.datetime64(datetime.fromisoformat(value.data), "us").astype(np.int64))
            else:
                data = _microseconds_of_day(value.data, None)
        except ValueError:
            raise self.error("a date is written 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM', a time 'HH:MM'") from None
        return _Value(wanted, data, value.valid)

    def operand(self, node: language.Operand) -> _Value:
        match node:
            case language.Column(name):
                if name not in self.read:
                    self.read[name] = _column(self.table[name], self.schema.column(name))
                return self.read[name]
            case language.Literal(value):
                what = "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
                return _Value(what, value, np.ones(self.rows, dtype=np.bool_))
            case language.Span(of, microseconds):
                inside = self.operand(of)
                if inside.what != "number":
                    raise self.error(f"a {inside.what} cannot be counted in units of time")
                count = np.where(inside.valid, inside.data, 0)
                exact = count.dtype.kind == "i" and (not len(count) or np.abs(count).max() < _SAFE // microseconds)
                data = count * microseconds if exact else np.round(count.astype(np.float64) * microseconds)
                return _Value("duration", data, inside.valid)
            case language.Sum(left, sign, right):
                return self.sum(self.operand(left), sign, self.operand(right))

    def sum(self, a: _Value, sign: int, b: _Value) -> _Value:
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
        return _Value(what, x + sign * y, a.valid & b.valid)


def _column(values: pa.ChunkedArray, column: ColumnSchema) -> _Value:
    """A column of canonical Arrow as numbers or text; null and NaN are not valid."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    valid = np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False), dtype=np.bool_)
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = pc.cast(array, kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _times(array, column, valid) if column.kind is Kind.TIME else _Value("text", array, valid)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        moments = pc.cast(pc.cast(array, pa.timestamp("us")), pa.int64())
        return _Value("moment", pc.fill_null(moments, 0).to_numpy(zero_copy_only=False), valid)
    if pa.types.is_boolean(kind):
        return _Value("truth", pc.fill_null(array, False).to_numpy(zero_copy_only=False), valid)
    data = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
    if data.dtype.kind == "f":
        valid = valid & ~np.isnan(data)
        data = np.where(valid, data, 0.0)
    return _Value("number", data, valid)


def _times(array: pa.Array, column: ColumnSchema, valid: Bools) -> _Value:
    """Times of day as microseconds; a text that is no time in the column's format is unknown."""
    encoded = pc.dictionary_encode(array)
    known = []
    for text in encoded.dictionary.to_pylist():
        try:
            known.append(_microseconds_of_day(text, column.format))
        except ValueError:
            known.append(-1)
    if not known:
        return _Value("duration", np.zeros(len(array), dtype=np.int64), valid)
    codes = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    data = np.array(known, dtype=np.int64)[codes]
    return _Value("duration", data, valid & (data >= 0))


def _microseconds_of_day(text: str, pattern: str | None) -> int:
    for form in (pattern,) if pattern else ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f"):
        try:
            t = datetime.strptime(text, form)
        except ValueError:
            continue
        return ((t.hour * 60 + t.minute) * 60 + t.second) * 1_000_000 + t.microsecond
    raise ValueError("not a time of day")


def _compare_numbers(a: Any, sign: str, b: Any) -> Bools:
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind == "f" or y.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            equal = (x == y) | (np.abs(x - y) <= CLOSE * np.maximum(np.abs(x), np.abs(y)))
    else:
        equal = x == y
    result = {"=": equal, "!=": ~equal, "<": (x < y) & ~equal, "<=": (x < y) | equal, ">": (x > y) & ~equal, ">=": (x > y) | equal}[sign]
    return np.asarray(result, dtype=np.bool_)


def _compare_text(a: Any, sign: str, b: Any, rows: int) -> Bools:
    if isinstance(a, str) and isinstance(b, str):
        a = pa.array([a] * rows, pa.string())
    name = {"=": "equal", "!=": "not_equal", "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}[sign]
    result = pc.fill_null(getattr(pc, name)(a, b), False)
    return np.asarray(result.to_numpy(zero_copy_only=False), dtype=np.bool_)
