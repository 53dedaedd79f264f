"""Rules that a sample of rows suggests. Whether they hold of all rows, and may be told, is decided in `generators.rules.discovery`.

Only columns and pairs that make sense together are looked at (never all subsets of the columns), and only rules that say something: that
could be broken, going by how often their parts occur.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import pyarrow as pa

from generators.rules.language import literal, name
from generators.rules.values import Bools, Ints, Value, compare_text, elapsed, same, values_of
from generators.schema import ColumnSchema, Kind, Role, TableSchema

NEARLY = 0.99
"""Share of the rows, of those a rule says something about, in which it must hold."""

SMALL, LARGE = 12, 80
"""Most different values of a column that implies, and of one that is implied."""

_UNITS = (("minutes", 60_000_000), ("hours", 3_600_000_000), ("days", 86_400_000_000), ("seconds", 1_000_000))
_UNIT_WORDS = re.compile(
    r"(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|kg|cm|mmhg|mg|ml|amount|cost|charge|price|total|count|score)$"
)
_SIDES = (
    ("min", "max"),
    ("low", "high"),
    ("lower", "upper"),
    ("start", "end"),
    ("first", "last"),
    ("from", "to"),
    ("diastolic", "systolic"),
)


@dataclass(frozen=True)
class Proposal:
    """A rule that holds in the sample, or nearly. supports: conditions each of which enough persons must meet for it to be told: they
    show that the rule says something, and that no value in it is one of few persons.
    """

    text: str
    sentence: str
    supports: tuple[str, ...]


def proposals(rows: pa.Table, table: TableSchema, least: int) -> list[Proposal]:
    """What `rows` (canonical Arrow) suggest, the most telling first. least: rows that something must be expected in to be missed."""
    sample = _Sample(rows, table, least)
    found = [*_equations(sample), *_elapsed(sample), *_equal(sample), *_orders(sample), *_missing(sample), *_implications(sample)]
    return list({p.text: p for p in found}.values())


class _Sample:
    """The columns of the sample that rules may be about, as values."""

    def __init__(self, rows: pa.Table, table: TableSchema, least: int) -> None:
        left_out = (Kind.IDENTIFIER, Kind.FREE_TEXT)
        self.columns = [
            c for c in table.columns if c.kind not in left_out and c.role is not Role.DIRECT_IDENTIFIER and c.name != table.person_key
        ]
        self.table, self.count, self.least = table, rows.num_rows, max(10, least)
        self.values = {c.name: values_of(rows[c.name], c) for c in self.columns}
        self.equations: set[frozenset[str]] = set()

    def of(self, *kinds: Kind) -> list[ColumnSchema]:
        return [c for c in self.columns if c.kind in kinds and self.values[c.name].valid.sum() >= self.least]

    @property
    def moments(self) -> list[ColumnSchema]:
        return self.of(Kind.DATE, Kind.DATETIME)

    @property
    def numbers(self) -> list[ColumnSchema]:
        return [c for c in self.of(Kind.INTEGER, Kind.REAL) if not c.sentinels]

    def known(self, *columns: ColumnSchema) -> Bools:
        return np.asarray(np.logical_and.reduce([self.values[c.name].valid for c in columns]), dtype=np.bool_)

    def categories(self, column: ColumnSchema, most: int) -> tuple[Ints, list[int | float | str | bool]] | None:
        """Codes (-1 missing or rare) and the values, if there are from two to `most`."""
        value = self.values[column.name]
        group = same((value,), self.count)
        found, first = np.unique(group[group >= 0], return_index=True)
        if not 2 <= len(found) <= most:
            return None
        rows = np.flatnonzero(group >= 0)[first]
        codes = np.full(int(found.max()) + 2, -1, dtype=np.int64)
        codes[found] = np.arange(len(found))
        return codes[group], [_plain(value, int(row)) for row in rows]


def _plain(value: Value, row: int) -> int | float | str | bool:
    if value.what == "text":
        return str(value.data[row].as_py())
    item = value.data[row]
    return bool(item) if value.what == "truth" else float(item) if value.data.dtype.kind == "f" else int(item)


def _mostly(holds: Bools, least: int) -> bool:
    return len(holds) >= least and bool(holds.mean() >= NEARLY)


def _varied(value: Value, known: Bools) -> bool:
    return len(np.unique(value.data[known][:500])) > 1


def _equations(s: _Sample) -> Iterator[Proposal]:
    """An end that is a beginning and a length; a number that is the sum of two others."""
    starts: list[tuple[str, tuple[ColumnSchema, ...], Ints]] = [(name(c.name), (c,), s.values[c.name].data) for c in s.moments]
    for day in s.of(Kind.DATE):
        for clock in s.of(Kind.TIME):
            starts.append((f"{name(day.name)} + {name(clock.name)}", (day, clock), s.values[day.name].data + s.values[clock.name].data))
    for end in s.moments:
        for text, columns, start in starts:
            if end in columns:
                continue
            for length in s.numbers:
                known = s.known(end, length, *columns)
                apart, count = (s.values[end.name].data - start)[known], s.values[length.name].data[known]
                for unit, microseconds in _UNITS:
                    if _mostly(apart == count * microseconds, s.least) and _varied(s.values[length.name], known):
                        s.equations.add(frozenset({end.name, length.name, *(c.name for c in columns)}))
                        rule = f"{name(end.name)} = {text} + {name(length.name)} {unit}"
                        yield Proposal(rule, f"{end.name} is {text} and {length.name} {unit}", (rule, f"{name(length.name)} != 0"))
    numbers = s.numbers[:24]
    few = slice(0, 400)
    for a, b in combinations(numbers, 2):
        for c in numbers:
            if c in (a, b):
                continue
            x, y, z = (s.values[n.name].data for n in (a, b, c))
            known = s.known(a, b, c)
            if not np.allclose((x[few] + y[few])[known[few]], z[few][known[few]], rtol=0.001, atol=1e-6) and len(x) > 400:
                continue
            if _mostly(np.isclose((x + y)[known], z[known], rtol=1e-9, atol=1e-9), s.least) and all(
                _varied(s.values[n.name], known) for n in (a, b)
            ):
                s.equations.add(frozenset({a.name, b.name, c.name}))
                rule = f"{name(c.name)} = {name(a.name)} + {name(b.name)}"
                yield Proposal(
                    rule, f"{c.name} is the sum of {a.name} and {b.name}", (rule, f"{name(a.name)} != 0 and {name(b.name)} != 0")
                )


def _elapsed(s: _Sample) -> Iterator[Proposal]:
    """A number of whole years, months or days between two dates."""
    for start, end in permutations(s.moments, 2):
        known = s.known(start, end)
        for length in s.of(Kind.INTEGER):
            if frozenset({start.name, end.name, length.name}) in s.equations:
                continue
            both = known & s.values[length.name].valid
            if not _varied(s.values[length.name], both):
                continue
            for unit in ("year", "month", "day"):
                whole = elapsed(unit, s.values[start.name].data[both], s.values[end.name].data[both])
                if _mostly(whole == s.values[length.name].data[both], s.least):
                    rule = f"{name(length.name)} = {unit}s between {name(start.name)} and {name(end.name)}"
                    yield Proposal(rule, f"{length.name} is the number of whole {unit}s from {start.name} to {end.name}", (rule,))


def _equal(s: _Sample) -> Iterator[Proposal]:
    for a, b in combinations(s.columns, 2):
        x, y = s.values[a.name], s.values[b.name]
        if a.storage != b.storage or a.kind is not b.kind or x.what == "truth":
            continue
        known = s.known(a, b)
        alike = compare_text(x.data, "=", y.data, s.count) if x.what == "text" else x.data == y.data
        if _mostly(alike[known], s.least) and len(np.unique(same((x,), s.count)[known])) > 1:
            rule = f"{name(a.name)} = {name(b.name)}"
            yield Proposal(rule, f"{a.name} and {b.name} are the same", (rule,))


def _orders(s: _Sample) -> Iterator[Proposal]:
    """Dates, and numbers of one unit, of which one never comes before the other; without those that follow from two others."""
    pairs = [*permutations(s.moments, 2), *((a, b) for a, b in permutations(s.numbers, 2) if _alike(a.name, b.name))]
    order: dict[tuple[str, str], Proposal] = {}
    for a, b in pairs:
        known = s.known(a, b)
        x, y = s.values[a.name].data[known], s.values[b.name].data[known]
        if _mostly(x <= y, s.least) and (x < y).mean() >= 0.05:
            rule = f"{name(a.name)} <= {name(b.name)}"
            sentence = f"{b.name} never comes before {a.name}" if a in s.moments else f"{a.name} is never more than {b.name}"
            order[a.name, b.name] = Proposal(rule, sentence, (f"{name(a.name)} < {name(b.name)}",))
    between = [c.name for c in s.columns]
    for (a_name, b_name), proposal in order.items():
        if not any((a_name, m) in order and (m, b_name) in order for m in between):
            yield proposal


def _alike(a: str, b: str) -> bool:
    """Whether two columns of numbers count the same, going by their names."""
    x, y = _UNIT_WORDS.search(a.lower()), _UNIT_WORDS.search(b.lower())
    if x and y and x.group().rstrip("s")[:3] == y.group().rstrip("s")[:3]:
        return True
    words_a, words_b = (re.split(r"[\W_]+", n.lower()) for n in (a, b))
    return any(
        {low, high} & set(words_a) and [high if w == low else low if w == high else w for w in words_a] == words_b for low, high in _SIDES
    )


def _missing(s: _Sample) -> Iterator[Proposal]:
    """Columns missing together; columns missing exactly where another has certain values."""
    groups: dict[bytes, list[ColumnSchema]] = {}
    for column in s.columns:
        valid = s.values[column.name].valid
        if s.least <= valid.sum() <= s.count - s.least:
            groups.setdefault(valid.tobytes(), []).append(column)
    for group in groups.values():
        if len(group) > 1:
            rule = f"{', '.join(name(c.name) for c in group)} null together"
            first = name(group[0].name)
            yield Proposal(rule, f"{', '.join(c.name for c in group)} are missing together", (f"{first} is null", f"{first} is not null"))
        for cause in s.of(Kind.CATEGORICAL, Kind.BOOLEAN):
            if cause not in group:
                yield from _missing_where(s, group[0], cause)


def _missing_where(s: _Sample, column: ColumnSchema, cause: ColumnSchema) -> Iterator[Proposal]:
    coded = s.categories(cause, SMALL)
    if coded is None:
        return
    codes, values = coded
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    present = np.bincount(codes[(codes >= 0) & s.values[column.name].valid], minlength=len(values)) / counts
    always, never = present >= NEARLY, present <= 1 - NEARLY
    share = s.values[column.name].valid[codes >= 0].mean()
    if (always | never)[counts >= s.least].all() and always.any() and never.any():
        which = _among(cause, [v for v, a in zip(values, present > 0.5, strict=True) if a])
        supports = (*(f"{which} and {_is(cause, v)}" for v, a in zip(values, always, strict=True) if a), f"not ({which})")
        yield Proposal(f"{name(column.name)} is not null iff {which}", f"{column.name} is there exactly where {which}", supports)
        return
    for value, count, there in zip(values, counts, present, strict=True):
        if there == 0 and count * share >= s.least:
            yield Proposal(
                f"{_is(cause, value)} implies {name(column.name)} is null",
                f"{column.name} is missing where {_is(cause, value)}",
                (_is(cause, value), f"{name(column.name)} is not null"),
            )
        elif there == 1 and count * (1 - share) >= s.least:
            yield Proposal(
                f"{_is(cause, value)} implies {name(column.name)} is not null",
                f"{column.name} is never missing where {_is(cause, value)}",
                (_is(cause, value), f"{name(column.name)} is null"),
            )


def _implications(s: _Sample) -> Iterator[Proposal]:
    """What a category allows another to be: one value, some, or all but some."""
    columns = [(c, s.categories(c, LARGE)) for c in s.of(Kind.CATEGORICAL, Kind.BOOLEAN)]
    coded = [(c, *found) for c, found in columns if found is not None]
    for (a, x, x_values), (b, y, y_values) in combinations(coded, 2):
        if len(x_values) <= len(y_values):
            yield from _implied(s, a, x, x_values, b, y, y_values)
        else:
            yield from _implied(s, b, y, y_values, a, x, x_values)


def _implied(
    s: _Sample,
    cause: ColumnSchema,
    x: Ints,
    x_values: list[int | float | str | bool],
    effect: ColumnSchema,
    y: Ints,
    y_values: list[int | float | str | bool],
) -> Iterator[Proposal]:
    if len(x_values) > SMALL:
        return
    known = (x >= 0) & (y >= 0)
    if known.sum() < s.least:
        return
    cells = np.bincount(x[known] * len(y_values) + y[known], minlength=len(x_values) * len(y_values)).reshape(len(x_values), -1)
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    empty = (expected >= s.least) & (cells <= (1 - NEARLY) * expected)
    if not empty.any():
        return
    seen = cells > (1 - NEARLY) * expected
    if (empty | seen).all() and len(x_values) <= 6 and len(y_values) <= 6 and empty.any(axis=1).sum() > 1:
        pairs = [(u, v) for i, u in enumerate(x_values) for j, v in enumerate(y_values) if not empty[i, j]]
        listed = ", ".join(f"({literal(u)}, {literal(v)})" for u, v in pairs)
        rule = f"({name(cause.name)}, {name(effect.name)}) in ({listed})"
        yield Proposal(
            rule,
            f"only some combinations of {cause.name} and {effect.name} occur",
            tuple(f"{_is(cause, u)} and {_is(effect, v)}" for u, v in pairs),
        )
        return
    for i, value in enumerate(x_values):
        if not empty[i].any():
            continue
        allowed = [v for v, e in zip(y_values, empty[i], strict=True) if not e]
        ruled_out = [v for v, e in zip(y_values, empty[i], strict=True) if e]
        if len(allowed) <= min(6, len(ruled_out)) and (seen[i] | empty[i]).all():
            rule = f"{_is(cause, value)} implies {_among(effect, allowed)}"
            supports = (*(f"{_is(cause, value)} and {_is(effect, v)}" for v in allowed), f"not ({_among(effect, allowed)})")
            yield Proposal(rule, f"where {_is(cause, value)}, {_among(effect, allowed)}", supports)
        elif len(x_values) <= 3:  # with more, what never occurs together is more often rare than ruled out
            without = f"{name(effect.name)} not in ({', '.join(literal(v) for v in ruled_out)})"
            supports = (_is(cause, value), *(_is(effect, v) for v in ruled_out))
            yield Proposal(f"{_is(cause, value)} implies {without}", f"where {_is(cause, value)}, {without}", supports)


def _is(column: ColumnSchema, value: int | float | str | bool) -> str:
    return f"{name(column.name)} = {literal(value)}"


def _among(column: ColumnSchema, values: list[int | float | str | bool]) -> str:
    if len(values) == 1:
        return _is(column, values[0])
    return f"{name(column.name)} in ({', '.join(literal(v) for v in values)})"
