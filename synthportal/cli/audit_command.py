"""`synthportal audit`."""

from __future__ import annotations

import os

import click

from synthportal.cli.outcome import NotPassed, say


@click.group("audit")
def command() -> None:
    """The secure site's audit trail. Runs where the secure site runs, with its settings."""


@command.command("verify", short_help="Walk the hash chain; compare it with published capsules.")
def verify() -> None:
    """Walk the hash chain and compare it with the heads carried in published capsules.

    Exit 0: every event is there, in order, unchanged, and the capsules agree. Exit 3: something does not
    fit; each problem is one line.

    \b
    Example:
      SYNTHPORTAL_VAR=/srv/synthportal synthportal audit verify
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "synthportal.settings.secure"
    import django

    django.setup()
    from synthportal.cli import audit_heads

    found = audit_heads.verified()
    for problem in found.problems:
        click.echo(problem)
    if not found.intact:
        raise NotPassed(f"verdict: the audit trail does not hold ({len(found.problems)} problems)")
    click.echo(f"verdict: intact: {found.events:,} events, {found.published} published capsules agree, head {found.head.digest[:12]}")
    say("the trail was walked from its first event")
