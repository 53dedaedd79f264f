"""Units of numbers: valid as UCUM has them, read and written as people do, proposed from a column's name alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import ucumvert
from lark.exceptions import LarkError

from generators import units
from generators.drift import compare
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, UNITS, with_units
from tests.generators.input_files import column, read

EXAMPLES = [
    line.split("\t")[1]
    for line in (Path(ucumvert.__file__).parent / "vendor" / "ucum_examples.tsv").read_text(encoding="utf-8").splitlines()[1:]
]
"""The codes that UCUM's keepers give as examples."""
WRONG = [*" / //min mmol/ (m m) m..s kkg [x] m[ 10** m2m 2m m+ () {a é years mmHg".split(" "), "m{a b}"]
WEIGHT = ColumnSchema("weight", Kind.REAL, "float64", unit="kg")


@pytest.mark.promise("register.38")
def test_a_code_is_valid_when_another_reader_of_the_standard_finds_it_so() -> None:
    parser = ucumvert.get_ucum_parser()

    def theirs(code: str) -> bool:
        try:
            parser.parse(code)
        except LarkError:
            return False
        return True

    codes = {*EXAMPLES, *units.COMMON, *UNITS.values(), "((m.s)/(kg/m2)){any}", *WRONG[1:]}
    assert len(EXAMPLES) > 800
    assert {code: units.valid(code) for code in codes} == {code: theirs(code) for code in codes}
    assert not any(units.valid(code) for code in ("", "m" * 101, "(" * 100))


@pytest.mark.promise("register.38")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("mm[Hg]", "mmHg"),
        ("a", "years"),
        ("/min", "per minute"),
        ("kg/m2", "kg/m²"),
        ("10*9/L", "10⁹/L"),
        ("umol/L", "µmol/L"),
        ("Cel", "°C"),
        ("{score}", "score"),
        ("mg/{tablet}", "mg/tablet"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²"),
        ("m[iU]/L", "mIU/L"),
        ("m.s-2", "m·s⁻²"),
        ("mmol/L", "mmol/L"),
    ],
)
def test_people_read_a_code_as_they_would_write_it_and_what_they_write_is_that_code(code: str, words: str) -> None:
    assert units.words(code) == words
    assert units.understood(code) == code
    if "{" not in code:
        assert units.understood(words) == code


@pytest.mark.promise("register.38")
@pytest.mark.parametrize(
    ("written", "code"),
    [
        (" mmHg ", "mm[Hg]"),
        ("Years", "a"),
        ("beats per minute", "/min"),
        ("mg / dl", "mg/dL"),
        ("Kg", "kg"),
        ("miles per hour", "[mi_i]/h"),
        ("x10^9/L", "10*9/L"),
        ("{two words}", "{two_words}"),
        ("", ""),
    ],
)
def test_a_usual_spelling_becomes_its_code(written: str, code: str) -> None:
    assert units.understood(written) == code


@pytest.mark.promise("register.38")
@pytest.mark.parametrize("wrong", ["furlongs of trust", "<b>kg</b>", "kg; drop table", "{}{}", "m" * 200])
def test_a_unit_that_nobody_knows_is_refused_with_the_way_out(wrong: str) -> None:
    with pytest.raises(InputError, match=r"is no unit we know: .* in braces: \{tablets\}"):
        units.understood(wrong)


@pytest.mark.promise("register.38")
@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *{"weight_kg": "kg", "height_cm": "cm", "age_years": "a", "los_days": "d", "sbp_mmhg": "mm[Hg]", "temp_c": "Cel"}.items(),
        *{"glucose_mmol_l": "mmol/L", "systolic_bp": "mm[Hg]", "age": "a", "heart_rate": "/min", "bmi": "kg/m2"}.items(),
        *dict.fromkeys(("birth_year", "arrival_hour", "heart_rate_min", "gestational_age", "stage", "days", "c", "weight", ""), "").items(),
    ],
)
def test_a_unit_is_taken_from_a_name_only_where_it_says_one(name: str, unit: str) -> None:
    assert units.suggested(name) == unit


@pytest.mark.promise("register.38")
def test_units_are_proposed_for_numbers_with_the_reason_and_say_nothing_of_values(tmp_path: Path) -> None:
    rows = "".join(f"{i % 40},{20 + i % 61},{3 + i * 0.37:.2f},{'abc'[i % 3]}\n" for i in range(200))
    dataset = read(tmp_path, "patient_id,age,weightKg,colour_kg\n" + rows)
    assert {name: column(dataset, name).unit for name in ("patient_id", "age", "weightKg", "colour_kg")} == {
        "patient_id": "",
        "age": "a",
        "weightKg": "kg",
        "colour_kg": "",
    }
    (found,) = (f for f in dataset.findings if f.column == "weightKg" and "kg" in f.message)
    assert (found.level, found.message, found.reason) == ("note", "taken to be in kg", "its name says so; no value was looked at")


@pytest.mark.promise("register.38")
def test_a_schema_without_units_is_what_it_was_and_one_with_units_is_read_back() -> None:
    assert '"unit"' not in EMERGENCY_SCHEMA.to_json()
    measured = with_units()
    assert DatasetSchema.from_json(measured.to_json()) == measured
    assert measured.digest != EMERGENCY_SCHEMA.digest
    assert {c.name: c.unit for c in measured.deidentified().tables[0].columns if c.unit} == UNITS


@pytest.mark.promise("register.38")
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"unit": "kilo"}, 'column "weight" of table "t": "unit" must be a UCUM code'),
        ({"unit": "kg", "kind": "date"}, 'column "weight" of table "t": only numbers and categories of numbers have a unit'),
        ({"unit": ["kg"]}, 'column "weight" of table "t": "unit" must be a UCUM code'),
    ],
)
def test_a_schema_with_a_unit_that_is_none_is_refused(changed: dict[str, object], sentence: str) -> None:
    raw = json.loads(DatasetSchema((TableSchema("t", (WEIGHT,)),)).to_json())
    raw["tables"][0]["columns"][0] |= changed
    with pytest.raises(InputError) as refused:
        DatasetSchema.from_dict(raw)
    assert sentence in str(refused.value)


@pytest.mark.promise("register.4", "register.38")
def test_a_unit_that_changed_is_a_breaking_change() -> None:
    old, new = (DatasetSchema((TableSchema("t", (replace(WEIGHT, unit=unit),)),)) for unit in ("", "[lb_av]"))
    (change,) = compare(old, new)
    assert (change.breaking, change.sentence) == (True, 'the unit of column "weight" of table "t" was none and is now [lb_av]')
