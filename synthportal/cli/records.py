"""Records on the command line: read a DATA argument, confirm its schema, de-identify it as the portal does."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.reading import tables
from generators.reading.dataset import Dataset, Finding
from generators.rules.checks import check_data
from generators.schema import DatasetSchema, TableSchema
from generators.working_copy import deidentify as deidentification
from generators.working_copy.relations import check_keys
from synthportal.cli.outcome import say


@dataclass(frozen=True)
class Deidentified:
    """Tables without direct identifiers, keys as tokens: what summaries, generators and evaluations get."""

    schema: DatasetSchema
    paths: dict[str, Path]
    rows: dict[str, int]


def read(
    data: Path, work: Path, progress: Progress, *, schema: DatasetSchema | None = None, person: str | None = None, whole: bool = False
) -> Dataset:
    """DATA in canonical Parquet under `work`, with the given schema or the proposed one; InputError where the keys do not hold.

    whole: DATA are not one side of a split, so that every reference must lead somewhere.
    """
    if schema is not None:
        confirmed = schema if person is None else with_person(schema, person)
        dataset = tables.read_dataset(data, work / "read", schema=confirmed, progress=progress)
    else:
        dataset = tables.read_dataset(data, work / "read", progress=progress)
        dataset = dataset if person is None else replace(dataset, schema=with_person(dataset.schema, person))
    if len(dataset.tables) > 1:
        check_keys(dataset, dataset.schema, part=not whole)
    return dataset if schema is None else replace(dataset, findings=(*dataset.findings, *_rules_broken(dataset)))


def _rules_broken(dataset: Dataset) -> list[Finding]:
    """Warnings about the rules of a confirmed schema that the records break. InputError for a rule that names a missing column."""
    return [f for t in dataset.tables for f in check_data(t.path, dataset.schema.table(t.name), POLICIES["internal"])]


def say_warnings(dataset: Dataset, *notes: str) -> None:
    """The warnings of reading, and others, one line each. Said when the work is done: bad input gets its one line and no other."""
    for finding in dataset.findings:
        if finding.level == "warning":
            place = f'column "{finding.column}" of table "{finding.table}"' if finding.column else f'table "{finding.table}"'
            say(f"warning: {place}: {finding.message}")
    for note in notes:
        say(f"warning: {note}")


def with_person(schema: DatasetSchema, column: str) -> DatasetSchema:
    """`schema` with `column` as the person key of every table that has it; InputError when none has."""
    if not any(column in table.names for table in schema.tables):
        raise InputError(f'--person: no table has a column "{column}"; there are: {", ".join(_all_names(schema))}')
    return replace(schema, tables=tuple(_with_person(table, column) for table in schema.tables))


def _with_person(table: TableSchema, column: str) -> TableSchema:
    return replace(table, person_key=column) if column in table.names else table


def _all_names(schema: DatasetSchema) -> list[str]:
    return list(dict.fromkeys(name for table in schema.tables for name in table.names))


def deidentified(dataset: Dataset, out: Path, key: bytes, progress: Progress = silent) -> Deidentified:
    """Direct identifiers dropped, keys replaced by tokens under `key`, vocabularies as they are; files in the folder `out`."""
    made = deidentification.deidentify_dataset(dataset, key, out, progress=progress)
    return Deidentified(made.schema, made.paths, {t.name: t.rows for t in made.tables})


def run_key() -> bytes:
    """A token key that lives as long as one command: nothing on the command line needs the same tokens twice."""
    return secrets.token_bytes(32)
