"""A table in which every cell of most columns is a value nobody else has, unmistakable wherever it turns up, and all ways to write it.

Ordinary columns stand beside them, so that the table can go down the whole path.
"""

from __future__ import annotations

import base64
import csv
import datetime
import hashlib
import html
import io
import json
import random
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
from stdnum.gb import nhs

PERSONS = 1_400
"""Enough in train for the public policy."""

IDENTIFIERS = ("patient_key", "nhs_number", "email", "full_name", "telephone")
"""What may not even be in the working copy."""

VALUES = ("reference", "complaint", "titre", "accession", "seen_on", "seen_at", "clock")
"""What the working copy holds, and nothing after it may."""

ORDINARY = ("sex", "age", "triage")

_EPOCH = datetime.datetime(1970, 1, 1)
_DAY = datetime.date(1890, 1, 1)
_DAYS = 120_000


def _words(random_: random.Random, count: int) -> list[str]:
    """Different words of 14 letters that no language has."""
    made: set[str] = set()
    while len(made) < count:
        made.add("".join(random_.choice("bcdfghjklmnpqrstvwxz") + random_.choice("aeiouy") for _ in range(7)))
    return sorted(made, key=lambda word: hashlib.sha256(word.encode()).digest())


def _nhs_numbers(random_: random.Random, count: int) -> list[str]:
    made: set[str] = set()
    while len(made) < count:
        number = str(random_.randrange(4_000_000_000, 5_000_000_000))
        if nhs.is_valid(number):
            made.add(number)
    return sorted(made, key=lambda number: number[::-1])


@dataclass(frozen=True)
class CanaryTable:
    """Columns by name; a missing value is None."""

    columns: Mapping[str, list[Any]]

    @classmethod
    def made(cls, seed: int = 63, persons: int = PERSONS) -> CanaryTable:
        r = random.Random(seed)  # noqa: S311 - the same table at every run
        words = iter(_words(r, persons * 12))
        days = r.sample(range(_DAYS), 2 * persons)
        accessions = [r.randrange(10**13, 10**15) for _ in range(persons)]
        return cls(
            {
                "patient_key": [f"K{next(words).upper()}" for _ in range(persons)],
                "nhs_number": _nhs_numbers(r, persons),
                "email": [f"{next(words)}@{next(words)}.example" for _ in range(persons)],
                "full_name": [f"{next(words).title()} {next(words).title()}" for _ in range(persons)],
                "telephone": [f"07{r.randrange(10**8, 10**9)}" for _ in range(persons)],
                "reference": [next(words) for _ in range(persons)],
                # With what markup, percent signs and JSON would escape.
                "complaint": [f'{next(words)} <b>&"é 5% {next(words)} since {next(words)}, {next(words)}' for _ in range(persons)],
                "titre": [r.uniform(1e3, 1e4) for _ in range(persons)],
                "accession": accessions,
                "seen_on": [_DAY + datetime.timedelta(days=d) for d in days[:persons]],
                "seen_at": [
                    datetime.datetime.combine(_DAY + datetime.timedelta(days=d), datetime.time())
                    + datetime.timedelta(microseconds=r.randrange(1, 86_400_000_000) | 1)
                    for d in days[persons:]
                ],
                "clock": [
                    str((_EPOCH + datetime.timedelta(microseconds=10 * r.randrange(8_640_000_000) + 7)).time()) for _ in range(persons)
                ],
                "sex": [r.choice("FM") for _ in range(persons)],
                "age": [r.randrange(20, 60) for _ in range(persons)],
                "triage": [r.choice(["urgent", "standard", "minor"]) for _ in range(persons)],
            }
        )

    @cached_property
    def arrow(self) -> pa.Table:
        return pa.table(dict(self.columns))

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    def rows(self, first: int = 0, after: int | None = None) -> list[list[Any]]:
        return [list(row) for row in zip(*(values[first:after] for values in self.columns.values()), strict=True)]

    def changed(self, **columns: list[Any]) -> CanaryTable:
        """The same with these columns in place of its own."""
        return CanaryTable({**self.columns, **columns})

    def csv(self, rows: Iterable[list[Any]] | None = None) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.names)
        writer.writerows(["" if v is None else v for v in row] for row in (self.rows() if rows is None else rows))
        return text.getvalue().encode()

    def parquet(self) -> bytes:
        stream = io.BytesIO()
        pq.write_table(self.arrow, stream)
        return stream.getvalue()

    def needles(self, columns: Iterable[str] = (*IDENTIFIERS, *VALUES)) -> dict[bytes, str]:
        """Every written form of every cell of these columns → where the cell is."""
        found: dict[bytes, str] = {}
        for name in columns:
            for i, value in enumerate(self.columns[name]):
                if value is not None:
                    found.update(dict.fromkeys(forms(value), f"{name}, record {i}"))
        return found


