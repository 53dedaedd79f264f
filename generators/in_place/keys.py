"""Whether keys hold between the tables of a place, by counts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ibis  # type: ignore[import-untyped]

from generators.errors import InputError
from generators.in_place.relation import Relation, integers, whole_sum
from generators.in_place.views import Source
from generators.progress import Progress
from generators.schema import ForeignKey, TableSchema


def check_keys(source: Source, progress: Progress) -> None:
    """InputError that names table, columns and number of rows of the first key that is missing, repeated, or leads nowhere."""
    schema = source.schema
    schema.parents_first()
    whole = Source(source.place, schema, source.columns)
    for i, table in enumerate(schema.tables):
        progress("checking the keys", i / len(schema.tables))
        problem = next(_problems(whole, table), None)
        if problem:
            raise InputError(problem)


def holds(source: Source, child: TableSchema, key: ForeignKey) -> bool:
    """Whether every value of a foreign key is in its parent."""
    return _dangling(source, child, key) == 0


def _problems(source: Source, table: TableSchema) -> Iterator[str]:
    if table.primary_key and not table.public:
        names = _listed(table.primary_key)
        missing, repeated = _of_key(source, table, table.primary_key)
        out = "take it out of the schema, or mend the data"
        if missing:
            yield f'table "{table.name}": the primary key {names} is missing in {missing:,} rows; {out}'
        if repeated:
            yield f'table "{table.name}": the primary key {names} repeats an earlier row in {repeated:,} rows; {out}'
    for key in table.foreign_keys:
        parent = source.schema.table(key.parent)
        if set(key.parent_columns) != set(parent.primary_key) or parent.public:
            repeated = _of_key(source, parent, key.parent_columns)[1]
            if repeated:
                yield (
                    f'table "{parent.name}": {_listed(key.parent_columns)}, which table "{table.name}" refers to, repeats an '
                    f"earlier row in {repeated:,} rows; take the foreign key out of the schema, or mend the data"
                )
        dangling = _dangling(source, table, key)
        if dangling:
            yield (
                f'table "{table.name}": {_listed(key.columns)} refers to rows of table "{parent.name}" that are not there, in {dangling:,} '
                "rows; take the foreign key out of the schema, or mend the data"
            )


def _of_key(source: Source, table: TableSchema, columns: Sequence[str]) -> tuple[int, int]:
    """(rows in which part of the key is missing, rows that repeat another's key)."""
    relation = _keys(source, table, columns, [table.column(c).storage == "string" for c in columns], "keyed")
    names = relation.rows.columns
    lacking = ibis.or_(*(relation.rows[n].isnull() for n in names))
    each = relation.rows.mutate(lacking=lacking).group_by([*names, "lacking"]).agg(n=lambda t: t.count())
    told = each.mutate(without=ibis.ifelse(each.lacking, each.n, 0), again=ibis.ifelse(each.lacking, 0, each.n - 1))
    found = relation.answer(told.agg(missing=whole_sum(told.without), repeated=whole_sum(told.again))).to_pylist()[0]
    return int(found["missing"] or 0), int(found["repeated"] or 0)


def _dangling(source: Source, child: TableSchema, key: ForeignKey) -> int:
    parent = source.schema.table(key.parent)
    pairs = zip(key.columns, key.parent_columns, strict=True)
    texts = [source.as_text(child.column(c), parent.column(p)) for c, p in pairs]
    mine = _keys(source, child, key.columns, texts, "child")
    theirs = _keys(source, parent, key.parent_columns, texts, "parent")
    names = mine.rows.columns
    referring = mine.rows.filter(*(mine.rows[n].notnull() for n in names))
    left = referring.anti_join(theirs.rows, [referring[n] == theirs.rows[n] for n in names])
    relation = Relation(mine.place, mine.rows, {**mine.views, **theirs.views}, mine.about, False)
    (count,) = integers(relation.answer(left.agg(n=left.count())), "n")
    return int(count)


def _keys(source: Source, table: TableSchema, columns: Sequence[str], texts: Sequence[bool], name: str) -> Relation:
    """The key columns alone, as k0, k1, …"""
    spelling = source.place.spelling
    selects = [f"{source.key(table, c, 't0', text=t)} AS k{i}" for i, (c, t) in enumerate(zip(columns, texts, strict=True))]
    storages = {"int64": "int64", "float64": "float64", "bool": "boolean", "date32": "date", "timestamp[us]": "timestamp(6)"}
    types = {f"k{i}": "string" if t else storages[table.column(c).storage] for i, (c, t) in enumerate(zip(columns, texts, strict=True))}
    sql = f"SELECT {', '.join(selects)} FROM {source.place.source(table.name)} {spelling.name('t0')}"  # noqa: S608 - quoted
    return Relation(source.place, ibis.table(types, name=name), {name: sql}, f'table "{table.name}"', False)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)
