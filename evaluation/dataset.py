"""The evaluation of a dataset: every table by the whole basket, and the keys that hold the tables together."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evaluation import basket
from evaluation.comparison import compare
from evaluation.fidelity import relationships, structure, ties
from evaluation.fidelity.relationships import Sides
from evaluation.privacy import safety
from evaluation.refusals import refuse_other
from evaluation.results import Chart, Evaluation, MetricResult, TableFigures
from evaluation.utility.tasks import known
from evaluation.work import Asked, Fit
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.schema import DatasetSchema, TableSchema

SIDES = ("train", "holdout", "synthetic")


def evaluate(
    train: Mapping[str, Path],
    holdout: Mapping[str, Path],
    synthetic: Mapping[str, Path],
    schema: DatasetSchema,
    *,
    policy: DisclosurePolicy,
    seed: int = 0,
    targets: Sequence[str] = (),
    only: Collection[str] | None = None,
    fit: Fit | None = None,
    learned_from: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a synthetic dataset against train and holdout, by table name; see `basket.evaluate` for one table.

    Vocabularies (`TableSchema.public`) are about nobody: only the keys that refer to them are checked. A table about fewer persons than
    the policy's `minimum_table` gave nothing to a summary: its structure and rare values are checked, nothing else is measured.
    Raises InputError as `basket.evaluate` does, when a table is missing, and when no table has a column of `targets`.
    fit: used where there is one table. learned_from: SHA-256 (hex) of the files the generator learned from, by table, where on record.
    """
    measured = [t for t in schema.tables if not t.public]
    for table in measured:
        for name, files in zip(SIDES, (train, holdout, synthetic), strict=True):
            if table.name not in files:
                raise InputError(f'table "{table.name}" is not among the {name} tables')
        recorded = None if learned_from is None else learned_from.get(table.name, "")  # of a table not on record: from elsewhere
        refuse_other(table.name, train[table.name], holdout[table.name], recorded)
    for target in targets:
        if not any(known(target, t) for t in measured):
            raise InputError(f'no table has a column "{target}" to predict')
    basket.check_metrics(only)
    asked = Asked(tuple(targets), fit)
    sides = Sides(train, holdout, synthetic)
    if len(schema.tables) == 1:
        (table,) = measured
        return _table(table, sides, policy, seed, asked, only, progress)
    referred = {key.parent for t in schema.tables for key in t.foreign_keys}
    whole = {t.name for t in measured if t.name in referred and t.person_key is None and t.persons_by is None}
    parts = []
    for place, table in enumerate(measured):
        here = Asked(tuple(t for t in targets if known(t, table)) or (None if targets else ()))
        share, public = _share(progress, place, len(measured)), vocabularies(schema, table, sides)
        parts.append(_table(table, sides, policy, seed, here, only, share, table.name in whole, public))
    progress("checking keys", 0.96)
    links = relationships.keys(schema, sides, seed) + relationships.children(schema, sides, policy, seed)
    if only is None or not set(only).isdisjoint(ties.MEASURED):
        links += ties.ties(schema, sides, policy, seed)
    links = [r for r in links if only is None or r.metric in only]
    progress("done", 1.0)
    return _together(parts, links, schema, policy, seed)


def vocabularies(schema: DatasetSchema, table: TableSchema, sides: Sides) -> dict[str, pa.Array]:
    """By name of each column that refers to a vocabulary by itself, what the real one holds: what saw no record may show it too.

    Never the synthetic side's: what is measured does not say what is public.
    """
    found = {}
    for key in table.foreign_keys:
        path = next((files[key.parent] for files in (sides.train, sides.holdout) if key.parent in files), None)
        if schema.table(key.parent).public and path is not None and len(key.columns) == 1:
            found[key.columns[0]] = pq.read_table(path, columns=list(key.parent_columns)).column(0).combine_chunks()
    return found


def _table(
    table: TableSchema,
    sides: Sides,
    policy: DisclosurePolicy,
    seed: int,
    asked: Asked,
    only: Collection[str] | None,
    progress: Progress,
    kept_whole: bool = False,
    public: Mapping[str, pa.Array] | None = None,
) -> Evaluation:
    train, holdout, synthetic = (files[table.name] for files in (sides.train, sides.holdout, sides.synthetic))
    progress("reading the tables", 0.0)
    c = replace(compare(train, holdout, synthetic, table, policy, seed, kept_whole=kept_whole), public=public or {})
    if int(c.people.max()) + 1 >= policy.minimum_table:
        return basket.evaluated(c, asked, only, progress)
    note = (
        f"{table.name} is about too few people to be summarised: nothing of it was used, and only structure and rare values were checked."
    )
    results = [r for r in (*structure.structure(c), *safety.rare(c)) if only is None or r.metric in only]
    nobody = {"train": None, "holdout": None, "synthetic": c.synthetic.rows}
    return Evaluation(table.name, tuple(results), (), nobody, {**nobody, "synthetic": None}, {}, seed, policy.as_dict(), notes=(note,))


def _share(progress: Progress, place: int, tables: int) -> Progress:
    def inner(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        progress(stage, 0.95 * (place + fraction) / tables, rows, total)

    return inner


def _together(parts: list[Evaluation], links: list[MetricResult], schema: DatasetSchema, policy: DisclosurePolicy, seed: int) -> Evaluation:
    """The parts as one evaluation. Its rows and persons are sums of the released ones."""

    def total(which: str) -> dict[str, int | None]:
        told = {side: [getattr(p, which).get(side) for p in parts] for side in SIDES}
        return {
            side: sum(v for v in values if v is not None) if any(v is not None for v in values) else None for side, values in told.items()
        }

    vocabularies = [t.name for t in schema.tables if t.public]
    notes = [f"{p.table}: {note}" if not note.startswith(p.table) else note for p in parts for note in p.notes]
    if vocabularies:
        notes.append(f"Copied whole and about nobody, so not measured: {', '.join(vocabularies)}.")
    persons = {side: _most(parts, side) for side in SIDES}
    return Evaluation(
        table=", ".join(p.table for p in parts),
        results=tuple(links) + tuple(r for p in parts for r in p.results),
        charts=tuple(_named(chart, p.table, place) for place, p in enumerate(parts) for chart in p.charts),
        rows=total("rows"),
        persons=persons,
        versions={name: version(name) for name in basket.LIBRARIES} | {"python": platform.python_version()},
        seed=seed,
        policy=policy.as_dict(),
        notes=tuple(notes),
        tables=tuple(TableFigures(p.table, p.rows, p.persons) for p in parts),
    )


def _most(parts: list[Evaluation], side: str) -> int | None:
    """Persons of the table that is about most: one person may be in several."""
    told = [p.persons[side] for p in parts if p.persons.get(side) is not None]
    return max((n for n in told if n is not None), default=None)


def _named(chart: Chart, table: str, place: int) -> Chart:
    """A chart of one table among those of others: its id and title say which."""
    return replace(chart, id=f"t{place}-{chart.id}", title=f"{table}: {chart.title}", table_name=table)
