"""Rules that hold in data that were just read, for the steward to choose from."""

from __future__ import annotations

from dataclasses import replace

from generators.disclosure import POLICIES
from generators.progress import Progress
from generators.reading.dataset import Dataset
from generators.rules.discovery import candidates


def rules(dataset: Dataset, *, progress: Progress) -> list[dict[str, str]]:
    """{table, name, text, sentence, holds} of every rule found, as a snapshot records them.

    Not about columns that the working copy leaves out, nor in vocabularies, nor in tables that reach their persons through others only:
    a rule must be backed by enough persons, and there they cannot be counted before the working copy is made.
    """
    schema, found = dataset.schema, []
    looked_at = [t for t in schema.tables if not t.public and not schema.person_route(t.name)]
    for i, table in enumerate(looked_at):

        def part(stage: str, fraction: float, rows: int | None = None, total: int | None = None, i: int = i) -> None:
            progress(stage, (i + fraction) / len(looked_at), rows, total)

        kept = replace(table, columns=tuple(c for c in table.columns if not table.dropped(c)), foreign_keys=(), primary_key=())
        found += [
            {"table": table.name, "name": c.rule.name, "text": c.rule.text, "sentence": c.sentence, "holds": c.holds}
            for c in candidates(dataset.table(table.name).path, kept, POLICIES["internal"], progress=part)
        ]
    return found
