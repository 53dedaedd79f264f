"""`synthportal verify`."""

from __future__ import annotations

from pathlib import Path

import click

from generators.errors import InputError
from synthportal.cli.options import EXISTING
from synthportal.cli.outcome import NotPassed


@click.command("verify")
@click.argument("capsule", type=EXISTING)
@click.option(
    "--key",
    "key",
    type=EXISTING,
    required=True,
    metavar="FILE",
    help="The public key you trust, or a folder of them. Get it from somewhere else than the capsule.",
)
def command(capsule: Path, key: Path) -> None:
    """Check, offline, that CAPSULE (folder or zip) is whole and signed by a key you trust.

    The signature, and every byte of every file. Exit 0: verified. Exit 3: refused, with the reason. Without
    a key there is no verdict (exit 2): a key that came with the capsule proves nothing.

    \b
    Example:
      synthportal verify emergency-visits-1.zip --key trust.pub
    """
    from releases.capsule.layout import CapsuleRefused
    from releases.capsule.signing import KeyRefused, TrustedKeys
    from releases.capsule.verify import verify

    try:
        keys = TrustedKeys.load(key)
    except KeyRefused as refusal:
        raise InputError(f"--key: {refusal}") from None
    try:
        found = verify(capsule, keys)
    except CapsuleRefused as refusal:
        raise NotPassed(f"verdict: refused: {refusal.reason}") from None
    made = found.manifest.description
    click.echo(f"verdict: verified: {made.title}, version {made.version}, {len(found.manifest.files)} files, key {found.key_id}")
    for signoff in found.attestation.signoffs:
        click.echo(f"  {signoff.decision} by {signoff.capacity} on {signoff.at}")
