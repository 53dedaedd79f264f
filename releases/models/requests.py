"""A request to release, the sign-offs given to it, and its publication."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class ReleaseRequest(Keyed):
    """One use case of one source, from draft to publication."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        PROPOSED = "proposed", "proposed"
        AGREED = "agreed", "agreed"
        SUBMITTED = "submitted", "waiting for review"
        RETURNED = "returned", "returned"
        REJECTED = "rejected", "rejected"
        CANCELLED = "cancelled", "cancelled"
        APPROVED = "approved", "approved"
        PUBLISHED = "published", "published"
        SUSPENDED = "suspended", "suspended"
        WITHDRAWN = "withdrawn", "withdrawn"

    class Purpose(models.TextChoices):
        CODE_DEVELOPMENT = "code development", "code development"
        TRAINING = "training", "training and teaching"
        DISCOVERY = "discovery", "discovery of what data exist"
        FEDERATION = "federation", "preparing a federated study"
        RESEARCH = "research", "research"

    class Tier(models.TextChoices):
        STRUCTURAL = "structural", "structural"
        PUBLICLY_SOURCED = "publicly-sourced", "publicly-sourced"
        PRIVATELY_SOURCED = "privately-sourced", "privately-sourced"

    class AccessLevel(models.TextChoices):
        OPEN = "open", "open"
        SAFEGUARDED = "safeguarded", "safeguarded"

    class Licence(models.TextChoices):
        OGL = "OGL-UK-3.0", "Open Government Licence v3.0"
        CC_BY = "CC-BY-4.0", "Creative Commons Attribution 4.0"
        CC0 = "CC0-1.0", "Creative Commons Zero"
        END_USER = "end-user-licence", "End User Licence (safeguarded data)"

    source = models.ForeignKey("releases.SourceDataset", on_delete=models.PROTECT, related_name="requests")
    title = models.CharField(max_length=200)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    state = models.CharField(max_length=20, choices=State.choices, default=State.DRAFT)
    round = models.PositiveIntegerField(default=1)
    purpose = models.CharField(max_length=30, choices=Purpose.choices, blank=True)
    use_case = models.TextField(blank=True)
    description = models.TextField(blank=True)  # shown with the release
    variables = models.JSONField(default=dict, blank=True)  # {column name: why it is needed}
    tier = models.CharField(max_length=30, choices=Tier.choices, blank=True)
    access_level = models.CharField(max_length=20, choices=AccessLevel.choices, blank=True)
    licence = models.CharField(max_length=30, choices=Licence.choices, blank=True)
    slug = models.SlugField(max_length=80, blank=True)  # public name of the dataset, set at first submission
    release_version = models.PositiveIntegerField(null=True, blank=True)  # number of the release under that slug
    version = models.ForeignKey("releases.SyntheticVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="chosen_for")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    submitted_at = models.DateTimeField(null=True, blank=True)
    capsule = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 (null: a submission is all or none)
    manifest_sha256 = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    evidence_digest = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    release_policy = models.CharField(max_length=40, null=True, blank=True)  # noqa: DJ001
    standing_approval = models.ForeignKey(  # that approved it, where it was no reviewer
        "releases.StandingApproval", on_delete=models.PROTECT, null=True, blank=True, related_name="leaning"
    )
    closed_reason = models.TextField(blank=True)  # why it was cancelled
    targets = models.JSONField(default=list, blank=True)  # variables somebody would predict, named as in `variables`
    gate_answers = models.JSONField(default=dict, blank=True)  # {soft gate the chosen version does not meet: {code, reason}}; published

    class Meta:
        ordering = ("-changed_at",)
        constraints = (
            models.CheckConstraint(
                condition=all_or_none("submitted_by", "submitted_at", "capsule", "manifest_sha256", "evidence_digest", "release_policy"),
                name="request_submitted_whole",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=("submitted", "approved", "published", "suspended", "withdrawn"))
                | models.Q(evidence_digest__isnull=False, version__isnull=False),
                name="request_under_review_has_evidence",
            ),
            models.UniqueConstraint(
                fields=("slug", "release_version"), condition=models.Q(release_version__isnull=False), name="release_version_once"
            ),
        )

    def __str__(self) -> str:
        return self.title


class SignOff(Keyed):
    """One reviewer's decision, in one capacity, on the evidence of one round. Append-only; never by the request's author."""

    class Decision(models.TextChoices):
        APPROVE = "approve", "approve"
        RETURN = "return", "return for changes"
        REJECT = "reject", "reject"

    class Reason(models.TextChoices):
        DISCLOSURE = "disclosure", "a disclosure risk is not dealt with"
        NECESSITY = "necessity", "more is asked for than the purpose needs"
        QUALITY = "quality", "not fit for the stated purpose"
        DESCRIPTION = "description", "the description is wrong or incomplete"
        LEGAL = "legal", "no lawful basis or wrong licence"
        OTHER = "other", "another reason, given in the text"

    request = models.ForeignKey(ReleaseRequest, on_delete=models.PROTECT, related_name="signoffs")
    round = models.PositiveIntegerField()
    capacity = models.CharField(max_length=20, choices=(("sdat", "SDAT"), ("ig", "IG"), ("ppi", "PPI")))
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signoffs")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=Decision.choices)
    checklist = models.JSONField()  # {item: answer}
    automatic = models.JSONField(null=True, blank=True)  # {item: {answer, reason}}: what the site answered, why the reviewer said otherwise
    reason_code = models.CharField(max_length=20, choices=Reason.choices, blank=True)
    comment = models.TextField(blank=True)
    evidence_digest = models.CharField(max_length=64)
    release_policy = models.CharField(max_length=40)
    gates_version = models.CharField(max_length=20)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ("decided_at",)
        constraints = (
            models.UniqueConstraint(fields=("request", "round", "capacity", "reviewer"), name="one_decision_per_reviewer"),
            models.CheckConstraint(condition=~models.Q(reviewer=models.F("author")), name="nobody_reviews_their_own"),
            models.CheckConstraint(
                condition=models.Q(decision="approve") | (~models.Q(reason_code="") & ~models.Q(comment="")),
                name="a_refusal_has_its_reason",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_capacity_display()}: {self.get_decision_display()}"


class Publication(Keyed):
    """That an approved request was published. Written before the lake is touched, so that a repeat signs the same statement."""

    request = models.OneToOneField(ReleaseRequest, on_delete=models.PROTECT, related_name="publication")
    slug = models.SlugField(max_length=80)
    release_version = models.PositiveIntegerField()
    manifest_sha256 = models.CharField(max_length=64)
    predicate = models.JSONField()  # what the signature is around: sign-offs, evidence digest, time, policy, audit head
    started_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    key_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 (null: all or none)
    notice_sequence = models.PositiveIntegerField(null=True, blank=True)
    problem = models.TextField(blank=True)  # why the publisher could not, the last time it tried

    class Meta:
        ordering = ("started_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("published_at", "key_id", "notice_sequence"), name="published_whole"),
            models.UniqueConstraint(fields=("slug", "release_version"), name="published_version_once"),
        )

    def __str__(self) -> str:
        return f"{self.slug}, version {self.release_version}"
