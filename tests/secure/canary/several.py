"""The same values as a dataset of several tables, sent as one archive, with a broken file in it and a name that must stay inside."""

from __future__ import annotations

from dataclasses import replace

from generators.schema import DatasetSchema, Role
from releases.models import SummaryRecord
from releases.services import sources
from tests.secure import relational
from tests.secure.canary.canaries import IDENTIFIERS, VALUES, CanaryTable
from tests.secure.canary.road import FILE_NAME, STEWARDS_KINDS, Road

PEOPLE = (*IDENTIFIERS, "reference", "sex")
"""Columns of the persons; all others are events."""


def walk_several(road: Road) -> None:
    """People and their events, each in a file of its own; the events' file has the name that must stay inside."""
    steward, table = road.people.steward, road.table
    source = road.source("Canaries, several tables")
    people = CanaryTable({name: table.columns[name] for name in PEOPLE})
    events = CanaryTable({name: values for name, values in table.columns.items() if name not in PEOPLE[1:]})
    content = {"people.csv": people.csv(), FILE_NAME: events.csv()}
    broken = content | {"people.csv": people.csv(people.rows()[:700]) + b"one cell\n"}
    refused = road.sent(source, relational.archive(broken), "all.zip")
    assert refused is not None
    assert "people.csv" in road.ended(refused.runs.get(), "failed").reason
    snapshot = road.profiled(source, relational.archive(content), FILE_NAME.replace(".csv", ".zip"))
    snapshot.refresh_from_db()
    proposed = DatasetSchema.from_dict(snapshot.proposed_schema)
    own = FILE_NAME.removesuffix(".csv")
    tables = []
    for each in proposed.tables:
        columns = []
        for column in each.columns:
            change = {"role": Role.DIRECT_IDENTIFIER if column.name in IDENTIFIERS[1:] else Role.OTHER}
            if column.name in STEWARDS_KINDS:
                change |= {"kind": STEWARDS_KINDS[column.name], "unique": False}
            columns.append(replace(column, **change))
        keys = tuple(replace(key, parent="events" if key.parent == own else key.parent) for key in each.foreign_keys)
        tables.append(
            replace(
                each, name="events" if each.name == own else each.name, columns=tuple(columns), person_key="patient_key", foreign_keys=keys
            )
        )
    schema = DatasetSchema(tuple(tables))
    run = sources.confirm_schema(steward, snapshot, schema=schema, renamed={own: "events"}, published_names=[t.name for t in tables])
    road.ended(run, "succeeded")
    summary = SummaryRecord.objects.get(run=road.summarised(source, "internal"))
    request = relational.described(
        steward, source, "publicly-sourced", ("people.sex", *(f"events.{n}" for n in VALUES if n != "reference"))
    )
    road.evaluated(road.generated(request, "marginal", 1, "succeeded", summary))
    road.read_everything("several tables", ("steward",))
