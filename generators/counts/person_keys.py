"""Who each row is about: the person key column read into `Persons`.

A working copy holds tokens of 32 hexadecimal characters. They are read as 128-bit numbers, a piece of the file at a time, and compared
as such: no two persons can become one. Any other key goes through Arrow's dictionary, which takes more memory.
"""

from __future__ import annotations

import binascii
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.counts.person_counts import PART, Codes, Persons, in_parts, number_of_parts
from generators.errors import InputError

Words = npt.NDArray[np.uint64]

_DIGITS = 32
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 / golden ratio, odd: multiplication by it permutes the 64-bit numbers (Knuth, The Art of Computer Programming 3, 6.4)."""


def persons_of(path: Path, table: str, key: str | None) -> Persons:
    """The persons of a Parquet file's rows by its column `key`; None: each row is another person. InputError where a key is missing."""
    rows = pq.read_metadata(path).num_rows
    if key is None:
        return Persons.one_row_each(rows)
    words = _tokens(path, key, rows)
    if words is not None:
        return _of_tokens(*words)
    values = pq.read_table(path, columns=[key], read_dictionary=[key], use_threads=False).column(0)
    if values.null_count:
        raise InputError(f'table "{table}": the person key "{key}" is missing in {values.null_count:,} rows')
    return Persons.of(codes_of_labels(values)[0])


def codes_of_labels(values: pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """Codes (0 where null) and their labels. Every label is used unless the column was sliced from a wider one."""
    if not pa.types.is_dictionary(values.type):
        values = pc.dictionary_encode(values)
    values = values.unify_dictionaries()
    if values.num_chunks == 0:
        return np.zeros(0, dtype=np.int32), pa.array([], pa.string())
    codes = np.empty(len(values), dtype=np.int32)
    first = 0
    for chunk in values.chunks:
        codes[first : first + len(chunk)] = pc.fill_null(chunk.indices, 0).to_numpy(zero_copy_only=False)
        first += len(chunk)
    return codes, values.chunk(0).dictionary


def _tokens(path: Path, key: str, rows: int) -> tuple[Words, Words] | None:
    """Two words for each token, different ones for different tokens, the first spread evenly; None where a key is no such token."""
    spread, rest = np.empty(rows, dtype=np.uint64), np.empty(rows, dtype=np.uint64)
    first = 0
    with pq.ParquetFile(path) as file:
        if file.schema_arrow.field(key).type != pa.string():
            return None
        for batch in file.iter_batches(PART, columns=[key], use_threads=False):
            halves = _halves(batch.column(0))
            if halves is None:
                return None
            here = slice(first, first + len(halves))
            rest[here] = halves[:, 1]
            # With `rest` known each step can be undone, so that the two words say what the two halves said.
            spread[here] = (halves[:, 0] ^ (halves[:, 1] * _MULTIPLIER)) * _MULTIPLIER
            spread[here] ^= spread[here] >> np.uint64(32)
            spread[here] *= _MULTIPLIER
            first += len(halves)
    return spread, rest


def _halves(tokens: pa.Array) -> npt.NDArray[np.uint64] | None:
    """The 128 bits of each token as two words; None unless all are 32 hexadecimal digits in small letters."""
    if tokens.null_count:
        return None
    _, offsets, data = tokens.buffers()
    at = np.frombuffer(offsets, dtype=np.int32)[tokens.offset : tokens.offset + len(tokens) + 1]
    if not len(tokens) or (np.diff(at) != _DIGITS).any():
        return None
    text = np.frombuffer(data, dtype=np.uint8)[at[0] : at[-1]]
    if ((text >= ord("A")) & (text <= ord("F"))).any():
        return None  # else two keys that differ in capitals would become one person
    try:
        return np.frombuffer(binascii.unhexlify(text.tobytes()), dtype=np.uint64).reshape(-1, 2)
    except binascii.Error:
        return None


def _of_tokens(spread: Words, rest: Words) -> Persons:
    parts = number_of_parts(len(spread))
    # The shift is 64, which no word may be shifted by, when there is one part.
    leading = np.uint64(65 - parts.bit_length())
    order, starts = in_parts((spread >> leading).astype(np.uint16) if parts > 1 else np.zeros(len(spread), dtype=np.uint16), parts)
    within = np.empty(len(spread), dtype=np.uint32)
    for a, b in pairwise(starts):
        rows = slice(a, b) if order is None else order[a:b]
        within[a:b] = _ranks(spread[rows], rest[rows])
    return Persons.dealt(order, within, starts)


def _ranks(spread: Words, rest: Words) -> Codes:
    """The rank of each pair of words among the distinct ones."""
    sequence = np.argsort(spread)
    ordered, second = spread[sequence], rest[sequence]
    new = ordered[1:] != ordered[:-1]
    if ((second[1:] != second[:-1]) & ~new).any():  # two tokens share the first word
        sequence = np.lexsort((rest, spread))
        ordered, second = spread[sequence], rest[sequence]
        new = (ordered[1:] != ordered[:-1]) | (second[1:] != second[:-1])
    ranks = np.empty(len(spread), dtype=np.uint32)
    ranks[sequence] = np.concatenate(([0], np.cumsum(new, dtype=np.uint32)))[: len(spread)]
    return ranks
