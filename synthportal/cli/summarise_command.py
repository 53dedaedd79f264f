"""`synthportal summarise`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import NEW, cross_option, data_or_place_argument, policy_named, policy_option, schema_in, schema_option
from synthportal.cli.outcome import say


@click.command("summarise")
@data_or_place_argument
@schema_option
@policy_option
@cross_option
@click.option(
    "--engine",
    type=click.Choice(["local", "in-place"]),
    default="local",
    show_default=True,
    help="How files are counted; the summary is the same. A place is always counted in place.",
)
@click.option("--holdout", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="In place: the share of persons left out.")
@click.option("--split-key", metavar="NAME", help="With --holdout: the environment variable that holds the key of the split.")
@click.option("--out", type=NEW, required=True, metavar="FILE", help="Where to write the summary (JSON).")
def command(
    data: Path | str,
    schema_file: Path | None,
    policy: str,
    cross: tuple[str, ...],
    engine: str,
    holdout: float | None,
    split_key: str | None,
    out: Path,
) -> None:
    """The aggregates of DATA that passed disclosure control: each column by itself, no figure about few persons.

    Direct identifiers are dropped first. Give it train data only (see `synthportal split`), so that the
    holdout stays unseen.

    \b
    Examples:
      synthportal summarise parts/train.parquet --policy public --out summary.json
      synthportal summarise train.csv --schema schema.json --policy mine.toml --out summary.json
      synthportal summarise train.csv --cross "age:0,18,65,120*sex*outcome" --out summary.json
      synthportal summarise postgresql:WAREHOUSE#omop --schema schema.json --holdout 0.2 --split-key KEY --out summary.json

    \b
    DATA may be a place (see synthportal schema): only aggregates leave it. It needs --schema, checked by you.

    \b
    A policy of your own (mine.toml):
      name = "sub-national"
      version = 1
      minimum = 8            # fewest persons behind any figure
      rounding = 10          # at least the minimum
      minimum_table = 100    # fewest persons a table must have

    \b
    With noise (differential privacy), three lines more; every figure is then noisy, and thresholds apply to noisy ones:
      epsilon = 1.0          # what the whole summary may spend for each person
      delta = 1e-7           # less than one in ten times the persons
      contributions = 3      # rows of one person that count in each table
    """
    from generators.errors import InputError
    from generators.summarising.cross_tabulation import CrossTab
    from generators.summarising.summarise import summarise
    from synthportal.cli import making, outputs, records
    from synthportal.cli.watching import part, progress

    chosen = policy_named(policy)
    if isinstance(data, str) or engine == "in-place":
        from synthportal.cli import in_place

        in_place.summarise(data, schema_file, chosen, cross, in_place.HeldOut(holdout, split_key), out)
        return
    if holdout or split_key:
        raise InputError("--holdout and --split-key are for data in place; split files with synthportal split")
    with outputs.work_folder(out) as work, progress("summarise") as watching:
        dataset = records.read(data, work, part(watching, 0.0, 0.6), schema=schema_in(schema_file) if schema_file else None)
        copy = records.deidentified(dataset, work / "copy", records.run_key())
        asked = [CrossTab.parse(text, copy.schema) for text in cross]
        summary = summarise(copy.paths, copy.schema, chosen, cross_tabulations=asked, progress=part(watching, 0.6, 1.0))
        outputs.publish_text(making.summary_text(summary, copy.schema), out, work)
    records.say_warnings(dataset)
    if summary.privacy is not None:
        spent = summary.privacy
        say(f"wrote {out}: policy {chosen.name}, every count with noise, epsilon {spent.epsilon:.4g} and delta {spent.delta:g} spent")
    else:
        say(f"wrote {out}: policy {chosen.name}, no figure about fewer than {chosen.minimum} persons")
