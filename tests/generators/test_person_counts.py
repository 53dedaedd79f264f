"""Persons are counted exactly, whatever the parts they are dealt into and whatever their keys look like."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.counts import person_counts
from generators.counts.person_counts import Persons, grouped
from generators.counts.person_keys import persons_of

ROWS = 5000
KEYS = {
    "tokens": lambda n: f"{n * 0x9E3779B97F4A7C15 % (1 << 128):032x}",
    "padded numbers": lambda n: f"{n:032d}",
    "differing in capitals": lambda n: f"{'aA'[n % 2]}{n // 2:031d}",
    "names": lambda n: f"person {n}",
}


@pytest.fixture(params=[64, 1000, 1 << 17])
def rows_of_a_part(request, monkeypatch):
    monkeypatch.setattr(person_counts, "PART", request.param)
    monkeypatch.setattr("generators.counts.person_keys.PART", request.param)


@pytest.fixture
def people() -> np.ndarray:
    rng = np.random.default_rng(3)
    people = rng.integers(0, 1500, ROWS)
    people[rng.random(ROWS) < 0.1] = 7  # one who came very often
    return people


@pytest.mark.promise("disclosure.3")
@pytest.mark.usefixtures("rows_of_a_part")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("spread", [5, 300, 1 << 30])
def test_distinct_persons_are_counted_exactly(people, key, spread, tmp_path):
    pq.write_table(pa.table({"who": [KEYS[key](int(n)) for n in people]}), tmp_path / "t.parquet", row_group_size=700)
    persons = persons_of(tmp_path / "t.parquet", "t", "who")
    codes = np.random.default_rng(4).integers(0, 400, ROWS).astype(np.uint32) * np.uint32(spread) // np.uint32(400)
    groups = grouped(codes, spread, persons)

    assert persons.count == len(np.unique(people))
    assert sorted(persons.rows_each()) == sorted(np.unique(people, return_counts=True)[1])
    assert groups.codes.tolist() == np.unique(codes).tolist()
    counts = [np.unique(people[codes == c], return_counts=True)[1] for c in groups.codes]
    assert groups.persons.tolist() == [len(c) for c in counts]
    assert groups.rows.tolist() == [c.sum() for c in counts]
    assert groups.largest.tolist() == [c.max() for c in counts]

    chosen = np.arange(len(groups.codes)) % 3 == 1
    of_chosen = people[np.isin(codes, groups.codes[chosen])]
    often = np.unique(of_chosen, return_counts=True)[1]
    assert groups.among(chosen) == (len(often), often.max())
    assert groups.at_least(len(often), chosen)
    assert not groups.at_least(len(often) + 1, chosen)
    assert len(np.unique(groups.people_of(chosen))) == len(often)


@pytest.mark.usefixtures("rows_of_a_part")
def test_tokens_that_begin_alike_are_different_persons(tmp_path):
    keys = [f"{'0' * 16}{n % 900:016x}" for n in range(3000)] + [f"{n % 900:016x}{'0' * 16}" for n in range(3000)]
    pq.write_table(pa.table({"who": keys}), tmp_path / "t.parquet")
    assert persons_of(tmp_path / "t.parquet", "t", "who").count == len(set(keys))


def test_where_nobody_has_two_rows_rows_are_persons():
    persons = Persons.of(np.arange(10, dtype=np.int32)[::-1].copy())
    assert (persons.count, persons.most, persons.bits) == (10, 1, 0)
    groups = grouped(np.arange(10, dtype=np.uint8) // np.uint8(4), 3, persons)
    assert groups.persons.tolist() == groups.rows.tolist() == [4, 4, 2]
    assert groups.among(np.array([True, False, True])) == (6, 1)
