"""Columns that are exact functions of others are found, computed and never learned; what only looks so is learned."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from generators.disclosure import POLICIES
from generators.encoding.derived import Derived, apply, find, learned_table, prepare, recomputed
from generators.encoding.table import TableEncoding, learn
from generators.errors import InputError
from generators.schema import ColumnSchema, Kind, TableSchema

POLICY = POLICIES["internal"]
ROWS = 1200
KINDS = {"int64": Kind.INTEGER, "float64": Kind.REAL, "string": Kind.CATEGORICAL, "date32": Kind.DATE, "timestamp[us]": Kind.DATETIME}


def table_of(rows: pa.Table, **kinds: ColumnSchema) -> TableSchema:
    storages = {pa.int64(): "int64", pa.float64(): "float64", pa.string(): "string", pa.date32(): "date32", pa.bool_(): "bool"}
    columns = []
    for field in rows.schema:
        storage = storages.get(field.type, "timestamp[us]")
        columns.append(kinds.get(field.name) or ColumnSchema(field.name, KINDS.get(storage, Kind.BOOLEAN), storage))
    return TableSchema("t", tuple(columns))


def found_in(rows: pa.Table, table: TableSchema | None = None, persons: np.ndarray | None = None) -> dict[str, Derived]:
    table = table or table_of(rows)
    return {d.column: d for d in find(rows, table, POLICY, np.arange(rows.num_rows) if persons is None else persons)}


def again(rows: pa.Table, table: TableSchema | None = None) -> pa.Table:
    """The rows after their computed columns were dropped and computed, by way of JSON."""
    table = table or table_of(rows)
    derived = find(rows, table, POLICY, np.arange(rows.num_rows))
    stored = [Derived.from_dict(json.loads(json.dumps(d.as_dict(), allow_nan=False))) for d in derived]
    left = prepare(stored, rows)
    assert set(left.column_names) == set(learned_table(stored, table).names)
    return apply(stored, left).select(rows.column_names)


def missing(values: np.ndarray, where: np.ndarray) -> pa.Array:
    return pa.array(values, mask=where)


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.promise("coding.20")
def test_sums_and_differences_are_computed_with_their_missing_cells_and_decimals(rng: np.random.Generator) -> None:
    before, after = rng.normal(70, 12, ROWS).round(2), rng.normal(72, 12, ROWS).round(2)
    lost = rng.random(ROWS) < 0.1
    items = rng.integers(0, 5, (4, ROWS))
    rows = pa.table(
        {
            "before": before,
            "after": missing(after, lost),
            "change": missing(after - before, lost),
            "score": items.sum(axis=0),
            **{f"item{n}": items[n] for n in range(4)},
            "pounds": (before * 2.2046).round(1),
        }
    )
    found = found_in(rows)
    assert {"score", "pounds"} <= set(found)
    assert len({"before", "after", "change"} & set(found)) == 1
    made = again(rows)
    assert made["score"].equals(rows["score"])
    assert made["pounds"].equals(rows["pounds"])
    assert made["change"].null_count == lost.sum()
    np.testing.assert_allclose(made["change"].to_numpy(), rows["change"].to_numpy(), atol=1e-9)


@pytest.mark.promise("coding.20")
def test_moments_durations_and_times_of_day_are_computed(rng: np.random.Generator) -> None:
    day = np.datetime64("2022-01-01") + rng.integers(0, 700, ROWS)
    minute, stay = rng.integers(0, 1440, ROWS), rng.gamma(2, 100, ROWS).astype(int)
    arrival = day.astype("datetime64[us]") + minute.astype("timedelta64[m]")
    delay = rng.integers(-20, 200, ROWS)
    actual = (minute + delay) % 1440
    rows = pa.table(
        {
            "day": pa.array(day.astype("datetime64[D]")),
            "time": [f"{m // 60:02}:{m % 60:02}" for m in minute],
            "stay": stay,
            "left": pa.array(arrival + stay.astype("timedelta64[m]"), pa.timestamp("us")),
            "month": pa.array(day.astype("datetime64[M]").astype(int) % 12 + 1, pa.int64()),
            "planned": minute // 60 * 100 + minute % 60,
            "delay": delay,
            "actual": actual // 60 * 100 + actual % 60,
        }
    )
    table = table_of(rows, time=ColumnSchema("time", Kind.TIME, "string", format="%H:%M"))
    found = found_in(rows, table)
    assert {"left", "month", "actual"} <= set(found)
    made = again(rows, table)
    for name in ("left", "month", "actual", "day"):
        assert made[name].to_pylist() == rows[name].to_pylist(), name


@pytest.mark.promise("coding.21")
def test_an_end_that_never_lies_before_its_start_is_learned_as_the_time_between(rng: np.random.Generator) -> None:
    start = np.datetime64("2020-03-01") + rng.integers(0, 900, ROWS)
    end = start + rng.poisson(4, ROWS)
    rows = pa.table({"start": pa.array(start.astype("datetime64[D]")), "end": missing(end.astype("datetime64[D]"), rng.random(ROWS) < 0.1)})
    found = found_in(rows)
    assert found["end"].auxiliaries == ("end after start",)
    left = prepare(tuple(found.values()), rows)
    assert min(v for v in left["end after start"].to_pylist() if v is not None) == 0
    last = sorted(v for v in rows["end"].to_pylist() if v)[-5]
    for made, real in zip(again(rows)["end"].to_pylist(), rows["end"].to_pylist(), strict=True):
        assert made == real or (real >= last and made <= real)
    long = left.set_column(left.column_names.index("end after start"), "end after start", pa.array([9000] * ROWS))
    assert max(apply(tuple(found.values()), long)["end"].to_pylist()) <= max(v for v in rows["end"].to_pylist() if v)
    wild = left.set_column(left.column_names.index("end after start"), "end after start", pa.array([-5] * ROWS))
    assert all(e >= s for s, e in zip(wild["start"].to_pylist(), apply(tuple(found.values()), wild)["end"].to_pylist(), strict=True))


@pytest.mark.promise("coding.20")
def test_categories_that_follow_from_a_threshold_or_a_value_are_computed(rng: np.random.Generator) -> None:
    delay = rng.integers(-30, 120, ROWS)
    gone = rng.random(ROWS) < 0.05
    trust = rng.choice(["RA1", "RB2", "RC3", "RD4"], ROWS)
    rows = pa.table(
        {
            "delay": missing(delay, gone),
            "late": np.where(gone, "never", np.where(delay > 15, "yes", "no")).tolist(),
            "trust": trust.tolist(),
            "region": [{"RA1": "north", "RB2": "south", "RC3": "north", "RD4": "east"}[t] for t in trust],
        }
    )
    found = found_in(rows)
    assert set(found) == {"late", "region"}
    assert found["late"].facts["cuts"] == [16]
    assert again(rows).to_pylist() == rows.to_pylist()


@pytest.mark.promise("coding.22")
def test_what_a_function_leaves_open_is_learned_beside_it(rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 400, ROWS), rng.integers(0, 90, ROWS)
    no_part, no_total = rng.random(ROWS) < 0.1, rng.random(ROWS) < 0.1
    total = a + b
    rows = pa.table({"a": missing(a, no_part), "b": b, "total": missing(total, no_total)})
    found = found_in(rows)
    assert len(found) == 1
    ((name, derived),) = found.items()
    assert set(derived.auxiliaries) == {f"{name} otherwise", f"{name} missing"}
    assert again(rows).equals(rows)


@pytest.mark.promise("coding.23")
def test_nearly_exact_relations_and_chance_are_not_taken_for_functions(rng: np.random.Generator) -> None:
    a, b = rng.normal(50, 9, ROWS).round(1), rng.normal(20, 3, ROWS).round(1)
    almost = (a + b).round(1)
    almost[::7] += 0.1
    rows = pa.table(
        {
            "a": a,
            "b": b,
            "almost": almost,
            **{f"flag{n}": (rng.random(ROWS) < 0.02).astype(int) for n in range(12)},
            **{f"code{n}": rng.integers(0, 300, ROWS) for n in range(3)},
            "constant": np.full(ROWS, 3),
            "empty": pa.nulls(ROWS, pa.int64()),
        }
    )
    assert found_in(rows) == {}


@pytest.mark.promise("coding.23")
def test_a_relation_that_only_a_few_persons_show_is_not_told(rng: np.random.Generator) -> None:
    a = rng.integers(0, 300, ROWS)
    rows = pa.table({"a": a, "twice": a * 2})
    assert set(found_in(rows)) in ({"a"}, {"twice"})
    assert found_in(rows, persons=np.arange(ROWS) % 9) == {}
    assert found_in(rows.slice(0, 30)) == {}


@pytest.mark.promise("coding.24")
def test_no_constant_of_a_function_belongs_to_fewer_persons_than_the_minimum(rng: np.random.Generator) -> None:
    shops = np.concatenate((rng.choice(["a", "b", "c", "d"], ROWS - 3), ["planted"] * 3))
    cost = rng.gamma(2, 1000, ROWS)
    cost[5], cost[6] = 2345.678123, 2345.679457  # the only two on either side of the threshold
    rows = pa.table(
        {
            "shop": shops.tolist(),
            "town": [{"a": "x", "b": "y", "c": "x", "d": "y", "planted": "x"}[s] for s in shops],
            "cost": cost,
            "dear": np.where(cost > 2345.679, "yes", "no").tolist(),
        }
    )
    written = json.dumps([d.as_dict() for d in found_in(rows).values()])
    assert '"town"' in written
    assert "planted" not in written
    assert "2345.67" not in written


@pytest.mark.promise("coding.25")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.pop("facts"),
        lambda raw: raw.update(form="eval"),
        lambda raw: raw["facts"].update(factors=["1", "2"]),
        lambda raw: raw["facts"].update(constant=float("nan")),
        lambda raw: raw["facts"].update(factors=[1]),
        lambda raw: raw.update(columns=raw["columns"][:1]),
        lambda raw: raw["columns"][0].update(kind="nonsense"),
    ],
)
def test_an_edited_function_is_refused(rng: np.random.Generator, spoil: Callable[[dict], object]) -> None:
    a, b = rng.integers(0, 400, ROWS), rng.integers(0, 90, ROWS)
    (derived,) = find(pa.table({"a": a, "b": b, "c": a + b}), table_of(pa.table({"a": a, "b": b, "c": a + b})), POLICY, np.arange(ROWS))
    raw = json.loads(json.dumps(derived.as_dict()))
    spoil(raw)
    with pytest.raises(InputError):
        Derived.from_dict(raw)


@pytest.mark.promise("control.6")
def test_columns_kept_apart_are_computed_from_each_other_by_no_function(rng: np.random.Generator) -> None:
    a = rng.integers(0, 300, ROWS)
    rows = pa.table({"a": a, "twice": a * 2})
    assert find(rows, table_of(rows), POLICY, np.arange(ROWS), apart=[frozenset({"a", "twice"})]) == ()


@pytest.mark.promise("coding.20")
def test_computed_columns_hold_in_decoded_rows_and_after_rows_were_mended(rng: np.random.Generator) -> None:
    first = np.datetime64("2021-01-01") + rng.integers(0, 365, ROWS)
    stay = rng.poisson(3, ROWS)
    ward = rng.choice(["A", "B", "C"], ROWS)
    rows = pa.table(
        {
            "came": pa.array(first.astype("datetime64[D]")),
            "stay": stay,
            "left": pa.array((first + stay).astype("datetime64[D]")),
            "ward": ward.tolist(),
            "block": [{"A": 1, "B": 2, "C": 2}[w] for w in ward],
        }
    )
    encoding = learn(rows, table_of(rows), POLICY, np.arange(ROWS))
    encoding = TableEncoding.from_dict(json.loads(json.dumps(encoding.as_dict())))
    codes = encoding.encode(rows)
    mixed = np.stack([rng.permutation(column) for column in codes.T], axis=1)
    made = encoding.decode(mixed, np.random.default_rng(1))
    assert made.column_names == rows.column_names

    def holds(table: pa.Table) -> bool:
        wards = {"A": 1, "B": 2, "C": 2}
        return all(r["left"] - r["came"] == dt.timedelta(days=r["stay"]) and wards[r["ward"]] == r["block"] for r in table.to_pylist())

    assert holds(made)
    changed = made.set_column(3, "ward", pa.array(["B"] * ROWS))
    changed = changed.set_column(0, "came", pa.array([dt.date(2021, 5, 5)] * ROWS))
    assert not holds(changed)
    assert holds(recomputed(encoding.derived, changed))
