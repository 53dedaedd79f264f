"""Is anybody predicted worse because the model was trained on synthetic rows? Scores and error rates within groups of held-out people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from evaluation.bias.subgroups import Grouping, groupings
from evaluation.comparison import Comparison
from evaluation.definitions import result
from evaluation.intervals import Z
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.columns import Floats
from evaluation.utility.outcomes import known
from evaluation.utility.prediction import HALVES, Trial
from evaluation.utility.scores import Bools, Score, share
from evaluation.utility.tasks import CLASSIFICATION, REGRESSION, SURVIVAL, Task

ALL = "all groups shown"
HIDDEN = "groups not shown"


@dataclass(frozen=True)
class Excess:
    """By how much one group lost more than everybody together, and its standard error. words: which group, which target, lost what.

    kind: comparisons of one kind (a target, a score or rate) vary alike from one sample of real people to the next. noise: by how much two
    models of different real people differ here, squared, beyond what the people tested explain; scale: how many times that of this one.
    """

    value: float
    error: float
    words: str
    kind: tuple[str, str]
    noise: float
    scale: float


def audit(c: Comparison, trials: Iterable[tuple[Task, Trial | str]]) -> list[MetricResult]:
    """For each group and task what is lost and, of two classes, the error rates; for the whole table the worst of it.

    When there is no group, or no task that could be tried, that says why.
    """
    every = list(trials)
    tried, untried = [], []
    for _, trial in every:
        why = trial if isinstance(trial, str) else trial.failed.get("synthetic") or trial.failed.get("train")
        if why is None and not isinstance(trial, str):
            tried.append(trial)
        else:
            untried.append(str(why))
    if not tried:
        why = next(iter(untried), "no target could be predicted")
        return [result("subgroup_worst", c.scope(), None, failed=why, seed=c.seed)]
    groups = groupings(c.usable, c.train)
    if not groups:
        why = "no column tells people apart into at most twelve groups"
        return [result("subgroup_worst", c.scope(), None, failed=why, seed=c.seed)]
    found: list[MetricResult] = []
    losses: list[Excess] = []
    for grouping in groups:
        for trial in tried:
            if grouping.column.name not in trial.task.columns:
                results, more = _of(c, grouping, trial)
                found += results
                losses += more
    return [_worst(c, losses), *found]


def _of(c: Comparison, grouping: Grouping, trial: Trial) -> tuple[list[MetricResult], list[Excess]]:
    """One task within the groups of one column."""
    about = f"predicting {trial.task.text}"
    places = grouping.of(c.holdout)[trial.rows]
    enough = _Enough(c, grouping, trial)
    found: list[MetricResult] = []
    losses: list[Excess] = []
    hidden = 0
    rates = _Rates.of(c, trial)
    for place, name in enumerate(grouping.names):
        inside = places == place
        scope = c.scope("subgroup", grouping.column.name, name, about)
        words = f"{grouping.column.name}: {name}, {about}"
        counted = enough.counted(place, inside)
        if counted is None:
            hidden += 1
            continue
        try:
            lost = trial.score("train", counted) - trial.score("synthetic", counted)
        except Incomputable as error:
            found.append(result("subgroup_prediction_gap", scope, None, failed=str(error), seed=c.seed))
            continue
        found.append(
            result(
                "subgroup_prediction_gap",
                scope,
                lost.value,
                interval=lost.interval(trial.people),
                floor=_lost(trial, "shuffle", counted),
                n=c.synthetic.rows,
                subsampled=trial.subsampled,
                seed=c.seed,
            )
        )
        losses += _excess(trial, "score", f"{words}: the score", trial.score, counted, -1)
        if rates is not None:
            results, more = rates.within(c, place, name, grouping, inside, words)
            found += results
            losses += more
    if rates is not None:
        found += rates.spread(c, grouping, about)
    if hidden:
        why = f"suppressed: {hidden} of {len(grouping.names)} groups are about too few persons, or too few of one outcome"
        scope = c.scope("subgroup", grouping.column.name, HIDDEN, about)
        found.append(result("subgroup_prediction_gap", scope, None, failed=why, seed=c.seed))
    return found, losses


def _lost(trial: Trial, side: str, counted: Bools) -> float | None:
    try:
        return (trial.score("train", counted) - trial.score(side, counted)).value
    except Incomputable:
        return None


def _excess(trial: Trial, kind: str, words: str, score: Callable[[str, Bools], Score], inside: Bools, sign: int) -> tuple[Excess, ...]:
    """What a group lost beyond everybody, when the model was trained on synthetic rows; nothing where noise cannot be told.

    score: of the model learned from a side, over the rows given. sign: 1 where a rise of the score is a loss, −1 where a fall is.
    """
    everybody = np.ones(len(inside), bool)

    def beyond(one: str, other: str) -> Score:
        return (score(one, inside) - score(other, inside)) - (score(one, everybody) - score(other, everybody))

    if set(HALVES) & set(trial.failed) or not trial.teachable:
        return ()
    try:
        more, halves = beyond("synthetic", "train"), beyond(*HALVES)
    except Incomputable:
        return ()
    # noise falls with rows learned from: two halves have four times that of one model of all, and this comparison 1 + train / synthetic
    scale = (1 + trial.learned["train"] / trial.learned["synthetic"]) / 4
    noise = halves.value**2 - halves.error(trial.people) ** 2
    return (Excess(sign * more.value, more.error(trial.people), words, (trial.task.text, kind), noise, scale),)


class _Enough:
    """Which held-out people of a group may be counted: those of outcomes that the minimum of persons has, on both real sides."""

    def __init__(self, c: Comparison, grouping: Grouping, trial: Trial) -> None:
        self._minimum, self._kind, self._trial = c.policy.minimum, trial.task.kind, trial
        self._train = _classes(trial.task, trial.outcome.of(c.train))
        self._people, self._places = c.people, grouping.of(c.train)
        self._tested = _classes(trial.task, trial.truth)

    def counted(self, place: int, inside: Bools) -> Bools | None:
        """The rows of the group that count; None when too few people are left to say anything."""
        sides = (
            (self._train, self._people, self._places == place),
            (self._tested, self._trial.people, inside),
        )
        size = max(self._trial.outcome.classes, 1)
        kept = [k for k in range(size) if all(_persons(who[rows & (classes == k)]) >= self._minimum for classes, who, rows in sides)]
        if self._kind == CLASSIFICATION:
            return inside & np.isin(self._tested, kept) if len(kept) > 1 else None
        if self._kind == SURVIVAL:
            return inside if 1 in kept else None  # of those censored there may be none
        return inside if kept else None


def _classes(task: Task, truth: Floats) -> npt.NDArray[np.int64]:
    """The class of each row, 0 for all of a regression, whether it happened for survival; −1 where unknown."""
    values = truth if truth.ndim == 1 else truth[:, 1]
    codes = np.zeros(len(values)) if task.kind == REGRESSION else np.nan_to_num(values)
    return np.where(known(truth), codes, -1).astype(np.int64)


def _persons(people: npt.NDArray[np.int32]) -> int:
    return len(np.unique(people))


def flags(risks: Floats, wanted: float) -> Floats:
    """How far each row is flagged, 0 … 1, so that the share `wanted` of all rows is: the highest risks, equal ones alike. Shape (rows,)."""
    least = np.quantile(risks, 1 - wanted, method="higher")
    above, level = risks > least, risks == least
    part = (wanted * len(risks) - above.sum()) / level.sum()
    return np.asarray(above + np.clip(part, 0, 1) * level, np.float64)


class _Rates:
    """False alarms and misses of a task of two classes, of the model learned from each side.

    Each model flags as many of the people tested as have the outcome in train: a model is not better for flagging more.
    """

    def __init__(self, c: Comparison, trial: Trial) -> None:
        self._trial, self._minimum = trial, c.policy.minimum
        self._positive = trial.truth == 1
        wanted = float(trial.priors["train"][1])
        self.sides = [side for side in ("synthetic", "shuffle", "train", *HALVES) if side not in trial.failed]
        self._flagged = {}
        for side in self.sides:
            self._flagged[side] = flags(trial.predicted(side)[:, 1], wanted)
        self._shown: dict[str, list[dict[str, float]]] = {"subgroup_false_positives": [], "subgroup_false_negatives": []}

    @staticmethod
    def of(c: Comparison, trial: Trial) -> _Rates | None:
        """None when the task has other than two classes."""
        return _Rates(c, trial) if trial.task.kind == CLASSIFICATION and trial.outcome.classes == 2 else None

    def _rate(self, metric: str, side: str, inside: Bools) -> Score:
        flagged = self._flagged[side]
        if metric == "subgroup_false_positives":
            return share(flagged, inside & ~self._positive)
        return share(1 - flagged, inside & self._positive)

    def within(
        self, c: Comparison, place: int, name: str, grouping: Grouping, inside: Bools, words: str
    ) -> tuple[list[MetricResult], list[Excess]]:
        """Of one group: both rates of the three models, and what its rates rose by beyond everybody's."""
        found: list[MetricResult] = []
        losses: list[Excess] = []
        for metric, kind in (("subgroup_false_positives", "false alarms"), ("subgroup_false_negatives", "misses")):
            rates = {side: self._rate(metric, side, inside) for side in self.sides}
            made, real = rates["synthetic"], rates["train"]
            found.append(
                result(
                    metric,
                    c.scope("subgroup", grouping.column.name, name, f"predicting {self._trial.task.text}"),
                    made.value,
                    interval=made.interval(self._trial.people, 0.0, 1.0),
                    floor=rates["shuffle"].value if "shuffle" in rates else None,
                    ceiling=real.value,
                    n=c.synthetic.rows,
                    n_ceiling=c.train.rows,
                    subsampled=self._trial.subsampled,
                    seed=c.seed,
                )
            )
            losses += _excess(self._trial, kind, f"{words}: {kind}", partial(self._rate, metric), inside, 1)
            self._shown[metric].append({side: rate.value for side, rate in rates.items()})
        return found, losses

    def spread(self, c: Comparison, grouping: Grouping, about: str) -> list[MetricResult]:
        """How far apart the groups shown so far are; starts anew."""
        shown, self._shown = self._shown, {metric: [] for metric in self._shown}
        if len(shown["subgroup_false_positives"]) < 2:
            return []
        widest = {side: max(float(np.ptp([rates[side] for rates in each])) for each in shown.values()) for side in self.sides}
        return [
            result(
                "subgroup_error_spread",
                c.scope("subgroup", grouping.column.name, ALL, about),
                widest["synthetic"],
                floor=widest.get("shuffle"),
                ceiling=widest["train"],
                n=c.synthetic.rows,
                n_ceiling=c.train.rows,
                subsampled=self._trial.subsampled,
                seed=c.seed,
            )
        ]


def _worst(c: Comparison, losses: list[Excess]) -> MetricResult:
    """The largest excess that is certain, with the error of looking at so many shared among all."""
    if not losses:
        return result(
            "subgroup_worst", c.scope(), None, failed="no target can be learned, or no group is about enough persons", seed=c.seed
        )
    noise: dict[tuple[str, str], list[float]] = {}
    for loss in losses:
        noise.setdefault(loss.kind, []).append(loss.noise)
    bound = float(norm.ppf(1 - 0.05 / len(losses)))

    def error(loss: Excess) -> float:
        return float(np.sqrt(loss.error**2 + max(0.0, float(np.mean(noise[loss.kind]))) * loss.scale))

    worst = max(losses, key=lambda loss: loss.value - bound * error(loss))
    certain = worst.value - bound * error(worst)
    if certain <= 0:
        return result("subgroup_worst", c.scope(), 0.0, n=c.synthetic.rows, remark=f"of {len(losses)} comparisons", seed=c.seed)
    remark = f"{worst.words} ({worst.value:.3f} ± {Z * error(worst):.3f} more than everybody together), of {len(losses)} comparisons"
    return result("subgroup_worst", c.scope(), certain, n=c.synthetic.rows, remark=remark, seed=c.seed)
