"""The whole basket: every metric of one synthetic table beside its floor (shuffle) and its ceiling (holdout), and the reviewers' charts.

`MEASURES` are its steps; each part of evaluation has its own. A metric that fails is a result that says why, never a missing line, and the
rest still runs. Nothing here reads a clock: the same files, seed and library versions give the same JSON.
"""

from __future__ import annotations

import platform
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from evaluation.bias import measures as bias
from evaluation.charts.drawings import draw
from evaluation.comparison import Comparison, compare, reason
from evaluation.definitions import DEFINITIONS, result
from evaluation.fidelity import measures as fidelity
from evaluation.privacy import measures as privacy
from evaluation.refusals import refuse_other
from evaluation.results import Evaluation, MetricResult
from evaluation.tables.columns import persons
from evaluation.utility import measures as utility
from evaluation.utility import tasks
from evaluation.work import Asked, Fit, Work
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.schema import TableSchema

MEASURES = (*privacy.MEASURES, *fidelity.MEASURES, *utility.MEASURES, *bias.MEASURES)
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
DRAWING = 0.1
"""The charts' share of the time."""


def evaluate(
    train: Path | str,
    holdout: Path | str,
    synthetic: Path | str,
    table: TableSchema,
    *,
    policy: DisclosurePolicy,
    seed: int = 0,
    targets: Sequence[str] | None = (),
    only: Collection[str] | None = None,
    fit: Fit | None = None,
    learned_from: str | None = None,
    kept_whole: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate one synthetic table against the rows it was learned from and rows that were held out.

    train, holdout, synthetic: canonical Parquet files of `table`, the de-identified schema. targets: what somebody would
    predict, "column" or "time~event"; proposed when empty, nothing when None.
    only: names of metrics to compute alone, without charts. fit: for shadow models, see `Fit`. learned_from: SHA-256 (hex) of the file the
    generator learned from, where that is on record. kept_whole: the table is about nobody and whole on both sides of the split.
    Raises InputError when a file cannot be read, train or holdout do not fit the schema or are empty, a target is no column, or a metric
    is unknown; and when the generator saw the holdout (see `refusals`).
    """
    for target in targets or ():
        tasks.parse(target, table)
    check_metrics(only)
    progress("reading the tables", 0.0)
    refuse_other(table.name, Path(train), Path(holdout), learned_from)
    c = compare(Path(train), Path(holdout), Path(synthetic), table, policy, seed, kept_whole=kept_whole)
    return evaluated(c, Asked(None if targets is None else tuple(targets), fit), only, progress)


def evaluated(c: Comparison, asked: Asked, only: Collection[str] | None = None, progress: Progress = silent) -> Evaluation:
    """As `evaluate`, of tables that are open already."""
    work = Work(c, asked, progress)
    results = measure(work, only)
    work.begin("drawing charts", 1 - DRAWING, DRAWING)
    charts = draw(work, results) if only is None else []
    progress("done", 1.0)
    return Evaluation(
        table=c.table.name,
        results=tuple(results),
        charts=tuple(charts),
        rows=_released_rows(c),
        persons=_released_persons(c),
        versions={name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        seed=c.seed,
        policy=c.policy.as_dict(),
        notes=tuple(_notes(c) + work.notes),
    )


def check_metrics(only: Collection[str] | None) -> None:
    """InputError when a name is no metric."""
    for name in sorted(set(only or ()) - set(DEFINITIONS)):
        raise InputError(f'there is no metric "{name}"; known: {", ".join(sorted(DEFINITIONS))}')


def measure(work: Work, only: Collection[str] | None = None) -> list[MetricResult]:
    """The results of every step that is wanted, in order; of those named alone when `only` is given.

    Metrics that have nothing to be measured on (no rule, no text, no sensitive column) are named in `work.notes`.
    """
    asked = [m for m in MEASURES if only is None or not set(only).isdisjoint(m.metrics + m.single)]
    steps = [m for m in asked if m.wanted(work)]
    every = sum(m.share for m in steps) or 1.0
    done, found = 0.0, []
    for step in steps:
        share = (1 - DRAWING) * step.share / every
        work.begin(step.stage, done, share)
        done += share
        try:
            found += step.of(work)
        except Exception as error:
            why = reason(error)
            found += [result(metric, work.c.scope(), None, failed=why, seed=work.c.seed) for metric in step.metrics]
    given = {r.metric for r in found}
    names = [DEFINITIONS[name].title for m in asked for name in m.metrics if name not in given and (only is None or name in only)]
    if names:
        work.notes.append(f"Nothing here to measure these on: {'; '.join(names)}.")
    return [r for r in found if only is None or r.metric in only]


def _released_rows(c: Comparison) -> dict[str, int | None]:
    real, held = len(np.unique(c.people)), len(np.unique(c.held_out))
    rows = {"train": c.policy.released(real, c.train.rows), "holdout": c.policy.released(held, c.holdout.rows)}
    return {**rows, "synthetic": c.synthetic.rows}


def _released_persons(c: Comparison) -> dict[str, int | None]:
    found: dict[str, int | None] = {
        "train": c.policy.released(len(np.unique(c.people))),
        "holdout": c.policy.released(len(np.unique(c.held_out))),
    }
    key = c.table.person_key
    if key is None or key not in c.synthetic.defects:
        made = persons(c.synthetic, c.table)
        found["synthetic"] = int(made.max()) + 1 if len(made) else 0
    else:
        found["synthetic"] = None
    return found


def _notes(c: Comparison) -> list[str]:
    notes = []
    names = {column.name for column in c.measured}
    out = [column.name for column in c.table.columns if column.name not in names]
    if out:
        notes.append(
            f"Keys, identifiers and free text have no distribution to compare; only their rare values are checked: {', '.join(out)}."
        )
    if c.synthetic.reordered:
        notes.append("The synthetic table's columns are in another order than the schema's; they were matched by name.")
    notes += [f"{defect[0].upper()}{defect[1:]}." for defect in c.synthetic.defects.values()]
    if c.synthetic.further:
        notes.append(f"The synthetic table has columns the schema does not know: {', '.join(c.synthetic.further)}.")
    if c.table.person_key is None:
        notes.append("No person key: every row is counted as another person.")
    if not c.crowd[1]:
        notes.append(f"The holdout is about fewer than {c.policy.minimum} persons: nothing measured on it is shown.")
    if c.holdout.rows < c.train.rows:
        notes.append(
            "The holdout has fewer rows than train, so its own figures are a little worse than a perfect generator's would be: "
            "chance differences shrink with the number of rows."
        )
    return notes
