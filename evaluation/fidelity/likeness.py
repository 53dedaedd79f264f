"""Measures of how good the likeness is: columns, pairs, associations, a discriminator, rules, published scores, use for a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from evaluation.comparison import Comparison, reason
from evaluation.definitions import result, rounded
from evaluation.fidelity import association, joint, sdm
from evaluation.fidelity.crossing import Tick, silent
from evaluation.fidelity.discriminator import LIMIT, Discrimination, discriminate
from evaluation.fidelity.propensity import ratio
from evaluation.fidelity.rule_breaks import broken
from evaluation.fidelity.shares import jensen_shannon, kl, ks_complement, tvd
from evaluation.intervals import wilson
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coded import Coded
from evaluation.tables.coding import Coder
from evaluation.tables.columns import ORDERED, Rows, SampledRows, numbers
from evaluation.tables.features import Features
from generators.rules.meaning import parse
from generators.schema import ColumnSchema

PAIR_COLUMNS = 200
"""Columns whose pairs are all compared: 19,900 pairs. Of wider tables so many are drawn."""
DISTANCES: dict[str, Callable[..., float]] = {"tvd": tvd, "js": jensen_shannon, "kl": kl}
"""Of the shares of a column."""
PAIRS_LISTED = 100
"""Single pairs listed, the worst; the figure for the table is over all."""


def columns(c: Comparison, coded: Coded) -> list[MetricResult]:
    """TVD, JS and KL of every measured column, KS of every ordered one, and their means."""
    coders = {coder.column.name: coder for coder in coded.coders}
    found: list[MetricResult] = []
    for column in c.measured:
        found += [_share(c, coded, coders.get(column.name), column, metric) for metric in DISTANCES]
        if column.kind in ORDERED:
            found.append(_steps(c, column))
    means = [_mean(c, metric, [r for r in found if r.metric == metric]) for metric in ("tvd", "ks_complement", "js", "kl")]
    return means + found


def _share(c: Comparison, coded: Coded, coder: Coder | None, column: ColumnSchema, metric: str) -> MetricResult:
    distance = DISTANCES[metric]

    def measure(rows: Rows) -> float:
        if coder is None:
            raise Incomputable(c.synthetic.defects[column.name])
        real, other = (np.bincount(coded.of(side).codes[column.name], minlength=coder.size) for side in (c.train, rows))
        return distance(real, other)

    return c.twins(metric, c.scope("column", column.name), measure)


def _steps(c: Comparison, column: ColumnSchema) -> MetricResult:
    scope = c.scope("column", column.name)
    if column.name in c.thin:
        why = f"suppressed: fewer than {c.policy.minimum} persons have a value in train or holdout"
        return result("ks_complement", scope, None, failed=why, seed=c.seed)
    real = numbers(column, c.train.column(column))

    def measure(rows: Rows) -> float:
        if column.name in c.synthetic.defects:
            raise Incomputable(c.synthetic.defects[column.name])
        return ks_complement(real, numbers(column, rows.column(column)))

    return c.twins("ks_complement", scope, measure)


def _mean(c: Comparison, metric: str, results: list[MetricResult]) -> MetricResult:
    """The mean over the columns that have a value; the twins' over the same columns."""
    used = [r for r in results if r.value is not None]
    if not used:
        failed = results[0].failed if results else "the table has no column of such a kind"
        return result(f"{metric}_mean", c.scope(), None, failed=failed, seed=c.seed)
    missing = [r.scope.label for r in results if r.value is None]

    def over(numbers_: list[float | None]) -> float | None:
        present = [x for x in numbers_ if x is not None]
        return float(np.mean(present)) if len(present) == len(used) else None

    return result(
        f"{metric}_mean",
        c.scope(),
        over([r.value for r in used]),
        floor=over([r.floor for r in used]),
        ceiling=over([r.ceiling for r in used]),
        n=c.synthetic.rows,
        n_ceiling=c.holdout.rows,
        seed=c.seed,
        remark=f"without {', '.join(missing)}" if missing else None,
    )


