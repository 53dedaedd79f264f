"""Categories as codes: the values that enough persons share, what rarer ones are rolled up or pooled to, and missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.code_systems import CODE_SYSTEMS
from generators.disclosure import DisclosurePolicy
from generators.encoding import stored_form as form
from generators.encoding.coded import Part
from generators.encoding.conditions import Restriction, Wanted, spans, unmet
from generators.encoding.people import People
from generators.schema import ColumnSchema, Kind

Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
"""Arrow types of categories, by storage."""

PLAIN: dict[str, Any] = {"string": "Other", "int64": 0, "float64": 0.0, "bool": False}
"""What a column holds of which no value may be told and none may be missing."""


@dataclass(frozen=True)
class Categories:
    """How a column of few or many different values is coded.

    values: in the order of their codes; weights: rounded rows of each; other: whether there is a code for pooled rare values, which comes
    out as one of `values`, by weight; missing: whether there is one for missing, the last; ordered: whether the codes follow the order of
    the values; rolled: public codes that rarer ones were rolled up to, which are among `values`: (level, group, place of the stand-in).
    """

    column: str
    storage: str
    values: tuple[Any, ...]
    weights: tuple[int, ...]
    other: bool
    missing: bool
    ordered: bool = False
    code_system: str = ""
    rolled: tuple[tuple[str, str, int], ...] = ()
    kept_out: int = 0

    kind: ClassVar[str] = "categories"

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.values) + self.other + self.missing

    @property
    def missing_code(self) -> int:
        """The code for missing, where there is one."""
        return self.size - 1

    def parts(self, first: int) -> list[Part]:
        """Its one part."""
        ordered = self.ordered and len(self.values) > 1
        return [Part(self.column, "value", self.size, ordered=ordered, ordered_codes=(0, len(self.values)) if ordered else None)]

    @cached_property
    def _known(self) -> pa.Array:
        return pa.array(self.values, TYPES[self.storage])

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[npt.NDArray[np.int32]]:
        """One column → its codes. Values that have none get the pooled one, or that of a random row."""
        place, values, null = coded(array, TYPES[self.storage])
        found = pc.fill_null(pc.index_in(values, self._known), -1).to_numpy(zero_copy_only=False).astype(np.int32)
        if self.rolled and len(values):
            self._roll(found, values)
        found[found < 0] = len(self.values) if self.other else -1
        codes = found[place] if len(found) else np.full(len(place), -1, np.int32)
        if null is not None:
            codes[null] = self.missing_code if self.missing else -1
        lost = np.flatnonzero(codes < 0)
        if len(lost):
            known = np.flatnonzero(codes >= 0)
            codes[lost] = codes[rng.choice(known, len(lost))] if len(known) else 0
        return [codes]

    def _roll(self, found: npt.NDArray[np.int32], values: pa.Array) -> None:
        """Gives rare codes that of the narrowest group they belong to."""
        to = {(level, group): place for level, group, place in self.rolled}
        levels = CODE_SYSTEMS[self.code_system].levels
        for row in np.flatnonzero(found < 0):
            code = values[int(row)].as_py()
            for level in levels:
                place = to.get((level.name, level.of(code) or ""))
                if place is not None:
                    found[row] = place
                    break

    def decode(self, codes: npt.NDArray[np.int32], rng: np.random.Generator, bounds: tuple[float, float] | None = None) -> pa.Array:
        """(rows, 1) codes → the column, dictionary-encoded where it is text."""
        first = codes[:, 0]
        if self.other:
            pooled = np.flatnonzero(first == len(self.values))
            if len(pooled):
                first = first.copy()
                share = np.cumsum(self.weights, dtype=np.float64)
                first[pooled] = np.searchsorted(share, rng.random(len(pooled)) * share[-1], side="right")
        null = first == self.missing_code if self.missing else None
        if self.storage == "string":
            return pa.DictionaryArray.from_arrays(pa.array(first, pa.int32(), mask=null), self._known)
        return pc.take(self._known, pa.array(first, pa.int32(), mask=null))

    def restricted(self, wanted: Wanted) -> Restriction:
        """What a condition leaves of its codes; rare values that are pooled have none of their own."""
        allowed = np.zeros(self.size, np.bool_)
        where = {spelled(value): number for number, value in enumerate(self.values)}
        if self.storage in ("int64", "float64"):
            values = np.array(self.values, dtype=np.float64)
            for low, high in spans(wanted, self.column, float, float):
                allowed[: len(values)] |= (values >= low) & (values <= high)
        elif wanted.ranges:
            raise unmet(self.column, "..", "a range needs a column of numbers, dates or times")
        else:
            for word in wanted.values:
                if word not in where:
                    raise unmet(self.column, word, "this value is not generated: too few persons have it, or nobody")
                allowed[where[word]] = True
        if wanted.missing and self.missing:
            allowed[self.missing_code] = True
        return Restriction(allowed)

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "storage": self.storage,
            "values": list(self.values),
            "weights": list(self.weights),
            "other": self.other,
            "missing": self.missing,
            "ordered": self.ordered,
            "code_system": self.code_system,
            "rolled": [list(r) for r in self.rolled],
            "kept_out": self.kept_out,
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> Categories:
        """What `as_dict` gave; InputError names the column and what is wrong."""
        storage = form.field(raw, "storage", str, column)
        if storage not in TYPES:
            raise form.refused(column, '"storage" is none of categories')
        values = form.values(raw, "values", storage, column)
        weights = form.numbers(raw, "weights", np.int64, column)
        if len(weights) != len(values) or (weights < 0).any():
            raise form.refused(column, '"weights" do not fit the values')
        system = form.field(raw, "code_system", str, column)
        rolled = []
        for entry in form.field(raw, "rolled", list, column):
            if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[2], int) or not 0 <= entry[2] < len(values):
                raise form.refused(column, '"rolled" does not fit the values')
            rolled.append((str(entry[0]), str(entry[1]), entry[2]))
        if rolled and system not in CODE_SYSTEMS:
            raise form.refused(column, '"code_system" is unknown')
        other, missing, ordered = (form.field(raw, name, bool, column) for name in ("other", "missing", "ordered"))
        read = Categories(
            column,
            storage,
            tuple(values),
            tuple(weights.tolist()),
            other,
            missing,
            ordered,
            system,
            tuple(rolled),
            form.field(raw, "kept_out", int, column),
        )
        if not read.size or (other and not weights.sum()):
            raise form.refused(column, "it has no values")
        return read


def spelled(value: Any) -> str:
    """A category as somebody types it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def coded(array: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> tuple[npt.NDArray[np.int32], pa.Array, Truths | None]:
    """((rows,) places, different values, which rows are missing or None): each row's value is values[place]; 0 where it is missing."""
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(whole.type):
        whole = whole.cast(whole.type.value_type)
    if whole.type != kind:
        whole = pc.cast(whole, kind)
    if pa.types.is_floating(kind):
        whole = pc.if_else(pc.is_finite(whole), whole, pa.scalar(None, kind))
    null = whole.is_null().to_numpy(zero_copy_only=False) if whole.null_count else None
    if pa.types.is_boolean(kind):
        return pc.fill_null(whole, False).to_numpy(zero_copy_only=False).astype(np.int32), pa.array([False, True]), null
    encoded = pc.dictionary_encode(whole)
    place = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False).astype(np.int32)
    return place, encoded.dictionary, null


