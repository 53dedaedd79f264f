"""The words of listed releases in the database's own full-text search: SQLite's FTS5, PostgreSQL's tsvector.

Both hold the same tokens (`finding.tokens`) in four fields and are asked for nothing but whether a token is there, so both find the same
in the same order: neither engine's own tokeniser, stemmer, ranking or query language is used. Tokens are of a-z and 0-9, so nothing that
somebody typed reaches either query language.
Order: for each word the weights of the fields that have it, and a little more where it is a whole word of the title.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection

from releases.catalogue.finding.tokens import Word

FIELDS = {"title": ("A", 16), "columns": ("B", 8), "subject": ("C", 4), "description": ("D", 0)}
"""Field: PostgreSQL's letter for it, and what a word in it counts. Every word of what was found is somewhere: the last counts nothing."""
WHOLE_WORD = 3

Ids = np.ndarray[Any, np.dtype[np.int64]]


def write(rows: Iterable[tuple[int, Mapping[str, Iterable[str]]]]) -> None:
    """Put the tokens of releases (release id, field to tokens) in the place of what was there."""
    rows = list(rows)
    remove(release for release, _ in rows)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            lines = [(release, _vector(said)) for release, said in rows]
            cursor.executemany("INSERT INTO catalogue_words (release_id, words) VALUES (%s, %s::tsvector)", lines)
        else:
            said: list[list[int | str]] = [
                [release, *(" ".join(dict.fromkeys(fields[name])) for name in FIELDS)] for release, fields in rows
            ]
            cursor.executemany(
                "INSERT INTO catalogue_words (rowid, title, columns, subject, description) VALUES (%s, %s, %s, %s, %s)", said
            )


def remove(releases: Iterable[int]) -> None:
    """Forget the words of these releases."""
    column = "release_id" if connection.vendor == "postgresql" else "rowid"
    with connection.cursor() as cursor:
        cursor.executemany(f"DELETE FROM catalogue_words WHERE {column} = %s", [(release,) for release in releases])  # noqa: S608


def _vector(said: Mapping[str, Iterable[str]]) -> str:
    letters: dict[str, list[str]] = {}
    for number, (name, (letter, _)) in enumerate(FIELDS.items(), 1):
        for each in dict.fromkeys(said[name]):
            letters.setdefault(each, []).append(f"{number}{letter}")
    return " ".join(f"'{each}':{','.join(places)}" for each, places in letters.items())


def having(word: Word) -> list[tuple[int, Ids]]:
    """Where releases have the word: for each field, and for all of it in the title, what it counts and the releases' ids; last those
    that have it anywhere, which counts nothing. One query, and of each answer one text: ten thousand rows cost several times as much.
    """
    asked = [(_somewhere(word, name), weight) for name, (_, weight) in FIELDS.items() if weight]
    asked += [(_whole(word, "title"), WHOLE_WORD), (_somewhere(word), 0)]
    ids, fits = ("group_concat(rowid)", "catalogue_words MATCH %s")
    if connection.vendor == "postgresql":
        ids, fits = ("string_agg(release_id::text, ',')", "words @@ %s::tsquery")
    parts = [f"SELECT {number}, {ids} FROM catalogue_words WHERE {fits}" for number in range(len(asked))]  # noqa: S608 - our own
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), [expression for expression, _ in asked])
        found = dict(cursor.fetchall())
    return [(weight, np.fromstring(found[number] or "", np.int64, sep=",")) for number, (_, weight) in enumerate(asked)]


def _somewhere(word: Word, field: str = "") -> str:
    """Has the field, or any, a token that begins with the word, its stem, or the parts it is put together of?"""
    ways = [[_has(word.raw, field, prefix=not word.whole)]]
    if word.stem != word.raw:
        ways.append([_has(word.stem, field)])
    if word.parts:
        ways.append([_has(part, field) for part in word.parts])
    return _any(ways)


def _whole(word: Word, field: str) -> str:
    return _any([[_has(each, field)] for each in dict.fromkeys((word.raw, word.stem))])


def _any(ways: Sequence[Sequence[str]]) -> str:
    both, either = (" & ", " | ") if connection.vendor == "postgresql" else (" AND ", " OR ")
    return either.join(f"({both.join(way)})" for way in ways)


def _has(token: str, field: str, *, prefix: bool = False) -> str:
    if connection.vendor == "postgresql":
        letter = FIELDS[field][0] if field else ""
        marks = ("*" if prefix else "") + letter
        return f"'{token}':{marks}" if marks else f"'{token}'"
    within = f"{field} : " if field else ""
    return f'{within}"{token}"{" *" if prefix else ""}'
