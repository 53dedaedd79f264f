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
@click.option("--generator", required=True, metavar="NAME", help="structural (names and kinds alone) or marginal (each column by itself).")
@click.option("--rows", type=click.IntRange(1, MOST_ROWS), required=True, metavar="N", help="How many rows, of every table.")
@seed_option
@click.option("--out", required=True, metavar="OUT", help="x.parquet, x.csv (spreadsheet-safe), or a new folder x/.")
def command(
    summary_file: Path | None, data: Path | None, schema_file: Path | None, policy: str, generator: str, rows: int, seed: int, out: str
) -> None:
    """Make N synthetic rows, from a summary or from train data.

    The same summary, generator and seed give the same bytes. --policy matters only with --data, and --schema with
    --summary only where the summary file holds no schema (a capsule's).

    \b
    Examples:
      synthportal generate --summary summary.json --generator marginal --rows 10000 --seed 1 --out synthetic.parquet
      synthportal generate --data parts/train.parquet --generator structural --rows 500 --seed 1 --out synthetic.csv
    """
    from synthportal.cli import making, outputs, records
    from synthportal.cli.watching import part, progress

    if (summary_file is None) == (data is None):
        raise InputError("give either --summary or --data: what to generate from")
    info = making.generator_named(generator)
    target = making.Target.of(out)
    with outputs.work_folder(target.path) as work, progress("generate") as watching:
        summary: MetadataSummary | None
        dataset = None
        if summary_file is not None:
            summary, schema = making.summary_in(summary_file, schema_file)
        if data is not None:
            chosen = policy_named(policy)
            dataset = records.read(data, work, part(watching, 0.0, 0.4), schema=schema_in(schema_file) if schema_file else None)
            copy = records.deidentified(dataset, work / "copy", records.run_key())
            schema, summary = copy.schema, making.summary_for(info, copy, chosen, part(watching, 0.4, 0.6))
        target.check(schema)
        _, made = making.generate(info, schema, summary, rows, seed, work / "made", part(watching, 0.6, 1.0))
        target.publish(made, schema, work)
    if dataset is not None:
        records.say_warnings(dataset)
    say(f"wrote {out}: {rows:,} synthetic rows by {info.name} {info.version}, seed {seed}")
