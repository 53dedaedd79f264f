"""Two summaries of one source: what the difference between them would be about."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.exposing import expose
from generators.summarising.exposure import Exposure, conflicts, figures_by_table
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary

KEY = b"k" * 32
INTERNAL = POLICIES["internal"]
SCHEMA = DatasetSchema(
    (
        TableSchema(
            "stays",
            (
                ColumnSchema("person", Kind.IDENTIFIER, "string", nullable=False),
                ColumnSchema("ward", Kind.CATEGORICAL, "string"),
                ColumnSchema("length", Kind.INTEGER, "int64"),
                ColumnSchema("score", Kind.REAL, "double", decimals=6),
            ),
            person_key="person",
        ),
    )
)


def stays(count: int, *, seed: int = 1) -> pa.Table:
    rng = np.random.default_rng(seed)
    wards = np.where(np.arange(count) % 40 == 0, "Rare", np.where(np.arange(count) % 3 == 0, "Ash", "Beech"))
    return pa.table(
        {
            "person": [f"p{i}" for i in range(count)],
            "ward": wards.tolist(),
            "length": rng.poisson(4, count),
            "score": np.round(rng.normal(50, 12, count), 6),
        }
    )


def summarised(
    table: pa.Table,
    folder: Path,
    earlier: Sequence[Exposure | None] = (),
    policy: DisclosurePolicy = INTERNAL,
    schema: DatasetSchema = SCHEMA,
) -> tuple[MetadataSummary, Exposure]:
    """A summary of the table, and what it exposes, read back from its file."""
    path, record = folder / "stays.parquet", folder / "exposure.parquet"
    pq.write_table(table, path)
    summary = summarise({"stays": path}, schema, policy)
    expose(summary, {"stays": path}, schema, key=KEY, earlier=earlier).write(record)
    return summary, Exposure.read(record)


def between(
    first: pa.Table, second: pa.Table, folder: Path, policy: DisclosurePolicy = INTERNAL, then: DisclosurePolicy = INTERNAL
) -> set[str]:
    """Columns in conflict when `second` is summarised after `first`; "" is the table itself."""
    _, one = summarised(first, folder, policy=policy)
    _, two = summarised(second, folder, [one], policy=then)
    return {c.column for c in conflicts(two, [one])}


@pytest.mark.promise("ledger.1")
@pytest.mark.parametrize("then", ["internal", "sub-national", "public"])
def test_the_same_data_summarised_twice_are_no_conflict_under_whatever_policy(tmp_path: Path, then: str) -> None:
    table = stays(3_000)
    assert between(table, table, tmp_path, then=POLICIES[then]) == set()


@pytest.mark.promise("ledger.1")
def test_one_person_less_is_a_conflict_of_the_table_and_of_every_column_and_no_count_or_direction_is_told(tmp_path: Path) -> None:
    table = stays(2_000)
    _, one = summarised(table, tmp_path)
    _, two = summarised(table.slice(1), tmp_path, [one])
    found = conflicts(two, [one])
    assert {c.column for c in found} == {"", "ward", "length", "score", "(rows of each person)"}
    for conflict in found:
        assert 'table "stays"' in conflict.sentence
        assert "wait until more of the data has changed" in conflict.sentence
        assert not any(character.isdigit() for character in conflict.sentence)
        assert not any(word in conflict.sentence for word in ("fewer persons than before", "more persons than before", "Rare", "Ash"))


@pytest.mark.promise("ledger.1")
def test_a_value_that_few_persons_took_up_is_a_conflict_of_its_column_alone(tmp_path: Path) -> None:
    table = stays(2_000)
    wards = table.column("ward").to_pylist()
    changed = [("Beech" if i in (1, 2) and w == "Beech" else w) for i, w in enumerate(wards)]
    changed[3:5] = ["Beech" if w == "Ash" else "Ash" for w in wards[3:5]]
    changed[6] = "Beech"
    second = table.set_column(1, "ward", pa.array(changed))
    assert between(table, second, tmp_path) == {"ward"}


@pytest.mark.promise("ledger.1")
def test_a_value_once_suppressed_and_now_just_enough_is_a_conflict(tmp_path: Path) -> None:
    table = stays(2_000)
    wards = table.column("ward").to_pylist()
    few, enough = list(wards), list(wards)
    few[0:3], enough[0:6] = ["New"] * 3, ["New"] * 6
    assert "ward" in between(table.set_column(1, "ward", pa.array(few)), table.set_column(1, "ward", pa.array(enough)), tmp_path)


@pytest.mark.promise("ledger.2")
def test_a_refresh_that_changed_every_cell_by_many_is_released_ranges_and_pools_included(tmp_path: Path) -> None:
    table = stays(2_000)
    assert between(table, pa.concat_tables([table, _others(stays(2_000))]), tmp_path) == set()


def _others(table: pa.Table) -> pa.Table:
    """The same stays of other persons."""
    return table.set_column(0, "person", pa.array([f"q{i}" for i in range(len(table))]))


@pytest.mark.promise("ledger.2")
def test_a_column_left_out_is_not_compared(tmp_path: Path) -> None:
    table = stays(2_000)
    changed = table.set_column(1, "ward", pa.array(["Beech", *table.column("ward").to_pylist()[1:]]))
    _, one = summarised(table, tmp_path)
    part = DatasetSchema((replace(SCHEMA.tables[0], columns=tuple(c for c in SCHEMA.tables[0].columns if c.name != "ward")),))
    _, two = summarised(changed, tmp_path, [one], schema=part)
    assert conflicts(two, [one]) == ()


@pytest.mark.promise("ledger.2")
def test_policies_are_compared_by_the_larger_minimum(tmp_path: Path) -> None:
    table = stays(3_000)
    wards = table.column("ward").to_pylist()
    for i in [i for i, ward in enumerate(wards) if ward == "Ash"][:60]:
        wards[i] = "Beech"
    second = table.set_column(1, "ward", pa.array(wards))
    assert between(table, second, tmp_path) == set()
    assert between(table, second, tmp_path, then=POLICIES["public"]) == {"ward"}


@pytest.mark.promise("ledger.3")
def test_not_being_able_to_tell_is_a_conflict(tmp_path: Path) -> None:
    table = stays(2_000)
    _, one = summarised(table, tmp_path)
    _, by_year = summarised(table, tmp_path, [one])
    assert [c.table for c in conflicts(by_year, [one, None])] == [""]
    (lost,) = conflicts(by_year, [None])
    assert "not on record" in lost.sentence
    textual = DatasetSchema(
        (replace(SCHEMA.tables[0], columns=(*SCHEMA.tables[0].columns[:3], ColumnSchema("score", Kind.CATEGORICAL, "string"))),)
    )
    coarse = table.set_column(3, "score", pa.array([str(int(s) // 10) for s in table.column("score").to_pylist()]))
    _, two = summarised(coarse, tmp_path, [one], schema=textual)
    (conflict,) = (c for c in conflicts(two, [one]) if c.column == "score")
    assert "cannot be told" in conflict.sentence


@pytest.mark.promise("ledger.3")
def test_a_damaged_or_foreign_record_is_refused(tmp_path: Path) -> None:
    summarised(stays(500), tmp_path)
    record = tmp_path / "exposure.parquet"
    for content in (b"", b"PAR1 not really PAR1", (tmp_path / "stays.parquet").read_bytes(), record.read_bytes()[:-20]):
        record.write_bytes(content)
        with pytest.raises(InputError, match=r"damaged or of another format"):
            Exposure.read(record)


@pytest.mark.promise("ledger.4")
def test_the_record_is_private_and_holds_no_suppressed_value_and_without_the_key_no_value_can_be_tried(tmp_path: Path) -> None:
    table = stays(2_000)
    wards = table.column("ward").to_pylist()
    wards[0] = "Unheard-of ward"
    summarised(table.set_column(1, "ward", pa.array(wards)), tmp_path)
    record = tmp_path / "exposure.parquet"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    read = pq.read_table(record)
    everything = str(read.to_pydict()) + str(read.schema.metadata)
    assert "Unheard-of" not in everything
    again = tmp_path / "other"
    again.mkdir()
    pq.write_table(table, again / "stays.parquet")
    summary = summarise({"stays": again / "stays.parquet"}, SCHEMA, INTERNAL)
    with_key = expose(summary, {"stays": again / "stays.parquet"}, SCHEMA, key=KEY)
    other = expose(summary, {"stays": again / "stays.parquet"}, SCHEMA, key=b"another key")
    place = next(p for p in with_key.cells if p.column == "ward" and p.part == "values")
    assert not set(with_key.cells[place].keys.tolist()) & set(other.cells[place].keys.tolist())


@pytest.mark.promise("ledger.4")
def test_columns_of_very_many_values_keep_the_common_ones_and_what_the_rest_have_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.summarising.exposing.KEPT", 50)
    _, one = summarised(stays(2_000), tmp_path)
    place = next(p for p in one.cells if p.column == "score" and p.part == "values")
    assert len(one.cells[place].keys) <= 50
    assert one.cells[place].floor >= 1
    _, two = summarised(stays(2_000), tmp_path, [one])
    assert conflicts(two, [one]) == ()


@pytest.mark.promise("ledger.5")
def test_figures_are_counted_by_table(tmp_path: Path) -> None:
    summary, _ = summarised(stays(2_000), tmp_path)
    (table,) = summary.tables
    assert table.rows_per_person is not None
    shapes = [table.rows_per_person, *(c.distribution for c in table.columns)]
    cells = sum(len(s.values) + len(s.steps) + (s.other is not None) for s in shapes)
    assert figures_by_table(summary.as_dict()) == {"stays": 1 + cells}
