"""What happens to one person after another: how many rows, what follows what, and after how long."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from evaluation.comparison import Comparison
from evaluation.fidelity.crossing import FINE, LIMIT, coarser
from evaluation.fidelity.shares import ks_complement, tvd
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coded import Coded
from evaluation.tables.coding import CodedTable, Coder
from evaluation.tables.columns import Floats, Ints, Rows, categories, numbers
from evaluation.work import Work
from generators.schema import ColumnSchema, Kind, TableSchema

MOST_ROWS = 50
"""People with more rows are counted together."""
METRICS = ("rows_per_person", "sequence_transitions", "sequence_gaps")


def together(table: TableSchema) -> tuple[ColumnSchema, ...]:
    """The key of rows that belong together: the person's; without one, the first foreign key, which is of a row about a person."""
    if table.person_key is not None:
        return (table.column(table.person_key),)
    return tuple(table.column(name) for name in table.foreign_keys[0].columns) if table.foreign_keys and table.persons_by else ()


def wanted(w: Work) -> bool:
    """Whether people have several rows."""
    return bool(together(w.c.table)) and int(np.bincount(w.c.people).max(initial=0)) > 1


@dataclass(frozen=True)
class Steps:
    """From one row of a person to the next: places of the earlier and of the later row, and the time between them."""

    before: Ints
    after: Ints
    gaps: Floats

    def some(self, size: int, seed: int) -> Steps:
        """At most `size` of them, drawn at random."""
        if len(self.gaps) <= size:
            return self
        chosen = np.random.default_rng(seed).choice(len(self.gaps), size, replace=False)
        return Steps(self.before[chosen], self.after[chosen], self.gaps[chosen])


class Sequences:
    """The rows of every side in order of time within each person. time: the column that orders them, None where there is none."""

    def __init__(self, c: Comparison) -> None:
        self.c = c
        self.key = together(c.table)
        self._who = {"train": self._grouped(c.train)}
        self.time = self._ordering()
        self._steps: dict[str, Steps] = {}

    def numbers(self, rows: Rows) -> Ints:
        """People with one row, two …, `MOST_ROWS` or more; shape (MOST_ROWS,)."""
        who = self._of(rows)
        found = np.bincount(who[who >= 0])
        return np.bincount(np.minimum(found[found > 0], MOST_ROWS), minlength=MOST_ROWS + 1)[1:]

    def steps(self, rows: Rows) -> Steps:
        """At most `LIMIT` steps, drawn at random. Incomputable without any, or about too few persons."""
        if self.time is None:
            raise Incomputable("no date or time tells which row of a person comes first")
        if rows.name not in self._steps:
            self._steps[rows.name] = self._stepped(rows, self.time)
        found = self._steps[rows.name]
        if not len(found.gaps):
            raise Incomputable(f"nobody in the {rows.name} table has two rows with a time")
        return found

    def _stepped(self, rows: Rows, time: ColumnSchema) -> Steps:
        if time.name in self.c.synthetic.defects:
            raise Incomputable(self.c.synthetic.defects[time.name])
        who, at = self._of(rows), numbers(time, rows.column(time))
        there = np.flatnonzero((who >= 0) & np.isfinite(at))
        # rows of one time have no order: by chance, so that the order they are stored in does not count
        draw = np.random.default_rng(self.c.seed)
        order = there[np.lexsort((draw.random(len(there)), at[there], who[there]))]
        first = np.flatnonzero(who[order[1:]] == who[order[:-1]])
        if len(first) > LIMIT:
            first = np.sort(draw.choice(first, LIMIT, replace=False))
        before, after = order[first], order[first + 1]
        people = self.c.people if rows is self.c.train else self.c.held_out if rows is self.c.holdout else None
        if people is not None and len(np.unique(people[before])) < self.c.policy.minimum:
            raise Incomputable(f"suppressed: fewer than {self.c.policy.minimum} persons of the {rows.name} table have two rows with a time")
        return Steps(before, after, at[after] - at[before])

    def _of(self, rows: Rows) -> Ints:
        if rows.name not in self._who:
            self._who[rows.name] = self._grouped(rows)
        return self._who[rows.name]

    def _grouped(self, rows: Rows) -> Ints:
        """Who, or what, each row belongs to, -1 where its key is missing; shape (rows,)."""
        who: Ints = np.zeros(rows.rows, np.int64)
        for column in self.key:
            if rows is self.c.synthetic and column.name in self.c.synthetic.defects:
                raise Incomputable(self.c.synthetic.defects[column.name])
            codes, values = categories(rows.column(column))
            missing = (codes == len(values)) | (who < 0)
            _, who = np.unique(who * (len(values) + 1) + codes, return_inverse=True)
            who[missing] = -1
        return who

    def _ordering(self) -> ColumnSchema | None:
        """The date or time that differs most among the rows of one person: a date of birth does not."""
        who = self._who["train"]
        found: list[tuple[int, ColumnSchema]] = []
        for column in self.c.measured:
            if column.kind in (Kind.DATE, Kind.DATETIME):
                at = numbers(column, self.c.train.column(column))
                there = np.isfinite(at) & (who >= 0)
                _, values = np.unique(at[there], return_inverse=True)
                found.append((len(np.unique(who[there] * (int(values.max(initial=0)) + 1) + values)), column))
        varied = [pair for pair in found if pair[0] > len(np.unique(who[who >= 0]))]
        return max(varied, key=lambda pair: pair[0])[1] if varied else None


