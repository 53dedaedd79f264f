"""Finds columns that are exact functions of others.

A few hundred rows suggest; every row decides, to no more than the rounding of what was recorded: a rule that is nearly right would make
every row recognisable. What chance explains is refused: values of another row must break the function often enough, and enough persons
must differ in each column that takes part. Constants are told only where at least the policy's minimum of persons stand behind them.

The equations found share columns. Each gives one of its columns, the one that leaves least open and is hardest to learn (most different
values), so long as nothing then hangs on itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.disclosure import DisclosurePolicy
from generators.encoding.derived import Derived, prepare
from generators.encoding.derived_forms import column_of, computed
from generators.rules.values import Value, values_of
from generators.schema import ColumnSchema, Kind, TableSchema

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LOOKED_AT = 4_000
"""Rows, spread over the table, by which columns are known before all rows are looked at."""

FEWEST = 40
"""Fewest rows of a table in which anything is looked for."""

EVIDENCE = 60.0
"""Nats: how much less likely than this the rows must be if values were exchanged between rows."""

OPEN = 0.5
"""Largest share of a column's values that a function may leave open."""

CLOSE = 1e-9
"""Relative tolerance between numbers with decimals: sums of decimals are not exact in binary."""


@dataclass
class Columns:
    """The columns of a table that may take part, read once. persons: the number of the person of each row. apart: pairs that no function
    may have.
    """

    rows: pa.Table
    table: TableSchema
    policy: DisclosurePolicy
    persons: Ints
    apart: tuple[frozenset[str], ...] = ()
    _values: dict[str, Value] = field(default_factory=dict)
    _codes: dict[str, tuple[Ints, pa.Array]] = field(default_factory=dict)

    @cached_property
    def sample(self) -> Columns:
        """Rows spread evenly over the table."""
        count = self.rows.num_rows
        if count <= LOOKED_AT:
            return self
        chosen = np.linspace(0, count - 1, LOOKED_AT).astype(np.int64)
        return Columns(self.rows.take(pa.array(chosen)), self.table, self.policy, self.persons[chosen], self.apart)

    @cached_property
    def schemas(self) -> dict[str, ColumnSchema]:
        keys = {*self.table.primary_key, self.table.person_key, *(n for k in self.table.foreign_keys for n in k.columns)}
        usable = (c for c in self.table.columns if c.name in self.rows.column_names and c.name not in keys)
        return {c.name: c for c in usable if c.kind not in (Kind.IDENTIFIER, Kind.FREE_TEXT) and not c.sentinels and not c.unique}

    def value(self, name: str) -> Value:
        """The column as numbers, moments, times or text."""
        if name not in self._values:
            self._values[name] = values_of(self.rows[name], self.schemas[name])
        return self._values[name]

    def codes(self, name: str) -> tuple[Ints, pa.Array]:
        """(rows,) numbers of the column's values, −1 for missing, and the values."""
        if name not in self._codes:
            array = column_of(self.rows[name])
            if pa.types.is_floating(array.type):
                array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
            coded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
            self._codes[name] = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary
        return self._codes[name]

    def what(self, name: str) -> str:
        """ "number", "moment", "duration", "text" or "truth"."""
        return self.sample.value(name).what

    def of(self, *whats: str) -> list[str]:
        return [name for name in self.schemas if self.what(name) in whats]

    @cached_property
    def distinct(self) -> dict[str, int]:
        """Different values of each column in the sample."""
        return {name: len(np.unique(self.sample.codes(name)[0][self.sample.codes(name)[0] >= 0])) for name in self.schemas}

    @cached_property
    def decimals(self) -> dict[str, int | None]:
        """Decimal places of each column of numbers; None: more than are kept by anybody who rounds."""
        found: dict[str, int | None] = {}
        for name in self.of("number"):
            value, schema = self.sample.value(name), self.schemas[name]
            if schema.storage == "int64":
                found[name] = 0
            elif schema.decimals is not None:
                found[name] = schema.decimals
            else:
                known = value.data[value.valid]
                fits = (d for d in range(7) if np.allclose(np.round(known, d), known, rtol=1e-12, atol=10.0 ** (-d - 6)))
                with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest there are cannot be rounded
                    found[name] = next(fits, None)
        return found

    def enough(self, rows: Bools, times: int = 1) -> bool:
        """Whether the rows are about at least `times` the minimum of persons."""
        least = times * self.policy.minimum
        if int(rows.sum()) < least:
            return False
        return len(np.unique(self.persons[np.flatnonzero(rows)[: 50 * least]])) >= least or len(np.unique(self.persons[rows])) >= least

    def shares_enough(self, codes: Ints, size: int) -> Bools:
        """By code whether at least the minimum of persons have it."""
        rows = np.bincount(codes[codes >= 0], minlength=size)
        several = rows >= self.policy.minimum
        if len(np.unique(self.persons)) < len(self.persons):
            there = codes >= 0
            pairs = np.unique(codes[there] * (int(self.persons.max(initial=0)) + 1) + self.persons[there])
            several = np.bincount(pairs // (int(self.persons.max(initial=0)) + 1), minlength=size) >= self.policy.minimum
        return np.asarray(several, dtype=np.bool_)


@dataclass(frozen=True)
class Function:
    """One of the columns of an equation as a function of the others, before it is looked at in all rows.

    weight: what speaks against it, beside what it leaves open. later: the time after what it gives is learned.
    """

    target: str
    inputs: tuple[str, ...]
    form: str
    facts: Mapping[str, Any]
    weight: float = 0.0
    later: bool = False

    def derived(self, columns: Columns) -> Derived:
        return Derived(tuple(columns.schemas[n] for n in (self.target, *self.inputs)), self.form, self.facts)


Equation = tuple[Function, ...]
"""The functions that one relation between columns allows, of which at most one is used."""


def searched(
    rows: pa.Table, table: TableSchema, policy: DisclosurePolicy, persons: Ints, apart: Collection[frozenset[str]] = ()
) -> tuple[Derived, ...]:
    """See `generators.encoding.derived.find`."""
    from generators.encoding import derived_categories, derived_moments, derived_numbers

    columns = Columns(rows, table, policy, np.asarray(persons, dtype=np.int64), tuple(apart))
    if rows.num_rows < FEWEST or not columns.schemas or not columns.enough(np.ones(rows.num_rows, np.bool_), 4):
        return ()
    chosen: dict[str, Derived] = {}
    for equations in (derived_moments.equations, derived_numbers.equations):
        _choose(equations(columns), columns, chosen)
    _choose(derived_moments.calendars(columns, chosen), columns, chosen)
    _choose(derived_moments.durations(columns, chosen), columns, chosen)
    _choose(derived_categories.equations(columns, chosen), columns, chosen)
    _choose_flags(columns, chosen)
    return _in_order(chosen)


def _choose(equations: Iterator[Equation], columns: Columns, chosen: dict[str, Derived]) -> None:
    for equation in equations:
        names = {n for f in equation for n in (f.target, *f.inputs)}
        if any(pair <= names for pair in columns.apart):
            continue
        options = [f for f in equation if f.target not in chosen and not _circular(f, chosen)]
        if any(f.target in chosen and set(chosen[f.target].inputs) | {f.target} == names for f in equation):
            continue
        best: tuple[tuple[float, ...], Derived] | None = None
        for function in options:
            kept = checked(function, columns)
            if kept is None:
                continue
            derived, left_open = kept
            cost = (function.weight, left_open + 0.02 * len(derived.auxiliaries), -float(columns.distinct[function.target]))
            if best is None or cost < best[0]:
                best = cost, derived
        if best is not None:
            chosen[best[1].column] = best[1]


def _circular(function: Function, chosen: Mapping[str, Derived]) -> bool:
    """Whether its target would hang on itself."""
    waiting, seen = list(function.inputs), set[str]()
    while waiting:
        name = waiting.pop()
        if name == function.target:
            return True
        if name in chosen and name not in seen:
            seen.add(name)
            waiting += chosen[name].inputs
    return False


def checked(function: Function, columns: Columns) -> tuple[Derived, float] | None:
    """The computed column, and how much of its values it leaves open; None where a row says otherwise or chance explains it."""
    derived = function.derived(columns)
    names = set(columns.table.names) | set(columns.rows.column_names)
    if function.later:
        return _with_otherwise(replace(derived, after=_free(f"{function.target} after {' '.join(function.inputs)}", names)), columns, names)
    if columns.sample is not columns and _compared(derived, columns.sample) is None:
        return None
    compared = _compared(derived, columns)
    if compared is None:
        return None
    said, known, matches = compared
    both = said & known
    if not both.any() or not columns.enough(both, 4) or (known & ~said).sum() > OPEN * known.sum():
        return None
    if function.form not in ("bands", "map") and not _telling(matches, both):
        return None
    if not all(_varied(columns, name, both) for name in (function.target, *function.inputs)):
        return None
    if columns.enough(known & ~said):
        derived = replace(derived, otherwise=_free(f"{function.target} otherwise", names))
    if columns.enough(said & ~known):
        derived = replace(derived, absent=_free(f"{function.target} missing", names))
    return derived, float((known & ~said).sum() + 0.5 * (said & ~known).sum()) / len(known)


def _with_otherwise(derived: Derived, columns: Columns, names: set[str]) -> tuple[Derived, float]:
    """Of a column learned as the time since another moment, which was looked at in all rows before."""
    left = columns.value(derived.column).valid & ~derived.result(columns.rows).valid
    if columns.enough(left):
        derived = replace(derived, otherwise=_free(f"{derived.column} otherwise", names))
    return derived, float(left.mean())


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "~"
    return name


def _compared(derived: Derived, columns: Columns) -> tuple[Bools, Bools, Any] | None:
    """(where the function says something, where the column is known, what compares its result with the values of other rows).

    None where a row says otherwise.
    """
    target = derived.columns[0]
    facts = derived.facts
    if derived.form in ("sum", "product"):
        facts = {**facts, "decimals": None}  # before rounding: halves are rounded up by some and to even by others
    found = computed(derived.form, facts, derived.columns, [columns.rows[n] for n in derived.inputs])
    if isinstance(found.data, pa.Array):
        there, values = columns.codes(target.name)
        said = found.valid
        mine = column_of(found.data)
        mine = mine if pa.types.is_dictionary(mine.type) else pc.dictionary_encode(mine)
        words = pc.cast(values, mine.dictionary.type) if values.type != mine.dictionary.type else values
        numbers = pc.fill_null(pc.index_in(mine.dictionary, words), -2).to_numpy(zero_copy_only=False).astype(np.int64)
        codes = np.append(numbers, -3)[pc.fill_null(mine.indices, len(numbers)).to_numpy(zero_copy_only=False)]
        known = there >= 0

        def same(rows: Bools, of: Ints | None = None) -> Bools:
            return np.asarray(codes[rows] == (there[rows] if of is None else there[rows][of]), dtype=np.bool_)
    else:
        value = columns.value(target.name)
        said, known = found.valid, value.valid
        theirs = value.data
        if derived.form in ("sum", "product"):
            decimals = derived.facts["decimals"]
            least = 0.0 if decimals is None else 0.5 * 10.0**-decimals * (1 + 1e-6)

            def same(rows: Bools, of: Ints | None = None) -> Bools:
                a, b = found.data[rows], theirs[rows] if of is None else theirs[rows][of]
                return np.asarray(np.abs(a - b) <= np.maximum(CLOSE * np.maximum(np.abs(a), np.abs(b)), least), dtype=np.bool_)
        else:
            grain = 1 if target.kind is not Kind.TIME or ("%S" in (target.format or "")) else 60_000_000
            mine_data = found.data

            def same(rows: Bools, of: Ints | None = None) -> Bools:
                b = theirs[rows] if of is None else theirs[rows][of]
                a = mine_data[rows]
                return np.asarray(a // grain == b // grain if grain > 1 else np.abs(a - b) <= CLOSE * np.maximum(1.0, np.abs(b)))

    both = said & known
    return (said, known, same) if bool(same(both).all()) else None


def _telling(matches: Any, both: Bools) -> bool:
    """Whether values of other rows would have broken it: by how much less likely the rows are then."""
    count = int(both.sum())
    shares = [float(matches(both, (np.arange(count) + shift) % count).mean()) for shift in (max(1, count // 3), max(1, count // 2), 7)]
    share = max(sum(shares) / len(shares), 1.0 / (count + 1))
    return share < 0.97 and -count * math.log(share) >= EVIDENCE


def _varied(columns: Columns, name: str, rows: Bools) -> bool:
    """Whether enough persons differ from the most frequent value."""
    codes, values = columns.codes(name)
    counted = np.bincount(codes[rows] + 1, minlength=len(values) + 1)
    return columns.enough(rows & (codes != int(counted.argmax()) - 1), 2)


def _choose_flags(columns: Columns, chosen: dict[str, Derived]) -> None:
    """Whether a column is missing often follows from another: then that is computed, too."""
    from generators.encoding import derived_categories

    flagged = [d for d in chosen.values() if d.absent]
    if not flagged:
        return
    prepared = prepare([chosen[n] for n in _names_in_order(chosen)], columns.rows)
    flags = tuple(c for d in flagged for c in d.auxiliary_columns() if c.name == d.absent)
    names = {n for n in columns.schemas if n in prepared.column_names}
    table = replace(columns.table, columns=(*(c for c in columns.table.columns if c.name in names), *flags))
    further = Columns(prepared, table, columns.policy, columns.persons, columns.apart)
    wanted = frozenset(f.name for f in flags)
    found: dict[str, Derived] = {}
    _choose(derived_categories.equations(further, {}, wanted), further, found)
    chosen |= found


def _names_in_order(chosen: Mapping[str, Derived]) -> list[str]:
    """Each after all it is computed from."""
    done: list[str] = []

    def visit(name: str) -> None:
        if name in done or name not in chosen:
            return
        for other in (*chosen[name].inputs, *chosen[name].auxiliaries):
            visit(other)
        done.append(name)

    for name in chosen:
        visit(name)
    return done


def _in_order(chosen: Mapping[str, Derived]) -> tuple[Derived, ...]:
    return tuple(chosen[name] for name in _names_in_order(chosen))
