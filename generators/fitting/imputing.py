"""Missing cells of given tables, drawn from the model given what is known of the row (and of the rows it hangs on).

A cell is drawn by Gibbs sampling (S. and D. Geman 1984): one column after the other given all others, in proportion to the model's own
likelihood of the whole row. Of columns of many codes, and within the bins of numbers, candidates are weighed by their likelihood and one of
them is drawn (sampling-importance-resampling, D. B. Rubin 1988). What comes out holds records: it stays in the secure zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.encoding.coded import Codes, applies
from generators.encoding.conditions import CannotRestrict
from generators.encoding.derived import Derived, recomputed
from generators.encoding.derived_forms import column_of
from generators.encoding.table import TableEncoding
from generators.errors import InputError
from generators.fitting import context as contexts
from generators.fitting.context import Hanging
from generators.fitting.fitted import FittedModel
from generators.fitting.fitted_table import FittedTable
from generators.fitting.kept_rules import Keeper
from generators.fitting.records import Records, hanging, issued_columns, read, without_keys
from generators.generating.layout import layout
from generators.learning.model import Model, Starts
from generators.progress import Progress, silent
from generators.rules.values import values_of
from generators.schema import TableSchema

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

CANDIDATES = 64
"""Codes of a column that are weighed for one cell."""

SWEEPS = 4
"""How often every missing column of a row is drawn given the others, where there are several."""

AT_ONCE = 2_000
"""Rows that are weighed together."""


def impute(fitted: FittedModel, tables: Mapping[str, Path], seed: int, *, progress: Progress = silent) -> dict[str, pa.Table]:
    """The canonical files `tables` (of the schema the model was fitted to) with missing cells filled; everything known stays as it is.

    A cell stays missing where a rule that held in every record says that it is. The same files and seed give the same result. Raises
    InputError for a file that lacks a column, a table that was not learned, and models that cannot tell how likely a row is.
    """
    arranged = layout(fitted.schema)
    records = {name: read(place, tables[name]) for name, place in arranged.places.items() if name in tables}
    if lacking := [name for name in tables if name not in records]:
        raise InputError(f'the schema of the model has no table "{lacking[0]}" with records of its own')
    done: dict[str, pa.Table] = {}
    codes: dict[str, Codes] = {}
    ranks: dict[str, npt.NDArray[np.int64]] = {}
    for number, (name, here) in enumerate(records.items()):
        progress(f"filling missing cells of {name}", number / len(records), number, len(records))
        if name not in fitted.tables:
            raise InputError(f'table "{name}" was not learned: its missing cells cannot be filled')
        table = fitted.tables[name]
        hung = hanging(arranged, records, name, codes, ranks)
        issued = issued_columns(here.place, fitted.schema)
        rng = np.random.default_rng([seed, number])
        filled, codes[name] = _Table(table, here, without_keys(here.place.table, issued), hung, rng).filled()
        done[name] = filled
    return done


@dataclass
class _Table:
    """One table whose cells are filled."""

    fitted: FittedTable
    records: Records
    schema: TableSchema
    hanging: Hanging
    rng: np.random.Generator

    def filled(self) -> tuple[pa.Table, Codes]:
        encoding = self.fitted.encoding
        for model in (self.fitted.model, self.fitted.of_alike):
            if model is not None and not isinstance(model, Starts):
                raise InputError("this generator cannot tell how likely a row is; fill missing cells with autoregressive or cart")
        rows = self.records.rows
        codes = encoding.encode(rows)
        wanted = self._wanted(encoding, codes)
        if wanted:
            self._drawn(codes, wanted)
        made = self._decoded(encoding, codes, rows, set(wanted))
        return made, codes

    def _wanted(self, encoding: TableEncoding, codes: Codes) -> dict[str, Bools]:
        """By column with codes of its own its missing cells."""
        found: dict[str, Bools] = {}
        for column in encoding.columns:
            place = encoding.places[column.column][0]
            mask = _missing_code(encoding, column.column)
            auxiliary = column.column not in self.schema.names
            if mask is None or auxiliary:
                continue
            missing = mask[codes[:, place]]
            if missing.any() and not mask.all():
                found[column.column] = missing
        return found

    def _drawn(self, codes: Codes, wanted: Mapping[str, Bools]) -> None:
        encoding = self.fitted.encoding
        shares = {name: self._shares(name, codes) for name in wanted}
        for name, missing in wanted.items():
            first, last = encoding.places[name]
            rows = np.flatnonzero(missing)
            codes[rows, first] = self.rng.choice(len(shares[name]), len(rows), p=shares[name])
            for part in range(first + 1, last):
                codes[rows, part] = self.rng.integers(0, encoding.parts[part].size, len(rows))
        self._silence(codes)
        for _ in range(SWEEPS if len(wanted) > 1 else 1):
            for name, missing in wanted.items():
                every = np.flatnonzero(missing)
                for start in range(0, len(every), AT_ONCE):
                    rows = every[start : start + AT_ONCE]
                    codes[rows] = self._one(name, rows, codes, shares[name])
                self._alike(name, codes, missing)

    def _one(self, name: str, rows: npt.NDArray[np.int64], codes: Codes, shares: Floats) -> Codes:
        """The rows with the column `name` drawn given everything else."""
        encoding = self.fitted.encoding
        first, last = encoding.places[name]
        possible = np.flatnonzero(shares > 0)
        if len(possible) <= CANDIDATES:
            drawn = np.tile(possible, (len(rows), 1))
            against = np.zeros(drawn.shape)
        else:
            drawn = self.rng.choice(len(shares), (len(rows), CANDIDATES), p=shares)
            against = np.log(shares[drawn])
        each = drawn.shape[1]
        candidates = np.repeat(codes[rows], each, axis=0)
        candidates[:, first] = drawn.reshape(-1)
        weights = -against.reshape(-1)
        for part in range(first + 1, last):
            size = encoding.parts[part].size
            candidates[:, part] = self.rng.integers(0, size, len(candidates))
            weights += np.where(applies(candidates, encoding.parts, part), np.log(size), 0.0)
        self._silence(candidates)
        likely = (weights - self._surprise(candidates, np.repeat(rows, each), codes)).reshape(len(rows), each)
        # The largest of log-weights with Gumbel noise is a draw in proportion to the weights.
        chosen = (likely + self.rng.gumbel(size=likely.shape)).argmax(axis=1)
        return np.asarray(candidates.reshape(len(rows), each, -1)[np.arange(len(rows)), chosen], dtype=np.int32)

    def _surprise(self, candidates: Codes, rows: npt.NDArray[np.int64], codes: Codes) -> Floats:
        """Of each candidate for its row: the surprise of the row, and of what is alike in all rows of its person."""
        context, parts = self.fitted.context, self.fitted.encoding.parts
        total = np.zeros(len(candidates))
        alike = candidates[:, list(context.alike)]
        here = self.hanging.take(rows)
        if self.fitted.of_alike is not None:
            given = contexts.given_codes(contexts.of_alike(context), parts, self.fitted.above, here, codes)
            total += _told(self.fitted.of_alike, np.concatenate((given, alike), axis=1))
        if self.fitted.model is not None:
            given = contexts.given_codes(context, parts, self.fitted.above, here, codes)
            own = candidates[:, list(context.order)]
            total += _told(self.fitted.model, np.concatenate((given, alike, own), axis=1))
        return total

    def _shares(self, name: str, codes: Codes) -> Floats:
        """How frequent the codes of the column's first part are where it is known, none of them quite 0 but that for missing."""
        encoding = self.fitted.encoding
        first = encoding.places[name][0]
        size = encoding.parts[first].size
        missing = _missing_code(encoding, name)
        counts = np.bincount(codes[:, first], minlength=size) + 0.5
        if missing is not None:
            counts[missing] = 0.0
        return np.asarray(counts / counts.sum(), dtype=np.float64)

    def _alike(self, name: str, codes: Codes, missing: Bools) -> None:
        """What is the same in all rows that belong together: as in one of them that has it, or as it was drawn for the first."""
        first, last = self.fitted.encoding.places[name]
        if first not in self.fitted.context.alike:
            return
        group = self.hanging.group
        source = np.full(int(group.max(initial=-1)) + 1, -1)
        for rows in (np.flatnonzero(missing)[::-1], np.flatnonzero(~missing)):
            source[group[rows]] = rows
        codes[missing, first:last] = codes[source[group[missing]], first:last]

    def _silence(self, codes: Codes) -> None:
        parts = self.fitted.encoding.parts
        for number, part in enumerate(parts):
            if part.of is not None:
                codes[~applies(codes, parts, number), number] = 0

    def _decoded(self, encoding: TableEncoding, codes: Codes, rows: pa.Table, columns: set[str]) -> pa.Table:
        """The rows, with the cells that were missing as drawn, computed columns as they follow, and no rule broken for it."""
        decoded = encoding.decode(codes, self.rng)
        filled = rows
        for name in decoded.column_names:
            if name in columns:
                filled = _taken(
                    filled, name, pc.if_else(pc.is_valid(column_of(rows[name])), column_of(rows[name]), _plain(decoded, name, rows))
                )
        again = recomputed(tuple(d for d in encoding.derived if not d.auxiliaries), filled)
        for derived in encoding.derived:
            known = column_of(rows[derived.column])
            filled = _taken(filled, derived.column, pc.if_else(pc.is_valid(known), known, _plain(again, derived.column, rows)))
        for derived in encoding.derived:
            filled = _agreed(derived, filled, rows, again)
        for names, broken in Keeper(self.records.place.table, self.fitted.kept).broken_by(filled):
            filled = _given_back(filled, rows, names, broken)
        return filled


