"""Small source files for tests of reading."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.errors import InputError
from generators.reading.dataset import Dataset
from generators.reading.tables import read_dataset
from generators.schema import ColumnSchema, TableSchema

KEY = b"a key for tests only, 32 bytes.."

VALID_NHS = ("9434765919", "9434765870", "4010232137", "9876543210", "4505577104", "9000000009")


def written(folder: Path, content: str | bytes, name: str = "visits.csv") -> Path:
    """A source file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, name: str = "visits.csv") -> Dataset:
    """The dataset of a source file with this content."""
    return read_dataset(written(folder, content, name), folder / "work")


def column(dataset: Dataset, name: str) -> ColumnSchema:
    """A column of the only table."""
    return only_table(dataset).column(name)


def only_table(dataset: Dataset) -> TableSchema:
    (table,) = dataset.schema.tables
    return table


def values(dataset: Dataset, name: str) -> list[object]:
    """The canonical values of a column of the only table."""
    return pq.read_table(dataset.tables[0].path).column(name).to_pylist()


def said(dataset: Dataset, column_name: str | None = None) -> str:
    """All findings about a column (None: about any) as one text."""
    return "\n".join(f"{f.message} ({f.reason})" for f in dataset.findings if column_name in (None, f.column))


def refusal(folder: Path, content: str | bytes, name: str = "visits.csv") -> str:
    """The sentence with which a file is refused; one line, and nothing left behind in the work folder."""
    path = written(folder, content, name)
    with pytest.raises(InputError) as caught:
        read_dataset(path, folder / "work")
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert not (folder / "work").exists() or not any((folder / "work").iterdir())
    return sentence


def parquet(folder: Path, table: pa.Table, name: str = "visits.parquet") -> Path:
    """A Parquet source file."""
    pq.write_table(table, folder / name)
    return folder / name
