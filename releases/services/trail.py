"""Reading what is on record: looking hard at the trail and taking copies away leave an event of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.db import transaction

from releases import audit
from releases.models import Account, AuditEvent, SummaryRecord
from releases.published_heads import Checked, check_trail_here
from releases.services.recorded import permit, recorded


@recorded("verify_audit")
def verify_trail(actor: Account, *, lake: Path, keys: Path) -> Checked:
    """Walk the chain and compare it with what published releases carry; what was found is on record too."""
    with transaction.atomic():
        permit(actor, "verify_audit")
    checked = check_trail_here(lake, keys)
    with transaction.atomic():
        found = checked.found
        audit.record(
            actor, "verify_audit", None, intact=checked.intact, events=found.events, problems=len(checked.problems), head=found.head.digest
        )
    return checked


@recorded("export_audit")
def export_trail(actor: Account, *, events: int, wanted: Mapping[str, str]) -> AuditEvent:
    """A copy of the trail is taken away: how many events, and which were asked for."""
    with transaction.atomic():
        auditor = permit(actor, "export_audit")
        return audit.record(auditor, "export_audit", None, events=events, wanted=dict(wanted))


@recorded("download_summary")
def download_summary(actor: Account, summary: SummaryRecord) -> SummaryRecord:
    """A summary's file is taken away: part of its chain of custody."""
    with transaction.atomic():
        reader = permit(actor, "download_summary", summary)
        audit.record(reader, "download_summary", summary, digest=summary.digest)
    return summary
