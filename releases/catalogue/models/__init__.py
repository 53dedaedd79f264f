"""What the public site holds."""

from __future__ import annotations

from releases.catalogue.models.access import (
    AccessToken,
    Application,
    Grant,
    HandOut,
    HolderNotice,
    LicenceText,
    Signature,
    TrainingProof,
    UseNote,
)
from releases.catalogue.models.accounts import AccessEvent, CatalogueAccount, FailedAttempts, MailedLink, OutgoingMail
from releases.catalogue.models.downloads import DownloadCount, FetchedPosition
from releases.catalogue.models.feed import FeedNotice, FeedPosition, IngestRefusal, RegisterStatement
from releases.catalogue.models.giving import DisplayHold, ProblemReport, RecordedUse
from releases.catalogue.models.listings import ListedColumns, Listing
from releases.catalogue.models.ready import ReadyPage
from releases.catalogue.models.releases import Release, ReleaseVersion, StoredFile, VersionQuerySet

__all__ = [
    "AccessEvent",
    "AccessToken",
    "Application",
    "CatalogueAccount",
    "DisplayHold",
    "DownloadCount",
    "FailedAttempts",
    "FeedNotice",
    "FeedPosition",
    "FetchedPosition",
    "Grant",
    "HandOut",
    "HolderNotice",
    "IngestRefusal",
    "LicenceText",
    "ListedColumns",
    "Listing",
    "MailedLink",
    "OutgoingMail",
    "ProblemReport",
    "ReadyPage",
    "RecordedUse",
    "RegisterStatement",
    "Release",
    "ReleaseVersion",
    "Signature",
    "StoredFile",
    "TrainingProof",
    "UseNote",
    "VersionQuerySet",
]
