"""SDAT's own judgement of the evidence: each aspect beside the figures that bear on it."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpResponse
from django.urls import reverse

from releases import dpias, overrides, stored
from releases.permissions import Refused
from releases.route_forms import AssessForm
from releases.services import assessments as service
from releases.views import findings
from releases.views.pages import SignedInRequest, page, sent
from releases.views.request_pages import form_page, found, task_context

QUESTIONS = {
    "privacy": "Could somebody learn about a real person from it?",
    "quality": "Does it look like the real data where it should?",
    "utility": "Is it good enough for this use?",
    "bias": "Is any group of people shown worse than others?",
}


@page("GET", "HEAD", "POST", role="sdat")
def assess(request: SignedInRequest, key: str) -> HttpResponse:
    """Four judgements with their reasons; recorded once, on this evidence."""
    asked = found(request, key)
    if asked.submitted_at is None or asked.version is None:
        raise Refused("This request has not been submitted; there is no evidence to assess yet.")
    evaluation = stored.evaluation(asked.version.evaluation)
    figures = {
        "privacy": findings.group(evaluation, "safe"),
        "quality": findings.headlines(evaluation),
        "utility": findings.group(evaluation, "useful"),
        "bias": findings.group(evaluation, "fair"),
    }
    form = AssessForm(sent(request), initial={"evidence_digest": asked.evidence_digest})
    context = {
        **task_context(request, asked, "Assess the evidence", "assess"),
        "asked": asked,
        "back": reverse("review", args=[asked.pk]),
        "attacks": findings.attacks(evaluation, overrides.verdict(asked)),
        "aspects": [(aspect, question, figures[aspect], *form.pair(aspect)) for aspect, question in QUESTIONS.items()],
        "dpia_complete": dpias.complete(asked),
        "action": "Record this assessment",
        "template": "secure/assess.html",
    }

    def record(form: BaseForm) -> str:
        given = cast(AssessForm, form)
        service.assess(request.user, asked, judgements=given.judgements, evidence_digest=given.cleaned_data["evidence_digest"])
        messages.success(request, "Your assessment is recorded.")
        return reverse("review", args=[asked.pk])

    return form_page(request, form, context, record)
