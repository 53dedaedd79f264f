"""Proof of training in handling data: a PDF, kept sealed, with the last day it holds; an officer looks at each."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases.catalogue.access import journal, outbox, permissions
from releases.catalogue.access.keys import key, opening
from releases.catalogue.access.permissions import InputRefused, permit
from releases.catalogue.models import CatalogueAccount, TrainingProof
from releases.catalogue.serving import sealed

SEALED = "training"
"""The purpose of the key."""
LARGEST = 5 * 1024**2
FURTHEST = timedelta(days=3 * 366)
MOST = 10
"""Proofs of one person that wait to be looked at."""


def give_training(actor: CatalogueAccount, *, course: str, valid_until: date, content: bytes) -> TrainingProof:
    """Keep a proof. InputRefused when it is no PDF, too large, or its last day is gone or too far away."""
    today = timezone.localdate()
    if len(content) > LARGEST:
        raise InputRefused("The file is larger than 5 MB; scan it smaller.", "file")
    if not content.startswith(b"%PDF-") or b"%%EOF" not in content[-2048:]:
        raise InputRefused("The file is not a whole PDF; save the certificate as a PDF and choose that.", "file")
    if not today <= valid_until <= today + FURTHEST:
        raise InputRefused("The last day must be between today and three years from now.", "valid_until")
    with transaction.atomic():
        account = permit(permissions.give_training, actor)
        if account.proofs.filter(accepted__isnull=True).count() >= MOST:
            raise InputRefused("You have given several proofs that nobody has looked at yet; wait for the access officer.")
        proof = TrainingProof(account=account, course=" ".join(course.split()), valid_until=valid_until, given_at=timezone.now())
        proof.size, proof.sha256 = sealed.seal([content], place(proof), key(SEALED))
        proof.save(force_insert=True)
        journal.record(account, "give training", proof)
    return proof


def content(proof: TrainingProof) -> bytes:
    """The PDF."""
    with sealed.Sealed(place(proof), *opening(SEALED)) as stream:
        return stream.read()


def current(account: CatalogueAccount) -> TrainingProof | None:
    """The newest proof that holds today and was not rejected, whether or not anybody has looked at it yet."""
    return account.proofs.filter(valid_until__gte=timezone.localdate()).exclude(accepted=False).order_by("-valid_until").first()


def look_at(actor: CatalogueAccount, proof: TrainingProof, *, accepted: bool, reason: str = "") -> TrainingProof:
    """Accept a proof, or reject it for a reason that its person is told."""
    with transaction.atomic():
        proof = TrainingProof.objects.select_for_update().select_related("account").get(pk=proof.pk)
        account = permit(permissions.look_at_training, actor, proof)
        if not accepted and not reason.strip():
            raise InputRefused("Say what is wrong with it, in a sentence.", "reason")
        proof.accepted, proof.looked_at_by, proof.looked_at, proof.reason = accepted, account, timezone.now(), reason.strip()
        proof.save(update_fields=["accepted", "looked_at_by", "looked_at", "reason"])
        journal.record(account, "accept training" if accepted else "reject training", proof)
        if not accepted:
            text = f"The access officer could not accept your proof of training “{proof.course}”: {proof.reason}\n\nGive another one."
            outbox.post(proof.account.email, "Your proof of training was not accepted", text)
    return proof


def place(proof: TrainingProof) -> Path:
    """Where the proof lies, sealed."""
    return Path(settings.SYNTHPORTAL_TRAINING) / f"{proof.pk}.sealed"
