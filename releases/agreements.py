"""What a use case is, as the Synthetic Data Audit Team agrees it, and whether its agreement still stands."""

from __future__ import annotations

from typing import Any

from generators.digests import digest as digest_of
from releases.models import Agreement, ReleaseRequest

FROZEN = ("purpose", "use_case", "variables", "targets", "tier", "access_level")
"""What is agreed, and cannot be changed while it is."""


def proposal(request: ReleaseRequest) -> dict[str, Any]:
    """The use case as it stands in the request."""
    return {name: getattr(request, name) for name in FROZEN}


def digest(request: ReleaseRequest) -> str:
    """SHA-256 over the use case and the request it is of."""
    return digest_of({"request": str(request.pk), **proposal(request)})


def last(request: ReleaseRequest) -> Agreement | None:
    """The newest decision on the use case, whatever it was."""
    return request.agreements.order_by("-decided_at").first()


def standing(request: ReleaseRequest) -> Agreement | None:
    """The agreement under which this very use case may be generated; None when it was changed since, sent back, or never agreed."""
    found = last(request)
    if found is None or found.decision != Agreement.Decision.AGREE or found.digest != digest(request):
        return None
    return found
