"""Measures of what the released rows tell about the people the generator learned from, each beside people who were held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from evaluation.comparison import Comparison
from evaluation.definitions import rounded
from evaluation.intervals import clustered, dealt, median, middle
from evaluation.privacy import anonymity, attacks, membership, support
from evaluation.privacy.attacked import Attacked
from evaluation.results import MetricResult
from evaluation.tables import nearness
from evaluation.tables.columns import Floats, Rows
from evaluation.tables.nearness import Placed, both_ways
from evaluation.work import Work
from generators.schema import Role

SECRETS = 5
"""Sensitive columns whose inference is tried."""
LEVELS = {
    "quasi": "the released rows, of each person the quasi-identifiers only",
    "distance": "the released rows, of each person every column",
    "density": "the released rows and other real people",
}
"""What an attacker has, by the name of the level, weakest first; shadow models, which add the method, are in `shadows`."""


def distances(w: Work) -> list[MetricResult]:
    """Whether released rows lie nearer to train than to people held out, and on single real rows; authenticity, precision, recall."""
    a = w.shared(Attacked)

    made, people = a.c.synthetic, int(a.c.people.max()) + 1

    def nearer(rows: Rows) -> Floats:
        return nearness.nearer(a.near(rows, "members").distances[:, 0], a.near(rows, "control").distances[:, 0])

    def nearest_person(rows: Rows) -> npt.NDArray[np.int64]:
        """Whoever is nearest to each released row: of train, or held out."""
        mine, others = a.near(rows, "members"), a.near(rows, "control")
        closer = mine.distances[:, 0] <= others.distances[:, 0]
        held = a.control.who[others.positions[:, 0]].astype(np.int64) + people
        return np.where(closer, a.members.who[mine.positions[:, 0]], held)

    def authentic(rows: Rows) -> Floats:
        return support.authentic(a.near(rows, "train"), a.own)

    def ratios(rows: Rows) -> Floats:
        return nearness.ratios(a.near(rows, "train").distances)

    found = [
        a.result("nearer_to_train", lambda rows: float(nearer(rows).mean())),
        a.result("nearest_ratio", lambda rows: median(ratios(rows), a.whose(rows))),
        a.result("authenticity", lambda rows: float(authentic(rows).mean())),
        a.result("alpha_precision", lambda rows: support.precision(a.points_of(rows), a.train)),
        a.result("beta_recall", lambda rows: support.recall(*_as_many(a, a.points_of(rows)))),
    ]
    if found[0].value is not None:
        behind = np.bincount(np.concatenate((a.members.who, a.control.who.astype(np.int64) + people)))
        found[0] = _with(found[0], dealt(nearer(made), nearest_person(made), behind))
        found[1] = _with(found[1], middle(ratios(made), a.whose(made)))
        found[2] = _with(found[2], clustered(authentic(made), a.learned.who[a.near(made, "train").positions[:, 0]].astype(np.int64)))
    return found


def _as_many(a: Attacked, released: Placed) -> tuple[Placed, Placed]:
    """As many released rows as train rows, and as there are fresh ones: the synthetic table and the holdout are measured alike."""
    size = min(len(released), a.fresh.rows, a.members.rows)
    draw = np.random.default_rng(a.c.seed)
    mine, theirs = (side.only(np.sort(draw.permutation(len(side))[:size])) for side in (released, a.equals[0]))
    return mine, theirs


def _with(found: MetricResult, interval: tuple[float, float]) -> MetricResult:
    return found if found.value is None else replace(found, interval=rounded(interval))


def memberships(w: Work) -> list[MetricResult]:
    """Membership inference, by what the attacker has: see `LEVELS`. Leaves the curves for reviewers in `details["roc"]`."""
    a = w.shared(Attacked)

    def by_quasi(rows: Rows) -> tuple[Floats, Floats]:
        released, train, held = (side.restricted(*a.quasi_identifiers) for side in (a.points_of(rows), a.train, a.held))
        return -both_ways(released, train).back.astype(np.float64), -both_ways(released, held).back.astype(np.float64)

    def by_distance(rows: Rows) -> tuple[Floats, Floats]:
        return -a.near(rows, "train").back.astype(np.float64), -a.near(rows, "control").back.astype(np.float64)

    def by_density(rows: Rows) -> tuple[Floats, Floats]:
        train, held = a.others
        return membership.ratio(a.near(rows, "train").back, train), membership.ratio(a.near(rows, "control").back, held)

    found = []
    for place, (level, scores) in enumerate((("quasi", by_quasi), ("distance", by_distance), ("density", by_density))):
        w.tick(place / 3)
        found += _levelled(w, a, level, scores)
    return found


def _levelled(w: Work, a: Attacked, level: str, scores: Callable[[Rows], tuple[Floats, Floats]]) -> list[MetricResult]:
    made: dict[str, membership.Attack] = {}

    def attack(rows: Rows) -> membership.Attack:
        if rows.name not in made:
            members, others = scores(rows)
            of_persons = membership.by_person(members, a.learned.who), membership.by_person(others, a.control.who)
            made[rows.name] = membership.scored(*of_persons, minimum=a.c.policy.minimum)
        return made[rows.name]

    auc = a.result(f"membership_{level}_auc", lambda rows: attack(rows).auc)
    caught = a.result(f"membership_{level}_caught", lambda rows: attack(rows).caught)
    mine = made.get(a.c.synthetic.name)
    if mine is None or auc.value is None:
        return [auc, caught]
    w.details.setdefault("roc", {})[LEVELS[level]] = mine.curve
    counted = {"n": mine.members, "n_ceiling": mine.others}
    return [
        replace(auc, interval=rounded(mine.interval), **counted),  # type: ignore[arg-type]
        replace(caught, interval=rounded(mine.caught_interval), **counted),  # type: ignore[arg-type]
    ]


def risks(w: Work) -> list[MetricResult]:
    """Singling out, linkability, and inference of each sensitive column."""
    a = w.shared(Attacked)
    seed = a.c.seed
    columns = a.gower.columns
    secrets = [place for place, column in enumerate(columns) if column.role is Role.SENSITIVE][:SECRETS]
    found = [_risk(a, "singling_out", lambda rows: attacks.singling_out(a.points_of(rows), *a.equals, seed=seed))]
    w.tick(0.4)
    found.append(_risk(a, "linkability", lambda rows: attacks.linkability(a.points_of(rows), a.train, a.held, seed=seed)))
    for done, place in enumerate(secrets):
        w.tick(0.6 + 0.4 * done / len(secrets))

        def inferred(rows: Rows, place: int = place) -> attacks.Risk:
            return attacks.inference(a.points_of(rows), a.train, a.held, place, seed=seed)

        found.append(_risk(a, "inference", inferred, columns[place].name))
    return found


def _risk(a: Attacked, metric: str, attack: Callable[[Rows], attacks.Risk], *names: str) -> MetricResult:
    made: dict[str, attacks.Risk] = {}

    def measure(rows: Rows) -> float:
        made[rows.name] = attack(rows)
        return made[rows.name].value

    found = a.result(metric, measure, *names)
    mine = made.get(a.c.synthetic.name)
    if mine is None or found.value is None:
        return found
    remark = f"{mine.attack:.1%} of {mine.attacks:,} attacks on people learned from succeed, {mine.control:.1%} on people held out"
    if mine.naive is not None:
        remark += f", {mine.naive:.1%} of guesses without the released rows"
        if mine.attack <= mine.naive:
            remark += ": no better than guessing"
    return replace(found, interval=rounded(mine.interval), n=mine.attacks, remark=remark)


def anonymous(c: Comparison) -> list[MetricResult]:
    """k-anonymity of the released rows on quasi-identifiers, and those alone that match a real person alone."""
    columns = anonymity.quasi_identifiers(c.table, c.usable)
    found: dict[str, anonymity.Classes] = {}

    def classes(rows: Rows) -> anonymity.Classes:
        if rows.name not in found:
            found[rows.name] = anonymity.classes(rows, c.train, c.people, columns, c.policy.minimum)
        return found[rows.name]

    by = f"by {', '.join(column.name for column in columns)}"
    small = f"classes of fewer than {c.policy.minimum} rows, {by}"
    return [
        c.twins("matching_uniques", c.scope(), lambda rows: classes(rows).matching, remark=by),
        c.twins("uniques", c.scope(), lambda rows: classes(rows).alone, remark=by),
        c.twins("small_classes", c.scope(), lambda rows: classes(rows).small, remark=small),
        c.twins("smallest_class", c.scope(), lambda rows: float(classes(rows).smallest), remark=by),
    ]
