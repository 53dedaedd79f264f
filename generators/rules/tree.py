"""What a rule is made of once it is read: operands, conditions, and the rule itself. Text becomes these in `generators.rules.language`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    name: str


@dataclass(frozen=True)
class Literal:
    value: int | float | str | bool


@dataclass(frozen=True)
class Span:
    """`of` (a column or number) counted in units of `microseconds`."""

    of: Column | Literal
    microseconds: int


@dataclass(frozen=True)
class Elapsed:
    """Whole `unit`s (years, months, days) completed from `start` to `end`, negative where `end` comes first."""

    unit: str
    start: Column | Literal
    end: Column | Literal


@dataclass(frozen=True)
class Sum:
    left: Operand
    sign: int
    right: Operand


Operand = Column | Literal | Span | Sum | Elapsed


@dataclass(frozen=True)
class Comparison:
    left: Operand
    sign: str
    right: Operand


@dataclass(frozen=True)
class IsNull:
    of: Operand


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both included: of numbers by size, of texts by their first letters ('I21'-'I25' holds 'I25.9')."""

    low: int | float | str
    high: int | float | str


@dataclass(frozen=True)
class IsIn:
    of: Operand
    values: tuple[Literal | Range, ...]


@dataclass(frozen=True)
class IsInGroup:
    """`group` is a name of `TableSchema.code_groups` or `generators.rules.values.PUBLIC_GROUPS`."""

    of: Operand
    group: str


@dataclass(frozen=True)
class Like:
    """Text that fits an SQL pattern: % stands for any letters, _ for one."""

    of: Operand
    pattern: str


@dataclass(frozen=True)
class Combination:
    """The values of `columns` are one of `rows`; None is a null."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Literal | None, ...], ...]


@dataclass(frozen=True)
class Truth:
    of: Operand


@dataclass(frozen=True)
class Not:
    of: Condition


@dataclass(frozen=True)
class Joined:
    """`how` is "and", "or", "iff" or "implies"."""

    how: str
    left: Condition
    right: Condition


@dataclass(frozen=True)
class Together:
    """In each row all of `columns` are null, or none is."""

    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Unique:
    """No two rows have the same values in `columns`, rows with a null among them aside (as in SQL)."""

    columns: tuple[Column, ...]


Condition = Comparison | IsNull | IsIn | IsInGroup | Like | Combination | Truth | Not | Joined | Together | Unique


@dataclass(frozen=True)
class ParsedRule:
    """A rule as a tree. `where` restricts it to some rows; `columns` are the names it uses, in order of first use."""

    name: str
    text: str
    condition: Condition
    where: Condition | None
    columns: tuple[str, ...]
