"""Rows drawn given conditions: the conditioned columns first, from what the model says of them together; what misses is drawn again.

A restricted draw of one part after the other would give the later conditions too little weight. So the allowed codes of the leading parts
are enumerated, each with its likelihood (`starts` of the model), and the rest is drawn given them: the conditional distribution itself. Of
models without `starts`, and of conditions further back, the first leading part alone is restricted, and rows that miss are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.encoding.coded import Codes, Part
from generators.errors import InputError
from generators.learning.model import Model, Starts

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

MOST_STARTS = 20_000
"""Most ways to begin a row that are enumerated, for all rows of a draw together."""

MOST_CALLS = 600
"""Most ways to begin, but for the last part, that are drawn from: each is a call of the model."""

HOPELESS = 0.002
"""Where fewer of the rows drawn keep the rules, drawing more is given up."""

ROUNDS = 24
"""How often rows that break a rule are drawn anew before they are left to be mended."""

LEAST = 1e-4
"""Share of the rows drawn that must meet the conditions; of fewer it is refused."""

SURE = 60_000
"""Rows drawn before so small a share is believed."""

AT_ONCE = 512
"""Rows drawn at once where there is anything to draw: a call costs as much for a few."""

MOST_EACH = 64
"""Rows drawn at once for one that is wanted."""


@dataclass(frozen=True)
class Sampler:
    """A model, the number its parts have in the encoding (`order`, of its generated parts), and the parts of the encoding."""

    model: Model
    order: tuple[int, ...]
    parts: Sequence[Part]
    restricts: bool = True

    def sample(self, given: Codes, rng: np.random.Generator, masks: Mapping[int, Bools]) -> Codes:
        """(rows, given parts) → (rows, generated parts), in the order of the model; masks: by number of a part of the encoding.

        Rows meet the masks as far as they can without disturbing the distribution given all of them; the others are to be drawn again.
        """
        mine = {self.order.index(number): mask for number, mask in masks.items() if number in self.order and not mask.all()}
        if not mine or not self.restricts or not len(given):
            return self.model.sample(given, rng)
        drawn = self._from_starts(given, rng, mine)
        if drawn is not None:
            return drawn
        leading = {given.shape[1] + number: mask for number, mask in mine.items() if number == 0}
        return self.model.sample(given, rng, leading or None)

    def _from_starts(self, given: Codes, rng: np.random.Generator, masks: Mapping[int, Bools]) -> Codes | None:
        """Rows by way of their enumerated beginnings; None where there are too many, or the model cannot tell."""
        lead = range(max(masks) + 1)
        if len(lead) == 1:
            return self.model.sample(given, rng, {given.shape[1]: masks[0]})
        model = self.model
        if not isinstance(model, Starts) or any(self.parts[self.order[number]].of is not None for number in lead):
            return None
        every = (np.flatnonzero(masks[n]) if n in masks else np.arange(self.parts[self.order[n]].size) for n in lead)
        choices = [np.asarray(codes, dtype=np.int32) for codes in every]
        ways = int(np.prod([len(c) for c in choices], dtype=np.float64))
        kinds, kind = (given[:1], np.zeros(len(given), np.int64)) if not given.shape[1] else _kinds(given)
        if ways * len(kinds) > MOST_STARTS or ways // len(choices[-1]) > MOST_CALLS:
            return None
        begun = np.stack([grid.reshape(-1) for grid in np.meshgrid(*choices, indexing="ij")], axis=1).astype(np.int32)
        likely = _likelihoods(model, kinds, begun).reshape(len(kinds), ways // len(choices[-1]), len(choices[-1])).sum(axis=2)
        if not (likely.sum(axis=1) > 0).all():
            return None
        # Which beginning each row has, its last part aside: that one is drawn restricted, which is exact for the last.
        shares = np.cumsum(likely, axis=1)
        shares /= shares[:, -1:]
        chosen = (shares[kind] <= rng.random(len(given))[:, None]).sum(axis=1)
        codes = np.empty((len(given), len(self.order)), dtype=np.int32)
        firsts = begun[:: len(choices[-1])]
        for number in np.unique(chosen):
            rows = np.flatnonzero(chosen == number)
            allowed = {given.shape[1] + n: _only(int(firsts[number, n]), self.parts[self.order[n]].size) for n in lead[:-1]}
            codes[rows] = self.model.sample(given[rows], rng, {**allowed, given.shape[1] + lead[-1]: masks[lead[-1]]})
        return codes


def _kinds(given: Codes) -> tuple[Codes, Ints]:
    kinds, kind = np.unique(given, axis=0, return_inverse=True)
    return kinds, kind.reshape(-1)


def _likelihoods(model: Starts, kinds: Codes, begun: Codes) -> npt.NDArray[np.float64]:
    """(kinds of given codes × beginnings,) how likely each beginning is."""
    codes = np.concatenate((np.repeat(kinds, len(begun), axis=0), np.tile(begun, (len(kinds), 1))), axis=1)
    return np.exp(model.starts(codes))


def _only(code: int, size: int) -> Bools:
    mask = np.zeros(size, dtype=np.bool_)
    mask[code] = True
    return mask


Draw = Callable[[Ints], tuple[Codes, pa.Table]]
"""Places of rows, one several times where it is wanted so → their codes and their columns, drawn anew."""

Judge = Callable[[pa.Table, Ints], Bools]
"""(rows, their places) → which of them will not do."""


def settled(
    draw: Draw, count: int, *, missed: Judge | None = None, broken: Judge | None = None, rounds: int = ROUNDS
) -> tuple[Codes, pa.Table]:
    """`count` rows that meet the conditions, and of which as few as can be break a rule: others are drawn again.

    missed: which rows miss a condition, or are given up: drawn until none is; InputError when fewer than `LEAST` of them meet the
    conditions. broken: which break a rule: drawn again `rounds` times at most. The same `draw` gives the same rows.
    """
    codes, rows = draw(np.arange(count))
    every = np.arange(count)
    lacks, bad = _judged(missed, rows, every), _judged(broken, rows, every)
    if not (lacks | bad).any():
        return codes, rows
    source, meeting = np.arange(count), ~lacks
    further, made, size, tried, met = [rows], [codes], count, count, int(meeting.sum())
    will_do = count - int((lacks | bad).sum())
    waiting = np.flatnonzero(lacks | bad)
    turn = 0
    while len(waiting) and (turn < rounds or not meeting[waiting].all()):
        if turn >= rounds:
            waiting = waiting[~meeting[waiting]]
        if tried > SURE and met < LEAST * tried:
            raise InputError(
                f"fewer than 1 in {round(1 / LEAST):,} rows meet the conditions (of {tried:,} drawn); ask for less, or fit the model again "
                "with the conditioned columns first"
            )
        if turn >= 2 and will_do < HOPELESS * tried and meeting[waiting].all():
            break  # a sum that the model does not know is not met by chance: rules are kept by mending such rows
        each = int(np.clip(max(tried // max(1, will_do), AT_ONCE // len(waiting)), 1, MOST_EACH))
        places = np.repeat(waiting, each)
        new_codes, new_rows = draw(places)
        new_lacks, new_bad = _judged(missed, new_rows, places), _judged(broken, new_rows, places)
        tried, met = tried + len(places), met + int((~new_lacks).sum())
        # The first that will do stands for its place; where there is none yet, the first that at least meets the conditions.
        good = np.flatnonzero(~new_lacks & ~new_bad)
        will_do += len(good)
        done, first = np.unique(places[good], return_index=True)
        source[done] = size + good[first]
        half = np.flatnonzero(~new_lacks & ~meeting[places])
        begun, first = np.unique(places[half], return_index=True)
        other = ~np.isin(begun, done)
        source[begun[other]] = size + half[first[other]]
        meeting[done] = True
        meeting[begun] = True
        waiting = np.setdiff1d(waiting, done)
        further.append(new_rows)
        made.append(new_codes)
        size += len(places)
        turn += 1
    changed = np.flatnonzero(source != every)
    if not len(changed):
        return codes, rows
    kept = codes.copy(order="K")
    kept[changed] = np.concatenate(made[1:])[source[changed] - count]
    return kept, _replaced(rows, changed, pa.concat_tables(further[1:]), source[changed] - count)


def _replaced(rows: pa.Table, places: Ints, others: pa.Table, which: Ints) -> pa.Table:
    """The rows, at some places those of `others` instead: all others are left where they are."""
    here = np.zeros(rows.num_rows, dtype=np.bool_)
    here[places] = True
    mask, order = pa.array(here), pa.array(which)
    both = pa.concat_tables([rows.combine_chunks(), others.unify_dictionaries().combine_chunks()]).unify_dictionaries()
    columns = []
    for column in both.columns:
        old, new = column.chunk(0), column.chunk(1).take(order)
        if pa.types.is_dictionary(old.type):
            indices = pc.replace_with_mask(old.indices, mask, new.indices)
            columns.append(pa.DictionaryArray.from_arrays(indices, old.dictionary, ordered=old.type.ordered))
        else:
            columns.append(pc.replace_with_mask(old, mask, new))
    return pa.table(columns, schema=both.schema)


def _judged(judge: Judge | None, rows: pa.Table, places: Ints) -> Bools:
    return np.zeros(rows.num_rows, dtype=np.bool_) if judge is None else judge(rows, places)
