"""What a model is: it learns coded rows and draws new ones. The rest (values, keys, several tables, saving) is around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows, Codes, Part
from generators.learning.options import Option
from generators.learning.watch import Watch

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

Allowed = Mapping[int, npt.NDArray[np.bool_]]
"""By number of a part: for each of its codes whether a sampled row may have it."""


@dataclass(frozen=True)
class Saved:
    """A model as it is stored. facts: JSON; arrays: numbers, by name; what a model is rebuilt from, with nothing that could run."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Cost:
    """What a fit is expected to take: processor seconds and bytes at the peak."""

    seconds: float
    memory: int


class Model(Protocol):
    """Rows can be drawn from it. Pure: the same given codes and the same state of `rng` give the same codes, in any process."""

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """(rows, given parts) → (rows, generated parts), one row for each given row (with 0 given parts too).

        allowed: codes the *first* generated parts may have; draws from each part's distribution given those before it, restricted. Models
        of which `restricts` is False raise ValueError when it is given.
        """
        ...

    def surprise(self, codes: Codes) -> npt.NDArray[np.float64] | None:
        """(rows, all parts) → by row the negative log-likelihood (nats) of its generated parts given the others, or what stands for it.

        None where the model has no such thing. It is what an attacker who has the model would use.
        """
        ...

    def saved(self) -> Saved:
        """What it is stored as."""
        ...


@runtime_checkable
class Starts(Protocol):
    """What a model can do besides, so that conditions on its first parts are met exactly without drawing any row in vain."""

    def starts(self, codes: Codes) -> npt.NDArray[np.float64]:
        """(rows, given parts and the first few generated ones, none of which refines another) → by row the log-likelihood (nats) of these
        generated parts given the given ones: exactly what `sample` draws from.
        """
        ...


class Learner(Protocol):
    """Fits models of one kind."""

    OPTIONS: ClassVar[tuple[Option, ...]]
    restricts: ClassVar[bool]
    """Whether its models take `allowed`."""
    limits: ClassVar[bool]
    """Whether it obeys `CodedRows.apart`; one that does not raises InputError when there are any."""
    private: ClassVar[bool]
    """Whether it can be fitted under a `PrivacyLedger`; one that cannot be fitted without says so by `only_private = True`."""

    @staticmethod
    def fit(
        rows: CodedRows,
        *,
        seed: int,
        options: Mapping[str, str],
        watch: Watch,
        held_out: CodedRows | None = None,
        ledger: PrivacyLedger | None = None,
    ) -> Model:
        """Learn. The same rows, options and seed give the same model, byte for byte, also after a resumption from `watch.kept()`.

        held_out: rows of other persons, for stopping early and choosing; never learned from. None under a ledger: whatever is looked at is
        charged. options: of `OPTIONS`, complete and checked. Raises InputError when there are too few rows for it, and what `watch.tick`
        raises.
        """
        ...

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> Model:
        """The model again. InputError when a piece is missing or of a wrong shape or type."""
        ...

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        """What fitting so many rows is expected to take on one thread."""
        ...

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """The options of a model that remembers less, the more so the higher `step` (from 1); None: there is none plainer."""
        ...
