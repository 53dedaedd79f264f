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
from releases.catalogue.standards.data_holder import DataHolder, Facts, written_in

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True)
class Site:
    """Who hands the releases on. address: without a slash at its end; contact: an e-mail address, or ""; holder: said as a data holder."""

    address: str
    name: str
    publisher: str
    contact: str
    country: str
    holder: DataHolder

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
    """A column. storage: its Arrow type in Parquet; format: how CSV writes dates (strptime), or a public pattern of identifiers.

    unit: a UCUM code, or ""; unit_words: as people read it.
    """

    name: str
    kind: str
    storage: str
    nullable: bool
    unique: bool
    description: str
    format: str
    codes: tuple[str, ...]
    code_system: str
    unit: str
    unit_words: str


@dataclass(frozen=True)
class Reference:
    """`columns` refer to `parent_columns` of table `parent`."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table. people: how many synthetic people it holds, where it has one row of each; None where that is not known."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    references: tuple[Reference, ...]
    parquet: File | None
    csv: File | None
    people: int | None = None


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
    doi: str
    held: str

    @property
    def permanent(self) -> str:
        """The address to cite: its DOI's, where it has one."""
        return f"https://doi.org/{self.doi}" if self.doi else self.address

    @property
    def facts(self) -> Facts:
        """What the site says of it as a data holder."""
        return self.site.holder.facts(self.slug, self.subject)

    @property
    def home(self) -> str:
        """The page of the organisation, where the site knows one."""
        return self.site.holder.organisations.get(self.organisation, "")

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
        return f"{self.organisation} ({self.issued.year}). {self.title}, version {self.version} [synthetic dataset]. {self.permanent}"


def site(request: HttpRequest) -> Site:
    """This site as others know it: by the setting, or else by the address it was asked at."""
    return site_at(settings.SYNTHPORTAL_PERMANENT_URL or request.build_absolute_uri("/").rstrip("/"))


def site_at(address: str) -> Site:
    """This site at that address, which ends without a slash."""
    publisher = settings.SYNTHPORTAL_PUBLISHER or "Synthetic data catalogue"
    holder = written_in(settings.SYNTHPORTAL_DATA_HOLDER)
    return Site(address, "Synthetic data catalogue", publisher, settings.SYNTHPORTAL_CONTACT, settings.SYNTHPORTAL_COUNTRY, holder)


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
        tables=_tables(contents.parsed(_one(stored, layout.SCHEMA)), files, _unit_words(stored)) if with_tables and not held else (),
        made=version.made,
        signoffs=tuple((words.capacity(each["capacity"]), str(each["at"])) for each in version.attestation.get("signoffs", [])),
        limits=tuple(words.NOT_GOOD_FOR.get(version.tier, ())),
        manifest_sha256=version.manifest_sha256,
        doi=version.doi,
        held=(version.refusal or "") if held else "",
    )


def modified(version: ReleaseVersion) -> datetime:
    """When something about the version last changed: published, suspended, resumed, withdrawn, audited again, given a DOI."""
    return max(each for each in (version.published_at, version.state_at, version.reaudited_at, version.doi_at) if each is not None)


def _one(stored: Sequence[StoredFile], path: str) -> StoredFile | None:
    return next((each for each in stored if each.path == path), None)


def _unit_words(stored: Sequence[StoredFile]) -> dict[str, str]:
    """Units as people read them, by code: the dictionary tells."""
    entries = contents.parsed(_one(stored, layout.DICTIONARY_JSON))
    told = (each for each in entries if isinstance(each, Mapping)) if isinstance(entries, list) else ()
    return {str(each["unit"]): line(each.get("unit_words") or "") for each in told if each.get("unit")}


def _file(stored: StoredFile, at: Site, version: ReleaseVersion) -> File:
    address = at.at(reverse("catalogue:file", args=[version.release.slug, version.version, stored.path]))
    return File(stored.path, address, stored.size, stored.sha256, stored.media_type, stored.role, stored.table, stored.row_count)


def _tables(schema: Any, files: Sequence[File], unit_words: Mapping[str, str]) -> tuple[Table, ...]:
    """From schema.json, by a program of another zone and perhaps another version: a part that is not as expected is left out."""
    found = []
    for raw in schema.get("tables", []) if isinstance(schema, Mapping) else []:
        try:
            name = str(raw["name"])
            data = {each.path.rsplit(".", 1)[-1]: each for each in files if each.role == "data" and each.table == name}
            columns = tuple(_column(each, unit_words) for each in raw["columns"])
            references = tuple(
                Reference(_texts(each["columns"]), str(each["parent"]), _texts(each["parent_columns"]))
                for each in raw.get("foreign_keys") or ()
            )
            key = _texts(raw.get("primary_key") or ())
            one_each = raw.get("person_key") and key == (raw["person_key"],)
        except (KeyError, TypeError, AttributeError):
            continue
        parquet = data.get("parquet")
        found.append(Table(name, columns, key, references, parquet, data.get("csv"), parquet.rows if parquet and one_each else None))
    return tuple(found)


def _column(raw: Mapping[str, Any], unit_words: Mapping[str, str]) -> Column:
    unit = line(raw.get("unit") or "")
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
        unit=unit,
        unit_words=unit_words.get(unit) or unit,
    )


def _texts(raw: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(each) for each in raw)
