"""Filling missing cells on the command line: keys and identifiers stay as they were read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from generators.fitting import files
from generators.fitting.imputing import impute as imputed
from generators.progress import Progress
from generators.reading.dataset import Dataset
from synthportal.cli import records
from synthportal.cli.watching import part


def impute(dataset: Dataset, model: Path, seed: int, work: Path, progress: Progress) -> tuple[dict[str, Path], int]:
    """The tables of `dataset` with missing cells filled, as files by table, and how many cells were. InputError as `imputing.impute`."""
    fitted = files.load(model)
    copy = records.deidentified(dataset, work / "copy", records.run_key(), part(progress, 0.0, 0.2))
    known = {name: path for name, path in copy.paths.items() if not copy.schema.table(name).public}
    done = imputed(fitted, known, seed, progress=part(progress, 0.2, 0.9))
    folder = work / "filled"
    folder.mkdir()
    made, filled = {}, 0
    for file in dataset.tables:
        before, out = pq.read_table(file.path), folder / f"{file.name}.parquet"
        after = done.get(file.name, before)
        for name in before.column_names:
            if name in after.column_names and before[name].null_count:
                given = _as(after[name], before.schema.field(name).type)
                filled += before[name].null_count - given.null_count
                before = before.set_column(before.column_names.index(name), before.schema.field(name), given)
        pq.write_table(before, out)
        made[file.name] = out
    progress("filled", 1.0)
    return made, filled


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return plain.cast(kind)
