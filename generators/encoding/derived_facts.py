"""What the constants of a computed column may be: a saved model may have been edited by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

PARTS = ("year", "quarter", "month", "day", "hour", "minute", "weekday", "weekday from 1", "date", "clock", "whole", "rest")


def given_values(form: str, facts: Mapping[str, Any], inputs: int) -> None:
    """Raises KeyError, TypeError or ValueError when the facts are not those of the form."""
    for name, check in FORMS[form].items():
        check(facts[name])
    if inputs != _INPUTS.get(form, inputs) or not inputs:
        raise ValueError
    if form in ("sum", "product") and len(facts["factors" if form == "sum" else "powers"]) != inputs:
        raise ValueError
    if form == "bands" and len(facts["values"]) != len(facts["cuts"]) + 1:
        raise ValueError
    if form == "calendar" and len(facts["parts"]) != inputs:
        raise ValueError
    if form == "moment" and len(facts["units"]) != inputs - 1:
        raise ValueError
    if form == "clock" and len(facts["hundreds"]) != 2:
        raise ValueError


def _number(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError


def _whole(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError


def _positive(value: Any) -> None:
    _number(value)
    if value <= 0:
        raise ValueError


def _numbers(value: Any) -> None:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    for each in value:
        _number(each)


def _increasing(value: Any) -> None:
    _numbers(value)
    if sorted(set(value)) != list(value):
        raise ValueError


def _decimals(value: Any) -> None:
    if value is not None:
        _whole(value)
        if not -6 <= value <= 15:
            raise ValueError


def _cell(value: Any) -> None:
    if value is not None and not isinstance(value, (str, bool)):
        _number(value)


def _cells(value: Any) -> None:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    for each in value:
        _cell(each)


def _pairs(value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not value:
        raise TypeError
    for key, each in value:
        _cell(key)
        _cell(each)


def _calendar_parts(value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not {"month", "day"} <= set(value) <= {"year", "month", "day", "hour", "minute"}:
        raise ValueError


def _one_of(*allowed: Any) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if value not in allowed:
            raise ValueError

    return check


FORMS: dict[str, dict[str, Callable[[Any], None]]] = {
    "same": {},
    "sum": {"factors": _numbers, "constant": _number, "decimals": _decimals},
    "product": {"powers": _numbers, "scale": _positive, "decimals": _decimals},
    "moment": {"units": _numbers, "constant": _whole, "grain": _positive},
    "elapsed": {"unit": _positive, "how": _one_of("floor", "nearest", "years"), "decimals": _decimals},
    "part": {"part": _one_of(*PARTS), "by": _positive},
    "clock": {"sign": _one_of(1, -1), "hundreds": _cells, "midnight": _one_of(True, False)},
    "bands": {"cuts": _increasing, "values": _cells, "missing": _cell},
    "map": {"pairs": _pairs, "missing": _cell, "other": _cell},
    "after": {"unit": _positive, "latest": _whole},
    "calendar": {"parts": _calendar_parts, "year": _whole, "unit": _positive},
}
"""By form: its facts, and what refuses those that cannot be."""

_INPUTS = {"same": 1, "elapsed": 2, "part": 1, "clock": 2, "bands": 1, "map": 1, "after": 1}
