"""How to load a release: every line for every table, the whole of it, the examples, and whether a real table would fit."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.serving import store
from releases.catalogue.serving.kept_pages import for_everybody
from releases.catalogue.showing import loading
from releases.catalogue.showing.loading import Snippet
from releases.catalogue.views.files import refused, version_of
from releases.catalogue.views.pages import page

LONGEST_EXAMPLE = 32 * 1024
"""Bytes of a script that is shown."""


@for_everybody
@require_safe
def load(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """The page of lines to copy."""
    wanted = version_of(slug, version)
    if (answer := refused(request, wanted)) is not None:
        return answer
    stored = list(wanted.files.all())
    first = next((each for each in stored if each.role == "data" and each.path.endswith(".parquet")), None)
    by_token = wanted.access_level != "open"
    records = _address(request, wanted, "croissant.json")
    files_address = request.build_absolute_uri(f"{wanted.get_absolute_url()}files/")
    scripts = [each for each in stored if each.role == "example" and each.size <= LONGEST_EXAMPLE]
    shown = {
        "version": wanted,
        "loading": snippets_of(request, stored),
        "croissant": loading.croissant(records, first, request.build_absolute_uri, by_token=by_token) if first else None,
        "by_token": by_token,
        "everything": loading.everything(_address(request, wanted, "SHA256SUMS"), files_address, by_token=by_token),
        "examples": [(f"example-{number}", each, _text(each)) for number, each in enumerate(scripts, 1)],
    }
    return page(request, "load", "results", shown)


def snippets_of(request: HttpRequest, stored: Sequence[StoredFile]) -> list[tuple[str, tuple[Snippet, ...]]]:
    """Each table with the lines that load it."""
    csv = {each.table: each for each in stored if each.path.endswith(".csv")}
    parquet = [each for each in stored if each.role == "data" and each.path.endswith(".parquet")]
    return [
        (
            each.table,
            loading.snippets(number, each, csv.get(each.table), request.build_absolute_uri, by_token=each.version.access_level != "open"),
        )
        for number, each in enumerate(parquet, 1)
    ]


def _address(request: HttpRequest, version: ReleaseVersion, name: str) -> str:
    """The whole address of one of the forms the version is described in."""
    return request.build_absolute_uri(reverse("catalogue:format", args=[version.release.slug, version.version, name]))


def _text(stored: StoredFile) -> str:
    try:
        with store.opened(stored) as stream:
            return stream.read().decode("utf-8")
    except (OSError, ValueError):
        return ""
