"""Deliberation: what do the reviewers say of each part? Marks and comments for who may sign, answers for who asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from evaluation.results import Evaluation
from generators.errors import InputError
from releases import marks as standing
from releases import permissions, policy, review_items, rounds
from releases.blindness import Sight
from releases.deliberation_forms import AnswersForm, MarksForm
from releases.models import ReleaseRequest, Remark, SignOff
from releases.permissions import Refused
from releases.services import deliberation as service
from releases.services.recorded import refuse
from releases.views.pages import INVALID, SignedInRequest, page, status_of
from releases.views.request_pages import found

READERS = ("steward", "sdat", "ig", "ppi", "auditor")
COLOURS = {Remark.Mark.FINE: "green", Remark.Mark.QUESTION: "blue", Remark.Mark.MUST_CHANGE: "red"}


@dataclass(frozen=True)
class Said:
    """One remark with its answers, and the answer's field for who may write it."""

    remark: Remark
    colour: str
    earlier: bool  # a mark that another of the same reviewer took the place of, or of an earlier round
    answers: list[Remark] = field(default_factory=list)
    answer: Any = None


@page("GET", "HEAD", "POST", role=READERS)
def marks(request: SignedInRequest, key: str) -> HttpResponse:
    """Item by item: what is fine, what is asked, what must change. Sent: marks of who may mark, answers of who looks after the dataset."""
    asked = found(request, key)
    if asked.submitted_at is None and not asked.remarks.exists():
        raise Refused("This request has not been submitted; there is nothing to mark yet.")
    seen = Sight(request.user, asked).remarks()
    refusal = permissions.explain(request.user, "mark_items", asked)
    answering = permissions.explain(request.user, "answer_remarks", asked)
    if permissions.steward_of(request.user, asked.source) is None:
        return _answers(request, asked, seen, answering)
    if refusal is not None:
        if request.method == "POST":
            refuse(request.user, "mark_items", asked, refusal)
        return _page(request, asked, seen, None, refusal)
    form = _form(request, asked, seen)
    if request.method != "POST":
        return _page(request, asked, seen, form, None)
    if not form.is_valid():
        return _page(request, asked, seen, form, None, status=INVALID)
    given = form.cleaned_data
    try:
        made = service.mark_items(
            request.user, asked, capacity=given["capacity"], marked=form.marked, evidence_digest=given["evidence_digest"]
        )
    except (Refused, InputError) as error:
        form.add_error(None, str(error))
        return _page(request, asked, seen, form, None, status=status_of(error))
    messages.success(request, "Your mark is kept." if len(made) == 1 else f"Your {len(made)} marks are kept.")
    return redirect("marks", asked.pk)


def tally(asked: ReleaseRequest, seen: list[Remark]) -> list[str]:
    """How the round's marks stand, as far as they are seen: "2 must change", "1 in question"; for the review page and the request's."""
    counting = [row.mark for held in standing.marks_of(seen, asked.round).values() for row in held.values()]
    words = {Remark.Mark.MUST_CHANGE: "must change", Remark.Mark.QUESTION: "in question", Remark.Mark.FINE: "fine"}
    return [f"{counting.count(mark)} {said}" for mark, said in words.items() if mark in counting]


def wanted(asked: ReleaseRequest, seen: list[Remark], evaluation: Evaluation) -> list[tuple[Remark, str]]:
    """What had to change in the round before, as far as it is seen, each with "changed" or "not changed" where that can be known."""
    last = rounds.before(asked)
    if last is None:
        return []
    now = {item.id: item.digest for item in review_items.items(asked, evaluation)}
    held = [row for marks in standing.marks_of(seen, last.round).values() for row in marks.values()]
    doubts = [row for row in held if row.mark == Remark.Mark.MUST_CHANGE]
    return [
        (row, "left out" if row.item not in now else "not changed" if now[row.item] == row.item_digest else "changed") for row in doubts
    ]


def _answers(request: SignedInRequest, asked: ReleaseRequest, seen: list[Remark], refusal: str | None) -> HttpResponse:
    """The page of who asked for the release: what was shared with them, and a place for each answer."""
    open_ = [row for row in seen if row.mark]
    form = AnswersForm(request.POST if request.method == "POST" else None, remarks=open_)
    if request.method != "POST":
        return _page(request, asked, seen, None, refusal, answers=None if refusal else form)
    if refusal is not None:
        refuse(request.user, "answer_remarks", asked, refusal)
    if not form.is_valid():
        return _page(request, asked, seen, None, None, answers=form, status=INVALID)
    try:
        service.answer_remarks(request.user, asked, answers=form.answers)
    except (Refused, InputError) as error:
        form.add_error(None, str(error))
        return _page(request, asked, seen, None, None, answers=form, status=status_of(error))
    messages.success(request, "Your answers are with the reviewers.")
    return redirect("marks", asked.pk)


def _form(request: SignedInRequest, asked: ReleaseRequest, seen: list[Remark]) -> MarksForm:
    names = dict(SignOff._meta.get_field("capacity").choices)  # type: ignore[arg-type]
    able = [c for c in policy.capacities(asked) if permissions.explain(request.user, "mark_items", asked, capacity=c) is None]
    return MarksForm(
        request.POST if request.method == "POST" else None,
        items=review_items.items(asked),
        held=standing.marks_of(seen, asked.round).get(request.user.pk, {}),
        capacities=[(c, str(names[c])) for c in able],
        initial={"evidence_digest": asked.evidence_digest},
    )


def _page(
    request: SignedInRequest,
    asked: ReleaseRequest,
    seen: list[Remark],
    form: MarksForm | None,
    refusal: str | None,
    *,
    answers: AnswersForm | None = None,
    status: int = 200,
) -> HttpResponse:
    threads = _threads(asked, seen, answers)
    if form is not None:
        items = form.threads(threads)
        shown = {each["item"].id for each in items}
    else:
        listed = review_items.items(asked)
        items = [{"item": item, "remarks": threads[item.id]} for item in listed if item.id in threads]
        shown = {item.id for item in listed}
    gone = [{"item": None, "title": rows[0].remark.about, "remarks": rows} for identity, rows in threads.items() if identity not in shown]
    context = {
        "asked": asked,
        "form": form or answers,
        "marking": form is not None,
        "answering": answers is not None,
        "refusal": refusal,
        "items": [*items, *gone],
        "tally": tally(asked, seen),
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("request", args=[asked.pk]))],
    }
    return render(request, "secure/marks.html", context, status=status)


def _threads(asked: ReleaseRequest, seen: list[Remark], answers: AnswersForm | None) -> dict[str, list[Said]]:
    """Item → what was said of it, oldest first, each with its answers."""
    counting = {row.pk for held in standing.marks_of(seen, asked.round).values() for row in held.values()}
    replies: dict[Any, list[Remark]] = {}
    for row in seen:
        if row.answers_id:
            replies.setdefault(row.answers_id, []).append(row)
    found: dict[str, list[Said]] = {}
    for row in seen:
        if row.mark:
            name = f"answer-{row.pk}"
            said = Said(
                row,
                COLOURS[Remark.Mark(row.mark)],
                row.pk not in counting,
                replies.get(row.pk, []),
                answers[name] if answers is not None and name in answers.fields else None,
            )
            found.setdefault(row.item, []).append(said)
    return found
