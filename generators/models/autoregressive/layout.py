"""The order in which parts are drawn, and the heads that draw them.

Parts keep their order, but those that refine another (`Part.of`) come last: the chain rule holds in any order, and rows that agree so far,
of which there are more without the fine parts, are drawn together. A part of very many codes is drawn in two steps: a group of codes
that go together with the same other codes, then a member of it; an ordered part too: a run of neighbours, then one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes, Part

WHOLE, GROUP, MEMBER = "whole", "group", "member"
LARGE = 256
"""Parts of more codes are drawn in two steps."""
MANY = 16
"""As are ordered parts of more codes."""


@dataclass(frozen=True)
class Head:
    """One draw. part: its number; what: the whole code, or its group or its member of the group; size: among how many."""

    part: int
    what: str
    size: int


@dataclass(frozen=True)
class Layout:
    """parts; given: how many come first and are not drawn; order: the numbers of all parts in the order drawn, context first.

    groups: by number of a large part, for each of its codes the number of its group and of its place in that: int32 (codes, 2).
    """

    parts: tuple[Part, ...]
    given: int
    order: tuple[int, ...]
    groups: dict[int, npt.NDArray[np.int32]]

    @property
    def heads(self) -> tuple[Head, ...]:
        """In the order drawn."""
        heads = []
        for number in self.order[self.given :]:
            if number in self.groups:
                most = self.groups[number].max(axis=0) + 1
                heads += [Head(number, GROUP, int(most[0])), Head(number, MEMBER, int(most[1]))]
            else:
                heads.append(Head(number, WHOLE, self.parts[number].size))
        return tuple(heads)

    @property
    def starts(self) -> tuple[dict[int, int], int]:
        """Where in the embedding each part's codes start, and under −1 − its number the groups of a large part; and how many in all."""
        starts, at = {}, 0
        for number in range(len(self.parts)):
            starts[number] = at
            at += self.input_size(number)
        for number in sorted(self.groups):
            starts[-1 - number] = at
            at += self.group_size(number)
        return starts, at

    def inputs(self, codes: Codes) -> list[npt.NDArray[np.int32]]:
        """By part its codes, those a part says nothing about as one code more: its `size`. What a network and tables are given."""
        found = []
        for number, part in enumerate(self.parts):
            column = codes[:, number].astype(np.int32)
            if part.of is not None and part.within is not None:
                above = codes[:, part.of]
                column[(above < part.within[0]) | (above >= part.within[1])] = part.size
            found.append(column)
        return found

    def input_size(self, number: int) -> int:
        """How many codes `inputs` has for a part."""
        return self.parts[number].size + (self.parts[number].of is not None)

    def group_size(self, number: int) -> int:
        """How many codes `group` has for a large part."""
        return int(self.groups[number][:, 0].max()) + 1 + (self.parts[number].of is not None)

    def group(self, number: int, column: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The groups of a large part's codes; one group more stands for codes the part says nothing about. column: of `inputs`."""
        last = int(self.groups[number][:, 0].max()) + 1
        return np.concatenate([self.groups[number][:, 0], np.array([last], dtype=np.int32)])[column]

    def target(self, head: Head, column: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """What a head should have drawn: −1 where its part says nothing. column: of `inputs`."""
        if head.what == WHOLE:
            return np.where(column < self.parts[head.part].size, column, -1).astype(np.int32)
        drawn = np.concatenate([self.groups[head.part], np.full((1, 2), -1, dtype=np.int32)])
        return np.asarray(drawn[column, 0 if head.what == GROUP else 1], dtype=np.int32)


def drawing_order(parts: Sequence[Part], given: int) -> tuple[int, ...]:
    """Context, then what stands by itself, then what refines."""
    generated = range(given, len(parts))
    return (*range(given), *(i for i in generated if parts[i].of is None), *(i for i in generated if parts[i].of is not None))


def code_of(places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """(groups, members) → the code, −1 where there is none."""
    size = places.max(axis=0) + 1
    result = np.full(tuple(size), -1, dtype=np.int32)
    result[places[:, 0], places[:, 1]] = np.arange(len(places))
    return result


def alike(number: int, columns: Sequence[npt.NDArray[np.int32]], sizes: Sequence[int], beside: Sequence[int]) -> npt.NDArray[np.int32]:
    """For each code of a large part a group and a place: codes met with the same codes of the parts `beside` share a group.

    Correspondence analysis (Greenacre 1984): profiles of codes weighed by the chi-square metric, halved again and again along their leading
    axis until groups hold about √codes. Returns int32 (codes, 2).
    """
    size = sizes[number]
    blocks = []
    for other in beside:
        width = sizes[other]
        met = np.bincount(columns[number].astype(np.int64) * width + columns[other], minlength=(size + 1) * width)[: size * width]
        table = met.reshape(size, width).astype(np.float32)
        share = table.sum(axis=0) / max(1.0, table.sum())
        profile = (table + 2 * share) / (table.sum(axis=1, keepdims=True) + 2)
        blocks.append((profile - share) / np.sqrt(np.maximum(share, 1e-3)))
    profiles = np.concatenate(blocks, axis=1) if blocks else np.zeros((size, 1), dtype=np.float32)
    halvings = max(1, round(np.log2(size) / 2))
    found = [np.arange(size)]
    for _ in range(halvings):
        found = [half for codes in found for half in _halves(codes, profiles)]
    result = np.zeros((size, 2), dtype=np.int32)
    for group, codes in enumerate(found):
        result[codes, 0] = group
        result[codes, 1] = np.arange(len(codes))
    return result


def neighbouring(part: Part, column: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """For each code of an ordered part a group and a place: runs of neighbours of about equal weight, and what has no order by itself.

    Returns int32 (codes, 2). Few groups tell what the codes hang on from far fewer rows than many codes do.
    """
    first, last = part.ordered_codes or (0, part.size)
    weight = np.bincount(column, minlength=part.size)[first:last] + 0.5
    wanted = max(2, round(np.sqrt(last - first)))
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    run = np.minimum((middle * wanted).astype(np.int64), wanted - 1)
    _, run = np.unique(run, return_inverse=True)
    group = np.full(part.size, run.max() + 1)
    group[first:last] = run
    place = np.zeros(part.size, dtype=np.int64)
    for number in range(int(group.max()) + 1):
        here = np.flatnonzero(group == number)
        place[here] = np.arange(len(here))
    return np.stack([group, place], axis=1).astype(np.int32)


def _halves(codes: npt.NDArray[Any], profiles: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The codes in two halves along the leading axis of their profiles (by power iteration)."""
    here = profiles[codes] - profiles[codes].mean(axis=0)
    axis = here[np.argmax((here**2).sum(axis=1))]
    for _ in range(12):
        axis = here.T @ (here @ axis)
        axis = axis / max(1e-12, float(np.linalg.norm(axis)))
    order = codes[np.argsort(here @ axis, kind="stable")]
    middle = (len(order) + 1) // 2
    return [np.sort(order[:middle]), np.sort(order[middle:])]
