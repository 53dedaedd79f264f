"""Which common data model the tables of a release follow: recognised by the names of tables and columns alone, or said by a steward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators.errors import InputError
from generators.schema import DatasetSchema

if TYPE_CHECKING:
    from releases.models import Snapshot

KNOWN = (
    "OMOP CDM 5.4",
    "OMOP CDM 5.3",
    "FHIR R4, flattened to tables",
    "FHIR UK Core, flattened to tables",
    "Hospital Episode Statistics (HES)",
    "Emergency Care Data Set (ECDS)",
    "CDISC SDTM",
    "PCORnet CDM",
    "i2b2",
    "MIMIC-IV",
)
"""Models to choose from; a steward may name another."""
LONGEST = 100
"""Characters of a model's name."""

_OMOP = frozenset(
    "person observation_period visit_occurrence visit_detail condition_occurrence drug_exposure procedure_occurrence device_exposure "
    "measurement observation death note specimen episode location care_site provider payer_plan_period cost drug_era dose_era "
    "condition_era concept vocabulary domain concept_class concept_relationship relationship concept_synonym concept_ancestor".split()
)
_OMOP_5_4 = {("visit_occurrence", "admitted_from_concept_id"), ("visit_occurrence", "discharged_to_concept_id"), ("episode", "episode_id")}
_OMOP_5_3 = {("visit_occurrence", "admitting_source_concept_id"), ("visit_occurrence", "discharge_to_concept_id")}


def recognised(schema: DatasetSchema) -> str:
    """ "OMOP CDM 5.4", "OMOP CDM 5.3", "OMOP CDM" where its version cannot be told from the columns released, or "".

    A dataset follows the model when most of its tables bear the model's names and at least one of them its concepts: a single table
    called "person" or "location" does not make it one.
    """
    columns = {(table.name.lower(), column.name.lower()) for table in schema.tables for column in table.columns}
    named = {table.name.lower() for table in schema.tables} & _OMOP
    concepts = {table for table, column in columns if table in named and column.endswith("_concept_id")}
    if not concepts or 2 * len(named) <= len(schema.tables):
        return ""
    if columns & _OMOP_5_4:
        return "OMOP CDM 5.4"
    return "OMOP CDM 5.3" if columns & _OMOP_5_3 else "OMOP CDM"


def followed(snapshot: Snapshot, released: DatasetSchema) -> str:
    """The model that tables made from `snapshot` follow: as its steward said, else as the names that are `released` tell."""
    return recognised(released) if snapshot.data_model is None else snapshot.data_model


def proposed(snapshot: Snapshot, schema: DatasetSchema) -> str:
    """What to offer the steward of `snapshot`: what was said of it, or of the one before; else what the names of `schema` tell."""
    if snapshot.data_model is not None:
        return snapshot.data_model
    earlier = said_before(snapshot)
    return recognised(schema) if earlier is None else earlier


def said_before(snapshot: Snapshot) -> str | None:
    """What a steward said of the newest earlier snapshot that was confirmed; None where nobody said anything."""
    earlier = snapshot.source.snapshots.filter(number__lt=snapshot.number, confirmed_at__isnull=False).order_by("-number").first()
    return None if earlier is None else earlier.data_model


def understood(text: str) -> str:
    """A model's name as it is published: one of `KNOWN` however it is spelt, or the text on one line; "" for the hospital's own.

    InputError when it is too long or no text.
    """
    name = " ".join(text.split())
    if len(name) > LONGEST:
        raise InputError(f"the name of the data model is longer than {LONGEST} characters")
    if not name.isprintable():
        raise InputError("the name of the data model holds signs that cannot be printed; type it anew")
    return next((known for known in KNOWN if known.casefold() == name.casefold()), name)
