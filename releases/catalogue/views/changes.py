"""What changed between the versions of a release."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from releases.catalogue.models import ReleaseVersion
from releases.catalogue.serving.kept_pages import for_everybody
from releases.catalogue.showing import changes
from releases.catalogue.views.pages import page


@for_everybody
@require_safe
def log(request: HttpRequest, slug: str) -> HttpResponse:
    """All versions, the newest first, each with what it changed."""
    versions = list(ReleaseVersion.objects.filter(release__slug=slug).select_related("release").order_by("-version"))
    if not versions:
        raise Http404
    return page(request, "changes", "results", {"newest": versions[0], "steps": changes.steps(versions)})
