"""`synthportal schema`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import NEW, data_argument
from synthportal.cli.outcome import say


@click.command("schema")
@data_argument
@click.option("--out", type=NEW, metavar="FILE", help="Where to write it; without it, standard output.")
def command(data: Path, out: Path | None) -> None:
    """Propose what each column of DATA is: its kind, its disclosure role, the person key, and why.

    Check the result: it decides what is dropped, what is counted as a person, and what may be summarised.
    It names columns and counts rows; it holds no record's value. Of several tables it proposes the keys that
    lead from one to another, too, and which are vocabularies.

    \b
    Examples:
      synthportal schema visits.csv --out schema.json
      synthportal schema warehouse/ --out schema.json
    """
    from generators import tables
    from synthportal.cli import outputs
    from synthportal.cli.watching import progress

    with outputs.work_folder(out) as work, progress("schema") as watching:
        dataset = tables.read_dataset(data, work / "read", progress=watching)
        text = dataset.schema.to_json()
        if out:
            outputs.publish_text(text, out, work)
    for finding in dataset.findings:
        place = f"{finding.table}.{finding.column}" if finding.column else finding.table
        say(f"{finding.level}: {place}: {finding.message}" + (f" ({finding.reason})" if finding.reason else ""))
    if out:
        say(f"wrote {out}")
    else:
        click.echo(text, nl=False)
