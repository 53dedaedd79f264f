"""Approved cross-tabulations: what is asked, what leaves, and that a solver cannot work out what was suppressed."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.optimize import LinearConstraint, milp

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.cross_tabulation import CrossTab
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary

FIVE = DisclosurePolicy("five", 1, minimum=5, rounding=5, minimum_table=10)
COLUMNS = (
    ColumnSchema("age", Kind.INTEGER, "int64"),
    ColumnSchema("sex", Kind.CATEGORICAL, "string"),
    ColumnSchema("outcome", Kind.CATEGORICAL, "string"),
    ColumnSchema("admitted", Kind.DATE, "date32"),
    ColumnSchema("note", Kind.FREE_TEXT, "string"),
)
SCHEMA = DatasetSchema((TableSchema("stays", COLUMNS),))
PERSONS = DatasetSchema((TableSchema("stays", (*COLUMNS, ColumnSchema("who", Kind.IDENTIFIER, "string")), person_key="who"),))


def stays(rows, seed=0, rare=0.03):
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 100, rows)
    outcome = np.where(rng.random(rows) < rare, "died", np.where(rng.random(rows) < age / 150, "ward", "home"))
    sex = rng.choice(["F", "M", None], rows, p=[0.5, 0.47, 0.03])
    days = [date(2020 + int(y), 1 + int(m), 1) for y, m in zip(rng.integers(0, 4, rows), rng.integers(0, 12, rows), strict=True)]
    return pa.table({"age": age, "sex": pa.array(list(sex), pa.string()), "outcome": outcome, "admitted": days, "note": ["x"] * rows})


def summary_of(folder, table, *texts, policy=FIVE, schema=SCHEMA):
    pq.write_table(table, folder / "stays.parquet")
    return summarise({"stays": folder / "stays.parquet"}, schema, policy, cross_tabulations=[CrossTab.parse(t, schema) for t in texts])


def truth(table, tabulation):
    """Persons (here: rows) of every cell, by its place."""
    classes = []
    for axis in tabulation.axes:
        values = table[axis.column].to_pylist()
        if axis.edges and axis.column == "age":
            place = [
                next((i for i, (a, b) in enumerate(zip(axis.edges, axis.edges[1:], strict=False)) if a <= v < b), len(axis.edges) - 1)
                for v in values
            ]
        elif axis.edges:
            months = [f"{v:%Y-%m}" for v in values]
            place = [
                next((i for i, (a, b) in enumerate(zip(axis.edges, axis.edges[1:], strict=False)) if a <= v < b), len(axis.edges) - 1)
                for v in months
            ]
        else:
            known = {v: i for i, v in enumerate(axis.labels[:-2])}
            place = [len(axis.labels) - 1 if v is None else known.get(v, len(axis.labels) - 2) for v in values]
        classes.append(place)
    cells = {}
    for at in zip(*classes, strict=True):
        cells[at] = cells.get(at, 0) + 1
    return cells


@pytest.mark.promise("disclosure.40")
def test_cells_are_exact_counts_rounded_of_bands_values_and_missing(tmp_path):
    table = stays(4000)
    (tabulation,) = summary_of(tmp_path, table, "age:0,18,65,90*sex*outcome").table("stays").cross_tabulations
    assert [a.labels for a in tabulation.axes] == [
        ("0 to under 18", "18 to under 65", "65 to under 90", "Other", "missing"),
        ("F", "M", "Other", "missing"),
        ("died", "home", "ward", "Other", "missing"),
    ]
    counts = truth(table, tabulation)
    assert tabulation.cells
    for cell in tabulation.cells:
        assert counts[cell.at] >= 5
        assert (cell.persons, cell.rows) == (FIVE.rounded(counts[cell.at]),) * 2
    left_out = {at: n for at, n in counts.items() if at not in {c.at for c in tabulation.cells}}
    assert sum(n >= 5 for n in left_out.values()) <= 3


@pytest.mark.promise("disclosure.40")
def test_dates_are_banded_by_period_and_a_summary_with_crossings_survives_json(tmp_path):
    table = stays(3000)
    summary = summary_of(tmp_path, table, "admitted:2020,2021-07,2024*outcome")
    (tabulation,) = summary.table("stays").cross_tabulations
    assert tabulation.axes[0].edges == ("2020-01", "2021-07", "2024-01")
    counts = truth(table, tabulation)
    assert {c.at: c.rows for c in tabulation.cells} == {at: FIVE.rounded(n) for at, n in counts.items() if n >= 5}
    assert MetadataSummary.from_json(summary.to_json(), summary.digest) == summary


@pytest.mark.promise("disclosure.40")
def test_persons_are_counted_not_rows_and_a_cell_that_one_person_dominates_stays(tmp_path):
    table = stays(600).append_column("who", pa.array([f"{i % 300:032x}" for i in range(600)]))
    heavy = stays(400, 1).set_column(2, "outcome", pa.array(["died"] * 400)).set_column(0, "age", pa.array([17] * 400))
    table = pa.concat_tables([table, heavy.append_column("who", pa.array(["f" * 32] * 400))])
    (tabulation,) = summary_of(tmp_path, table, "age:0,18,100*outcome", schema=PERSONS).table("stays").cross_tabulations
    frame = table.to_pandas()
    frame["band"] = frame["age"] >= 18
    for cell in tabulation.cells:
        part = frame[(frame["band"] == bool(cell.at[0])) & (frame["outcome"] == tabulation.axes[1].labels[cell.at[1]])]
        assert cell.persons == FIVE.rounded(part["who"].nunique())
        assert cell.rows == FIVE.rounded(len(part))
    assert (0, 0) not in {c.at for c in tabulation.cells}


@pytest.mark.promise("disclosure.41")
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["age*sex"], "name bands"),
        (["age:0,18,65"], "from 2 to 5 different columns"),
        (["sex*sex"], "from 2 to 5 different columns"),
        (["sex:1,2*outcome"], "bands are for numbers, dates and times"),
        (["age:65,18*sex"], "from small to large"),
        (["age:0,young*sex"], "must be integer values"),
        (["admitted:2020-01-15,2021*sex"], "each the first of a month"),
        (["note*sex"], "nothing leaves; leave the column out"),
        (["height:1,2*sex"], 'has no column "height"'),
        (["age:0,18,65*sex", "age:0,17,65*outcome"], "use one set of bands"),
        (["outcome*sex", "sex*outcome"], "asked for twice"),
        (
            ["age:" + ",".join(map(str, range(1000))) + "*sex*outcome*admitted:" + ",".join(map(str, range(1990, 2030)))],
            "more than 100,000",
        ),
    ],
)
def test_what_cannot_be_crossed_is_refused_with_the_way_out(tmp_path, texts, message):
    with pytest.raises(InputError, match=message):
        summary_of(tmp_path, stays(300), *texts)


@pytest.mark.promise("disclosure.41")
def test_of_several_tables_the_crossing_names_its_own():
    two = DatasetSchema((SCHEMA.tables[0], replace(SCHEMA.tables[0], name="visits")))
    assert CrossTab.parse("visits.age:0,18*sex", two) == CrossTab("visits", ("age", "sex"), {"age": ("0", "18")})
    with pytest.raises(InputError, match="write the table before the first column"):
        CrossTab.parse("age:0,18*sex", two)


def bounds(policy, summary, counts_of):
    """(least, most, true) of each suppressed cell that somebody is in, as far as all published figures of the table tell."""
    table = summary.table("stays")
    places, low, high = {}, [], []
    for n, tabulation in enumerate(table.cross_tabulations):
        shown = {c.at: c.rows for c in tabulation.cells}
        for at in np.ndindex(*(len(a.labels) for a in tabulation.axes)):
            places[n, at] = len(places)
            least, most = policy.span(shown[at]) if at in shown else (0, 10_000)
            low.append(least)
            high.append(most)
    sums = []

    def known(members, span):
        row = np.zeros(len(places))
        row[members] = 1
        sums.append((row, *span))

    for n, tabulation in enumerate(table.cross_tabulations):
        mine = {at: i for (m, at), i in places.items() if m == n}
        known(list(mine.values()), policy.span(table.rows))
        for side, axis in enumerate(tabulation.axes):
            column = table.column(axis.column)
            told = {} if axis.edges else {c.value: c.rows for c in column.distribution.values}
            for number, label in enumerate(axis.labels):
                figure = (column.nulls.rows if column.nulls else None) if number == len(axis.labels) - 1 else told.get(label)
                if figure is not None:
                    known([i for at, i in mine.items() if at[side] == number], policy.span(figure))
    rows = np.array([s[0] for s in sums])
    lines = LinearConstraint(rows, [s[1] for s in sums], [s[2] for s in sums])
    for n, tabulation in enumerate(table.cross_tabulations):
        shown = {c.at for c in tabulation.cells}
        for at, true in counts_of[n].items():
            if at in shown or true >= policy.minimum:
                continue
            aim = np.zeros(len(places))
            aim[places[n, at]] = 1
            least = milp(aim, constraints=lines, bounds=(low, high)).fun
            most = -milp(-aim, constraints=lines, bounds=(low, high)).fun
            yield round(least, 6), round(most, 6), true


@pytest.mark.promise("disclosure.42")
@pytest.mark.parametrize("seed", range(6))
def test_no_suppressed_cell_can_be_worked_out_from_margins_and_other_crossings(tmp_path, seed):
    table = stays(90 + 60 * seed, seed, rare=0.1)
    summary = summary_of(tmp_path, table, "age:0,18,65,100*outcome", "sex*outcome")
    counts = [truth(table, t) for t in summary.table("stays").cross_tabulations]
    found = list(bounds(FIVE, summary, counts))
    assert found
    for least, most, true in found:
        assert least <= true <= most
        assert FIVE.concealed(int(np.ceil(least - 1e-6)), int(np.floor(most + 1e-6)))


@pytest.mark.promise("disclosure.42")
def test_a_single_suppressed_cell_takes_another_with_it_where_rounding_does_not_hide_it(tmp_path):
    # Women: 7 at home (told as 5, so 5 to 7), 4 on the ward (suppressed), in all 11 (told as 10, so 8 to 12): one or more on the ward.
    schema = DatasetSchema((TableSchema("stays", tuple(c for c in COLUMNS if c.name in ("sex", "outcome"))),))
    rows = [("F", "home")] * 7 + [("F", "ward")] * 4 + [("M", "home")] * 27 + [("M", "ward")] * 27
    rng = np.random.default_rng(0)
    rows = [rows[i] for i in rng.permutation(len(rows))]
    table = pa.table({"sex": [r[0] for r in rows], "outcome": [r[1] for r in rows]})
    summary = summary_of(tmp_path, table, "sex*outcome", schema=schema)
    (tabulation,) = summary.table("stays").cross_tabulations
    for least, most, _ in bounds(FIVE, summary, [truth(table, tabulation)]):
        assert FIVE.concealed(int(np.ceil(least - 1e-6)), int(np.floor(most + 1e-6)))
    primary = {at for at, n in truth(table, tabulation).items() if n >= 5}
    assert {c.at for c in tabulation.cells} < primary


@pytest.mark.promise("disclosure.43")
def test_cells_that_nobody_is_in_look_like_suppressed_ones(tmp_path):
    table = stays(2000, rare=0.001)
    (tabulation,) = summary_of(tmp_path, table, "age:0,18,65,100,150*outcome", policy=POLICIES["public"]).table("stays").cross_tabulations
    assert all(c.persons for c in tabulation.cells)
    assert all(c.at[0] != 3 for c in tabulation.cells)
    assert tabulation.axes[0].labels[3] == "100 to under 150"
