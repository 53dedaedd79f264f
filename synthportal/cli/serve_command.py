"""`synthportal serve`."""

from __future__ import annotations

import click


@click.command("serve")
def command() -> None:
    """Run both sites, worker, publisher, ingest and queue on this machine, under one supervisor.

    The secure site is on port 8000, the public one on 8001. The first start makes the folders, both
    databases and the signing key. Ctrl-C ends every process. Settings come from the environment:
    SYNTHPORTAL_VAR (the folder of everything), SYNTHPORTAL_ADDRESS, SYNTHPORTAL_SECURE_PORT,
    SYNTHPORTAL_PUBLIC_PORT, REDIS_URL; docs/deploy.md has them all.

    \b
    Example:
      SYNTHPORTAL_VAR=/srv/synthportal synthportal serve
    """
    from synthportal.one_machine import OneMachine, serve

    serve(OneMachine.from_environment())
