"""What every page of a site knows."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """`site`: "secure" or "public"; `site_name`; `demonstration`: whether the page must say that this is one."""
    return {"site": settings.ZONE, "site_name": settings.SITE_NAME, "demonstration": settings.DEMONSTRATION}
