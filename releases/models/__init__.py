"""Rows of the governed workflow. Nobody but `releases.services` changes them."""

from releases.models.accounts import REVIEWER_ROLES, Account, RoleGrant, RoleName
from releases.models.audit import AuditEvent
from releases.models.drills import Drill
from releases.models.ledger import LedgerEntry
from releases.models.reaudits import Alert, Announcement, ReauditRecord
from releases.models.requests import Publication, ReleaseRequest, SignOff
from releases.models.runs import Run
from releases.models.sources import DestructionRecord, Snapshot, SourceDataset, SplitRecord, WorkingCopy
from releases.models.summaries import SummaryRecord
from releases.models.trained import TrainedModel
from releases.models.versions import EvaluationRecord, MetricRecord, SyntheticVersion

__all__ = [
    "REVIEWER_ROLES",
    "Account",
    "Alert",
    "Announcement",
    "AuditEvent",
    "DestructionRecord",
    "Drill",
    "EvaluationRecord",
    "LedgerEntry",
    "MetricRecord",
    "Publication",
    "ReauditRecord",
    "ReleaseRequest",
    "RoleGrant",
    "RoleName",
    "Run",
    "SignOff",
    "Snapshot",
    "SourceDataset",
    "SplitRecord",
    "SummaryRecord",
    "SyntheticVersion",
    "TrainedModel",
    "WorkingCopy",
]
