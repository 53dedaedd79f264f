"""How to load a release: every line for every table, the whole of it, the examples, and whether a real table would fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.serving import store
from releases.catalogue.showing import loading
from releases.catalogue.showing.loading import Snippet
from releases.catalogue.views.files import refused, version_of
from releases.catalogue.views.pages import page

LONGEST_EXAMPLE = 32 * 1024
"""Bytes of a script that is shown."""


@require_safe
def load(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """The page of lines to copy."""
    wanted = version_of(slug, version)
    if (answer := refused(request, wanted)) is not None:
        return answer
    stored = list(wanted.files.all())
    first = next((each for each in stored if each.path.endswith(".parquet")), None)
    records = _address(request, "croissant", wanted)
    scripts = [each for each in stored if each.role == "example" and each.size <= LONGEST_EXAMPLE]
    shown = {
        "version": wanted,
        "loading": snippets_of(request, stored),
        "croissant": loading.croissant(records, first.table) if first and records else None,
        "everything": _everything(request, wanted),
        "examples": [(f"example-{number}", each, _text(each)) for number, each in enumerate(scripts, 1)],
    }
    return page(request, "load", "results", shown)


def snippets_of(request: HttpRequest, stored: Sequence[StoredFile]) -> list[tuple[str, tuple[Snippet, ...]]]:
    """Each table with the lines that load it."""
    csv = {each.table: each for each in stored if each.path.endswith(".csv")}
    parquet = [each for each in stored if each.role == "data" and each.path.endswith(".parquet")]
    absolute = request.build_absolute_uri
    return [(each.table, loading.snippets(number, each, csv.get(each.table), absolute)) for number, each in enumerate(parquet, 1)]


def _address(request: HttpRequest, name: str, version: ReleaseVersion) -> str:
    """The whole address of one of the standards' files, "" where this site has none."""
    try:
        return request.build_absolute_uri(reverse(f"catalogue:{name}", args=[version.release.slug, version.version]))
    except NoReverseMatch:
        return ""


def _everything(request: HttpRequest, version: ReleaseVersion) -> str:
    sums = _address(request, "sums", version)
    return loading.everything(sums, request.build_absolute_uri(f"{version.get_absolute_url()}files/")) if sums else ""


def _text(stored: StoredFile) -> str:
    try:
        return store.place(Path(settings.SYNTHPORTAL_STORE), stored.sha256).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
