"""Rules made ready to be kept: columns that are computed from others, and clauses "where this holds, that must hold".

A rule is taken apart without changing its meaning (Kleene's logic): "a iff b" is "a implies b" and "not a implies not b", "a or b" is
"not a implies b", and so on. A clause whose last part speaks of one column can be mended by exchanging that column's values alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from generators.errors import InputError
from generators.rules import tree
from generators.rules.meaning import check, within
from generators.rules.tree import ParsedRule
from generators.schema import Kind, TableSchema

_DAY = 86_400_000_000


@dataclass(frozen=True)
class Clause:
    """In every row where `when` is true (None: in all), `then` is not false. target: the column that decides `then`, where it is one
    that may change. columns: all that are spoken of.
    """

    rule: ParsedRule
    when: tree.Condition | None
    then: tree.Condition
    target: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Derived:
    """`target` is computed: `operand`, in the rows where `when` is true and nothing it is computed from is missing."""

    rule: ParsedRule
    target: str
    operand: tree.Operand
    when: tree.Condition | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What keeping a table's rules takes. fixed: columns that never change; derived: in the order in which they can be computed."""

    table: TableSchema
    fixed: frozenset[str]
    clauses: tuple[Clause, ...]
    derived: tuple[Derived, ...]
    unique: tuple[tuple[ParsedRule, tuple[str, ...]], ...]

    def sources(self, names: Iterable[str]) -> set[str]:
        """The columns that decide these ones: those that computed ones are computed from, else themselves."""
        found: set[str] = set()
        for name in names:
            made = [d for d in self.derived if d.target == name]
            found.add(name)
            for one in made:
                found |= self.sources(c for c in one.columns if c != name)
        return found

    def computed(self, name: str) -> bool:
        return any(d.target == name for d in self.derived)

    def movable(self, names: Iterable[str], *, computed: bool = False) -> list[str]:
        """Of the columns that decide these ones, those whose values may be exchanged, in the order of the table.

        computed: those as well that are computed, of which only what is missing, or left over, can be exchanged.
        """
        found = self.sources(names)
        return [n for n in self.table.names if n in found and n not in self.fixed and (computed or not self.computed(n))]


def plan(table: TableSchema) -> Plan:
    """How the rules of `table` can be kept; InputError names the one that cannot be, and rules that exclude each other."""
    rules = [check(rule, table) for rule in table.rules]
    fixed = fixed_columns(table)
    derived: list[Derived] = []
    clauses: list[Clause] = []
    unique: list[tuple[ParsedRule, tuple[str, ...]]] = []
    for rule in rules:
        if isinstance(rule.condition, tree.Unique):
            unique.append((rule, _unique(rule, rule.condition, table)))
            continue
        found = _derived(rule, table, fixed, derived)
        if found is not None:
            derived.append(found)
        clauses += _clauses(rule, table, fixed)
    computed = {d.target for d in derived}
    clauses = [replace(c, target=None) if c.target in computed and not _about_null(c.then) else c for c in clauses]
    _strict_circle(clauses, table)
    return Plan(table, fixed, tuple(_ordered(clauses)), tuple(_computable(derived)), tuple(unique))


def fixed_columns(table: TableSchema) -> frozenset[str]:
    """Keys and identifiers: what they are, other tables rely on."""
    keys = {table.person_key, *table.primary_key} - {None}
    keys |= {c.name for c in table.columns if c.unique or c.kind is Kind.IDENTIFIER}
    keys |= {n for k in table.foreign_keys for n in k.columns if table.column(n).kind is Kind.IDENTIFIER or len(k.columns) > 1}
    return frozenset(str(k) for k in keys)


def names_in(*nodes: tree.Condition | tree.Operand | None) -> tuple[str, ...]:
    """The columns spoken of, in order of first use."""
    return tuple(dict.fromkeys(n.name for node in nodes if node is not None for n in within(node) if isinstance(n, tree.Column)))


def _about_null(then: tree.Condition) -> bool:
    return isinstance(then.of if isinstance(then, tree.Not) else then, tree.IsNull)


def _unique(rule: ParsedRule, condition: tree.Unique, table: TableSchema) -> tuple[str, ...]:
    names = tuple(c.name for c in condition.columns)
    # Parts of a table are made apart, each with whole persons (or whole rows of the table it hangs on): only a key tells parts apart.
    apart = fixed_columns(table)
    if not apart & set(names):
        raise InputError(
            f'rule "{rule.name}" of table "{table.name}" cannot be kept: rows are made in parts that do not know each other, so '
            f"({', '.join(names)}) can only be unique together with the person key or another key"
        )
    return names


