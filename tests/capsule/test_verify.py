"""Whatever is changed in a signed capsule, `verify` says no."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from releases.capsule import archive, layout
from releases.capsule.attestation import attest
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import Signer, create_key
from releases.capsule.verify import verify
from tests.capsule.world import Publisher, attestation, unsigned


@pytest.fixture
def place(publisher: Publisher) -> Path:
    """A published capsule, small so that every byte of it can be tried."""
    return publisher.lake / publisher.publish().place


@pytest.fixture
def zipped(place: Path, tmp_path: Path) -> Path:
    """The same as a zip."""
    archive.pack(place, tmp_path / "capsule.zip", "ed-visits-v1")
    return tmp_path / "capsule.zip"


@pytest.mark.promise("publish.6")
def test_a_capsule_holds_as_folder_and_as_zip(publisher: Publisher, place: Path, zipped: Path) -> None:
    folder, packed = verify(place, publisher.keys), verify(zipped, publisher.keys)
    assert folder == packed
    assert folder.manifest.description.slug == "ed-visits"
    assert folder.key_id == publisher.signer.key_id


@pytest.mark.slow
@pytest.mark.promise("publish.5")
def test_a_byte_flipped_anywhere_in_the_folder_is_found(publisher: Publisher, place: Path) -> None:
    for path in sorted(each for each in place.rglob("*") if each.is_file()):
        content = path.read_bytes()
        for position in range(0, len(content), 1 if path.name == "attestation.dsse.json" else 29):
            path.write_bytes(content[:position] + bytes([content[position] ^ (1 << position % 8)]) + content[position + 1 :])
            with pytest.raises(CapsuleRefused):
                verify(place, publisher.keys)
        path.write_bytes(content)
    assert verify(place, publisher.keys)


@pytest.mark.slow
@pytest.mark.promise("publish.5")
def test_a_byte_flipped_anywhere_in_the_zip_is_found(publisher: Publisher, zipped: Path) -> None:
    content = zipped.read_bytes()
    whole = zipfile.ZipFile(zipped)
    headers = {info.header_offset + n for info in whole.infolist() for n in range(30 + len(info.filename))}
    headers |= set(range(whole.start_dir, len(content)))
    for position in sorted(headers | set(range(0, len(content), 37))):
        zipped.write_bytes(content[:position] + bytes([content[position] ^ (1 << position % 8)]) + content[position + 1 :])
        with pytest.raises(CapsuleRefused):
            verify(zipped, publisher.keys)


@pytest.mark.promise("publish.5")
@pytest.mark.parametrize("cut", [1, 22, 300])
def test_bytes_before_behind_or_missing_are_found(publisher: Publisher, zipped: Path, cut: int) -> None:
    content = zipped.read_bytes()
    for other in (content + b"x" * cut, b"x" * cut + content, content[:-cut], content[cut:], b""):
        zipped.write_bytes(other)
        with pytest.raises(CapsuleRefused):
            verify(zipped, publisher.keys)


@pytest.mark.promise("publish.13")
def test_the_zip_follows_from_the_content_and_opens_anywhere(publisher: Publisher, place: Path, zipped: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    archive.pack(tmp_path / "copy", tmp_path / "again.zip", "ed-visits-v1")
    assert (tmp_path / "again.zip").read_bytes() == zipped.read_bytes()
    with zipfile.ZipFile(zipped) as opened:
        assert opened.testzip() is None
        opened.extractall(tmp_path / "out")
    assert verify(tmp_path / "out/ed-visits-v1", publisher.keys)


@pytest.mark.promise("publish.13")
def test_an_archive_beyond_four_gigabytes_is_laid_out_as_zip64(tmp_path: Path) -> None:
    entries = [archive.Entry("data/big.parquet", 5 * 1024**3, 1), archive.Entry("z.txt", 3, zip_crc(b"abc"))]
    segments = archive.plan("x-v1", entries)
    with (tmp_path / "big.zip").open("wb") as stream:  # sparse: the gigabytes are holes
        for segment in segments:
            stream.seek(segment.offset)
            stream.write(segment.literal if segment.literal is not None else b"abc" if segment.path == "z.txt" else b"")
    with zipfile.ZipFile(tmp_path / "big.zip") as opened:
        assert [(info.filename, info.file_size) for info in opened.infolist()] == [
            ("x-v1/data/big.parquet", 5 * 1024**3),
            ("x-v1/z.txt", 3),
        ]
        assert opened.read("x-v1/z.txt") == b"abc"
    assert archive.length(segments) == (tmp_path / "big.zip").stat().st_size
    places = archive.OpenArchive.open(tmp_path / "big.zip")
    places.check_frame({entry.path: entry.crc for entry in entries})
    assert b"".join(places.content("z.txt")) == b"abc"


def zip_crc(content: bytes) -> int:
    return zlib.crc32(content)


@pytest.mark.promise("publish.6")
def test_a_capsule_signed_by_another_key_is_refused_even_when_its_key_travels_with_it(publisher: Publisher, tmp_path: Path) -> None:
    other = Publisher.new(tmp_path / "other")
    place = other.lake / other.publish().place
    with pytest.raises(CapsuleRefused, match="not trusted"):
        verify(place, publisher.keys)
    (place / "signing.pub").write_bytes(other.signer.public_pem())
    with pytest.raises(CapsuleRefused):
        verify(place, publisher.keys)


def test_an_unsigned_capsule_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(CapsuleRefused, match="not signed"):
        verify(unsigned(tmp_path / "capsule"), publisher.keys)


def test_an_attestation_of_another_capsule_is_refused(publisher: Publisher, place: Path) -> None:
    other = publisher.lake / publisher.publish(slug="other").place
    shutil.copy(other / "attestation.dsse.json", place / "attestation.dsse.json")
    with pytest.raises(CapsuleRefused, match="another manifest"):
        verify(place, publisher.keys)


@pytest.mark.promise("publish.9")
def test_a_folder_with_more_less_or_other_things_than_the_manifest_says_is_refused(
    publisher: Publisher, place: Path, tmp_path: Path
) -> None:
    def spoilt(name: str) -> Path:
        return Path(shutil.copytree(place, tmp_path / name))

    extra = spoilt("extra")
    (extra / "more.txt").write_text("x")
    hidden = spoilt("hidden")
    (hidden / ".more").write_text("x")
    missing = spoilt("missing")
    (missing / "data/visits.csv").unlink()
    linked = spoilt("linked")
    (linked / "README.md").unlink()
    (linked / "README.md").symlink_to(place / "README.md")
    linked_folder = spoilt("linked-folder")
    shutil.rmtree(linked_folder / "data")
    (linked_folder / "data").symlink_to(place / "data")
    empty = spoilt("empty")
    (empty / "spare").mkdir()
    deep = spoilt("deep")
    (deep / "data/deeper").mkdir()
    fifo = spoilt("fifo")
    (fifo / "README.md").unlink()
    os.mkfifo(fifo / "README.md")
    no_manifest = spoilt("no-manifest")
    (no_manifest / "manifest.json").unlink()
    for folder in (extra, hidden, missing, linked, linked_folder, empty, deep, fifo, no_manifest):
        with pytest.raises(CapsuleRefused):
            verify(folder, publisher.keys)
    (tmp_path / "link").symlink_to(place)
    for path, reason in ((tmp_path / "link", "symbolic link"), (tmp_path / "nowhere", "no capsule")):
        with pytest.raises(CapsuleRefused, match=reason):
            verify(path, publisher.keys)


@pytest.mark.promise("publish.9")
def test_files_meant_to_fill_the_readers_memory_are_refused_unread(publisher: Publisher, place: Path) -> None:
    for name in ("attestation.dsse.json", "manifest.json"):
        kept = (place / name).read_bytes()
        with (place / name).open("r+b") as stream:
            stream.truncate(10 * 1024**3)  # sparse
        with pytest.raises(CapsuleRefused, match="larger than"):
            verify(place, publisher.keys)
        (place / name).write_bytes(kept)


def resigned(publisher: Publisher, place: Path, change: Callable[[Any], object]) -> None:
    """Change the manifest and sign it with the true key: even a publisher that was deceived cannot make a capsule leave its folder."""
    raw = json.loads((place / "manifest.json").read_bytes())
    change(raw)
    content = layout.readable_json(raw)
    (place / "manifest.json").write_bytes(content)
    (place / "attestation.dsse.json").write_bytes(attest(content, attestation(), publisher.signer))


@pytest.mark.promise("publish.9")
def test_a_signed_manifest_that_points_outside_is_refused(publisher: Publisher, place: Path) -> None:
    resigned(publisher, place, lambda raw: raw["files"][0].update(path="../../../../etc/passwd"))
    with pytest.raises(CapsuleRefused, match="not a plain name"):
        verify(place, publisher.keys)


def zip_of(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return stream.getvalue()


@pytest.mark.promise("publish.9")
def test_hostile_zips_are_refused(publisher: Publisher, place: Path, tmp_path: Path) -> None:
    good = {f"ed-visits-v1/{each.relative_to(place).as_posix()}": each.read_bytes() for each in place.rglob("*") if each.is_file()}
    first = next(iter(good))
    hostile = {
        "slip": zip_of({**good, "ed-visits-v1/../../evil.txt": b"x"}),
        "absolute": zip_of({**good, "/etc/evil": b"x"}),
        "other root": zip_of({**good, "other/README.md": b"x"}),
        "no root": zip_of({name.split("/", 1)[1]: content for name, content in good.items()}),
        "renamed root": zip_of({name.replace("ed-visits-v1", "ed-visits-v2"): content for name, content in good.items()}),
        "deflated": zip_of(good, zipfile.ZIP_DEFLATED),
        "python's own headers": zip_of(good),
        "nul name": zip_of({**good, "ed-visits-v1/x": b"x"}).replace(b"ed-visits-v1/x", b"ed-visits-v1/\x00"),
        "nothing": zip_of({}),
        "too many": zip_of({f"r/f{n}": b"" for n in range(layout.MAX_FILES + 3)}),
        "not a zip": b"PK\x05\x06" + b"\xff" * 18,
        "huge directory": b"x" * 100 + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, 2**31, 0, 0),
        "text": b"hello",
    }
    stream = io.BytesIO(zip_of(good))
    with zipfile.ZipFile(stream, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr(first, b"twice")
    hostile["twice"] = stream.getvalue()
    for name, content in hostile.items():
        (tmp_path / "hostile.zip").write_bytes(content)
        with pytest.raises(CapsuleRefused):
            pytest.fail(f"{name}: {verify(tmp_path / 'hostile.zip', publisher.keys)}")
    assert not (tmp_path / "evil.txt").exists()


def test_a_refusal_names_the_file_and_quotes_no_control_characters(publisher: Publisher, place: Path) -> None:
    (place / "data/visits.csv").write_text("visit_id,triage,age\nA00000,red,41\nA00001,amber,40\nA00002,,40\n")
    with pytest.raises(CapsuleRefused, match=r"data/visits\.csv.*SHA-256") as refused:
        verify(place, publisher.keys)
    assert "41" not in refused.value.reason
    (place / "a\nb").write_text("")
    with pytest.raises(CapsuleRefused) as refused:
        verify(place, publisher.keys)
    assert "\n" not in refused.value.reason


def test_a_key_made_later_does_not_verify_what_came_before(publisher: Publisher, place: Path, tmp_path: Path) -> None:
    create_key(tmp_path / "later")
    with pytest.raises(CapsuleRefused, match="not trusted"):
        verify(place, Signer.load(tmp_path / "later/signing.key").trusted())
