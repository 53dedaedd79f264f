"""The catalogue's pages. No account, no cookie, nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from releases.capsule import layout, texts
from releases.capsule.manifest import Override
from releases.catalogue import contents, downloads, register, words
from releases.catalogue.freshness import freshness
from releases.catalogue.models import Release, ReleaseVersion, StoredFile
from releases.catalogue.search import SORTS, Search

PER_PAGE = 20
NOT_SHOWN = "Not shown while the release is not given out."


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What is this, and is there something for me?"""
    newest = list(Search().found()[:5])
    figures = {
        "releases": Search().found().count(),
        "register": register.totals(),
        "downloads": ReleaseVersion.objects.on_show().aggregate(total=Sum("downloads__count"))["total"] or 0,
    }
    shown = {"newest": [_hit(version, Search()) for version in newest], "examples": words.EXAMPLE_SEARCHES, "figures": figures}
    return _page(request, "front", "front", shown)


@require_safe
def results(request: HttpRequest) -> HttpResponse:
    """Which releases fit what I asked for?"""
    search = Search.asked(dict(request.GET.lists()))
    page = Paginator(search.found(), PER_PAGE).get_page(request.GET.get("page"))
    filters = [
        ("tier", "How it was made", search.choices("tier")),
        ("purpose", "Made for", search.choices("purpose")),
        ("subject", "Subject", search.choices("subject")),
    ]
    shown = {
        "search": search,
        "page": page,
        "hits": [_hit(version, search) for version in page],
        "filters": filters,
        "filtered": bool(search.text or search.tier or search.purpose or search.subject),
        "sorts": [(code, name, code == search.sort) for code, name in SORTS.items()],
    }
    return _page(request, "results", "results", shown)


