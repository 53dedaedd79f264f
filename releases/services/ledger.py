"""The disclosure ledger: what was told of a source, entered by the services that tell it; and its budget, which takes two people."""

from __future__ import annotations

import math
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from generators.errors import InputError
from releases import audit
from releases.models import Account, LedgerEntry, SourceDataset
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

What = LedgerEntry.What


@recorded("propose_budget")
def propose_budget(
    actor: Account, source: SourceDataset, *, epsilon: float | None, delta: float | None, summaries: int | None
) -> LedgerEntry:
    """A steward's proposal of what may be told of the source in all; None: no limit. It holds once IG has set it (`set_budget`)."""
    if (epsilon is None) != (delta is None):
        raise InputError("give both ε and δ, or neither")
    if epsilon is not None and not (math.isfinite(epsilon) and 0 <= epsilon <= 1000):
        raise InputError("ε must be from 0 to 1000")
    if delta is not None and not (math.isfinite(delta) and 0 <= delta <= 0.01):
        raise InputError("δ must be from 0 to 0.01")
    if summaries is not None and not 0 <= summaries <= 100_000:
        raise InputError("the number of summaries must be from 0 to 100,000")
    with transaction.atomic():
        source = locked(source)
        steward = permit(actor, "propose_budget", source)
        budget = {"epsilon": epsilon, "delta": delta, "summaries": summaries}
        entry = enter(source, What.PROPOSED, steward, budget=budget)
        audit.record(steward, "propose_budget", source, entry=entry.number, budget=budget)
    return entry


@recorded("set_budget")
def set_budget(actor: Account, source: SourceDataset, *, proposal: int) -> LedgerEntry:
    """Set the budget that was proposed in the entry of that number, which must be the newest proposal."""
    with transaction.atomic():
        source = locked(source)
        reviewer = permit(actor, "set_budget", source)
        proposed = source.ledger.filter(what=What.PROPOSED).order_by("-number").first()
        if proposed is None or proposed.number != proposal:
            raise Refused("Another budget was proposed since you opened the page; read that one.")
        entry = enter(source, What.SET, reviewer, budget=proposed.budget, proposed_by=proposed.actor, detail={"proposal": proposal})
        audit.record(reviewer, "set_budget", source, entry=entry.number, proposal=proposal, budget=proposed.budget)
    return entry


def enter(source: SourceDataset, what: str, actor: Account, **values: Any) -> LedgerEntry:
    """The next entry. For services, which hold the source's lock and record what they do."""
    last = source.ledger.aggregate(last=Max("number"))["last"] or 0
    return LedgerEntry.objects.create(source=source, number=last + 1, at=timezone.now(), actor=actor, what=what, **values)
