"""Which common data model the tables of a release follow, told by the names of its tables and columns alone."""

from __future__ import annotations

from generators.schema import DatasetSchema

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
