"""What bad input gets: exit 2, one line that names the place, nothing half-written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.errors import InputError
from generators.simulated import write_emergency_csv
from synthportal.cli.outcome import FAULT, STOPPED, exit_code_of
from tests.cli.conftest import COMMAND, Run

ROWS = "".join(f"{i},{i % 7},red\n" for i in range(200))
SECRET = "Xq7Secret"

HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "header only": b"id,age,colour\n",
    "duplicate names": b"id,id,colour\n1,2,red\n",
    "blank name": b"id,,colour\n1,2,red\n",
    "ragged rows": b"id,age,colour\n1,2,red\n2,3\n" + SECRET.encode() + b"\n",
    "NUL bytes": b"id,age,colour\n1,2,r\x00ed\n",
    "a PNG": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "a spreadsheet": b"PK\x03\x04\x14\x00\x06\x00xl/workbook.xml",
    "an unterminated quote": b'id,age,colour\n1,2,"' + SECRET.encode() + b"\n3,4,blue\n",
    "too many columns": (",".join(f"c{i}" for i in range(2001)) + "\n" + ",".join("1" for _ in range(2001)) + "\n").encode(),
    "half a Parquet file": b"PAR1" + bytes(range(200)),
}

ODD: dict[str, bytes] = {
    "UTF-16": ("id,age,colour\n" + ROWS).encode("utf-16"),
    "Latin-1": ("id,age,colour\n" + ROWS + "900,1,caf\xe9\n").encode("latin-1"),
    "a byte order mark": ("id,age,colour\n" + ROWS).encode("utf-8-sig"),
    "semicolons": ("id,age,colour\n" + ROWS).replace(",", ";").encode(),
    "a single row": b"id,age,colour\n1,2,red\n",
    "an empty column": ("id,age,colour\n" + ROWS.replace("red", "")).encode(),
    "a constant column": ("id,age,colour\n" + ROWS).encode(),
    "big integers": ("id,age,colour\n" + ROWS + f"{2**70},1,red\n").encode(),
    "old and far dates": b"id,day\n" + b"".join(f"{i},{'1700-01-01' if i % 2 else '2999-12-31'}\n".encode() for i in range(100)),
    "formulas": b"id,cell\n" + b"".join(f"{i},=cmd()\n".encode() for i in range(100)),
    "script names": b"id,<script>alert(1)</script>\n" + b"".join(f"{i},<script>{i % 3}\n".encode() for i in range(100)),
    "mixed types": b"id,value\n" + b"".join(f"{i},{'word' if i == 88 else i}\n".encode() for i in range(100)),
}


@pytest.mark.promise("cli.11")
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("command", ["schema", "split", "run"])
def test_unusable_input_gets_one_clear_line_and_leaves_nothing(run: Run, place: Path, name: str, command: str) -> None:
    (place / "visits.csv").write_bytes(HOSTILE[name])
    ended = run(command, "visits.csv", "--out", "out")
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert line.startswith("error: ")
    assert "visits" in line
    assert SECRET not in ended.err + ended.out
    assert [path.name for path in place.iterdir()] == ["visits.csv"]


@pytest.mark.promise("cli.11")
@pytest.mark.parametrize("name", ODD)
def test_odd_but_usable_input_is_read(run: Run, place: Path, name: str) -> None:
    (place / "visits.csv").write_bytes(ODD[name])
    ended = run("schema", "visits.csv", "--out", "schema.json")
    assert ended.code == 0, ended.err


@pytest.mark.promise("cli.11")
def test_a_small_table_is_refused_a_summary_in_one_line(run: Run, place: Path) -> None:
    (place / "visits.csv").write_bytes(ODD["a single row"])
    ended = run("summarise", "visits.csv", "--out", "summary.json")
    assert ended.code == 2
    assert not (place / "summary.json").exists()


@pytest.mark.promise("cli.11")
def test_script_in_names_and_categories_is_text_in_the_report(run: Run, place: Path) -> None:
    rows = "".join(f"{i},<script>alert({i % 3})</script>,{i % 50}\n" for i in range(600))
    (place / "d.csv").write_text('id,"<img src=x onerror=alert(1)>",age\n' + rows)
    assert run("run", "d.csv", "--out", "results").code in (0, 3)
    report = (place / "results" / "report.html").read_text()
    assert "<script>alert(" not in report
    assert "<img src=x" not in report


@pytest.mark.parametrize(
    "arguments",
    [
        ("schema", "visits.csv", "--out", "no/such/folder/schema.json"),
        ("split", "visits.csv", "--out", "taken"),
        ("run", "visits.csv", "--out", "taken"),
        ("summarise", "visits.csv", "--policy", "strict", "--out", "s.json"),
        ("summarise", "visits.csv", "--schema", "visits.csv", "--out", "s.json"),
        ("run", "visits.csv", "--generator", "wizard", "--out", "results"),
        ("run", "visits.csv", "--rows", "0", "--out", "results"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_before_anything_is_written(run: Run, place: Path, arguments: tuple[str, ...]) -> None:
    (place / "visits.csv").write_text("id,age,colour\n" + ROWS)
    (place / "taken").mkdir()
    (place / "taken" / "mine.txt").write_text("mine")
    ended = run(*arguments)
    assert ended.code == 2
    assert len([line for line in ended.err.splitlines() if line.startswith("error: ")]) == 1
    assert {path.name for path in place.iterdir()} == {"visits.csv", "taken"}
    assert (place / "taken" / "mine.txt").read_text() == "mine"


@pytest.mark.promise("cli.12")
def test_a_full_disk_is_one_line_and_leaves_nothing(place: Path) -> None:
    write_emergency_csv(place / "visits.csv", rows=8000)
    limited = ["bash", "-c", 'ulimit -f 64; trap "" XFSZ; exec "$@"', "limited", *COMMAND, "split", "visits.csv", "--out", "parts"]
    done = subprocess.run(limited, cwd=place, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in place.iterdir()] == ["visits.csv"]


def environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent)}


def _raises(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.promise("cli.13")
def test_a_fault_says_where_and_never_what_value(capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(_raises(KeyError(SECRET))) == FAULT
    said = capfd.readouterr()
    assert "KeyError at test_bad_input.py:" in said.err
    assert SECRET not in said.err + said.out
    assert len(said.err.splitlines()) == 1


@pytest.mark.promise("cli.13")
def test_system_errors_and_interruptions_are_one_line_each(capfd: pytest.CaptureFixture[str]) -> None:
    for error, code in (
        (OSError(28, "No space left on device", "/x/y"), 2),
        (PermissionError(13, "Permission denied", "/x/y"), 2),
        (MemoryError(), 2),
        (InputError("two\nlines"), 2),
        (KeyboardInterrupt(), STOPPED),
        (BrokenPipeError(), FAULT),
    ):
        assert exit_code_of(_raises(error)) == code
        assert len(capfd.readouterr().err.splitlines()) <= 1
