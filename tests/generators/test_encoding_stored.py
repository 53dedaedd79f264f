"""Encodings as JSON, and encodings made from a released summary alone."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.encoding.table import TableEncoding, from_summary, learn
from generators.errors import InputError
from generators.schema import DatasetSchema
from generators.summarising.summarise import summarise
from generators.summary_parts import TableSummary
from tests.generators.encoding_rows import TABLE, visits

POLICY = POLICIES["internal"]


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    table, persons = visits()
    notes = pa.array([f"seen by nurse {n % 3}. sent home {n % 2}. note {n}" for n in range(table.num_rows)])
    table = table.set_column(table.column_names.index("complaint"), "complaint", notes)
    return learn(table, TABLE, POLICY, persons).as_dict()


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> TableSummary:
    path: Path = tmp_path_factory.mktemp("summary") / "visits.parquet"
    pq.write_table(visits()[0], path)
    return summarise({"visits": path}, DatasetSchema((TABLE,)), POLICY).tables[0]


@pytest.mark.promise("coding.11")
def test_an_encoding_read_back_from_its_json_is_the_same(stored: dict[str, Any]) -> None:
    read = TableEncoding.from_dict(json.loads(json.dumps(stored, allow_nan=False)))
    assert read.as_dict() == stored
    rows = visits(300, seed=1)[0]
    codes = read.encode(rows)
    again = TableEncoding.from_dict(stored)
    assert np.array_equal(again.encode(rows), codes)
    assert again.decode(codes, np.random.default_rng(0)).equals(read.decode(codes, np.random.default_rng(0)))


def _column(raw: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in raw["columns"] if c["column"] == name)


_EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a newer format": lambda raw: raw.update(format=2),
    "no columns": lambda raw: raw.pop("columns"),
    "an unknown kind": lambda raw: raw["columns"][0].update(kind="wavelets"),
    "a column twice": lambda raw: raw["columns"].append(raw["columns"][0]),
    "another order": lambda raw: raw["order"].append("nobody"),
    "a number that is not finite": lambda raw: _column(raw, "cost")["numbers"]["low"].__setitem__(0, float("inf")),
    "a number too few": lambda raw: _column(raw, "cost")["numbers"]["high"].pop(),
    "numbers out of order": lambda raw: _column(raw, "age")["numbers"]["spikes"].reverse(),
    "a word among numbers": lambda raw: _column(raw, "age")["numbers"]["spikes"].append("x"),
    "a number that is too large": lambda raw: _column(raw, "age")["numbers"]["spikes"].append(2**70),
    "bins that do not fit": lambda raw: _column(raw, "cost")["numbers"]["coarse"].append(3),
    "a grid of nothing": lambda raw: _column(raw, "waited")["numbers"].update(step=0),
    "numbers that are none": lambda raw: _column(raw, "age").update(numbers=None),
    "a missing weight": lambda raw: _column(raw, "ward")["weights"].pop(),
    "a value twice": lambda raw: (_column(raw, "ward")["values"].append("Medical"), _column(raw, "ward")["weights"].append(5)),
    "values of another type": lambda raw: _column(raw, "ward").update(values=[1, 2, 3, 4]),
    "another storage": lambda raw: _column(raw, "seen").update(storage="date64"),
    "a truth in place of a number": lambda raw: _column(raw, "seen").update(unit=True),
    "phrases that are not there": lambda raw: _column(raw, "complaint")["together"][0].append([99, 0]),
    "a bitmap of other letters": lambda raw: _column(raw, "complaint").update(barred="xyz"),
    "no phrases": lambda raw: _column(raw, "complaint").update(phrases=[]),
    "a rare flag that is no truth": lambda raw: _column(raw, "ward").update(other=1),
}


@pytest.mark.promise("coding.11")
@pytest.mark.parametrize("edit", list(_EDITS))
def test_an_edited_encoding_is_refused(stored: dict[str, Any], edit: str) -> None:
    raw = copy.deepcopy(stored)
    _EDITS[edit](raw)
    with pytest.raises(InputError) as refusal:
        TableEncoding.from_dict(raw)
    assert any(word in str(refusal.value) for word in ("use the file as it was saved", "this program reads format"))


@pytest.mark.promise("coding.13")
def test_an_encoding_is_made_from_a_summary_alone(summary: TableSummary) -> None:
    encoding = from_summary(summary, TABLE)
    rows = visits()[0]
    codes = encoding.encode(rows)
    back = encoding.decode(codes, np.random.default_rng(0))
    assert back.column_names == list(TABLE.names[1:])
    assert back["complaint"].null_count == rows.num_rows
    assert back["ward"].to_pylist() == rows["ward"].to_pylist()
    assert np.mean(np.abs(np.asarray(back["age"]) - np.asarray(rows["age"]))) < 2
    assert [str(a)[:7] for a in back["arrived"].to_pylist()] == [str(a)[:7] for a in rows["arrived"].to_pylist()]
    assert [a[:2] for a in back["clock"].to_pylist()] == [a[:2] for a in rows["clock"].to_pylist()]
    assert [str(a)[11:13] for a in back["seen"].to_pylist()] == [str(a)[11:13] for a in rows["seen"].to_pylist()]
    assert ((np.asarray(back["waited"]) == -999) == (np.asarray(rows["waited"]) == -999)).all()
    assert TableEncoding.from_dict(json.loads(json.dumps(encoding.as_dict()))) == encoding
    ((part, allowed),) = encoding.allowed({"age": "65..70"}).items()
    held = np.asarray(rows["age"])[allowed[codes[:, part]]]
    assert set(held) >= {65, 66, 67, 68, 69, 70}


@pytest.mark.promise("coding.13")
def test_a_record_is_coded_by_itself_from_a_summary(summary: TableSummary) -> None:
    encoding = from_summary(summary, TABLE)
    rows = visits(50, seed=2)[0]
    one_by_one = np.concatenate([encoding.encode(rows.slice(i, 1)) for i in range(50)])
    assert np.array_equal(encoding.encode(rows), one_by_one)
    strange = rows.slice(0, 1).set_column(rows.column_names.index("age"), "age", pa.array([5_000]))
    assert encoding.encode(strange)[0, encoding.places["age"][0]] < encoding.parts[encoding.places["age"][0]].size - 1
