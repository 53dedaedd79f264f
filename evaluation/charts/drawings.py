"""Which charts an evaluation has: of what its measures left in `Work.details`, and of its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from evaluation.charts import associations, attacks, columns, groups
from evaluation.charts.plane import density
from evaluation.charts.scores import scores
from evaluation.comparison import reason
from evaluation.results import Chart, MetricResult
from evaluation.tables.coded import Coded
from evaluation.tables.columns import SampledRows
from evaluation.work import Work

Draw = Callable[[], Chart | None]


MACHINES = {"propensity": "a simple model", "discriminator": "a machine that learns"}
"""What measures leave: `real` and `synthetic` scores of `rows` rows a side, those of train drawn as `SampledRows` does."""


def drawings(work: Work, results: Sequence[MetricResult]) -> list[tuple[str, Draw]]:
    """What each chart shows, in words, and how to draw it; it gives None where disclosure control leaves nothing to show."""
    c, left = work.c, work.details
    found: list[tuple[str, Draw]] = []
    if left.get("roc"):
        found.append(("attacks by false alarms", lambda: attacks.roc(c, left["roc"])))
    if any(r.metric in attacks.RISKS for r in results):
        found.append(("attacks with intervals", lambda: attacks.risks(results)))
    if any(r.metric in groups.PREDICTED for r in results):
        found.append(("predictions", lambda: groups.predictions(results)))
    if any(r.metric == "subgroup_tvd" for r in results):
        found.append(("groups of people", lambda: groups.subgroups(results)))
    found.append(("agreement by column", lambda: columns.column_agreement(results)))
    if "associations" in left:
        found.append(("associations as a map", lambda: associations.difference_map(c, left["associations"])))
        found.append(("associations", lambda: associations.association_differences(c, left["associations"])))
    if "axes" in left:
        found.append(("two principal axes", lambda: density(c, work.shared(Coded), left["axes"])))
    for key, machine in MACHINES.items():
        if left.get(key) is not None:
            found.append((f"the scores of {machine}", partial(_scores, work, key, machine)))
    if c.synthetic.rows and all(c.crowd):
        found += [(column.name, partial(columns.distribution, c, column, place)) for place, column in enumerate(c.usable)]
    return found


def _scores(work: Work, key: str, machine: str) -> Chart | None:
    found = work.details[key]
    chosen = SampledRows(work.c.train, found.rows, work.c.seed).chosen
    return scores(work.c, found.real, found.synthetic, chosen, machine, f"{key}-scores")


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
