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
    from releases.audit import verify_chain
    from releases.capsule.layout import CapsuleRefused
    from releases.capsule.signing import KeyRefused, TrustedKeys
    from releases.published_heads import published_heads

    key = key or settings.ZONE_FOLDER / "publisher" / "signing.pub"
    if not key.exists():
        raise InputError("this site has no signing key yet; name the publisher's public key with --key")
    problems: list[str] = []
    heads: list[dict[str, object]] = []
    try:
        heads = list(published_heads(lake or settings.SYNTHPORTAL_LAKE, TrustedKeys.load(key)))
    except KeyRefused as refusal:
        raise InputError(f"--key: {refusal}") from None
    except CapsuleRefused as refusal:
        problems.append(f"the lake: {refusal.reason}")
    found = verify_chain(heads)
    problems += found.problems
    for problem in problems:
        click.echo(problem)
    if problems:
        raise NotPassed(f"verdict: the audit trail does not hold ({len(problems)} problem{'s' if len(problems) > 1 else ''})")
    click.echo(f"verdict: intact: {found.events:,} events; {found.compared} published capsules agree; head {found.head.digest[:12]}")
