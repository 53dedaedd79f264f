"""The interface's description: for programs (OpenAPI) and for people."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from releases.catalogue.interface import reference
from releases.catalogue.interface.site import problem
from releases.catalogue.standards.described import site
from releases.catalogue.views.pages import page
from releases.catalogue.views.standards import answered


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    return answered(request, json.dumps(reference.openapi(), ensure_ascii=False).encode(), "application/json")


def unknown(request: HttpRequest, rest: str) -> HttpResponse:
    """An address that the interface does not have, answered as it answers."""
    return problem(request, 404, "There is nothing at this address.")


@require_safe
def read(request: HttpRequest) -> HttpResponse:
    """How do I use the catalogue from a program?"""
    shown = {
        "operations": reference.operations(),
        "shapes": reference.shapes(),
        "rate": settings.SYNTHPORTAL_RATE,
        "address": f"{site(request).address}{reference.PREFIX}",
    }
    return page(request, "interface", "interface", shown)
