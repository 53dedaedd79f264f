"""k-anonymity on quasi-identifiers: rows that are alone with what others may know of them, and whether real people are alone there too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.privacy.collisions import row_hashes
from evaluation.results import Incomputable
from evaluation.tables.columns import Rows, persons_per_code
from generators.schema import ColumnSchema, Role, TableSchema


@dataclass(frozen=True)
class Classes:
    """Rows of a table in classes of equal quasi-identifiers (L. Sweeney, k-anonymity, 2002).

    smallest: rows of the smallest class, the table's k. small: share of rows in classes of fewer than the policy's minimum. alone: share of
    rows in a class of one. matching: share of rows that are alone and equal in them to exactly one real person.
    """

    smallest: int
    small: float
    alone: float
    matching: float


def quasi_identifiers(table: TableSchema, usable: Sequence[ColumnSchema]) -> tuple[ColumnSchema, ...]:
    """The usable columns that others may know of a person. Raises Incomputable when none is marked so."""
    found = tuple(c for c in usable if c.role is Role.QUASI_IDENTIFIER)
    if not found:
        raise Incomputable(f'no column of table "{table.name}" is marked as a quasi-identifier')
    return found


def classes(rows: Rows, real: Rows, people: npt.NDArray[np.int32], columns: Sequence[ColumnSchema], minimum: int) -> Classes:
    """`rows` against the `real` rows and the persons they are about, on the given quasi-identifiers."""
    if not rows.rows:
        raise Incomputable(f"the {rows.name} table has no rows")
    found, counts = np.unique(row_hashes(rows, columns), return_counts=True)
    single = found[counts == 1]
    known, inverse = np.unique(row_hashes(real, columns), return_inverse=True)
    one_person = known[persons_per_code(inverse, people, len(known)) == 1]
    matching = int(np.isin(single, one_person).sum())
    small = int(counts[counts < minimum].sum())
    return Classes(int(counts.min()), small / rows.rows, len(single) / rows.rows, matching / rows.rows)
