"""The commands by name, in the order in which one would use them. A command's module is imported when it is run or explained."""

from __future__ import annotations

import importlib

import click

from synthportal import __version__

COMMANDS = {
    "schema": "What a file holds: propose names, kinds, disclosure roles and keys.",
    "split": "Train and holdout, by person.",
    "summarise": "Aggregates that passed disclosure control.",
    "review": "Check a summary from what is in it alone: may it leave?",
    "generators": "Which generators there are, and when to choose which.",
    "fit": "Learn a generator from train data and save it.",
    "generate": "Synthetic rows, from a summary, a fitted model or train data.",
    "impute": "Fill missing cells of records by what a model learned.",
    "evaluate": "How good and how safe synthetic rows are; report.",
    "run": "All of it: split, summarise, generate, evaluate.",
    "conform": "Does code written against a release fit this real table?",
    "import-datafaker": "A datafaker project as schema, summary and mechanism.",
    "verify": "Is this capsule whole and signed by a key I trust?",
    "audit": "The secure site's audit trail.",
    "serve": "Both sites, worker, publisher and queue, under one supervisor.",
    "demo": "Fill a demonstration on the first run, then serve it.",
    "manage": "Django's own commands, for either site.",
}


class Commands(click.Group):
    """Loads `synthportal.cli.<name>_command` on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"synthportal.cli.{cmd_name.replace('-', '_')}_command").command
        if not isinstance(command, click.Command):
            raise TypeError(f"synthportal.cli.{cmd_name}_command has no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="synthportal")
def synthportal() -> None:
    """Turn records that may not leave their secure zone into synthetic data that may, and answer for it.

    Start with one command, which does everything and explains the result:

    \b
      synthportal run visits.csv --out results
      open results/report.html

    DATA is a CSV file, a Parquet file, or a folder of them: each file a table, and each folder in it a table of
    several files. Nothing is sent anywhere, and no server is needed except for audit, serve, demo and manage.

    Exit codes: 0 done; 1 a fault of this program; 2 bad input (one line says what and where);
    3 the verdict is no (a gate failed, a capsule was refused, a table does not fit; output is still
    written); 130 stopped.
    """
