"""The grammar of rules: text to a tree. What a rule means is in `generators.rules`.

::

    rule       = statement ["where" condition]
    statement  = names "null together"  |  "unique" "(" names ")"  |  condition [("iff" | "implies") condition]
    condition  = and-conditions joined by "or"; "not" and parentheses as usual
    atom       = sum comparison sum  |  sum "is" ["not"] "null"  |  sum ["not"] "in" "(" values ")"  |  sum ["not"] "in" GROUP
                 |  sum ["not"] "like" 'pattern'  |  "(" names ")" ["not"] "in" "(" combinations ")"  |  truth-valued column
    values     = literals and ranges (0-15, 'I20'-'I25')
    combination = "(" a literal or "null" for each column ")"
    sum        = term {("+" | "-") term}
    term       = column | number | 'text' | true | false, a column or number optionally followed by seconds, minutes, hours or days
                 |  ("years" | "months" | "days") "between" column "and" column

Column names that are not plain words, or are words of the language, stand in double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generators.errors import InputError
from generators.rules.tree import (
    Column,
    Combination,
    Comparison,
    Condition,
    Elapsed,
    IsIn,
    IsInGroup,
    IsNull,
    Joined,
    Like,
    Literal,
    Not,
    Operand,
    ParsedRule,
    Range,
    Span,
    Sum,
    Together,
    Truth,
    Unique,
)

LONGEST = 2000
DEEPEST = 40
UNITS = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}
"""Microseconds in each unit; the plural is understood too."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<word>[^\W\d]\w*)|"(?P<quoted>(?:[^"]|"")+)"|'(?P<text>(?:[^']|'')*)'"""
    r"""|(?P<sign><=|>=|<>|!=|[=<>(),+\-]))"""
)
_WORDS = {"and", "or", "not", "in", "is", "null", "iff", "implies", "like", "where", "together", "true", "false"}
COMPARISONS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True)
class _Token:
    what: str
    text: str
    at: int


def parse(text: str, name: str = "") -> ParsedRule:
    """The tree of a rule; InputError names the rule and the character (from 1) where it stops making sense."""
    return _Parser(text, name).rule()


def name(column: str) -> str:
    """A column as a rule names it: in double quotes unless it is a plain word."""
    plain = re.fullmatch(r"[^\W\d]\w*", column) and column.lower() not in _WORDS | {"unique", "group"} | {*UNITS, *(f"{u}s" for u in UNITS)}
    return column if plain else '"' + column.replace('"', '""') + '"'


