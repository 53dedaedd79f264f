"""`synthportal schema`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synthportal.cli.options import NEW, data_or_place_argument, policy_named, policy_option
from synthportal.cli.outcome import say

if TYPE_CHECKING:
    from generators.disclosure import DisclosurePolicy
    from generators.reading.dataset import Dataset
    from generators.rules.discovery import CandidateRule


@click.command("schema")
@data_or_place_argument
@click.option("--out", type=NEW, metavar="FILE", help="Where to write it; without it, standard output.")
@click.option("--rules", is_flag=True, help="Write the rules that always hold into the schema, too.")
@policy_option
def command(data: Path | str, out: Path | None, rules: bool, policy: str) -> None:
    """Propose what each column of DATA is: its kind, its disclosure role, the person key, and why.

    Check the result: it decides what is dropped, what is counted as a person, and what may be summarised.
    It names columns and counts rows; it holds no record's value. Of several tables it proposes the keys that
    lead from one to another, too, and which are vocabularies. Rules found in the data are listed, as far as
    --policy lets them be told; take those that are meant to hold.

    \b
    Examples:
      synthportal schema visits.csv --out schema.json
      synthportal schema warehouse/ --rules --out schema.json
      synthportal schema postgresql:WAREHOUSE#omop --out schema.json

    \b
    DATA may be a place, of which only counts are asked (no rules are looked for):
      file.duckdb#schema, spark:catalog.schema, postgresql:NAME#schema
      NAME: an environment variable that holds the address, or a service of libpq
    """
    from generators.reading import tables
    from synthportal.cli import outputs
    from synthportal.cli.watching import progress

    chosen = policy_named(policy)
    if isinstance(data, str):
        from synthportal.cli import in_place

        in_place.schema(data, out)
        return
    with outputs.work_folder(out) as work, progress("schema") as watching:
        dataset = tables.read_dataset(data, work / "read", progress=watching)
        found = _rules(dataset, work, chosen)
        schema = dataset.schema
        if rules:
            kept = {name: tuple(c.rule for c in candidates if c.holds == "always") for name, candidates in found.items()}
            schema = replace(schema, tables=tuple(replace(t, rules=(*t.rules, *kept.get(t.name, ()))) for t in schema.tables))
        text = schema.to_json()
        if out:
            outputs.publish_text(text, out, work)
    for finding in dataset.findings:
        place = f"{finding.table}.{finding.column}" if finding.column else finding.table
        say(f"{finding.level}: {place}: {finding.message}" + (f" ({finding.reason})" if finding.reason else ""))
    for table, candidates in found.items():
        for candidate in candidates:
            say(f"rule: {table}: {candidate.rule.text} ({candidate.holds} holds: {candidate.sentence})")
    if out:
        say(f"wrote {out}")
    else:
        click.echo(text, nl=False)


def _rules(dataset: Dataset, work: Path, policy: DisclosurePolicy) -> dict[str, tuple[CandidateRule, ...]]:
    """The rules found, by table. Where persons are reached through keys, in a copy that says of each row who it is about."""
    from generators.rules.discovery import candidates
    from synthportal.cli import records

    schema, paths = dataset.schema, {t.name: t.path for t in dataset.tables}
    if any(schema.person_route(t.name) for t in schema.tables):
        copy = records.deidentified(dataset, work / "copy", records.run_key())
        schema, paths = copy.schema, copy.paths
    return {t.name: candidates(paths[t.name], t, policy) for t in schema.tables if not t.public}
