"""`synthportal demo`."""

from __future__ import annotations

import click


@click.command("demo")
def command() -> None:
    """Fill a demonstration on the first run, then serve it; later runs keep its data and start in seconds.

    The dataset is simulated, the passwords are printed, and every page says that it is a demonstration.
    Settings as for serve.

    \b
    Example:
      SYNTHPORTAL_VAR=/tmp/demonstration synthportal demo
    """
    from synthportal.demonstration import run

    run()