def _clauses(rule: ParsedRule, table: TableSchema, fixed: frozenset[str]) -> Iterator[Clause]:
    for when, then in _split(rule.where, rule.condition, table, fixed):
        names = names_in(then)
        target = names[0] if len(names) == 1 and names[0] not in fixed else None
        yield Clause(rule, when, then, target, names_in(when, then))


Pairs = Iterator[tuple[tree.Condition | None, tree.Condition]]


def _split(when: tree.Condition | None, then: tree.Condition, table: TableSchema, fixed: frozenset[str]) -> Pairs:
    """(when, then) pairs that say the same together."""
    match then:
        case tree.Joined("and", left, right):
            yield from _split(when, left, table, fixed)
            yield from _split(when, right, table, fixed)
        case tree.Joined("or", left, right):
            yield from _split(_both(when, tree.Not(left)), right, table, fixed)
        case tree.Joined("implies", left, right):
            yield from _split(_both(when, left), right, table, fixed)
        case tree.Joined("iff", left, right):
            if _fitness(right, fixed) > _fitness(left, fixed):
                left, right = right, left
            yield from _split(_both(when, right), left, table, fixed)
            yield from _split(_both(when, tree.Not(right)), tree.Not(left), table, fixed)
        case tree.Not(tree.Not(of)):
            yield from _split(when, of, table, fixed)
        case tree.Not(tree.Joined("or", left, right)):
            yield from _split(when, tree.Not(left), table, fixed)
            yield from _split(when, tree.Not(right), table, fixed)
        case tree.Not(tree.Joined("and", left, right)):
            yield from _split(_both(when, left), tree.Not(right), table, fixed)
        case tree.Together(columns):
            yield from _together(when, columns, table, fixed)
        case tree.Combination(columns, rows):
            yield when, then
            yield from _combination(when, columns, rows, fixed)
        case _:
            yield when, then


def _fitness(condition: tree.Condition, fixed: frozenset[str]) -> int:
    """How well a side of "iff" can be mended: whether a value is there best, one column well, several or keys badly."""
    names = names_in(condition)
    return 0 if len(names) != 1 or names[0] in fixed else 2 if _about_null(condition) else 1


def _both(a: tree.Condition | None, b: tree.Condition) -> tree.Condition:
    return b if a is None else tree.Joined("and", a, b)


def _together(when: tree.Condition | None, columns: tuple[tree.Column, ...], table: TableSchema, fixed: frozenset[str]) -> Pairs:
    leader = next((c for c in columns if c.name in fixed or not table.column(c.name).nullable), columns[0])
    for follower in columns:
        if follower != leader:
            yield from _split(when, tree.Joined("iff", tree.IsNull(follower), tree.IsNull(leader)), table, fixed)


def _combination(
    when: tree.Condition | None,
    columns: tuple[tree.Column, ...],
    rows: tuple[tuple[tree.Literal | None, ...], ...],
    fixed: frozenset[str],
) -> Pairs:
    """For each combination of the other columns, what the last one that may change may be."""
    places = [i for i, c in enumerate(columns) if c.name not in fixed]
    if not places:
        return
    place = places[-1]
    allowed: dict[tuple[tree.Literal | None, ...], list[tree.Literal | None]] = {}
    for row in rows:
        allowed.setdefault((*row[:place], *row[place + 1 :]), []).append(row[place])
    others = (*columns[:place], *columns[place + 1 :])
    for key, values in allowed.items():
        guard = when
        for column, value in zip(others, key, strict=True):
            guard = _both(guard, tree.IsNull(column) if value is None else tree.IsIn(column, (value,)))
        given = tuple(v for v in values if v is not None)
        fits: tree.Condition = tree.IsIn(columns[place], given) if given else tree.IsNull(columns[place])
        if given and None in values:
            fits = tree.Joined("or", fits, tree.IsNull(columns[place]))
        elif given and any(row[place] is None for row in rows):
            fits = tree.Joined("and", fits, tree.Not(tree.IsNull(columns[place])))
        yield guard, fits


def _terms(node: tree.Operand, sign: int = 1) -> list[tuple[int, tree.Operand]]:
    if isinstance(node, tree.Sum):
        return _terms(node.left, sign) + _terms(node.right, sign * node.sign)
    return [(sign, node)]


