"""The use case: proposed, looked at, agreed or sent back, and taken back to draft."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from releases import agreements, permissions
from releases.forms import ConfirmForm
from releases.models import ReleaseRequest
from releases.route_forms import AgreeForm, SendBackForm
from releases.services import agreements as service
from releases.views.pages import SignedInRequest, page, sent
from releases.views.request_pages import form_page, found, task_context

READERS = ("steward", "sdat", "ig", "ppi", "auditor")


@page("GET", "HEAD", "POST", role="steward")
def propose(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm what is put before the Synthetic Data Audit Team."""
    asked = found(request, key)
    context = {
        **task_context(request, asked, "Propose this use case", "propose"),
        "lead": "The Synthetic Data Audit Team decides whether data may be generated for this use, from these variables and no others.",
        "facts": _facts(asked),
        "variables": sorted(asked.variables.items()),
        "action": "Propose it",
        "template": "secure/use_case_form.html",
    }

    def put(form: BaseForm) -> str:
        service.propose(request.user, asked)
        messages.success(request, "The use case is with the Synthetic Data Audit Team.")
        return reverse("request", args=[asked.pk])

    return form_page(request, ConfirmForm(sent(request)), context, put)


@page(role=READERS)
def agreement(request: SignedInRequest, key: str) -> HttpResponse:
    """What is asked for and why, and what was decided about it."""
    asked = found(request, key)
    context = {
        "asked": asked,
        "facts": _facts(asked),
        "variables": [[name, why] for name, why in sorted(asked.variables.items())],
        "decisions": list(asked.agreements.select_related("reviewer").order_by("-decided_at")),
        "agree_refusal": permissions.explain(request.user, "agree", asked),
        "proposed": asked.state == ReleaseRequest.State.PROPOSED,
        "member": "sdat" in request.user.roles,
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("request", args=[asked.pk]))],
    }
    return render(request, "secure/agreement.html", context)


@page("GET", "HEAD", "POST", role="sdat")
def agree(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that this very use case is agreed."""
    asked = found(request, key)
    context = _deciding(request, asked, "Agree this use case?", "agree") | {
        "lead": "From then on data may be generated for it, from these variables alone. What is agreed does not change; "
        "a change comes back to you.",
        "action": "Agree",
    }

    def decide(form: BaseForm) -> str:
        service.agree(request.user, asked, **form.cleaned_data)
        messages.success(request, "The use case is agreed.")
        return reverse("request", args=[asked.pk])

    return form_page(request, AgreeForm(sent(request), initial={"digest": agreements.digest(asked)}), context, decide)


@page("GET", "HEAD", "POST", role="sdat")
def send_back(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that the use case goes back to its requester."""
    asked = found(request, key)
    context = _deciding(request, asked, "Send this use case back?", "send_back") | {
        "lead": "The request becomes a draft again. The requester changes what you ask for and proposes it anew.",
        "action": "Send back",
    }

    def decide(form: BaseForm) -> str:
        service.send_back(request.user, asked, **form.cleaned_data)
        messages.success(request, "The use case went back to its requester.")
        return reverse("home")

    return form_page(request, SendBackForm(sent(request), initial={"digest": agreements.digest(asked)}), context, decide)


@page("GET", "HEAD", "POST", role="steward")
def reopen(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that the request is taken back to draft."""
    asked = found(request, key)
    context = {
        **task_context(request, asked, "Take it back to draft", "reopen"),
        "lead": "Then the purpose, the use, the variables and the kind of data can be changed. Nothing can be generated until the use case "
        "is proposed and agreed anew. Versions made so far stay on record.",
        "action": "Take it back to draft",
        "kind": "warning",
    }

    def back(form: BaseForm) -> str:
        service.reopen(request.user, asked)
        messages.success(request, "The request is a draft again.")
        return reverse("request", args=[asked.pk])

    return form_page(request, ConfirmForm(sent(request)), context, back)


def _deciding(request: SignedInRequest, asked: ReleaseRequest, heading: str, action: str) -> dict[str, Any]:
    return {
        **task_context(request, asked, heading, action),
        "back": reverse("agreement", args=[asked.pk]),
        "facts": _facts(asked),
        "variables": sorted(asked.variables.items()),
        "template": "secure/use_case_form.html",
    }


def _facts(asked: ReleaseRequest) -> list[tuple[str, str]]:
    return [
        ("Asked for by", str(asked.author)),
        ("Dataset", f"{asked.source.title}, of {asked.source.controller}"),
        ("Purpose", asked.get_purpose_display() or "not given yet"),
        ("Use", asked.use_case or "not given yet"),
        ("Kind of data", asked.get_tier_display() or "not chosen yet"),
        ("Who may have it", asked.get_access_level_display() or "not chosen yet"),
        ("Would be predicted", ", ".join(asked.targets) or "nothing named"),
    ]
