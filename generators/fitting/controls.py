"""What somebody who fits or uses a generator may control, recorded in its mechanism.

When it is fitted: which columns come first (so that conditions on them need no rejection), which are left out, and of which pairs no joint
statistic is learned. When rows are made: see `generators.fitting.conditions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generators.encoding.coded import Part
from generators.errors import InputError
from generators.rules.language import parse
from generators.schema import DatasetSchema, TableSchema


@dataclass(frozen=True)
class Controls:
    """Choices beyond the options of a generator. Columns are written "column", or "table.column" where several tables have one of the name.

    first: columns that are generated before the others of their table. apart: pairs of columns of one table of which no joint statistic is
    learned directly; what makes both depend on a third column may still relate them. leave_out: columns that are not learned at all.
    """

    first: tuple[str, ...] = ()
    apart: tuple[tuple[str, str], ...] = ()
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for a, b in self.apart:
            if a == b:
                raise InputError(f'the column "{a}" cannot be kept apart from itself')

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"first": list(self.first), "apart": [list(pair) for pair in self.apart], "leave_out": list(self.leave_out)}

    @staticmethod
    def from_dict(raw: Any) -> Controls:
        """What `as_dict` gave; InputError names what is wrong."""
        if not isinstance(raw, Mapping) or not set(raw) <= {"first", "apart", "leave_out"}:
            raise InputError('controls are an object with the lists "first", "apart" and "leave_out"')
        lists = [raw.get("first", []), raw.get("leave_out", [])]
        pairs = raw.get("apart", [])
        if not all(isinstance(x, list | tuple) and all(isinstance(n, str) for n in x) for x in [*lists, *pairs]) or any(
            len(pair) != 2 for pair in pairs
        ):
            raise InputError("controls name columns by their names, and pairs of columns by two of them")
        return Controls(tuple(lists[0]), tuple((a, b) for a, b in pairs), tuple(lists[1]))

    def parameters(self) -> dict[str, str]:
        """For the mechanism: what was chosen, in words; nothing where nothing was."""
        told = {"first columns": ", ".join(self.first), "columns left out": ", ".join(self.leave_out)}
        told["pairs not learned together"] = ", ".join(f"{a} × {b}" for a, b in self.apart)
        return {name: words for name, words in told.items() if words}

    def check(self, schema: DatasetSchema) -> None:
        """InputError names a column there is not, one that is a key, or a pair of two tables."""
        for named in (*self.first, *self.leave_out, *(n for pair in self.apart for n in pair)):
            table, column = column_named(named, schema)
            if column in keys_of(table):
                raise InputError(f'the column "{named}" is a key of table "{table.name}": it is issued anew, and cannot be controlled')
        for a, b in self.apart:
            if column_named(a, schema)[0].name != column_named(b, schema)[0].name:
                raise InputError(f'"{a}" and "{b}" are columns of two tables; columns are kept apart within one table')

    def reduced(self, schema: DatasetSchema) -> DatasetSchema:
        """The schema less the columns left out and the rules about them. InputError as `check`, or when nothing is left of a table."""
        self.check(schema)
        gone: dict[str, set[str]] = {}
        for named in self.leave_out:
            table, column = column_named(named, schema)
            gone.setdefault(table.name, set()).add(column)
        return replace(schema, tables=tuple(_without(t, gone[t.name]) if t.name in gone else t for t in schema.tables))

    def order(self, table: str, parts: Sequence[Part]) -> tuple[int, ...]:
        """The numbers of all parts of a table as they are to be generated: those of `first` before the others, coarse before fine."""
        first = [n for n in (_local(named, table) for named in self.first) if n is not None]
        of_column = {name: [i for i, part in enumerate(parts) if part.column == name] for name in first}
        coarse = [i for name in first for i in of_column[name] if parts[i].of is None]
        fine = [i for name in first for i in of_column[name] if parts[i].of is not None]
        front = [*coarse, *fine]
        return (*front, *(i for i in range(len(parts)) if i not in front))

    def apart_columns(self, table: TableSchema) -> frozenset[frozenset[str]]:
        """The pairs of columns of a table that are kept apart: no column is computed from the other, no rule is found of both."""
        pairs = (frozenset((_local(a, table.name), _local(b, table.name))) for a, b in self.apart)
        return frozenset(frozenset(n for n in pair if n) for pair in pairs if pair <= set(table.names))

    def apart_parts(self, table: str, parts: Sequence[Part]) -> frozenset[tuple[int, int]]:
        """Pairs of numbers of parts, the lower first, of which no joint statistic may be learned: for `CodedRows.apart`.

        parts: of the coded rows, context included: the same column of another row ("parent·x", "before·x") is not the column itself.
        """
        pairs: set[tuple[int, int]] = set()
        for a, b in self.apart:
            first, second = _local(a, table), _local(b, table)
            if first is None or second is None:
                continue
            mine, theirs = ([i for i, part in enumerate(parts) if _stands_for(part.column, name)] for name in (first, second))
            pairs |= {(min(i, j), max(i, j)) for i in mine for j in theirs}
        return frozenset(pairs)


def column_named(named: str, schema: DatasetSchema) -> tuple[TableSchema, str]:
    """The table and column that "column" or "table.column" stands for; InputError where there is none, or more than one."""
    table, dot, column = named.partition(".")
    if dot and any(t.name == table and column in t.names for t in schema.tables):
        return schema.table(table), column
    found = [t for t in schema.tables if named in t.names and not t.public]
    if len(found) == 1:
        return found[0], named
    if not found:
        raise InputError(f'there is no column "{named}"; write column, or table.column')
    raise InputError(f'tables {", ".join(t.name for t in found)} have a column "{named}"; write {found[0].name}.{named}, for example')


def keys_of(table: TableSchema) -> frozenset[str]:
    """Columns that hold rows and tables together."""
    return frozenset({*table.primary_key, *(n for k in table.foreign_keys for n in k.columns), table.person_key or ""})


def _stands_for(coded: str, column: str) -> bool:
    """Whether a coded column is `column` itself, or one that is learned in its place (`generators.encoding.derived`)."""
    return coded.rstrip("~") in (column, f"{column} otherwise", f"{column} missing") or coded.startswith(f"{column} after ")


def _local(named: str, table: str) -> str | None:
    """The column of `table` that is meant, None where it is another table's."""
    owner, dot, column = named.partition(".")
    if dot and owner == table:
        return column
    return named


def _without(table: TableSchema, gone: set[str]) -> TableSchema:
    columns = tuple(c for c in table.columns if c.name not in gone)
    if not columns:
        raise InputError(f'nothing is left of table "{table.name}"; leave fewer columns out')
    rules = tuple(rule for rule in table.rules if not set(parse(rule.text, rule.name).columns) & gone)
    return replace(table, columns=columns, rules=rules)
