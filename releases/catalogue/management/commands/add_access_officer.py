"""Make the account of an access officer, or give them a new link."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from releases.catalogue.access import accounts
from releases.catalogue.access.permissions import InputRefused


class Command(BaseCommand):
    """Mails and prints the link by which the officer chooses a password; at the first sign-in they set up their app."""

    help = "Make an access officer's account; mail and print the link, good once and for two days, by which they choose a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True)

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        try:
            validate_email(email)
            self.stdout.write(accounts.add_officer(email=email, full_name=name))
        except ValidationError:
            raise CommandError("--email needs an e-mail address") from None
        except InputRefused as refusal:
            raise CommandError(str(refusal)) from None
