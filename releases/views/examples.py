"""Three made-up examples in a column's format, so that a steward sees how we read it. Built from the schema alone: never a real value."""

from __future__ import annotations

import datetime

from generators.schema import ColumnSchema, Kind

_DATES = (datetime.datetime(2019, 3, 21, 8, 5), datetime.datetime(2020, 11, 2, 17, 40), datetime.datetime(2021, 7, 30, 23, 15))
_DIGITS, _LETTERS = ("1234567890", "5550123456", "9081726354"), ("ABCDEFGHIJ", "KLMNPQRSTU", "VWXYZBCDFG")


def made_up(column: ColumnSchema) -> tuple[str, str, str]:
    """Three examples as the source would write them; the same three for the same column schema."""
    if column.codes:
        codes = column.codes
        return codes[0], codes[len(codes) // 2], codes[-1]
    match column.kind:
        case Kind.INTEGER:
            return "7", "42", "130"
        case Kind.REAL:
            places = 2 if column.decimals is None else column.decimals
            return f"{1.5:.{places}f}", f"{36.625:.{places}f}", f"{120.25:.{places}f}"
        case Kind.BOOLEAN:
            return "true", "false", "true"
        case Kind.DATE:
            return _written(column.format or "%Y-%m-%d")
        case Kind.DATETIME:
            return _written(column.format or "%Y-%m-%dT%H:%M:%S")
        case Kind.TIME:
            return _written(column.format or "%H:%M")
        case Kind.IDENTIFIER:
            return _patterned(column.format or "A999999")
        case Kind.FREE_TEXT:
            return "some words", "a short sentence", "several sentences of notes"
        case _:
            return ("1", "2", "3") if column.storage == "int64" else ("category A", "category B", "category C")


def _written(pattern: str) -> tuple[str, str, str]:
    first, second, third = (d.strftime(pattern) for d in _DATES)
    return first, second, third


def _patterned(pattern: str) -> tuple[str, str, str]:
    first, second, third = (_filled(pattern, digits, letters) for digits, letters in zip(_DIGITS, _LETTERS, strict=True))
    return first, second, third


def _filled(pattern: str, digits: str, letters: str) -> str:
    """`9` stands for a digit and `A` for a capital letter; anything else stands for itself."""
    return "".join(
        digits[i % len(digits)] if sign == "9" else letters[i % len(letters)] if sign == "A" else sign for i, sign in enumerate(pattern)
    )
