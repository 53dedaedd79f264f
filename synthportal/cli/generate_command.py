"""`synthportal generate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from generators.errors import InputError
from synthportal.cli.options import EXISTING, FILE, MOST_ROWS, policy_named, policy_option, schema_in, schema_option, seed_option
from synthportal.cli.outcome import say

if TYPE_CHECKING:
    from generators.summary import MetadataSummary


@click.command("generate")
@click.option("--summary", "summary_file", type=FILE, metavar="FILE", help="A summary (see summarise): no record is needed.")
@click.option("--data", "data", type=EXISTING, metavar="TRAIN", help="Train data, summarised first where the generator needs it.")
@schema_option
@policy_option
@click.option("--generator", required=True, metavar="NAME", help="structural, marginal (each column by itself) …: a wrong name lists all.")
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
    data: Path | None,
    schema_file: Path | None,
    policy: str,
    generator: str,
    rows: tuple[str, ...],
    scale: float | None,
    seed: int,
    public: Path | None,
    workers: int | None,
    format_: str | None,
    out: str,
) -> None:
    """Make synthetic rows, from a summary or from train data.

    The same summary, generator and seed give the same bytes, whatever --workers. Of several tables, say how many rows
    (or persons) to make of those that hang on no other; the rows of the others follow. --policy matters only with --data,
    and --schema with --summary only where the summary file holds no schema (a capsule's).

    A PostgreSQL schema must be empty or new; NAME is an environment variable that holds the database's address, or a
    libpq service. CSV is safe to open in a spreadsheet.

    \b
    Examples:
      synthportal generate --summary summary.json --generator marginal --rows 10000 --seed 1 --out synthetic.parquet
      synthportal generate --data parts/train.parquet --generator structural --rows 500 --seed 1 --out synthetic.csv
      synthportal generate --summary omop.json --public vocabulary/ --generator marginal --scale 2.5 --out omop.duckdb
    """
    from synthportal.cli import making, outputs, records
    from synthportal.cli.targets import Target
    from synthportal.cli.watching import part, progress

    if (summary_file is None) == (data is None):
        raise InputError("give either --summary or --data: what to generate from")
    if data is not None and public is not None:
        raise InputError("--public goes with --summary: with --data the public tables are copied from there")
    wanted = making.rows_wanted(rows, MOST_ROWS)
    info = making.generator_named(generator)
    target = Target.of(out, format_)
    with outputs.work_folder(target.path) as work, progress("generate") as watching:
        summary: MetadataSummary | None
        dataset, vocabularies = None, None
        if summary_file is not None:
            summary, schema = making.summary_in(summary_file, schema_file)
            vocabularies = making.vocabularies(public, schema, work) if public else None
        if data is not None:
            chosen = policy_named(policy)
            dataset = records.read(data, work, part(watching, 0.0, 0.4), schema=schema_in(schema_file) if schema_file else None)
            copy = records.deidentified(dataset, work / "copy", records.run_key())
            schema, summary = copy.schema, making.summary_for(info, copy, chosen, part(watching, 0.4, 0.6))
            vocabularies = {t.name: copy.paths[t.name] for t in schema.tables if t.public}
        target.check(schema)
        how_many = making.HowMany(wanted, scale)
        _, made = making.generate(
            info, schema, summary, how_many, seed, work / "made", part(watching, 0.6, 0.95), public=vocabularies, workers=workers
        )
        count = sum(making.rows_in(path) for table, path in made.items() if not schema.table(table).public)
        target.publish(made, schema, work, part(watching, 0.95, 1.0))
    if dataset is not None:
        records.say_warnings(dataset)
    for table in schema.tables:
        if table.name not in made:
            say(f'warning: the public table "{table.name}" was not copied: name its folder with --public')
    say(f"wrote {out}: {count:,} synthetic rows by {info.name} {info.version}, seed {seed}")
