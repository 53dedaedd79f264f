"""The grammar of rules: text to a tree. What a rule means is in `generators.rules`.

::

    rule       = names "null together"  |  condition ["iff" condition] ["where" condition]
    condition  = and-conditions joined by "or"; "not" and parentheses as usual
    atom       = sum comparison sum  |  sum "is" ["not"] "null"  |  sum ["not"] "in" "(" literals ")"  |  truth-valued column
    sum        = term {("+" | "-") term}
    term       = column | number | 'text' | true | false, a column or number optionally followed by seconds, minutes, hours or days

Column names that are not plain words, or are words of the language, stand in double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generators.errors import InputError

LONGEST = 2000
DEEPEST = 40
UNITS = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}
"""Microseconds in each unit; the plural is understood too."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<word>[^\W\d]\w*)|"(?P<quoted>(?:[^"]|"")+)"|'(?P<text>(?:[^']|'')*)'"""
    r"""|(?P<sign><=|>=|<>|!=|[=<>(),+\-]))"""
)
_WORDS = {"and", "or", "not", "in", "is", "null", "iff", "where", "together", "true", "false"}
COMPARISONS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


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
class Sum:
    left: Operand
    sign: int
    right: Operand


Operand = Column | Literal | Span | Sum


@dataclass(frozen=True)
class Comparison:
    left: Operand
    sign: str
    right: Operand


@dataclass(frozen=True)
class IsNull:
    of: Operand


@dataclass(frozen=True)
class IsIn:
    of: Operand
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Truth:
    of: Operand


@dataclass(frozen=True)
class Not:
    of: Condition


@dataclass(frozen=True)
class Joined:
    """`how` is "and", "or" or "iff"."""

    how: str
    left: Condition
    right: Condition


@dataclass(frozen=True)
class Together:
    """In each row all of `columns` are null, or none is."""

    columns: tuple[Column, ...]


Condition = Comparison | IsNull | IsIn | Truth | Not | Joined | Together


@dataclass(frozen=True)
class ParsedRule:
    """A rule as a tree. `where` restricts it to some rows; `columns` are the names it uses, in order of first use."""

    name: str
    text: str
    condition: Condition
    where: Condition | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _Token:
    what: str
    text: str
    at: int


def parse(text: str, name: str = "") -> ParsedRule:
    """The tree of a rule; InputError names the rule and the character (from 1) where it stops making sense."""
    return _Parser(text, name).rule()


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

    def rule(self) -> ParsedRule:
        condition = self.together() or self.either_way()
        where = self.any_of() if self.accept("where") else None
        if self.tokens[self.position].what != "end":
            raise self.error("the rule should end here, or go on with and, or, iff or where")
        return ParsedRule(self.name, self.text, condition, where, tuple(self.columns))

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

    def either_way(self) -> Condition:
        left = self.any_of()
        return Joined("iff", left, self.any_of()) if self.accept("iff") else left

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
            if self.accept("("):
                inside = self.either_way()
                self.expect(")")
                return inside
            return self.atom()
        finally:
            self.depth -= 1

    def atom(self) -> Condition:
        left = self.sum()
        if self.accept("is"):
            negated = self.accept("not")
            self.expect("null")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self.accept("not")
        if self.accept("in"):
            self.expect("(")
            values = [self.literal()]
            while self.accept(","):
                values.append(self.literal())
            self.expect(")")
            return Not(IsIn(left, tuple(values))) if negated else IsIn(left, tuple(values))
        if negated:
            raise self.error('expected "in"')
        for sign, meaning in COMPARISONS.items():
            if self.accept(sign):
                return Comparison(left, meaning, self.sum())
        if isinstance(left, Column):
            return Truth(left)
        raise self.error("expected a comparison (=, !=, <, <=, >, >=), is null, or in (…)")

    def sum(self) -> Operand:
        left: Operand = self.term()
        while self.peek("+", "-"):
            sign = 1 if self.accept("+") else -1
            if sign < 0:
                self.expect("-")
            left = Sum(left, sign, self.term())
        return left

    def term(self) -> Operand:
        token = self.tokens[self.position]
        if token.what == "quoted" or (token.what == "word" and token.text.lower() not in _WORDS):
            return self.span(self.column())
        return self.span(self.literal())

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
