"""Which of a reviewer's marks counts: the latest of each item in a round."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from releases.models import Account, ReleaseRequest, Remark


def marks_of(rows: Iterable[Remark], round_: int) -> dict[Any, dict[str, Remark]]:
    """Writer → item → the mark that counts, of one round."""
    found: dict[Any, dict[str, Remark]] = {}
    for row in rows:
        if row.mark and row.round == round_:
            found.setdefault(row.writer_id, {})[row.item] = row
    return found


def own_doubts(request: ReleaseRequest, reviewer: Account) -> list[Remark]:
    """The items this reviewer marked as must change in this round, and not otherwise since."""
    rows = request.remarks.filter(writer=reviewer, round=request.round).exclude(mark="").order_by("number")
    return [row for row in marks_of(rows, request.round).get(reviewer.pk, {}).values() if row.mark == Remark.Mark.MUST_CHANGE]
