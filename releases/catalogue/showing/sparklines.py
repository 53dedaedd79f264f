"""A column's spread as a picture small enough to stand in a line of the dictionary: drawn here, without a script."""

from __future__ import annotations

from dataclasses import dataclass

from releases.catalogue.showing.distributions import Spread

WIDTH, HEIGHT = 120, 28
_GAP = 1


@dataclass(frozen=True)
class Sparkline:
    """path: of an SVG of `WIDTH` × `HEIGHT`, its bars; words: what it shows, for who does not see it."""

    path: str
    words: str


def sparkline(spread: Spread) -> Sparkline | None:
    """Bars of the spread, one a value or range, without what is pooled; None where it has none."""
    if not spread.bars:
        return None
    counts = [bar.rows for bar in spread.bars]
    most = max(counts)
    width = min(WIDTH / len(counts), 24)
    drawn = "".join(_bar(number * width, width, count / most) for number, count in enumerate(counts) if count and most)
    return Sparkline(drawn, _words(spread))


def _bar(left: float, width: float, share: float) -> str:
    height = max(1.0, share * HEIGHT)
    return f"M{left:.4g} {HEIGHT}v-{height:.3g}h{max(width - _GAP, 0.5):.3g}v{height:.3g}z"


def _words(spread: Spread) -> str:
    if spread.least:
        return f"From {spread.least} to {spread.greatest}, half of them up to {spread.middle}"
    first = max(spread.bars, key=lambda bar: bar.rows)
    return f"{spread.different:,} different value{'' if spread.different == 1 else 's'}; most common: {first.label}, {first.share:.0%}"
