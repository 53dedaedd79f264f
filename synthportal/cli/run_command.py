"""`synthportal run`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.learning import Learning, learning_options
from synthportal.cli.options import FILE, MOST_ROWS, NEW, data_argument
from synthportal.cli.outcome import NotPassed, say


@click.command("run")
@data_argument
@click.option("--out", type=NEW, required=True, metavar="DIR", help="A new folder.")
@click.option("--generator", metavar="NAME", help="See synthportal generators.  [default: marginal]")
@learning_options
@click.option(
    "--rows", type=click.IntRange(1, MOST_ROWS), metavar="N", help="Of a lone table, or persons of several.  [default: as train, rounded]"
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="K", help="Of split, generation and evaluation.  [default: 0]")
@click.option("--config", "config", type=FILE, metavar="FILE", help="pipeline.toml: settings in a file; an option given here wins.")
def command(
    data: Path, out: Path, generator: str | None, learning: Learning, rows: int | None, seed: int | None, config: Path | None
) -> None:
    """Do all of it: read DATA, de-identify, split by person, summarise or learn, generate, evaluate.

    DIR holds synthetic.parquet, summary.json, metrics.json, report.html (open that first), schema.json and
    run.json (what was done with which settings and versions). No real record is in any of them. Of several
    tables, synthetic/ holds one file each. Exit 3 when a hard gate failed;
    everything is written all the same.

    \b
    Examples:
      synthportal run visits.csv --out results
      synthportal run visits.csv --out results --config pipeline.toml --seed 7
      synthportal run visits.csv --out results --generator autoregressive

    \b
    pipeline.toml (every setting may be left out):
      generator = "marginal"       # or another of synthportal generators
      rows = 10000                 # of several tables: of those on which others hang (persons)
      seed = 7
      policy = "public"            # or "internal" (the default), or a policy file beside this one
      schema = "schema.json"       # one you checked; without it one is proposed
      person = "patient_id"        # the column that says who the person is
      target = "disposition"       # adds train-on-synthetic, test-on-real
      [learning]                   # of a generator that learns from records
      max_membership = 0.55        # or epsilon, delta, contributions, time_limit, first, apart, without
      [learning.options]           # its own (synthportal generators NAME)
    """
    from synthportal.cli import outputs, records, running
    from synthportal.cli.pipeline import Pipeline
    from synthportal.cli.watching import progress

    outputs.check_new_folder(out)
    settings = (Pipeline.from_file(config) if config else Pipeline()).with_options(
        generator=generator, rows=rows, seed=seed, learning=learning if learning.asked else None
    )
    with outputs.work_folder(out) as work, progress("run") as watching:
        results, dataset = running.run(data, settings, work, watching)
        outputs.publish_folder(work / "results", out)
    records.say_warnings(dataset)
    say(f"wrote {out}: open {out / 'report.html'}")
    for sentence in results.sentences:
        click.echo(sentence)
    if not results.passed:
        raise NotPassed("verdict: a gate failed")
