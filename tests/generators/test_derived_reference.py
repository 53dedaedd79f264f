"""The reference tables' own rules hold in rows drawn from a model that knows of no two columns at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.encoding.table import learn
from generators.fitting.drawing import settled
from generators.fitting.kept_rules import Keeper, found
from generators.reading.tables import canonicalise, read_dataset

ROWS = 9_000
MADE = 150


def plain(rows: pa.Table) -> pd.DataFrame:
    columns = {n: rows[n].cast(rows[n].type.value_type) if pa.types.is_dictionary(rows[n].type) else rows[n] for n in rows.column_names}
    return pa.table(columns).to_pandas()


def er_like(d: pd.DataFrame) -> list[pd.Series]:
    arrival = d.arrival_date.astype("datetime64[us]") + pd.to_timedelta(d.arrival_time.astype(str) + ":00")
    admitted = d.disposition == "Admitted"
    return [
        d.discharge_datetime == arrival + pd.to_timedelta(d.los_minutes, unit="m"),
        d.los_minutes >= d.wait_minutes,
        d.admit_ward.notna() == admitted,
        ~((d.age < 16) & admitted & ~d.admit_ward.isin(["Paeds", "Stroke"])),
        ~((d.age < 10) & d.systolic_bp.notna()),
        d.heart_rate.isna() == d.spo2.isna(),
    ]


def flights(d: pd.DataFrame) -> list[pd.Series]:
    return [
        d.dep_delay.isna() == d.dep_time.isna(),
        d.sched_dep_time == d.hour * 100 + d.minute,
        (d.late == "not_arrived") == d.arr_delay.isna(),
        (d.late == "yes") == (d.arr_delay > 15),
    ]


def nass_crash(d: pd.DataFrame) -> list[pd.Series]:
    return [~((d.deploy == 1) & (d.airbag == "none")), ~(d.yearVeh > d.yearacc + 1), (d.abcat == "deploy") == (d.deploy == 1)]


def nhefs(d: pd.DataFrame) -> list[pd.Series]:
    return [d.yrdth.notna() == (d.death == 1), (d.wt82 - d.wt71 - d.wt82_71).abs().fillna(0) < 0.005]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.promise("control.8")
@pytest.mark.parametrize("rules", [er_like, flights, nass_crash, nhefs], ids=lambda f: f.__name__)
def test_rules_of_the_reference_tables_hold_in_every_row(rules: object, shared_data: Path, tmp_path: Path) -> None:
    assert callable(rules)
    name = rules.__name__
    rows = pq.read_table(shared_data / f"{name}.parquet")
    pq.write_table(rows.slice(0, ROWS), tmp_path / f"{name}.parquet")
    dataset = read_dataset(tmp_path / f"{name}.parquet", tmp_path / "work")
    dataset = canonicalise(dataset, dataset.schema, tmp_path / "canonical")
    table, path = dataset.schema.tables[0], dataset.tables[0].path
    learned = pq.read_table(path)
    encoding = learn(learned, table, POLICIES["internal"], np.arange(learned.num_rows))
    keeper = Keeper(table, found(path, table, POLICIES["internal"], encoding.derived))
    codes, rng = encoding.encode(learned), np.random.default_rng(1)

    def draw(places: np.ndarray) -> tuple[np.ndarray, pa.Table]:
        drawn = np.stack([column[rng.integers(0, len(column), len(places))] for column in codes.T], axis=1)
        return drawn, encoding.decode(drawn, rng)

    _, made = settled(draw, MADE, broken=lambda some, places: keeper.broken(some), rounds=100)
    for number, holds in enumerate(rules(plain(learned))):
        assert holds.all(), number
    for number, holds in enumerate(rules(plain(made))):
        assert holds.all(), number
