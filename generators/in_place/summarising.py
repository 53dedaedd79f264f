"""The summary of a dataset where it lies."""

from __future__ import annotations

from collections.abc import Sequence

from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.in_place.counted import PlaceTable
from generators.in_place.keys import check_keys
from generators.in_place.places import Place
from generators.in_place.views import Holdout, Source
from generators.progress import Progress, silent
from generators.schema import DatasetSchema, TableSchema
from generators.summarising.cross_tabulation import CrossTab
from generators.summarising.summarise import summary_of
from generators.summary import MetadataSummary


def summarise_in_place(
    place: Place,
    schema: DatasetSchema,
    policy: DisclosurePolicy,
    *,
    holdout: Holdout | None = None,
    cross_tabulations: Sequence[CrossTab] = (),
    progress: Progress = silent,
) -> MetadataSummary:
    """The summary that `generators.summarising.summarise.summarise` would make of the place's tables, de-identified and canonical, to the
    last byte.

    schema: of the tables as they lie there, identifiers included; those are not asked for. holdout: who is left out. Raises InputError
    where table, column or keys are not as the schema says, or the place stops answering; DisclosureRefused for too few persons.
    """
    if policy.noisy:
        raise InputError(
            f'the policy "{policy.name}" adds noise, which is done over files alone; extract the tables, or use another policy'
        )
    source = Source.of(place, schema, holdout)
    check_keys(source, progress)
    tables: dict[str, PlaceTable] = {}

    def opened(table: TableSchema) -> PlaceTable:
        return tables.setdefault(table.name, PlaceTable(source, table.name, policy.minimum))

    return summary_of(opened, schema.deidentified(), policy, cross_tabulations=cross_tabulations, workers=1, progress=progress)
