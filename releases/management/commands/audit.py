"""`manage.py audit verify`: walks the audit chain and compares it with the heads that published capsules carry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from releases.audit import verify_chain
from releases.capsule.signing import KeyRefused, TrustedKeys
from releases.published_heads import Checked, check_trail


class Command(BaseCommand):
    help = "Checks the audit trail. Exit 0 when it is whole, 3 when it is not."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("what", choices=("verify",))
        parser.add_argument("--key", help="pinned public key, or a folder of them; without it published capsules are not compared")
        parser.add_argument("--lake", help="the lake, when it is not where the settings say")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["key"]:
            try:
                checked = check_trail(Path(options["lake"] or settings.SYNTHPORTAL_LAKE), TrustedKeys.load(Path(options["key"])))
            except KeyRefused as refusal:
                raise CommandError(str(refusal)) from None
        else:
            found = verify_chain()
            checked = Checked(found, found.problems)
        for problem in checked.problems:
            self.stderr.write(problem)
        for remark in checked.found.remarks:
            self.stdout.write(f"note: {remark}")
        if not checked.intact:
            sys.exit(3)
        found = checked.found
        compared = f"compared with {found.compared} published capsules" if options["key"] else "no key given: not compared with capsules"
        self.stdout.write(f"{found.events} events, chain whole, {compared}; head {found.head.digest[:12]}")