def literal(value: int | float | str | bool) -> str:
    """A value as a rule writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else f"{value}"


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.name = name or text
        self.text = text
        self.tokens: list[_Token] = []
        self.position = 0
        self.depth = 0
        self.columns: dict[str, None] = {}
        if len(text) > LONGEST:
            raise InputError(f'rule "{name}" is longer than {LONGEST} characters; write it as several rules')
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.error("this character is not understood", at + len(text[at:]) - len(text[at:].lstrip()))
            what = str(found.lastgroup)
            self.tokens.append(_Token(what, found.group(what), found.start(what)))
            at = found.end()
        self.tokens.append(_Token("end", "", len(text)))

    def error(self, message: str, at: int | None = None) -> InputError:
        place = self.tokens[self.position].at if at is None else at
        return InputError(f'rule "{self.name}", character {place + 1}: {message}')

    def peek(self, *words: str) -> bool:
        """Whether the next token is one of these words or signs."""
        token = self.tokens[self.position]
        return token.what in ("word", "sign") and token.text.lower() in words

    def accept(self, *words: str) -> bool:
        if self.peek(*words):
            self.position += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.error(f'expected "{word}"')

    def follows(self, *expected: str) -> bool:
        """Whether the tokens after the next one are these words or signs; "" stands for a name."""
        for token, text in zip(self.tokens[self.position + 1 :], expected, strict=False):
            named = token.what == "quoted" or (token.what == "word" and token.text.lower() not in _WORDS)
            if not (named if text == "" else token.what in ("word", "sign") and token.text.lower() == text):
                return False
        return True

    def rule(self) -> ParsedRule:
        condition = self.unique() or self.together() or self.statement()
        where = self.any_of() if self.accept("where") else None
        if self.tokens[self.position].what != "end":
            raise self.error("the rule should end here, or go on with and, or, iff, implies or where")
        return ParsedRule(self.name, self.text, condition, where, tuple(self.columns))

    def unique(self) -> Unique | None:
        """The form "unique (a, b)", or None (nothing consumed)."""
        if not (self.peek("unique") and self.follows("(")):
            return None
        self.position += 1
        columns = self.names()
        if len({c.name for c in columns}) < len(columns):
            raise self.error("a column is named twice")
        return Unique(columns)

    def names(self) -> tuple[Column, ...]:
        """Column names in parentheses."""
        self.expect("(")
        columns = [self.named()]
        while self.accept(","):
            columns.append(self.named())
        self.expect(")")
        return tuple(columns)

    def named(self) -> Column:
        token = self.tokens[self.position]
        if token.what == "quoted" or (token.what == "word" and token.text.lower() not in _WORDS):
            return self.column()
        raise self.error("expected the name of a column")

    def together(self) -> Together | None:
        """The form "a, b, c null together", or None (nothing consumed)."""
        start, known = self.position, dict(self.columns)
        names: list[Column] = []
        while self.tokens[self.position].what in ("word", "quoted") and not self.peek(*_WORDS):
            names.append(self.column())
            if not self.accept(","):
                break
        if self.accept("null") and self.accept("together"):
            if len(names) < 2:
                raise self.error('"null together" needs two or more columns', self.tokens[start].at)
            return Together(tuple(names))
        if len(names) > 1:
            raise self.error('a list of columns must be followed by "null together"')
        self.position, self.columns = start, known
        return None

    def statement(self) -> Condition:
        left = self.any_of()
        for how in ("iff", "implies"):
            if self.accept(how):
                return Joined(how, left, self.any_of())
        return left

    def any_of(self) -> Condition:
        left = self.all_of()
        while self.accept("or"):
            left = Joined("or", left, self.all_of())
        return left

    def all_of(self) -> Condition:
        left = self.single()
        while self.accept("and"):
            left = Joined("and", left, self.single())
        return left

    def single(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error("too deeply nested")
        try:
            if self.accept("not"):
                return Not(self.single())
            if self.peek("(") and self.follows("", ","):
                return self.combination()
            if self.accept("("):
                inside = self.statement()
                self.expect(")")
                return inside
            return self.atom()
        finally:
            self.depth -= 1

    def combination(self) -> Condition:
        """The form "(a, b) in ((1, 'x'), (2, null))"."""
        columns = self.names()
        negated = self.accept("not")
        self.expect("in")
        self.expect("(")
        rows = [self.combined(len(columns))]
        while self.accept(","):
            rows.append(self.combined(len(columns)))
        self.expect(")")
        found = Combination(columns, tuple(rows))
        return Not(found) if negated else found

    def combined(self, columns: int) -> tuple[Literal | None, ...]:
        start = self.tokens[self.position].at
        self.expect("(")
        values = [None if self.accept("null") else self.literal()]
        while self.accept(","):
            values.append(None if self.accept("null") else self.literal())
        self.expect(")")
        if len(values) != columns:
            raise self.error(f"a combination of {columns} values is expected here", start)
        return tuple(values)

    def atom(self) -> Condition:
        left = self.sum()
        if self.accept("is"):
            negated = self.accept("not")
            self.expect("null")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self.accept("not")
        if self.peek("in", "like"):
            found = self.membership(left) if self.accept("in") else self.like(left)
            return Not(found) if negated else found
        if negated:
            raise self.error('expected "in" or "like"')
        for sign, meaning in COMPARISONS.items():
            if self.accept(sign):
                return Comparison(left, meaning, self.sum())
        if isinstance(left, Column):
            return Truth(left)
        raise self.error("expected a comparison (=, !=, <, <=, >, >=), is null, like or in (…)")

    def membership(self, left: Operand) -> Condition:
        token = self.tokens[self.position]
        if token.what in ("word", "quoted") and not self.peek(*_WORDS):
            if self.peek("group") and self.follows(""):
                self.position += 1
                token = self.tokens[self.position]
            self.position += 1
            return IsInGroup(left, token.text)
        self.expect("(")
        values = [self.value()]
        while self.accept(","):
            values.append(self.value())
        self.expect(")")
        return IsIn(left, tuple(values))

    def value(self) -> Literal | Range:
        """A literal or a range."""
        start = self.tokens[self.position].at
        low = self.literal()
        if not self.accept("-"):
            return low
        high = self.literal()
        x, y = low.value, high.value
        if isinstance(x, str) and isinstance(y, str) and x and y and x[: len(y)].upper() <= y[: len(x)].upper():
            return Range(x, y)
        if isinstance(x, int | float) and isinstance(y, int | float) and not isinstance(x, bool) and not isinstance(y, bool) and x <= y:
            return Range(x, y)
        raise self.error("a range goes from a number to a larger one, or from a text to a later one", start)

    def like(self, left: Operand) -> Condition:
        self.expect("like")
        token = self.tokens[self.position]
        if token.what != "text":
            raise self.error("expected a pattern in quotes, such as 'O%'")
        self.position += 1
        return Like(left, token.text.replace("''", "'"))

    def sum(self) -> Operand:
        left: Operand = self.term()
        while self.peek("+", "-"):
            sign = 1 if self.accept("+") else -1
            if sign < 0:
                self.expect("-")
            left = Sum(left, sign, self.term())
        return left

    def term(self) -> Operand:
        if self.peek("years", "months", "days") and self.follows("between"):
            unit = self.tokens[self.position].text.lower().removesuffix("s")
            self.position += 2
            start = self.moment()
            self.expect("and")
            return Elapsed(unit, start, self.moment())
        token = self.tokens[self.position]
        if token.what == "quoted" or (token.what == "word" and token.text.lower() not in _WORDS):
            return self.span(self.column())
        return self.span(self.literal())

    def moment(self) -> Column | Literal:
        return self.literal() if self.tokens[self.position].what == "text" else self.named()

    def span(self, of: Column | Literal) -> Operand:
        token = self.tokens[self.position]
        unit = token.text.lower()
        unit = unit.removesuffix("s")
        if token.what != "word" or unit not in UNITS:
            return of
        if isinstance(of, Literal) and isinstance(of.value, str | bool):
            raise self.error("only a number or a column can be followed by a unit of time")
        self.position += 1
        return Span(of, UNITS[unit])

    def column(self) -> Column:
        token = self.tokens[self.position]
        self.position += 1
        name = token.text.replace('""', '"') if token.what == "quoted" else token.text
        self.columns[name] = None
        return Column(name)

    def literal(self) -> Literal:
        negative = self.accept("-")
        token = self.tokens[self.position]
        self.position += 1
        if token.what == "number":
            number = float(token.text) if "." in token.text else int(token.text)
            return Literal(-number if negative else number)
        if not negative:
            if token.what == "text":
                return Literal(token.text.replace("''", "'"))
            if token.what == "word" and token.text.lower() in ("true", "false"):
                return Literal(token.text.lower() == "true")
        self.position -= 1
        raise self.error("expected a column, a number or 'text'")
