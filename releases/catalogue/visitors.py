"""May this visitor see rows of a release? The one place that says; preview, charts, interface, files, zip and records all ask it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from releases.catalogue.access import grants, handouts
from releases.catalogue.access.visiting import TokenRefused, visitor
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.taking_in.freshness import freshness


@dataclass(frozen=True)
class Refusal:
    """Why no rows are shown. status: of the answer; reason: a sentence for the visitor; why: what the publisher said, or "".

    apply: whether access is given to who applies for it.
    """

    status: int
    reason: str
    why: str = ""
    apply: bool = False


PAUSED = "Downloads are paused: this site has not heard from the publisher for too long, and could have missed a withdrawal."
SAFEGUARDED = "These data are safeguarded: they are for people who applied for them and were granted access."
NO_TOKEN = "This token opens nothing: it is unknown, was revoked, or is too old."  # noqa: S105 - a sentence
OTHER_TOKEN = "This token is not for this dataset. Make one that names it, or check that your access has not ended."  # noqa: S105


def refused_rows(request: HttpRequest, version: ReleaseVersion) -> Refusal | None:
    """Why this visitor sees no row of this version; None when they may.

    410 withdrawn, 403 suspended or signed by a revoked key, 503 while the feed is too old. Of safeguarded data 401 for a token that opens
    nothing, and 403 without a grant that counts at this moment: of the signed-in person, or of the token's, where the token names the
    release. It is the same to everybody, but for the person whose own grant does not count any more, who reads why.
    """
    if version.refusal is not None:
        status = 410 if version.state == ReleaseVersion.State.WITHDRAWN else 403
        return Refusal(status, version.refusal, version.state_reason)
    if freshness().refusing:
        return Refusal(503, PAUSED)
    if version.access_level == "open":
        return None
    try:
        asking = visitor(request)
    except TokenRefused:
        return Refusal(401, NO_TOKEN)
    if asking is None:
        return Refusal(403, SAFEGUARDED, apply=True)
    if asking.token is not None and not asking.token.releases.filter(pk=version.release_id).exists():
        return Refusal(403, OTHER_TOKEN)
    grant = grants.live(asking.account, version.release)
    if grant is None:
        if asking.token is not None:
            return Refusal(403, OTHER_TOKEN)
        return Refusal(403, grants.stopped(asking.account, version.release) or SAFEGUARDED, apply=True)
    handouts.opened_by(request, grant, asking.token)
    return None
