"""Rows of the governed workflow. Nobody but `releases.services` changes them."""

from releases.models.accounts import REVIEWER_ROLES, Account, RoleGrant, RoleName
from releases.models.agreements import Agreement, Assessment, Dpia
from releases.models.audit import AuditEvent
from releases.models.credentials import (
    AccountReset,
    Authenticator,
    FailedAttempts,
    PasswordLink,
    ProviderIdentity,
    RecoveryCode,
    SignIn,
)
from releases.models.deliberation import Remark, SubmittedRound
from releases.models.drills import Drill
from releases.models.ledger import LedgerEntry
from releases.models.notices import MailChoice, Notification, Rereview, Withdrawal
from releases.models.plain_accounts import PlainAccount, PlainAccountApproval
from releases.models.policies import PolicyRecord
from releases.models.reaudits import Announcement, ReauditRecord
from releases.models.requests import Publication, ReleaseRequest, SignOff
from releases.models.runs import Run
from releases.models.sources import DestructionRecord, Snapshot, SourceDataset, SplitRecord, WorkingCopy
from releases.models.standing_approvals import StandingApproval
from releases.models.summaries import SummaryRecord
from releases.models.tokens import PersonalToken
from releases.models.trained import TrainedModel
from releases.models.versions import EvaluationRecord, MetricRecord, SyntheticVersion

__all__ = [
    "REVIEWER_ROLES",
    "Account",
    "AccountReset",
    "Agreement",
    "Announcement",
    "Assessment",
    "AuditEvent",
    "Authenticator",
    "DestructionRecord",
    "Dpia",
    "Drill",
    "EvaluationRecord",
    "FailedAttempts",
    "LedgerEntry",
    "MailChoice",
    "MetricRecord",
    "Notification",
    "PasswordLink",
    "PersonalToken",
    "PlainAccount",
    "PlainAccountApproval",
    "PolicyRecord",
    "ProviderIdentity",
    "Publication",
    "ReauditRecord",
    "RecoveryCode",
    "ReleaseRequest",
    "Remark",
    "Rereview",
    "RoleGrant",
    "RoleName",
    "Run",
    "SignIn",
    "SignOff",
    "Snapshot",
    "SourceDataset",
    "SplitRecord",
    "StandingApproval",
    "SubmittedRound",
    "SummaryRecord",
    "SyntheticVersion",
    "TrainedModel",
    "Withdrawal",
    "WorkingCopy",
]
