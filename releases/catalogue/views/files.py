"""Files of a version, and all of it as one zip."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.serving import downloads
from releases.catalogue.views.pages import page
from releases.catalogue.visitors import refused_rows


@require_safe
def file(request: HttpRequest, slug: str, version: int, path: str) -> HttpResponseBase:
    """One file of a version, from the store, with ranges."""
    wanted = version_of(slug, version)
    if (answer := refused(request, wanted)) is not None:
        return answer  # asked first: what is refused does not tell which files there are
    stored = get_object_or_404(StoredFile.objects.select_related("version__release"), version=wanted, path=path)
    return downloads.response(request, downloads.single(stored))


@require_safe
def capsule(request: HttpRequest, slug: str, version: int) -> HttpResponseBase:
    """All of a version as one zip, with ranges."""
    wanted = version_of(slug, version)
    if wanted.manifest == {}:
        raise Http404
    return refused(request, wanted) or downloads.response(request, downloads.whole(wanted))


def version_of(slug: str, number: int) -> ReleaseVersion:
    """That version; 404 where there is none."""
    return get_object_or_404(ReleaseVersion.objects.select_related("release"), release__slug=slug, version=number)


def refused(request: HttpRequest, version: ReleaseVersion) -> HttpResponse | None:
    """The page that stands in for a file that is not handed out."""
    refusal = refused_rows(request, version)
    if refusal is None:
        return None
    shown = {"version": version, "reason": refusal.reason, "why": refusal.why, "apply": refusal.apply}
    answer = page(request, "refused", "results", shown, refusal.status)
    answer.headers["Cache-Control"] = "no-store"
    if refusal.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if refusal.status == 503:
        answer.headers["Retry-After"] = "600"
    return answer
