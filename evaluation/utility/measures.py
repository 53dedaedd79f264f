"""The steps of the basket that ask what the release is good for."""

from __future__ import annotations

from evaluation.comparison import Comparison
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.features import Features
from evaluation.utility import prediction
from evaluation.work import Measure, Work


def _predictions(w: Work) -> list[MetricResult]:
    return [found for name in w.asked.targets for found in predicted(w.c, name)]


def predicted(c: Comparison, name: str) -> list[MetricResult]:
    """Train on synthetic, test on the real holdout; its ceiling trains on train, its floor on the shuffle."""
    column = c.table.column(name)
    if name in c.synthetic.defects:
        raise Incomputable(c.synthetic.defects[name])
    if not c.crowd[1]:
        raise Incomputable(f"suppressed: the holdout is about fewer than {c.policy.minimum} persons")
    target = prediction.target_of(c.train, column)
    features = Features(prediction.predictors(c.usable, column), c.train)
    fitted = {c.holdout.name: c.train}
    remark = f"target: {name}" + (", above the train median or not" if target.median is not None else "")
    return [
        c.twins(
            "target_auc",
            c.scope(),
            lambda rows: prediction.target_auc(features, target, fitted.get(rows.name, rows), c.holdout, seed=c.seed),
            remark=remark,
            subsampled=f"at most {prediction.LIMIT:,} rows to train on" if max(c.train.rows, c.synthetic.rows) > prediction.LIMIT else None,
        )
    ]


MEASURES = (Measure("predicting", ("target_auc",), _predictions, 10, lambda w: bool(w.asked.targets)),)
