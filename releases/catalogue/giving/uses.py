"""What the data were used for: told of one's own accord, looked at by an access officer, then public. And how many downloads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from releases.catalogue.access import journal
from releases.catalogue.access.permissions import AccessRefused, InputRefused, permit
from releases.catalogue.giving.reports import look_after
from releases.catalogue.models import CatalogueAccount, DownloadCount, RecordedUse, Release

LONGEST = {"what": 400, "who": 200, "link": 400}
_DOI = "https://doi.org/"
_web = URLValidator(schemes=["http", "https"])


@dataclass(frozen=True)
class Usage:
    """How a release is used. months: (first day, whole downloads), oldest first."""

    downloads: int
    months: tuple[tuple[date, int], ...]
    uses: tuple[RecordedUse, ...]
    publications: tuple[RecordedUse, ...]


def tell(release: Release, kind: str, what: str, *, who: str = "", link: str = "") -> RecordedUse:
    """Record a use or a publication; it waits for a look. link: an address, or a DOI. InputRefused names what does not do."""
    given = {name: " ".join(text.replace("\x00", "").split()) for name, text in (("what", what), ("who", who), ("link", link))}
    if kind not in RecordedUse.Kind.values:
        raise InputRefused("Say whether it is a use or a publication.", "kind")
    if not given["what"]:
        raise InputRefused("Say in a sentence what you did, or give the title of the publication.", "what")
    if given["link"].lower().removeprefix("doi:").strip().startswith("10."):
        given["link"] = _DOI + given["link"].lower().removeprefix("doi:").strip()
    for name, longest in LONGEST.items():
        if len(given[name]) > longest:
            raise InputRefused(f"Use at most {longest} characters.", name)
    if given["link"]:
        try:
            _web(given["link"])
        except ValidationError:
            raise InputRefused("Give a web address that begins with https://, or a DOI such as 10.1000/182.", "link") from None
    with transaction.atomic():
        made = RecordedUse.objects.create(release=release, kind=kind, made_at=timezone.now(), **given)
        journal.record(None, "tell use", made, release=release.slug, kind=kind)
    return made


def waiting() -> list[RecordedUse]:
    """Uses nobody has looked at."""
    return list(RecordedUse.objects.filter(decided_at__isnull=True).select_related("release"))


def decide(actor: CatalogueAccount, use: RecordedUse, *, show: bool) -> RecordedUse:
    """An officer lets it be shown, or not."""
    with transaction.atomic():
        officer = permit(look_after, actor)
        use = RecordedUse.objects.select_for_update(of=("self",)).get(pk=use.pk)
        if use.decided_at is not None:
            raise AccessRefused("Somebody has decided on this already.")
        use.shown, use.decided_at, use.decided_by = show, timezone.now(), officer
        use.save()
        journal.record(officer, "show use" if show else "leave use out", use)
    return use


def usage(release: Release) -> Usage:
    """What the public is told of the use of a release, all versions together. Counts of downloads know no address and no name."""
    counts = DownloadCount.objects.filter(version__release=release)
    months = counts.annotate(month=TruncMonth("day")).values("month").annotate(total=Sum("count")).order_by("month")
    by_month = tuple((each["month"], int(each["total"])) for each in months)
    shown = RecordedUse.objects.filter(release=release, shown=True)
    return Usage(
        downloads=sum(total for _, total in by_month),
        months=by_month,
        uses=tuple(shown.filter(kind=RecordedUse.Kind.USE)),
        publications=tuple(shown.filter(kind=RecordedUse.Kind.PUBLICATION)),
    )
