"""Which rows a version is to hold: as somebody writes it on the page, as runs store it, and as it is told. No record is read for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.encoding.categories import spelled
from generators.encoding.conditions import Wanted
from generators.errors import InputError
from generators.fitting.conditions import Conditions
from generators.fitting.controls import column_named
from generators.schema import DatasetSchema, Kind
from releases import stored
from releases.models import Run, Snapshot, SyntheticVersion

ASKED = ("given", "balance", "oversample")
SHOWN = 20
"""Values that a refusal lists, at most."""


def read_lines(text: str) -> dict[str, str]:
    """``sex = F`` in each line → by column what was written; InputError for a line that is none, or a column that comes twice."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name:
            raise InputError("write a column, an equals sign and what is wanted in each line, such as sex = F")
        if name in found:
            raise InputError(f'"{name}" comes twice; write all that is wanted of it in one line')
        found[name] = value
    return found


def as_dict(conditions: Conditions) -> dict[str, dict[str, str]]:
    """As the parameters of a run hold it; nothing of what was not asked."""
    return {name: dict(getattr(conditions, name)) for name in ASKED if getattr(conditions, name)}


def from_dict(raw: Mapping[str, Any]) -> Conditions:
    """What `as_dict` gave."""
    return Conditions(**{name: {str(k): str(v) for k, v in raw[name].items()} for name in ASKED if name in raw})


def of_run(run: Run) -> Conditions:
    """What the rows must meet that come of this run."""
    if run.kind == Run.Kind.EVALUATE and run.version is not None:
        return of_version(run.version)
    asked = run.parameters.get("generation", run.parameters)
    return from_dict(asked.get("conditions", {}))


def of_version(version: SyntheticVersion) -> Conditions:
    """What the rows of a version meet, as its mechanism says."""
    return Conditions.of({str(name): str(value) for name, value in (version.mechanism or {}).get("parameters", ())})


def told(conditions: Conditions) -> str:
    """`only rows with sex = F were made; …`, as the first words of a line; empty where nothing was asked."""
    words = "; ".join(conditions.sentences())
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def check(conditions: Conditions, schema: DatasetSchema, snapshot: Snapshot) -> None:
    """InputError names what the schema or a released summary shows to be wrong; whether enough rows meet it, only the model can tell."""
    conditions.check(schema)
    released = None
    for what in ASKED:
        for named, typed in getattr(conditions, what).items():
            table, column = column_named(named, schema)
            if table.column(column).kind is not Kind.CATEGORICAL:
                continue
            if what == "given":
                words = Wanted.parse(typed).values
            else:
                words = tuple(piece.rpartition(":")[0].strip() for piece in typed.split("|"))
            released = _released(snapshot) if released is None else released
            known = released.get((table.name, column), set())
            if known and (strange := [word for word in words if word and word not in known]):
                others = ", ".join(sorted(known)[:SHOWN]) + (" …" if len(known) > SHOWN else "")
                raise InputError(f'"{named}": "{strange[0]}" is none of its released values, which are: {others}')


def _released(snapshot: Snapshot) -> dict[tuple[str, str], set[str]]:
    """The categories of each column that the newest summary tells one by one; none of a summary that withholds what a model may know."""
    for record in snapshot.summaries.order_by("-made_at"):
        policy = DisclosurePolicy.from_dict(record.policy)
        if policy.epsilon is None and policy.minimum <= POLICIES["internal"].minimum:
            return {
                (table.name, column.name): {spelled(cell.value) for cell in (*column.distribution.values, *column.sentinels)}
                for table in stored.summary(record).tables
                for column in table.columns
                if not column.distribution.rolled
            }
    return {}
