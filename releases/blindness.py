"""Who sees whose marks, comments and verdicts. Reviewers of the same capacity are blind to each other until all it asks for have decided.

Where one signature of a capacity is asked for, that is until it is given: from then on nobody else can give one. Reviewers of another
capacity see them at once, unless the release policy says `capacities_blind`. The requester sees what was shared with them: a question at
once, the rest when the round is decided. Auditors see all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from releases import policy
from releases.models import Account, Assessment, ReleaseRequest, Remark, SignOff

REVIEWERS = frozenset({"sdat", "ig", "ppi"})
REFUSALS = (SignOff.Decision.RETURN, SignOff.Decision.REJECT)


class Sight:
    """What one person may see of the deliberation on one request, as it stands now."""

    def __init__(self, actor: Account, request: ReleaseRequest) -> None:
        self.actor, self.request = actor, request
        self.waits = request.state == ReleaseRequest.State.SUBMITTED
        self.needed = policy.needed(request)
        self.verdicts: Counter[tuple[int, str]] = Counter()
        self.refused_in = 0  # the last round that was returned or rejected
        for round_, capacity, decision in request.signoffs.values_list("round", "capacity", "decision"):
            self.verdicts[round_, capacity] += 1
            if decision in REFUSALS:
                self.refused_in = max(self.refused_in, round_)
        tier = policy.policy_of(request).tier(request.tier)
        self.all_blind = bool(tier and tier.capacities_blind)
        self.asks = request.source.stewards.filter(pk=actor.pk).exists()
        self.reviews = actor.roles & REVIEWERS if not self.asks else frozenset()

    def decided(self, round_: int) -> bool:
        """Whether this round is over: nobody decides in it any more, nor, where it was broken off, in the one that took its place."""
        return not self.waits or round_ <= self.refused_in or (round_ < self.request.round and self._whole(round_))

    def open(self, round_: int, capacity: str) -> bool:
        """Whether all who decide in this capacity have decided."""
        return self.decided(round_) or self._complete(round_, capacity) or self._complete(self.request.round, capacity)

    def sees(self, round_: int, capacity: str, person: object) -> bool:
        """Whether the actor, as a reviewer or auditor, sees what this person marked, said or decided in this capacity."""
        if person == self.actor.pk:
            return True
        if not self.reviews:
            return "auditor" in self.actor.roles
        if capacity in self.reviews:
            return self.open(round_, capacity)
        if self.all_blind:
            mine = self.reviews & set(self.needed)
            return self.decided(round_) or all(self._complete(self.request.round, each) for each in {capacity, *mine})
        return True

    def signoffs(self) -> list[SignOff]:
        """The decisions the actor sees, oldest first. Whoever asked for the release sees each."""
        given = self.request.signoffs.select_related("reviewer").order_by("decided_at")
        return [each for each in given if self.asks or self.sees(each.round, each.capacity, each.reviewer_id)]

    def assessments(self, rows: Iterable[Assessment]) -> list[Assessment]:
        """Those of SDAT's assessments that the actor sees."""
        return [each for each in rows if self.asks or self.sees(each.round, "sdat", each.assessor_id)]

    def remarks(self) -> list[Remark]:
        """The marks, comments and answers the actor sees, oldest first; an answer with what it answers."""
        rows = self.request.remarks.select_related("writer", "answers").order_by("number")
        seen = {row.pk for row in rows if row.answers_id is None and self._shown(row)}
        return [row for row in rows if (row.answers_id or row.pk) in seen]

    def _shown(self, row: Remark) -> bool:
        if self.asks and row.shared and (row.mark == Remark.Mark.QUESTION or self.decided(row.round)):
            return True
        return self.sees(row.round, row.capacity, row.writer_id)

    def _complete(self, round_: int, capacity: str) -> bool:
        return self.verdicts[round_, capacity] >= self.needed.get(capacity, 1)

    def _whole(self, round_: int) -> bool:
        return bool(self.needed) and all(self._complete(round_, capacity) for capacity in self.needed)
