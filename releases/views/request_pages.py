"""What the pages of a request do alike: find it, say where the page stands, and be one form that leads to one service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from releases import permissions, visibility
from releases.models import ReleaseRequest
from releases.permissions import Refused
from releases.views.pages import INVALID, SignedInRequest, refused_on, visible


def form_page(request: SignedInRequest, form: BaseForm, context: dict[str, Any], act: Callable[[BaseForm], str]) -> HttpResponse:
    """Show the form; when it was sent whole, `act` on it and go to the address it gives."""
    template = context.get("template", "secure/form.html")
    if request.method != "POST":
        return render(request, template, {**context, "form": form})
    if not form.is_valid():
        return render(request, template, {**context, "form": form}, status=INVALID)
    try:
        return redirect(act(form))
    except (Refused, InputError) as error:
        return refused_on(request, form, error, template, context)


def found(request: SignedInRequest, key: str) -> ReleaseRequest:
    """The request under `key`, if this person may know of it; 404 otherwise."""
    related = ("source", "author", "submitted_by", "version__summary", "version__evaluation")
    asked: ReleaseRequest = visible(visibility.visible_requests(request.user).select_related(*related), key)
    return asked


def task_context(request: SignedInRequest, asked: ReleaseRequest, heading: str, action: str, **context: Any) -> dict[str, Any]:
    """Caption, heading, way back and the sentence of refusal of a page about `action`. context: what its permission asks beside."""
    here = reverse("request", args=[asked.pk])
    return {
        "caption": asked.title,
        "heading": heading,
        "refusal": permissions.explain(request.user, action, asked, **context),
        "crumbs": [("Requests", reverse("requests")), (asked.title, here)],
        "back": here,
    }
