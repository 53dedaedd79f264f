"""Measures of what a release would tell about real people, and whether the table is what its schema says."""

from __future__ import annotations

from evaluation.comparison import Comparison, reason
from evaluation.definitions import result
from evaluation.intervals import wilson
from evaluation.privacy.collisions import TrainRows
from evaluation.privacy.rare import extremes, guarded, rare_values
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.columns import ORDERED


def rare(c: Comparison) -> list[MetricResult]:
    """Rare values of train, and unprotected extremes, that appear in the synthetic table."""
    found = []
    for column in guarded(c.table):
        scope = c.scope("column", column.name)
        try:
            known = rare_values(c.train, column, c.people, c.policy.minimum, c.public.get(column.name))
            if column.name in c.synthetic.defects:
                raise Incomputable(c.synthetic.defects[column.name])
            if not c.synthetic.rows:
                raise Incomputable("the synthetic table has no rows")
            found.append(
                result(
                    "rare_values",
                    scope,
                    known.appearing(c.synthetic),
                    floor=len(known.values),
                    ceiling=known.appearing(c.holdout),
                    n=len(known.values),
                    n_ceiling=len(known.values),
                    seed=c.seed,
                )
            )
        except Exception as error:
            found.append(result("rare_values", scope, None, failed=reason(error), seed=c.seed))
    return [_total(c, found), *found, _extremes(c)]


def _total(c: Comparison, columns: list[MetricResult]) -> MetricResult:
    """The sum over columns; a column that could not be checked makes the whole unknown, unless a rare value was found anyway."""
    if not c.synthetic.rows:
        return result("rare_values", c.scope(), None, failed="the synthetic table has no rows", seed=c.seed)
    checked = [r for r in columns if r.failed is None]
    total = sum(r.value or 0 for r in checked)
    unchecked = [r.scope.label for r in columns if r.failed is not None]
    appearing = [f"{r.scope.label} ({r.value:,.0f})" for r in checked if r.value]
    if unchecked and not total:
        return result("rare_values", c.scope(), None, failed=f"not checked in {', '.join(unchecked)}", seed=c.seed)
    return result(
        "rare_values",
        c.scope(),
        total,
        floor=sum(r.floor or 0 for r in checked),
        ceiling=sum(r.ceiling or 0 for r in checked),
        n=sum(r.n or 0 for r in checked),
        n_ceiling=sum(r.n or 0 for r in checked),
        seed=c.seed,
        remark=f"in {', '.join(appearing)}" if appearing else None,
    )


def _extremes(c: Comparison) -> MetricResult:
    columns = [column for column in c.usable if column.kind in ORDERED]
    ends = [extremes(c.train, column, c.people, c.policy.minimum) for column in columns]
    appearing = [e.column.name for e in ends if e.appear(c.synthetic)]
    if not c.synthetic.rows:
        return result("rare_extremes", c.scope(), None, failed="the synthetic table has no rows", seed=c.seed)
    remarks = [f"in {', '.join(appearing)}"] if appearing else []
    if c.left_out:
        remarks.append(c.left_out)
    return result(
        "rare_extremes",
        c.scope(),
        len(appearing),
        floor=sum(bool(len(e.values)) for e in ends),
        ceiling=sum(e.appear(c.holdout) for e in ends),
        n=sum(bool(len(e.values)) for e in ends),
        n_ceiling=sum(bool(len(e.values)) for e in ends),
        seed=c.seed,
        remark="; ".join(remarks) or None,
    )


def copies(c: Comparison) -> list[MetricResult]:
    """Rows equal to a train row, on all measured columns (keys, identifiers and free text are made anew and would hide a copy)."""
    if not c.usable:
        raise Incomputable("no column can be compared")
    known = TrainRows(c.train, c.usable, c.people, c.policy.minimum)
    sides = {rows.name: known.collisions(rows) for rows in (c.synthetic, c.holdout, c.shuffle)}
    found = []
    for metric, count in (("collisions", "equal"), ("rare_row_collisions", "rare")):
        made = sides["synthetic"]
        found.append(
            c.twins(
                metric,
                c.scope(),
                lambda rows, count=count: getattr(sides[rows.name], count) / rows.rows,  # type: ignore[misc]
                interval=wilson(getattr(made, count), made.rows) if made.rows and c.crowd[0] else None,
                remark=c.left_out,
            )
        )
    return found
