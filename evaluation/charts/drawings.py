"""Which charts an evaluation has: of what its measures left in `Work.details`, and of its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from evaluation.charts import drawing
from evaluation.comparison import reason
from evaluation.results import Chart, MetricResult
from evaluation.work import Work

Draw = Callable[[], Chart | None]


def drawings(work: Work, results: Sequence[MetricResult]) -> list[tuple[str, Draw]]:
    """What each chart shows, in words, and how to draw it; it gives None where disclosure control leaves nothing to show."""
    c, left = work.c, work.details
    found: list[tuple[str, Draw]] = [("agreement by column", lambda: drawing.column_agreement(results))]
    if "associations" in left:
        found.append(("associations", lambda: drawing.association_differences(c, left["associations"])))
    if "discriminator" in left:
        found.append(("a discriminator's scores", lambda: drawing.discriminator_scores(c, left["discriminator"])))
    if c.synthetic.rows and all(c.crowd):
        found += [(column.name, partial(drawing.distribution, c, column, place)) for place, column in enumerate(c.usable)]
    return found


def draw(work: Work, results: Sequence[MetricResult]) -> list[Chart]:
    """All charts; one that fails, or that disclosure control leaves empty, becomes a note."""
    wanted = drawings(work, results)
    charts, hidden = [], []
    for k, (name, make) in enumerate(wanted):
        work.tick(k / len(wanted))
        try:
            chart = make()
        except Exception as error:
            work.notes.append(f"The chart of {name} could not be drawn: {reason(error)}.")
            continue
        if chart is None:
            hidden.append(name)
        else:
            charts.append(chart)
    if hidden:
        work.notes.append(f"No chart of {', '.join(hidden)}: too few people, or nothing to compare.")
    return charts
