"""`synthportal impute`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import EXISTING, schema_in, schema_option, seed_option
from synthportal.cli.outcome import say


@click.command("impute")
@click.argument("data", type=EXISTING, metavar="DATA")
@click.option("--model", "model_folder", type=EXISTING, required=True, metavar="MODEL", help="A fitted model (see fit).")
@schema_option
@seed_option
@click.option("--format", "format_", type=click.Choice(["parquet", "csv"]), help="Of the files in a folder.  [default: parquet]")
@click.option("--out", required=True, metavar="OUT", help="x.parquet, x.csv or a new folder x/.")
def command(data: Path, model_folder: Path, schema_file: Path | None, seed: int, format_: str | None, out: str) -> None:
    """Fill the missing cells of DATA by what a model learned, given the rest of each row; what is known stays as it is.

    OUT holds real records, and guesses among them: it is for work in the secure zone and is no synthetic data. A cell
    stays missing where a rule that held in every record says that it is.

    \b
    Examples:
      synthportal impute visits.csv --model model --seed 1 --out filled.parquet
    """
    from synthportal.cli import imputing, outputs, records
    from synthportal.cli.targets import Target
    from synthportal.cli.watching import part, progress

    target = Target.of(out, format_)
    with outputs.work_folder(target.path) as work, progress("impute") as watching:
        dataset = records.read(data, work, part(watching, 0.0, 0.3), schema=schema_in(schema_file) if schema_file else None)
        target.check(dataset.schema)
        made, filled = imputing.impute(dataset, model_folder, seed, work, part(watching, 0.3, 0.95))
        target.publish(made, dataset.schema, work, part(watching, 0.95, 1.0))
    records.say_warnings(dataset)
    say(f"wrote {out}: {filled:,} missing cells filled; it holds real records, keep it in the secure zone")
