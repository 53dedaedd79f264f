"""What a metadata summary is made of: frozen values, every figure in them released by disclosure control."""

from __future__ import annotations

from dataclasses import dataclass

from generators.errors import InputError

OTHER = "Other"

Scalar = str | int | float


class Figures:
    """What has figures of persons and rows: its parts below."""

    persons: int | None
    rows: int | None

    @property
    def weight(self) -> int:
        """How often to generate it, relative to its like: rows, or persons where rows may not leave."""
        return self.rows if self.rows is not None else self.persons or 0


@dataclass(frozen=True)
class Cell(Figures):
    """Released figures of one value: distinct persons who have it and rows that hold it, both rounded.

    A figure is None where it may not leave: `rows` where one person makes up half of them or more, `persons` where not counted, both
    where they would tell a suppressed count (`generators.summarising.concealment`).
    """

    value: Scalar
    persons: int | None
    rows: int | None


@dataclass(frozen=True)
class Step(Figures):
    """Released figures of a range of values. `low` and `high` are means over windows of persons, never a record's own extreme."""

    low: Scalar
    high: Scalar
    persons: int | None
    rows: int | None


@dataclass(frozen=True)
class Rollup(Figures):
    """Released figures of rare codes of a public hierarchy, together under what they have in common.

    level: of the code system ("category", "chapter", "area"); code: there ("I21", "IX", "SW"), which is public knowledge.
    """

    level: str
    code: str
    persons: int | None
    rows: int | None


@dataclass(frozen=True)
class Distribution:
    """Released values: `values` one by one, `rolled` rare codes by what they have in common, `other` pooled rare ones, `steps` for what
    lies between.

    pooled: how many rare values `other` pools, where that may be told. unit: "value", or the unit dates and times were coarsened to
    ("month", "quarter", "year", "hour"). Empty when everything was withheld.
    """

    values: tuple[Cell, ...] = ()
    other: Cell | None = None
    pooled: int | None = None
    steps: tuple[Step, ...] = ()
    unit: str = "value"
    rolled: tuple[Rollup, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.values or self.other or self.steps or self.rolled)

    @property
    def weight(self) -> int:
        """Sum of all weights."""
        parts: tuple[Cell | Step | Rollup, ...] = (*self.values, *self.steps, *self.rolled)
        return sum(p.weight for p in parts) + (self.other.weight if self.other else 0)


@dataclass(frozen=True)
class Magnitude:
    """Sum and mean of a numeric column over the rows that have a value, each None where dominance or the minimum forbids it."""

    total: float | None
    mean: float | None


@dataclass(frozen=True)
class ColumnSummary:
    """One column. absent: "identifier" or "free text" (nothing observed leaves), "withheld" (too few persons have a value), or "".

    nulls: the missing values, None when fewer persons than the minimum (perhaps none) lack one.
    hours: for date-times, the hour of day by itself. sentinels: the released ones of `ColumnSchema.sentinels`, which are not in
    `distribution`; magnitude: of numeric columns.
    """

    name: str
    kind: str
    absent: str = ""
    decimals: int | None = None
    format: str | None = None
    nulls: Cell | None = None
    distribution: Distribution = Distribution()
    hours: Distribution | None = None
    sentinels: tuple[Cell, ...] = ()
    magnitude: Magnitude | None = None


@dataclass(frozen=True)
class MissingPattern(Figures):
    """Rows in which exactly these of the table's columns are missing together."""

    columns: tuple[str, ...]
    persons: int | None
    rows: int | None


@dataclass(frozen=True)
class Axis:
    """One side of a cross-tabulation. labels: the classes' names, in order; edges: of banded numbers and dates, one more than there are
    bands: a band holds its lower edge, not its upper. A class named `OTHER` pools values; "missing" holds what has no value.
    """

    column: str
    labels: tuple[Scalar, ...]
    edges: tuple[Scalar, ...] = ()


@dataclass(frozen=True)
class CrossCell(Figures):
    """Released figures of one cell. at: the place of its class on each axis."""

    at: tuple[int, ...]
    persons: int | None
    rows: int | None


@dataclass(frozen=True)
class CrossTabulation:
    """Counts by several columns at once, approved one by one. A cell that is not among `cells` is empty or suppressed: not told which."""

    axes: tuple[Axis, ...]
    cells: tuple[CrossCell, ...]


@dataclass(frozen=True)
class RelationshipSummary:
    """How many rows of table `child` refer to each row of table `parent` by `columns`, counting parents without any.

    parent "": the persons themselves, where no table has one row for each. parents: rows of the parent, rounded, None where dominance
    forbids it; children: the number of child rows of a parent row, protected as any number, zero among the values; nulls: child rows
    that refer to none.
    """

    child: str
    columns: tuple[str, ...]
    parent: str
    parents: int | None
    children: Distribution
    nulls: Cell | None = None


@dataclass(frozen=True)
class PrivacySpent:
    """What a summary with calibrated noise spends. unit: whose presence it hides, "person"; contributions: rows of one person that count,
    in each table; composition and mechanism: named, as the record must be able to say how ε and δ were found.
    """

    epsilon: float
    delta: float
    contributions: int
    mechanism: str
    composition: str
    unit: str = "person"


@dataclass(frozen=True)
class TableSummary:
    """One table of the train part. rows: None when one person makes up half of them or more. rows_per_person: None without a person key.

    missing: joint patterns of missing values, each of enough persons; cross_tabulations: the approved ones.
    withheld: the table has too few persons to be summarised: `persons` is 0, no other figure is told, none of its columns' either.
    """

    name: str
    persons: int
    rows: int | None
    columns: tuple[ColumnSummary, ...]
    rows_per_person: Distribution | None = None
    missing: tuple[MissingPattern, ...] = ()
    cross_tabulations: tuple[CrossTabulation, ...] = ()
    withheld: bool = False

    def column(self, name: str) -> ColumnSummary:
        """The column called `name`; InputError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise InputError(f'the summary of table "{self.name}" has no column "{name}"')
