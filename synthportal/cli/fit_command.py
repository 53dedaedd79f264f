"""`synthportal fit`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.learning import Learning, learning_options
from synthportal.cli.options import EXISTING, NEW, policy_named, policy_option, schema_in, schema_option, seed_option
from synthportal.cli.outcome import say


@click.command("fit")
@click.argument("data", type=EXISTING, metavar="TRAIN")
@click.option("--generator", required=True, metavar="NAME", help="One that learns from records (see synthportal generators).")
@schema_option
@policy_option
@learning_options
@seed_option
@click.option(
    "--checkpoints", type=NEW, metavar="DIR", help="Keep what is learned so far here: the same command goes on where it was stopped."
)
@click.option(
    "--out", type=NEW, required=True, metavar="MODEL", help="A new folder for the model. It is personal data: keep it in the secure zone."
)
def command(
    data: Path,
    generator: str,
    schema_file: Path | None,
    policy: str,
    learning: Learning,
    seed: int,
    checkpoints: Path | None,
    out: Path,
) -> None:
    """Learn a generator from TRAIN and save it, to make rows from it again and again (synthportal generate --model).

    Lists of values, bounds and bins in the model passed disclosure control under --policy, or have noise (--epsilon);
    its weights are personal data all the same: they stay in the secure zone and are destroyed when no longer needed.

    The fit says how well a person it learned from could be recognised in the model (0.5 is guessing).

    \b
    Examples:
      synthportal fit parts/train.parquet --generator autoregressive --seed 1 --out model
      synthportal fit train.csv --generator autoregressive --max-membership 0.55 --first sex,age --out model
      synthportal fit train.csv --generator dp-marginals --epsilon 1 --delta 1e-7 --out private
    """
    from generators.fitting import files
    from synthportal.cli import making, outputs, records
    from synthportal.cli.watching import part, progress

    outputs.check_new_folder(out)
    making.learning_generator(generator)
    with outputs.work_folder(out) as work, progress("fit") as watching:
        dataset = records.read(data, work, part(watching, 0.0, 0.15), schema=schema_in(schema_file) if schema_file else None)
        copy = records.deidentified(dataset, work / "copy", records.run_key())
        fitted = making.fit(generator, copy, policy_named(policy), learning, seed, part(watching, 0.15, 1.0), checkpoints=checkpoints)
        made = work / "model"
        files.save(fitted, made)
        outputs.publish_folder(made, out, private=True)
    records.say_warnings(dataset)
    for sentence in making.told(fitted.record):
        say(sentence)
    say(f"wrote {out}: {fitted.generator} {fitted.version}, model {fitted.digest[:16]}; personal data, keep it in the secure zone")
