"""Learned rows that hang on others: on the row they refer to, on the row before of the same person, on how many there are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evaluation.dataset import evaluate
from generators.disclosure import POLICIES
from generators.encoding.coded import Part
from generators.errors import InputError
from generators.fitting import coding
from generators.fitting.context import LEAP, Context, Hanging, given_codes, given_parts
from generators.fitting.estimator import fit
from generators.fitting.telling import telling
from generators.reading.tables import read_dataset
from generators.registry import generate
from generators.working_copy.deidentify import deidentify_dataset
from generators.working_copy.split import split
from tests.generators.learned_world import CLINIC, ONE_TABLE, clinic, world


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    """Generated people and visits, of a model fitted to such."""
    here = world(tmp_path_factory.mktemp("clinic"), CLINIC, people=800)
    return fit("cart", here.train, here.schema, seed=1)


@pytest.fixture(scope="module")
def made(linked):
    return next(linked.sample(1500, 5))


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    """One table in which people come several times."""
    here = world(tmp_path_factory.mktemp("one"), ONE_TABLE, people=800)
    fitted = fit("cart", here.train, here.schema, seed=1)
    return fitted, next(fitted.sample(3000, 5))["visits"]


def shares(tables: dict[str, pa.Table]) -> dict[str, float]:
    """What of the simulated clinic can be seen in people and their visits."""
    visits = tables["visit"].join(tables["person"], "person_id").sort_by([("person_id", "ascending"), ("day", "ascending")]).to_pandas()
    same_person = visits["person_id"].to_numpy()[1:] == visits["person_id"].to_numpy()[:-1]
    same_ward = visits["ward"].to_numpy()[1:] == visits["ward"].to_numpy()[:-1]
    women = visits["sex"] == "F"
    number = visits.groupby("person_id")["age"].agg(["size", "max"])
    return {
        "women in maternity": (visits["ward"][women] == "maternity").mean(),
        "men in maternity": (visits["ward"][~women] == "maternity").mean(),
        "stayed in the ward": same_ward[same_person].mean(),
        "visits of the old": number["size"][number["max"] > 50].mean(),
        "visits of the young": number["size"][number["max"] <= 50].mean(),
    }


@pytest.mark.promise("hanging.1", "hanging.2")
def test_a_row_hangs_together_with_the_row_it_refers_to_and_the_row_before(made):
    real, drawn = shares(clinic(800)), shares(made)
    assert drawn == pytest.approx(real, abs=0.12, rel=0.12)
    assert drawn["women in maternity"] > drawn["men in maternity"] + 0.4


@pytest.mark.promise("hanging.3")
def test_keys_lead_somewhere_and_none_comes_twice(made):
    person, visit = made["person"]["person_id"], made["visit"]
    assert pc.all(pc.is_in(visit["person_id"], person.combine_chunks())).as_py()
    assert len(pc.unique(visit["visit_id"])) == visit.num_rows
    assert len(pc.unique(person)) == 1500


@pytest.mark.promise("hanging.4")
def test_what_is_the_same_in_all_rows_of_a_person_stays_the_same(repeated):
    fitted, visits = repeated
    assert fitted.record.tables["visits"].alike == ("sex",)
    by_person = pa.table({"person": visits["person_id"], "sex": visits["sex"].cast(pa.string())})
    each = by_person.group_by("person").aggregate([("sex", "count_distinct"), ("sex", "count")])
    assert pc.max(each["sex_count"]).as_py() > 2
    assert pc.max(each["sex_count_distinct"]).as_py() == 1


@pytest.mark.promise("hanging.5")
def test_rows_of_one_person_follow_each_other(repeated):
    _, visits = repeated
    rows = visits.sort_by([("person_id", "ascending"), ("visit_id", "ascending")]).to_pandas()
    same_person = rows["person_id"].to_numpy()[1:] == rows["person_id"].to_numpy()[:-1]
    stayed = (rows["ward"].to_numpy()[1:] == rows["ward"].to_numpy()[:-1])[same_person]
    later = (rows["day"].to_numpy()[1:] >= rows["day"].to_numpy()[:-1])[same_person]
    assert stayed.mean() > 0.7
    assert later.mean() > 0.75


@pytest.mark.promise("hanging.6")
def test_what_tells_nothing_is_not_given():
    rng = np.random.default_rng(1)
    own = rng.integers(0, 4, (3000, 2)).astype(np.int32)
    given = np.stack([own[:, 0] // 2, rng.integers(0, 5, 3000), rng.integers(0, 50, 3000)], axis=1).astype(np.int32)
    assert telling(given, [2, 5, 50], own, [4, 4], np.arange(3000), 0) == [0]
    assert telling(given[:5], [2, 5, 50], own[:5], [4, 4], np.arange(5), 0) == []


@pytest.mark.promise("hanging.9")
def test_numbers_that_tell_only_together_are_both_given():
    rng = np.random.default_rng(2)
    first, often, idle = (rng.integers(0, 2, 4000) for _ in range(3))
    early = (rng.random(4000) < np.where(first == often, 0.8, 0.2)).astype(np.int32)
    given = np.stack([first, often, idle], axis=1).astype(np.int32)
    assert telling(given, [2, 2, 2], early[:, None], [2], np.arange(4000), 0) == []
    assert telling(given, [2, 2, 2], early[:, None], [2], np.arange(4000), 0, together=[0, 1, 2]) == [0, 1]


@pytest.mark.promise("hanging.7")
def test_of_very_many_rows_of_one_person_each_is_drawn_after_the_one_before():
    group = np.repeat([7, 3], [3 * LEAP, 2])
    hanging = Hanging.of(group, len(group), None, {})
    seen = np.zeros(len(group), dtype=bool)
    for step in hanging.steps(one_by_one=True):
        before = hanging.before[step]
        needed = before[(before >= 0) & (hanging.rank[step] % LEAP > 0)]
        assert seen[needed].all()
        seen[step] = True
    assert seen.all()
    assert len(hanging.steps(one_by_one=True)) <= 2 * LEAP
    assert [len(s) for s in hanging.steps(one_by_one=False)] == [2, 3 * LEAP]


@pytest.mark.promise("hanging.2")
def test_a_first_row_is_given_that_there_is_none_before():
    own = (Part("ward", "value", 3), Part("age", "coarse", 2), Part("age", "fine", 4, of=1, within=(0, 1)))
    context = Context((0, 1, 2), before=(0, 1, 2), numbers=("its place",))
    codes = np.array([[2, 0, 3], [1, 1, 0]], dtype=np.int32)
    hanging = Hanging.of(np.array([5, 5]), 2, None, {})
    parts = given_parts(context, own, ())
    assert [p.size for p in parts[:3]] == [4, 3, 4]
    assert (parts[2].of, parts[2].within) == (1, (1, 2))
    assert given_codes(context, own, (), hanging, codes).tolist() == [[0, 0, 0, 0], [3, 1, 3, 1]]


@pytest.mark.promise("learned.3")
def test_a_context_that_does_not_fit_its_columns_is_refused():
    good = Context((1, 0), before=(0,), numbers=("its place",)).as_dict()
    assert Context.from_dict(good, 2, 0).order == (1, 0)
    for change in ({"order": [0]}, {"before": [5]}, {"parent": [0]}, {"numbers": [3]}, {"order": ["x", 1]}):
        with pytest.raises(InputError, match="what rows are given"):
            Context.from_dict({**good, **change}, 2, 0)


def reference(name: str) -> Path:
    folder = Path(os.environ.get("SYNTHPORTAL_SHARED") or Path(__file__).parents[3] / "shared") / "data" / name
    if not folder.exists():
        pytest.skip(f"the reference data {name} are not on this machine")
    return folder


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.promise("hanging.8")
def test_tables_of_a_real_model_hang_together_better_than_tables_made_apart(tmp_path, monkeypatch):
    source, some = reference("omop"), tmp_path / "some"
    some.mkdir()
    for name in ("person", "procedure_occurrence"):
        shutil.copy(source / f"{name}.parquet", some)
    copy = deidentify_dataset(read_dataset(some, tmp_path / "read"), b"k" * 32, tmp_path / "copy")
    sides = split(copy.tables, copy.schema, key=b"k" * 32, out=tmp_path / "split")

    def measured(name: str) -> dict[str, float]:
        fitted = fit("cart", sides.train, copy.schema, seed=1)
        files = generate(fitted.mechanism(), copy.schema, None, None, 3, tmp_path / name, scale=1.0, model=fitted)
        only = ("parent_child", "sequence_gaps", "foreign_keys")
        told = evaluate(sides.train, sides.holdout, {f.table: f.path for f in files}, copy.schema, policy=POLICIES["internal"], only=only)
        return {r.metric: r.value for r in told.results}

    together = measured("together")
    monkeypatch.setattr(coding, "telling", lambda *_, **__: [])
    apart = measured("apart")
    assert together["foreign_keys"] == 1.0
    assert together["parent_child"] < apart["parent_child"]
    assert together["sequence_gaps"] > apart["sequence_gaps"] + 0.05