def learn(array: pa.Array, column: ColumnSchema, persons: People, policy: DisclosurePolicy) -> Categories:
    """How to code a column of categories or truths."""
    place, values, null = coded(array, TYPES[column.storage])
    rows = np.arange(len(place)) if null is None else np.flatnonzero(~null)
    whose = persons.of(rows)
    count = np.bincount(place[rows], minlength=len(values))
    people = whose.by_code(place[rows], len(values)) if len(values) else np.zeros(0, np.int64)
    safe = people >= policy.minimum
    missing = null is not None and persons.of(null).count >= policy.minimum
    frequent = [(value, int(n)) for value, n, kept in zip(values.to_pylist(), count, safe, strict=True) if kept]
    rolled: dict[str, tuple[str, str, int]] = {}
    rare = ~safe & (people > 0)
    if column.code_system in CODE_SYSTEMS and column.storage == "string" and rare.any():
        rolled, rare = _rolled(column, values.to_pylist(), place[rows], whose, rare, policy)
        frequent += [(code, n) for code, (_, _, n) in rolled.items() if code not in {v for v, _ in frequent}]
    ordered = column.storage in ("int64", "float64", "bool")
    frequent.sort(key=(lambda each: each[0]) if ordered else (lambda each: (-each[1], each[0])))
    vocabulary = tuple(value for value, _ in frequent)
    pooled = rare[place[rows]] if len(values) else np.zeros(0, np.bool_)
    other = bool(vocabulary) and whose.of(pooled).count >= policy.minimum
    if not vocabulary and not missing:
        vocabulary, frequent = (PLAIN[column.storage],), [(PLAIN[column.storage], 1)]
    where = {value: number for number, value in enumerate(vocabulary)}
    return Categories(
        column.name,
        column.storage,
        vocabulary,
        tuple(max(1, policy.rounded(n)) for _, n in frequent),
        other,
        missing,
        ordered and column.kind is not Kind.BOOLEAN,
        column.code_system or "" if rolled else "",
        tuple((level, group, where[code]) for code, (level, group, _) in rolled.items()),
        policy.rounded(int(pooled.sum())) if other else 0,
    )


def _rolled(
    column: ColumnSchema,
    values: Sequence[str],
    place: npt.NDArray[np.int32],
    persons: People,
    rare: Truths,
    policy: DisclosurePolicy,
) -> tuple[dict[str, tuple[str, str, int]], Truths]:
    """(by the public code that stands for it: level, group and rows of each group that rare codes were rolled up to; what stays rare).

    As `docs/decisions/0012`: the lowest level at which enough persons meet; never a stand-in that is itself a rare code of the records.
    """
    found: dict[str, tuple[str, str, int]] = {}
    left = rare.copy()
    hidden = {value for value, is_rare in zip(values, rare, strict=True) if is_rare}
    for level in CODE_SYSTEMS[column.code_system or ""].levels:
        groups = {i: level.of(values[i]) for i in np.flatnonzero(left).tolist()}
        for group in sorted({g for g in groups.values() if g}):
            stand_in = level.stand_in(group)
            if stand_in in hidden or stand_in in found or (column.codes is not None and stand_in not in column.codes):
                continue
            member = np.zeros(len(values), np.bool_)
            member[[i for i, g in groups.items() if g == group]] = True
            rows = member[place]
            if persons.of(rows).count >= policy.minimum:
                found[stand_in] = (level.name, group, int(rows.sum()))
                left &= ~member
    return found, left
