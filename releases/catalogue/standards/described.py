"""One description of a version, from which every format is written. Nothing here computes anything from data.

Texts lose the few characters that no XML, TeX or RIS file may hold; escaping is each format's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from releases.capsule import layout, texts
from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.showing import contents, words

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True)
class Site:
    """Who hands the releases on. address: without a slash at its end; contact: an e-mail address, or "" ."""

    address: str
    name: str
    publisher: str
    contact: str
    country: str

    def at(self, path: str) -> str:
        """The whole address of a path of this site."""
        return f"{self.address}{path}"


@dataclass(frozen=True)
class File:
    """A file behind its permanent address. table: "" where it is no table's; rows: of data."""

    path: str
    address: str
    size: int
    sha256: str
    media_type: str
    role: str
    table: str
    rows: int | None


@dataclass(frozen=True)
class Column:
    """A column. storage: its Arrow type in Parquet; format: how CSV writes dates (strptime), or a public pattern of identifiers."""

    name: str
    kind: str
    storage: str
    nullable: bool
    unique: bool
    description: str
    format: str
    codes: tuple[str, ...]
    code_system: str


@dataclass(frozen=True)
class Reference:
    """`columns` refer to `parent_columns` of table `parent`."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    references: tuple[Reference, ...]
    parquet: File | None
    csv: File | None


@dataclass(frozen=True)
class Described:
    """A version. organisation: the data controller, or the site's publisher where the capsule names none; tables: () while it is held."""

    site: Site
    slug: str
    version: int
    address: str
    dataset_address: str
    title: str
    description: str
    subject: str
    purpose: str
    made_for: str
    tier: str
    how: str
    keywords: tuple[str, ...]
    open: bool
    licence: str
    licence_name: str
    licence_address: str
    organisation: str
    data_model: str
    issued: datetime
    modified: datetime
    rows: int
    files: tuple[File, ...]
    tables: tuple[Table, ...]
    made: Mapping[str, Any]
    signoffs: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    manifest_sha256: str
    held: str

    @property
    def data(self) -> tuple[File, ...]:
        """The tables' files."""
        return tuple(each for each in self.files if each.role == "data")

    @property
    def abstract(self) -> str:
        """The description with what nobody may overlook: that it is synthetic, how it was made, what does not hold."""
        held = f" {self.held}" if self.held else ""
        return "\n\n".join(part for part in (self.description, f"{self.how} {layout.DISCLAIMER}{held}") if part)

    @property
    def provenance(self) -> str:
        """How it was made, in a sentence or two."""
        made = self.made
        went_in = f"under the disclosure policy “{made['disclosure_policy']}”" if made.get("disclosure_policy") else ""
        return clean(f"{self.how} Generator {made.get('generator')} {made.get('version')}, seed {made.get('seed')} {went_in}".strip()) + "."

    @property
    def citation(self) -> str:
        """One line to cite it by."""
        return f"{self.organisation} ({self.issued.year}). {self.title}, version {self.version} [synthetic dataset]. {self.address}"


def site(request: HttpRequest) -> Site:
    """This site as others know it: by the setting, or else by the address it was asked at."""
    address = settings.SYNTHPORTAL_PERMANENT_URL or request.build_absolute_uri("/").rstrip("/")
    publisher = settings.SYNTHPORTAL_PUBLISHER or "Synthetic data catalogue"
    return Site(address, "Synthetic data catalogue", publisher, settings.SYNTHPORTAL_CONTACT, settings.SYNTHPORTAL_COUNTRY)


def clean(text: object) -> str:
    """`text` without characters that some format cannot hold."""
    return _UNWRITABLE.sub("", str(text).replace("\r\n", "\n").replace("\r", "\n"))


def line(text: object) -> str:
    """`text` on one line."""
    return " ".join(clean(text).split())


def described(version: ReleaseVersion, at: Site, *, with_tables: bool = True) -> Described:
    """The description of a version; with_tables: read its schema from the store as well."""
    stored = list(version.files.all())
    files = tuple(_file(each, at, version) for each in stored)
    held = version.withheld
    name, address = version.licence_link or (texts.licence_name(version.licence), "")
    keywords = [version.subject, words.purpose(version.purpose), words.tier(version.tier), version.data_model, "synthetic data", "health"]
    return Described(
        site=at,
        slug=version.release.slug,
        version=version.version,
        address=at.at(version.get_absolute_url()),
        dataset_address=at.at(version.release.get_absolute_url()),
        title=line(version.title),
        description=clean(version.description).strip(),
        subject=line(version.subject),
        purpose=line(words.purpose(version.purpose)),
        made_for=version.purpose,
        tier=version.tier,
        how=words.TIER_SUMMARY.get(version.tier, ""),
        keywords=tuple(dict.fromkeys(line(each) for each in keywords if each)),
        open=version.access_level == "open",
        licence=line(version.licence),
        licence_name=line(name),
        licence_address=address,
        organisation=line(version.organisation) or at.publisher,
        data_model=line(version.data_model),
        issued=version.published_at,
        modified=modified(version),
        rows=version.row_count,
        files=files,
        tables=_tables(contents.parsed(_schema(stored)), files) if with_tables and not held else (),
        made=version.made,
        signoffs=tuple((words.capacity(each["capacity"]), str(each["at"])) for each in version.attestation.get("signoffs", [])),
        limits=tuple(words.NOT_GOOD_FOR.get(version.tier, ())),
        manifest_sha256=version.manifest_sha256,
        held=(version.refusal or "") if held else "",
    )


def modified(version: ReleaseVersion) -> datetime:
    """When something about the version last changed: published, suspended, resumed, withdrawn, audited again."""
    return max(each for each in (version.published_at, version.state_at, version.reaudited_at) if each is not None)


def _schema(stored: Sequence[StoredFile]) -> StoredFile | None:
    return next((each for each in stored if each.path == layout.SCHEMA), None)


def _file(stored: StoredFile, at: Site, version: ReleaseVersion) -> File:
    address = at.at(reverse("catalogue:file", args=[version.release.slug, version.version, stored.path]))
    return File(stored.path, address, stored.size, stored.sha256, stored.media_type, stored.role, stored.table, stored.row_count)


def _tables(schema: Any, files: Sequence[File]) -> tuple[Table, ...]:
    """From schema.json, by a program of another zone and perhaps another version: a part that is not as expected is left out."""
    found = []
    for raw in schema.get("tables", []) if isinstance(schema, Mapping) else []:
        try:
            name = str(raw["name"])
            data = {each.path.rsplit(".", 1)[-1]: each for each in files if each.role == "data" and each.table == name}
            columns = tuple(_column(each) for each in raw["columns"])
            references = tuple(
                Reference(_texts(each["columns"]), str(each["parent"]), _texts(each["parent_columns"]))
                for each in raw.get("foreign_keys") or ()
            )
            key = _texts(raw.get("primary_key") or ())
        except (KeyError, TypeError, AttributeError):
            continue
        found.append(Table(name, columns, key, references, data.get("parquet"), data.get("csv")))
    return tuple(found)


def _column(raw: Mapping[str, Any]) -> Column:
    return Column(
        name=str(raw["name"]),
        kind=str(raw["kind"]),
        storage=str(raw.get("issued") or raw.get("storage") or "string"),
        nullable=bool(raw.get("nullable", True)),
        unique=bool(raw.get("unique", False)),
        description=line(raw.get("description") or ""),
        format=str(raw.get("format") or ""),
        codes=_texts(raw.get("codes") or ()),
        code_system=str(raw.get("code_system") or ""),
    )


def _texts(raw: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(each) for each in raw)
