"""Which rows hang on which: the tables of a dataset as a forest, each table with the one foreign key that decides how many rows it has.

That key is the table's *driver*. A table of persons hangs on the deepest table of persons it must refer to (a diagnosis on its visit
rather than on its patient), so that whatever it repeats of a key is the same person's by construction. A table without a driver is a
*root*. Tables that share a person key of which no table has one row each hang on `PERSONS`, an implied root without rows of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, TableSchema

PERSONS = ""
"""The implied root: persons of whom no table has one row each."""


@dataclass(frozen=True)
class Place:
    """One table of the forest. position: in the schema; references: its other foreign keys to generated tables, itself included."""

    table: TableSchema
    position: int
    root: str
    driver: ForeignKey | None
    depth: int
    references: tuple[ForeignKey, ...]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def keys(self) -> tuple[ForeignKey, ...]:
        """All foreign keys to generated tables, the driver first."""
        real = self.driver is not None and self.driver.parent != PERSONS
        return (*((self.driver,) if real and self.driver else ()), *self.references)

    @property
    def copied(self) -> frozenset[str]:
        """Columns whose values are another row's key."""
        return frozenset(name for key in self.keys for name in key.columns)

    def optional(self, key: ForeignKey) -> bool:
        """Whether a row may lack this foreign key."""
        return bool(self.nullable(key))

    def nullable(self, key: ForeignKey) -> tuple[str, ...]:
        """Columns of the key that may be missing: never those of the primary key, the person or the driver."""
        fixed = {*self.table.primary_key, self.table.person_key}
        if self.driver is not None and key != self.driver:
            fixed |= set(self.driver.columns)
        return tuple(name for name in key.columns if name not in fixed and self.table.column(name).nullable)

    def unique(self, columns: Sequence[str]) -> bool:
        """Whether these columns together differ in every row."""
        primary = self.table.primary_key
        return (bool(primary) and set(primary) <= set(columns)) or any(self.table.column(c).unique for c in columns)


@dataclass(frozen=True)
class Layout:
    """The forest: places by table name, parents first; vocabularies are not in it."""

    places: Mapping[str, Place]
    roots: tuple[str, ...]

    def under(self, root: str) -> tuple[Place, ...]:
        """The tables that hang on `root`, it first, parents first."""
        return tuple(p for p in self.places.values() if p.root == root)

    def blocks(self, root: str) -> bool:
        """Whether a person may have several rows in the root table."""
        if root == PERSONS:
            return False
        table = self.places[root].table
        return table.person_key is not None and not self.places[root].unique((table.person_key,))

    def person_column(self, root: str) -> ColumnSchema | None:
        """The column in whose form persons of this tree are written; None where its root has none."""
        tables = [p.table for p in self.under(root) if p.table.person_key] if root == PERSONS else [self.places[root].table]
        return next((t.column(t.person_key) for t in tables if t.person_key), None)

    def alone(self, root: str) -> bool:
        """Whether nothing hangs on the root and it does not refer to itself."""
        return len(self.under(root)) == 1 and root != PERSONS and not any(k.parent == root for k in self.places[root].references)


def layout(schema: DatasetSchema) -> Layout:
    """The forest of a (de-identified) schema. InputError when its foreign keys go round in a circle."""
    positions = {t.name: i for i, t in enumerate(schema.tables)}
    generated = {t.name for t in schema.tables if not t.public}
    if not generated:
        raise InputError("every table of the schema is public: there is nothing to generate")
    implied = _implied(schema, generated)
    places: dict[str, Place] = {}
    for table in schema.parents_first():
        if table.public:
            continue
        keys = [k for k in table.foreign_keys if k.parent in generated]
        driver = _driver(schema, table, keys, places, implied)
        root, depth = table.name, 0
        if driver is not None and driver.parent == PERSONS:
            root, depth = PERSONS, 1
        elif driver is not None:
            root, depth = places[driver.parent].root, places[driver.parent].depth + 1
        places[table.name] = Place(table, positions[table.name], root, driver, depth, tuple(k for k in keys if k != driver))
    for place in places.values():
        _check_key(place, places)
    roots = sorted({p.root for p in places.values()}, key=lambda r: min(p.position for p in places.values() if p.root == r))
    return Layout(places, tuple(roots))


def _check_key(place: Place, places: Mapping[str, Place]) -> None:
    """InputError where a primary key only repeats keys of rows that are made apart, so that none could see what another made."""
    primary = set(place.table.primary_key)
    if not primary or primary - place.copied or any(place.unique(key.columns) for key in place.keys):
        return
    here = {name for key in place.keys if places[key.parent].root == place.root for name in key.columns}
    if not primary & (here | {place.table.person_key}):
        raise InputError(
            f'table "{place.name}": its primary key ({", ".join(place.table.primary_key)}) only repeats keys of tables that do not hang '
            "together, so it cannot be kept unique; give the table a key of its own, or take a reference that is never missing into it"
        )


def _implied(schema: DatasetSchema, generated: set[str]) -> dict[str, ForeignKey]:
    """Tables whose persons no table lists, with the key that leads to them; none where there is but one such table."""
    found: dict[str, ForeignKey] = {}
    for table in schema.tables:
        key = table.person_key
        if table.public or key is None or any(key in k.columns for k in table.foreign_keys if k.parent in generated - {table.name}):
            continue
        if table.one_row_each:
            return {}
        found[table.name] = ForeignKey((key,), PERSONS, (key,))
    return found if len(found) > 1 else {}


def _driver(
    schema: DatasetSchema, table: TableSchema, keys: Sequence[ForeignKey], places: Mapping[str, Place], implied: Mapping[str, ForeignKey]
) -> ForeignKey | None:
    route = schema.person_route(table.name)
    about_persons = bool(table.person_key or route)
    fixed = {*table.primary_key, table.person_key}
    best: ForeignKey | None = implied.get(table.name)
    depth = 0 if best else -1
    person_listed_here = table.person_key is not None and best is None and not any(table.person_key in k.columns for k in keys)
    if person_listed_here and table.one_row_each:
        return None  # one row for each person: persons hang on nothing
    for key in keys:
        if key.parent == table.name or any(table.column(c).nullable and c not in fixed for c in key.columns):
            continue
        parent = places[key.parent].table
        if about_persons and not (parent.person_key or schema.person_route(parent.name)):
            continue
        if places[key.parent].depth > depth:
            best, depth = key, places[key.parent].depth
    if best is None and route:
        return route[0]
    return best
