"""For small tables: each code a straight function of the codes before it, and no network.

Few hundred rows of measured numbers do not teach a network how closely they go together; a regression of normal scores does (as a rank
Gaussian copula has them: R. Nelsen, An introduction to copulas, 2006). A head's shares are those counted, tilted towards where the codes
before it point: p(k) ∝ f(k) exp(s(k) μ / σ² + s(k)² (1 − 1/σ²) / 2), the normal density of mean μ and variance σ² relative to the standard
one, with s the scores of its codes and μ a ridge regression (Hoerl & Kennard 1970) on the scores of the codes before. That is a head of one
straight unit, so it is drawn, stored and told likely like any other; whether it serves better than the network, rows held out decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from generators.encoding.coded import CodedRows
from generators.models.alike import orders
from generators.models.autoregressive.drawing import Drawing, Weights
from generators.models.autoregressive.layout import LARGE, Layout, drawing_order
from generators.models.autoregressive.tables import Table, TableChooser

RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""In rows."""
WIDEST = 256
"""Parts, of more it is not tried: each has a place of its own in the embedding."""
LEAST_VARIANCE = 1e-3

Doubles = npt.NDArray[np.float64]


def straight(rows: CodedRows, held_out: CodedRows, least: int, restraint: int, seed: int) -> tuple[Layout, Weights] | None:
    """The layout and the weights, with the ridge that tells most of the rows held out; None for a table too wide, or of very large parts.

    least: the fewest persons a count may be about; restraint: the least ridge is as many steps stronger.
    """
    if len(rows.parts) > WIDEST or any(part.size > LARGE for part in rows.parts):
        return None
    layout = Layout(rows.parts, rows.given, drawing_order(rows.parts, rows.given), {})
    columns = layout.inputs(rows.codes)
    chooser = TableChooser(layout, columns, rows.persons, rows.apart, least, seed)
    tables = [chooser.table(head, 0)[0] for head in layout.heads]
    scores = _scores(rows, columns, least)
    best: tuple[float, Weights] | None = None
    for ridge in RIDGES[restraint:]:
        weights = _weights(layout, tables, scores, columns, rows.apart, ridge)
        surprise = float(Drawing(layout, weights).surprise(held_out.codes).mean())
        if best is None or surprise < best[0]:
            best = surprise, weights
    return None if best is None else (layout, best[1])


def _scores(rows: CodedRows, columns: Sequence[npt.NDArray[np.int32]], least: int) -> list[Doubles]:
    """By part the normal score of each code, of mean 0 and variance 1; 0 for the code of parts that say nothing, which comes last."""
    found = []
    for part, column, order in zip(rows.parts, columns, orders(rows), strict=True):
        counts = np.maximum(np.bincount(column, minlength=part.size + 1)[: part.size], least)[order]
        share = counts / counts.sum()
        score = np.zeros(part.size + 1)
        score[order] = ndtri(np.cumsum(share) - share / 2)
        middle = share @ score[order]
        spread = np.sqrt(max(1e-9, share @ (score[order] - middle) ** 2))
        score[: part.size] = (score[: part.size] - middle) / spread
        found.append(score)
    return found


def _weights(
    layout: Layout,
    tables: Sequence[Table],
    scores: Sequence[Doubles],
    columns: Sequence[npt.NDArray[np.int32]],
    apart: frozenset[tuple[int, int]],
    ridge: float,
) -> Weights:
    starts, size = layout.starts
    count = len(layout.parts)
    embedding = np.zeros((size, count), dtype=np.float32)
    for number, score in enumerate(scores):
        embedding[starts[number] : starts[number] + layout.input_size(number), number] = score[: layout.input_size(number)]
    features = np.stack([score[column] for score, column in zip(scores, columns, strict=True)], axis=1)
    inward: list[npt.NDArray[np.float32] | None] = []
    outward: list[npt.NDArray[np.float32] | None] = []
    final, hidden_from = [], []
    for head, table in zip(layout.heads, tables, strict=True):
        not_seen = {other for pair in apart if head.part in pair for other in pair if other != head.part}
        hidden_from.append(tuple(sorted(not_seen)))
        seen = [part for part in layout.order[: layout.order.index(head.part)] if part not in not_seen]
        said = columns[head.part] < layout.parts[head.part].size
        if not seen or said.sum() <= 2 or head.size < 2:
            inward.append(None)
            outward.append(None)
            final.append(table)
            continue
        score = scores[head.part][: head.size]
        slope, constant, variance = _regressed(features[said][:, seen], scores[head.part][columns[head.part][said]], ridge)
        into = np.zeros((count + 1, 1), dtype=np.float32)
        into[seen, 0], into[-1, 0] = slope, constant
        inward.append(into)
        outward.append((score / variance).astype(np.float32)[:, None])
        final.append(Table(table.parents, (table.log_shares + score**2 * (1 - 1 / variance) / 2).astype(np.float32)))
    return Weights(embedding, inward, outward, final, hidden_from, [0 if each is None else 1 for each in inward])


def _regressed(before: Doubles, own: Doubles, ridge: float) -> tuple[Doubles, float, float]:
    """Slopes, constant and the variance that is left, by the degrees of freedom that the ridge leaves."""
    middle, mean = before.mean(axis=0), own.mean()
    centred = before - middle
    gram = centred.T @ centred
    inverse = np.linalg.inv(gram + ridge * np.eye(len(gram)))
    slope = inverse @ (centred.T @ (own - mean))
    left = own - mean - centred @ slope
    freedom = max(1.0, len(own) - 1 - float(np.trace(inverse @ gram)))
    return slope, float(mean - middle @ slope), float(np.clip((left**2).sum() / freedom, LEAST_VARIANCE, 1.0))
