"""Keeping what a round submitted, within the service that submits it, so that the next round can be compared with it."""

from __future__ import annotations

from django.utils import timezone

from releases import rounds
from releases.models import ReleaseRequest, SubmittedRound


def keep_round(request: ReleaseRequest) -> SubmittedRound:
    """Write down what can be compared of the submission as it stands. Part of the transaction that binds the evidence."""
    return SubmittedRound.objects.create(request=request, round=request.round, evidence=rounds.evidence_of(request), made_at=timezone.now())
