"""Free text as words: which words the synthetic texts use, and how often, beside the real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evaluation.comparison import Comparison
from evaluation.definitions import result
from evaluation.fidelity.shares import tvd
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.columns import Ints, Rows, SampledRows, persons_per_code
from evaluation.work import Work
from generators.schema import ColumnSchema, Kind, TableSchema

LIMIT = 250_000
"""Most texts a side: words of more of them differ in the third decimal."""
COMMONEST = 1000
"""Words counted one by one; all others are counted together."""
_BETWEEN = r"[^\p{L}\p{N}]+"
UNKNOWN = -1
"""Code of a word that train does not have."""


def texts(table: TableSchema) -> tuple[ColumnSchema, ...]:
    """The columns of free text."""
    return tuple(c for c in table.columns if c.kind is Kind.FREE_TEXT and c.name != table.person_key)


def wanted(w: Work) -> bool:
    """Whether the table has free text at all."""
    return bool(texts(w.c.table))


@dataclass(frozen=True)
class Words:
    """The words of a column of `rows` texts, in order. spelled: the distinct words, in lower case; codes: of each word, its place in
    `spelled`; row: of each word, the text it is in.
    """

    rows: int
    spelled: pa.Array
    codes: Ints
    row: Ints

    @property
    def with_words(self) -> npt.NDArray[np.bool_]:
        """Which texts have a word; shape (rows,)."""
        return np.bincount(self.row, minlength=self.rows) > 0

    def coded_as(self, other: Words) -> Words:
        """The same words with the codes of `other`, `UNKNOWN` where it has none such."""
        place = pc.fill_null(pc.index_in(self.spelled, value_set=other.spelled), UNKNOWN).to_numpy(zero_copy_only=False)
        return Words(self.rows, other.spelled, place.astype(np.int64)[self.codes], self.row)


def words(array: pa.Array) -> Words:
    """Texts taken apart into words: runs of letters and digits. Equal texts are taken apart once."""
    encoded = array.dictionary_encode()
    split = pc.split_pattern_regex(pc.utf8_lower(encoded.dictionary), _BETWEEN)
    flat, parent = pc.list_flatten(split), pc.list_parent_indices(split)
    full = pc.not_equal(flat, "")
    flat, parent = flat.filter(full).dictionary_encode(), np.asarray(parent.filter(full), np.int64)
    spoken = np.asarray(flat.indices, np.int64)
    lengths = np.bincount(parent, minlength=len(encoded.dictionary))
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1])) if len(lengths) else np.zeros(0, np.int64)
    present = np.asarray(pc.is_valid(encoded))
    which = np.asarray(encoded.indices.drop_null(), np.int64)
    sizes = lengths[which]
    row = np.repeat(np.flatnonzero(present), sizes)
    at = np.repeat(starts[which] - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))
    return Words(len(array), flat.dictionary, spoken[at], row)


def likeness(w: Work) -> list[MetricResult]:
    """Of every column of free text: how much of what is said real people say too, and how often its commonest words are used."""
    c = w.c
    found: list[MetricResult] = []
    for place, column in enumerate(texts(c.table)):
        w.tick(place / len(texts(c.table)))
        found += _column(c, column)
    return [_over_columns(c, metric, [r for r in found if r.metric == metric]) for metric in ("text_vocabulary", "text_words")] + found


def _column(c: Comparison, column: ColumnSchema) -> list[MetricResult]:
    scope = c.scope("column", column.name)
    drawn = SampledRows(c.train, LIMIT, c.seed)
    real, people = words(drawn.column(column)), c.people[drawn.chosen]
    behind = persons_per_code(real.codes, people[real.row], len(real.spelled))
    # nothing is said of a word that fewer people than the minimum use
    known = np.append(behind >= c.policy.minimum, False)
    used = np.bincount(real.codes, minlength=len(real.spelled))
    common = [i for i in np.argsort(-used, kind="stable")[:COMMONEST] if known[i]]
    cell = np.full(len(real.spelled) + 1, len(common))
    cell[common] = np.arange(len(common))
    speakers = (_speaking(real, people), _speaking(words(c.holdout.column(column)), c.held_out))
    made: dict[str, Words] = {"shuffle": real}  # the shuffle has the same texts in another order

    def once(rows: Rows) -> Words:
        if speakers[0] < c.policy.minimum or (rows is c.holdout and speakers[1] < c.policy.minimum):
            raise Incomputable(f"suppressed: fewer than {c.policy.minimum} persons have a text")
        if column.name in c.synthetic.defects:
            raise Incomputable(c.synthetic.defects[column.name])
        if rows.name not in made:
            made[rows.name] = words(SampledRows(rows, LIMIT, c.seed).column(column)).coded_as(real)
        if not len(made[rows.name].codes):
            raise Incomputable(f"the {rows.name} table has no text in it")
        return made[rows.name]

    most = max(side.rows for side in (c.train, c.synthetic, c.holdout))
    sampled = f"at most {LIMIT:,} texts a side, drawn at random" if most > LIMIT else None
    more = {"subsampled": sampled, "n": min(c.synthetic.rows, LIMIT), "n_ceiling": min(c.holdout.rows, LIMIT)}
    counts = np.bincount(cell[real.codes], minlength=len(common) + 1)
    return [
        c.twins("text_vocabulary", scope, lambda rows: float(known[once(rows).codes].mean()), **more),
        c.twins("text_words", scope, lambda rows: tvd(counts, np.bincount(cell[once(rows).codes], minlength=len(counts))), **more),
    ]


def _speaking(found: Words, people: npt.NDArray[np.int32]) -> int:
    """Persons who have a text."""
    return len(np.unique(people[found.with_words]))


def _over_columns(c: Comparison, metric: str, columns: list[MetricResult]) -> MetricResult:
    """The mean over the columns that have a value."""
    used = [r for r in columns if r.value is not None]
    if not used:
        return result(metric, c.scope(), None, failed=columns[0].failed, seed=c.seed)

    def over(figures: list[float | None]) -> float | None:
        there = [x for x in figures if x is not None]
        return float(np.mean(there)) if len(there) == len(used) else None

    missing = [r.scope.label for r in columns if r.value is None]
    return result(
        metric,
        c.scope(),
        over([r.value for r in used]),
        floor=over([r.floor for r in used]),
        ceiling=over([r.ceiling for r in used]),
        n=used[0].n,
        n_ceiling=used[0].n_ceiling,
        subsampled=used[0].subsampled,
        seed=c.seed,
        remark=f"without {', '.join(missing)}" if missing else None,
    )
