"""Regressions whose coefficients are compared: linear, logistic, and proportional hazards, each with its own solver.

All sides share one `Design`, fitted on train: numbers in train's standard deviations, an indicator for each category that enough persons
have, one for missing values, none that others determine. A small penalty (a normal prior with a standard deviation of 10 on each
coefficient) keeps coefficients finite where a side lacks a category or separates the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.special import expit

from evaluation.results import Incomputable
from evaluation.tables.columns import NAMED, Floats, Rows, SampledRows, categories, numbers, persons_per_code
from generators.schema import ColumnSchema

MOST = 40
"""Coefficients of one regression."""
CATEGORIES = 8
"""Categories of one column that get a coefficient or are the one compared with."""
PENALTY = 0.01
FAR = 10.0
"""Standard deviations beyond which a number counts as just so far: one wild value must not decide a coefficient."""
STEPS = 50
ENOUGH = 1e-9


@dataclass(frozen=True)
class Term:
    """One coefficient's column: a number (centre, scale), the indicator of a category, or of a missing value (neither)."""

    column: ColumnSchema
    centre: float = 0.0
    scale: float = 0.0
    category: object = None


class Design:
    """The columns as a matrix, fitted on train.

    train, holdout: with who their rows are about, codes from 0. minimum: persons on both sides that a coefficient must be about.
    """

    def __init__(
        self,
        columns: Sequence[ColumnSchema],
        train: SampledRows,
        holdout: SampledRows,
        people: npt.NDArray[np.int32],
        held_out: npt.NDArray[np.int32],
        minimum: int,
    ) -> None:
        sides = ((train, people[train.chosen]), (holdout, held_out[holdout.chosen]))
        terms = [term for column in columns for term in _terms(column, sides, minimum)][:MOST]
        self.terms: tuple[Term, ...] = tuple(terms)
        if terms:
            self.terms = tuple(terms[k] for k in _independent(self.of(train)))

    def of(self, rows: Rows) -> Floats:
        """Shape (rows, terms). Missing numbers stand at the centre: their indicator tells of them."""
        found: list[Floats] = []
        name, codes, values, numeric = "", np.empty(0, np.int64), list[object](), np.empty(0)
        for term in self.terms:
            named = term.column.kind in NAMED
            if term.column.name != name:
                name, array = term.column.name, rows.column(term.column)
                if named:
                    codes, values = categories(array)
                else:
                    numeric = numbers(term.column, array)
                    numeric[np.isinf(numeric)] = np.nan
            if term.scale:
                found.append(np.clip(np.nan_to_num((numeric - term.centre) / term.scale), -FAR, FAR))
            elif term.category is not None:
                place = values.index(term.category) if term.category in values else -1
                found.append((codes == place).astype(np.float64))
            else:
                found.append((codes == len(values) if named else np.isnan(numeric)).astype(np.float64))
        return np.column_stack(found) if found else np.empty((rows.rows, 0))


def _terms(column: ColumnSchema, sides: Sequence[tuple[Rows, npt.NDArray[np.int32]]], minimum: int) -> list[Term]:
    """The terms of one column; `sides` are train and the holdout, with the persons of their rows."""
    (train, people), _ = sides
    missing = []
    for rows, who in sides:
        absent = np.asarray(rows.column(column).is_null())
        missing.append(min(len(np.unique(who[absent])), len(np.unique(who[~absent]))))
    terms: list[Term] = []
    if column.kind in NAMED:
        about: dict[object, int] = {}
        for rows, who in sides:
            codes, values = categories(rows.column(column))
            each = persons_per_code(codes, who, len(values) + 1)
            here = {value: int(each[k]) for k, value in enumerate(values)}
            about = {v: min(n, here.get(v, 0)) for v, n in about.items()} if rows is not train else here
        kept = sorted((v for v, n in about.items() if n >= minimum), key=lambda v: (-about[v], str(v)))[:CATEGORIES]
        terms = [Term(column, category=value) for value in kept[1:]]
        if not kept:
            return []
    else:
        values_ = numbers(column, train.column(column))
        present = np.isfinite(values_)
        spread = float(np.std(values_[present])) if len(np.unique(people[present])) >= minimum else 0.0
        if spread <= 0 or not np.isfinite(spread):
            return []
        terms = [Term(column, float(np.mean(values_[present])), spread)]
    return [*terms, Term(column)] if min(missing) >= minimum else terms


def _independent(x: Floats) -> list[int]:
    """Which columns neither a constant nor those before them determine."""
    whole = np.column_stack([np.ones(len(x)), x])
    lengths = np.linalg.norm(whole, axis=0)
    (triangle,) = linalg.qr(whole / np.maximum(lengths, 1e-300), mode="r")
    own = np.abs(np.diag(triangle))
    return [k - 1 for k in range(1, min(whole.shape)) if own[k] > 1e-6 and lengths[k] > 0]


