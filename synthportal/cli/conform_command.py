"""`synthportal conform`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import EXISTING, data_argument
from synthportal.cli.outcome import NotPassed


@click.command("conform")
@data_argument
@click.argument("capsule", type=EXISTING)
def command(data: Path, capsule: Path) -> None:
    """Does code written against the release CAPSULE fit the real table DATA? Names, kinds, formats, codes.

    CAPSULE is the folder or zip that was downloaded. Every difference is one line; exit 3 when code
    would break. It reports names and counts, never a value. It does not check the signature: see verify.

    \b
    Example:
      synthportal conform real_visits.csv emergency-visits-1.zip
    """
    from generators.conform import conform
    from generators.reading import tables
    from synthportal.cli import outputs
    from synthportal.cli.capsules import schema_of
    from synthportal.cli.watching import progress

    schema = schema_of(capsule)
    with outputs.work_folder(None) as work, progress("conform") as watching:
        dataset = tables.read_dataset(data, work / "read", progress=watching)
        differences = conform(dataset, schema)
    for difference in differences:
        click.echo(f"{difference.level}: {difference.sentence}")
    wrong = sum(difference.level == "mismatch" for difference in differences)
    if wrong:
        raise NotPassed(f"verdict: does not conform ({wrong} mismatch{'es' if wrong > 1 else ''})")
    click.echo("verdict: conforms")
