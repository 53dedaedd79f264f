"""Reading good files: kinds over all records, canonical Parquet, a steward's corrections, CSV out again."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.errors import InputError
from generators.reading.tables import canonicalise, read_dataset, write_csv
from generators.schema import DatasetSchema, Kind
from tests.generators.input_files import column, only_table, parquet, read, said, values, written


def kind_of(folder: Path, cells: list[str], name: str = "x") -> tuple[Kind, str, str | None]:
    dataset = read(folder, f"row_no,{name}\n" + "\n".join(f"{i},{c}" for i, c in enumerate(cells)) + "\n")
    found = column(dataset, name)
    return found.kind, found.storage, found.format


@pytest.mark.promise("input.8")
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["41", "-7", "+3", ""], (Kind.INTEGER, "int64", None)),
        (["36.6", "37", "-0.5", "1e3"], (Kind.REAL, "float64", None)),
        (["true", "FALSE", ""], (Kind.BOOLEAN, "bool", None)),
        (["2020-02-29", "1999-12-31"], (Kind.DATE, "date32", "%Y-%m-%d")),
        (["29/02/2020", "3/4/2020"], (Kind.DATE, "date32", "%d/%m/%Y")),
        (["02/29/2020", "03/04/2020"], (Kind.DATE, "date32", "%m/%d/%Y")),
        (["01-Jan-2020", "31-Dec-1999"], (Kind.DATE, "date32", "%d-%b-%Y")),
        (["2020-01-01 10:30", "2020-01-02 00:00"], (Kind.DATETIME, "timestamp[us]", "%Y-%m-%d %H:%M")),
        (["2020-01-01T10:30:59", "2020-01-02T00:00:00"], (Kind.DATETIME, "timestamp[us]", "%Y-%m-%dT%H:%M:%S")),
        (["2020-01-01T10:30:59Z", "2020-01-02T00:00:00Z"], (Kind.DATETIME, "timestamp[us]", "%Y-%m-%dT%H:%M:%SZ")),
        (["31/01/2020 23:15", "01/02/2020 00:00"], (Kind.DATETIME, "timestamp[us]", "%d/%m/%Y %H:%M")),
        (["09:05", "23:59"], (Kind.TIME, "string", "%H:%M")),
        (["09:05:01", "23:59:59"], (Kind.TIME, "string", "%H:%M:%S")),
        (["f", "m", "f"], (Kind.CATEGORICAL, "string", None)),
        (["007", "012", "100"], (Kind.CATEGORICAL, "string", None)),
        (["R10.4", "J45.9", "R10.4"], (Kind.CATEGORICAL, "string", None)),
    ],
)
def test_kinds_are_found_with_their_storage_and_format(tmp_path: Path, cells: list[str], expected: tuple[Kind, str, str | None]) -> None:
    assert kind_of(tmp_path, cells) == expected


@pytest.mark.promise("input.8")
def test_one_late_value_decides_for_the_whole_column(tmp_path: Path) -> None:
    cells = ["03/04/2020"] * 30_000 + ["25/04/2020"]
    assert kind_of(tmp_path, cells)[2] == "%d/%m/%Y"
    cells = ["03/04/2020"] * 30_000 + ["04/25/2020"]
    assert kind_of(tmp_path, cells)[2] == "%m/%d/%Y"
    assert kind_of(tmp_path, ["5"] * 30_000 + ["5.5"])[0] is Kind.REAL
    assert kind_of(tmp_path, ["5"] * 30_000 + ["05"])[1] == "string"


@pytest.mark.promise("input.8")
def test_dates_that_could_be_read_two_ways_are_said(tmp_path: Path) -> None:
    dataset = read(tmp_path, "seen\n03/04/2020\n05/06/2020\n")
    assert column(dataset, "seen").format == "%d/%m/%Y"
    assert "could as well be month/day/year" in said(dataset, "seen")
    assert values(dataset, "seen")[0] == dt.date(2020, 4, 3)


@pytest.mark.promise("input.8")
def test_compact_dates_are_dates_and_not_numbers(tmp_path: Path) -> None:
    dataset = read(tmp_path, "admission_date,n\n" + "\n".join(f"202001{1 + i % 28:02d},{20200101 + i * 13}" for i in range(40)) + "\n")
    assert values(dataset, "admission_date")[:2] == [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]
    assert column(dataset, "n").storage == "int64"


def test_two_digit_years_are_not_guessed(tmp_path: Path) -> None:
    assert kind_of(tmp_path, ["01/02/20", "25/12/99"])[0] is Kind.CATEGORICAL


def test_offsets_are_taken_to_utc_and_said(tmp_path: Path) -> None:
    dataset = read(tmp_path, "at\n2020-06-01T10:00:00+01:00\n2020-06-01T10:00:00+00:00\n")
    assert values(dataset, "at") == [dt.datetime(2020, 6, 1, 9), dt.datetime(2020, 6, 1, 10)]
    assert "UTC" in said(dataset, "at")


@pytest.mark.promise("input.9")
def test_markers_of_missing_values_count_only_where_they_cannot_be_values(tmp_path: Path) -> None:
    dataset = read(tmp_path, "n,day,answer\n1,2020-01-01,None\nNA,N/A,Some\n3,NULL, \n4,2020-01-05,NA\n")
    assert values(dataset, "n") == [1, None, 3, 4]
    assert values(dataset, "day") == [dt.date(2020, 1, 1), None, None, dt.date(2020, 1, 5)]
    assert values(dataset, "answer") == ["None", "Some", None, "NA"]
    assert "kept as text" in said(dataset, "answer")
    assert "read as missing" in said(dataset, "n")


def test_decimals_are_kept(tmp_path: Path) -> None:
    dataset = read(tmp_path, "t,w\n36.5,1.250\n37.0,2.5\n")
    assert column(dataset, "t").decimals == 1
    assert column(dataset, "w").decimals == 3


def test_whole_numbers_with_gaps_stay_whole_numbers(tmp_path: Path) -> None:
    typed = read_dataset(parquet(tmp_path, pa.table({"bp": [120.0, None, 90.0], "t": [36.5, 36.0, None]})), tmp_path / "w1")
    assert (column(typed, "bp").storage, values(typed, "bp")) == ("int64", [120, None, 90])
    assert (column(typed, "t").storage, column(typed, "t").decimals) == ("float64", 1)


def test_decimal_commas_are_read_in_files_with_semicolons(tmp_path: Path) -> None:
    dataset = read(tmp_path, "t;n\n36,5;1\n37,0;2\n")
    assert values(dataset, "t") == [36.5, 37.0]
    assert "decimal commas" in said(dataset, "t")


def test_blank_lines_in_a_table_of_one_column_are_missing_values(tmp_path: Path) -> None:
    assert values(read(tmp_path, "age\n41\n\n43\n"), "age") == [41, None, 43]


@pytest.mark.promise("input.10")
def test_csv_and_parquet_of_one_table_give_the_same_canonical_table(tmp_path: Path) -> None:
    table = pa.table(
        {
            "patient_id": [f"P{i % 40:03d}" for i in range(120)],
            "seen": pa.array([dt.datetime(2020, 1, 1) + dt.timedelta(days=i) for i in range(120)], pa.timestamp("ms")),
            "at": [f"{i % 24:02d}:15" for i in range(120)],
            "bp": pa.array([None if i % 7 == 0 else float(100 + i % 30) for i in range(120)]),
            "t": [36 + (i % 11) / 10 for i in range(120)],
            "sex": pa.array(["f", "m"] * 60).dictionary_encode(),
        }
    )
    typed = read_dataset(parquet(tmp_path, table), tmp_path / "w1")
    write_csv(typed.tables[0].path, tmp_path / "visits.csv", only_table(typed))
    plain = read_dataset(tmp_path / "visits.csv", tmp_path / "w2")
    assert pq.read_table(typed.tables[0].path).equals(pq.read_table(plain.tables[0].path))
    assert [replace(c, format=None) for c in only_table(plain).columns] == [replace(c, format=None) for c in only_table(typed).columns]


@pytest.mark.promise("input.10")
def test_a_folder_gives_one_table_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    written(folder, "patient_id,age\n1,41\n2,42\n", "patients.csv")
    parquet(folder, pa.table({"patient_id": [1, 1, 2], "code": ["a", "b", "a"]}), "visits.parquet")
    (folder / "README.md").write_text("about")
    dataset = read_dataset(folder, tmp_path / "work")
    assert [(t.name, t.rows, t.source_name) for t in dataset.tables] == [("patients", 2, "patients.csv"), ("visits", 3, "visits.parquet")]
    written(folder, "a\n1\n", "Visits.csv")
    with pytest.raises(InputError, match="would both become table"):
        read_dataset(folder, tmp_path / "work2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no CSV or Parquet"):
        read_dataset(tmp_path / "empty", tmp_path / "work3")


def test_reading_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n" + "\n".join(f"{i},x{i % 9}" for i in range(70_000)) + "\n")
    first, second = read_dataset(path, tmp_path / "w1"), read_dataset(path, tmp_path / "w2")
    assert first.tables[0].path.read_bytes() == second.tables[0].path.read_bytes()
    assert first.schema.digest == second.schema.digest


@pytest.mark.promise("register.1")
def test_a_steward_can_change_kinds_and_formats(tmp_path: Path) -> None:
    dataset = read(tmp_path, "seen,triage,t\n03/04/2020,1,1.5\n05/06/2020,2,2.0\n")
    table = only_table(dataset)
    corrected = replace(
        table,
        columns=(
            replace(table.column("seen"), format="%m/%d/%Y"),
            replace(table.column("triage"), kind=Kind.CATEGORICAL, storage="string"),
            replace(table.column("t"), kind=Kind.CATEGORICAL, storage="string", decimals=None),
        ),
    )
    confirmed = canonicalise(dataset, DatasetSchema((corrected,)), tmp_path / "out")
    assert values(confirmed, "seen") == [dt.date(2020, 3, 4), dt.date(2020, 5, 6)]
    assert values(confirmed, "triage") == ["1", "2"]
    assert values(confirmed, "t") == ["1.5", "2.0"]
    assert confirmed.schema.tables[0] == corrected


@pytest.mark.promise("register.1", "input.2")
def test_values_that_do_not_fit_a_correction_are_counted_and_placed_and_never_shown(tmp_path: Path) -> None:
    dataset = read(tmp_path, "code\n1\n2\nZebedee\nDougal\n")
    table = only_table(dataset)
    wrong = replace(table, columns=(replace(table.column("code"), kind=Kind.INTEGER, storage="int64"),))
    with pytest.raises(InputError) as caught:
        canonicalise(dataset, DatasetSchema((wrong,)), tmp_path / "out")
    assert 'column "code" of table "visits": 2 of 4 values are not whole numbers (first: row 3)' in str(caught.value)
    assert "Zebedee" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.promise("register.1")
def test_missing_repeated_and_unlisted_values_are_refused_where_the_schema_forbids_them(tmp_path: Path) -> None:
    dataset = read(tmp_path, "a,b,c\n1,x,k\n,x,l\n3,y,m\n")
    table = only_table(dataset)
    for name, change, sentence in (
        ("a", {"nullable": False}, "1 of 3 values are missing"),
        ("b", {"unique": True}, "1 of 3 values repeat an earlier one, in a column that must be unique (first: row 2)"),
        ("c", {"codes": ("k", "m")}, "1 of 3 values are not in the column's code list (first: row 2)"),
    ):
        columns = tuple(replace(c, **change) if c.name == name else c for c in table.columns)
        with pytest.raises(InputError) as caught:
            canonicalise(dataset, DatasetSchema((replace(table, columns=columns),)), tmp_path / "out")
        assert sentence in str(caught.value)


def test_a_schema_given_when_reading_is_obeyed(tmp_path: Path) -> None:
    first = read(tmp_path, "age,sex\n41,f\n42,m\n")
    table = only_table(first)
    wanted = DatasetSchema(
        (replace(table, name="people", columns=(replace(table.column("age"), kind=Kind.CATEGORICAL, storage="string"),)),)
    )
    again = read_dataset(tmp_path / "visits.csv", tmp_path / "again", schema=wanted)
    assert again.tables[0].path.name == "people.parquet"
    assert values(again, "age") == ["41", "42"]
    missing = replace(wanted.tables[0], columns=(replace(table.column("age"), name="weight"),))
    with pytest.raises(InputError, match='no column "weight"'):
        read_dataset(tmp_path / "visits.csv", tmp_path / "more", schema=DatasetSchema((missing,)))


@pytest.mark.promise("input.11")
def test_csv_out_is_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    cells = ["=cmd()", "+1+2", "-2+3", "@x", "\ttab", '=a"b,c', "-1.5", "+44", "plain", "two\nlines"]
    dataset = read_dataset(parquet(tmp_path, pa.table({"=head": cells, "n": [-1, 2, 3, 4, 5, 6, 7, 8, 9, None]})), tmp_path / "work")
    write_csv(dataset.tables[0].path, tmp_path / "out.csv", only_table(dataset))
    with open(tmp_path / "out.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["'=head", "n"]
    assert [r[0] for r in rows] == ["'=cmd()", "'+1+2", "'-2+3", "'@x", "'\ttab", "'=a\"b,c", "-1.5", "+44", "plain", "two\nlines"]
    assert [r[1] for r in rows] == ["-1", "2", "3", "4", "5", "6", "7", "8", "9", ""]


@pytest.mark.promise("input.11")
def test_csv_out_writes_values_as_the_source_did(tmp_path: Path) -> None:
    source = (
        "seen,at,t,ok,n\n31/01/2020,2020-01-01 10:30,36.50,true,1\n01/02/1700,2999-12-31 23:59,37.25,false,\n,,,,3\n"
        "05/02/2020,2020-01-02 00:00,1.00,true,4\n"
    )
    dataset = read(tmp_path, source)
    write_csv(dataset.tables[0].path, tmp_path / "out.csv", only_table(dataset))
    assert (tmp_path / "out.csv").read_text() == source


def test_a_lone_missing_value_is_no_blank_line(tmp_path: Path) -> None:
    dataset = read_dataset(parquet(tmp_path, pa.table({"a": ["x", None, "y"]})), tmp_path / "work")
    write_csv(dataset.tables[0].path, tmp_path / "out.csv", only_table(dataset))
    assert (tmp_path / "out.csv").read_text() == 'a\nx\n""\ny\n'


@pytest.mark.shared
@pytest.mark.promise("input.10")
@pytest.mark.parametrize("name", ["nass_crash", "er_like", "nhefs", "flights"])
def test_the_reference_tables_are_read_alike_from_parquet_and_csv(tmp_path: Path, shared_data: Path, name: str) -> None:
    typed = read_dataset(shared_data / f"{name}.parquet", tmp_path / "w1")
    write_csv(typed.tables[0].path, tmp_path / f"{name}.csv", only_table(typed))
    plain = read_dataset(tmp_path / f"{name}.csv", tmp_path / "w2")
    assert [(c.name, c.kind, c.storage, c.role) for c in only_table(plain).columns] == [
        (c.name, c.kind, c.storage, c.role) for c in only_table(typed).columns
    ]
    assert pq.read_table(typed.tables[0].path).equals(pq.read_table(plain.tables[0].path))


@pytest.mark.shared
def test_the_reference_hospital_of_eight_tables_is_read(tmp_path: Path, shared_data: Path) -> None:
    dataset = read_dataset(shared_data / "omop", tmp_path / "work")
    assert len(dataset.tables) == 8
    assert {t.name for t in dataset.schema.tables if t.person_key == "person_id"} == {t.name for t in dataset.schema.tables} - {"concept"}
