"""What the public site holds."""

from __future__ import annotations

from releases.catalogue.models.downloads import DownloadCount
from releases.catalogue.models.feed import FeedPosition, IngestRefusal, RegisterStatement
from releases.catalogue.models.releases import Release, ReleaseVersion, StoredFile, VersionQuerySet

__all__ = [
    "DownloadCount",
    "FeedPosition",
    "IngestRefusal",
    "RegisterStatement",
    "Release",
    "ReleaseVersion",
    "StoredFile",
    "VersionQuerySet",
]