@require_safe
def dataset(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest version on show; where there is none, the newest of all, which says why."""
    release = get_object_or_404(Release, slug=slug)
    newest = release.versions.on_show().order_by("-version").first() or release.versions.order_by("-version").first()
    if newest is None:
        raise Http404
    return _dataset_page(request, newest)


@require_safe
def version(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """One version, for citations and links that must not move."""
    return _dataset_page(request, _version(slug, version))


@require_safe
def file(request: HttpRequest, slug: str, version: int, path: str) -> HttpResponseBase:
    """One file of a version, from the store, with ranges."""
    stored = get_object_or_404(StoredFile.objects.select_related("version__release"), version=_version(slug, version), path=path)
    return _refused(request, stored.version) or downloads.response(request, downloads.single(stored))


@require_safe
def capsule(request: HttpRequest, slug: str, version: int) -> HttpResponseBase:
    """All of a version as one zip, with ranges."""
    wanted = _version(slug, version)
    if wanted.manifest == {}:
        raise Http404
    return _refused(request, wanted) or downloads.response(request, downloads.whole(wanted))


@require_safe
def patients(request: HttpRequest) -> HttpResponse:
    """What does this mean for me as a patient?"""
    return _page(request, "patients", "patients", {})


def _version(slug: str, number: int) -> ReleaseVersion:
    return get_object_or_404(ReleaseVersion.objects.select_related("release"), release__slug=slug, version=number)


def _page(request: HttpRequest, name: str, current: str, shown: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"catalogue/{name}.html", {"current": current, "freshness": freshness(), **shown}, status=status)


def _refused(request: HttpRequest, version: ReleaseVersion) -> HttpResponse | None:
    """The page that stands in for a file that is not handed out: 410 withdrawn, 403 others, 503 while the feed is too old."""
    if version.refusal is not None:
        status = 410 if version.state == ReleaseVersion.State.WITHDRAWN else 403
        answer = _page(request, "refused", "results", {"version": version, "reason": version.refusal, "why": version.state_reason}, status)
    elif freshness().refusing:
        reason = "Downloads are paused: this site has not heard from the publisher for too long, and could have missed a withdrawal."
        answer = _page(request, "refused", "results", {"version": version, "reason": reason, "why": ""}, 503)
        answer.headers["Retry-After"] = "600"
    else:
        return None
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _hit(version: ReleaseVersion, search: Search) -> dict[str, Any]:
    return {
        "version": version,
        "tier": words.tier(version.tier),
        "colour": words.TIER_COLOURS.get(version.tier, "grey"),
        "purpose": words.purpose(version.purpose),
        "line": _first_line(version.description),
        "matched": search.matched(version),
    }


def _first_line(text: str) -> str:
    line = text.strip().split("\n")[0]
    return line if len(line) <= 180 else f"{line[:177].rsplit(' ', 1)[0]} …"


def _dataset_page(request: HttpRequest, version: ReleaseVersion) -> HttpResponse:
    everything = list(version.release.versions.order_by("-version"))
    shown: dict[str, Any] = {"version": version, "versions": everything, "tier": words.tier(version.tier), "disclaimer": layout.DISCLAIMER}
    if version.state == ReleaseVersion.State.WITHDRAWN:
        shown["instead"] = version.release.versions.on_show().order_by("-version").first()
        return _page(request, "withdrawn", "results", shown, status=410)
    stored = list(version.files.all())
    data = [each for each in stored if each.role == "data"]
    address = request.build_absolute_uri
    # While it is looked into, what is told about it may be what is wrong with it.
    held = version.state == ReleaseVersion.State.SUSPENDED or version.key_revoked
    report = contents.Measured() if held else contents.measured(version)
    shown |= {
        "colour": words.TIER_COLOURS.get(version.tier, "grey"),
        "tier_summary": words.TIER_SUMMARY.get(version.tier, ""),
        "purpose": words.purpose(version.purpose),
        "licence": texts.licence_name(version.licence),
        "data": data,
        "others": [each for each in stored if each.role != "data"],
        "loading": [(each.table, each.path, address(each.get_absolute_url())) for each in data if each.path.endswith(".parquet")],
        "good_for": words.GOOD_FOR.get(version.tier, ()),
        "not_good_for": words.NOT_GOOD_FOR.get(version.tier, ()),
        "held": held,
        "tables": () if held else contents.tables(version),
        "account": contents.account(version),
        "report": report,
        "how_good": NOT_SHOWN if held else _how_good(version, report),
        "how_safe": NOT_SHOWN if held else _how_safe(version),
        "overrides": _overrides(version),
        "timeline": _timeline(version),
        "signoffs": _signoffs(version),
        "facts": _facts(version),
        "downloaded": version.downloads.aggregate(total=Sum("count"))["total"] or 0,
        "citation": _citation(version, address(version.get_absolute_url())),
    }
    return _page(request, "dataset", "results", shown)


def _how_good(version: ReleaseVersion, report: contents.Measured) -> str:
    if version.tier == "structural":
        return (
            "The columns, their kinds, formats and keys are those of the real table. "
            "The values are not like the real ones, nor meant to be."
        )
    sentences = [words.TIER_SUMMARY.get(version.tier, "")]
    difference, pairs = report.values.get("tvd_mean"), report.values.get("pairwise_accuracy")
    if difference is not None:
        sentences.append(f"On average a column's shares differ from the real ones by {difference:.0%}.")
    if pairs is not None:
        sentences.append(f"Two columns taken together agree to {pairs:.0%}.")
    return " ".join(sentences)


def _how_safe(version: ReleaseVersion) -> str:
    if version.tier == "structural":
        return "Nothing observed in any record went into these data, so they can tell nothing about a person."
    least = contents.minimum(version)
    if version.tier == "publicly-sourced" and least is not None:
        return (
            f"Only aggregate statistics left the hospital, and every figure among them is about at least {least:,} people. "
            "The data were then checked for copied rows and rare values before they were signed off."
        )
    return "The data were tested for what they might give away about a person before they were signed off; the risk is low, never zero."


def _signoffs(version: ReleaseVersion) -> list[dict[str, Any]]:
    return [
        {"who": words.capacity(each["capacity"]), "what": words.decision(each["decision"]), "at": parse_datetime(each["at"])}
        for each in version.attestation.get("signoffs", [])
    ]


def _overrides(version: ReleaseVersion) -> list[str]:
    """What was not met, and why it was released all the same."""
    return [Override(**each).sentence for each in version.manifest.get("overrides", [])]


def _timeline(version: ReleaseVersion) -> list[dict[str, Any]]:
    """What happened when: made, signed off, published, and what notices said since."""
    lines: list[dict[str, Any]] = []
    for event in version.manifest.get("history", []):
        lines.append({"what": event["what"][:1].upper() + event["what"][1:], "at": _moment(event["at"])})
    lines += [{"what": f"{each['what']} by {each['who']}", "at": each["at"]} for each in _signoffs(version)]
    lines.append({"what": "Signed and published", "at": version.published_at})
    if version.reaudited_at:
        lines.append({"what": "Audited again", "at": version.reaudited_at})
    if version.state == ReleaseVersion.State.SUSPENDED:
        lines.append({"what": "Suspended", "at": version.state_at})
    return lines


def _moment(text: str) -> Any:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _facts(version: ReleaseVersion) -> list[tuple[str, str]]:
    made = version.made
    policy = made.get("disclosure_policy")
    return [
        ("Generator", f"{made.get('generator')} {made.get('version')}"),
        ("Mechanism (SHA-256)", str(made.get("mechanism_digest"))),
        ("Seed", str(made.get("seed"))),
        ("Versions generated before this one was chosen", str(made.get("attempts", 1))),
        ("Disclosure policy", str(policy) if policy else "none needed: nothing observed went in"),
        ("Release policy", str(version.attestation.get("release_policy"))),
        ("Evidence that was signed off (SHA-256)", str(version.attestation.get("evidence_digest"))),
        ("Manifest (SHA-256)", version.manifest_sha256),
        ("Signed with key", version.key_id),
    ]


def _citation(version: ReleaseVersion, address: str) -> str:
    year = version.published_at.year
    return (
        f"{version.title}, version {version.version} [synthetic dataset]. {year}. {address} (manifest SHA-256 {version.manifest_sha256})."
    )
