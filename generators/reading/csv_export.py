"""CSV that a spreadsheet shows and does not run."""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from generators.atomic import writing
from generators.engine import batches, engine, first_row, quoted, scan
from generators.generating.issuing import as_issued
from generators.progress import Progress, silent
from generators.reading.casting import as_text
from generators.schema import ColumnSchema, TableSchema

_RISKY = r"(?s)[=+\-@\t\r\n＝＋－＠].*"
_PLAIN_NUMBER = r"[+-]?[0-9]+([.][0-9]+)?"
"""Text that is a plain number (a code "-1") is harmless in a spreadsheet and is left as it is."""


def write_csv(parquet: Path | str, out: Path | str, table_schema: TableSchema, *, progress: Progress = silent) -> None:
    """Write canonical `parquet` to the file `out` as UTF-8 CSV with commas, LF line ends and quotes only where needed; whole or not at all.

    A text cell (or column name) that starts with ``= + - @``, their full-width forms, a tab or a line break gets a leading ``'``, so that
    no spreadsheet takes it for a formula (OWASP, CSV injection). Dates are written in the column's `format`, missing values as empty cells.
    Memory does not grow with the number of rows. Raises InputError when the disk is full.
    """
    parquet, out = Path(parquet), Path(out)
    # Keys that are tokens in the working copy are issued as what the source stored.
    columns = as_issued(table_schema).columns
    alone = len(columns) == 1
    cells = [_cell(c, alone=alone) for c in columns]
    line = cells[0] if alone else f"concat_ws(',', {', '.join(cells)})"
    with engine(out.parent, f'"{out.name}"') as connection, writing(out) as file:
        file.write((",".join(_header_cell(c.name) for c in columns) + "\n").encode())
        (total,) = first_row(connection, f"SELECT count(*) FROM {scan(parquet)}")
        done = 0
        for batch in batches(connection, f"SELECT {line} AS line FROM {scan(parquet)}"):
            lines = pa.ListArray.from_arrays(pa.array([0, batch.num_rows], pa.int32()), batch.column(0))
            file.write(pc.binary_join(lines, "\n")[0].as_buffer())
            file.write(b"\n")
            done += batch.num_rows
            progress("writing CSV", done / max(1, total), done, total)


def _cell(column: ColumnSchema, *, alone: bool) -> str:
    """SQL: the cell of a column as it stands between commas."""
    text = f"({as_text(column, quoted(column.name))})"
    # a lone empty cell would be a blank line, which readers skip
    missing = "'\"\"'" if alone else "''"
    if column.storage != "string" and column.format is None:
        return f"coalesce({text}, {missing})"
    risky = f"regexp_full_match({text}, '{_RISKY}') AND NOT regexp_full_match({text}, '{_PLAIN_NUMBER}')"
    safe = f"(CASE WHEN {risky} THEN '''' ELSE '' END || {text})"
    quoting = f"""CASE WHEN regexp_matches({text}, '[",\\n\\r]') THEN '"' || replace({safe}, '"', '""') || '"' ELSE {safe} END"""
    return f"coalesce({quoting}, {missing})"


def _header_cell(name: str) -> str:
    safe = "'" + name if name[:1] in "=+-@\t\r\n＝＋－＠" else name
    return '"' + safe.replace('"', '""') + '"' if any(c in safe for c in '",\n\r') else safe