@dataclass(frozen=True)
class Estimates:
    """Coefficients and their standard errors; shape (terms,). The intercept is left out."""

    coefficients: Floats
    errors: Floats


def linear(x: Floats, y: Floats) -> Estimates:
    """Least squares of y on x and a constant. Incomputable with fewer rows than coefficients."""
    whole = np.column_stack([np.ones(len(x)), x])
    n, p = whole.shape
    if n <= p:
        raise Incomputable("too few rows for a regression")
    h = whole.T @ whole + _penalties(p)
    found = np.linalg.solve(h, whole.T @ y)
    variance = float(np.square(y - whole @ found).sum()) / (n - p)
    return Estimates(found[1:].astype(np.float64), np.sqrt(variance * np.diag(np.linalg.inv(h)))[1:])


def logistic(x: Floats, y: npt.NDArray[np.bool_]) -> Estimates:
    """Logistic regression of y on x and a constant by Newton's method. Incomputable with one class, or fewer rows than coefficients."""
    if len(x) <= x.shape[1] + 1:
        raise Incomputable("too few rows for a regression")
    if y.all() or not y.any():
        raise Incomputable("one class only")
    whole = np.column_stack([np.ones(len(x)), x])
    penalties = _penalties(whole.shape[1])
    beta = np.zeros(whole.shape[1])
    beta[0] = np.log(y.mean() / (1 - y.mean()))

    def value(b: Floats) -> float:
        eta = whole @ b
        return float(np.where(y, eta, 0.0).sum() - np.logaddexp(0, eta).sum() - b @ penalties @ b / 2)

    def step(b: Floats) -> tuple[Floats, Floats]:
        p = expit(whole @ b)
        return whole.T @ (y - p) - penalties @ b, (whole * (p * (1 - p))[:, None]).T @ whole + penalties

    beta, h = _newton(beta, value, step)
    return Estimates(beta[1:], np.sqrt(np.diag(np.linalg.inv(h)))[1:])


def proportional_hazards(x: Floats, times: Floats, events: npt.NDArray[np.bool_], penalty: float = PENALTY) -> Estimates:
    """Cox regression by Newton's method on the partial likelihood, ties after Breslow (D. R. Cox, JRSS B 1972; N. E. Breslow 1974).

    Incomputable with fewer events than coefficients.
    """
    if int(events.sum()) <= x.shape[1]:
        raise Incomputable("too few events for a regression")
    order = np.argsort(-times, kind="stable")
    x, t, e = x[order], times[order], events[order].astype(np.float64)
    last = np.flatnonzero(np.append(t[1:] != t[:-1], True))  # the last row of each time: everybody still at risk then is before it
    group = np.repeat(np.arange(len(last)), np.diff(np.append(-1, last)))
    deaths = np.bincount(group, weights=e)
    penalties = penalty * np.eye(x.shape[1])
    summed = e @ x

    def value(b: Floats) -> float:
        eta = np.clip(x @ b, -500, 500)
        at_risk = np.logaddexp.accumulate(eta)[last]
        return float(e @ eta - deaths @ at_risk - b @ penalties @ b / 2)

    def step(b: Floats) -> tuple[Floats, Floats]:
        eta = np.clip(x @ b, -500, 500)
        w = np.exp(eta - eta.max())
        total = np.cumsum(w)[last]
        means = np.cumsum(w[:, None] * x, axis=0)[last] / total[:, None]
        hazard = np.cumsum((deaths / total)[::-1])[::-1][group]  # of every row, summed over the events it was at risk for
        information = (x * (w * hazard)[:, None]).T @ x - (means * deaths[:, None]).T @ means
        return summed - deaths @ means - penalties @ b, information + penalties

    beta, h = _newton(np.zeros(x.shape[1]), value, step)
    return Estimates(beta, np.sqrt(np.diag(np.linalg.inv(h))))


def _penalties(size: int) -> Floats:
    """The constant is not penalised."""
    found = PENALTY * np.eye(size)
    found[0, 0] = 1e-9
    return found


def _newton(beta: Floats, value: Callable[[Floats], float], step: Callable[[Floats], tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Where the concave `value` is largest, and minus its second derivative there; `step` gives the first and minus the second.

    Incomputable when it is not found in `STEPS` steps.
    """
    best = value(beta)
    for _ in range(STEPS):
        slope, h = step(beta)
        move = np.linalg.solve(h, slope)
        gain = float(slope @ move)
        if gain < ENOUGH * (1 + abs(best)):
            return beta, h
        for _halving in range(30):
            tried = value(beta + move)
            if tried > best:
                break
            move = move / 2
        else:
            return beta, h
        beta, best = beta + move, tried
    raise Incomputable("the regression did not converge")
