"""The pages' own logic: reading the schema form, made-up examples, figures of a summary, words for numbers."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from evaluation.report.words import share
from generators.schema import ColumnSchema, DatasetSchema, Kind, Role, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, with_units
from generators.summary import Cell, ColumnSummary, Distribution, Step
from releases.forms import VariablesForm
from releases.templatetags import plain_words
from releases.views.examples import made_up
from releases.views.figures import summary_chart
from releases.views.schema_form import SchemaForm


def schema_of(*columns: ColumnSchema, person: str | None = None) -> DatasetSchema:
    return DatasetSchema((TableSchema("visits", columns, person_key=person),))


PERSON = ColumnSchema("patient", Kind.IDENTIFIER, "string", format="A999")
AGE = ColumnSchema("age", Kind.INTEGER, "int64")
NAME = ColumnSchema("<script>alert(1)</script>", Kind.FREE_TEXT, "string", role=Role.DIRECT_IDENTIFIER)


def as_sent(form: SchemaForm) -> dict[str, str]:
    """What a browser would send when nothing is changed."""
    sent = {}
    for part in form.parts:
        sent[f"{part.prefix}-person"] = f"={part.table.person_key}" if part.table.person_key else "-none-"
        sent[f"{part.prefix}-rules"] = part.rules_text
        sent |= {f"{part.prefix}-key{n}": f"={name}" if name else "" for n, name in enumerate(part.key_choices)}
        for row in part.rows:
            column = row.column
            sent |= {f"{row.prefix}-kind": column.kind, f"{row.prefix}-role": column.role, f"{row.prefix}-codes": row.codes_text}
            sent |= {f"{row.prefix}-sentinels": row.sentinels_text, f"{row.prefix}-system": column.code_system or ""}
            sent |= {f"{row.prefix}-format": column.format or "", f"{row.prefix}-description": column.description}
            sent |= {f"{row.prefix}-unit": row.unit_text} if row.measured else {}
            sent |= {f"{row.prefix}-nullable": "yes"} if column.nullable else {}
            sent |= {f"{row.prefix}-unique": "yes"} if column.unique else {}
    return sent


@pytest.mark.promise("pages.31")
def test_a_schema_sent_back_unchanged_is_the_schema_proposed() -> None:
    for schema in (EMERGENCY_SCHEMA, with_units()):
        form = SchemaForm(schema, [], as_sent(SchemaForm(schema)))
        assert form.is_valid(), form.errors
        assert form.confirmed == schema


@pytest.mark.promise("register.38")
def test_a_unit_is_shown_and_typed_as_people_write_it_and_goes_with_the_number() -> None:
    proposed = schema_of(PERSON, replace(AGE, name="pressure", unit="mm[Hg]"), person="patient")
    form = SchemaForm(proposed)
    assert [row.unit_text for row in form.parts[0].rows if row.measured] == ["mmHg"]
    for change, unit in (
        ({}, "mm[Hg]"),
        ({"t0-c1-unit": " KPA"}, "kPa"),
        ({"t0-c1-unit": ""}, ""),
        ({"t0-c1-kind": "categorical"}, "mm[Hg]"),
        ({"t0-c1-kind": "identifier"}, ""),
    ):
        changed = SchemaForm(proposed, [], as_sent(form) | change)
        assert changed.is_valid()
        assert changed.confirmed is not None
        assert changed.confirmed.table("visits").column("pressure").unit == unit
    refused = SchemaForm(proposed, [], as_sent(form) | {"t0-c1-unit": "<b>much</b>"})
    assert not refused.is_valid()
    assert refused.parts[0].rows[1].unit_text == "<b>much</b>"


@pytest.mark.promise("pages.31")
def test_a_changed_kind_takes_the_storage_that_goes_with_it() -> None:
    proposed = schema_of(PERSON, AGE, person="patient")
    sent = as_sent(SchemaForm(proposed)) | {"t0-c1-kind": "real", "t0-c1-role": "quasi-identifier"}
    form = SchemaForm(proposed, [], sent)
    assert form.is_valid()
    assert form.confirmed is not None
    assert form.confirmed.table("visits").column("age") == replace(AGE, kind=Kind.REAL, storage="float64", role=Role.QUASI_IDENTIFIER)


@pytest.mark.promise("pages.31")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"t0-person": ""}, "which column tells who the patient is"),
        ({"t0-person": "=shoe size"}, "is not in the table"),
        ({"t0-c1-kind": "shoe size"}, "choose what it is"),
        ({"t0-c1-codes": "1\n2"}, "a code list is only for a category"),
        ({"t0-c1-kind": "date", "t0-c1-format": "DD.MM.YYYY"}, "write the format with % signs"),
        ({"t0-rules": "age <="}, "rules"),
        ({"t0-c1-unit": "furlongs of trust"}, "is no unit we know"),
    ],
)
def test_what_cannot_be_used_is_said_and_linked_to_its_row(change: dict[str, str], sentence: str) -> None:
    proposed = schema_of(PERSON, AGE, person="patient")
    form = SchemaForm(proposed, [], as_sent(SchemaForm(proposed)) | change)
    assert not form.is_valid()
    assert form.confirmed is None
    ((anchor, error),) = form.errors
    assert sentence in error
    assert anchor in {"t0-person", "t0-c1-kind", "t0-rules"}


def test_no_column_can_be_added_by_sending_more_fields() -> None:
    proposed = schema_of(PERSON, AGE, person="patient")
    form = SchemaForm(proposed, [], as_sent(SchemaForm(proposed)) | {"t0-c2-kind": "integer", "t7-person": "-none-"})
    assert form.is_valid()
    assert form.confirmed == proposed


@pytest.mark.promise("pages.32")
def test_a_warning_links_to_the_row_of_its_column() -> None:
    finding = {"table": "visits", "column": "age", "level": "warning", "message": "Half of it is missing.", "reason": "counted"}
    note = {"table": "visits", "column": "age", "level": "info", "message": "A whole number.", "reason": "digits only"}
    form = SchemaForm(schema_of(PERSON, AGE), [finding, note])
    assert [w.anchor for w in form.warnings] == ["t0-c1-row"]
    assert len(form.parts[0].rows[1].notes) == 2


@pytest.mark.promise("pages.33")
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_column_has_three_examples_made_up_from_the_schema_alone(kind: Kind) -> None:
    first = made_up(ColumnSchema("c", kind, "string"))
    assert len(first) == 3
    assert first == made_up(ColumnSchema("c", kind, "string"))


@pytest.mark.promise("pages.33")
def test_examples_follow_the_format_of_the_column() -> None:
    assert made_up(PERSON)[0] == "A234"
    assert made_up(ColumnSchema("d", Kind.DATE, "date32", format="%d/%m/%Y"))[0] == "21/03/2019"
    assert made_up(ColumnSchema("r", Kind.REAL, "float64", decimals=1))[1] == "36.6"
    assert made_up(ColumnSchema("c", Kind.CATEGORICAL, "string", codes=("M", "F", "X")))[0] == "M"


def test_a_reason_for_all_stands_for_every_variable_without_its_own_and_the_person_key_is_not_asked_for() -> None:
    table = schema_of(PERSON, AGE, replace(AGE, name="los"), person="patient").tables[0]
    form = VariablesForm(DatasetSchema((table,)), {}, {"every": "yes", "why-all": "The exercise needs it.", "t0-c1-why": "Ages differ."})
    assert form.is_valid()
    assert form.variables == {"age": "Ages differ.", "los": "The exercise needs it."}


def test_a_variable_without_a_reason_is_named() -> None:
    table = schema_of(PERSON, AGE).tables[0]
    form = VariablesForm(DatasetSchema((table,)), {}, {"t0-c1-asked": "yes", "t0-c1-why": "", "why-all": ""})
    assert not form.is_valid()
    assert form.errors == [("t0-c1-why", "Say why “age” is needed, or give a reason for all the others.")]
    assert not VariablesForm(DatasetSchema((table,)), {}, {}).is_valid()


@pytest.mark.promise("pages.34")
def test_the_chart_of_a_summary_holds_the_figures_of_its_table_and_says_what_is_not_told() -> None:
    shape = Distribution(values=(Cell("F", 600, 900), Cell("M", 500, None)), other=Cell("Other", 100, 100), pooled=4)
    column = ColumnSummary("sex", "categorical", nulls=Cell("", 100, 100), distribution=shape)
    chart = summary_chart(column, "c1")
    assert chart is not None
    assert chart.figure is not None
    assert chart.figure["data"][0]["y"] == [600, 500, 100]
    assert chart.table["rows"] == [
        ["F", "600", "900"],
        ["M", "500", "not told"],
        ["Other (rare values together)", "100", "100"],
        ["(missing)", "100", "100"],
    ]
    assert "“F” is most frequent" in chart.title


def test_ranges_and_single_values_of_a_number_stand_in_order() -> None:
    shape = Distribution(values=(Cell(5, 200, 200),), steps=(Step(1.5, 4.0, 100, 100), Step(6.0, 9.0, 100, 100)))
    chart = summary_chart(ColumnSummary("n", "integer", distribution=shape), "c1")
    assert chart is not None
    assert [row[0] for row in chart.table["rows"]] == ["1.5 to 4", "5", "6 to 9"]


def test_a_column_of_which_nothing_leaves_has_no_chart() -> None:
    assert summary_chart(ColumnSummary("id", "identifier", absent="identifier"), "c1") is None
    assert summary_chart(ColumnSummary("x", "integer"), "c1") is None


@pytest.mark.promise("pages.35")
@pytest.mark.parametrize(("value", "words"), [(0.0, "none"), (0.0025, "about 1 in 400"), (0.5, "about half"), (0.7, "70%"), (1.0, "all")])
def test_a_share_reads_as_a_person_would_say_it(value: float, words: str) -> None:
    assert share(value) == words


@pytest.mark.promise("pages.35")
def test_figures_and_dates_read_as_people_write_them() -> None:
    at = datetime.datetime(2026, 11, 21, 21, 4, tzinfo=datetime.UTC)
    assert plain_words.number(27963) == "27,963"
    assert plain_words.number(0.1234567) == "0.123"
    assert plain_words.number(None) == "–"
    assert plain_words.day(at) == "21 November 2026"
    assert plain_words.moment(at) == "21 November 2026 at 21:04"
    assert plain_words.counted(1, "entry,entries") == "1 entry"
    assert plain_words.counted(2000, "column") == "2,000 columns"
    assert plain_words.duration(7300) == "2 hours"
    assert plain_words.percent(0.999) == "99 %"
    assert plain_words.short("0123456789abcdef") == "0123456789ab"
