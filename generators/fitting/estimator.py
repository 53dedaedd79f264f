"""Fits a generator to the tables of train: each table coded, put into its context, learned.

Train are canonical files of the working copy, with tokens for keys (`generators.working_copy`). What is kept of them beside the weights of
the models passed disclosure control; rows and persons are told as released.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from generators.digests import digest
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.encoding.coded import CodedRows
from generators.errors import InputError
from generators.fitting import context as contexts
from generators.fitting.choices import Choice, chosen_or_kept, stopped, strongest
from generators.fitting.coding import CodedTable, context_of, encoded
from generators.fitting.controls import Controls
from generators.fitting.fitted import FitRecord, FittedModel, TableRecord
from generators.fitting.fitted_table import FittedTable
from generators.fitting.kept_rules import found
from generators.fitting.memory import refuse_too_large
from generators.fitting.private import fit_privately
from generators.fitting.records import Records, hanging, read
from generators.generating.layout import Layout, layout
from generators.learning.known import learned_generators, learner_of
from generators.learning.ledger import PrivacyLedger, ledger_of
from generators.learning.model import Cost, Learner, Model
from generators.learning.options import Budget, chosen
from generators.learning.threads import one_thread
from generators.learning.watch import Watch
from generators.progress import Progress, silent
from generators.schema import DatasetSchema
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary

__all__ = ["estimate", "fit", "refuse_too_large", "skeleton"]

SAMPLE = 20_000
"""Rows from which an estimate learns how a table is coded."""
READING = 0.05
"""Share of the whole that reading and coding takes, in the bar that shows how far a fit is."""
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "opacus", "opendp", "pyarrow")


def fit(
    generator: str,
    train: Mapping[str, Path],
    schema: DatasetSchema,
    *,
    seed: int = 0,
    progress: Progress = silent,
    budget: Budget | None = None,
    options: Mapping[str, str] | None = None,
    policy: DisclosurePolicy = POLICIES["internal"],
    controls: Controls | None = None,
    checkpoint: Path | None = None,
) -> FittedModel:
    """Fit `generator` to the files of train, by table, of the de-identified `schema`.

    The same files, schema, seed, options, policy and controls give the same model, byte for byte, also when it is fitted again with the
    same `checkpoint` folder after it was stopped. budget: differential privacy, time, memory, membership. Tables of fewer persons than
    the policy summarises are not learned. Raises InputError for a generator there is not, options it has not, data it cannot learn from and
    what does not fit into memory, and whatever `progress` raises.
    """
    learner, budget, controls = learner_of(generator), budget or Budget(), controls or Controls()
    schema = controls.reduced(schema)
    given = chosen(learner.OPTIONS, options or {})
    work = _Fit(generator, learner, dict(train), schema, seed, budget, given, policy, controls, Watch(progress, budget.seconds, checkpoint))
    with one_thread():
        return work.fitted()


def estimate(
    generator: str,
    train: Mapping[str, Path],
    schema: DatasetSchema,
    options: Mapping[str, str] | None = None,
    *,
    policy: DisclosurePolicy = POLICIES["internal"],
) -> Cost:
    """What `fit` is expected to take: the sum of the seconds, and the largest memory of the tables. Reads a sample of the records."""
    learner = learner_of(generator)
    given = chosen(learner.OPTIONS, options or {})
    seconds, memory = 0.0, 0
    arranged = layout(schema)
    sizes: dict[str, int] = {}
    for place in arranged.places.values():
        if place.name not in train:
            continue
        here = read(place, train[place.name])
        encoding, _ = encoded(here, schema, policy, SAMPLE)
        sizes[place.name] = len(encoding.parts)
        if not encoding.parts:
            continue
        each = learner.cost(here.rows.num_rows, encoding.parts, given)
        seconds += each.seconds
        memory = max(memory, each.memory + 2 * here.rows.nbytes)
    return Cost(seconds, memory)


def skeleton(train: Mapping[str, Path], schema: DatasetSchema, policy: DisclosurePolicy, progress: Progress = silent) -> MetadataSummary:
    """The released numbers of rows, persons, and rows that hang on each other: the summary of the key columns alone."""
    arranged = layout(schema)
    tables = []
    for table in schema.tables:
        if table.public:
            tables.append(table)
            continue
        place = arranged.places[table.name]
        names = {*place.copied, *table.primary_key, table.person_key}
        keys = tuple(c for c in table.columns if c.name in names) or table.columns[:1]
        own = tuple(k for k in table.foreign_keys if not schema.table(k.parent).public)
        tables.append(replace(table, columns=keys, foreign_keys=own, rules=(), code_groups=()))
    reduced = replace(schema, tables=tuple(tables))
    made = summarise(
        {t.name: train[t.name] for t in reduced.tables if not t.public and t.name in train}, reduced, policy, progress=progress
    )
    return replace(made, schema_digest=schema.digest)


@dataclass
class _Fit:
    """One fit under way."""

    generator: str
    learner: type[Learner]
    train: dict[str, Path]
    schema: DatasetSchema
    seed: int
    budget: Budget
    options: Mapping[str, str]
    policy: DisclosurePolicy
    controls: Controls
    watch: Watch

    def fitted(self) -> FittedModel:
        """All tables, one after the other."""
        arranged = layout(self.schema)
        lacking = [name for name in arranged.places if name not in self.train]
        if lacking:
            raise InputError(f'no file was given for table "{lacking[0]}"; give the files of train of all tables')
        ledger = ledger_of(self.budget)
        if ledger is not None:
            return self._private(ledger)
        self.watch.tick(0.0, "counting rows and persons")
        summary = skeleton(self.train, self.schema, self.policy)
        records = {}
        notes = []
        for name, place in arranged.places.items():
            self.watch.tick(0.0, f"reading table {name}")
            if summary.table(name).withheld:
                notes.append(f'table "{name}" has too few persons to be learned from: it is filled with placeholders')
            else:
                records[name] = read(place, self.train[name])
        if not records:
            raise InputError(f"there are too few persons to learn from: a table needs at least {self.policy.minimum_table}")
        coded = self._coded(arranged, records)
        persons = {name: here.persons for name, here in records.items()}
        del records
        pa.default_memory_pool().release_unused()  # tables as they were read, and what was worked out of them, are needed no more
        self._key(coded)
        cost = self._cost(coded)
        weights = {name: max(1.0, each.seconds) for name, each in cost.items()}
        tables: dict[str, FittedTable] = {}
        told: dict[str, TableRecord] = {}
        done = 0.0
        for name, each in coded.items():
            share = (1 - READING) * weights[name] / sum(weights.values())
            tables[name], told[name] = self._learned(name, each, tables, persons[name], summary, (READING + done, share))
            done += share
        return self._whole(summary, tables, told, tuple(notes))

    def _private(self, ledger: PrivacyLedger) -> FittedModel:
        watch = replace(self.watch, folder=None)  # what was learned from is charged again when it is done again
        made = fit_privately(
            self.generator,
            self.learner,
            self.train,
            self.schema,
            ledger,
            seed=self.seed,
            options=self.options,
            policy=self.policy,
            watch=watch,
            controls=self.controls,
            max_membership=self.budget.max_membership,
            reading=READING,
        )
        return self._whole(made.summary, made.tables, made.told, made.notes, made.ledger)

    def _whole(
        self,
        summary: MetadataSummary,
        tables: Mapping[str, FittedTable],
        told: Mapping[str, TableRecord],
        notes: tuple[str, ...],
        ledger: Mapping[str, Any] | None = None,
    ) -> FittedModel:
        self.watch.tick(1.0, "learned")
        ordered = {t.name: tables[t.name] for t in self.schema.tables if t.name in tables}
        record = FitRecord(self.seed, {n: told[n] for n in ordered}, ledger, _libraries(), notes)
        return FittedModel(
            generator=self.generator,
            version=learned_generators()[self.generator].version,
            schema=self.schema,
            summary=summary,
            tables=ordered,
            options=self.options,
            policy=self.policy,
            seed=self.seed,
            record=record,
            controls=self.controls,
        )

    def _coded(self, arranged: Layout, records: Mapping[str, Records]) -> dict[str, CodedTable]:
        coded: dict[str, CodedTable] = {}
        ranks: dict[str, Any] = {}
        for number, (name, here) in enumerate(records.items()):
            self.watch.tick(READING * number / len(records), f"coding table {name}")
            apart = self.controls.apart_columns(here.place.table)
            encoding, codes = encoded(here, self.schema, self.policy, apart=apart)
            above = contexts.parent_of(here.place)
            above = above if above in coded else ""
            hung = hanging(arranged, records, name, {n: c.codes for n, c in coded.items()}, ranks)
            theirs = coded[above].encoding.parts if above else ()
            order = self.controls.order(name, encoding.parts)
            context = context_of(here, encoding, codes, hung, theirs, order=order, policy=self.policy, seed=self.seed)
            if encoding.parts:
                kept = found(self.train[name], here.place.table, self.policy, encoding.derived, apart=apart)
                coded[name] = CodedTable(encoding, codes, hung, context, above, kept)
        if not coded:
            raise InputError("the tables have nothing but keys: there is nothing to learn; choose the generator structural")
        return coded

    def _key(self, coded: Mapping[str, CodedTable]) -> None:
        """What checkpoints belong to: all that decides the model."""
        if self.watch.folder is None:
            return
        content = hashlib.sha256()
        for name, each in coded.items():
            content.update(digest([name, each.encoding.as_dict(), each.context.as_dict()]).encode())
            content.update(np.ascontiguousarray(each.codes).tobytes())
            content.update(np.ascontiguousarray(each.hanging.before).tobytes())
        version = learned_generators()[self.generator].version
        told = [self.generator, version, self.schema.digest, self.policy.as_dict(), self.controls.as_dict(), asdict(self.budget)]
        self.watch.key = digest([*told, dict(self.options), self.seed, content.hexdigest(), _libraries()])

    def _cost(self, coded: Mapping[str, CodedTable]) -> dict[str, Cost]:
        found = {}
        held = sum(each.codes.nbytes for each in coded.values())
        for name, each in coded.items():
            parts, _ = contexts.row_parts(each.context, each.encoding.parts, coded[each.above].encoding.parts if each.above else ())
            found[name] = self.learner.cost(len(each.codes), parts, self.options)
            refuse_too_large(replace(found[name], memory=found[name].memory + held), self.budget)
        return found

    def _learned(
        self,
        name: str,
        each: CodedTable,
        tables: Mapping[str, FittedTable],
        persons: Any,
        summary: MetadataSummary,
        bar: tuple[float, float],
    ) -> tuple[FittedTable, TableRecord]:
        own, context = each.encoding.parts, each.context
        above = tables[each.above].encoding.parts if each.above else ()
        given = contexts.given_codes(context, own, above, each.hanging, each.codes)
        start, share = bar
        of_alike: Model | None = None
        made: list[Choice] = []
        if context.alike:
            leaders = np.flatnonzero(each.hanging.rank == 0)
            parts, first = contexts.alike_parts(context, own, above)
            theirs = contexts.given_codes(contexts.of_alike(context), own, above, each.hanging, each.codes)[leaders]
            apart = self.controls.apart_parts(name, parts)
            codes = np.concatenate((theirs, each.codes[leaders][:, context.alike]), axis=1)
            rows = CodedRows(codes, parts, persons[leaders], first, apart)
            of_alike = self._chosen(f"{name}, persons", rows, made, (start, 0.3 * share))
            start, share = start + 0.3 * share, 0.7 * share
        parts, first = contexts.row_parts(context, own, above)
        columns = [*context.alike, *context.order]
        apart = self.controls.apart_parts(name, parts)
        whole = given.shape[1] == 0 and columns == list(range(len(own)))
        codes = each.codes if whole else np.concatenate((given, each.codes[:, columns]), axis=1)
        rows = CodedRows(codes, parts, persons, first, apart)
        model = self._chosen(name, rows, made, (start, share)) if context.order else None
        told = summary.table(name)
        record = TableRecord(
            rows=told.rows,
            persons=told.persons or None,
            options=made[-1].options,
            tried=tuple({**trial, "membership": self._rounded(trial["membership"])} for choice in made for trial in choice.tried),
            membership=self._rounded(strongest(made)),
            epochs=made[-1].epochs,
            stopped=stopped(made),
            given=tuple(p.column for p in parts[: first - len(context.alike)]),
            alike=tuple(dict.fromkeys(own[n].column for n in context.alike)),
        )
        return FittedTable(each.encoding, context, model, of_alike, above, each.kept, self.learner.restricts), record

    def _rounded(self, membership: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """With the numbers of persons as they may be told."""
        if membership is None:
            return None
        return {**membership, **{side: self.policy.released(int(membership[side])) for side in ("members", "others")}}

    def _chosen(self, name: str, rows: CodedRows, made: list[Choice], bar: tuple[float, float]) -> Model:
        part = self.watch.part(bar[0], bar[1], f"learning {name}")
        most = self.budget.max_membership
        model, choice = chosen_or_kept(self.learner, rows, seed=self.seed, options=self.options, watch=part, max_membership=most)
        self.watch.out_of_time |= part.out_of_time
        made.append(choice)
        return model


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
