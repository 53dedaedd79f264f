"""Which of a generator's settings to keep: by persons held out, and by what the model remembers of those learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows
from generators.errors import InputError
from generators.learning.memorisation import Membership, bound, epsilon_for, membership
from generators.learning.model import Learner, Model
from generators.learning.watch import Epoch, Watch

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

SHARE = 0.1
"""Of the persons, held out of learning."""
WANTED = 200
"""Persons held out, where they are no more than a fifth: fewer say little."""
MOST = 20_000
"""Persons held out, at most: more say nothing further."""
FEWEST = 50
"""Persons below which none are held out: all are needed to learn."""
SMALL = 5_000
"""Persons up to which plainer settings are tried where the first model remembers: that is where remembering happens."""
REMEMBERS = 0.6
"""Where the lower end of the interval is above this, a model remembers so much that plainer settings are tried unasked."""
TRIALS = 2
"""Plainer settings tried unasked."""
LADDER = 8
"""Plainer settings tried where a highest membership was asked for."""


@dataclass(frozen=True)
class Trial:
    """One setting that was tried. held_out: mean surprise of the persons held out, in nats a row; None where the model has none."""

    options: Mapping[str, str]
    held_out: float | None
    membership: Membership | None


@dataclass(frozen=True)
class Chosen:
    """The model that is kept, the options it was fitted with, and how it came to be chosen.

    membership: None where it was not measured: under differential privacy (`bound` is then the highest area anybody can reach), where a
    model has no surprise, or there are too few persons. persons, held_out: how many persons were learned from and held out. tried: all
    settings in their order. epochs: of the fit that is kept. out_of_time: the time limit ended a fit, or the search.
    """

    model: Model
    options: Mapping[str, str]
    membership: Membership | None
    tried: tuple[Trial, ...]
    bound: float | None = None
    persons: int = 0
    held_out: int = 0
    epochs: tuple[Epoch, ...] = ()
    out_of_time: bool = False


def held_out_persons(persons: int) -> int:
    """How many of so many persons are held out."""
    if persons < FEWEST:
        return 0
    return min(MOST, max(round(SHARE * persons), min(WANTED, persons // 5)))


def hold_out(rows: CodedRows, seed: int) -> tuple[CodedRows, CodedRows | None]:
    """Rows to learn from and rows held out, no person on both sides; drawn from the seed. None: too few persons to hold any out."""
    persons = np.unique(rows.persons)
    wanted = held_out_persons(len(persons))
    if not wanted:
        return rows, None
    chosen = np.random.default_rng([seed, 0x686F6C]).choice(persons, wanted, replace=False)
    outside = np.isin(rows.persons, chosen)
    return rows.take(~outside), rows.take(outside)


def choose(
    learner: type[Learner],
    rows: CodedRows,
    *,
    seed: int,
    options: Mapping[str, str],
    watch: Watch,
    ledger: PrivacyLedger | None = None,
    max_membership: float | None = None,
) -> Chosen:
    """Fit, measure what is remembered, and make the model plainer while that is too much.

    Where few persons are learned from and the model remembers them, a few plainer settings are tried, and the one kept that remembers least
    among those that serve persons held out as well as the best does (within one standard error: L. Breiman et al., CART, 1984, 3.4.3);
    but whoever set an option is obeyed, unless they set `max_membership` too.
    max_membership: go on until the estimate is at most that. It is the estimate, not the upper end of its interval: with few persons that
    end lies above every useful limit even for a model that remembers nothing. InputError when no setting reaches it, and what `fit` raises.
    Under a ledger: one fit, nobody held out, nothing measured, since whatever is looked at is charged.
    """
    if ledger is not None:
        return _private(learner, rows, seed, options, watch, ledger, max_membership)
    learned, outside = hold_out(rows, seed)
    count = len(np.unique(learned.persons))
    search = _Search(learner, learned, outside, seed, watch)
    search.fit(options)
    first = search.tried[0]
    if first.membership is None:
        if max_membership is not None and outside is None:
            raise InputError(
                f"with fewer than {FEWEST} persons nobody can be held out to measure what is remembered, so no highest membership can be "
                "kept: choose differential privacy, or no limit"
            )
        if max_membership is not None:
            raise InputError(
                "what this generator remembers cannot be measured here, so the highest membership cannot be kept: "
                "choose a generator with a likelihood, such as autoregressive, or differential privacy"
            )
        return search.chosen(0, count)
    free = all(options.get(option.name, option.default) == option.default for option in learner.OPTIONS)
    if free and count <= SMALL and first.membership.low > REMEMBERS:
        search.climb(options, TRIALS, max_membership)
    best = search.best()
    if max_membership is None:
        return search.chosen(best, count)
    if search.area(best) <= max_membership:
        return search.chosen(best, count)
    search.climb(options, LADDER, max_membership)
    enough = [i for i in range(len(search.tried)) if search.area(i) <= max_membership]
    if enough:
        return search.chosen(min(enough, key=lambda i: search.tried[i].held_out or 0.0), count)
    lowest = min(search.area(i) for i in range(len(search.tried)))
    way = "allow more time" if watch.out_of_time else "allow more, or choose copula or differential privacy"
    raise InputError(
        f"the highest membership {max_membership:g} was not reached: the lowest of {len(search.tried)} settings is {lowest:.3f}; {way}"
    )


class _Search:
    """The fits so far, of which one is kept."""

    def __init__(self, learner: type[Learner], learned: CodedRows, outside: CodedRows | None, seed: int, watch: Watch) -> None:
        self.learner, self.learned, self.outside, self.seed, self.watch = learner, learned, outside, seed, watch
        self.tried: list[Trial] = []
        self.models: list[Model] = []
        self.epochs: list[tuple[Epoch, ...]] = []
        self.surprises: list[npt.NDArray[np.float64] | None] = []

    def fit(self, options: Mapping[str, str]) -> None:
        number = len(self.tried)
        stage = self.watch.stage if not number else f"{self.watch.stage}, plainer {number}"
        share = 0.6 if not number else 0.4 / 2**number
        inner = self.watch.part(0.0 if not number else 1 - 0.8 / 2**number, share, stage)
        model = self.learner.fit(self.learned, seed=self.seed, options=options, watch=inner, held_out=self.outside)
        self.watch.out_of_time |= inner.out_of_time
        self.watch.loss_lost |= inner.loss_lost
        found = surprise = None
        if self.outside is not None:
            surprise = model.surprise(self.outside.codes)
            found = membership(model, self.learned, self.outside, seed=self.seed)
        self.models.append(model)
        self.epochs.append(tuple(inner.epochs))
        self.surprises.append(surprise)
        self.tried.append(Trial(options, None if surprise is None else float(np.mean(surprise)), found))

    def climb(self, options: Mapping[str, str], most: int, enough: float | None) -> None:
        """Try plainer settings up to the `most`-th; stop when one remembers little enough, there is none plainer, or time is up."""
        for step in range(len(self.tried), most + 1):
            plainer = None if self.watch.out_of_time else self.learner.plainer(options, step)
            if plainer is None:
                return
            self.fit(plainer)
            if enough is not None and self.area(-1) <= enough:
                return

    def area(self, number: int) -> float:
        found = self.tried[number].membership
        return 1.0 if found is None else found.area

    def best(self) -> int:
        """The setting that remembers least among those no worse for persons held out than the best, within one standard error."""
        if len(self.tried) == 1 or self.outside is None:
            return 0
        _, person = np.unique(self.outside.persons, return_inverse=True)
        weight = np.bincount(person)
        each = [np.bincount(person, weights=s) / weight if s is not None else np.full(len(weight), np.inf) for s in self.surprises]
        leader = int(np.argmin([float(x.mean()) for x in each]))
        fit = []
        for i, x in enumerate(each):
            worse = x - each[leader]
            if i == leader or float(worse.mean()) <= float(worse.std(ddof=1)) / np.sqrt(len(worse)):
                fit.append(i)
        return min(fit, key=self.area)

    def chosen(self, number: int, persons: int) -> Chosen:
        outside = 0 if self.outside is None else len(np.unique(self.outside.persons))
        trial = self.tried[number]
        self.watch.epochs[:] = self.epochs[number]
        self.watch.tick(1.0)
        return Chosen(
            self.models[number],
            trial.options,
            trial.membership,
            tuple(self.tried),
            None,
            persons,
            outside,
            self.epochs[number],
            self.watch.out_of_time,
        )


def _private(
    learner: type[Learner],
    rows: CodedRows,
    seed: int,
    options: Mapping[str, str],
    watch: Watch,
    ledger: PrivacyLedger,
    max_membership: float | None,
) -> Chosen:
    if not learner.private:
        raise InputError("this generator is not differentially private: choose dp-marginals, or fit it without epsilon")
    ceiling = bound(ledger.epsilon, ledger.delta)
    if max_membership is not None and ceiling > max_membership:
        raise InputError(
            f"this budget bounds membership by {ceiling:.3f} only, and nothing is measured under differential privacy: "
            f"for {max_membership:g} choose an epsilon of at most {max(0.0, epsilon_for(max_membership, ledger.delta)):.3g}"
        )
    model = learner.fit(rows, seed=seed, options=options, watch=watch, ledger=ledger)
    return Chosen(model, options, None, (Trial(options, None, None),), ceiling, 0, 0, tuple(watch.epochs), watch.out_of_time)
