"""The steps of the basket that ask what the release is good for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evaluation.comparison import reason
from evaluation.definitions import result
from evaluation.results import Incomputable, MetricResult, Scope
from evaluation.tables.columns import Rows
from evaluation.utility import tasks
from evaluation.utility.inference import Agreement, Inference
from evaluation.utility.prediction import Trial, trial
from evaluation.utility.scores import Score
from evaluation.utility.tasks import CLASSIFICATION, REGRESSION, SURVIVAL, Task
from evaluation.work import Measure, Work

SCORES = {CLASSIFICATION: "target_auc", REGRESSION: "target_r2", SURVIVAL: "target_concordance"}
RANGES = {"target_auc": (0.0, 1.0), "target_accuracy": (0.0, 1.0), "target_r2": (-np.inf, 1.0), "target_concordance": (0.0, 1.0)}
AGREEMENTS = ("inference_overlap", "inference_signs", "inference_size")
NOTHING = "no column looks like something to predict; name a target"


def asked(w: Work) -> tuple[Task, ...]:
    """The targets somebody chose, or else the proposed ones. Raises Incomputable when there are none."""
    if w.asked.targets:
        return tuple(tasks.parse(text, w.c.table) for text in w.asked.targets)
    found = tasks.proposed(w.c.table, w.c)
    if not found:
        raise Incomputable(NOTHING)
    return found


def trials(w: Work) -> list[tuple[Task, Trial | str]]:
    """Every task, tried, or why it could not be; done once for all measures."""
    if "trials" not in w.details:
        found: list[tuple[Task, Trial | str]] = []
        every = asked(w)
        for place, task in enumerate(every):
            try:
                found.append((task, trial(w, task, place / len(every))))
            except Exception as error:
                found.append((task, reason(error)))
        w.details["trials"] = found
    done: list[tuple[Task, Trial | str]] = w.details["trials"]
    return done


def _predictions(w: Work) -> list[MetricResult]:
    found: list[MetricResult] = []
    skills: list[tuple[str, list[float | None]]] = []
    try:
        every = trials(w)
    except Incomputable as error:
        return [result("target_skill", w.c.scope(), None, failed=str(error), seed=w.c.seed)]
    for task, tried in every:
        scope, metric = w.c.scope("column", task.text), SCORES[task.kind]
        if isinstance(tried, str):
            found.append(result(metric, scope, None, failed=tried, seed=w.c.seed))
            continue
        scored = _scored(w, metric, scope, tried, tried.score)
        found.append(scored)
        if task.kind == CLASSIFICATION:
            found.append(_scored(w, "target_accuracy", scope, tried, tried.accuracy))
        skills.append((task.text, [_skill(task, x) for x in (scored.value, scored.floor, scored.ceiling)]))
    untried = next((tried for _, tried in every if isinstance(tried, str)), None)
    untaught = next((r.failed for r in found if r.failed), None)
    return [_together(w, skills, untried, untaught), *found]


def _scored(w: Work, metric: str, scope: Scope, tried: Trial, score: Callable[[str], Score]) -> MetricResult:
    """One score of one task: learned from synthetic rows, between learned from the shuffle and from train."""
    values: dict[str, float | None] = {}
    failed, interval = None, None
    for side in ("shuffle", "train", "synthetic"):
        try:
            found = score(side)
            values[side] = found.value
            if side == "synthetic":
                interval = found.interval(tried.people, *RANGES[metric])
        except Exception as error:
            values[side], failed = None, reason(error)
    return result(
        metric,
        scope,
        values["synthetic"],
        floor=values["shuffle"],
        ceiling=values["train"],
        interval=interval,
        n=w.c.synthetic.rows,
        n_ceiling=w.c.train.rows,
        failed=failed if values["synthetic"] is None else None,
        remark=None if tried.task.chosen else f"nobody chose a target; proposed: {tried.task.why}",
        subsampled=tried.subsampled,
        seed=w.c.seed,
    )


def _skill(task: Task, score: float | None) -> float | None:
    """0 for a score that is no better than guessing (or than the mean) … 1."""
    if score is None:
        return None
    return max(0.0, score if task.kind == REGRESSION else 2 * score - 1)


def _together(w: Work, skills: Sequence[tuple[str, list[float | None]]], untried: str | None, untaught: str | None) -> MetricResult:
    """The mean skill of the tasks that real rows can teach. What synthetic rows cannot teach at all counts as no skill.

    untried: why a task could not be tried. untaught: why synthetic rows could not teach one.
    """
    taught = [(text, values) for text, values in skills if values[2] is not None]
    scope = w.c.scope()
    if not taught:
        return result("target_skill", scope, None, failed=untried or "no target could be predicted, from real rows either", seed=w.c.seed)
    if all(values[0] is None for _, values in taught):
        why = untaught or "no target could be learned from the synthetic table"
        return result("target_skill", scope, None, failed=why, seed=w.c.seed)
    value, floor, ceiling = (float(np.mean([values[k] or 0.0 for _, values in taught])) for k in range(3))
    return result(
        "target_skill",
        scope,
        value,
        floor=floor,
        ceiling=ceiling,
        n=w.c.synthetic.rows,
        n_ceiling=w.c.train.rows,
        remark="predicted: " + ", ".join(text for text, _ in taught),
        seed=w.c.seed,
    )


def _inference(w: Work) -> list[MetricResult]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums of floats depend on how threads share them
        return _regressions(w)


def _regressions(w: Work) -> list[MetricResult]:
    found: list[MetricResult] = []
    every = asked(w)
    for place, task in enumerate(every):
        w.tick(place / len(every))
        scope = w.c.scope("column", task.text)
        try:
            fitted = Inference(w.c, task)
        except Exception as error:
            found.append(result("inference_overlap", scope, None, failed=reason(error), seed=w.c.seed))
            continue
        sides: dict[str, Agreement | Exception] = {}

        def of(rows: Rows, fitted: Inference = fitted, sides: dict[str, Agreement | Exception] = sides) -> Agreement:
            if rows.name not in sides:
                try:
                    sides[rows.name] = fitted.agreement(rows)
                except Incomputable as error:
                    sides[rows.name] = error
            known = sides[rows.name]
            if isinstance(known, Exception):
                raise known
            return known

        def signs(rows: Rows, of: Callable[[Rows], Agreement] = of) -> float:
            share = of(rows).signs
            if share is None:
                raise Incomputable("no coefficient of real rows is clear enough to have a sign")
            return share

        measures: dict[str, Callable[[Rows], float]] = {
            "inference_overlap": lambda rows, of=of: of(rows).overlap,  # type: ignore[misc]
            "inference_signs": signs,
            "inference_size": lambda rows, of=of: of(rows).size,  # type: ignore[misc]
        }
        remark = f"{fitted.words}; {len(fitted.real.coefficients)} coefficients"
        found += [w.c.twins(metric, scope, measure, remark=remark) for metric, measure in measures.items()]
    why = next((r.failed for r in found if r.failed), None)
    return [*(_mean(w, metric, [r for r in found if r.metric == metric], why) for metric in AGREEMENTS), *found]


def _mean(w: Work, metric: str, results: Sequence[MetricResult], why: str | None) -> MetricResult:
    """The mean over tasks, of those that have a value. why: the first reason why any has none."""

    def mean(which: str) -> float | None:
        values = [x for r in results if r.value is not None and (x := getattr(r, which)) is not None]
        return float(np.mean(values)) if values else None

    value = mean("value")
    failed = None
    if value is None:
        failed = next((r.failed for r in results if r.failed), why)
    return result(
        metric,
        w.c.scope(),
        value,
        floor=mean("floor"),
        ceiling=mean("ceiling"),
        n=w.c.synthetic.rows,
        n_ceiling=w.c.holdout.rows,
        failed=failed,
        seed=w.c.seed,
    )


MEASURES = (
    Measure(
        "predicting",
        ("target_skill", "target_auc", "target_accuracy", "target_r2", "target_concordance"),
        _predictions,
        10,
        lambda w: w.asked.targets is not None,
    ),
    Measure("comparing what regressions find", AGREEMENTS, _inference, 4, lambda w: w.asked.targets is not None),
)
