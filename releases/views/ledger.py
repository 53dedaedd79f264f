"""The disclosure ledger: what has been told of a dataset, by whom, and what may still be told?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from releases import budget, permissions, visibility
from releases.models import LedgerEntry, SourceDataset
from releases.permissions import Refused
from releases.services import ledger as service
from releases.templatetags.plain_words import counted, number
from releases.views.pages import INVALID, UNUSABLE, SignedInRequest, page, paged, refused, refused_on, sent, visible

ENTRIES_A_PAGE = 50
What = LedgerEntry.What


class BudgetForm(forms.Form):
    """What may be told of a dataset in all. Nothing typed: no limit."""

    summaries = forms.IntegerField(label="Most summaries", required=False, min_value=0, max_value=100_000)
    epsilon = forms.FloatField(label="Most ε", required=False, min_value=0, max_value=1000, help_text="Of summaries with noise, added up.")
    delta = forms.FloatField(
        label="Most δ",
        required=False,
        min_value=0,
        max_value=0.01,
        help_text="Added up too. Usual is less than one in ten times the people.",
    )


@page(role=("steward", "sdat", "ig", "auditor"))
def ledgers(request: SignedInRequest) -> HttpResponse:
    """The datasets whose ledger this person may read; those with a budget that waits first."""
    sources = list(visibility.visible_ledgers(request.user).order_by("title"))
    found = list(zip(sources, budget.standings(sources), strict=True))
    found.sort(key=lambda pair: pair[1].waiting is None)
    return render(request, "secure/ledgers.html", {"shown": paged(request, found, ENTRIES_A_PAGE)})


@page()
def ledger(request: SignedInRequest, key: str) -> HttpResponse:
    """One dataset's ledger, newest first, and its budget."""
    source: SourceDataset = visible(visibility.visible_ledgers(request.user), key)
    entries = source.ledger.select_related("actor", "proposed_by", "summary", "version", "run").order_by("-number")
    shown = paged(request, entries, ENTRIES_A_PAGE)
    may_open = visibility.visible_summaries(request.user)
    opened = set(may_open.filter(ledger__in=[e.pk for e in shown.object_list]).values_list("pk", flat=True))
    now = budget.standing(source)
    me = request.user
    return render(
        request,
        "secure/ledger.html",
        {
            "source": source,
            "standing": now,
            "limits": _limits(now),
            "waiting": _budget_words(now.waiting.budget) if now.waiting else "",
            "composition": budget.COMPOSITION,
            "rows": [_row(entry, entry.summary_id in opened) for entry in shown.object_list],
            "shown": shown,
            "may_propose": permissions.explain(me, "propose_budget", source) is None,
            "set_refusal": permissions.explain(me, "set_budget", source),
            "is_ig": "ig" in me.roles,
            "crumbs": [("Disclosure ledgers", reverse("ledgers"))],
        },
    )


@page("GET", "HEAD", "POST", role="steward")
def propose(request: SignedInRequest, key: str) -> HttpResponse:
    """A steward proposes a budget."""
    source: SourceDataset = visible(visibility.visible_sources(request.user), key)
    now = budget.standing(source)
    form = BudgetForm(sent(request), initial=(now.budget.budget if now.budget else None) or {})
    context = {
        "form": form,
        "caption": source.title,
        "heading": "Propose a disclosure budget",
        "lead": "Each summary tells a little more. A budget says how much in all. It holds once Information Governance has set it.",
        "action": "Propose this budget",
        "refusal": permissions.explain(request.user, "propose_budget", source),
        "crumbs": [("Disclosure ledgers", reverse("ledgers")), (source.title, reverse("ledger", args=[source.pk]))],
        "back": reverse("ledger", args=[source.pk]),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        service.propose_budget(request.user, source, **form.cleaned_data)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, "The budget is proposed. It holds once Information Governance has set it.")
    return redirect("ledger", source.pk)


@page("POST")
def set_budget(request: SignedInRequest, key: str) -> HttpResponse:
    """IG sets the proposal that the page showed."""
    source: SourceDataset = visible(visibility.visible_ledgers(request.user), key)
    proposal = request.POST.get("proposal", "")
    if not proposal.isdigit() and permissions.explain(request.user, "set_budget", source) is None:
        response = refused(request, InputError("say which proposal is meant: open the ledger and set it there"))
        response.status_code = UNUSABLE
        return response
    service.set_budget(request.user, source, proposal=int(proposal) if proposal.isdigit() else 0)
    messages.success(request, "The budget is set.")
    return redirect("ledger", source.pk)


def _limits(now: budget.Standing) -> list[tuple[str, str]]:
    """What is spent, of how much, and what is left."""
    words = {"summaries": "Summaries", "epsilon": "ε", "delta": "δ"}
    rows = []
    for name, title in words.items():
        limit, spent = now.limit(name), getattr(now, name)
        if now.budget is None and name != "summaries":
            rows.append((title, f"{spent:g} spent; none may be before a budget is set"))
        elif limit is None:
            rows.append((title, f"{spent:g} spent, no limit"))
        else:
            rows.append((title, f"{spent:g} of {limit:g} spent, {now.left(name):g} left"))
    rows.append(("Models learned from records", number(now.models)))
    rows.append(("Generations", f"{counted(now.attempts, 'attempt')}, {counted(now.versions, 'version')}"))
    return rows


def _budget_words(limits: dict[str, Any] | None) -> str:
    limits = limits or {}
    names = {"summaries": "summaries", "epsilon": "ε", "delta": "δ"}
    told = [f"{limits[name]:g} {words}" for name, words in names.items() if limits.get(name) is not None]
    return f"at most {', '.join(told)}" if told else "no limits"


def _row(entry: LedgerEntry, open_to: bool) -> dict[str, Any]:
    detail, href = entry.detail, ""
    if entry.what == What.SUMMARY:
        figures = sum(entry.figures.values())
        text = f"{number(figures)} figures under the {detail['policy']} policy, none about fewer than {number(detail['minimum'])} people"
        href = reverse("summary", args=[entry.summary_id]) if open_to else ""
    elif entry.what == What.REFUSED:
        places = [f"{table}.{column}" if column else str(table) for table, column in detail["places"]]
        shown = ", ".join(places[:10]) + (f" and {len(places) - 10} more" if len(places) > 10 else "")
        text = f"Under the {detail['policy']} policy it conflicts with an earlier summary: {shown}"
    elif entry.what == What.LEARNED:
        text = f"{detail['generator']}, learned from the records of snapshot {detail['snapshot']}"
    elif entry.what in (What.ATTEMPT, What.GENERATION):
        size = f"{number(detail['rows'])} rows" if detail.get("rows") else f"{detail.get('scale', 1):g} times the source"
        text = f"{detail['generator']}, {size}, seed {detail['seed']}"
    else:
        text = _budget_words(entry.budget)
    if entry.what == What.SET and entry.proposed_by:
        text += f", proposed by {entry.proposed_by.full_name}"
    spent = f"ε {entry.epsilon:g}, δ {entry.delta:g}" if entry.epsilon is not None else ""
    return {"entry": entry, "text": text, "href": href, "spent": spent, "tables": sorted(entry.figures.items())}
