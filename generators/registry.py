"""The generators there are, and the one way to run one.

A generator fills one partition of rows at a time (`generators.generating.partition`), so that memory does not grow with the number of
rows and the same mechanism and seed give the same bytes however the work is cut.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generators.errors import InputError
from generators.generating import aggregates, marginal, structural
from generators.generating.partition import Learned, refuse_other_model
from generators.generating.plan import PARTITION, Plan, Vocabulary, plan
from generators.generating.production import GeneratedFile, copy_public, produce, vocabulary_of
from generators.learning.known import learned_generators
from generators.mechanism import Mechanism, mechanism
from generators.progress import Progress, silent
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary

__all__ = ["GENERATORS", "PARTITION", "GeneratedFile", "GeneratorInfo", "generate", "mechanism_for", "planned", "workers_for"]

MANY_ROWS = 1_000_000
"""Rows from which on starting several processes pays."""


@dataclass(frozen=True)
class GeneratorInfo:
    """A generator as people choose it. needs: "schema", "summary" or "data"; the other texts are plain words.

    installed: False where a package is missing without which it cannot be fitted.
    """

    name: str
    version: str
    title: str
    tier: str
    needs: str
    fidelity: str
    good_for: str
    risk: str
    cost: str = "Seconds."
    installed: bool = True


GENERATORS: dict[str, GeneratorInfo] = {
    info.name: info
    for info in (
        GeneratorInfo(
            name="structural",
            version=structural.VERSION,
            title="Structural",
            tier="structural",
            needs="schema",
            fidelity="None: only names, kinds and keys are right.",
            good_for="Writing code and testing systems: the right tables, columns, types and keys, filled with placeholders.",
            risk="None: nothing observed in any record is used.",
        ),
        GeneratorInfo(
            name="marginal",
            version=marginal.VERSION,
            title="Aggregates, each column by itself",
            tier="publicly-sourced",
            needs="summary",
            fidelity="Low: each column by itself.",
            good_for="Teaching, dashboards and discovery: each column looks right by itself. Relations between columns are not kept.",
            risk="None beyond the approved summary, which is all the generator sees.",
        ),
        GeneratorInfo(
            name="aggregates",
            version=aggregates.VERSION,
            title="Aggregates, with approved cross-tabulations",
            tier="publicly-sourced",
            needs="summary",
            fidelity="Low to fair: approved columns together.",
            good_for="As the one above, and columns of an approved cross-tabulation vary together as the approved counts say.",
            risk="None beyond the approved summary with its cross-tabulations, which is all the generator sees.",
        ),
        *(
            GeneratorInfo(
                name=each.name,
                version=each.version,
                title=each.title,
                tier="privately-sourced",
                needs="data",
                fidelity=each.fidelity,
                good_for=each.choose_when,
                risk=each.privacy,
                cost=each.cost,
                installed=each.installed,
            )
            for each in learned_generators().values()
        ),
    )
}


def mechanism_for(
    name: str, schema: DatasetSchema, summary: MetadataSummary | None = None, allowed_uses: tuple[str, ...] = ()
) -> Mechanism:
    """The mechanism of the registered generator `name`; InputError for an unknown one or one that lacks its summary."""
    info = _info(name)
    if info.needs == "summary" and summary is None:
        raise InputError(f'the generator "{name}" needs a metadata summary; make one first')
    return mechanism(name, info.version, schema, summary if info.needs == "summary" else None, allowed_uses=allowed_uses)


def planned(
    mechanism: Mechanism,
    schema: DatasetSchema,
    summary: MetadataSummary | None,
    rows: int | Mapping[str, int] | None,
    seed: int,
    *,
    scale: float | None = None,
    vocabulary: Vocabulary | None = None,
    model: Learned | None = None,
) -> Plan:
    """The plan of a generation (`generators.generating.plan.plan`), after making sure that the mechanism is of this schema, summary or
    model, and program. model: what a generator that learns has learned; its own summary tells how many rows hang on which.
    """
    info = _info(mechanism.generator)
    _agree(mechanism, info, schema, summary, model)
    seen, size = (summary if info.needs == "summary" else None), PARTITION
    if model is not None:
        seen, size = model.summary, model.partition_rows
    whole = plan(mechanism, schema, seen, rows, seed, scale=scale, partition_rows=size, vocabulary=vocabulary)
    refuse_other_model(whole, model)
    return whole


def generate(
    mechanism: Mechanism,
    schema: DatasetSchema,
    summary: MetadataSummary | None,
    rows: int | Mapping[str, int] | None,
    seed: int,
    out: Path,
    progress: Progress = silent,
    *,
    scale: float | None = None,
    workers: int | None = 1,
    public: Mapping[str, Path] | None = None,
    vocabulary: Vocabulary | None = None,
    model: Learned | None = None,
) -> tuple[GeneratedFile, ...]:
    """Write `<table>.parquet` for every table of the de-identified `schema` into the folder `out`: all or none.

    rows: of every table that hangs on no other (of persons, where no table lists them), or by its name; scale: instead, how many times the
    released numbers. Other tables follow. workers: processes (None: as many as pay); the bytes do not depend on it. public: files of the
    public tables, which are copied; without it they are left out. vocabulary: keys of public tables where their files may not be seen (else
    read from `public`). model: what was learned (`generators.fitting.files.load`), of generators that learn from records; `summary` is None
    then. Raises InputError for a mechanism that is not of this schema, summary, model or program, and whatever `progress` raises
    (`Cancelled`), after removing what was half-written.
    """
    if public is not None and vocabulary is None:
        vocabulary = vocabulary_of(schema, public)
    whole = planned(mechanism, schema, summary, rows, seed, scale=scale, vocabulary=vocabulary, model=model)
    files = {file.table: file for file in produce(whole, out, progress, workers or workers_for(whole), model)}
    if public is not None:
        try:
            files |= {file.table: file for file in copy_public(schema, public, out)}
        except BaseException:
            for file in files.values():
                file.path.unlink(missing_ok=True)
            raise
    return tuple(files[t.name] for t in schema.tables if t.name in files)


def workers_for(whole: Plan) -> int:
    """How many processes pay: one, or of many rows one for each processor this process may use."""
    return len(os.sched_getaffinity(0)) if sum(whole.totals.values()) >= MANY_ROWS else 1


def _info(name: str) -> GeneratorInfo:
    if name not in GENERATORS:
        raise InputError(f'there is no generator "{name}"; there are: {", ".join(GENERATORS)}')
    return GENERATORS[name]


def _agree(
    mechanism: Mechanism, info: GeneratorInfo, schema: DatasetSchema, summary: MetadataSummary | None, model: Learned | None
) -> None:
    if mechanism.version != info.version:
        raise InputError(f'the mechanism is of version {mechanism.version} of "{info.name}"; this program has {info.version}')
    if mechanism.schema_digest != schema.digest:
        raise InputError("the mechanism was approved for another schema")
    if (info.needs == "data") != (model is not None):
        lacks = "needs the model that was learned for it: fit it first" if model is None else "learns nothing and takes no model"
        raise InputError(f'the generator "{info.name}" {lacks}')
    if info.needs != "summary":
        return
    if summary is None:
        raise InputError(f'the generator "{info.name}" needs a metadata summary')
    if mechanism.summary_digest != summary.digest:
        raise InputError("the mechanism was approved for another summary")
