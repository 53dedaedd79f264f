"""What the Synthetic Data Audit Team leaves behind on the privately-sourced route: agreements, DPIAs, assessments. All append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed
from releases.models.requests import ReleaseRequest


def _by(name: str, column: str) -> models.CheckConstraint:
    """A CHECK: the person in `column` is not the author of the request."""
    return models.CheckConstraint(condition=~models.Q(**{column: models.F("author")}), name=name)


class Agreement(Keyed):
    """One SDAT member's decision on one proposed use case. `digest`: of what was proposed (`releases.agreements.digest`)."""

    class Decision(models.TextChoices):
        AGREE = "agree", "agreed"
        SEND_BACK = "send back", "sent back"

    request = models.ForeignKey(ReleaseRequest, on_delete=models.PROTECT, related_name="agreements")
    round = models.PositiveIntegerField()
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=Decision.choices)
    comment = models.TextField(blank=True)
    proposal = models.JSONField()  # what was proposed, as it was: purpose, use case, variables and why …
    digest = models.CharField(max_length=64)
    release_policy = models.CharField(max_length=40)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ("decided_at",)
        constraints = (
            _by("nobody_agrees_their_own_use_case", "reviewer"),
            models.CheckConstraint(condition=models.Q(decision="agree") | ~models.Q(comment=""), name="sent_back_with_a_reason"),
            models.CheckConstraint(condition=models.Q(decision__in=("agree", "send back")), name="agreement_decision_known"),
        )

    def __str__(self) -> str:
        return f"use case {self.get_decision_display()}"


class Dpia(Keyed):
    """One version of a request's data protection impact assessment. `form` names its questions (`releases/policies/dpia-N.json`)."""

    request = models.ForeignKey(ReleaseRequest, on_delete=models.PROTECT, related_name="dpias")
    number = models.PositiveIntegerField()
    form = models.CharField(max_length=40)
    answers = models.JSONField()  # {question: text or choice; risk: {likelihood, severity, measures, residual}}
    automatic = models.JSONField()  # questions whose answer is still what the site filled in
    complete = models.BooleanField()
    digest = models.CharField(max_length=64)
    writer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("request", "number"), name="dpia_number_once"),
            _by("nobody_assesses_the_impact_of_their_own", "writer"),
        )

    def __str__(self) -> str:
        return f"DPIA, version {self.number}"


class Assessment(Keyed):
    """One SDAT member's judgement of the evidence: how private, how good, how useful, how fair; each with its reason."""

    class Judgement(models.TextChoices):
        ACCEPTABLE = "acceptable", "acceptable"
        RESERVATIONS = "reservations", "acceptable with reservations"
        UNACCEPTABLE = "not acceptable", "not acceptable"

    ASPECTS = ("privacy", "quality", "utility", "bias")

    request = models.ForeignKey(ReleaseRequest, on_delete=models.PROTECT, related_name="assessments")
    round = models.PositiveIntegerField()
    version = models.ForeignKey("releases.SyntheticVersion", on_delete=models.PROTECT, related_name="assessments")
    evidence_digest = models.CharField(max_length=64)
    assessor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    privacy = models.CharField(max_length=20, choices=Judgement.choices)
    privacy_reason = models.TextField()
    quality = models.CharField(max_length=20, choices=Judgement.choices)
    quality_reason = models.TextField()
    utility = models.CharField(max_length=20, choices=Judgement.choices)
    utility_reason = models.TextField()
    bias = models.CharField(max_length=20, choices=Judgement.choices)
    bias_reason = models.TextField()
    assessed_at = models.DateTimeField()

    class Meta:
        ordering = ("assessed_at",)
        constraints = (
            models.UniqueConstraint(fields=("request", "evidence_digest", "assessor"), name="one_assessment_per_assessor"),
            _by("nobody_assesses_their_own", "assessor"),
            *(
                models.CheckConstraint(
                    condition=models.Q(**{f"{aspect}__in": ("acceptable", "reservations", "not acceptable")})
                    & ~models.Q(**{f"{aspect}_reason": ""}),
                    name=f"{aspect}_judged_with_a_reason",
                )
                for aspect in ("privacy", "quality", "utility", "bias")
            ),
        )

    def __str__(self) -> str:
        return "assessment: " + ", ".join(f"{aspect} {getattr(self, aspect)}" for aspect in self.ASPECTS)

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """(aspect, judgement in words, reason) of each."""
        return [(a, str(self.Judgement(getattr(self, a)).label), getattr(self, f"{a}_reason")) for a in self.ASPECTS]

    @property
    def unacceptable(self) -> list[str]:
        """The aspects that forbid approval."""
        return [aspect for aspect in self.ASPECTS if getattr(self, aspect) == self.Judgement.UNACCEPTABLE]
