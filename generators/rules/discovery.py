"""Finds rules in data, for a steward to confirm.

A sample suggests them (`generators.rules.proposals`); then every row is looked at. A rule is offered

- as holding *always*, if no row breaks it;
- as holding *nearly always*, if at least the policy's minimum of persons break it, in no more than one row of a hundred it speaks of;
- not at all, if it is broken by fewer persons than that. How many break it is never told.

And only if enough persons show that it says something: at least the minimum meet each of its conditions, so that no value in it belongs to
fewer.
"""

# ruff: noqa: S608  (SQL is put together from column names that `quoted` and `scan` have escaped)

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generators.disclosure import DisclosurePolicy
from generators.engine import engine, first_row, quoted, scan
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.rules import tree
from generators.rules.language import name, parse
from generators.rules.meaning import Evaluation, check
from generators.rules.proposals import NEARLY, Proposal, proposals
from generators.rules.tree import ParsedRule
from generators.rules.values import Bools
from generators.schema import Kind, Rule, TableSchema

SAMPLE = 20_000
"""Rows that rules are suggested by, taken from all over the file."""

PART = 131_072
"""Rows looked at together."""

MOST = 100
"""Most rules offered of one table."""

Further = Callable[[pa.Table, TableSchema, int], list[Proposal]]
"""(rows of the sample, table, minimum of persons) → rules that they suggest."""


@dataclass(frozen=True)
class CandidateRule:
    """A rule that holds in the data: to be confirmed. sentence: in plain words; holds: "always" or "nearly"."""

    rule: Rule
    sentence: str
    holds: str


def candidates(
    path: Path, table: TableSchema, policy: DisclosurePolicy, *, progress: Progress = silent, further: Further | None = None
) -> tuple[CandidateRule, ...]:
    """The rules found in a canonical Parquet file, the most telling first, without those the schema has.

    further: suggests more rules from the sample, which are looked at as the others are.
    Persons are counted by `table.counts_by` (without it each row is another person). Raises InputError for a file that lacks a column.
    """
    file = pq.ParquetFile(path)
    missing = [n for n in table.names if n not in file.schema_arrow.names]
    if missing:
        raise InputError(f'table "{table.name}": the file lacks the column "{missing[0]}" of the schema')
    if not file.metadata.num_rows:
        return ()
    known = {_condition(rule.text) for rule in table.rules}
    sample = _sample(file, table)
    suggested = proposals(sample, table, policy.minimum)
    if further is not None:
        there = {p.text for p in suggested}
        suggested += [p for p in further(sample, table, policy.minimum) if p.text not in there]
    suggested = [p for p in suggested if _condition(p.text) not in known][:MOST]
    found = [c for c in _confirmed(file, table, suggested, policy, progress)]
    return (*found, *(c for c in _unique(path, table, policy) if _condition(c.rule.text) not in known))


def _condition(text: str) -> tree.Condition | None:
    try:
        return parse(text).condition
    except InputError:
        return None


def _sample(file: pq.ParquetFile, table: TableSchema) -> pa.Table:
    """The first rows of each row group."""
    groups = file.num_row_groups
    each = max(1, SAMPLE // max(1, groups))
    parts = [
        next(file.iter_batches(batch_size=each, row_groups=[group], columns=list(table.names)))
        for group in range(groups)
        if file.metadata.row_group(group).num_rows
    ]
    return pa.Table.from_batches(parts)


@dataclass
class _Tried:
    """A proposal while the rows go by. breaking: persons who break it, supported: persons who meet each condition; no more than needed."""

    proposal: Proposal
    rule: ParsedRule
    supports: tuple[tree.Condition, ...]
    spoken_of: int = 0
    broken: int = 0
    breaking: set[object] = field(default_factory=set)
    supported: list[set[object]] = field(default_factory=list)

    def look(self, rows: Evaluation, persons: _People, minimum: int) -> None:
        verdict = rows.condition(self.rule.condition)
        self.spoken_of += int((verdict.true | verdict.false).sum())
        self.broken += int(verdict.false.sum())
        if len(self.breaking) < minimum:
            self.breaking |= persons.of(verdict.false)
        for meeting, condition in zip(self.supported, self.supports, strict=True):
            if len(meeting) < minimum:
                meeting |= persons.of(rows.condition(condition).true & ~verdict.false)

    def holds(self, minimum: int) -> str | None:
        if any(len(meeting) < minimum for meeting in self.supported):
            return None
        if not self.broken:
            return "always"
        enough = len(self.breaking) >= minimum and self.broken <= (1 - NEARLY) * self.spoken_of
        return "nearly" if enough else None


class _People:
    """Who the rows of a part are about."""

    def __init__(self, part: pa.Table, key: str | None, first: int) -> None:
        self.keys = part[key].to_numpy(zero_copy_only=False) if key else np.arange(first, first + part.num_rows)

    def of(self, rows: Bools) -> set[object]:
        return set(self.keys[rows][:20_000].tolist()) - {None}


def _confirmed(
    file: pq.ParquetFile, table: TableSchema, suggested: list[Proposal], policy: DisclosurePolicy, progress: Progress
) -> Iterator[CandidateRule]:
    tried = []
    for proposal in suggested:
        rule = check(Rule(proposal.text, proposal.text), table)
        supports = tuple(parse(text).condition for text in proposal.supports)
        tried.append(_Tried(proposal, rule, supports, supported=[set() for _ in supports]))
    names = {n for t in tried for n in t.rule.columns}
    key = table.counts_by
    first = 0
    columns = [n for n in file.schema_arrow.names if n in names or n == key]
    for batch in file.iter_batches(batch_size=PART, columns=columns) if tried else ():
        part = pa.Table.from_batches([batch])
        persons = _People(part, key, first)
        rows = Evaluation(tried[0].rule, part, table)
        for one in tried:
            one.look(rows, persons, policy.minimum)
        first += part.num_rows
        progress(f"looking for rules in {table.name}", first / file.metadata.num_rows, first, file.metadata.num_rows)
    for one in tried:
        holds = one.holds(policy.minimum)
        if holds:
            yield CandidateRule(Rule(one.proposal.sentence, one.proposal.text), one.proposal.sentence, holds)


def _unique(path: Path, table: TableSchema, policy: DisclosurePolicy) -> Iterator[CandidateRule]:
    """Moments that nobody has twice: only where enough persons have several rows."""
    key = table.counts_by
    if key is None or key not in table.names or table.column(key).unique or table.primary_key == (key,):
        return
    source = scan(path)
    with engine(path.parent, f'table "{table.name}"') as connection:
        for column in table.columns:
            if column.kind not in (Kind.DATE, Kind.DATETIME) or column.unique:
                continue
            known = f"FROM {source} WHERE {quoted(column.name)} IS NOT NULL GROUP BY {quoted(key)}"
            twice = f"SELECT 1 {known}, {quoted(column.name)} HAVING count(*) > 1 LIMIT 1"
            several = f"SELECT count(*) FROM (SELECT 1 {known} HAVING count(*) > 1)"
            if int(first_row(connection, several)[0]) >= policy.minimum and not first_row(connection, twice):
                sentence = f"nobody ({key}) has the same {column.name} twice"
                yield CandidateRule(Rule(sentence, f"unique ({name(key)}, {name(column.name)})"), sentence, "always")
