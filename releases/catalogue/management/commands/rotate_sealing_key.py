"""Exchange the sealing key of the public site."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from releases.catalogue.access import rotation


class Command(BaseCommand):
    """Makes a new key, seals everything with it, destroys the one before. Run again it goes on where it was broken off."""

    help = "Make a new sealing key, seal everything with it while the site runs, and destroy the one before; run again to go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--make-only", action="store_true", help="make the key and stop, to copy both files to other machines first")

    def handle(self, *args: Any, make_only: bool = False, **options: Any) -> None:
        self.stdout.write("going on with the exchange that was begun" if rotation.under_way() else "making a new key")
        rotation.make_key()
        if make_only:
            self.stdout.write("made; copy the key and the one before to every machine of this site, then run this again")
            return
        done = rotation.reseal(lambda name: self.stdout.write(f"sealed anew: {name}"))
        self.stdout.write(f"{done.files} files and {done.texts} texts sealed anew")
        if done.left:
            raise CommandError("\n".join([*done.left, "The key before is kept until these are mended; run this again then."]))
        rotation.finish()
        self.stdout.write("done: the key before is destroyed")
