"""`synthportal split`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import NEW, data_argument, schema_in, schema_option, seed_option
from synthportal.cli.outcome import say


@click.command("split")
@data_argument
@schema_option
@click.option("--person", metavar="COL", help="The column that says who the person is; without it, the schema's person key.")
@click.option("--out", type=NEW, required=True, metavar="DIR", help="A new folder.")
@seed_option
def command(data: Path, schema_file: Path | None, person: str | None, out: Path, seed: int) -> None:
    """Split DATA into train (4 in 5 persons) and holdout, so that nobody is in both.

    All rows of a person fall on the same side, whatever the order of the rows. DIR holds train.parquet and
    holdout.parquet (of several tables: train/ and holdout/) with DATA's own columns, identifiers included:
    keep it where DATA may be kept. Tables without a person key follow their foreign keys; vocabularies are in both.

    \b
    Example:
      synthportal split visits.csv --person patient_id --out parts
    """
    from synthportal.cli import outputs, parts, records
    from synthportal.cli.watching import part, progress

    outputs.check_new_folder(out)
    with outputs.work_folder(out) as work, progress("split") as watching:
        given = schema_in(schema_file) if schema_file else None
        dataset = records.read(data, work, part(watching, 0.0, 0.6), schema=given, person=person, whole=True)
        split = parts.split(dataset, seed, work / "split", part(watching, 0.6, 1.0))
        made = work / "made"
        made.mkdir()
        for side, paths in (("train", split.train), ("holdout", split.holdout)):
            parts.lay_out(paths, made, side, split.public)
        outputs.publish_folder(made, out)
    records.say_warnings(dataset, *split.notes)
    say(f"wrote {out}: {parts.counted(split)}")
