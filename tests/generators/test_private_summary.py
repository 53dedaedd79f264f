"""Summaries with calibrated noise: what is spent, who counts how often, and that neighbours cannot be told apart."""

from dataclasses import replace
from datetime import date

import numpy as np
import opendp.prelude as dp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.counts.capped import CappedTable
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import DisclosureRefused, InputError
from generators.registry import generate, mechanism_for
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from generators.summarising.cross_tabulation import CrossTab
from generators.summarising.private_noise import Noise, converted
from generators.summarising.public_grids import date_grid, number_grid, released
from generators.summarising.summarise import summarise, summary_of
from generators.summary import MetadataSummary
from generators.summary_words import describe, describe_tables

SCHEMA = EMERGENCY_SCHEMA.deidentified()
DP = POLICIES["dp"]
FIVE = replace(DP, name="five", epsilon=5.0)
KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def department(tmp_path_factory):
    path = tmp_path_factory.mktemp("train") / "visits.parquet"
    pq.write_table(emergency_department(8000), path)
    asked = [CrossTab.parse("age:0,18,65,120*sex*disposition", SCHEMA)]
    return path, [summarise({"emergency_visits": path}, SCHEMA, FIVE, cross_tabulations=asked) for _ in range(2)]


def people(rows_each):
    return [f"{i:032x}" for i, n in enumerate(rows_each) for _ in range(n)]


WHO = TableSchema(
    "t", (ColumnSchema("who", Kind.IDENTIFIER, "string"), ColumnSchema("v", Kind.CATEGORICAL, "string", codes=("A", "B"))), person_key="who"
)


@pytest.mark.promise("disclosure.44")
def test_what_a_summary_spends_is_what_opendp_says_and_no_more_than_the_policy_allows(department):
    for summary in department[1]:
        spent = summary.privacy
        assert 0.9 * FIVE.epsilon < spent.epsilon <= FIVE.epsilon
        assert (spent.delta, spent.contributions, spent.unit) == (FIVE.delta, FIVE.contributions, "person")
        assert "zero-concentrated" in spent.composition
        assert MetadataSummary.from_json(summary.to_json(), summary.digest) == summary


@pytest.mark.promise("disclosure.44")
def test_several_releases_add_up_as_one_release_of_all_of_them():
    noise = Noise.calibrated([3.0] * 4, [], FIVE)
    for _ in range(4):
        noise.counts(np.array([10, 20]), 3.0)
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    together = dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(*space, scale=noise.scale)).map(6.0).epsilon(FIVE.delta)
    assert noise.epsilon(FIVE.delta) == pytest.approx(together, rel=1e-6)
    assert noise.epsilon(FIVE.delta) <= FIVE.epsilon
    assert converted(noise.rho * 1.01, FIVE.delta) > noise.epsilon(FIVE.delta)


@pytest.mark.promise("disclosure.44")
def test_category_lists_spend_their_part_of_delta():
    noise = Noise.calibrated([3.0], [3, 3], FIVE)
    for _ in range(2):
        told = noise.categories({"common": 100_000, "of one person": 3}, 3)
        assert set(told) == {"common"}
    assert 0 < noise.selected <= FIVE.delta / 2
    assert noise.epsilon(FIVE.delta) <= FIVE.epsilon


@pytest.mark.promise("disclosure.45")
def test_at_most_so_many_rows_of_a_person_count_and_who_else_is_there_changes_nothing(tmp_path):
    rng = np.random.default_rng(0)
    who = rng.permutation(np.array(people([1, 2, 3, 4, 7, 50, 3, 9])))

    def kept(names):
        pq.write_table(pa.table({"who": names, "v": ["A"] * len(names)}), tmp_path / "t.parquet")
        table = CappedTable.of(WHO, tmp_path / "t.parquet", 3, KEY)
        return table, table.kept

    table, chosen = kept(who)
    for person in set(who):
        assert chosen[who == person].sum() == min(3, (who == person).sum())
    assert table.rows_each().tolist() == [1, 1, 6]
    assert (kept(who)[1] == chosen).all()
    without = who != f"{5:032x}"
    assert (kept(who[without])[1] == chosen[without]).all()


