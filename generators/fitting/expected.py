"""What a fit is expected to take, told before any record is read: from the schema and the numbers of rows alone."""

from __future__ import annotations

from collections.abc import Mapping

from generators.encoding.coded import Part
from generators.learning.known import learner_of
from generators.learning.model import Cost
from generators.learning.options import chosen
from generators.schema import DatasetSchema, Kind, TableSchema

_USUAL: dict[Kind, tuple[int, ...]] = {
    Kind.CATEGORICAL: (24,),
    Kind.BOOLEAN: (3,),
    Kind.INTEGER: (40, 16),
    Kind.REAL: (40, 16),
    Kind.DATE: (40, 32),
    Kind.DATETIME: (40, 32, 32),
    Kind.TIME: (40, 16),
    Kind.FREE_TEXT: (200,),
}
"""Codes of the parts of a column, as they usually come out."""

_READING = 4e-7
"""Seconds to read, code and count one cell, on one thread."""
_BASE = 3.0
"""Seconds before and after the learning itself: starting, the summary, saving."""


def expected_cost(generator: str, schema: DatasetSchema, rows: Mapping[str, int], options: Mapping[str, str] | None = None) -> Cost:
    """Seconds on one thread and bytes at the peak to fit `generator` to so many rows of each table of the de-identified `schema`.

    Within a small factor: what the columns hold decides how many codes they get. Raises InputError as `learner_of` and `chosen` do.
    """
    learner = learner_of(generator)
    settings = chosen(learner.OPTIONS, options or {})
    seconds, memory = _BASE, 0
    for table in schema.tables:
        number, parts = rows.get(table.name, 0), _usual_parts(table)
        if table.public or not number or not parts:
            continue
        cost = learner.cost(number, parts, settings)
        seconds += cost.seconds + _READING * number * len(parts)
        memory = max(memory, cost.memory)
    return Cost(seconds, memory)


def _usual_parts(table: TableSchema) -> tuple[Part, ...]:
    parts: list[Part] = []
    for column in table.columns:
        if column.kind is Kind.IDENTIFIER or column.name == table.person_key:
            continue
        for number, size in enumerate(_USUAL.get(column.kind, (24,))):
            parts.append(Part(column.name, ("value", "fine", "finest")[number], size, ordered=column.kind is not Kind.CATEGORICAL))
    return tuple(parts)
