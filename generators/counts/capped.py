"""Tables in which no person has more than so many rows, for figures with calibrated noise: which rows count, and who they are about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.counts.grouped import Bools, Ints
from generators.counts.person_keys import codes_of_labels
from generators.errors import InputError
from generators.schema import ForeignKey, TableSchema


@dataclass(frozen=True)
class CappedTable:
    """A canonical Parquet file of which only the rows `kept` count: at most `most` of each person. persons: of every row, a number; labels:
    who these numbers are.
    """

    schema: TableSchema
    path: Path
    most: int
    kept: Bools
    persons: Ints
    labels: pa.Array

    @staticmethod
    def of(schema: TableSchema, path: Path, most: int, key: str) -> CappedTable:
        """Choose `most` rows of each person by `key` (16 letters), one where by the schema's keys nobody has two.

        Which of a person's rows are chosen hangs on who the person is, on how many rows the person has and on the key: on no value in them,
        and on nobody else's rows, so that a person more or less changes nothing for the others.
        """
        names = pq.read_schema(path).names
        for name in (*schema.names, *((schema.persons_by,) if schema.persons_by else ())):
            if name not in names:
                raise InputError(f'table "{schema.name}": the file lacks the column "{name}" of the schema')
        if schema.counts_by is None:
            rows = pq.read_metadata(path).num_rows
            return CappedTable(schema, path, 1, np.ones(rows, dtype=np.bool_), np.arange(rows), pa.nulls(0, pa.string()))
        values = pq.read_table(path, columns=[schema.counts_by], read_dictionary=[schema.counts_by], use_threads=False).column(0)
        if values.null_count:
            raise InputError(f'table "{schema.name}": the person key "{schema.counts_by}" is missing in {values.null_count:,} rows')
        most = 1 if schema.one_row_each else most
        codes, labels = codes_of_labels(values)
        persons = codes.astype(np.int64)
        lots = pd.util.hash_array(np.array(labels.to_pylist(), dtype=object), hash_key=key)
        order = np.argsort(persons, kind="stable")
        within = _ranks(persons[order])
        drawn = pd.util.hash_array(lots[persons[order]] ^ pd.util.hash_array(within.astype(np.uint64)))
        chosen = np.lexsort((drawn, persons[order]))
        kept = np.zeros(len(persons), dtype=np.bool_)
        kept[order[chosen[_ranks(persons[order][chosen]) < most]]] = True
        return CappedTable(schema, path, most, kept, persons, labels)

    def rows_each(self) -> Ints:
        """Persons by how many of their rows count, from 1 to `most`."""
        _, each = np.unique(self.persons[self.kept], return_counts=True)
        return np.bincount(each, minlength=self.most + 1)[1 : self.most + 1].astype(np.int64)

    def children(self, key: ForeignKey, parent: CappedTable) -> Ints:
        """Rows of `parent` that count by how many rows that count refer to each, from 0 to `most` at most.

        Only references of a person's row to a row of the same person are followed: else a person more would change other persons' counts.
        """
        here = self._frame(key.columns)
        there = parent._frame(key.parent_columns).drop_duplicates()
        numbers = here.value_counts().rename("children").reset_index()
        counts = there.merge(numbers, how="left", on=list(there.columns))["children"].fillna(0).to_numpy().astype(np.int64)
        return np.bincount(np.minimum(counts, self.most), minlength=self.most + 1).astype(np.int64)

    def _frame(self, columns: tuple[str, ...]) -> pd.DataFrame:
        """Whose row it is and key columns (as 0, 1, …), of rows that count and lack none of them."""
        table = pq.read_table(self.path, columns=list(columns), use_threads=False)
        values = {i: pc.cast(table.column(name), pa.string()).to_pandas() for i, name in enumerate(columns)}
        who = pd.Series(np.array(self.labels.to_pylist(), dtype=object)[self.persons])
        frame = pd.DataFrame(values)
        frame.insert(0, "person", who)
        return frame[self.kept].dropna()


def _ranks(ordered: Ints) -> Ints:
    """How many equal values stand before each of the sorted ones."""
    if not len(ordered):
        return np.zeros(0, dtype=np.int64)
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return np.arange(len(ordered)) - np.repeat(first, np.diff(np.concatenate((first, [len(ordered)]))))
