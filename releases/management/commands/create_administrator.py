"""`manage.py create_administrator`: the first accounts. A reviewer role takes two administrators, so make two."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generators.errors import InputError
from releases.services.accounts import create_administrator


class Command(BaseCommand):
    help = "Makes an account that administers. Two are needed before anybody can review. The password is asked for, or read from a pipe."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True, help="full name")

    def handle(self, *args: Any, **options: Any) -> None:
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            account = create_administrator(email=options["email"], full_name=options["name"], password=password)
        except InputError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{account.email} administers")
