"""The data protection impact assessment of a request: read, written as a new version, exported."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from releases import dpias, permissions
from releases.blindness import Sight
from releases.models import Dpia, ReleaseRequest
from releases.route_forms import DpiaForm
from releases.services import assessments as service
from releases.views.pages import SignedInRequest, page, sent
from releases.views.request_pages import form_page, found, task_context

READERS = ("steward", "sdat", "ig", "ppi", "auditor")


@page(role=READERS)
def dpia(request: SignedInRequest, key: str) -> HttpResponse:
    """The newest version, or the one `?version=` names, for a reader."""
    asked = found(request, key)
    shown = _version(request, asked)
    context = {
        "asked": asked,
        "dpia": shown,
        "told": dpias.told(shown),
        "versions": list(asked.dpias.select_related("writer").order_by("-number")),
        "write_refusal": permissions.explain(request.user, "write_dpia", asked),
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("request", args=[asked.pk]))],
    }
    return render(request, "secure/dpia.html", context)


@page("GET", "HEAD", "POST", role="sdat")
def write(request: SignedInRequest, key: str) -> HttpResponse:
    """Write a new version; it begins with the last one, the first with what the site knows."""
    asked = found(request, key)
    last, known = dpias.current(asked), dpias.prefilled(asked)
    form = DpiaForm(
        sent(request),
        initial={"after": last.number if last else 0, "concluded": last.complete if last else False},
        questions=dpias.form(),
        given=last.answers if last else known,
        automatic=known,
    )
    reviewed = asked.state == ReleaseRequest.State.SUBMITTED
    context = {
        **task_context(request, asked, "Data protection impact assessment", "write_dpia"),
        "signed": reviewed and any(each.round == asked.round for each in Sight(request.user, asked).signoffs()),
        "review": reviewed,
        "action": "Save this version",
        "template": "secure/write_dpia.html",
    }

    def save(form: BaseForm) -> str:
        filled = cast(DpiaForm, form)
        given = filled.cleaned_data
        made = service.write_dpia(request.user, asked, answers=filled.answers, concluded=given["concluded"], after=given["after"])
        messages.success(request, f"Version {made.number} is saved; it is {'complete' if made.complete else 'not complete yet'}.")
        return reverse("dpia", args=[asked.pk])

    return form_page(request, form, context, save)


@page(role=READERS)
def export_json(request: SignedInRequest, key: str) -> HttpResponse:
    """The same for programs."""
    shown = _version(request, found(request, key))
    answer = JsonResponse(dpias.as_json(shown), json_dumps_params={"indent": 1, "ensure_ascii": False})
    return _attached(answer, shown, "json")


@page(role=READERS)
def export_markdown(request: SignedInRequest, key: str) -> HttpResponse:
    """The same as a text to keep or print."""
    shown = _version(request, found(request, key))
    return _attached(HttpResponse(dpias.as_markdown(shown), content_type="text/markdown; charset=utf-8"), shown, "md")


def _version(request: SignedInRequest, asked: ReleaseRequest) -> Dpia:
    wanted = request.GET.get("version", "")
    shown = asked.dpias.filter(number=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 7 else dpias.current(asked)
    if shown is None:
        raise Http404
    return shown


def _attached(answer: HttpResponse, shown: Dpia, suffix: str) -> HttpResponse:
    answer.headers["Content-Disposition"] = f'attachment; filename="dpia-{str(shown.request_id)[:8]}-{shown.number}.{suffix}"'
    return answer
