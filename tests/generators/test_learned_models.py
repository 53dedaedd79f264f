"""Learned generators as a whole: fitted, saved, read back, drawn from, wherever and by however many."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators import registry
from generators.errors import Cancelled, InputError
from generators.fitting import memory
from generators.fitting.controls import Controls
from generators.fitting.estimator import estimate, fit
from generators.fitting.files import FACTS, WEIGHTS, from_bytes, load, save
from generators.generating.sandbox import generate_confined
from generators.learning.model import Cost
from generators.learning.options import Budget
from generators.learning.watch import Watch
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from tests.generators.learned_world import CLINIC, ONE_TABLE, PERSON, world


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    return world(tmp_path_factory.mktemp("clinic"), CLINIC)


@pytest.fixture(scope="module")
def fitted(clinic):
    return fit("cart", clinic.train, clinic.schema, seed=1)


@pytest.fixture
def small_partitions(monkeypatch):
    """Several partitions of few rows."""
    monkeypatch.setattr("generators.fitting.fitted.PARTITION", 400)
    monkeypatch.setattr("generators.fitting.fitted.LEAST_ROWS", 1)


def digests(files):
    return {f.table: f.sha256 for f in files}


def generated(fitted, out, **choices):
    return registry.generate(fitted.mechanism(), fitted.schema, None, 300, 7, out, model=fitted, **choices)


@pytest.mark.promise("learned.1")
def test_the_same_files_seed_and_options_give_the_same_model_and_rows(clinic, fitted):
    again = fit("cart", clinic.train, clinic.schema, seed=1)
    assert again.to_bytes() == fitted.to_bytes()
    assert fit("cart", clinic.train, clinic.schema, seed=2).digest != fitted.digest
    one, two = (list(m.sample(50, 3)) for m in (fitted, again))
    assert one == two
    assert list(fitted.sample(50, 4)) != one


@pytest.mark.promise("learned.2")
def test_what_is_saved_and_read_back_makes_the_same_rows(fitted, tmp_path):
    for path in save(fitted, tmp_path / "model"):
        assert path.stat().st_mode & 0o777 == 0o600
    back = load(tmp_path / "model")
    assert back.digest == fitted.digest == from_bytes(fitted.to_bytes()).digest
    assert json.dumps(back.record.as_dict()) == json.dumps(fitted.record.as_dict())
    assert list(back.sample(40, 1)) == list(fitted.sample(40, 1))


@pytest.mark.promise("learned.3")
def test_a_saved_model_that_was_changed_cut_or_comes_from_the_future_is_refused(fitted, tmp_path):
    folder = tmp_path / "model"
    facts, weights = save(fitted, folder)
    good, heavy = facts.read_bytes(), weights.read_bytes()

    def refused(text: bytes, arrays: bytes, says: str) -> None:
        facts.write_bytes(text)
        weights.write_bytes(arrays)
        with pytest.raises(InputError, match=says):
            load(folder)

    refused(good.replace(b'"seed": 1', b'"seed": 2'), heavy, "not as it was saved")
    refused(good[:-40], heavy, "not whole")
    refused(b"[]", heavy, "not a fitted generator")
    refused(good.replace(b'"format": 1', b'"format": 2', 1), heavy, "newer version")
    refused(good, heavy[:-1] + b"\1", f"{WEIGHTS} is not the file")
    refused(good, heavy[: len(heavy) // 2], f"{WEIGHTS} is not the file")
    with pytest.raises(InputError, match="not whole"):
        from_bytes(fitted.to_bytes()[:20])
    facts.unlink()
    with pytest.raises(InputError, match=f"lacks the file {FACTS}"):
        load(folder)


@pytest.mark.promise("learned.4")
def test_rows_do_not_depend_on_how_many_processes_make_them(fitted, tmp_path, small_partitions):
    alone = digests(generated(fitted, tmp_path / "one"))
    assert digests(generated(fitted, tmp_path / "two", workers=2)) == alone
    assert len(registry.planned(fitted.mechanism(), fitted.schema, None, 300, 7, model=fitted).parts) > 2


@pytest.mark.promise("learned.4")
def test_the_sandbox_makes_the_same_rows(fitted, tmp_path):
    box = generate_confined(fitted.mechanism(), fitted.schema, None, 300, 7, tmp_path / "box", model=fitted)
    assert digests(box.files) == digests(generated(fitted, tmp_path / "here"))


@pytest.mark.promise("learned.5")
def test_a_mechanism_is_of_one_model(clinic, fitted, tmp_path):
    other = fit("cart", clinic.train, clinic.schema, seed=2)
    with pytest.raises(InputError, match="another learned model"):
        registry.generate(fitted.mechanism(), fitted.schema, None, 10, 1, tmp_path, model=other)
    with pytest.raises(InputError, match="needs the model"):
        registry.generate(fitted.mechanism(), fitted.schema, None, 10, 1, tmp_path)
    with pytest.raises(InputError, match="learns nothing"):
        registry.generate(registry.mechanism_for("structural", CLINIC), CLINIC, None, 10, 1, tmp_path, model=fitted)


@pytest.mark.promise("learned.6")
def test_neither_plan_nor_record_holds_a_path_or_a_key(clinic, fitted):
    told = json.dumps([fitted.plan(10, 1).as_dict(), fitted.record.as_dict()])
    assert str(clinic.train["visit"].parent) not in told
    assert "p000001" not in fitted.to_bytes().decode("latin-1")
    assert fitted.record.tables["person"].rows == 400
    assert fitted.record.tables["visit"].membership is not None


@pytest.mark.promise("learned.7")
def test_a_fit_that_is_stopped_goes_on_to_the_same_bytes(clinic, fitted, tmp_path):
    stages = []

    def stop(stage, fraction, rows=None, total=None):
        stages.append(stage)
        if "visit" in stage and "learning" in stage and len({s for s in stages if "learning" in s}) > 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit("cart", clinic.train, clinic.schema, seed=1, progress=stop, checkpoint=tmp_path)
    kept = list(tmp_path.iterdir())
    assert kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    resumed: list[str] = []
    done = fit("cart", clinic.train, clinic.schema, seed=1, checkpoint=tmp_path, progress=lambda stage, *_, **__: resumed.append(stage))
    assert done.to_bytes() == fitted.to_bytes()
    assert fit("cart", clinic.train, clinic.schema, seed=3, checkpoint=tmp_path).digest != fitted.digest


@pytest.mark.promise("learned.8")
def test_a_fit_that_does_not_fit_into_memory_is_refused_before_it_starts(clinic, monkeypatch):
    cost = estimate("copula", clinic.train, clinic.schema)
    assert cost.memory > 0
    assert cost.seconds > 0
    with pytest.raises(InputError, match="MB are allowed"):
        fit("copula", clinic.train, clinic.schema, budget=Budget(memory=1_000_000))
    monkeypatch.setattr(memory, "available_memory", lambda: 24 * 2**30)
    with pytest.raises(InputError, match="needs about 30 GB of memory, 24 GB are there"):
        memory.refuse_too_large(Cost(1.0, 30 * 2**30), Budget())


def person_file(folder: Path, columns: dict[str, pa.Array]) -> dict[str, Path]:
    path = folder / "person.parquet"
    pq.write_table(pa.table(columns), path)
    return {"person": path}


@pytest.mark.promise("learned.9")
def test_too_few_persons_and_tables_of_keys_alone_are_refused_by_name(clinic, tmp_path):
    people = pq.read_table(clinic.train["person"])
    few = person_file(tmp_path, {n: people[n].slice(0, 20) for n in people.column_names})
    with pytest.raises(InputError, match="fewer than 50 persons"):
        fit("copula", few, DatasetSchema((PERSON,)))
    with pytest.raises(InputError, match="nothing but keys"):
        fit("copula", clinic.train, DatasetSchema((replace(PERSON, columns=PERSON.columns[:1]),)))
    with pytest.raises(InputError, match='no file was given for table "visit"'):
        fit("copula", {"person": clinic.train["person"]}, CLINIC)
    with pytest.raises(InputError, match='has no column "height"'):
        fit(
            "copula",
            clinic.train,
            DatasetSchema((replace(PERSON, columns=(*PERSON.columns, ColumnSchema("height", Kind.REAL, "float64"))),)),
        )


@pytest.mark.promise("learned.9")
@pytest.mark.parametrize("generator", ["copula", "cart"])
def test_constant_and_empty_columns_stay_as_they_are(generator, clinic, tmp_path):
    people = pq.read_table(clinic.train["person"])
    empty, same = pa.nulls(400, pa.float64()), pa.array(["yes"] * 400)
    train = person_file(tmp_path, {"person_id": people["person_id"], "sex": people["sex"], "empty": empty, "same": same})
    columns = (*PERSON.columns[:2], ColumnSchema("empty", Kind.REAL, "float64"), ColumnSchema("same", Kind.CATEGORICAL, "string"))
    schema = DatasetSchema((TableSchema("person", columns, "person_id", ("person_id",)),))
    made = next(fit(generator, train, schema).sample(100, 1))["person"]
    assert made["empty"].null_count == 100
    assert set(made["same"].to_pylist()) == {"yes"}
    assert set(made["sex"].to_pylist()) == {"F", "M"}


@pytest.mark.promise("learned.10")
def test_a_table_of_few_persons_among_others_holds_placeholders_and_the_record_says_so(clinic, tmp_path):
    visits = pq.read_table(clinic.train["visit"])
    few = tmp_path / "visit.parquet"
    pq.write_table(visits.slice(0, 12), few)
    fitted = fit("copula", {**clinic.train, "visit": few}, CLINIC)
    assert set(fitted.tables) == {"person"}
    assert any('"visit"' in note and "too few" in note for note in fitted.record.notes)
    made = next(fitted.sample(300, 1))
    assert not set(made["visit"]["ward"].to_pylist()) & set(visits["ward"].to_pylist())


@pytest.mark.promise("learned.11")
def test_columns_left_out_are_in_no_part_of_the_model(clinic):
    fitted = fit("copula", clinic.train, CLINIC, controls=Controls(leave_out=("score",)))
    assert "score" not in fitted.schema.table("visit").names
    assert b'"score"' not in fitted.to_bytes().split(b'"controls"')[0]
    assert "score" not in next(fitted.sample(50, 1))["visit"].column_names


@pytest.mark.promise("learned.12")
def test_a_generator_of_several_partitions_hands_them_out_one_by_one(fitted, small_partitions):
    parts = list(fitted.sample(300, 7))
    assert len(parts) > 2
    assert sum(p["person"].num_rows for p in parts) == 300
    assert fitted.partition_rows == 400


@pytest.mark.promise("learned.13")
def test_a_private_fit_says_what_it_spent_and_none_that_cannot_be_is_made(tmp_path):
    one = world(tmp_path, ONE_TABLE, people=600)
    budget = Budget(epsilon=5.0, delta=1e-5, contributions=2)
    with pytest.raises(InputError, match="differential privacy"):
        fit("copula", one.train, one.schema, budget=budget)
    fitted = fit("dp-marginals", one.train, one.schema, budget=budget)
    assert fitted.record.ledger is not None
    assert fitted.record.ledger["spent_epsilon"] <= 5.0
    parameters = dict(fitted.mechanism().parameters)
    assert (parameters["epsilon"], parameters["unit"]) == ("5.0", "person")
    made = next(from_bytes(fitted.to_bytes()).sample(200, 1))["visits"]
    assert made == next(fitted.sample(200, 1))["visits"]


@pytest.mark.promise("learned.14")
def test_a_loss_that_is_no_number_any_more_ends_the_learning_and_the_record_says_so(tmp_path, monkeypatch):
    one = world(tmp_path, DatasetSchema((PERSON,)))
    told = Watch.epoch

    def lost(self, number, most, loss, held_out):
        return told(self, number, most, loss if number < 2 else float("nan"), held_out if number < 2 else float("nan"))

    monkeypatch.setattr(Watch, "epoch", lost)
    fitted = fit("autoregressive", one.train, one.schema, options={"rounds": "6"})
    assert "no number" in fitted.record.tables["person"].stopped
    assert len(fitted.record.tables["person"].epochs) == 1
    assert next(fitted.sample(20, 1))["person"].num_rows == 20
