"""What is wrong with a table is told in one line; the rest is still measured."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.basket import MEASURES, evaluate
from evaluation.definitions import DEFINITIONS
from evaluation.gates import judge
from evaluation.results import Evaluation
from generators.disclosure import POLICIES
from generators.errors import Cancelled, InputError
from generators.schema import ColumnSchema, Kind, Rule, TableSchema

SCHEMA = TableSchema(
    "visits",
    (
        ColumnSchema("patient", Kind.IDENTIFIER, "string"),
        ColumnSchema("sex", Kind.CATEGORICAL, "string"),
        ColumnSchema("age", Kind.INTEGER, "int64"),
        ColumnSchema("dose", Kind.REAL, "float64", decimals=1),
        ColumnSchema("seen", Kind.DATE, "date32"),
        ColumnSchema("left", Kind.DATETIME, "timestamp[us]"),
        ColumnSchema("dead", Kind.BOOLEAN, "bool"),
    ),
    person_key="patient",
    rules=(Rule("adults have doses", "dose is not null where age >= 18"), Rule("broken", "nonsense <= age")),
)
INTERNAL = POLICIES["internal"]


def visits(n: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    days = [dt.date(1700, 1, 1), dt.date(2024, 2, 29), dt.date(2999, 12, 31)]
    at = rng.integers(0, 3, n)
    return pa.table(
        {
            "patient": [f"{seed}-{i}" for i in range(n)],
            "sex": rng.choice(["F", "M"], n),
            "age": rng.integers(0, 90, n),
            "dose": rng.normal(5, 1, n).round(1),
            "seen": pa.array([days[k] for k in at], pa.date32()),
            "left": pa.array([dt.datetime.combine(days[k], dt.time(12)) for k in at], pa.timestamp("us")),
            "dead": rng.random(n) < 0.3,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("visits")
    for name, n, seed in (("train", 240, 1), ("holdout", 120, 2), ("good", 120, 3)):
        pq.write_table(visits(n, seed), path / f"{name}.parquet")
    return path


def evaluated(folder: Path, made: pa.Table, schema: TableSchema = SCHEMA) -> Evaluation:
    pq.write_table(made, folder / "made.parquet")
    return evaluate(folder / "train.parquet", folder / "holdout.parquet", folder / "made.parquet", schema, policy=INTERNAL)


def replaced(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def complete(evaluation: Evaluation) -> None:
    """Every metric is there, with a value or one line that says why not."""
    given = {r.metric for r in evaluation.results}
    told = " ".join(evaluation.notes)
    for step in MEASURES:
        assert any(metric in given for metric in step.metrics) or DEFINITIONS[step.metrics[0]].title in told, step.stage
    for r in evaluation.results:
        assert r.value is not None or (r.failed and "\n" not in r.failed), r
    assert Evaluation.from_json(evaluation.to_json()) == evaluation


@pytest.mark.promise("evaluate.12")
@pytest.mark.promise("evaluate.20")
def test_a_missing_a_renamed_and_an_extra_column_are_named_and_the_rest_is_measured(folder: Path) -> None:
    made = visits(120, 4).drop_columns(["dead"]).rename_columns(["patient", "gender", "age", "dose", "seen", "left"])
    found = evaluated(folder, made)
    complete(found)
    assert found.find("tvd", "sex").failed == 'column "sex" is missing from the synthetic table'
    assert found.find("structure", "dead").value == 0
    whole = found.find("structure")
    assert whole.value == pytest.approx(5 / 8)
    assert "not as the schema says: sex, dead" in whole.remark
    assert "unknown to the schema: gender" in whole.remark
    assert found.find("tvd", "age").value < 0.5
    assert found.find("tvd_mean").remark == "without sex, dead"
    assert found.find("rare_values").failed == "not checked in sex"
    assert {o.gate for o in judge(found, "publicly-sourced").failed_hard} == {"structure", "rare_values"}


@pytest.mark.promise("evaluate.12")
def test_another_order_is_matched_by_name_and_another_type_is_told(folder: Path) -> None:
    made = visits(120, 5)
    made = replaced(made, "age", ["a secret value"] * 120).select(list(reversed(SCHEMA.names)))
    found = evaluated(folder, made)
    complete(found)
    assert found.find("tvd", "age").failed == 'column "age" of the synthetic table holds string where the schema says int64'
    assert found.find("tvd", "sex").value is not None
    assert any("another order" in note for note in found.notes)
    assert "secret" not in found.to_json()


@pytest.mark.promise("evaluate.12")
def test_values_that_do_not_fit_the_type_are_told_without_being_shown(folder: Path) -> None:
    found = evaluated(folder, replaced(visits(120, 5), "age", [31.25] * 120))
    assert found.find("tvd", "age").failed == 'column "age" of the synthetic table holds double values that are no int64'
    assert "31.25" not in found.to_json()


@pytest.mark.promise("evaluate.20")
def test_an_empty_synthetic_table_fails_every_metric_in_one_line(folder: Path) -> None:
    found = evaluated(folder, visits(120, 6).slice(0, 0))
    complete(found)
    marks = "is marked as a quasi-identifier"  # of this table none is
    told = {r.failed for r in found.results if r.scope.kind == "table"}
    assert {why for why in told if not why or marks not in why} == {"the synthetic table has no rows"}
    assert not judge(found, "structural").passed


@pytest.mark.promise("evaluate.20")
def test_infinite_constant_and_null_columns_are_measured_and_told(folder: Path) -> None:
    made = replaced(visits(120, 7), "dose", [float("inf"), float("-inf"), float("nan")] + [1.0] * 117)
    made = replaced(replaced(made, "sex", ["F"] * 120), "dead", pa.nulls(120, pa.bool_()))
    found = evaluated(folder, made)
    complete(found)
    assert found.find("structure", "dose").remark == 'column "dose": 2 of 120 values are infinite'
    assert found.find("tvd", "dead").value == 1
    assert found.find("discriminator_auc").value > 0.9
    assert found.find("association_rmse").value is not None


@pytest.mark.promise("evaluate.20")
def test_a_column_in_which_nobody_has_a_value_is_no_reason_to_measure_nothing(tmp_path: Path) -> None:
    for name, n, seed in (("train", 80, 1), ("holdout", 30, 2)):
        pq.write_table(replaced(visits(n, seed), "dose", pa.nulls(n, pa.float64())), tmp_path / f"{name}.parquet")
    found = evaluated(tmp_path, replaced(visits(80, 3), "dose", pa.nulls(80, pa.float64())))
    complete(found)
    assert found.find("discriminator_auc").failed is None


@pytest.mark.promise("evaluate.20")
def test_unseen_categories_and_dates_far_away_are_measured(folder: Path) -> None:
    found = evaluated(folder, replaced(visits(120, 8), "sex", ["X"] * 120))
    assert found.find("tvd", "sex").value == 1
    assert found.find("tvd", "seen").value < 0.3
    assert found.find("ks_complement", "left").value > 0.7


@pytest.mark.promise("evaluate.12")
def test_a_rule_that_cannot_be_checked_says_so_beside_those_that_can(folder: Path) -> None:
    found = evaluated(folder, pq.read_table(folder / "good.parquet"))
    assert found.find("rule_violations", "adults have doses").value == 0
    assert "nonsense" in found.find("rule_violations", "broken").failed
    assert found.find("rule_violations").remark == "without broken"


@pytest.mark.promise("evaluate.20")
def test_ten_rows_are_evaluated_and_figures_about_too_few_people_are_left_out(tmp_path: Path) -> None:
    for name, n, seed in (("train", 8, 1), ("holdout", 2, 2)):
        pq.write_table(visits(n, seed), tmp_path / f"{name}.parquet")
    found = evaluated(tmp_path, visits(10, 3))
    complete(found)
    assert found.find("tvd_mean").value is not None
    assert found.find("tvd_mean").ceiling is None
    assert found.find("ks_complement", "age").failed.startswith("suppressed: fewer than 5 persons")
    assert found.rows["holdout"] is None
    assert found.rows["train"] == 10
    assert [c.id for c in found.charts] == ["column-agreement"]
    assert not judge(found, "publicly-sourced").passed


@pytest.mark.promise("evaluate.20")
def test_one_class_to_predict_is_told(folder: Path, tmp_path: Path) -> None:
    for name in ("train", "holdout"):
        pq.write_table(
            replaced(pq.read_table(folder / f"{name}.parquet"), "sex", ["F"] * (240 if name == "train" else 120)),
            tmp_path / f"{name}.parquet",
        )
    schema = TableSchema("visits", SCHEMA.columns[:3], person_key="patient")
    pq.write_table(visits(60, 9), tmp_path / "made.parquet")
    found = evaluate(
        tmp_path / "train.parquet", tmp_path / "holdout.parquet", tmp_path / "made.parquet", schema, policy=INTERNAL, targets=("sex",)
    )
    assert found.find("target_auc", "sex").failed == 'the target "sex" shows one class only in train'


@pytest.mark.promise("evaluate.20")
def test_files_that_cannot_be_evaluated_at_all_are_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    train, holdout, good = (folder / f"{n}.parquet" for n in ("train", "holdout", "good"))

    def refusal(*files: Path, **more: str) -> str:
        with pytest.raises(InputError) as caught:
            evaluate(*files, SCHEMA, policy=INTERNAL, **more)
        return str(caught.value)

    (tmp_path / "picture.parquet").write_bytes(b"\x89PNG\r\n")
    pq.write_table(visits(5, 1).slice(0, 0), tmp_path / "empty.parquet")
    pq.write_table(visits(5, 1).drop_columns(["age", "sex"]), tmp_path / "short.parquet")
    assert refusal(train, holdout, tmp_path / "none.parquet") == "the synthetic table: there is no file none.parquet"
    assert (
        refusal(train, holdout, tmp_path / "picture.parquet")
        == "the synthetic table: picture.parquet is not a Parquet file that can be read"
    )
    assert refusal(tmp_path / "empty.parquet", holdout, good).startswith("the train table has no rows")
    assert refusal(train, tmp_path / "short.parquet", good).startswith('column "sex" is missing from the holdout table (and 1 more)')
    assert 'no column "height"' in refusal(train, holdout, good, targets=("height",))


def test_an_evaluation_can_be_cancelled_at_any_stage(folder: Path) -> None:
    stages: list[str] = []

    def stop(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        assert 0 <= fraction <= 1
        stages.append(stage)
        if stage == "comparing pairs of columns":
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(*(folder / f"{n}.parquet" for n in ("train", "holdout", "good")), SCHEMA, policy=INTERNAL, progress=stop)
    assert stages[0] == "reading the tables"


@pytest.mark.promise("evaluate.13")
def test_the_same_files_and_seed_give_the_same_bytes(folder: Path) -> None:
    files = [folder / f"{n}.parquet" for n in ("train", "holdout", "good")]
    first, again = (evaluate(*files, SCHEMA, policy=INTERNAL, seed=4).to_json() for _ in range(2))
    assert first == again
