"""The adversary of `tests.generators.adversary` against summaries of tables that were made to be rounded badly."""

import random
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.code_systems import CODE_SYSTEMS
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising import concealment
from generators.summarising.summarise import summarise
from tests.generators.adversary import Adversary, of_missing, of_table

CODES = [f"{letter}{n:02d}.{m}" for letter in "AEI" for n in (10, 21, 40) for m in range(3)]
EACH = [
    POLICIES["internal"],
    POLICIES["sub-national"],
    POLICIES["public"],
    DisclosurePolicy("even", 1, minimum=10, rounding=10, minimum_table=40),
    DisclosurePolicy("narrow", 1, minimum=6, rounding=3, minimum_table=40),
]


def badly_rounded(r, policy, total, room):
    """Counts that add up to `total`: a few that are mostly rounded up, and some of 1 … minimum − 1; the first is what is left."""
    few = [r.randint(1, policy.minimum - 1) for _ in range(r.choice([0, 1, 1, 2, 5]))]
    many = []
    for _ in range(r.choice([0, 1, 2, 4, room])):
        up = (policy.rounding - policy.rounding // 2) + policy.rounding * r.randint(1, 3)
        many.append(max(policy.minimum, up + r.choice([0, 0, 0, 1])))
    left = total - sum(few) - sum(many)
    return ([left, *many] if left >= policy.minimum else [total]), few if left >= policy.minimum else []


def table(policy, seed, columns):
    """A table of one row a person, its cells by column, and the schema."""
    r = random.Random(seed)  # noqa: S311 - nothing secret
    total = max(policy.minimum_table, 12 * policy.minimum) // policy.rounding * policy.rounding + policy.rounding // 2
    data, made = {}, []
    for n in range(columns):
        many, few = badly_rounded(r, policy, total, 9)
        coded = n % 3 == 2
        if coded:
            names = r.sample(CODES, len(many) + len(few))
        else:
            names = [f"v{i}" for i in range(len(many))] + ([None, *(f"rare{i}" for i in range(len(few)))][: len(few)] if few else [])
        values = [name for name, count in zip(names, [*many, *few], strict=True) for _ in range(count)]
        r.shuffle(values)
        data[f"c{n}"] = values
        made.append(ColumnSchema(f"c{n}", Kind.CATEGORICAL, "string", code_system="ICD-10" if coded else None))
    return data, DatasetSchema((TableSchema("t", tuple(made)),))


def exposed(policy, seed, tmp_path, columns=12):
    data, schema = table(policy, seed, columns)
    pq.write_table(pa.table({name: pa.array(v, pa.string()) for name, v in data.items()}), tmp_path / "t.parquet")
    summary = summarise({"t": tmp_path / "t.parquet"}, schema, policy).tables[0]
    cells = {name: Counter(values) for name, values in data.items()}
    adversary = of_table(summary, cells, policy, CODE_SYSTEMS["ICD-10"])
    patterns = Counter(tuple(n for n in data if data[n][i] is None) for i in range(len(data["c0"])))
    patterns.pop((), None)
    present = [c.name for c in summary.columns if not c.absent and None in cells[c.name]]
    of_missing(adversary, patterns, present)
    truth = {(c.name, value): n for c in summary.columns if not c.absent for value, n in cells[c.name].items()}
    truth |= {("missing", p): n for p, n in patterns.items() if set(p) & set(present)}
    return adversary.exposed(truth)


@pytest.mark.promise("disclosure.24")
@pytest.mark.parametrize("policy", EACH, ids=lambda p: p.name)
def test_no_suppressed_cell_can_be_worked_out_more_closely_than_the_policy_allows(policy, tmp_path):
    for seed in range(6):
        assert exposed(policy, seed, tmp_path) == []


@pytest.mark.promise("disclosure.24")
def test_without_secondary_suppression_the_adversary_finds_cells(tmp_path, monkeypatch):
    monkeypatch.setattr(concealment, "hidden", lambda shape, *_, **__: shape)
    assert any(exposed(POLICIES[name], seed, tmp_path) for name in ("internal", "sub-national") for seed in range(6))


def test_the_adversary_works_a_cell_out_from_an_exact_total():
    adversary = Adversary(POLICIES["internal"])
    adversary.within(["a", "b"], 40, 40)
    adversary.within(["a"], 37, 37)
    assert adversary.learns("b") == (3, 3)
    assert adversary.exposed({"a": 37, "b": 3}) == [("b", 3, (3, 3))]
