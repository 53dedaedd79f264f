"""Drills: would the gates and the reviewers notice a planted leak?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from releases import drill_rates, permissions, visibility
from releases.models import Drill, SyntheticVersion
from releases.permissions import Refused
from releases.services import drills as service
from releases.templatetags.plain_words import moment, number, percent
from releases.views.pages import INVALID, SignedInRequest, page, paged, refused_on, sent, visible
from releases.views.words import progress_words

READERS = ("administrator", "sdat", "ig", "ppi", "auditor")
A_PAGE = 50
ANSWERS = {True: "caught it", False: "missed it", None: "did not judge it"}
EXPLAINED = {
    Drill.Kind.ROWS: "Planted rows: rows of real people, copied as they are.",
    Drill.Kind.CELLS: "Rare cells: single values that only one or two real records hold.",
    Drill.Kind.RECORD: "A memorised record: the row of one unusual person, slightly changed, again and again.",
}


class Origins(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        asked = obj.request
        return f"{asked.source.title}: {asked.title}, version {obj.number}, {obj.tier}, of {asked.author.full_name}"


class DrillForm(forms.Form):
    """A new drill."""

    origin = Origins(queryset=SyntheticVersion.objects.none(), label="Like which version?", help_text="Its author is shown as the author.")
    title = forms.CharField(label="Title of the request", max_length=200, help_text="As a steward would write it. Reviewers read it.")
    kind = forms.ChoiceField(
        label="What is planted?", choices=[(kind, words) for kind, words in EXPLAINED.items()], widget=forms.RadioSelect
    )
    amount = forms.IntegerField(
        label="How much?", min_value=1, max_value=service.MOST, initial=10, help_text="Rows, cells, or times the record is repeated."
    )
    despite_gates = forms.BooleanField(label="Send it to the reviewers even when a gate catches it", required=False)


@page(role=READERS)
def drill_list(request: SignedInRequest) -> HttpResponse:
    """How often leaks were caught, and the drills this person may know of."""
    me = request.user
    rows = visibility.visible_drills(me).select_related("request").order_by("-started_at")
    context = {
        "rates": [[f"{r.kind}, {r.who}", *_rate(r)] for r in drill_rates.rates()],
        "rate_columns": ["Leak, and who looked", "Caught", "Rate", "95 % interval"],
        "shown": paged(request, rows, A_PAGE),
        "may_start": "administrator" in me.roles,
    }
    return render(request, "secure/drills.html", context)


@page("GET", "HEAD", "POST", role="administrator")
def new(request: SignedInRequest) -> HttpResponse:
    """An administrator starts a drill."""
    form = DrillForm(sent(request))
    origins = visibility.drill_origins(request.user).select_related("request__source", "request__author")
    form.fields["origin"].queryset = origins.order_by("-made_at")  # type: ignore[attr-defined]
    context = {
        "form": form,
        "heading": "Start a drill",
        "lead": "A leak is planted in a copy of a version, and the copy is sent to review like any other. Reviewers are told once they "
        "have decided. It can never be published, and its files are destroyed afterwards.",
        "action": "Start the drill",
        "refusal": permissions.explain(request.user, "start_drill"),
        "crumbs": [("Drills", reverse("drills"))],
        "back": reverse("drills"),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        made = service.start_drill(request.user, **form.cleaned_data)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, "The drill is being made. Tell nobody who might review it.")
    return redirect("drill", made.pk)


@page(role=READERS)
def drill(request: SignedInRequest, key: str) -> HttpResponse:
    """One drill: what was planted, where it stands, who noticed."""
    found = _found(request, key)
    asked, planted = found.request, found.planted or {}
    last = asked.runs.order_by("-queued_at").first()
    seen = visibility.visible_requests(request.user).filter(pk=asked.pk).exists()
    facts = [
        ("Leak", EXPLAINED[Drill.Kind(found.kind)]),
        ("Modelled on", f"{found.origin.request.title}, version {found.origin.number}"),
        ("Started", f"{moment(found.started_at)} by {found.started_by}"),
        ("Planted", _planted(planted)),
        ("Goes to the reviewers", "whatever the gates say" if found.despite_gates else "only when the gates miss it"),
        ("The gates", ANSWERS[found.gates_caught]),
        ("The reviewers", ANSWERS[found.reviewers_caught]),
        ("Revealed", f"{moment(found.revealed_at)}. {found.revealed_because}" if found.revealed_at else "not yet"),
        ("Files destroyed", moment(found.destroyed_at) if found.destroyed_at else "not yet"),
    ]
    context = {
        "drill": found,
        "asked": asked,
        "seen": seen and asked.submitted_at is not None,
        "facts": facts,
        "words": progress_words(last) if last is not None and last.active else "",
        "failed": last.reason if last is not None and last.state == "failed" else "",
        "may_end": "administrator" in request.user.roles,
        "end_refusal": permissions.explain(request.user, "end_drill", found),
        "signoffs": list(asked.signoffs.select_related("reviewer").order_by("decided_at")),
        "crumbs": [("Drills", reverse("drills"))],
    }
    return render(request, "secure/drill.html", context)


@page("POST", role=READERS)
def end(request: SignedInRequest, key: str) -> HttpResponse:
    """An administrator calls it off."""
    found = _found(request, key)
    service.end_drill(request.user, found)
    messages.success(request, "The drill is over. Its files are being destroyed.")
    return redirect("drill", found.pk)


def _found(request: SignedInRequest, key: str) -> Drill:
    found: Drill = visible(visibility.visible_drills(request.user).select_related("request__source", "origin__request", "started_by"), key)
    return found


def _rate(rate: drill_rates.Rate) -> list[str]:
    if not rate.n:
        return ["no drill yet", "–", "–"]
    return [f"{rate.caught} of {rate.n}", percent(rate.caught / rate.n), f"{percent(rate.low)} to {percent(rate.high)}"]


def _planted(planted: dict[str, Any]) -> str:
    if not planted:
        return "nothing yet"
    columns = planted["columns"]
    names = ", ".join(columns[:12]) + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
    return f"{number(planted['rows'])} rows of “{planted['table']}”, in {names}"
