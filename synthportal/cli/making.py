"""Generating on the command line: which generator, from what, and how much."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from generators import registry
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.generating.plan import released_rows
from generators.mechanism import Mechanism
from generators.progress import Progress
from generators.reading import tables
from generators.registry import GENERATORS, GeneratorInfo, mechanism_for
from generators.schema import DatasetSchema
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary
from synthportal.cli.learning import Conditioning, Learning
from synthportal.cli.options import parsed, schema_in
from synthportal.cli.records import Deidentified

if TYPE_CHECKING:
    from generators.fitting.fitted import FitRecord, FittedModel


def generator_named(name: str) -> GeneratorInfo:
    """The generator called `name`; InputError lists those there are."""
    if name not in GENERATORS:
        raise InputError(f'--generator: there is no "{name}"; there are: {", ".join(sorted(GENERATORS))}')
    return GENERATORS[name]


def learning_generator(name: str) -> GeneratorInfo:
    """The generator called `name`, if it learns from records; InputError lists those that do."""
    info = generator_named(name)
    if info.needs != "data":
        learning = ", ".join(sorted(n for n, each in GENERATORS.items() if each.needs == "data"))
        raise InputError(f'--generator: "{name}" does not learn from records; these do: {learning}')
    return info


def fit(
    generator: str,
    copy: Deidentified,
    policy: DisclosurePolicy,
    learning: Learning,
    seed: int,
    progress: Progress,
    *,
    checkpoints: Path | None = None,
) -> FittedModel:
    """A model fitted to de-identified tables."""
    from generators.fitting import estimator

    return estimator.fit(
        generator,
        copy.paths,
        copy.schema,
        seed=seed,
        progress=progress,
        budget=learning.budget(),
        options=learning.options,
        policy=policy,
        controls=learning.controls(),
        checkpoint=checkpoints,
    )


def told(record: FitRecord) -> list[str]:
    """What a fit found out about itself, in sentences: one about each table, and its notes."""
    sentences = []
    for name, table in record.tables.items():
        found = table.membership
        if found is not None:
            area, low, high = (f"{found[part]:.0%}" for part in ("area", "low", "high"))
            recognised = f"a person in it can be told from another in {area} of pairs ({low} to {high}; 50% is guessing)"
        elif table.bound is not None:
            recognised = (
                f"a person in it can be told from another in at most {table.bound:.0%} of pairs (50% is guessing), whatever the attack"
            )
        else:
            recognised = "how well a person in it can be recognised was not measured"
        sentences.append(f'table "{name}": {recognised}')
    return [*sentences, *record.notes]


def model_in(folder: Path, generator: str | None, learning: Learning) -> FittedModel:
    """The model in a folder. InputError when it is none, or of another generator than was named, or something is asked of its fit."""
    from generators.fitting import files

    if learning.asked:
        raise InputError("--model was fitted already: give --epsilon, --option and the like to synthportal fit")
    model = files.load(folder)
    if generator is not None and generator != model.generator:
        raise InputError(f'--generator: the model in {folder.name} is of "{model.generator}"')
    return model


def summary_text(summary: MetadataSummary, schema: DatasetSchema) -> str:
    """A summary file of the command line: the summary's own JSON and, beside it, the (de-identified) schema a generator needs too."""
    return json.dumps({**summary.as_dict(), "schema": schema.as_dict()}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def summary_in(file: Path, schema_file: Path | None) -> tuple[MetadataSummary, DatasetSchema]:
    """The summary in a file and its schema: the one in the file, or, of a summary that has none (a capsule's), in `schema_file`.

    InputError names the file and what is wrong with it.
    """
    raw = parsed(file)
    try:
        summary = MetadataSummary.from_dict(raw)
        if schema_file is not None:
            given = schema_in(schema_file)
        elif "schema" in raw:
            given = DatasetSchema.from_dict(raw["schema"])
        else:
            raise InputError("it holds no schema; name the file that does with --schema")
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from None
    for schema in (given, given.deidentified()):
        if schema.digest == summary.schema_digest:
            return summary, schema
    raise InputError(f"{file.name} was made with another schema; summarise again, or use the schema it was made with")


def summary_for(info: GeneratorInfo, copy: Deidentified, policy: DisclosurePolicy, progress: Progress) -> MetadataSummary | None:
    """What a generator may see of a dataset: its summary under `policy`, or nothing."""
    if info.needs == "schema":
        return None
    return summarise(copy.paths, copy.schema, policy, progress=progress)


@dataclass(frozen=True)
class HowMany:
    """How much to generate: rows of the tables on which others hang (a number, or by name), or else times what the summary counted."""

    rows: int | Mapping[str, int] | None = None
    scale: float | None = None


def rows_wanted(given: Sequence[str], most: int) -> int | dict[str, int] | None:
    """`--rows`: one number, or `TABLE=N` for each table; None where it was not given. InputError for anything else."""
    found: dict[str, int] = {}
    for text in given:
        table, _, number = text.rpartition("=")
        if not number.isdecimal() or not 1 <= int(number) <= most or table in found:
            raise InputError(f'--rows "{text}": write a whole number from 1 to {most:,}, or TABLE=N, once for each table')
        found[table] = int(number)
    if "" in found and len(found) > 1:
        raise InputError("--rows: write one number for all tables, or TABLE=N for each")
    return found.get("", found) or None


def vocabularies(folder: Path, schema: DatasetSchema, work: Path) -> dict[str, Path]:
    """The public tables of `schema`, from files of a folder that bear their names, in canonical Parquet under `work`."""
    public = DatasetSchema(tuple(replace(t, foreign_keys=()) for t in schema.tables if t.public))
    if not public.tables:
        raise InputError("--public: the schema marks no table as public")
    return tables.read_dataset(folder, work / "public", schema=public).paths


def rows_in(path: Path) -> int:
    """How many rows a Parquet file has."""
    return int(pq.read_metadata(path).num_rows)


def generate(
    info: GeneratorInfo,
    schema: DatasetSchema,
    summary: MetadataSummary | None,
    how_many: HowMany,
    seed: int,
    out: Path,
    progress: Progress,
    *,
    public: Mapping[str, Path] | None = None,
    workers: int | None = None,
    model: FittedModel | None = None,
    conditioning: Conditioning | None = None,
) -> tuple[Mechanism, dict[str, Path]]:
    """The mechanism, and the path of each synthetic table by name, under the new folder `out`; public tables among them where given.

    workers: processes, None: as many as pay. model: of a generator that learned from records; conditioning: what its rows must meet.
    """
    out.mkdir()
    if model is not None:
        asked = conditioning or Conditioning()
        mechanism = model.mechanism(given=asked.given, balance=asked.balance, oversample=asked.oversample)
        made = registry.generate(
            mechanism,
            schema,
            None,
            how_many.rows,
            seed,
            out,
            progress,
            scale=how_many.scale,
            public=public or None,
            workers=workers,
            model=model,
        )
        return mechanism, {file.table: file.path for file in made}
    if conditioning:
        raise InputError("--given, --balance and --oversample go with a generator that learns from records")
    mechanism = mechanism_for(info.name, schema, summary)
    seen, rows = summary if info.needs == "summary" else None, how_many.rows
    if how_many.scale is not None and rows is None and seen is None and summary is not None:
        rows, how_many = released_rows(schema, summary, how_many.scale), HowMany()
    files = registry.generate(
        mechanism, schema, seen, rows, seed, out, progress, scale=how_many.scale, public=public or None, workers=workers
    )
    return mechanism, {file.table: file.path for file in files}
