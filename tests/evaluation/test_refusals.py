"""An evaluation whose generator saw the holdout is refused, or its table shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evaluation import basket, dataset
from evaluation.comparison import compare
from evaluation.privacy import unseen
from evaluation.refusals import refuse_other, sha256
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from tests.evaluation.conftest import INTERNAL, World

COLUMNS = (ColumnSchema("age", Kind.INTEGER, "int64"), ColumnSchema("sex", Kind.CATEGORICAL, "string"))
KEYLESS = TableSchema("survey", COLUMNS)


@pytest.mark.promise("attacks.9")
def test_a_holdout_with_people_of_train_is_refused_without_naming_them(world: World) -> None:
    shared = pa.concat_tables([world.table("holdout"), world.table("train").slice(0, 1)])
    world.write("leaky", shared)
    with pytest.raises(InputError, match=r'share people \(column "patient_id"\).*split them anew, by person') as refused:
        basket.evaluate(world.path("train"), world.path("leaky"), world.path("third"), world.schema, policy=INTERNAL)
    assert world.table("train")["patient_id"][0].as_py() not in str(refused.value)


@pytest.mark.promise("attacks.9")
def test_people_reached_through_other_tables_are_people_too(world: World, tmp_path: Path) -> None:
    schema = replace(
        world.schema, person_key=None, persons_by="reached", columns=tuple(c for c in world.schema.columns if c.name != "patient_id")
    )
    train, holdout = (
        world.table(name).rename_columns(["reached" if n == "patient_id" else n for n in world.table(name).column_names])
        for name in ("train", "holdout")
    )
    world.write("reached_train", train)
    world.write("reached_leaky", pa.concat_tables([holdout, train.slice(3, 2)]))
    with pytest.raises(InputError, match=r'column "reached"'):
        compare(world.path("reached_train"), world.path("reached_leaky"), world.path("third"), schema, INTERNAL, 0)


def survey(draw: np.random.Generator, rows: int, ages: int = 10_000) -> pa.Table:
    return pa.table({"age": draw.integers(0, ages, rows), "sex": draw.choice(["f", "m"], rows)})


def compared(folder: Path, train: pa.Table, holdout: pa.Table, **more: bool) -> None:
    import pyarrow.parquet as pq

    for name, table in (("train", train), ("holdout", holdout)):
        pq.write_table(table, folder / f"{name}.parquet")
    compare(folder / "train.parquet", folder / "holdout.parquet", folder / "holdout.parquet", KEYLESS, INTERNAL, 0, **more)


@pytest.mark.promise("attacks.9")
def test_without_a_person_key_the_same_rows_beyond_chance_are_refused_and_chance_is_not(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    train = survey(draw, 1000)
    compared(tmp_path, train, survey(draw, 300))
    with pytest.raises(InputError, match=r"share rows far beyond chance.*split them anew"):
        compared(tmp_path, train, train.slice(0, 300))
    with pytest.raises(InputError, match="share rows far beyond chance"):
        compared(tmp_path, train, pa.concat_tables([survey(draw, 250), train.slice(0, 50)]))
    # a coarse table: real people have equal rows
    coarse = survey(draw, 1000, 20)
    compared(tmp_path, coarse, survey(draw, 300, 20))
    # of a table about nobody, whole on both sides, nothing was held out, and nothing needed to be
    compared(tmp_path, train, train, kept_whole=True)


def test_rows_that_come_several_times_in_the_source_refuse_nothing(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    source = survey(draw, 600)
    source = source.take(pa.array(draw.integers(0, 600, 1500)))
    compared(tmp_path, source.slice(0, 1200), source.slice(1200))


@pytest.mark.promise("attacks.10")
def test_a_version_that_learned_from_the_holdout_or_from_other_rows_is_refused(world: World) -> None:
    train, holdout = world.path("train"), world.path("holdout")
    refuse_other("visits", train, holdout, sha256(train))
    refuse_other("visits", train, holdout, None)
    with pytest.raises(InputError, match="generated from the very rows that are to be the holdout"):
        refuse_other("visits", train, holdout, sha256(holdout))
    sides = [{world.schema.name: world.path(name)} for name in ("train", "holdout", "third")]
    with pytest.raises(InputError, match="generated from other rows than this train"):
        dataset.evaluate(*sides, DatasetSchema((world.schema,)), policy=INTERNAL, learned_from={world.schema.name: "0" * 64})
    with pytest.raises(InputError, match="generated from other rows than this train"):
        dataset.evaluate(*sides, DatasetSchema((world.schema,)), policy=INTERNAL, learned_from={"another table": sha256(train)})


def test_a_table_about_nobody_that_others_refer_to_may_be_whole_on_both_sides(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    draw = np.random.default_rng(3)
    wards = TableSchema("wards", (ColumnSchema("ward_id", Kind.IDENTIFIER, "string"), *COLUMNS), primary_key=("ward_id",))
    stays = TableSchema(
        "stays",
        (ColumnSchema("who", Kind.IDENTIFIER, "string"), ColumnSchema("ward_id", Kind.IDENTIFIER, "string"), COLUMNS[0]),
        person_key="who",
        foreign_keys=(ForeignKey(("ward_id",), "wards", ("ward_id",)),),
    )
    ids = pa.array([f"w{i}" for i in range(60)])
    ward = survey(draw, 60).add_column(0, "ward_id", ids)
    sides = []
    for side in ("train", "holdout", "synthetic"):
        folder = tmp_path / side
        folder.mkdir()
        pq.write_table(ward, folder / "wards.parquet")
        rows = {"who": [f"{side}{i}" for i in range(80)], "ward_id": draw.choice(ids.to_pylist(), 80), "age": draw.integers(0, 90, 80)}
        pq.write_table(pa.table(rows), folder / "stays.parquet")
        sides.append({name: folder / f"{name}.parquet" for name in ("wards", "stays")})
    found = dataset.evaluate(*sides, DatasetSchema((wards, stays)), policy=INTERNAL, only={"collisions"})
    assert found.find("collisions", table="wards").value == 1


@pytest.mark.promise("attacks.11")
def test_a_table_of_people_held_out_shows_it(world: World) -> None:
    world.write("saw", pa.concat_tables([world.table("third").slice(0, 900), world.table("holdout").slice(0, 40)]))
    saw, never = unseen.seen(world.compare("saw"))[0], unseen.seen(world.compare("third"))[0]
    assert saw.value == pytest.approx(40 / 940)
    assert saw.interval[0] > 0.03
    assert never.value == never.ceiling == 0


@pytest.mark.promise("attacks.11")
def test_coarse_rows_meet_people_held_out_no_more_than_these_meet_each_other(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    draw = np.random.default_rng(5)
    for name, rows in (("train", 3000), ("holdout", 3000), ("made", 3000)):
        pq.write_table(survey(draw, rows, 5000), tmp_path / f"{name}.parquet")
    files = [tmp_path / f"{name}.parquet" for name in ("train", "holdout", "made")]
    (found,) = unseen.seen(compare(*files, KEYLESS, INTERNAL, 0))
    assert found.value > 0.1
    assert found.value == pytest.approx(found.ceiling, abs=0.03)