def _derived(rule: ParsedRule, table: TableSchema, fixed: frozenset[str], before: list[Derived]) -> Derived | None:
    """The column that an equation computes: an end rather than a beginning, so that durations keep their distribution; else the column
    that stands alone. None where the rule is no equation of columns; InputError where no column of it may be computed."""
    condition = rule.condition
    if not (isinstance(condition, tree.Comparison) and condition.sign == "="):
        return None
    if len(names_in(condition)) < 2:
        return None
    options = sorted(_solutions(condition, table), key=lambda option: option[0])
    for _, target, operand in options:
        names = names_in(operand, rule.where)
        guarded = rule.where is not None and all(d.when is not None for d in before if d.target == target)
        if target in fixed or (any(d.target == target for d in before) and not guarded):
            continue
        if target in Plan(table, fixed, (), tuple(before), ()).sources(names):
            continue
        return Derived(rule, target, operand, rule.where, names)
    raise InputError(
        f'rule "{rule.name}" of table "{table.name}" cannot be kept: each column it could be computed into is a key, '
        f"or computed by another rule; leave one of these rules out"
    )


def _solutions(condition: tree.Comparison, table: TableSchema) -> Iterator[tuple[int, str, tree.Operand]]:
    """(preference, column, what it equals)."""
    sides = ((condition.left, condition.right), (condition.right, condition.left))
    for this, other in sides:
        if isinstance(this, tree.Column) and isinstance(other, tree.Elapsed) and other.unit == "day":
            start, end = other.start, other.end
            if isinstance(end, tree.Column) and (not isinstance(start, tree.Column) or _storage(table, start) == _storage(table, end)):
                yield 0, end.name, tree.Sum(start, 1, tree.Span(this, _DAY))
    terms = [*_terms(condition.left), *_terms(condition.right, -1)]
    for place, (sign, node) in enumerate(terms):
        rest = [(-sign * s, n) for i, (s, n) in enumerate(terms) if i != place]
        if not isinstance(node, tree.Column) or node.name in names_in(*(n for _, n in rest)):
            continue
        rest.sort(key=lambda term: -term[0])
        if not rest or rest[0][0] < 0:
            continue  # nothing to begin with: the other way round will do
        operand = rest[0][1]
        for s, n in rest[1:]:
            operand = tree.Sum(operand, s, n)
        moment = _storage(table, node) in ("date32", "timestamp[us]")
        ends = moment and all(s > 0 for s, _ in rest)
        alone = node in (condition.left, condition.right)
        yield (0 if ends else 1 if alone else 2), node.name, operand


def _storage(table: TableSchema, column: tree.Column) -> str:
    return table.column(column.name).storage


def _computable(derived: list[Derived]) -> list[Derived]:
    """In an order in which each can be computed."""
    ordered: list[Derived] = []
    left = list(derived)
    while left:
        waiting = {d.target for d in left}
        ready = [d for d in left if not waiting & (set(d.columns) - {d.target})]
        ordered += ready
        left = [d for d in left if d not in ready]
    return ordered


def _ordered(clauses: list[Clause]) -> list[Clause]:
    """Comparisons of several columns first, then each clause after those that mend what its `when` speaks of, as far as possible."""
    ordered = [c for c in clauses if c.target is None]
    left = [c for c in clauses if c.target is not None]
    while left:
        ready = [c for c in left if not {o.target for o in left} & (set(names_in(c.when)) - {c.target})]
        taken = ready or left[:1]
        ordered += taken
        left = [c for c in left if c not in taken]
    return ordered


def _strict_circle(clauses: list[Clause], table: TableSchema) -> None:
    """InputError for comparisons without exception that go round in a circle, one of them strict, of columns never missing."""
    edges: list[tuple[str, str, bool, str]] = []
    for c in clauses:
        if c.when is None and isinstance(c.then, tree.Comparison) and c.then.sign in ("<", "<=", ">", ">="):
            less, more = (c.then.left, c.then.right) if c.then.sign[0] == "<" else (c.then.right, c.then.left)
            if isinstance(less, tree.Column) and isinstance(more, tree.Column):
                if not table.column(less.name).nullable and not table.column(more.name).nullable:
                    edges.append((less.name, more.name, "=" not in c.then.sign, c.rule.name))
    for low, high, strict, name in edges:
        if not strict:
            continue
        reached, rules = {high}, [name]
        for _ in edges:
            for start, end, _strict, other in edges:
                if start in reached and end not in reached:
                    reached.add(end)
                    rules.append(other)
        if low in reached:
            names = ", ".join(f'"{r}"' for r in dict.fromkeys(rules + [o for start, end, _, o in edges if end == low and start in reached]))
            raise InputError(f'the rules {names} of table "{table.name}" contradict each other: no row can keep them all')
