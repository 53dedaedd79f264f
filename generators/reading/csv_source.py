"""A CSV file as Parquet of plain text, checked on the way: delimiter, header, ragged rows, open quotes.

Memory does not grow with the number of rows: the file is read in blocks. A parser's own error messages quote the record they
stumble over, so none is ever passed on; the place is found again by a second, slower reader that counts lines.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from generators.atomic import write_parquet
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.reading.csv_encoding import TextFile, text_file
from generators.reading.dataset import MAX_COLUMNS, checked_names

_BLOCK = 1 << 23
_SNIFF_BYTES = 1 << 18
_SNIFF_RECORDS = 200
_LARGEST_FIELD = 1 << 20
"""Most characters one field may have, in the reader that looks for the place of a fault; more means an open quote."""

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_UNREAD_DELIMITERS = {":": "colons", "^": "carets", "~": "tildes", "\x1f": "unit separators", "!": "exclamation marks"}
_VALUE_LIKE = re.compile(r"\s*([+-]?\d+([.,]\d+)?|\d{4}-\d\d-\d\d.*|\d\d?/\d\d?/\d{4}.*|[^@\s]+@[^@\s]+\.\w+)\s*")


@dataclass(frozen=True)
class StagedCsv:
    """The text Parquet of a CSV: columns named c0, c1 … (`names` are theirs), empty cells NULL; `remarks` are sentences for findings."""

    path: Path
    names: list[str]
    rows: int
    delimiter: str
    remarks: list[str]


def stage_csv(
    source: Path, work: Path, staged: Path, place: str, *, maximum_columns: int = MAX_COLUMNS, progress: Progress = silent
) -> StagedCsv:
    """Check `source` and write its records as text to `staged`. InputError names line and fault, never a value."""
    progress("checking the file", 0.0)
    text = text_file(source, work, place)
    try:
        delimiter, names, remarks = _header(text, place, maximum_columns)
        if text.odd_quotes:
            # an odd number of quotes is the only trace of a quote left open in a last field
            _find_fault(text, delimiter, len(names), place)
        rows = _stream(text, delimiter, names, staged, place, progress)
    finally:
        if text.copied:
            text.path.unlink(missing_ok=True)
    if text.encoding:
        remarks.insert(0, f"the file is {text.encoding}; it was read as such")
    if not text.ends_with_newline:
        remarks.append("the last line has no line end; if the file was cut off on its way, the last record may be short")
    return StagedCsv(staged, names, rows, delimiter, remarks)


def _header(text: TextFile, place: str, maximum_columns: int) -> tuple[str, list[str], list[str]]:
    """Delimiter, column names and remarks, from the first lines."""
    sample = _sample(text)
    if not sample.strip():
        raise InputError(f"{place}: the file holds only blank lines; it needs a header line and at least one record")
    delimiter = _delimiter(sample, place)
    try:
        raw = next(r for r in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if r)
    except (StopIteration, csv.Error):
        raise InputError(f"{place}: line 1 could not be read as a header; check its quotes") from None
    if all(_VALUE_LIKE.fullmatch(name) for name in raw):
        raise InputError(f"{place}: line 1 looks like a record, not like column names; add a header line")
    names = checked_names(raw, place, maximum_columns)
    remarks = [] if delimiter == "," else [f"the fields are separated by {DELIMITERS[delimiter]}s; it was read so"]
    alike = [str(i) for i, name in enumerate(raw, 1) if _VALUE_LIKE.fullmatch(name)]
    if alike:
        remarks.append(
            f"the header looks like a value in {len(alike)} of its {len(raw)} columns; make sure that the first line holds names"
        )
    return delimiter, names, remarks


def _sample(text: TextFile) -> str:
    """The first whole lines; more of them when the header alone is very long."""
    size = _SNIFF_BYTES
    with open(text.path, "rb") as file:
        file.seek(text.skip)
        block = file.read(size)
        while b"\n" not in block and b"\r" not in block and size < 64 * _SNIFF_BYTES and len(block) == size:
            block += file.read(size)
            size *= 2
        whole = len(file.read(1)) == 0
    if not whole:
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        block = block[: end + 1] if end >= 0 else block
    return block.decode("utf-8", errors="ignore")


def _records(sample: str, delimiter: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if record:
                found.append(record)
            if len(found) > _SNIFF_RECORDS:
                break
    except csv.Error:
        return found
    return found


def _delimiter(sample: str, place: str) -> str:
    scores: list[tuple[bool, int, bool, str]] = []
    for candidate in DELIMITERS:
        records = _records(sample, candidate)
        widths = [len(r) for r in records[1:]]
        fields = len(records[0]) if records else 0
        agree = fields >= 2 and (not widths or sum(w == fields for w in widths) >= 0.9 * len(widths))
        scores.append((agree, fields, candidate == ",", candidate))
    agree, fields, _, best = max(scores)
    if fields >= 2:
        return best
    records = _records(sample, ",")
    for odd, word in _UNREAD_DELIMITERS.items():
        counts = Counter(r[0].count(odd) for r in records)
        times, lines = counts.most_common(1)[0]
        if times >= 1 and lines == len(records) and records[0][0].count(odd) == times:
            raise InputError(
                f"{place}: the fields seem to be separated by {word}; save the file with commas, semicolons, tabs or vertical bars"
            )
    in_records = Counter(next((c for c in DELIMITERS if c != "," and c in r[0]), "") for r in records[1:] if len(r) == 1)
    for separator, count in in_records.items():
        if separator and count >= 0.9 * (len(records) - 1) and count >= 2:
            raise InputError(
                f"{place}: the header is one column but the records are separated by {DELIMITERS[separator]}s; use one separator throughout"
            )
    return ","


def _stream(text: TextFile, delimiter: str, names: list[str], staged: Path, place: str, progress: Progress) -> int:
    columns = [f"c{i}" for i in range(len(names))]
    ragged: list[int] = []

    def note_ragged(row: Any) -> str:
        ragged.append(row.actual_columns)
        return "skip"

    schema = pa.schema([pa.field(c, pa.string()) for c in columns])
    size = max(1, text.path.stat().st_size)
    with open(text.path, "rb") as file:
        file.seek(text.skip)

        def watch(rows: int) -> None:
            progress("reading records", min(1.0, file.tell() / size), rows)

        try:
            reader = pacsv.open_csv(
                file,
                read_options=pacsv.ReadOptions(column_names=columns, skip_rows_after_names=1, block_size=_BLOCK, use_threads=False),
                parse_options=pacsv.ParseOptions(
                    delimiter=delimiter,
                    newlines_in_values=True,
                    # in a table of one column a blank line is a record with nothing in it
                    ignore_empty_lines=len(names) > 1,
                    invalid_row_handler=note_ragged,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types={c: pa.string() for c in columns},
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            rows: int | None = write_parquet(staged, schema, _until_ragged(reader, ragged), watch=watch, compression="lz4")
        except (pa.ArrowInvalid, _RaggedError):
            rows = None
    if rows is None:
        # outside the handler: the parser's error, which quotes a record, must not travel along as context
        _find_fault(text, delimiter, len(names), place)
        raise InputError(f"{place}: a record could not be read; check quotes and line ends near the end of the file")
    if rows == 0:
        raise InputError(f"{place}: there is a header but no record under it; was the export complete?")
    return rows


class _RaggedError(Exception):
    """A record with too many or too few fields was met."""


def _until_ragged(reader: pacsv.CSVStreamingReader, ragged: list[int]) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        if ragged:
            raise _RaggedError
        yield batch
    if ragged:
        raise _RaggedError


def _find_fault(text: TextFile, delimiter: str, expected: int, place: str) -> None:
    """Read line by line for the first record with the wrong number of fields or a quote that never closes; InputError names its line."""
    previous = csv.field_size_limit(_LARGEST_FIELD)
    line = 1
    try:
        with open(text.path, encoding="utf-8-sig" if text.skip else "utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=False)
            for record in reader:
                if record and len(record) != expected:
                    _refuse_ragged(place, line, len(record), expected, "\n" in record[-1])
                line = reader.line_num + 1
    except csv.Error:
        raise InputError(f"{place}, line {line:,}: a quoted field that starts here never ends; close the quote") from None
    finally:
        csv.field_size_limit(previous)
    if text.odd_quotes and _ends_inside_quotes(text, delimiter):
        raise InputError(
            f"{place}: a quote in the last record never closes; the file was cut off or a quote is missing: send it again whole"
        )


def _refuse_ragged(place: str, line: int, found: int, expected: int, open_quote: bool) -> None:
    hint = "a quote opened there may never close" if open_quote else "mend that record, or put quotes round text that holds the separator"
    raise InputError(f"{place}, line {line:,}: {found:,} field{'s' if found != 1 else ''} where the header has {expected:,}; {hint}")


def _ends_inside_quotes(text: TextFile, delimiter: str) -> bool:
    """Whether the last record ends within a quoted field, by a strict reading of the file."""
    with open(text.path, encoding="utf-8-sig" if text.skip else "utf-8", newline="") as file:
        tail = _LastLines(file)
        try:
            for _ in csv.reader(tail, delimiter=delimiter, strict=True):
                pass
        except csv.Error:
            # strict reading stops at stray quotes as well: only a stop at the very end is an open quote
            return tail.exhausted
    return False


class _LastLines:
    """The lines of a file, knowing whether all were handed out."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.exhausted = False

    def __iter__(self) -> _LastLines:
        return self

    def __next__(self) -> str:
        try:
            return next(self._lines)
        except StopIteration:
            self.exhausted = True
            raise
