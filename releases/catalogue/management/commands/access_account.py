"""What the installation does with an account of the public site: close it, or set a lost second step aside."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from releases.catalogue.access import accounts
from releases.catalogue.access.permissions import InputRefused


class Command(BaseCommand):
    """One action on one account."""

    help = "Close an account of the public site, or set aside a lost second step (a link for a new password is mailed and printed)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("close", "reset-second-step"))
        parser.add_argument("--email", required=True)

    def handle(self, *args: Any, action: str, email: str, **options: Any) -> None:
        try:
            if action == "close":
                accounts.close(email=email)
                self.stdout.write("closed: it is signed in nowhere, and its grants and tokens open nothing")
            else:
                self.stdout.write(accounts.set_aside_second_step(email=email))
        except InputRefused as refusal:
            raise CommandError(str(refusal)) from None
