"""A release that was downloaded: is it whole and signed, and does code written against it fit the real table?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from releases.capsule.archive import folder_name, pack
from tests.capsule.world import Publisher
from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    made = Publisher.new(tmp_path_factory.mktemp("publisher"))
    made.publish()
    return made


@pytest.fixture
def capsule(publisher: Publisher, place: Path) -> Path:
    (manifest,) = publisher.lake.glob("open/*/*/manifest.json")
    shutil.copytree(manifest.parent, place / "capsule")
    return place / "capsule"


@pytest.fixture
def key(publisher: Publisher, place: Path) -> Path:
    shutil.copy(publisher.folder / "publisher" / "signing.pub", place / "trusted.pub")
    return place / "trusted.pub"


@pytest.mark.promise("cli.15")
def test_a_signed_capsule_verifies_as_a_folder_and_as_a_zip(run: Run, capsule: Path, key: Path, place: Path) -> None:
    ended = run("verify", capsule, "--key", key)
    assert ended.code == 0, ended.err
    assert "verdict: verified: Emergency department visits, version 1" in ended.out
    assert "approve by IG" in ended.out
    root = folder_name("ed-visits", 1)
    pack(capsule, place / f"{root}.zip", root)
    assert run("verify", f"{root}.zip", "--key", key).code == 0


@pytest.mark.promise("cli.15")
def test_a_flipped_byte_in_any_file_is_refused(run: Run, capsule: Path, key: Path) -> None:
    for file in sorted(path for path in capsule.rglob("*") if path.is_file()):
        whole = file.read_bytes()
        for position in (0, len(whole) // 2, len(whole) - 1):
            changed = bytearray(whole)
            changed[position] ^= 1
            file.write_bytes(bytes(changed))
            ended = run("verify", capsule, "--key", key)
            assert ended.code == 3, (file.name, position)
            assert ended.err.startswith("verdict: refused: ")
        file.write_bytes(whole)


@pytest.mark.promise("cli.15")
def test_without_a_key_there_is_no_verdict(run: Run, capsule: Path, place: Path) -> None:
    (place / "not-a-key.pub").write_text("hello")
    (place / "empty").mkdir()
    for arguments in ((), ("--key", "missing.pub"), ("--key", "not-a-key.pub"), ("--key", "empty")):
        ended = run("verify", capsule, *arguments)
        assert ended.code == 2, arguments
        assert "verdict" not in ended.out + ended.err
        assert len(ended.err.splitlines()) == 1


@pytest.mark.promise("cli.15")
def test_a_key_that_is_not_the_publisher_s_is_a_refusal(run: Run, capsule: Path, place: Path) -> None:
    stranger = Publisher.new(place / "stranger")
    assert run("verify", capsule, "--key", stranger.folder / "publisher" / "signing.pub").code == 3


REAL = "visit_id,triage,age\n" + "".join(f"A{i:05d},{'red' if i % 2 else 'amber'},{i % 90}\n" for i in range(300))


@pytest.mark.promise("cli.16")
def test_a_real_table_of_the_release_s_shape_conforms(run: Run, capsule: Path, place: Path) -> None:
    (place / "real.csv").write_text(REAL)
    ended = run("conform", "real.csv", capsule)
    assert ended.code == 0, ended.out
    assert ended.out.splitlines()[-1] == "verdict: conforms"


@pytest.mark.promise("cli.16")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("age", "years", 1), "age"),
        (lambda text: text.replace(",10\n", ",Xq7Secret\n"), "age"),
        (lambda text: text.replace("amber", "Xq7Secret"), "triage"),
    ],
    ids=["a renamed column", "words where numbers are", "a code that is not in the list"],
)
def test_what_would_break_code_is_named_without_a_value(run: Run, capsule: Path, place: Path, change: object, said: str) -> None:
    assert callable(change)
    (place / "real.csv").write_text(change(REAL))
    ended = run("conform", "real.csv", capsule)
    assert ended.code == 3
    assert any(line.startswith("mismatch: ") and said in line for line in ended.out.splitlines())
    assert "Xq7Secret" not in ended.out + ended.err


def test_a_thing_that_is_no_capsule_is_bad_input(run: Run, place: Path) -> None:
    (place / "real.csv").write_text(REAL)
    (place / "folder").mkdir()
    for thing in ("folder", "real.csv"):
        ended = run("conform", "real.csv", thing)
        assert ended.code == 2
        assert len(ended.err.splitlines()) == 1
