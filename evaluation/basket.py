"""The whole basket: every metric of one synthetic table beside its floor (shuffle) and its ceiling (holdout), and the reviewers' charts.

A metric that fails is a result that says why, never a missing line, and the rest still runs. Nothing here reads a clock: the same files,
seed and library versions give the same JSON.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from evaluation import bias, charts, joint, likeness, privacy, safety
from evaluation.columns import persons
from evaluation.comparison import Comparison, compare, reason
from evaluation.definitions import result
from evaluation.results import Chart, Evaluation, Incomputable, MetricResult
from generators.disclosure import DisclosurePolicy
from generators.progress import Progress, silent
from generators.schema import TableSchema

TOGETHER = ("voas_williamson", "triple_accuracy", "propensity_ratio", "propensity_auc", "projection", "subgroup_tvd")
"""Metrics of several columns together."""
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "sdmetrics")


def evaluate(
    train: Path | str,
    holdout: Path | str,
    synthetic: Path | str,
    table: TableSchema,
    *,
    policy: DisclosurePolicy,
    seed: int = 0,
    target: str | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate one synthetic table against the rows it was learned from and rows that were held out.

    train, holdout, synthetic: canonical Parquet files of `table`, the de-identified schema. target: a column to predict (adds the TSTR
    metric). Raises InputError when a file cannot be read, train or holdout do not fit the schema or are empty, or `target` is no column.
    """
    if target is not None:
        table.column(target)
    progress("reading the tables", 0.0)
    c = compare(Path(train), Path(holdout), Path(synthetic), table, policy, seed)
    run = _Run(c, progress)
    run.step("checking the structure", 0.03, ("structure",), lambda: safety.structure(c))
    run.step("looking for rare values", 0.06, ("rare_values", "rare_extremes"), lambda: safety.rare(c))
    run.step("looking for copied rows", 0.12, ("collisions", "rare_row_collisions"), lambda: safety.copies(c))
    run.attack()
    coded: list[likeness.Coded] = []
    shapes = ("tvd_mean", "ks_complement_mean", "js_mean", "kl_mean", "pairwise_accuracy", "association_rmse", "pearson_rmse", *TOGETHER)

    def code() -> list[MetricResult]:
        if not c.synthetic.rows:
            raise Incomputable("the synthetic table has no rows")
        coded.append(likeness.Coded(c))
        return []

    run.step("coding columns", 0.18, shapes, code)
    if coded:
        run.step("comparing columns", 0.26, shapes[:4], lambda: likeness.columns(c, coded[0]))
        run.step("comparing pairs of columns", 0.34, shapes[4:5], lambda: likeness.pairs(c, coded[0]))
        run.step("comparing associations", 0.42, shapes[5:7], lambda: run.associations(coded[0]))
        run.step("comparing columns together", 0.45, TOGETHER[:2], lambda: joint.cross_tabulations(c, coded[0]))
        run.step("asking a simple model", 0.48, TOGETHER[2:4], lambda: joint.beliefs(c, coded[0]))
        run.step("projecting rows", 0.49, TOGETHER[4:5], lambda: run.projected(coded[0]))
        run.step("looking at groups of people", 0.495, TOGETHER[5:], lambda: bias.groups(c, coded[0]))
    run.step("training a discriminator", 0.50, ("discriminator_auc",), run.discrimination)
    run.step("checking rules", 0.66, ("rule_violations",), lambda: likeness.rule_breaks(c))
    run.step("computing SDMetrics' scores", 0.72, ("sdmetrics_quality", "sdmetrics_diagnostic"), lambda: likeness.published_scores(c))
    if target is not None:
        run.step("predicting the target", 0.86, ("target_auc",), lambda: likeness.prediction(c, target))
    run.draw()
    progress("done", 1.0)
    return Evaluation(
        table=table.name,
        results=tuple(run.results),
        charts=tuple(run.charts),
        rows=_released_rows(c),
        persons=_released_persons(c),
        versions={name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        seed=seed,
        policy=policy.as_dict(),
        notes=tuple(_notes(c) + run.notes),
    )


class _Run:
    """The results as they come, and what the charts need of them."""

    def __init__(self, c: Comparison, progress: Progress) -> None:
        self.c, self.progress = c, progress
        self.results: list[MetricResult] = []
        self.charts: list[Chart] = []
        self.notes: list[str] = []
        self._drawings: list[tuple[str, Callable[[], Chart | None]]] = []

    def step(self, stage: str, fraction: float, metrics: tuple[str, ...], measure: Callable[[], list[MetricResult]]) -> None:
        """Run one measure; when it fails, each of its `metrics` is a failed result."""
        self.progress(stage, fraction)
        try:
            self.results += measure()
        except Exception as error:
            why = reason(error)
            self.results += [result(metric, self.c.scope(), None, failed=why, seed=self.c.seed) for metric in metrics]

    def attack(self) -> None:
        """The attacks on people the generator learned from; they share who is attacked."""
        ready: list[privacy.Attacked] = []

        def attacked() -> privacy.Attacked:
            if not ready:
                ready.append(privacy.Attacked(self.c))
            return ready[0]

        near = ("nearer_to_train", "nearest_ratio", "authenticity", "alpha_precision", "beta_recall")
        self.step("measuring distances", 0.13, near, lambda: privacy.distances(attacked()))
        levels = tuple(f"membership_{level}_{what}" for level in ("distance", "density") for what in ("auc", "caught"))
        self.step("looking for members", 0.14, levels, lambda: privacy.memberships(attacked()))
        self.step("singling out, linking, inferring", 0.16, ("singling_out", "linkability"), lambda: privacy.risks(attacked()))
        self.step("looking for people alone", 0.17, ("matching_uniques", "uniques"), lambda: privacy.anonymous(self.c))

    def projected(self, coded: likeness.Coded) -> list[MetricResult]:
        found, _ = joint.principal(self.c, coded)
        return found

    def associations(self, coded: likeness.Coded) -> list[MetricResult]:
        found, sides = likeness.associations(self.c, coded)
        self._drawings.append(("associations", lambda: charts.association_differences(self.c, sides)))
        return found

    def discrimination(self) -> list[MetricResult]:
        found, scores = likeness.discrimination(self.c)
        if scores is not None:
            self._drawings.append(("a discriminator's scores", lambda: charts.discriminator_scores(self.c, scores)))
        return found

    def draw(self) -> None:
        """All charts; one that fails, or that disclosure control leaves empty, becomes a note."""
        drawings: list[tuple[str, Callable[[], Chart | None]]] = [("agreement by column", lambda: charts.column_agreement(self.results))]
        drawings += self._drawings
        if self.c.synthetic.rows and all(self.c.crowd):
            for place, column in enumerate(self.c.usable):
                drawings.append((column.name, partial(charts.distribution, self.c, column, place)))
        hidden = []
        for k, (name, draw) in enumerate(drawings):
            self.progress("drawing charts", 0.90 + 0.09 * k / len(drawings))
            try:
                chart = draw()
            except Exception as error:
                self.notes.append(f"The chart of {name} could not be drawn: {reason(error)}.")
                continue
            if chart is None:
                hidden.append(name)
            else:
                self.charts.append(chart)
        if hidden:
            self.notes.append(f"No chart of {', '.join(hidden)}: too few people, or nothing to compare.")


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
