"""A table of train on its way to a model: how it is coded, how its rows hang together, what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generators.disclosure import DisclosurePolicy
from generators.encoding.coded import Codes, Part
from generators.encoding.table import TableEncoding, learn
from generators.fitting import context as contexts
from generators.fitting.context import Context, Hanging
from generators.fitting.records import Records, constant, issued_columns, without_keys
from generators.fitting.telling import telling
from generators.schema import DatasetSchema, Rule


@dataclass(frozen=True)
class CodedTable:
    """A table ready to be learned."""

    encoding: TableEncoding
    codes: Codes
    hanging: Hanging
    context: Context
    above: str
    kept: tuple[Rule, ...]


def context_of(
    here: Records,
    encoding: TableEncoding,
    codes: Codes,
    hung: Hanging,
    above: Sequence[Part],
    *,
    order: tuple[int, ...],
    policy: DisclosurePolicy,
    seed: int,
) -> Context:
    """Which columns are alike in rows that belong together, and which given parts tell anything.

    order: the parts as they are to be generated; above: the parts of the table the rows hang on.
    """
    own, every = encoding.parts, order
    alike: tuple[int, ...] = ()
    repeated = len(np.unique(here.persons[hung.before >= 0])) if hung.together else 0
    if repeated >= policy.minimum:
        same = {c for c in here.rows.column_names if c in {p.column for p in own} and constant(here.rows, c, hung)}
        alike = tuple(n for n in every if own[n].column in same)
    numbers = tuple(hung.numbers)
    vary = [n for n in every if own[n].size > 1]
    parent_parts = tuple(n for n in range(len(above)) if above[n].size > 1)
    whole = Context(every, (), parent_parts, tuple(vary) if hung.together else (), numbers)
    given = contexts.given_codes(whole, own, above, hung, codes)
    sizes = [p.size for p in contexts.given_parts(whole, own, above)]
    together = [len(sizes) - len(numbers) + i for i, name in enumerate(numbers) if name in (contexts.PLACE, contexts.SIZE)]
    tells = set(telling(given, sizes, codes, [p.size for p in own], here.persons, seed, together))
    parent = tuple(n for n in whole.parent if n in tells)
    first = len(whole.parent)
    # What is alike is given anyway; of the row before only the rest can tell more.
    before = tuple(n for i, n in enumerate(whole.before) if first + i in tells and n not in alike)
    first += len(whole.before)
    kept = tuple(n for i, n in enumerate(numbers) if first + i in tells)
    parent, before = _with_coarse(parent, above), _with_coarse(before, own)
    return Context(tuple(n for n in every if n not in alike), alike, parent, before, kept)


def encoded(
    here: Records, schema: DatasetSchema, policy: DisclosurePolicy, most: int | None = None, apart: frozenset[frozenset[str]] = frozenset()
) -> tuple[TableEncoding, Codes]:
    """How the table is coded, and its codes. most: learn from the first so many rows alone; apart: pairs of columns kept apart."""
    issued = issued_columns(here.place, schema)
    table = without_keys(here.place.table, issued)
    rows, persons = here.rows.select(table.names), here.persons
    if most is not None and rows.num_rows > most:
        rows, persons = rows.slice(0, most), persons[:most]
    encoding = learn(rows, table, policy, persons, apart=apart)
    return encoding, encoding.encode(rows)


def _with_coarse(chosen_parts: tuple[int, ...], parts: Sequence[Part]) -> tuple[int, ...]:
    """With the parts on which the chosen ones hang."""
    found = set(chosen_parts)
    for n in sorted(found, reverse=True):
        above = parts[n].of
        while above is not None:
            found.add(above)
            above = parts[above].of
    return tuple(sorted(found))
