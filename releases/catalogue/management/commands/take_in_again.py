"""Look through the store, and put back from the lake what it has lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from releases.capsule import feed
from releases.capsule.layout import CapsuleRefused
from releases.capsule.object_lake import ObjectLake, StoreUnreachable, carry_capsule_in
from releases.capsule.signing import KeyRefused, TrustedKeys
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.taking_in import again


class Command(BaseCommand):
    """Reads every file of one version, or of all, against its digest; what is missing or damaged comes from the lake once more."""

    help = "Check the files of a version, or of all versions, and put back from the lake what is missing or damaged."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", help="short name of the release; none: every release")
        parser.add_argument("version", nargs="?", type=int, help="number of its version; none: every version")
        parser.add_argument("--check", action="store_true", help="say what is lost and change nothing")

    def handle(self, *args: Any, slug: str | None = None, version: int | None = None, check: bool = False, **options: Any) -> None:
        try:
            keys = TrustedKeys.load(Path(settings.SYNTHPORTAL_KEYS))
        except KeyRefused as refusal:
            raise CommandError(str(refusal)) from None
        asked = [each for each in again.held() if slug in (None, each.release.slug) and version in (None, each.version)]
        if not asked:
            raise CommandError("this site holds no files of such a version")
        left = []
        for each in asked:
            paths = [stored.path for stored in again.lost(each)]
            if check:
                left += [f"{each}: {path} is missing or damaged" for path in paths]
            elif paths:
                left += self._mended(each, keys)
        if left:
            raise CommandError("\n".join(left))
        self.stdout.write(f"{len(asked)} version{'' if len(asked) == 1 else 's'} whole")

    def _mended(self, version: ReleaseVersion, keys: TrustedKeys) -> list[str]:
        try:
            with _lake(version) as lake:
                for path in again.take_in_again(version, lake, keys, Path(settings.SYNTHPORTAL_STORE)):
                    self.stdout.write(f"{version}: {path} taken in again")
        except (CapsuleRefused, StoreUnreachable) as refusal:
            return [f"{version}: {refusal}"]
        return []


@contextmanager
def _lake(version: ReleaseVersion) -> Iterator[Path]:
    """The folder in which the capsule of this version lies: the lake, or from an object store one made for it."""
    if not settings.SYNTHPORTAL_LAKE_STORE:
        apart = settings.SYNTHPORTAL_SAFEGUARDED_LAKE if version.access_level != "open" else ""
        yield Path(apart or settings.SYNTHPORTAL_LAKE)
        return
    safeguarded = settings.SYNTHPORTAL_LAKE_STORE_SAFEGUARDED
    remote = ObjectLake.of(Path(settings.SYNTHPORTAL_LAKE_STORE), Path(safeguarded) if safeguarded else None)
    notice = Path(settings.SYNTHPORTAL_LAKE) / feed.FEED / feed.notice_name(version.notice_sequence)
    with tempfile.TemporaryDirectory(dir=Path(settings.SYNTHPORTAL_STORE).parent) as folder:
        carry_capsule_in(remote, Path(folder), notice)
        yield Path(folder)