def totals(folder, names, policy, times):
    pq.write_table(pa.table({"who": names, "v": ["A"] * len(names)}), folder / "t.parquet")
    schema = DatasetSchema((WHO,))
    found = []
    for _ in range(times):
        try:
            found.append(summarise({"t": folder / "t.parquet"}, schema, policy).table("t").rows)
        except DisclosureRefused:  # the noise may make a table too small to be told; that too is an outcome
            found.append(0)
    return np.array(found)


def advantage(one, other):
    """How much more often than chance a threshold on the figure tells which of two data sets it is from, at best."""
    return max(abs((one >= t).mean() - (other >= t).mean()) for t in np.unique(np.concatenate((one, other))))


ALLOWED = (np.exp(1.0) - 1) / (np.exp(1.0) + 1)
"""The most a test may gain under ε = 1 (C. Dwork and A. Roth, 2014, section 3): with δ, and sampling error, a little more."""


@pytest.mark.promise("disclosure.46")
def test_data_with_and_without_a_person_cannot_be_told_apart(tmp_path):
    policy = replace(DP, contributions=20, minimum=2, rounding=2, minimum_table=4)
    crowd = people([1] * 400)
    one, other = (totals(tmp_path, names, policy, 40) for names in (crowd, crowd + ["f" * 32] * 500))
    assert advantage(one, other) < ALLOWED + 0.25


@pytest.mark.promise("disclosure.46")
def test_the_same_trial_finds_noise_that_is_a_tenth_of_what_it_must_be():
    enough = Noise.calibrated([20.0], [], DP)
    found = {}
    for factor in (1.0, 0.1):
        noise = Noise(enough.scale * factor)
        without, within = (np.array([noise.counts(np.array([n]), 20.0)[0] for _ in range(400)]) for n in (400, 420))
        found[factor] = advantage(without, within)
    assert found[1.0] < ALLOWED
    assert found[0.1] > ALLOWED


@pytest.mark.promise("disclosure.46")
def test_no_figure_is_exact_and_none_comes_out_twice(department):
    path, (one, other) = department
    kept = CappedTable.of(SCHEMA.tables[0], path, FIVE.contributions, KEY)
    table = pq.read_table(path).filter(pa.array(kept.kept))
    same = exact = figures = 0
    for column in one.table("emergency_visits").columns:
        if column.kind != "categorical":
            continue
        again = {c.value: c.rows for c in other.table("emergency_visits").column(column.name).distribution.values}
        true = {str(v): n for v, n in zip(*np.unique(table[column.name].to_pandas().dropna().astype(str), return_counts=True), strict=True)}
        for cell in column.distribution.values:
            figures += 1
            same += cell.rows == again.get(cell.value)
            exact += cell.rows == FIVE.rounded(true[str(cell.value)])
    assert figures > 30
    assert same < 0.3 * figures
    assert exact < 0.3 * figures
    assert one.digest != other.digest


@pytest.mark.promise("disclosure.47")
def test_the_summary_has_the_shape_of_any_other_and_its_figures_are_near_the_true_ones(department, tmp_path):
    path, (summary, _) = department
    table = summary.table("emergency_visits")
    assert table.column("patient_id").absent == "identifier"
    sexes = {c.value: c.rows for c in table.column("sex").distribution.values}
    real = pq.read_table(path)["sex"].to_pandas().value_counts(normalize=True)
    assert sexes["F"] / sum(sexes.values()) == pytest.approx(real["F"], abs=0.05)
    (crossed,) = table.cross_tabulations
    assert len(crossed.axes[0].labels) == 5
    assert crossed.cells
    out = generate(mechanism_for("aggregates", SCHEMA, summary), SCHEMA, summary, 4000, 1, tmp_path)
    ages = pq.read_table(out[0].path)["age"].to_pandas()
    assert ages.median() == pytest.approx(pq.read_table(path)["age"].to_pandas().median(), abs=5)
    assert "epsilon" in describe_tables(summary)[-1].leaves[0]
    assert all("noisy" in " ".join(d.leaves) for d in describe(summary) if d.column in ("sex", "age", "arrival_date"))