def forms(value: Any) -> set[bytes]:
    """The byte strings, each of at least eight bytes, by which this value would be known again."""
    texts: set[str] = set()
    raw: set[bytes] = set()
    if isinstance(value, str):
        texts |= {value, value.lower(), value.upper()}
        # A text that was cut short still holds some of its words.
        texts |= {word for word in value.replace("@", " ").replace(".", " ").replace(",", " ").split() if len(word) >= 12}
        if value.isdigit():
            spaced = f"{value[:3]} {value[3:6]} {value[6:]}"
            texts |= {spaced, spaced.replace(" ", "-"), f"{value[:5]} {value[5:]}", value.lstrip("0")}
            raw.add(struct.pack("<q", int(value)))
            raw.add(struct.pack("<d", int(value)))
        # A digest of a key without a secret is as good as the key: anybody can try them all.
        raw |= {hashlib.new(kind, value.encode()).hexdigest()[:16].encode() for kind in ("sha256", "sha1", "md5")}
    elif isinstance(value, bool) or value is None:
        raise TypeError("a canary is unmistakable")
    elif isinstance(value, int):
        texts |= {str(value), f"{value:,}", f"{value:_}", f"{value:,}".replace(",", " "), repr(float(value))}
        raw |= {struct.pack("<q", value), struct.pack(">q", value), struct.pack("<d", float(value))}
    elif isinstance(value, float):
        texts |= {repr(value), f"{value:.10f}", f"{value:.8f}", f"{value:,.8f}", f"{value:.12g}", f"{value:.10e}"}
        raw |= {struct.pack("<d", value), struct.pack(">d", value)}
    elif isinstance(value, datetime.datetime):
        micro = int((value - _EPOCH) / datetime.timedelta(microseconds=1))
        texts |= {value.isoformat(), str(value), str(micro), str(micro * 1000), value.strftime("%d/%m/%Y %H:%M:%S"), repr(value)}
        texts |= {value.strftime("%Y-%m-%d %H:%M:%S"), value.strftime("%Y-%m-%dT%H:%M:%S"), value.strftime("%H:%M:%S.%f")}
        raw |= {struct.pack("<q", micro), struct.pack("<q", micro * 1000)}
    elif isinstance(value, datetime.date):
        texts |= {value.isoformat(), value.strftime("%d/%m/%Y"), repr(value)}
        texts |= {f"{value.day} {value:%B} {value.year}", f"{value.day} {value:%b} {value.year}", value.strftime("%d-%b-%Y")}
    else:
        raise TypeError(f"no forms of {type(value).__name__}")
    return {form for form in raw | {f for text in texts for f in _written(text)} if len(form) >= 8}


def _written(text: str) -> set[bytes]:
    """How a text may be escaped and encoded."""
    escaped = {text, html.escape(text), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], quote(text), quote_plus(text)}
    plain = text.encode()
    coded = {e.encode() for e in escaped} | {
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text.encode("latin-1"),
        plain.hex().encode(),
    }
    # Base64 of something that holds the text: three alignments, less the ends that depend on the neighbours.
    for shift in range(3):
        whole = (len(plain) - (-shift % 3)) // 3 * 3
        inner = plain[-shift % 3 :][:whole]
        if len(inner) >= 9:
            coded |= {base64.b64encode(inner), base64.urlsafe_b64encode(inner)}
    return coded
