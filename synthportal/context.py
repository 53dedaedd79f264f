"""What every page of a site knows."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """`site`: "secure" or "public"; `demonstration`: whether the page must say that this is one."""
    return {"site": settings.SYNTHPORTAL_SITE, "demonstration": settings.DEMONSTRATION}
