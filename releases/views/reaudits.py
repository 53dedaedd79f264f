"""Releases after publication: do they still hold, and which would fail other gates?"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from evaluation import gates
from generators.errors import InputError
from releases import deadlines, permissions, standing, visibility
from releases.models import Announcement, ReleaseRequest, Run, Withdrawal
from releases.permissions import Refused
from releases.release_policies import in_force, release_policy
from releases.services import reaudits as service
from releases.services import suspensions
from releases.templatetags.plain_words import day, moment
from releases.views.audit import spreadsheet_safe
from releases.views.gate_lines import gate_lines
from releases.views.pages import INVALID, SignedInRequest, page, paged, refused_on, sent, visible
from releases.views.words import progress_words

WATCHERS = ("sdat", "ig", "auditor")
A_PAGE = 50
OUTCOME_COLOURS = {"passed": "green", "failed": "red", "impossible": "orange"}
RESULT_COLOURS = {standing.PASSES: "green", standing.FAILS: "red", standing.UNKNOWN: "orange"}
COLUMNS = ("release", "version", "title", "tier", "state", "gates", "result", "why", "evaluated")


class WhyForm(forms.Form):
    """Why a release is suspended or released again."""

    why = forms.CharField(
        label="Why?",
        max_length=suspensions.LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Read by reviewers and auditors; the public does not see it. Write nothing about any one patient.",
    )


class CheckForm(forms.Form):
    """Which gates to hold the releases against."""

    gates = forms.TypedChoiceField(label="Gates", coerce=int, required=False)
    tier = forms.ChoiceField(label="Kind of data", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["gates"].choices = [  # type: ignore[attr-defined]
            (v.number, f"gates {v.number}{' (draft)' if v.status == 'draft' else ''}") for v in gates.versions()
        ]
        self.fields["tier"].choices = [("", "every kind"), *ReleaseRequest.Tier.choices]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Checked:
    """A release and what the gates say of it."""

    asked: ReleaseRequest
    result: str
    sentences: tuple[str, ...]
    evaluated: datetime | None

    @property
    def colour(self) -> str:
        return RESULT_COLOURS[self.result]


@page(role=WATCHERS)
def release_list(request: SignedInRequest) -> HttpResponse:
    """Every release: suspended ones first, then those whose re-audit is due, withdrawn ones last."""
    now = timezone.now()
    rows = []
    for asked in _releases(request):
        gone = asked.state == ReleaseRequest.State.WITHDRAWN
        newest, due = standing.newest(asked), None if gone else standing.due(asked, now)
        rows.append({"asked": asked, "newest": newest, "due": due or "", "trouble": standing.trouble(asked) or ""})
    order = {ReleaseRequest.State.SUSPENDED: 0, ReleaseRequest.State.WITHDRAWN: 2}
    rows.sort(key=lambda row: (order.get(row["asked"].state, 1), not row["trouble"], not row["due"]))
    return render(request, "secure/reaudits.html", {"shown": paged(request, rows, A_PAGE)})


@page(role=WATCHERS)
def release(request: SignedInRequest, key: str) -> HttpResponse:
    """One release: how it stands, its re-audits, what the feed was told."""
    asked = found_release(request, key)
    me, newest = request.user, standing.newest(asked)
    running = asked.runs.filter(kind=Run.Kind.REAUDIT, state__in=(Run.State.QUEUED, Run.State.RUNNING)).first()
    suspension = asked.announcements.filter(kind=Announcement.Kind.SUSPENDED).select_related("by").order_by("-number").first()
    records = list(asked.reaudits.order_by("-made_at")[:A_PAGE])
    last = next((r for r in records if r.verdict), None)
    withdrawal = Withdrawal.objects.filter(request=asked).select_related("by").first()
    again = deadlines.rereview_due(asked)
    facts = [
        ("Released as", f"{asked.slug}, version {asked.release_version}"),
        ("Kind of data", asked.get_tier_display()),
        ("Last evaluated", f"{moment(newest.made_at)}, gates {newest.gates_version}" if newest else "never"),
        ("Next re-audit", "none: it is withdrawn" if withdrawal else standing.due(asked, timezone.now()) or "not due"),
        ("People look at it again", day(again) if again and not withdrawal else "no date"),
        ("Release policy in force", in_force()),
    ]
    context = {
        "asked": asked,
        "facts": facts,
        "running": running,
        "words": progress_words(running) if running else "",
        "suspension": suspension if asked.state == ReleaseRequest.State.SUSPENDED else None,
        "withdrawal": withdrawal,
        "rereviews": list(asked.rereviews.select_related("by")),
        "rereview_is_due": again is not None and again <= timezone.localdate(),
        "trouble": standing.trouble(asked) or "",
        "records": [{"record": r, "colour": OUTCOME_COLOURS[r.outcome], "sentences": _sentences(r)} for r in records],
        "gates": gate_lines(last.verdict) if last and last.verdict else [],
        "gates_version": last.gates_version if last else "",
        "announcements": list(asked.announcements.select_related("by").order_by("-number")),
        "reaudit_refusal": permissions.explain(me, "reaudit", asked),
        "suspend_refusal": permissions.explain(me, "suspend", asked),
        "resume_refusal": permissions.explain(me, "resume", asked),
        "withdraw_refusal": permissions.explain(me, "withdraw", asked),
        "rereview_refusal": permissions.explain(me, "rereview", asked),
        "is_sdat": "sdat" in me.roles,
        "is_ig": "ig" in me.roles,
        "crumbs": [("Releases", reverse("releases"))],
    }
    return render(request, "secure/reaudit.html", context)


@page("POST", role=WATCHERS)
def reaudit(request: SignedInRequest, key: str) -> HttpResponse:
    """SDAT starts a re-audit now."""
    asked = found_release(request, key)
    service.request_reaudit(request.user, asked)
    messages.success(request, "The re-audit is started. This page shows how it goes.")
    return redirect("release", asked.pk)


@page("GET", "HEAD", "POST", role=WATCHERS)
def suspend(request: SignedInRequest, key: str) -> HttpResponse:
    """IG takes a release off the shelf."""
    asked = found_release(request, key)
    context = {
        "heading": "Suspend this release",
        "lead": "The public site stops giving it out as soon as it hears of it, usually within a minute. It tells visitors that it is "
        "being looked into, and no more.",
        "action": "Suspend the release",
        "kind": "warning",
        "refusal": permissions.explain(request.user, "suspend", asked),
    }
    return act_with_reason(request, asked, context, suspensions.suspend, "The release is suspended.")


@page("GET", "HEAD", "POST", role=WATCHERS)
def resume(request: SignedInRequest, key: str) -> HttpResponse:
    """IG releases it again."""
    asked = found_release(request, key)
    context = {
        "heading": "Release it again",
        "lead": "The public site gives it out again as soon as it hears of it, usually within a minute.",
        "action": "Release it again",
        "refusal": permissions.explain(request.user, "resume", asked),
    }
    return act_with_reason(request, asked, context, suspensions.resume, "The release is available again.")


@page(role=WATCHERS)
def policy_check(request: SignedInRequest) -> HttpResponse:
    """Which releases would fail a set of gates? Each judged on its newest stored evaluation."""
    form, number, tier = _asked(request)
    found = _checked(request, number, tier)
    counts = Counter(each.result for each in found)
    about = next((v.about for v in gates.versions() if v.number == number), "")
    query = urlencode({"gates": number, "tier": tier})
    context = {
        "form": form,
        "number": number,
        "about": about,
        "in_force": sorted({t.gates for t in release_policy().tiers.values()}),
        "shown": paged(request, found, A_PAGE),
        "counts": [
            ("Releases", str(len(found))),
            ("Pass", str(counts[standing.PASSES])),
            ("Would fail", str(counts[standing.FAILS])),
            ("Cannot say", str(counts[standing.UNKNOWN])),
        ],
        "query": f"{query}&",
        "export_query": f"?{query}",
        "crumbs": [("Releases", reverse("releases"))],
    }
    return render(request, "secure/policy_check.html", context)


@page(role=WATCHERS)
def export(request: SignedInRequest) -> HttpResponse:
    """The same as CSV."""
    _, number, tier = _asked(request)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="policy-check-gates-{number}.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for each in _checked(request, number, tier):
        asked, evaluated = each.asked, each.evaluated.isoformat() if each.evaluated else ""
        cells = (asked.slug, asked.release_version, asked.title, asked.tier, asked.state, number, each.result, " ".join(each.sentences))
        writer.writerow([spreadsheet_safe(cell) for cell in (*cells, evaluated)])
    return response


def _releases(request: SignedInRequest) -> Any:
    related = visibility.visible_releases(request.user).select_related("source", "version__evaluation", "author")
    return related.prefetch_related("reaudits", "runs").order_by("title", "release_version")


def found_release(request: SignedInRequest, key: str) -> ReleaseRequest:
    """The release under `key`, if this person watches over releases; 404 otherwise."""
    related = visibility.visible_releases(request.user).select_related("source", "author", "version__evaluation", "version__summary")
    found: ReleaseRequest = visible(related, key)
    return found


def act_with_reason(request: SignedInRequest, asked: ReleaseRequest, context: dict[str, Any], act: Any, done: str) -> HttpResponse:
    """A page that asks why; `act(actor, release, why=…)` when it was said."""
    here = reverse("release", args=[asked.pk])
    form = WhyForm(sent(request))
    context |= {"form": form, "caption": asked.title, "crumbs": [("Releases", reverse("releases")), (asked.title, here)], "back": here}
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        act(request.user, asked, why=form.cleaned_data["why"])
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, done)
    return redirect("release", asked.pk)


def _sentences(record: Any) -> list[str]:
    if not record.verdict:
        return [f"{record.reason[:1].upper()}{record.reason[1:].rstrip('.')}."]
    return [str(words) for words in record.verdict["sentences"][:1]]


def _asked(request: SignedInRequest) -> tuple[CheckForm, int, str]:
    """The gates and the kind of data the address asks for; the newest gates and every kind otherwise."""
    newest = gates.versions()[-1].number
    form = CheckForm({"gates": request.GET.get("gates") or newest, "tier": request.GET.get("tier", "")})
    form.is_valid()
    return form, form.cleaned_data.get("gates") or newest, form.cleaned_data.get("tier") or ""


def _checked(request: SignedInRequest, number: int, tier: str) -> list[Checked]:
    rows = _releases(request).exclude(state=ReleaseRequest.State.WITHDRAWN)
    found = []
    for asked in rows.filter(tier=tier) if tier else rows:
        said, newest = standing.judged(asked, number), standing.newest(asked)
        found.append(Checked(asked, said.result, said.sentences, newest.made_at if newest else None))
    order = (standing.FAILS, standing.UNKNOWN, standing.PASSES)
    return sorted(found, key=lambda each: (order.index(each.result), each.asked.title))
