"""What a text file is made of: its encoding, NUL bytes, quotes. One pass over all bytes before anything is parsed."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from generators.atomic import writing
from generators.errors import InputError

_BLOCK = 1 << 22

_MAGIC = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet (xlsx, ods)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (xls, doc)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"ORC", "an ORC file"),
    (b"ARROW1", "an Arrow file"),
    (b"$FL2", "an SPSS file"),
    (b"<stata_dta>", "a Stata file"),
    (b"RDX", "an R data file"),
)
_ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252 (Latin-1)",
    "latin-1": "Latin-1",
}


def foreign_format(path: Path) -> str | None:
    """What the first bytes say a file is, when that is a known format we do not read; else None."""
    with open(path, "rb") as file:
        head = file.read(16)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


@dataclass(frozen=True)
class TextFile:
    """A UTF-8 text file fit to parse.

    path: the original, or a decoded copy in the work folder (`copied`); skip: bytes of a byte order mark;
    encoding: what the original was, in words, None for plain UTF-8; odd_quotes: whether the number of quote characters is odd;
    ends_with_newline: whether the last line has its line end.
    """

    path: Path
    copied: bool
    skip: int
    encoding: str | None
    odd_quotes: bool
    ends_with_newline: bool


def text_file(path: Path, work: Path, place: str) -> TextFile:
    """Check the bytes of `path` and decode it into `work` when it is not UTF-8. InputError names the line of what is wrong."""
    with open(path, "rb") as file:
        head = file.read(4)
    if not head:
        raise InputError(f"{place}: the file is empty; it needs a header line and at least one record")
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return _decoded(path, work, place, "utf-32")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(path, work, place, "utf-16")
    skip = 3 if head.startswith(codecs.BOM_UTF8) else 0
    return _checked_bytes(path, work, place, skip)


def _checked_bytes(path: Path, work: Path, place: str, skip: int) -> TextFile:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, offset, quotes, last = 1, 0, 0, b""
    bad_line: int | None = None
    undefined = control = 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            nul = block.find(b"\0")
            if nul >= 0:
                lines = line + block.count(b"\n", 0, nul)
                hint = (
                    "it looks like UTF-16 without its mark; save it as UTF-8"
                    if block[:64].count(b"\0") >= 16
                    else "is it a text file, whole?"
                )
                raise InputError(f"{place}: a NUL byte at byte {offset + nul:,} (line {lines:,}); {hint}")
            if bad_line is None:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError as error:
                    bad_line = line + block.count(b"\n", 0, max(0, error.start))
            if bad_line is not None:
                undefined += sum(block.count(b) for b in (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"))
            control += len(block) - len(block.translate(None, bytes([*range(1, 9), *range(14, 26), *range(27, 32), 127])))
            line += block.count(b"\n")
            quotes += block.count(b'"')
            offset += len(block)
            last = block[-1:]
    if control > offset // 100:
        raise InputError(f"{place}: this is not a text file ({control:,} control bytes); upload CSV or Parquet")
    if bad_line is not None:
        return _decoded(path, work, place, "latin-1" if undefined else "cp1252", bad_line)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise InputError(
            f"{place}: the file ends in the middle of a character (line {line:,}); it was cut off: send it again whole"
        ) from None
    return TextFile(path, False, skip, _ENCODING_NAMES["utf-8-sig"] if skip else None, quotes % 2 == 1, last in (b"\n", b"\r"))


def _decoded(path: Path, work: Path, place: str, encoding: str, bad_line: int | None = None) -> TextFile:
    """A UTF-8 copy of `path` in `work`."""
    decoder = codecs.getincrementaldecoder(encoding)()
    target = work / f".{path.name[:60]}.utf8"
    line, quotes, last = 1, 0, ""
    with open(path, "rb") as file, writing(target) as out:
        while True:
            block = file.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                raise InputError(
                    f"{place}: not valid {_ENCODING_NAMES[encoding]} after line {line:,}; it may be cut off: "
                    "send it again whole, best as UTF-8"
                ) from None
            if "\0" in text:
                raise InputError(
                    f"{place}: a NUL character near line {line + text.count(chr(10), 0, text.index(chr(0))):,}; save it again as UTF-8"
                )
            out.write(text.encode())
            line += text.count("\n")
            quotes += text.count('"')
            last = text[-1:] or last
            if not block:
                break
    name = _ENCODING_NAMES[encoding]
    if bad_line is not None:
        name += f", seen first in line {bad_line:,}"
    return TextFile(target, True, 0, name, quotes % 2 == 1, last in ("\n", "\r"))
