"""The public register: what was approved, refused and withdrawn, how long it took, under which policy."""

from __future__ import annotations

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from releases.catalogue.showing import words
from releases.catalogue.showing.register import COUNTS, MEDIANS, newest
from releases.catalogue.taking_in.freshness import freshness


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The newest register that the publisher signed; where there is none, the page says so."""
    said = newest()
    shown: dict[str, Any] = {"current": "register", "freshness": freshness(), "said": said, "rows": [], "policies": []}
    if said is not None:
        kinds = said.content["figures"]
        shown |= {
            "since": parse_date(said.content["since"] or ""),
            "kinds": [words.tier(each["tier"]) for each in kinds],
            "rows": [(name, [each[code] for each in kinds]) for code, name in (COUNTS | MEDIANS).items()],
            "policies": [{**each, "since": parse_date(each["since"])} for each in said.content["policies"]],
        }
    return render(request, "catalogue/register.html", shown)


@require_safe
def statement(request: HttpRequest) -> HttpResponse:
    """The same for machines, with the signed envelope it was read from: check it with the publisher's public key."""
    said = newest()
    if said is None:
        raise Http404
    return JsonResponse({"at": said.at.isoformat(), "register": said.content, "key_id": said.key_id, "envelope": json.loads(said.envelope)})
