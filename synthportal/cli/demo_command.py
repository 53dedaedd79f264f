"""`synthportal demo`."""

from __future__ import annotations

import click


@click.command("demo")
@click.option("--code", "only_code", is_flag=True, help="Print the access officer's code of this moment, and start nothing.")
def command(only_code: bool) -> None:
    """Fill a demonstration on the first run, then serve it; later runs keep its data and start in seconds.

    The dataset is simulated, the passwords are printed, and every page says that it is a demonstration.
    Settings as for serve.

    \b
    Example:
      SYNTHPORTAL_VAR=/tmp/demonstration synthportal demo
    """
    from synthportal.demonstration import code, run

    if only_code:
        click.echo(code())
        return
    run()
