"""The columns of every side as codes, made once for all measures that count."""

from __future__ import annotations

from evaluation.comparison import Comparison
from evaluation.results import Incomputable
from evaluation.tables.coding import CodedTable, Coder, code, fit
from evaluation.tables.columns import Rows, encoded


class Coded:
    """The columns of every side as codes. Raises Incomputable when the synthetic table has no rows."""

    def __init__(self, c: Comparison) -> None:
        if not c.synthetic.rows:
            raise Incomputable("the synthetic table has no rows")
        self.coders: tuple[Coder, ...] = tuple(fit(column, encoded(c.train, column)) for column in c.usable)
        self._sides: dict[str, CodedTable] = {rows.name: code(rows, self.coders) for rows in (c.train, c.synthetic, c.shuffle, c.holdout)}

    def of(self, rows: Rows) -> CodedTable:
        return self._sides[rows.name]
