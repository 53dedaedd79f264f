"""The most exposed people attacked by somebody who also has the method: shadow models.

The attacker fits the same generator to random halves of other people, with and without each of the attacked, and learns how much nearer to
somebody its rows lie when it knew them. Then the attacker looks at the release. People held out are in half of the shadow models just the
same, so that the only difference left is that the released rows were learned from the one and not from the other.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.definitions import result, rounded
from evaluation.privacy import membership
from evaluation.privacy.exposure import Exposed, told
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.columns import Floats, ParquetRows, SampledRows
from evaluation.work import Fit, Work

ROWS = 5000
"""Rows a shadow model learns from, at most."""
LEVEL = "the released rows, other real people and the method (shadow models)"

Bools = npt.NDArray[np.bool_]


def wanted(w: Work) -> bool:
    """Whether whoever evaluates said how to fit the generator again."""
    return w.asked.fit is not None


def shadowed(w: Work) -> list[MetricResult]:
    """Membership of the most exposed people by likelihood ratio against shadow models."""
    if w.c.synthetic.rows == 0:
        raise Incomputable("the synthetic table has no rows")
    fit = w.asked.fit
    if fit is None:
        raise Incomputable("it was not said how to fit the generator again")
    exposed = Exposed(w)
    drawn = Halves.draw(exposed, fit.models, np.random.default_rng([w.c.seed, fit.models]))
    seen = [_logarithm(exposed, rows) for rows in shadows(w, fit, exposed, drawn)]
    least = min(rows for _, rows in seen)
    released = _logarithm(exposed, SampledRows(w.c.synthetic, least, w.c.seed))[0]
    scores = likelihood_ratio(released, np.array([near for near, _ in seen]), drawn.known)
    attacked = len(exposed.learned.who)
    attack = membership.scored(scores[:attacked], scores[attacked:], minimum=w.c.policy.minimum)
    w.details.setdefault("roc", {})[LEVEL] = attack.curve
    more = {
        "n": attack.members,
        "n_ceiling": attack.others,
        "seed": w.c.seed,
        "subsampled": f"the {attacked} most exposed people; {fit.models} shadow models of at most {ROWS:,} rows, {least:,} released rows",
    }
    remark = told(attack.caught, attack.members, attack.others)
    return [
        result("membership_shadow_auc", w.c.scope(), attack.auc, interval=attack.interval, **more),
        result("membership_shadow_caught", w.c.scope(), attack.caught, interval=rounded(attack.caught_interval), remark=remark, **more),
    ]


@dataclass(frozen=True)
class Halves:
    """Which people each shadow model learns from. known: of the attacked (learned from, then held out), shape (models, people);
    each is in half of the models. rows: places of further train rows, of a random half of so many other people, by model.
    """

    known: Bools
    rows: tuple[npt.NDArray[np.int64], ...]

    @staticmethod
    def draw(exposed: Exposed, models: int, draw: np.random.Generator) -> Halves:
        """At random, with a fixed number of rows a model."""
        attacked = len(exposed.learned.who) + len(exposed.held.who)
        half = np.arange(models) < models // 2
        known = np.array([draw.permutation(half) for _ in range(attacked)]).T
        others = exposed.others()
        people = np.unique(others.who)
        rows = []
        for _ in range(models):
            some = draw.permutation(people)[: (len(people) + 1) // 2]
            places = others.chosen[np.isin(others.who, some)]
            rows.append(np.sort(draw.permutation(places)[: ROWS - attacked // 2]))
        return Halves(known, tuple(rows))


def shadows(w: Work, fit: Fit, exposed: Exposed, drawn: Halves) -> Iterator[ParquetRows]:
    """The table each shadow model makes, one after the other; its files are gone when the next is asked for."""
    train, holdout = (pq.read_table(side.path) for side in (w.c.train, w.c.holdout))
    seeds = np.random.SeedSequence([w.c.seed, fit.models]).generate_state(fit.models)
    for model, (known, rows) in enumerate(zip(drawn.known, drawn.rows, strict=True)):
        w.tick(model / fit.models)
        ours, theirs = known[: len(exposed.learned.who)], known[len(exposed.learned.who) :]
        places = np.concatenate((rows, _all_rows(w.c.people, exposed.learned.who[ours])))
        held = _all_rows(w.c.held_out, exposed.held.who[theirs])
        place = fit.folder / f"shadow-{model}"
        try:
            (place / "made").mkdir(parents=True, mode=0o700)
            half = place / f"{w.c.table.name}.parquet"
            pq.write_table(pa.concat_tables([train.take(pa.array(np.sort(places))), holdout.take(pa.array(held))]), half)
            made = fit.of({w.c.table.name: half}, place / "made", int(seeds[model]))
            yield ParquetRows("shadow", made[w.c.table.name], w.c.table)
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _all_rows(people: npt.NDArray[np.int32], some: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Places of all rows of some people."""
    return np.flatnonzero(np.isin(people, some))


def _logarithm(exposed: Exposed, rows: ParquetRows | SampledRows) -> tuple[Floats, int]:
    """For each person attacked how near the nearest row lies, as −log of the distance; and how many rows there are."""
    away = np.concatenate(exposed.away(rows)).astype(np.float64)
    return -np.log(away + membership.SMALLEST), rows.rows


def likelihood_ratio(released: Floats, near: Floats, known: Bools) -> Floats:
    """The logarithm of how much likelier what is released is if each person was learned from; higher: was there.

    released: of each person, shape (people,). near, known: the same in each shadow model, and whether it knew the person; shape (models,
    people). Normal, with each person's own means and variances common to all people, as for few models: N. Carlini and others, Membership
    Inference Attacks From First Principles (2022), section VI-D.
    """
    inside = np.nanmean(np.where(known, near, np.nan), axis=0)
    outside = np.nanmean(np.where(known, np.nan, near), axis=0)
    spread_in = max(float(((near - inside) ** 2)[known].mean()), 1e-6)
    spread_out = max(float(((near - outside) ** 2)[~known].mean()), 1e-6)
    ratio: Floats = (released - outside) ** 2 / (2 * spread_out) - (released - inside) ** 2 / (2 * spread_in)
    return ratio
