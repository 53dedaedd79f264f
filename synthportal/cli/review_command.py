"""`synthportal review`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import FILE, schema_option
from synthportal.cli.outcome import NotPassed


@click.command("review")
@click.argument("summary", type=FILE)
@schema_option
def command(summary: Path, schema_file: Path | None) -> None:
    """Check SUMMARY, the file that summarise wrote, from what is in it alone: may it leave?

    Thresholds, rounding, and values that look like identifiers, names, exact dates or free text. One
    line for each check; exit 3 when one fails. It names columns, never a value. With --schema the
    summary must also be of that schema.

    \b
    Example:
      synthportal review results/summary.json
    """
    from generators.errors import InputError
    from generators.summarising.assertions import assertions
    from generators.summary import MetadataSummary
    from synthportal.cli.options import schema_in, text_of

    try:
        read = MetadataSummary.from_json(text_of(summary))
    except InputError as error:
        raise InputError(f"{summary.name}: {error}") from None
    schema = None if schema_file is None else schema_in(schema_file).deidentified()
    found = assertions(read, schema)
    for assertion in found:
        click.echo(f"{'holds' if assertion.passed else 'FAILS'}: {assertion.name}: {assertion.sentence}")
    failed = sum(not a.passed for a in found)
    if failed:
        raise NotPassed(f"verdict: may not leave ({failed} of {len(found)} checks fail)")
    click.echo(f"verdict: all {len(found)} checks hold")
