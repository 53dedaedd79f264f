"""The generator of aggregates: columns together as the published cross-tabulations have them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.generating import aggregates
from generators.generating.partition import make_partition
from generators.registry import GENERATORS, generate, mechanism_for, planned
from generators.rules.meaning import violations
from generators.schema import DatasetSchema, Rule
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from generators.summarising.cross_tabulation import CrossTab
from generators.summarising.summarise import summarise

SCHEMA = EMERGENCY_SCHEMA.deidentified()
TEXTS = (
    "age:0,18,40,65,120*sex*disposition",
    "disposition*triage_category*arrival_mode",
    "triage_category*heart_rate:0,80,100,250",
    "arrival_date:2000,2023,2030*arrival_time:0,8,16,24",
)
BANDS = {"age": (0, 18, 40, 65, 120), "heart_rate": (0, 80, 100, 250)}


@pytest.fixture(scope="module")
def department(tmp_path_factory):
    real, path = emergency_department(12_000), tmp_path_factory.mktemp("train") / "visits.parquet"
    pq.write_table(real, path)
    asked = [CrossTab.parse(t, SCHEMA) for t in TEXTS]
    return real, summarise({"emergency_visits": path}, SCHEMA, POLICIES["internal"], cross_tabulations=asked)


@pytest.fixture(scope="module")
def made(department, tmp_path_factory):
    _, summary = department
    return {
        name: pq.read_table(
            generate(mechanism_for(name, SCHEMA, summary), SCHEMA, summary, 30_000, 7, tmp_path_factory.mktemp(name))[0].path
        )
        for name in ("marginal", "aggregates")
    }


def shares(table, columns):
    frame = table.select(columns).to_pandas()
    for name in set(columns) & set(BANDS):
        frame[name] = pd.cut(frame[name], BANDS[name], right=False)
    if "arrival_time" in columns:
        frame["arrival_time"] = frame["arrival_time"].str[:2].astype(int) // 8
        frame["arrival_date"] = pd.to_datetime(frame["arrival_date"]).dt.year >= 2023
    return frame.astype(str).value_counts(normalize=True)


def distance(one, other, columns):
    """Total variation distance of the joint distribution of some columns."""
    a, b = shares(one, columns).align(shares(other, columns), fill_value=0)
    return float((a - b).abs().sum() / 2)


@pytest.mark.promise("generate.40")
@pytest.mark.parametrize(
    "columns",
    [
        ["age", "sex", "disposition"],
        ["disposition", "triage_category", "arrival_mode"],
        ["triage_category", "heart_rate"],
        ["arrival_date", "arrival_time"],
    ],
)
def test_every_published_crossing_comes_out_as_it_was_published(department, made, columns):
    assert distance(department[0], made["aggregates"], columns) < 0.02


@pytest.mark.promise("generate.40")
def test_overlapping_crossings_are_combined_where_single_columns_are_not_enough(department, made):
    for columns in (["age", "disposition"], ["triage_category", "disposition"], ["triage_category", "heart_rate"]):
        assert distance(department[0], made["aggregates"], columns) < 0.3 * distance(department[0], made["marginal"], columns)


@pytest.mark.promise("generate.41")
def test_each_column_by_itself_is_as_near_as_from_marginals(department, made):
    real, _ = department
    for name in ("sex", "disposition", "triage_category", "arrival_mode", "ethnicity", "diagnosis_code", "admit_ward"):
        assert distance(real, made["aggregates"], [name]) < distance(real, made["marginal"], [name]) + 0.02
    for name in ("age", "heart_rate", "los_minutes"):
        theirs, ours = (t[name].to_pandas().dropna() for t in (real, made["aggregates"]))
        assert np.abs(theirs.quantile([0.1, 0.25, 0.5, 0.75, 0.9]) - ours.quantile([0.1, 0.25, 0.5, 0.75, 0.9])).max() < 0.05 * theirs.max()


@pytest.mark.promise("generate.42")
def test_classes_that_were_not_released_are_fitted_to_what_the_columns_leave_over(department):
    _, summary = department
    table = summary.table("emergency_visits")
    crossed = replace(table.cross_tabulations[0], cells=table.cross_tabulations[0].cells[:-8])
    hidden = {c.at for c in table.cross_tabulations[0].cells[-8:]}
    fill = aggregates.filler(SCHEMA.tables[0], replace(table, cross_tabulations=(crossed,)))
    out = fill(0, 20_000, np.random.default_rng(1))
    for name in ("sex", "disposition"):
        released = table.column(name).distribution
        for cell in released.values:
            share = float((out[name].to_pandas() == cell.value).mean())
            assert share == pytest.approx(cell.weight / table.rows, abs=0.02)
    labels = [a.labels for a in crossed.axes]
    frame = out.to_pandas()
    for at in hidden:
        if at[1] < len(labels[1]) - 2 and at[2] < len(labels[2]) - 2 and at[0] < 4:
            low, high = BANDS["age"][at[0]], BANDS["age"][at[0] + 1]
            here = frame[(frame["age"] >= low) & (frame["age"] < high) & (frame["sex"] == labels[1][at[1]])]
            assert len(here[here["disposition"] == labels[2][at[2]]]) > 0


@pytest.mark.promise("generate.43")
def test_rules_of_the_schema_hold_in_every_row(tmp_path):
    pq.write_table(emergency_department(6000), tmp_path / "visits.parquet")
    table = SCHEMA.tables[0]
    rule = Rule("admitted have a ward", "disposition = 'Discharged' implies admit_ward is null")
    schema = DatasetSchema((replace(table, rules=(*table.rules, rule)),))
    asked = [CrossTab.parse(TEXTS[0], schema)]
    summary = summarise({"emergency_visits": tmp_path / "visits.parquet"}, schema, POLICIES["internal"], cross_tabulations=asked)
    out = pq.read_table(generate(mechanism_for("aggregates", schema, summary), schema, summary, 4000, 1, tmp_path / "out")[0].path)
    for kept in schema.tables[0].rules:
        assert not violations(kept, out, schema.tables[0]).any()


@pytest.mark.promise("generate.44")
def test_a_partition_follows_from_plan_and_number_alone(department):
    _, summary = department
    plan = planned(mechanism_for("aggregates", SCHEMA, summary), SCHEMA, summary, 3000, 5)
    assert make_partition(plan, 0)["emergency_visits"].equals(make_partition(plan, 0)["emergency_visits"])
    assert isinstance(make_partition(plan, 0)["emergency_visits"], pa.Table)
    assert (GENERATORS["aggregates"].tier, GENERATORS["aggregates"].needs) == ("publicly-sourced", "summary")


@pytest.mark.promise("generate.40")
def test_without_a_crossing_it_makes_each_column_by_itself(department):
    _, summary = department
    plain = replace(summary, tables=tuple(replace(t, cross_tabulations=()) for t in summary.tables))
    fill = aggregates.filler(SCHEMA.tables[0], plain.table("emergency_visits"))
    assert fill(0, 100, np.random.default_rng(0)).column_names == list(SCHEMA.tables[0].names)
