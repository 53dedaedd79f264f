"""What each metric is: its name for people, which way is good, what it means, where the formula is from, who may see it."""

from __future__ import annotations

from typing import Any

from evaluation.definitions.definition import Definition
from evaluation.definitions.fair import FAIR
from evaluation.definitions.good import GOOD
from evaluation.definitions.safe import SAFE
from evaluation.definitions.useful import USEFUL
from evaluation.results import MetricResult, Scope

DEFINITIONS: dict[str, Definition] = {**SAFE, **GOOD, **USEFUL, **FAIR}


def result(metric: str, scope: Scope, value: float | None, **more: Any) -> MetricResult:
    """A `MetricResult` with the metric's definition filled in.

    Figures are kept to ten significant digits: the last bits depend on the order of additions, and the same run must give the same text.
    """
    definition = DEFINITIONS[metric]
    floor, ceiling = more.pop("floor", None), more.pop("ceiling", None)
    interval = more.pop("interval", None)
    return MetricResult(
        metric=metric,
        scope=scope,
        value=_figure(value),
        interval=None if interval is None else rounded(interval),
        direction=definition.direction,
        meaning=definition.meaning,
        source=definition.source,
        audience="public" if definition.told == "figure" and scope.kind != "pair" else "reviewers",
        floor=_figure(floor),
        ceiling=_figure(ceiling),
        **more,
    )


def rounded(interval: tuple[float, float]) -> tuple[float, float]:
    """An interval to ten significant digits, as `result` writes figures."""
    return float(f"{interval[0]:.10g}"), float(f"{interval[1]:.10g}")


def _figure(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.10g}")