@pytest.mark.promise("disclosure.47")
def test_children_are_counted_between_tables_about_persons(tmp_path):
    person = TableSchema("person", (ColumnSchema("id", Kind.IDENTIFIER, "string", nullable=False),), person_key="id", primary_key=("id",))
    key = ForeignKey(("id",), "person", ("id",))
    visit = TableSchema(
        "visit",
        (ColumnSchema("id", Kind.IDENTIFIER, "string", nullable=False), ColumnSchema("day", Kind.DATE, "date32")),
        person_key="id",
        foreign_keys=(key,),
    )
    who = [f"{i:032x}" for i in range(3000)]
    pq.write_table(pa.table({"id": who}), tmp_path / "person.parquet")
    pq.write_table(pa.table({"id": who[:2000] + who[:1000], "day": [date(2024, 5, 1)] * 3000}), tmp_path / "visit.parquet")
    files = {name: tmp_path / f"{name}.parquet" for name in ("person", "visit")}
    summary = summarise(files, DatasetSchema((person, visit)), FIVE)
    (relation,) = summary.relationships
    assert {c.value: c.rows for c in relation.children.values if c.value < 3} == {n: pytest.approx(1000, abs=150) for n in (0, 1, 2)}
    days = summary.table("visit").column("day").distribution.values
    assert max(days, key=lambda each: each.rows).value == "2024-05", "whatever noise says of other months"


@pytest.mark.promise("disclosure.47")
def test_grids_are_public_and_every_number_and_day_has_its_place():
    whole, whole_place = number_grid(ColumnSchema("n", Kind.INTEGER, "int64"))
    for number in (0, 1, 9, 10, 37, 99, 100, 12_345, -1, -7, -250):
        leaf = int(whole_place(np.array([float(number)]))[0])
        for level, below in enumerate((90, 10, 1)):
            low, high = whole.part(level, leaf // below)
            assert low <= number < high or low == number == high
    months, month_place = date_grid("month")
    assert months.part(2, int(month_place(np.array([653]))[0])) == ("2024-06", "2024-06")
    empty = released(months, [np.zeros(n, dtype=np.int64) for n in (25, 250, 3000)], 10.0, DP.rounded, 20, 64)
    assert empty.empty


@pytest.mark.promise("disclosure.48")
def test_policies_with_noise_are_whole_or_refused_and_others_are_written_as_before():
    assert DisclosurePolicy.from_dict(DP.as_dict()) == DP
    assert "epsilon" not in POLICIES["public"].as_dict()
    for change, message in (
        ({"delta": None}, "all three"),
        ({"epsilon": 0.0}, "more than 0"),
        ({"delta": 0.5}, "at most 0.001"),
        ({"contributions": 0}, "contributions must be"),
    ):
        with pytest.raises(InputError, match=message):
            replace(DP, **change)


@pytest.mark.promise("disclosure.48")
def test_too_small_a_table_and_a_source_that_is_counted_where_it_lives_are_refused(tmp_path):
    pq.write_table(pa.table({"who": people([1] * 20), "v": ["A"] * 20}), tmp_path / "t.parquet")
    with pytest.raises(DisclosureRefused, match="as counted with noise, fewer than 1,000 persons"):
        summarise({"t": tmp_path / "t.parquet"}, DatasetSchema((WHO,)), replace(FIVE, minimum_table=1000))
    with pytest.raises(InputError, match="working copies only"):
        summary_of(lambda table: None, DatasetSchema((WHO,)), FIVE)
