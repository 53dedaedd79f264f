"""What an encoding must not hold: anything that fewer persons than the minimum have."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from generators.disclosure import POLICIES
from generators.encoding.table import learn
from generators.schema import ColumnSchema, Kind, TableSchema
from tests.generators.encoding_rows import TABLE, one_column, visits

POLICY = POLICIES["internal"]
PLANTED = {
    "ward": "Ward of one",
    "priority": 77_123,
    "age": 9_431,
    "cost": 987_654.31,
    "waited": 31_337,
    "arrived": date(1931, 2, 3),
    "seen": datetime(1933, 4, 5, 6, 7, 8),
    "clock": "03:07",
    "complaint": "bitten by the neighbour's zebra",
}


def _planted(table: pa.Table, name: str, rows: int) -> pa.Table:
    """The table with the planted value in its first rows."""
    array = table[name].combine_chunks()
    value = pa.array([PLANTED[name]] * rows).cast(array.type)
    return table.set_column(table.column_names.index(name), name, pa.concat_arrays([value, array[rows:]]))


def _numbers(raw: Any) -> set[float]:
    """Every number anywhere in JSON."""
    if isinstance(raw, dict):
        return set().union(*(_numbers(v) for v in raw.values()), set())
    if isinstance(raw, list):
        return set().union(*(_numbers(v) for v in raw), set())
    return {float(raw)} if isinstance(raw, int | float) and not isinstance(raw, bool) else set()


@pytest.mark.promise("coding.2")
@pytest.mark.parametrize("name", list(PLANTED))
def test_a_value_of_too_few_persons_is_nowhere_in_the_encoding_however_many_rows_they_have(name: str) -> None:
    table, persons = visits(1200)
    table = _planted(table, name, 40)
    persons[:40] = np.arange(40) % (POLICY.minimum - 1) + 10_000
    encoding = learn(table.select([name]), TABLE, POLICY, persons)
    raw = encoding.as_dict()
    made = encoding.decode(encoding.encode(table), np.random.default_rng(0))[name]
    value = table[name][0].as_py()
    assert value not in made.to_pylist()
    if isinstance(value, str) and name != "clock":
        assert value not in json.dumps(raw)
    elif name in ("priority", "age", "cost", "waited"):
        assert float(value) not in _numbers(raw)
    elif name in ("arrived", "seen"):
        day = int(table[name].cast(pa.timestamp("us")).cast(pa.int64())[0].as_py() // 86_400_000_000)
        assert day not in _numbers(raw)
    else:
        assert 3 * 60 + 7 not in _numbers(raw["columns"][0]["numbers"]["spikes"])


@pytest.mark.promise("coding.2", "coding.9")
def test_no_phrase_that_too_few_persons_use_is_in_the_encoding_or_in_what_is_made() -> None:
    table, schema, persons = _notes()
    encoding = learn(table, schema, POLICY, persons)
    told = json.dumps(encoding.as_dict())
    assert "zebra" not in told
    assert "Plunkett" not in told
    assert re.search(r"07700|ann@example|1931", told) is None
    users: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for person, text in zip(persons.tolist(), table["x"].to_pylist(), strict=True):
        for phrase in _phrases(text):
            users[phrase].add(person)
    made = encoding.decode(_any_codes(encoding.encode(table), 4000), np.random.default_rng(0))["x"].to_pylist()
    assert len(set(made)) > 20
    whole = set(zip(table["x"].to_pylist(), persons.tolist(), strict=True))
    owners = Counter(text for text, _ in whole)
    assert all(owners[text] >= POLICY.minimum for text in set(made) if text in owners)
    for text in set(made):
        assert all(len(users[phrase]) >= POLICY.minimum for phrase in _phrases(text)), text


@pytest.mark.promise("coding.9")
def test_the_encoding_tells_how_many_texts_were_shortened_or_dropped() -> None:
    table, schema, persons = _notes()
    (column,) = learn(table, schema, POLICY, persons).as_dict()["columns"]
    assert column["kept"] + column["shortened"] + column["dropped"] == pytest.approx(table.num_rows, abs=10)
    assert column["shortened"] > 100
    assert all(column[name] % POLICY.rounding == 0 for name in ("kept", "shortened", "dropped"))


@pytest.mark.promise("coding.9")
def test_an_identifier_is_kept_out_even_where_many_texts_hold_it() -> None:
    table, schema = one_column(["call 07700 900123 back"] * 50 + ["chest pain"] * 50, Kind.FREE_TEXT, "string", nullable=False)
    encoding = learn(table, schema, POLICY, np.arange(100))
    made = encoding.decode(encoding.encode(table), np.random.default_rng(0))["x"].to_pylist()
    assert set(made) == {"call", "chest pain"}


def test_texts_of_which_nothing_is_shared_are_one_fixed_text() -> None:
    table, schema = one_column([f"{a}{b} word" for a in "abcdefgh" for b in "stuvwxyz"], Kind.FREE_TEXT, "string", nullable=False)
    encoding = learn(table, schema, POLICY, np.arange(64))
    assert set(encoding.decode(encoding.encode(table), np.random.default_rng(0))["x"].to_pylist()) == {"[synthetic text]"}


def test_several_columns_of_one_row_each_hold_nothing_of_a_single_person() -> None:
    names = [f"c{i}" for i in range(6)]
    rng = np.random.default_rng(0)
    table = pa.table({name: pa.array(rng.normal(0, 1, 300)) for name in names})
    schema = TableSchema("t", tuple(ColumnSchema(name, Kind.REAL, "float64") for name in names))
    told = _numbers(learn(table, schema, POLICY, np.arange(300)).as_dict())
    assert not told & {float(v) for name in names for v in np.asarray(table[name])}


def _notes() -> tuple[pa.Table, TableSchema, np.ndarray[Any, np.dtype[np.int64]]]:
    """Notes of several sentences, some with a sentence of one person."""
    rng = np.random.default_rng(0)
    usual = ("Pain in the chest since last night", "No known allergies", "Seen by nurse", "Home with advice", "Bloods taken", "ECG normal")
    own = (
        "Bitten{} by zebra{} of the neighbour",
        "Wife is called Agnes{} Plunkett{}",
        "Phone 07700 900{}",
        "ann@example{}.org",
        "born 03/02/1931 {}",
    )
    texts = []
    for i in range(1500):
        sentences = [str(s) for s in rng.choice(usual, rng.integers(1, 5))]
        if rng.random() < 0.2:
            sentences.insert(int(rng.integers(0, len(sentences) + 1)), str(rng.choice(own)).format(i, i))
        texts.append(". ".join(sentences))
    table, schema = one_column(texts, Kind.FREE_TEXT, "string")
    return table, schema, rng.integers(0, 900, 1500)


def _phrases(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.lower())
    return {tuple(words[i : i + n]) for n in (3, 4, 5) for i in range(len(words) - n + 1)}


def _any_codes(codes: Any, rows: int) -> Any:
    """Codes of each part drawn apart, as a bad model would."""
    rng = np.random.default_rng(1)
    return np.column_stack([rng.choice(codes[:, part], rows) for part in range(codes.shape[1])]).astype(np.int32)


@pytest.mark.promise("coding.3")
def test_a_person_with_many_rows_counts_once_in_a_bound() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 500), [50.0, 51.0, 52.0, 53.0], np.linspace(900, 901, 60)])
    persons = np.concatenate([np.arange(504), np.full(60, 600)])
    table, schema = one_column(values, Kind.REAL, "float64")
    encoding = learn(table, schema, POLICY, persons)
    assert max(encoding.as_dict()["columns"][0]["numbers"]["high"]) < 300


@pytest.mark.promise("coding.3")
def test_dates_end_at_the_mean_of_the_outermost_persons() -> None:
    days = np.arange("2020-01-01", "2022-09-27", dtype="datetime64[D]")
    table, schema = one_column(pa.array(np.append(days, np.datetime64("1901-01-01"))), Kind.DATE, "date32")
    encoding = learn(table, schema, POLICY, np.arange(table.num_rows))
    made = encoding.decode(encoding.encode(table), np.random.default_rng(0))["x"]
    assert pc.min(made).as_py().year > 1960
    assert pc.max(made).as_py() <= days[-3].astype(object)
