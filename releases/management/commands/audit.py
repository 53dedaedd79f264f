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

NOT_COMPARED = "not compared with published capsules: this site has no pinned key, and none was given"


class Command(BaseCommand):
    help = "Checks the audit trail. Exit 0 when it is whole, 3 when it is not."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("what", choices=("verify",))
        parser.add_argument("--key", help="pinned public key, or a folder of them; without it those this site has pinned")
        parser.add_argument("--lake", help="the lake, when it is not where the settings say")

    def handle(self, *args: Any, **options: Any) -> None:
        lake, pinned = Path(options["lake"] or settings.SYNTHPORTAL_LAKE), Path(options["key"] or settings.SYNTHPORTAL_PINNED_KEYS)
        try:
            checked = check_trail(lake, TrustedKeys.load(pinned))
        except KeyRefused as refusal:
            if options["key"]:
                raise CommandError(str(refusal)) from None
            found = verify_chain()
            checked = Checked(found, found.problems, NOT_COMPARED)
        for problem in checked.problems:
            self.stderr.write(problem)
        for remark in checked.found.remarks:
            self.stdout.write(f"note: {remark}")
        if not checked.intact:
            sys.exit(3)
        found = checked.found
        compared = checked.not_compared or f"compared with {found.compared} published capsules"
        self.stdout.write(f"{found.events} events, chain whole, {compared}; head {found.head.digest[:12]}")
