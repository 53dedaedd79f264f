"""Charts: one message each, the numbers in a table, and nothing about too few people."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evaluation.charts import attacks, groups
from evaluation.charts.associations import difference_map, told
from evaluation.charts.cells import MISSING, OTHER, cells
from evaluation.charts.columns import distribution
from evaluation.charts.plane import density
from evaluation.charts.scores import scores
from evaluation.definitions import result
from evaluation.fidelity import projection
from evaluation.fidelity.association import associations
from evaluation.results import Evaluation, Scope
from evaluation.tables.coded import Coded
from generators.schema import ColumnSchema, Kind, TableSchema
from tests.evaluation.conftest import INTERNAL, World


@pytest.mark.promise("evaluate.14")
def test_no_cell_is_about_fewer_persons_than_the_minimum_on_either_real_side(tmp_path: Path) -> None:
    columns = (
        ColumnSchema("who", Kind.IDENTIFIER, "string"),
        ColumnSchema("ward", Kind.CATEGORICAL, "string"),
        ColumnSchema("cost", Kind.REAL, "float64"),
        ColumnSchema("day", Kind.DATE, "date32"),
        ColumnSchema("clock", Kind.TIME, "string", format="%H:%M"),
        ColumnSchema("age", Kind.INTEGER, "int64"),
    )
    small = World(TableSchema("t", columns, person_key="who"), tmp_path)
    rng = np.random.default_rng(0)
    frames = {}
    for name, n in (("train", 400), ("holdout", 90), ("made", 300)):
        # ten rows of one person with a ward, an age and a cost of their own
        ward = [
            *rng.choice([f"w{i}" for i in range(40)], n - 10, p=np.geomspace(1, 0.01, 40) / np.geomspace(1, 0.01, 40).sum()),
            *["alone"] * 10,
        ]
        frames[name] = pa.table(
            {
                "who": [*(f"{name}{i // 2}" for i in range(n - 10)), *[f"{name}-one"] * 10],
                "ward": [None if i % 60 == 0 else w for i, w in enumerate(ward)],
                "cost": [*rng.lognormal(3, 1.5, n - 10), *[123_456.789] * 10],
                "day": pa.array([*rng.integers(18_000, 19_000, n - 10), *[9_999] * 10], pa.int32()).cast(pa.date32()),
                "clock": [f"{h:02d}:30" for h in [*rng.integers(8, 20, n - 10), *[3] * 10]],
                "age": [*rng.integers(20, 70, n - 10), *[107] * 10],
            }
        )
        small.write(name, frames[name])
    c = small.compare("made")
    for column in columns[1:]:
        found = cells(c, column)
        assert found is not None
        assert "alone" not in found.labels
        assert not [x for x in found.labels if "107" in x or "123" in x or "1997" in x or x.startswith("03")]
        for side, people in (("train", c.people), ("holdout", c.held_out)):
            frame = frames[side].to_pandas()
            if column.name == "ward":
                shown = {x for x in found.labels if x not in (OTHER, MISSING)}
                groups = [frame.ward == x for x in shown] + [frame.ward.isna() if MISSING in found.labels else frame.ward == "w0"]
                if OTHER in found.labels:
                    groups.append(~frame.ward.isin(shown) & (frame.ward.notna() | (MISSING not in found.labels)))
                assert all(len(set(people[g.to_numpy()])) >= INTERNAL.minimum for g in groups)
        assert sum(found.real) == pytest.approx(1, abs=0.01)
    age = cells(c, columns[5])
    edges = sorted({int(x) for label in age.labels for x in re.findall(r"\d+", label)})
    frame = frames["holdout"].to_pandas()
    bins = np.searchsorted([int(re.findall(r"\d+", label)[0]) for label in age.labels[1:]], frame.age, side="right")
    assert edges
    assert all(len(set(c.held_out[bins == k])) >= INTERNAL.minimum for k in range(len(age.labels)))


@pytest.mark.promise("evaluate.14")
def test_a_column_of_too_few_people_has_no_chart(tmp_path: Path) -> None:
    column = ColumnSchema("x", Kind.REAL, "float64")
    small = World(TableSchema("t", (column,)), tmp_path)
    small.write("train", pa.table({"x": [1.5, 2.5, *[None] * 50]}))
    small.write("holdout", pa.table({"x": pa.array([None] * 20, pa.float64())}))
    small.write("made", pa.table({"x": [1.5] * 9}))
    assert distribution(small.compare("made"), column, 0) is None


@pytest.mark.promise("show.10")
def test_the_unit_of_a_number_stands_at_the_axis_and_above_the_table(world: World) -> None:
    c, age = world.compare("third"), world.schema.column("age")
    plain, measured = distribution(c, age, 0), distribution(c, replace(age, unit="a"), 0)
    assert plain is not None
    assert measured is not None
    assert (plain.table.columns[0], measured.table.columns[0]) == ("age", "age, years")
    axes = [{axis: shown["layout"][axis].get("title") for axis in ("xaxis", "yaxis")} for shown in (plain.figure, measured.figure)]
    assert "years" not in str(axes[0])
    assert "years" in str(axes[1])
    assert measured.alternative == plain.alternative


@pytest.mark.promise("evaluate.14")
def test_shares_come_from_rounded_counts(world: World) -> None:
    c = world.compare("third")
    found = cells(c, world.schema.column("sex"))
    train = world.table("train")["sex"].to_pylist()
    rounded = [INTERNAL.rounded(train.count(x)) for x in found.labels]
    assert found.real == pytest.approx([n / sum(rounded) for n in rounded], abs=1e-4)
    assert found.real[0] != train.count(found.labels[0]) / len(train)


@pytest.mark.promise("evaluate.15")
@pytest.mark.promise("report.3")
def test_each_chart_has_one_message_its_numbers_and_words(third: Evaluation, world: World) -> None:
    wanted = {"column-agreement", "association-map", "association-differences", "plane", "propensity-scores", "discriminator-scores"}
    assert wanted | {"attack-risks", "subgroups", "predictions", "distribution-0"} <= {c.id for c in third.charts}
    for chart in third.charts:
        assert chart.title
        assert chart.alternative
        assert "bdata" not in json.dumps(chart.figure)
        assert {t["type"] for t in chart.figure["data"]} <= {"bar", "scatter"}
        if chart.id not in ("association-map", "plane", "attack-roc"):
            assert {len(t["x"]) for t in chart.figure["data"]} == {len(chart.table.rows)}
        assert {len(row) for row in chart.table.rows} == {len(chart.table.columns)}
    assert len({c.id for c in third.charts}) == len(third.charts)


@pytest.mark.promise("report.3")
def test_charts_are_the_same_again(world: World) -> None:
    def drawn() -> list[str]:
        c = world.compare("third")
        coded = Coded(c)
        axes = projection.fit(coded.of(c.train), coded.coders, c.seed)
        sides = {rows.name: associations(rows, coded.coders) for rows in (c.train, c.synthetic)}
        return [json.dumps(chart.figure) for chart in (density(c, coded, axes), difference_map(c, sides))]

    assert drawn() == drawn()


@pytest.mark.promise("report.4")
def test_a_pair_of_columns_that_too_few_people_have_both_values_of_is_in_no_chart(tmp_path: Path) -> None:
    columns = (ColumnSchema("who", Kind.IDENTIFIER, "string"), *(ColumnSchema(name, Kind.REAL, "float64") for name in "abc"))
    small = World(TableSchema("t", columns, person_key="who"), tmp_path)
    rng = np.random.default_rng(0)
    for name, n in (("train", 200), ("holdout", 100), ("made", 150)):
        a, b, c = (list(rng.normal(size=n)) for _ in range(3))
        # half of the rows have a, the others b; one person has both in many rows
        who = [f"{name}{i}" for i in range(n - 20)] + [f"{name}-one"] * 20
        for i in range(n - 20):
            (a if i % 2 else b)[i] = None
        small.write(name, pa.table({"who": who, "a": a, "b": b, "c": c}))
    c = small.compare("made")
    names = tuple(column.name for column in c.measured)
    assert [(names[i], names[j]) for i, j in told(c, names)] == [("a", "c"), ("b", "c")]
    coded = Coded(c)
    chart = difference_map(c, {rows.name: associations(rows, coded.coders) for rows in (c.train, c.synthetic)})
    assert {row[0] for row in chart.table.rows} == {"a and c", "b and c"}


@pytest.mark.promise("report.4")
def test_a_place_of_the_plane_about_too_few_people_is_shown_of_neither_table(world: World) -> None:
    few = world.compare("third")
    coded = Coded(few)
    axes = projection.fit(coded.of(few.train), coded.coders, few.seed)
    for minimum in (5, 30, 100):
        c = replace(few, policy=replace(INTERNAL, minimum=minimum, rounding=minimum, minimum_table=2 * minimum))
        chart = density(c, coded, axes)
        grid = [cell for row in chart.table.rows for cell in row[1:]]
        side = len(chart.table.rows)
        placed = axes.placed(coded.of(c.holdout), coded.coders)
        first = axes.placed(coded.of(c.train), coded.coders)
        edges = [np.unique(np.quantile(first[:, k], np.linspace(0, 1, side + 1)[1:-1])) for k in (0, 1)]
        across, up = (np.searchsorted(edges[k], placed[:, k], side="right") for k in (0, 1))
        people = {(u, x): len(set(c.held_out[(up == u) & (across == x)])) for u in range(side) for x in range(side)}
        shown = {(int(row[0]) - 1, x) for row in chart.table.rows for x, cell in enumerate(row[1:]) if cell != "few people"}
        assert all(people[place] >= minimum for place in shown)
        assert len(shown) * 2 >= side * side == len(grid)
    assert density(replace(few, policy=replace(INTERNAL, minimum=10_000, rounding=10_000, minimum_table=20_000)), coded, axes) is None
    assert density(replace(few, crowd=(True, False)), coded, axes) is None


@pytest.mark.promise("report.4")
def test_scores_of_few_people_join_their_neighbours(world: World) -> None:
    c = world.compare("third")
    chosen = np.arange(400)
    real = np.linspace(0.3, 0.5, 400)
    real[:3] = 0.99
    chart = scores(c, real, np.full(400, 0.4), chosen, "a machine", "machine-scores")
    assert [row[0] for row in chart.table.rows][-1].endswith("1.00")
    for low, high in (map(float, row[0].split("–")) for row in chart.table.rows):
        here = (real >= low) & ((real < high) | (high == 1))
        assert len(set(c.people[chosen[here]])) >= INTERNAL.minimum
    assert sum(row[1] for row in chart.table.rows) == pytest.approx(100, abs=0.5)


@pytest.mark.promise("report.4")
def test_a_curve_is_read_at_stated_rates_and_not_at_every_person(world: World) -> None:
    c = world.compare("third")
    alarms, found = np.linspace(0, 1, 501), np.sqrt(np.linspace(0, 1, 501))
    chart = attacks.roc(c, {"somebody who has the release": (alarms, found)})
    assert chart.audience == "reviewers"
    assert [row[0] for row in chart.table.rows] == [f"{a:g}" for a in attacks.ALARMS]
    assert [row[1] for row in chart.table.rows] == pytest.approx(np.sqrt(attacks.ALARMS), abs=0.006)
    assert "finds 10% of the people" in chart.title
    assert attacks.roc(c, {}) is None


def of(metric: str, scope: Scope, value: float, **more: object):
    return result(metric, scope, value, **more)


@pytest.mark.promise("report.3")
def test_titles_say_what_the_chart_says() -> None:
    table, ward = Scope("table", ("t",)), Scope("column", ("t", "ward"))
    calm = of("singling_out", table, 0.0, interval=(-0.02, 0.02))
    leak = of("inference", ward, 0.3, interval=(0.2, 0.4))
    assert attacks.risks([calm]).title == "No attack does better than guessing (1 tried)"
    assert attacks.risks([calm, leak]).title == "One of 2 attacks does better than guessing: Attribute inference: ward"
    assert attacks.risks([replace(calm, interval=None)]) is None
    small, large = (Scope("subgroup", ("t", "sex", name)) for name in ("F", "M"))
    # the group that is far from the real one by chance alone is not the one served worst
    bars = [of("subgroup_tvd", small, 0.3, ceiling=0.3), of("subgroup_tvd", large, 0.2, ceiling=0.05)]
    assert groups.subgroups(bars).title.startswith("The group served worst is sex: M")
    assert groups.subgroups(bars).audience == "reviewers"
    assert "lose most at ward (AUC): 0.55, from real rows 0.90" in groups.predictions([of("target_auc", ward, 0.55, ceiling=0.9)]).title
    assert "about as well" in groups.predictions([of("target_auc", ward, 0.88, ceiling=0.9)]).title


@pytest.mark.promise("report.3")
def test_nothing_is_drawn_that_needs_more_than_the_basic_bundle_or_an_inline_style(third: Evaluation) -> None:
    text = json.dumps([chart.figure for chart in third.charts])
    assert not re.search("heatmap|contour|colorbar|coloraxis|colorscale", text)
