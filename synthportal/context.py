"""What every page's template knows without its view saying so."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Which site this is ("secure" or "public") and whether it is a demonstration, which every page says."""
    return {"site": settings.SYNTHPORTAL_SITE, "demonstration": settings.DEMONSTRATION}
