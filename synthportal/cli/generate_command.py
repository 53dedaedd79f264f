"""`synthportal generate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from generators.errors import InputError
from synthportal.cli.learning import Conditioning, Learning, conditions_options, learning_options
from synthportal.cli.options import EXISTING, FILE, MOST_ROWS, policy_named, policy_option, schema_in, schema_option, seed_option
from synthportal.cli.outcome import say

if TYPE_CHECKING:
    from generators.fitting.fitted import FittedModel
    from generators.summary import MetadataSummary


@click.command("generate")
@click.option("--summary", "summary_file", type=FILE, metavar="FILE", help="A summary (see summarise): no record is needed.")
@click.option("--model", "model_folder", type=EXISTING, metavar="MODEL", help="A fitted model (see fit): no record is needed.")
@click.option("--data", "data", type=EXISTING, metavar="TRAIN", help="Train data, summarised or learned from first.")
@schema_option
@policy_option
@click.option("--generator", metavar="NAME", help="Which (see synthportal generators); with --model its own.")
@learning_options
@conditions_options
@click.option("--rows", "rows", multiple=True, metavar="N|TABLE=N", help="How many rows; of several tables, of those on which others hang.")
@click.option("--scale", type=float, metavar="X", help="Instead of --rows: times as much as the summary counted.")
@seed_option
@click.option(
    "--public", "public", type=EXISTING, metavar="DIR", help="With --summary: the public tables to copy, as files named after them."
)
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Processes.  [default: one, of a million rows on one a processor]")
@click.option("--format", "format_", type=click.Choice(["parquet", "csv"]), help="Of the files in a folder.  [default: parquet]")
@click.option("--out", required=True, metavar="OUT", help="x.parquet, x.csv, x.duckdb, a new folder x/, or postgresql:NAME#SCHEMA.")
def command(
    summary_file: Path | None,
    model_folder: Path | None,
    data: Path | None,
    schema_file: Path | None,
    policy: str,
    generator: str | None,
    learning: Learning,
    conditioning: Conditioning,
    rows: tuple[str, ...],
    scale: float | None,
    seed: int,
    public: Path | None,
    workers: int | None,
    format_: str | None,
    out: str,
) -> None:
    """Make synthetic rows, from a summary, a fitted model or train data.

    The same summary, generator and seed give the same bytes, whatever --workers. Of several tables, say how many rows
    (or persons) to make of those that hang on no other; the rows of the others follow. --policy matters only with --data,
    and --schema with --summary only where the summary file holds no schema (a capsule's).

    A PostgreSQL schema must be empty or new; NAME is an environment variable that holds the database's address, or a
    libpq service. CSV is safe to open in a spreadsheet.

    \b
    Examples:
      synthportal generate --summary summary.json --generator marginal --rows 10000 --seed 1 --out synthetic.parquet
      synthportal generate --data parts/train.parquet --generator structural --rows 500 --seed 1 --out synthetic.csv
      synthportal generate --model model --rows 1000000 --given sex=F --given age=65..80 --out women.parquet
      synthportal generate --summary omop.json --public vocabulary/ --generator marginal --scale 2.5 --out omop.duckdb
    """
    from synthportal.cli import making, outputs, records
    from synthportal.cli.targets import Target
    from synthportal.cli.watching import part, progress

    if sum(each is not None for each in (summary_file, model_folder, data)) != 1:
        raise InputError("give one of --summary, --model and --data: what to generate from")
    if data is not None and public is not None:
        raise InputError("--public goes with --summary or --model: with --data the public tables are copied from there")
    if model_folder is None and generator is None:
        raise InputError("give --generator: which one (see synthportal generators)")
    wanted = making.rows_wanted(rows, MOST_ROWS)
    target = Target.of(out, format_)
    with outputs.work_folder(target.path) as work, progress("generate") as watching:
        summary: MetadataSummary | None = None
        model: FittedModel | None = None
        dataset, vocabularies = None, None
        if model_folder is not None:
            model = making.model_in(model_folder, generator, learning)
            schema, generator = model.schema, model.generator
        info = making.generator_named(generator or "")
        if learning.asked and (info.needs != "data" or data is None):
            raise InputError("--epsilon, --option and the like are for learning from --data with a generator that does")
        if summary_file is not None:
            if info.needs == "data":
                raise InputError(f'the generator "{info.name}" learns from records: give --data, or --model (see synthportal fit)')
            summary, schema = making.summary_in(summary_file, schema_file)
        if data is not None:
            chosen = policy_named(policy)
            dataset = records.read(data, work, part(watching, 0.0, 0.2), schema=schema_in(schema_file) if schema_file else None)
            copy = records.deidentified(dataset, work / "copy", records.run_key())
            schema = copy.schema
            if info.needs == "data":
                model = making.fit(info.name, copy, chosen, learning, seed, part(watching, 0.2, 0.7))
                schema = model.schema
            else:
                summary = making.summary_for(info, copy, chosen, part(watching, 0.2, 0.7))
            vocabularies = {t.name: copy.paths[t.name] for t in schema.tables if t.public}
        elif public:
            vocabularies = making.vocabularies(public, schema, work)
        target.check(schema)
        how_many = making.HowMany(wanted, scale)
        _, made = making.generate(
            info,
            schema,
            summary,
            how_many,
            seed,
            work / "made",
            part(watching, 0.7, 0.95),
            public=vocabularies,
            workers=workers,
            model=model,
            conditioning=conditioning,
        )
        count = sum(making.rows_in(path) for table, path in made.items() if not schema.table(table).public)
        target.publish(made, schema, work, part(watching, 0.95, 1.0))
    if dataset is not None:
        records.say_warnings(dataset)
    for table in schema.tables:
        if table.name not in made:
            say(f'warning: the public table "{table.name}" was not copied: name its folder with --public')
    say(f"wrote {out}: {count:,} synthetic rows by {info.name} {info.version}, seed {seed}")
