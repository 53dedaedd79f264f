"""What bad input gets: one clear sentence that names the place, and nothing half-read."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from generators.atomic import writing
from generators.errors import InputError
from generators.reading.tables import read_dataset, safe_name
from tests.generators.input_files import column, parquet, read, refusal, said, values, written

SECRET = "Zebedee"


@pytest.mark.promise("input.1")
def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is empty" in refusal(tmp_path, b"")
    assert "blank lines" in refusal(tmp_path, "\n\n\n")


@pytest.mark.promise("input.1")
def test_a_header_without_records_is_refused(tmp_path: Path) -> None:
    assert "no record" in refusal(tmp_path, "age,sex\n")
    empty = pa.table({"age": pa.array([], pa.int64())})
    with pytest.raises(InputError, match="no record"):
        read_dataset(parquet(tmp_path, empty), tmp_path / "work")


@pytest.mark.promise("input.1")
def test_column_names_used_twice_are_refused_by_position(tmp_path: Path) -> None:
    assert "columns 1 and 3 have the same name" in refusal(tmp_path, "age,sex,age\n1,f,2\n")
    assert "columns 1 and 2 have names that differ only in capital letters" in refusal(tmp_path, "age,AGE\n1,2\n")


@pytest.mark.promise("input.1")
def test_blank_column_names_are_refused_by_position(tmp_path: Path) -> None:
    assert "no name for column 2, 4" in refusal(tmp_path, "age,,sex, \n1,2,f,3\n")


@pytest.mark.promise("input.1")
def test_column_names_nobody_can_use_are_refused(tmp_path: Path) -> None:
    assert "control character" in refusal(tmp_path, 'age,"a\nb"\n1,2\n')
    assert "at most 200" in refusal(tmp_path, "age," + "x" * 201 + "\n1,2\n")
    assert "reserved" in refusal(tmp_path, "age,file_row_number\n1,2\n")


@pytest.mark.promise("input.1", "input.2")
def test_a_file_without_a_header_is_refused_without_showing_its_first_record(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, "1987,2020-02-03,41.5\n1988,2020-02-04,42.5\n")
    assert "looks like a record" in sentence
    assert "1987" not in sentence


@pytest.mark.promise("input.1", "input.2")
@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("a,b\n1,2\nZebedee\n3,4\n", "line 3: 1 field where the header has 2"),
        ("a,b\n1,2\n3,4\n5,Zebedee,7\n", "line 4: 3 fields where the header has 2"),
        ('a,b\n"two\nlines",2\n1,2,Zebedee\n', "line 4: 3 fields"),
        ("a,b\r\n1,2\r\n\r\n1,2,Zebedee\r\n", "line 4: 3 fields"),
    ],
)
def test_a_ragged_record_is_refused_by_its_line(tmp_path: Path, content: str, place: str) -> None:
    sentence = refusal(tmp_path, content)
    assert place in sentence
    assert SECRET not in sentence


@pytest.mark.promise("input.1", "input.2")
def test_a_ragged_record_is_found_far_behind_the_first_block(tmp_path: Path) -> None:
    lines = ["a,b"] + ["1,Zebedee"] * 1_200_000 + ["1,2,Zebedee"] + ["1,2"] * 10
    sentence = refusal(tmp_path, "\n".join(lines) + "\n")
    assert "line 1,200,002: 3 fields" in sentence


@pytest.mark.promise("input.1", "input.2")
@pytest.mark.parametrize(
    "content",
    [
        'a,b\n1,2\n3,"Zebedee',
        'a,b\n1,2\n3,"Zebedee\n',
        'a,b\n1,2\n"Zebedee,3\n4,5\n6,7\n',
        "a,b\n1,2\n3,4\nZebe",
    ],
)
def test_an_upload_cut_half_way_is_refused(tmp_path: Path, content: str) -> None:
    sentence = refusal(tmp_path, content)
    assert any(words in sentence for words in ("never closes", "may never close", "1 field where the header has 2", "never ends"))
    assert "Zebe" not in sentence


@pytest.mark.promise("input.1")
def test_a_quote_that_never_closes_in_a_large_file_is_found(tmp_path: Path) -> None:
    lines = ["a,b", '"Zebedee,1'] + ["1,2"] * 4_000_000
    assert "line 2" in refusal(tmp_path, "\n".join(lines) + "\n")


def test_a_stray_quote_inside_a_field_is_text(tmp_path: Path) -> None:
    dataset = read(tmp_path, 'size,n\n5" nail,1\n6 inch,2\n')
    assert values(dataset, "size") == ['5" nail', "6 inch"]


@pytest.mark.promise("input.1")
def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    whole = parquet(tmp_path, pa.table({"a": list(range(1000))})).read_bytes()
    assert "cut off" in refusal(tmp_path, whole[: len(whole) // 2], "half.parquet")
    damaged = bytearray(whole)
    damaged[40:400] = b"\xff" * 360
    assert "damaged" in refusal(tmp_path, bytes(damaged), "damaged.parquet")


@pytest.mark.promise("input.1")
@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0", "PNG picture"),
        (b"PK\x03\x04\x14\0", "spreadsheet"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x1f\x8b\x08\0", "gzip"),
    ],
)
def test_another_format_under_a_csv_name_is_named(tmp_path: Path, head: bytes, words: str) -> None:
    assert words in refusal(tmp_path, head + bytes(range(256)), "picture.csv")


@pytest.mark.promise("input.1")
def test_nul_bytes_are_refused_by_place(tmp_path: Path) -> None:
    assert "NUL byte at byte 10 (line 3)" in refusal(tmp_path, b"a,b\n1,2\n3,\x004\n")
    assert "UTF-16" in refusal(tmp_path, "age,sex\n41,female\n42,male\n".encode("utf-16-le"))


@pytest.mark.promise("input.1")
def test_a_program_without_known_marks_is_no_text(tmp_path: Path) -> None:
    assert "not a text file" in refusal(tmp_path, b"a,b\n" + bytes([*range(1, 9)] * 50))


@pytest.mark.promise("input.3")
@pytest.mark.parametrize(
    ("encoding", "words"),
    [("utf-8-sig", "byte order mark"), ("utf-16", "UTF-16"), ("latin-1", "Windows-1252"), ("utf-32", "UTF-32")],
)
def test_other_encodings_are_read_and_said(tmp_path: Path, encoding: str, words: str) -> None:
    dataset = read(tmp_path, "name of ward,beds\nCafé Ångström,3\nTwo,4\n".encode(encoding))
    assert values(dataset, "name of ward") == ["Café Ångström", "Two"]
    assert words in said(dataset)
    assert sorted(os.listdir(tmp_path / "work")) == ["visits.parquet"]


@pytest.mark.promise("input.1")
def test_a_cut_utf16_file_is_refused(tmp_path: Path) -> None:
    assert "cut off" in refusal(tmp_path, "a,b\n1,2\n3,4\n".encode("utf-16")[:-1])
    assert "cut off" in refusal(tmp_path, "a,b\n1,2\n3,é".encode()[:-1])


@pytest.mark.promise("input.3")
@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_another_separator_is_found_and_said(tmp_path: Path, mark: str, word: str) -> None:
    dataset = read(tmp_path, f"age{mark}note\n41{mark}well, thanks\n42{mark}so, so\n")
    assert values(dataset, "age") == [41, 42]
    assert word in said(dataset)


@pytest.mark.promise("input.1")
def test_a_separator_nobody_reads_is_refused(tmp_path: Path) -> None:
    assert "carets" in refusal(tmp_path, "a^b\n1^2\n3^4\n")
    assert "one separator throughout" in refusal(tmp_path, "age\n1;2\n3;4\n")


@pytest.mark.slow
@pytest.mark.promise("input.4")
def test_two_thousand_columns_are_read_and_one_more_is_refused(tmp_path: Path) -> None:
    names = [f"v{i}" for i in range(2000)]
    body = "\n".join(",".join(str((i * r) % 7) for i in range(2000)) for r in range(30))
    dataset = read(tmp_path, ",".join(names) + "\n" + body + "\n")
    assert len(dataset.schema.tables[0].columns) == 2000
    (tmp_path / "more").mkdir()
    assert "2,001 columns; at most 2,000" in refusal(tmp_path / "more", ",".join([*names, "last"]) + "\n" + "1," * 2000 + "1\n")


@pytest.mark.promise("input.4")
def test_one_record_an_empty_column_and_a_constant_are_read_and_said(tmp_path: Path) -> None:
    assert "one record" in said(read(tmp_path, "age,sex\n41,f\n"))
    dataset = read(tmp_path, "age,gone,same\n41,,x\n42,,x\n43, ,x\n")
    assert values(dataset, "gone") == [None, None, None]
    assert "no value at all" in said(dataset, "gone")
    assert "one and the same value" in said(dataset, "same")


@pytest.mark.promise("input.4")
def test_integers_beyond_64_bits_keep_every_digit(tmp_path: Path) -> None:
    dataset = read(tmp_path, "n\n123456789012345678901234567890\n7\n")
    assert values(dataset, "n") == ["123456789012345678901234567890", "7"]
    assert "64 bits" in said(dataset, "n")
    unsigned = read_dataset(parquet(tmp_path, pa.table({"n": pa.array([2**64 - 1, 5], pa.uint64())})), tmp_path / "w2")
    assert values(unsigned, "n") == ["18446744073709551615", "5"]


@pytest.mark.promise("input.4")
def test_dates_in_1700_and_2999_survive(tmp_path: Path) -> None:
    dataset = read(tmp_path, "day,at\n1700-01-01,1700-01-01T23:59\n2999-12-31,2999-12-31T00:01\n")
    assert [str(v) for v in values(dataset, "day")] == ["1700-01-01", "2999-12-31"]
    assert [str(v) for v in values(dataset, "at")] == ["1700-01-01 23:59:00", "2999-12-31 00:01:00"]


@pytest.mark.promise("input.4")
def test_formulas_and_markup_are_kept_as_text(tmp_path: Path) -> None:
    dataset = read(tmp_path, "<script>alert(1)</script>,f\n=cmd(),<b>\n-1+2,<i>\n")
    assert values(dataset, "<script>alert(1)</script>") == ["=cmd()", "-1+2"]


@pytest.mark.promise("input.5")
def test_mixed_columns_stay_text_and_say_how_many_and_where(tmp_path: Path) -> None:
    rows = [f"2020-01-{1 + i % 28:02d},{i}" for i in range(50)]
    rows[10], rows[30], rows[20] = f"{SECRET},1", f"{SECRET},2", rows[20].split(",")[0] + ",many"
    dataset = read(tmp_path, "day,n\n" + "\n".join(rows) + "\n")
    assert column(dataset, "day").storage == "string"
    assert "2 of 50 values are not dates (first: row 11)" in said(dataset, "day")
    assert "1 of 50 values are not whole numbers (first: row 21)" in said(dataset, "n")
    assert SECRET not in said(dataset)


@pytest.mark.promise("input.6")
@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd.csv", "passwd"),
        ("/absolute/visits.parquet", "visits"),
        ("C:\\patients\\visits 2020.csv", "visits_2020"),
        ("a\0b.csv", "a_b"),
        ("..", "table"),
        ("<script>.csv", "script"),
        ("x" * 300 + ".csv", "x" * 64),
    ],
)
def test_file_names_become_plain_table_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.promise("input.6")
def test_a_given_name_cannot_lead_out_of_the_work_folder(tmp_path: Path) -> None:
    path = written(tmp_path, "age\n1\n2\n")
    dataset = read_dataset(path, tmp_path / "work", names={"visits.csv": "../../elsewhere/x"})
    assert dataset.tables[0].path == tmp_path / "work" / "x.parquet"
    with pytest.raises(InputError, match="NUL"):
        read_dataset(str(tmp_path) + "/a\0b.csv", tmp_path / "work")
    with pytest.raises(InputError, match="does not exist"):
        read_dataset(tmp_path / "absent.csv", tmp_path / "work")


@pytest.mark.promise("input.7")
def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = written(tmp_path, "age\n1\n2\n")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="no room left on the disk"):
        read_dataset(path, tmp_path / "work")
    assert os.listdir(tmp_path / "work") == []


@pytest.mark.promise("input.7")
def test_a_size_limit_met_in_the_middle_of_writing_leaves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "n,m\n" + "\n".join(f"{i * 7919 % 99991}x,{i}" for i in range(200_000)) + "\n")
    program = (
        "import sys, signal; from generators.reading.tables import read_dataset; from generators.errors import InputError\n"
        "try: read_dataset(sys.argv[1], sys.argv[2])\n"
        "except InputError as e: print(e)"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    ran = subprocess.run(
        [sys.executable, "-c", program, str(path), str(tmp_path / "work")], capture_output=True, text=True, preexec_fn=limited, check=False
    )
    assert "no room left on the disk" in ran.stdout, ran.stderr
    assert os.listdir(tmp_path / "work") == []


@pytest.mark.promise("input.7")
def test_work_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        if stage == "writing the table":
            raise Stop

    path = written(tmp_path, "age\n1\n2\n")
    with pytest.raises(Stop):
        read_dataset(path, tmp_path / "work", progress=stop)
    assert os.listdir(tmp_path / "work") == []


def test_a_file_keeps_its_old_content_when_rewriting_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "kept.txt"
    target.write_text("old")

    def fail_half_way() -> None:
        with writing(target) as file:
            file.write(b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.txt"]


@pytest.mark.promise("input.1")
def test_nested_and_binary_parquet_columns_are_refused_by_position(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 2 holds nested"):
        read_dataset(parquet(tmp_path, pa.table({"a": [1], "b": [[1, 2]]})), tmp_path / "work")
    with pytest.raises(InputError, match="column 1 holds binary"):
        read_dataset(parquet(tmp_path, pa.table({"a": [b"x"]})), tmp_path / "work")
