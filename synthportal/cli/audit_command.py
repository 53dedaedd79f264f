"""`synthportal audit`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from generators.errors import InputError
from synthportal.cli.options import EXISTING
from synthportal.cli.outcome import NotPassed


@click.group("audit")
def command() -> None:
    """The secure site's audit trail. Runs where the secure site runs, with its settings."""


@command.command("verify", short_help="Walk the hash chain; compare it with published capsules.")
@click.option(
    "--key", type=EXISTING, metavar="FILE", help="The publisher's public key, or a folder of pinned keys.  [default: this site's]"
)
@click.option("--lake", type=EXISTING, metavar="DIR", help="The lake, when it is not where the settings say.")
def verify(key: Path | None, lake: Path | None) -> None:
    """Walk the hash chain and compare it with the heads carried in published capsules.

    Exit 0: every event is there, in order, unchanged, and the capsules agree. Exit 3: something does not
    fit; each problem is one line.

    \b
    Example:
      SYNTHPORTAL_VAR=/srv/synthportal synthportal audit verify
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "synthportal.settings.secure"
    import django
    from django.conf import settings

    django.setup()
    from releases.capsule.signing import KeyRefused, TrustedKeys
    from releases.published_heads import check_trail

    key = key or settings.SYNTHPORTAL_PINNED_KEYS
    if not key.exists():
        raise InputError("this site has pinned no public key yet; name the publisher's with --key")
    try:
        checked = check_trail(lake or settings.SYNTHPORTAL_LAKE, TrustedKeys.load(key))
    except KeyRefused as refusal:
        raise InputError(f"--key: {refusal}") from None
    for line in (*checked.problems, *(f"note: {remark}" for remark in checked.found.remarks)):
        click.echo(line)
    if not checked.intact:
        many = len(checked.problems)
        raise NotPassed(f"verdict: the audit trail does not hold ({many} problem{'s' if many > 1 else ''})")
    found = checked.found
    click.echo(f"verdict: intact: {found.events:,} events; {found.compared} published capsules agree; head {found.head.digest[:12]}")