def sequences(w: Work) -> list[MetricResult]:
    """Rows per person, transitions and gaps, of one table."""
    c = w.c
    s = w.shared(Sequences)
    by = None if c.table.person_key else f"by {', '.join(column.name for column in s.key)}"
    counts = c.twins("rows_per_person", c.scope(), lambda rows: tvd(s.numbers(c.train), s.numbers(rows)), remark=by)
    w.tick(0.3)
    sizes: dict[str, int | str | None] = {}
    for rows in (c.synthetic, c.shuffle, c.holdout):
        with suppress(Incomputable):
            sizes[rows.name] = len(s.steps(rows).gaps)
    n, n_ceiling = sizes.get("synthetic"), sizes.get("holdout")
    order = f"in order of {s.time.name}" if s.time else None
    gaps = c.twins(
        "sequence_gaps",
        c.scope(),
        lambda rows: ks_complement(s.steps(c.train).gaps, s.steps(rows).gaps),
        n=n,
        n_ceiling=n_ceiling,
        subsampled=f"at most {LIMIT:,} steps of a side, drawn at random" if LIMIT in sizes.values() else None,
        remark="; ".join(filter(None, (by, order))) or None,
    )
    w.tick(0.5)
    return [counts, *_transitions(w, s, by), gaps]


def _transitions(w: Work, s: Sequences, by: str | None) -> list[MetricResult]:
    """Agreement of each column's value before and after, and the mean of all."""
    c, coded = w.c, w.shared(Coded)
    coders = [coder for coder in coded.coders if s.time is None or coder.column.name != s.time.name]
    steps: dict[str, Steps] = {}
    for rows in (c.train, c.synthetic, c.shuffle, c.holdout):
        with suppress(Incomputable):
            steps[rows.name] = s.steps(rows)
    # as many of each: a table of fewer steps is further from train by chance alone
    size = min((len(step.gaps) for name, step in steps.items() if name != "train"), default=0)
    made: dict[str, dict[str, float]] = {}

    def once(rows: Rows) -> dict[str, float]:
        if not coders:
            raise Incomputable("there is no column beside the time")
        if rows.name not in made:
            real, other = s.steps(c.train), s.steps(rows).some(size, c.seed)
            made[rows.name] = {
                coder.column.name: 1 - tvd(_crossed(coder, coded.of(c.train), real), _crossed(coder, coded.of(rows), other))
                for coder in coders
            }
        return made[rows.name]

    more = {"n": size or None, "n_ceiling": size if "holdout" in steps else None}
    drawn = f"{size:,} steps of each side, drawn at random" if any(len(step.gaps) > size for step in steps.values()) else None
    remark = "; ".join(filter(None, (by, c.left_out))) or None
    metric = "sequence_transitions"
    whole = c.twins(metric, c.scope(), lambda rows: float(np.mean(list(once(rows).values()))), subsampled=drawn, remark=remark, **more)
    if whole.value is None:
        return [whole]
    names = [coder.column.name for coder in coders]
    return [
        whole,
        *(c.twins(metric, c.scope("column", name), lambda rows, name=name: once(rows)[name], subsampled=drawn, **more) for name in names),  # type: ignore[misc]
    ]


def _crossed(coder: Coder, table: CodedTable, steps: Steps) -> Ints:
    """Counts of a column's coarse code before, and after; flat."""
    to, width = coarser(coder, FINE)
    codes = to[table.codes[coder.column.name]]
    return np.bincount(codes[steps.before] * width + codes[steps.after], minlength=width * width)
