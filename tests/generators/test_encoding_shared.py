"""The reference tables as codes and back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.encoding.table import TableEncoding, learn
from generators.reading.tables import read_dataset
from generators.schema import Kind, TableSchema

POLICY = POLICIES["internal"]


def _rows(folder: Path, name: str, work: Path) -> tuple[pa.Table, TableSchema, np.ndarray[Any, np.dtype[np.int64]]]:
    source = work / "some.parquet"
    pq.write_table(pq.read_table(folder / f"{name}.parquet").slice(0, 20_000), source)
    dataset = read_dataset(source, work / "read")
    table = dataset.schema.tables[0]
    rows = pq.read_table(dataset.tables[0].path)
    if table.person_key is None:
        return rows, table, np.arange(rows.num_rows)
    persons = rows[table.person_key].combine_chunks().dictionary_encode().indices
    return rows, table, np.asarray(persons, np.int64)


@pytest.mark.shared
@pytest.mark.promise("coding.14")
@pytest.mark.parametrize("name", ["nass_crash", "er_like", "nhefs", "flights", "omop/visit_occurrence", "omop/measurement"])
def test_reference_tables_come_back_with_their_marginals_and_no_rare_value(name: str, shared_data: Path, tmp_path: Path) -> None:
    rows, table, persons = _rows(shared_data, name, tmp_path)
    encoding = learn(rows, table, POLICY, persons)
    codes = encoding.encode(rows)
    back = encoding.decode(codes, np.random.default_rng(0))
    assert (codes < np.array([part.size for part in encoding.parts])).all()
    assert TableEncoding.from_dict(encoding.as_dict()).parts == encoding.parts
    for column in (table.column(c) for c in back.column_names):
        real, made = rows[column.name], back[column.name]
        if column.kind in (Kind.INTEGER, Kind.REAL):
            _close(real, made, column.decimals)
        elif column.kind in (Kind.CATEGORICAL, Kind.FREE_TEXT, Kind.BOOLEAN):
            users = Counter(zip(*_pairs(real, persons), strict=True))
            known = Counter(value for value, _ in users)
            assert all(known[value] >= POLICY.minimum for value in set(made.drop_null().to_pylist()) if value in known)
        elif column.name in encoding.places:
            assert max(made.drop_null().to_pylist()) <= max(real.drop_null().to_pylist())
        assert abs(made.null_count - real.null_count) < max(POLICY.minimum, 0.001 * rows.num_rows)


def _pairs(array: pa.ChunkedArray, persons: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[list[Any], list[int]]:
    there = np.flatnonzero(np.asarray(pc.is_valid(array)))
    return array.take(pa.array(there)).to_pylist(), persons[there].tolist()


def _close(real: pa.ChunkedArray, made: pa.ChunkedArray, decimals: int | None) -> None:
    a, b = (np.asarray(x.drop_null(), np.float64) for x in (real, made))
    if len(a) < 100:
        return
    grid = np.unique(np.quantile(a, np.linspace(0.02, 0.98, 49)))
    shares = [np.searchsorted(np.sort(x), grid, side="right") / len(x) for x in (a, b)]
    assert np.abs(shares[0] - shares[1]).max() < 0.012 + 2 / len(a) ** 0.5 * (len(a) < 2000)
    if decimals is not None:
        assert np.allclose(np.round(b, decimals), b, atol=0, rtol=1e-12)