def pairs(c: Comparison, coded: Coded, tick: Tick = silent) -> list[MetricResult]:
    """Agreement of all pairs of columns, and of the worst pairs one by one."""
    coders, sampled = _for_pairs(c, coded)
    chosen = list(combinations(range(len(coders)), 2))
    if not chosen:
        raise Incomputable("there is no pair of columns")
    accuracy, size, drawn = joint.agreements(c, coded, coders, chosen, tick=tick)
    sampled = "; ".join(filter(None, (sampled, drawn))) or None
    sizes = {"n": size, "n_ceiling": size}
    found = [
        c.twins(
            "pairwise_accuracy",
            c.scope(),
            lambda rows: float(accuracy[rows.name].mean()),
            subsampled=sampled,
            remark=c.left_out,
            **sizes,
        )
    ]
    for k in np.argsort(accuracy["synthetic"], kind="stable")[:PAIRS_LISTED]:
        scope = c.scope("pair", *(coders[i].column.name for i in chosen[k]))
        found.append(
            c.twins("pairwise_accuracy", scope, lambda rows, k=k: float(accuracy[rows.name][k]), subsampled=drawn, **sizes)  # type: ignore[misc]
        )
    return found


def _for_pairs(c: Comparison, coded: Coded) -> tuple[tuple[Coder, ...], str | None]:
    every = coded.coders
    if len(every) <= PAIR_COLUMNS:
        return every, None
    chosen = np.sort(np.random.default_rng(c.seed).choice(len(every), PAIR_COLUMNS, replace=False))
    return tuple(every[i] for i in chosen), f"the pairs among {PAIR_COLUMNS} of {len(every):,} columns, drawn at random"


def associations(c: Comparison, coded: Coded) -> tuple[list[MetricResult], dict[str, association.Associations]]:
    """Error of associations and of plain correlations; and the associations of train and of the synthetic table, for the chart."""
    coders, sampled = _for_pairs(c, coded)
    limit = association.LIMIT
    rows_ = max(side.rows for side in (c.train, c.synthetic, c.holdout))
    if rows_ > limit:
        sampled = "; ".join(filter(None, (sampled, f"at most {limit:,} rows a side, drawn at random")))
    sides: dict[str, association.Associations] = {}
    for side in (c.train, c.synthetic, c.shuffle, c.holdout):
        if side.rows:
            sides[side.name] = association.associations(SampledRows(side, limit, c.seed), coders)
    hidden = _hidden(c, coders)
    sides = {name: side.without(hidden) for name, side in sides.items()}
    real = sides["train"]
    at = [real.names.index(name) for name in real.numeric]
    numeric = hidden[np.ix_(at, at)]
    left = int(np.triu(hidden, 1).sum())
    few = f"without {left:,} pairs of columns that too few people have values in" if left else None
    more = {"subsampled": sampled, "remark": "; ".join(filter(None, (c.left_out, few))) or None}
    found = [
        c.twins("association_rmse", c.scope(), lambda r: association.rmse(real.strength, sides[r.name].strength, hidden), **more),
        c.twins("pearson_rmse", c.scope(), lambda r: association.rmse(real.pearson, sides[r.name].pearson, numeric), **more),
    ]
    return found, sides


def _hidden(c: Comparison, coders: Sequence[Coder]) -> npt.NDArray[np.bool_]:
    """Pairs of columns in which fewer persons than the minimum have both values, in train or in the holdout; shape (d, d)."""
    hidden = np.zeros((len(coders), len(coders)), np.bool_)
    for rows, who in ((c.train, c.people), (c.holdout, c.held_out)) if c.crowd[1] else ((c.train, c.people),):
        drawn = SampledRows(rows, association.LIMIT, c.seed)
        present = np.ones((drawn.rows, len(coders)), np.bool_)
        for place, coder in enumerate(coders):
            if coder.column.kind in ORDERED:
                present[:, place] = np.isfinite(numbers(coder.column, drawn.column(coder.column)))
        hidden |= association.alone(present, who[drawn.chosen], c.policy.minimum)
    np.fill_diagonal(hidden, False)
    return hidden