def _agreed(derived: Derived, filled: pa.Table, rows: pa.Table, again: pa.Table) -> pa.Table:
    """Without what was drawn for an input of a computed column that is known, and says otherwise."""
    target = derived.columns[0]
    known, follows = values_of(rows[target.name], target), values_of(again[target.name], target)
    if known.what == "text":
        known_text, follows_text = column_of(rows[target.name]), _plain(again, target.name, rows)
        apart = pc.fill_null(pc.not_equal(known_text, follows_text), False).to_numpy(zero_copy_only=False)
    else:
        apart = known.valid & follows.valid & ~np.isclose(known.data.astype(np.float64), follows.data.astype(np.float64), rtol=1e-6)
    return _given_back(filled, rows, derived.inputs, np.asarray(apart, dtype=np.bool_)) if apart.any() else filled


def _given_back(filled: pa.Table, rows: pa.Table, names: Sequence[str], which: Bools) -> pa.Table:
    """The cells of these columns and rows as they were."""
    for name in names:
        filled = _taken(filled, name, pc.if_else(pa.array(which), column_of(rows[name]), column_of(filled[name])))
    return filled


def _missing_code(encoding: TableEncoding, name: str) -> Bools | None:
    """Which codes of the column's first part stand for a missing value; None where there is none."""
    try:
        return encoding.restrictions({name: ""})[name].codes
    except (CannotRestrict, InputError):
        return None


def _told(model: Model, codes: Codes) -> Floats:
    found = model.surprise(codes)
    if found is None:
        raise InputError("this generator cannot tell how likely a row is; fill missing cells with autoregressive or cart")
    return found


def _plain(table: pa.Table, name: str, rows: pa.Table) -> pa.Array:
    return pc.cast(column_of(table[name]), rows.schema.field(name).type)


def _taken(rows: pa.Table, name: str, array: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, array)
