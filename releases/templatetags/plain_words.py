"""How figures and dates read on a page: `21 November 2026`, `27,963`, `about 1 in 400`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django import template
from django.utils import timezone

register = template.Library()

NOTHING = "–"
"""What a page shows where there is no figure."""


@register.filter
def number(value: Any) -> str:
    """A whole number with thousands separators; a real one with up to four significant decimals."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value == int(value) and abs(value) >= 1:
            return f"{int(value):,}"
        return f"{value:,.3f}" if abs(value) < 1 else f"{value:,.2f}"
    return str(value)


@register.filter
def day(value: datetime.date | datetime.datetime | None) -> str:
    """`21 November 2026`, in the site's own time zone."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime.datetime):
        value = timezone.localtime(value)
    return f"{value.day} {value:%B %Y}"


@register.filter
def moment(value: datetime.datetime | None) -> str:
    """`21 November 2026 at 21:04`, in the site's own time zone."""
    if value is None:
        return NOTHING
    return f"{day(value)} at {timezone.localtime(value):%H:%M}"


@register.filter
def age(value: datetime.datetime | None) -> str:
    """How long ago, in the largest unit that fits: `3 days`, `2 hours`."""
    if value is None:
        return NOTHING
    return duration((timezone.now() - value).total_seconds())


@register.filter
def duration(seconds: float | None, shortest: str = "less than a minute") -> str:
    """A span of time in its largest unit; `shortest` under one minute."""
    if seconds is None:
        return NOTHING
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return shortest


@register.filter
def percent(fraction: float | None) -> str:
    """A fraction 0 … 1 as whole per cent, never rounding work in progress up to 100."""
    if fraction is None:
        return NOTHING
    return f"{int(fraction * 100)} %"


@register.filter
def counted(count: int, noun: str) -> str:
    """`1 column`, `22 columns`; an irregular plural is given as `entry,entries`."""
    one, _, many = noun.partition(",")
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@register.filter
def short(digest: str | None) -> str:
    """The first twelve characters of a digest, which is what a person compares."""
    return digest[:12] if digest else NOTHING


@register.filter
def spaced(name: str) -> str:
    """The name of an action as words: `sign_off` → `sign off`."""
    return name.replace("_", " ")


@register.filter
def item(mapping: Mapping[Any, Any], key: Any) -> Any:
    """The entry of `mapping` under `key`, or None."""
    return mapping.get(key)
