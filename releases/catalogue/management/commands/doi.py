"""The DOI of a version: the request for one, and writing down the one that was given."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from releases.catalogue.standards import doi as dois


class Command(BaseCommand):
    """Prints what DataCite is sent, or records what it answered. It speaks to nobody itself."""

    help = "Print the request to DataCite for a version's DOI, or record the DOI that was given."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        asking = actions.add_parser("request", help="print what is sent to DataCite (JSON)")
        asking.add_argument("--publish", action="store_true", help="ask for a DOI that works at once; without it the DOI stays a draft")
        recording = actions.add_parser("record", help="write down the DOI, for page, citations and descriptions")
        recording.add_argument("--correct", action="store_true", help="replace a DOI that was written down wrongly")
        for each in (asking, recording):
            each.add_argument("slug")
            each.add_argument("version", type=int)
        recording.add_argument("doi")

    def handle(self, *args: Any, action: str, slug: str, version: int, **options: Any) -> None:
        try:
            if action == "request":
                self.stdout.write(json.dumps(dois.request(slug, version, publish=options["publish"]), indent=1, ensure_ascii=False))
            else:
                recorded = dois.record(slug, version, options["doi"], correct=options["correct"])
                self.stdout.write(f"{recorded} has the DOI {recorded.doi}")
        except dois.DoiRefused as refusal:
            raise CommandError(str(refusal)) from None
