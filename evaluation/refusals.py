"""When there is nothing to hold against: a holdout that the generator saw, or that is no holdout.

Every privacy figure compares people the generator learned from with people it never saw. Where these are the same people, the figures would
show no leak whatever leaked; so the evaluation is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from evaluation.privacy.collisions import row_hashes
from evaluation.tables.columns import ParquetRows, measured
from generators.errors import InputError
from generators.schema import ColumnSchema, Kind, TableSchema

SIGMAS = 6.0
"""How far beyond chance equal rows must be."""
EXCESS = 0.02
"""Share of the holdout's rows that must be equal beyond chance: the odd duplicate does not refuse an evaluation."""

Hashes = npt.NDArray[np.uint64]


def refuse_shared(train: ParquetRows, holdout: ParquetRows, table: TableSchema, *, whole: bool = False) -> None:
    """InputError when the holdout has people of train: the same person keys, or, where no key says who a row is about, the same rows far
    beyond chance. whole: the table is about nobody and whole on both sides, so its rows may be the same.
    """
    key = _person_key(train, holdout, table)
    if key is not None:
        if pc.any(pc.is_in(pc.unique(holdout.column(key)).drop_null(), value_set=pc.unique(train.column(key)))).as_py():
            raise InputError(
                f'train and holdout of table "{table.name}" share people (column "{key.name}"), so nothing was held out; split them anew, '
                "by person, and generate again from the new train"
            )
    elif not whole and _same_rows(train, holdout, table):
        raise InputError(
            f'train and holdout of table "{table.name}" share rows far beyond chance, so nothing was held out; split them anew, before '
            "anything is learned, and generate again from the new train (when one person has many equal rows, name the person key)"
        )


def _person_key(train: ParquetRows, holdout: ParquetRows, table: TableSchema) -> ColumnSchema | None:
    if table.person_key is not None:
        return table.column(table.person_key)
    if table.persons_by in train.further and table.persons_by in holdout.further:
        return ColumnSchema(str(table.persons_by), Kind.IDENTIFIER, "string")
    return None


def _same_rows(train: ParquetRows, holdout: ParquetRows, table: TableSchema) -> bool:
    """Whether holdout rows equal train rows more often than train rows equal each other.

    Chance is what as many rows drawn from train have in common with the rest of it: persons with several equal rows are on both sides
    there, too, so this errs towards accepting.
    """
    columns = measured(table)
    if not columns:
        return False
    ours, theirs = row_hashes(train, columns), row_hashes(holdout, columns)
    order = np.random.default_rng(0).permutation(len(ours))
    some = order[: min(len(theirs), len(ours) // 2)]
    if not len(some):
        return False
    rest = np.setdiff1d(order, some, assume_unique=True)
    shared = float(np.isin(theirs, ours).mean())
    by_chance = (float(np.isin(ours[some], ours[rest]).sum()) + 1) / (len(some) + 2)
    # of a larger train more rows have an equal
    scale = len(ours) / max(1, len(rest))
    chance = min(1.0, by_chance * scale)
    error = np.sqrt(chance * (1 - min(chance, 1 - 1e-9)) * (1 / len(theirs) + scale**2 / len(some)))
    return bool(shared > chance + EXCESS + SIGMAS * error)


def refuse_other(table: str, train: Path, holdout: Path, learned_from: str | None) -> None:
    """InputError when the generator did not learn from this train: from the holdout, or from another file.

    learned_from: SHA-256 (hex) of the file it learned from; None when that is not on record.
    """
    if learned_from is None or sha256(train) == learned_from:
        return
    if sha256(holdout) == learned_from:
        raise InputError(
            f'table "{table}" was generated from the very rows that are to be the holdout; generate from train, or evaluate against rows '
            "that were held out before anything was learned"
        )
    raise InputError(
        f'table "{table}" was generated from other rows than this train, so this holdout may not be held out from it; evaluate against the '
        "split it was generated from, or generate again from this one"
    )


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file; InputError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        raise InputError(f"there is no file {path.name}, or it cannot be read") from None
