"""What goes in and out of the interface."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, create_model

from releases.catalogue.finding.search import SORTS
from releases.catalogue.finding.tokens import LONGEST_TEXT
from releases.catalogue.models.listings import FACETS

MOST = 100
"""Entries of one answer."""
FURTHEST = 100_000
"""The largest offset: whoever wants everything takes the feed or OAI-PMH."""


def _sort(value: str) -> str:
    if value and value not in SORTS:
        raise ValueError(f"one of: {', '.join(SORTS)}")
    return value


class Strict(Schema):
    """What is asked: a parameter that is not known is refused rather than overlooked."""

    model_config = ConfigDict(extra="forbid")


class Stretch(Strict):
    limit: int = Field(20, ge=1, le=MOST, description="How many.")
    offset: int = Field(0, ge=0, le=FURTHEST, description="How many to pass over.")


_Value = Annotated[str, Field(max_length=LONGEST_TEXT)]
_FILTERS: dict[str, Any] = {
    "q": (_Value, Field("", description="Words, a column's name or a code.")),
    **{
        name: (list[_Value], Field(default_factory=list, max_length=50, description="As /facets has it; may be repeated."))
        for name in FACETS
    },
}
Filters = create_model("Filters", __base__=Strict, **_FILTERS)


class Asked(Filters, Stretch):  # type: ignore[misc,valid-type] # made from the facets
    sort: Annotated[str, AfterValidator(_sort)] = Field("", json_schema_extra={"enum": ["", *SORTS]})


class RowsAsked(Stretch):
    table: str = Field("", max_length=500, description="A table's name; the first where it is left out.")


class ChoiceOut(Schema):
    value: str
    name: str
    releases: int = Field(description="Releases that have this value and all else that was asked for.")


class FacetOut(Schema):
    name: str
    heading: str
    values: list[ChoiceOut]


class HitOut(Schema):
    slug: str
    version: int
    title: str
    description: str
    subject: str
    purpose: str
    tier: str
    access_level: str
    organisation: str
    data_model: str
    licence: str
    rows: int
    columns: int
    published_at: datetime
    address: str = Field(description="The page; the same address gives other formats by its Accept header.")


class FoundOut(Schema):
    total: int
    limit: int
    offset: int
    next: str | None = Field(description="The address of what follows; null at the end.")
    releases: list[HitOut]


class VersionLine(Schema):
    version: int
    state: str = Field(description="published, suspended or withdrawn")
    state_at: datetime
    reason: str
    published_at: datetime
    address: str


class ReleaseOut(Schema):
    slug: str
    title: str
    newest: int | None = Field(description="The newest version on show; null when none is.")
    versions: list[VersionLine]


class FileOut(Schema):
    path: str
    address: str
    size: int
    sha256: str
    media_type: str
    role: str
    table: str
    rows: int | None


class ColumnOut(Schema):
    table: str
    name: str
    kind: str
    storage: str
    nullable: bool
    unique: bool
    description: str
    format: str
    codes: list[str]
    code_system: str
    unit: str = Field(description="Of a number: a UCUM code; empty where none is known.")
    unit_words: str = Field(description="The unit as people read it.")


class VersionOut(HitOut):
    state: str
    refusal: str | None = Field(description="Why nothing of it is handed out to everybody; null when it is.")
    disclaimer: str
    made: dict[str, Any]
    manifest_sha256: str
    doi: str = Field(description="Empty until one is recorded.")
    citation: str
    formats: dict[str, str] = Field(description="Addresses of its description in other formats.")
    files: int
    zip: str


class FilesOut(Schema):
    files: list[FileOut]


class ColumnsOut(Schema):
    total: int
    limit: int
    offset: int
    columns: list[ColumnOut]


class RowsOut(Schema):
    table: str
    total: int
    limit: int
    offset: int
    columns: list[str]
    rows: list[list[str | None]] = Field(description="Cells as text, long ones cut; null is missing. The files have them whole.")
    disclaimer: str


class NoticesAsked(Stretch):
    after: int = Field(0, ge=0, le=10**8, description="Only notices with a larger number: the largest one seen so far.")


class NoticeOut(Schema):
    sequence: int = Field(description="The notice's number in the publisher's feed; they count from 1 without a gap.")
    kind: str = Field(description="published (again, after suspended), suspended, withdrawn or re-audited")
    at: datetime = Field(description="When, by the publisher's word.")
    reason: str
    slug: str
    version: int
    title: str
    state: str = Field(description="How the version stands now: published, suspended or withdrawn.")
    address: str
    sha256: str = Field(description="Of the signed notice as it lies in the feed; the next notice names it.")
    key_id: str


class NoticesOut(Schema):
    total: int
    limit: int
    offset: int
    next: str | None
    notices: list[NoticeOut]


class RegisterOut(Schema):
    at: datetime
    statement: dict[str, Any]
    key_id: str
    envelope: dict[str, Any] = Field(description="As the publisher signed it (DSSE).")


class Problem(Schema):
    type: str
    title: str
    status: int
    detail: str = Field(description="A sentence for people.")
