"""`synthportal manage`."""

from __future__ import annotations

import os
import sys

import click

SETTINGS = {"secure": "synthportal.settings.secure", "public": "synthportal.settings.public"}


@click.command("manage", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("site", type=click.Choice(list(SETTINGS)))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(site: str, arguments: tuple[str, ...]) -> None:
    """Run one of Django's own commands on the secure or the public site.

    \b
    Examples:
      synthportal manage secure migrate
      synthportal manage public check --deploy
    """
    # A process of its own kind: the public site refuses to live beside what this one has imported.
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS[site]}
    os.execve(sys.executable, [sys.executable, "-m", "django", *arguments], environment)  # noqa: S606 - our own interpreter
