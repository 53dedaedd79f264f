"""The register, as the public reads it: how do we decide, how long does it take?"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from releases import register as counted
from releases.models import ReleaseRequest
from releases.templatetags.plain_words import day, number
from releases.views.pages import SignedInRequest, page

COUNTS = (
    ("approved", "Approved"),
    ("at_once", "… of these at once, by a standing approval"),
    ("returned", "Returned for changes"),
    ("rejected", "Refused"),
    ("published", "Released"),
    ("suspended", "Suspended now"),
    ("withdrawn", "Withdrawn"),
    ("turnaround_days", "Working days from submission to decision of the others (median)"),
    ("attempts", "Versions made before one was released (median)"),
    ("most_attempts", "Most versions made for one release"),
)


@page()
def register(request: SignedInRequest) -> HttpResponse:
    """Counts of decisions and releases by kind of data, and the policies they were made under."""
    said, kinds = counted.register(), dict(ReleaseRequest.Tier.choices)
    context = {
        "columns": ["What", *(str(kinds[each.tier]).capitalize() for each in said.figures)],
        "rows": [[words, *(_shown(getattr(each, name)) for each in said.figures)] for name, words in COUNTS],
        "policies": [[each.id, day(each.since), number(each.decisions)] for each in said.policies],
        "since": said.since,
    }
    return render(request, "secure/register.html", context)


def _shown(value: float | None) -> str:
    return "none yet" if value is None else f"{value:,g}"
