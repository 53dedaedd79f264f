"""A fitted model: what it holds, how it is stored, and its use. Nothing here needs the library it was learned with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes, Part
from generators.errors import InputError
from generators.learning.model import Allowed, Saved
from generators.models.autoregressive.drawing import Drawing, Weights
from generators.models.autoregressive.layout import Layout, drawing_order
from generators.models.autoregressive.tables import Source, Table

EDITED = "this model was edited or damaged: {}; fit it again"


class AutoregressiveModel:
    """Draws each part given those before it. record: what was chosen and how the fit went, for people."""

    def __init__(self, layout: Layout, weights: Weights, record: Mapping[str, Any]) -> None:
        self.layout, self.weights, self.record = layout, weights, dict(record)
        self._drawing = Drawing(layout, weights)

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """(rows, given parts) → int32 (rows, generated parts). `allowed` holds for any part; parts that refine another are drawn last."""
        if given.ndim != 2 or given.shape[1] != self.layout.given:
            raise ValueError(f"this model is given {self.layout.given} parts")
        return self._drawing.rows(given, rng, allowed)

    def surprise(self, codes: Codes) -> npt.NDArray[np.float64]:
        """(rows, all parts) → by row the exact negative log-likelihood of the generated parts given the others, in nats."""
        return self._drawing.surprise(codes)

    def starts(self, codes: Codes) -> npt.NDArray[np.float64]:
        """As `generators.learning.model.Starts`."""
        return self._drawing.starts(codes)

    def saved(self) -> Saved:
        """Weights as float32 arrays, everything else as JSON."""
        arrays: dict[str, npt.NDArray[Any]] = {"embedding": self.weights.embedding}
        tables = []
        for number, table in enumerate(self.weights.tables):
            arrays[f"table.{number}"] = table.log_shares
            tables.append([[parent.part, parent.group, parent.size] for parent in table.parents])
            inward, outward = self.weights.inward[number], self.weights.outward[number]
            if inward is not None and outward is not None:
                arrays[f"inward.{number}"], arrays[f"outward.{number}"] = inward, outward
        for part, places in self.layout.groups.items():
            arrays[f"groups.{part}"] = places
        facts = {"tables": tables, "large": sorted(self.layout.groups), "straight": list(self.weights.straight)}
        return Saved({**facts, "apart": [list(parts) for parts in self.weights.apart], "record": self.record}, arrays)


def loaded(saved: Saved, parts: tuple[Part, ...], given: int) -> AutoregressiveModel:
    """The model that `saved` gave. InputError when a piece is missing, of a wrong shape or type, or no number."""
    try:
        large = [int(number) for number in saved.facts["large"]]
        groups = {number: _array(saved, f"groups.{number}", (parts[number].size, 2), np.int32) for number in large}
        for places in groups.values():
            if places.min() < 0 or places.max() >= 256 or len(np.unique(places, axis=0)) < len(places):
                raise InputError(EDITED.format("groups of codes do not hold together"))
        layout = Layout(parts, given, drawing_order(parts, given), groups)
        tables: list[Table] = []
        inward: list[npt.NDArray[np.float32] | None] = []
        outward: list[npt.NDArray[np.float32] | None] = []
        embedding = _array(saved, "embedding", (layout.starts[1], None), np.float32)
        for number, (head, told) in enumerate(zip(layout.heads, saved.facts["tables"], strict=True)):
            parents = tuple(Source(int(part), bool(group), int(size)) for part, group, size in told)
            _check(parents, layout, number)
            rows = int(np.prod([parent.size for parent in parents]))
            tables.append(Table(parents, _array(saved, f"table.{number}", (rows, head.size), np.float32)))
            if f"inward.{number}" in saved.arrays:
                first = _array(saved, f"inward.{number}", (embedding.shape[1] + 1, None), np.float32)
                inward.append(first)
                outward.append(_array(saved, f"outward.{number}", (head.size, first.shape[1]), np.float32))
            else:
                inward.append(None)
                outward.append(None)
        apart = [tuple(int(part) for part in each) for each in saved.facts["apart"]]
        if len(apart) != len(tables) or any(not 0 <= part < len(parts) for each in apart for part in each):
            raise InputError(EDITED.format("parts kept apart"))
        straight = [int(units) for units in saved.facts["straight"]]
        if any(not 0 <= few <= (0 if each is None else each.shape[1]) for few, each in zip(straight, inward, strict=True)):
            raise InputError(EDITED.format("units of the network"))
        return AutoregressiveModel(layout, Weights(embedding, inward, outward, tables, apart, straight), dict(saved.facts["record"]))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
        raise InputError(EDITED.format("a piece is missing or of another form")) from error


def _array(saved: Saved, name: str, shape: Sequence[int | None], kind: type[np.generic]) -> npt.NDArray[Any]:
    array = saved.arrays[name]
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != kind or not np.isfinite(array).all():
        raise InputError(EDITED.format(f'the array "{name}" has another shape, type or something that is no number'))
    return array


def _check(parents: Sequence[Source], layout: Layout, number: int) -> None:
    """A table hangs only on what is drawn before its head."""
    head = layout.heads[number]
    place = layout.order.index(head.part)
    for parent in parents:
        own_group = parent.part == head.part and parent.group and number > 0 and layout.heads[number - 1].part == head.part
        if not own_group and (parent.part not in layout.order[:place]):
            raise InputError(EDITED.format("a table hangs on a part drawn later"))
        if parent.size != (layout.group_size(parent.part) if parent.group else layout.input_size(parent.part)):
            raise InputError(EDITED.format("a table is of another size"))
