import hashlib

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from generators.errors import InputError
from generators.rules.meaning import violations
from generators.schema import DatasetSchema
from generators.simulated import EMERGENCY_SCHEMA, ROWS, emergency_department, write_emergency_csv

TABLE = EMERGENCY_SCHEMA.table("emergency_visits")


@pytest.fixture(scope="module")
def visits() -> pa.Table:
    return emergency_department()


@pytest.mark.promise("generate.1")
def test_the_simulated_table_has_the_size_and_types_its_schema_says(visits):
    assert visits.shape == (ROWS, 22)
    storage = {"double": "float64", "date32[day]": "date32"}
    for column in TABLE.columns:
        arrow = str(visits.schema.field(column.name).type)
        assert storage.get(arrow, arrow) == column.storage
        assert column.nullable == (visits[column.name].null_count > 0)
        assert not column.unique or pc.count_distinct(visits[column.name]).as_py() == ROWS
        if column.codes:
            assert set(pc.cast(visits[column.name], pa.string()).unique().to_pylist()) <= set(column.codes)


@pytest.mark.promise("generate.1")
@pytest.mark.parametrize("rule", TABLE.rules, ids=lambda r: r.name)
def test_the_seven_rules_hold_in_every_simulated_visit(visits, rule):
    assert len(TABLE.rules) == 7
    assert not violations(rule, visits, TABLE).any()


@pytest.mark.promise("generate.1")
def test_about_two_visits_in_five_are_by_people_who_came_again(visits):
    counts = pc.value_counts(visits["patient_id"]).field("counts")
    again = pc.sum(pc.filter(counts, pc.greater(counts, 1))).as_py()
    assert 0.35 < again / ROWS < 0.45


@pytest.mark.promise("generate.1")
def test_columns_depend_on_each_other_as_in_a_department(visits):
    frame = visits.to_pandas()
    admitted = frame.disposition == "Admitted"
    assert admitted[frame.triage_category == 1].mean() > 3 * admitted[frame.triage_category == 4].mean()
    assert frame.age[frame.diagnosis_code == "S72.0"].mean() > 60 > 20 > frame.age[frame.diagnosis_code == "J21.9"].mean()


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path):
    def digest(name, seed):
        return hashlib.sha256(write_emergency_csv(tmp_path / name, 500, seed).read_bytes()).hexdigest()

    assert digest("a.csv", 3) == digest("b.csv", 3) != digest("c.csv", 4)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_small_simulated_table_is_as_small_as_asked(rows):
    assert emergency_department(rows).num_rows == rows


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="at least 1 row"):
        emergency_department(0)


def test_the_schema_survives_json():
    assert DatasetSchema.from_json(EMERGENCY_SCHEMA.to_json()) == EMERGENCY_SCHEMA
