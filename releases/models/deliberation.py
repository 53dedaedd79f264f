"""What reviewers mark and say of the items of a round, what is answered to it, and what was submitted round by round. All append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed
from releases.models.requests import ReleaseRequest


class Remark(Keyed):
    """One reviewer's mark of one item, with what they say of it; or, of whoever asked for the release, an answer to one.

    The reviewer's latest mark of an item in a round counts. `item_digest`: of what the item was then, so that a change can be known.
    """

    class Mark(models.TextChoices):
        FINE = "fine", "fine"
        QUESTION = "question", "question"
        MUST_CHANGE = "must change", "must change"

    request = models.ForeignKey(ReleaseRequest, on_delete=models.PROTECT, related_name="remarks")
    number = models.PositiveIntegerField()  # 1, 2, 3 … within the request: the order in which they were made
    round = models.PositiveIntegerField()
    evidence_digest = models.CharField(max_length=64, blank=True)
    item = models.CharField(max_length=400)
    about = models.CharField(max_length=400)  # the item's name as it was shown
    item_digest = models.CharField(max_length=64, blank=True)
    capacity = models.CharField(max_length=20, blank=True, choices=(("sdat", "SDAT"), ("ig", "IG"), ("ppi", "PPI")))
    writer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    mark = models.CharField(max_length=20, blank=True, choices=Mark.choices)
    text = models.TextField(blank=True)
    shared = models.BooleanField()  # whether the author may read it
    answers = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replies")
    written_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("request", "number"), name="remark_number_once"),
            models.CheckConstraint(condition=models.Q(mark="") | ~models.Q(writer=models.F("author")), name="nobody_marks_their_own"),
            models.CheckConstraint(
                condition=models.Q(mark__in=("fine", "question", "must change"), answers__isnull=True) & ~models.Q(capacity="")
                | models.Q(mark="", capacity="", answers__isnull=False, shared=True),
                name="a_mark_or_an_answer",
            ),
            models.CheckConstraint(condition=models.Q(mark="fine") | ~models.Q(text=""), name="remark_says_something"),
        )

    def __str__(self) -> str:
        return f"{self.about}: {self.mark or 'an answer'}"


class SubmittedRound(Keyed):
    """What reviewers were given in one round, as far as two rounds can be compared: digests, names, verdicts and public figures."""

    request = models.ForeignKey(ReleaseRequest, on_delete=models.PROTECT, related_name="submitted_rounds")
    round = models.PositiveIntegerField()
    evidence = models.JSONField()  # see releases.rounds.evidence_of
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("round",)
        constraints = (models.UniqueConstraint(fields=("request", "round"), name="submitted_round_once"),)

    def __str__(self) -> str:
        return f"round {self.round}"
