"""Deliberating: reviewers mark the items of a round one by one and say why; whoever asked for the release answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, evidence, marks, review_items
from releases.blindness import Sight
from releases.models import Account, ReleaseRequest, Remark
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

LONGEST = 4_000
STALE = "The evidence changed since you opened the page; read it again before you mark it."


@dataclass(frozen=True)
class Marked:
    """A mark of one item, what is said of it, and whether the requester may read that."""

    mark: str
    text: str = ""
    shared: bool = False


@recorded("mark_items")
def mark_items(
    actor: Account, request: ReleaseRequest, *, capacity: str, marked: Mapping[str, Marked], evidence_digest: str
) -> list[Remark]:
    """Mark items of the round. Later marks of the same reviewer count instead of earlier ones, which stay on record.

    marked: item → mark; what is marked so already and has no new words is passed over. evidence_digest: of the page that was read; a stale
    one is Refused. InputError for an unknown item or mark, for a question or a "must change" without words, and when nothing is left.
    """
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "mark_items", request, capacity=capacity)
        if evidence_digest != request.evidence_digest or not evidence.intact(request):
            raise Refused(STALE)
        items = {item.id: item for item in review_items.items(request)}
        rows = list(request.remarks.order_by("number"))
        standing = marks.marks_of(rows, request.round).get(reviewer.pk, {})
        number, made = len(rows), []
        for identity, given in marked.items():
            if identity not in items:
                raise InputError("there is no such item to mark in this round")
            item = items[identity]
            text = _plain(item.title, given.text)
            if given.mark not in Remark.Mark.values:
                raise InputError(f"{item.title}: mark it as {', '.join(Remark.Mark.labels)}")
            before = standing.get(identity)
            if before is not None and before.mark == given.mark and not text:
                continue
            if given.mark != Remark.Mark.FINE and not text:
                raise InputError(f"{item.title}: say in words what the question is, or what must change")
            number += 1
            made.append(
                Remark(
                    request=request,
                    number=number,
                    round=request.round,
                    evidence_digest=evidence_digest,
                    item=item.id,
                    about=item.title,
                    item_digest=item.digest,
                    capacity=capacity,
                    writer=reviewer,
                    author=request.author,
                    mark=given.mark,
                    text=text,
                    shared=given.shared,
                    written_at=timezone.now(),
                )
            )
        if not made:
            raise InputError("nothing new was marked: mark an item, change a mark, or write a comment")
        Remark.objects.bulk_create(made)
        audit.record(
            reviewer,
            "mark_items",
            request,
            capacity=capacity,
            round=request.round,
            evidence=evidence_digest,
            marks={row.item: row.mark for row in made},
            asked=[row.item for row in made if row.shared and row.mark == Remark.Mark.QUESTION],
        )
    return made


@recorded("answer_remarks")
def answer_remarks(actor: Account, request: ReleaseRequest, *, answers: Mapping[str, str]) -> list[Remark]:
    """Answer what reviewers shared. answers: key of the remark → words. InputError for a remark that is not shown to the actor."""
    given = {str(key): words for key, text in answers.items() if (words := _plain("the answer", text))}
    if not given:
        raise InputError("write at least one answer")
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "answer_remarks", request)
        seen = {str(row.pk): row for row in Sight(steward, request).remarks() if row.mark}
        if set(given) - set(seen):
            raise InputError("there is no such question to answer")
        number = request.remarks.count()
        made = [
            Remark(
                request=request,
                number=number + n,
                round=request.round,
                item=seen[key].item,
                about=seen[key].about,
                writer=steward,
                author=request.author,
                text=words,
                shared=True,
                answers=seen[key],
                written_at=timezone.now(),
            )
            for n, (key, words) in enumerate(given.items(), start=1)
        ]
        Remark.objects.bulk_create(made)
        audit.record(steward, "answer_remarks", request, round=request.round, answers=[row.pk for row in made], to=list(given))
    return made


def _plain(what: str, text: str) -> str:
    """As a browser sends it back: one kind of line end, nothing around it."""
    words = text.replace("\r\n", "\n").strip()
    if len(words) > LONGEST:
        raise InputError(f"{what}: that is longer than {LONGEST:,} characters")
    return words