def discrimination(c: Comparison) -> tuple[list[MetricResult], Discrimination | None]:
    """A discriminator's AUC, how far its beliefs stray (pMSE), and that over its null; and its scores, for the chart."""
    if not c.usable:
        raise Incomputable("no column can be compared")
    features = Features(c.usable, c.train)
    made: dict[str, Discrimination] = {}

    def once(rows: Rows) -> Discrimination:
        if rows.name not in made:
            # the null hangs on the number of rows, hardly on which
            size = min(LIMIT, c.train.rows, rows.rows)
            null = next((d.null for d in made.values() if d.rows == size), None)
            made[rows.name] = discriminate(features, c.train, rows, seed=c.seed, null=null)
        return made[rows.name]

    found = [
        c.twins("discriminator_auc", c.scope(), lambda rows: once(rows).auc, remark=c.left_out),
        c.twins("boosted_pmse", c.scope(), lambda rows: once(rows).pmse, remark=c.left_out),
        c.twins("boosted_ratio", c.scope(), lambda rows: ratio(once(rows).pmse, once(rows).null), remark=c.left_out),
    ]
    mine, theirs = made.get("synthetic"), made.get("holdout")
    if mine is None or found[0].value is None:
        return found, None
    sampled = None if mine.rows == c.synthetic.rows == c.train.rows else f"{mine.rows:,} rows a side, drawn at random"
    held_out = theirs.rows if theirs else None
    found = [replace(r, subsampled=sampled, n=mine.rows, n_ceiling=held_out) for r in found]
    return [replace(found[0], interval=rounded(mine.interval)), *found[1:]], mine


def rule_breaks(c: Comparison) -> list[MetricResult]:
    """Rows that break each rule of the schema, and that break any."""
    if not c.table.rules:
        return []
    found = []
    any_broken: dict[str, npt.NDArray[np.bool_]] = {}
    for rule in c.table.rules:
        scope = c.scope("rule", rule.name)
        try:
            names = parse(rule.text).columns
            for name in names:
                c.table.column(name)
        except Exception as error:
            found.append(result("rule_violations", scope, None, failed=reason(error), seed=c.seed))
            continue
        counts: dict[str, int] = {}

        def measure(rows: Rows, rule=rule, names=names, counts=counts) -> float:  # type: ignore[no-untyped-def]
            rows_broken = broken(rows, rule, c.table, names)
            counts[rows.name] = int(rows_broken.sum())
            before = any_broken.get(rows.name)
            any_broken[rows.name] = rows_broken if before is None else before | rows_broken
            return float(counts[rows.name] / len(rows_broken))

        one = c.twins("rule_violations", scope, measure)
        if one.value is not None:
            one = replace(one, interval=rounded(wilson(counts["synthetic"], c.synthetic.rows)), remark=rule.text)
        found.append(one)
    failed = [r.scope.label for r in found if r.failed]
    remark = f"without {', '.join(failed)}" if failed else None

    def whole(rows: Rows) -> float:
        if rows.name not in any_broken:
            raise Incomputable("no rule could be checked")
        return float(any_broken[rows.name].mean())

    return [c.twins("rule_violations", c.scope(), whole, remark=remark), *found]


def published_scores(c: Comparison) -> list[MetricResult]:
    """SDMetrics' quality and diagnostic scores."""
    scored: dict[str, sdm.Scores] = {}

    def score(name: str, rows: Rows) -> float:
        if rows.name not in scored:
            scored[rows.name] = sdm.scores(c.train, rows, c.usable, seed=c.seed)
        value = scored[rows.name].quality if name == "quality" else scored[rows.name].diagnostic
        if value is None:
            raise Incomputable("SDMetrics gives no score for such columns")
        return value

    most = max(side.rows for side in (c.train, c.synthetic, c.holdout))
    sampled = f"at most {sdm.LIMIT:,} rows a side, drawn at random" if most > sdm.LIMIT else None
    return [
        c.twins(
            f"sdmetrics_{name}",
            c.scope(),
            lambda rows, name=name: score(name, rows),  # type: ignore[misc]
            n=min(c.synthetic.rows, sdm.LIMIT),
            n_ceiling=min(c.holdout.rows, sdm.LIMIT),
            subsampled=sampled,
            remark=c.left_out,
        )
        for name in ("quality", "diagnostic")
    ]
