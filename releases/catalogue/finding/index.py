"""Keeping what lists show and search looks through in step with the releases on show."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from releases.capsule import layout
from releases.catalogue.finding import full_text
from releases.catalogue.finding.tokens import tokens
from releases.catalogue.models import FeedPosition, ListedColumns, Listing, ReadyPage, ReleaseVersion, StoredFile
from releases.catalogue.serving import open_tree
from releases.catalogue.serving import store as content
from releases.catalogue.showing import words

FORMAT = 2
"""Of what is written here. A new one makes `mend` write all listings anew."""
AT_ONCE = 200
MOST_TOKENS = 20_000
"""Tokens of one field of one release, and of its code lists, that are kept."""
LONGEST = 200
"""Characters of a value that a list can be narrowed by."""

SIZES = ((1_000, "under-1k"), (100_000, "1k-100k"), (10_000_000, "100k-10m"))
LARGEST = "over-10m"
FIDELITIES = {"structural": "lowest", "publicly-sourced": "low", "privately-sourced": "higher"}
_UNIT = ("unit", "unit_words")
_NO_WORDS = frozenset({"table", "column", "kind", "storage", "nullable", "unique", "decimals", "format", "codes", *_UNIT})


def size(rows: int) -> str:
    """The band of sizes that so many rows fall into."""
    return next((band for most, band in SIZES if rows < most), LARGEST)


def shelve(releases: Iterable[int], store: Path) -> None:
    """Make what lists show of these releases that of their newest version on show; take off those that have none.

    Call it with every change of what is on show, in its transaction. It says itself that pages have changed, and throws away those that
    were made ready of these releases; `open_tree` follows.
    """
    wanted = sorted(set(releases))
    if wanted:
        FeedPosition.changed()  # first: who makes pages ready waits for the end of this, or was done before it
    for start in range(0, len(wanted), AT_ONCE):
        _shelve(wanted[start : start + AT_ONCE], store)


def mend(store: Path) -> int:
    """Shelve what is not listed as this program lists it, after an upgrade for instance; how many releases."""
    shown = ReleaseVersion.objects.on_show()
    listed = Listing.objects.filter(release=OuterRef("release"), made_as=FORMAT)
    stale = ~Q(made_as=FORMAT) | ~Q(version__in=shown)
    wanted = {
        *shown.filter(~Exists(listed)).values_list("release_id", flat=True),
        *Listing.objects.filter(stale).values_list("release_id", flat=True),
    }
    with transaction.atomic():
        shelve(wanted, store)
    return len(wanted)


def _shelve(releases: Sequence[int], store: Path) -> None:
    shown = ReleaseVersion.objects.on_show().filter(release__in=releases).select_related("release").defer("manifest", "attestation")
    newest = {version.release_id: version for version in shown.order_by("version")}
    dictionaries = dict(
        StoredFile.objects.filter(version__in=list(newest.values()), path=layout.DICTIONARY_JSON).values_list("version_id", "sha256")
    )
    columns = {release: _columns(version, dictionaries.get(version.pk), store) for release, version in newest.items()}
    ReadyPage.objects.filter(version__release__in=releases).delete()
    open_tree.follow(releases, store)
    Listing.objects.filter(release__in=releases).delete()
    full_text.remove(set(releases) - set(newest))
    Listing.objects.bulk_create([_listing(version) for version in newest.values()])
    ListedColumns.objects.bulk_create([_listed(release, lines) for release, lines in columns.items()])
    full_text.write((release, _words(version, columns[release])) for release, version in newest.items())


def _listing(version: ReleaseVersion) -> Listing:
    return Listing(
        release_id=version.release_id,
        version=version,
        title_key=unicodedata.normalize("NFKD", version.title).casefold().encode()[:LONGEST],
        row_count=version.row_count,
        published_at=version.published_at,
        subject=version.subject[:LONGEST],
        purpose=version.purpose[:LONGEST],
        tier=version.tier,
        fidelity=version.fidelity,
        access_level=version.access_level,
        data_model=version.data_model[:LONGEST],
        size=size(version.row_count),
        year=str(version.year),
        organisation=version.organisation[:LONGEST],
        made_as=FORMAT,
    )


def _listed(release: int, columns: Sequence[dict[str, Any]]) -> ListedColumns:
    lines = [json.dumps({name: told for name, told in column.items() if name != "tokens"}) for column in columns]
    return ListedColumns(listing_id=release, tokens="\n".join(column["tokens"] for column in columns), lines="\n".join(lines))


def _columns(version: ReleaseVersion, sha256: str | None, store: Path) -> list[dict[str, Any]]:
    """Of each column its name, description, unit, codes, and the tokens of them all between blanks; only names where there is no more."""
    try:
        entries = json.loads(content.place(store, sha256).read_bytes()) if sha256 else []
        lines = [_column(entry) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        lines = []
    return lines or [_column({"column": name}) for name in version.column_names.splitlines()]


def _column(entry: Any) -> dict[str, Any]:
    name = _plain(entry["column"])
    told = " ".join(_plain(value) for key, value in entry.items() if key not in _NO_WORDS and isinstance(value, str))
    codes = [_plain(code) for code in entry.get("codes") or ()]
    code, unit = (_plain(entry.get(key) or "") for key in _UNIT)
    found = list(dict.fromkeys((*tokens(name, humps=True), *(each for text in (told, code, unit, *codes) for each in tokens(text)))))
    return {"name": name, "told": told, "unit": unit, "codes": codes, "tokens": f" {' '.join(found[:MOST_TOKENS])} "}


def _plain(value: Any) -> str:
    return " ".join(str(value).replace("\x00", "").split())


def _words(version: ReleaseVersion, columns: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """The tokens of a release by the fields of `full_text`."""
    names = {each for column in columns for each in tokens(column["name"], humps=True)}
    rest = (each for column in columns for each in column["tokens"].split() if each not in names)
    about = (version.subject, words.purpose(version.purpose), words.tier(version.tier), version.organisation, version.data_model)
    return {
        "title": _most((*tokens(version.title), *tokens(version.release.slug))),
        "columns": _most(sorted(names)),
        "subject": _most(each for text in about for each in tokens(text)),
        "description": _most((*tokens(version.description), *rest)),
    }


def _most(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))[:MOST_TOKENS]
