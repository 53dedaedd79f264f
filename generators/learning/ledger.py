"""The ledger of a private fit: every look at the records is charged before it happens, and records are reached in no other way.

The unit is the person: data with and without all rows of one person are neighbours. At most `contributions` rows of each person count,
chosen by lot, whatever is in them. What looks spend is added up as ρ of zero-concentrated differential privacy (M. Bun and T. Steinke,
Concentrated Differential Privacy: Simplifications, Extensions, and Lower Bounds, 2016, lemma 1.7; looks may be chosen by what earlier ones
gave) and converted to (ε, δ) by OpenDP. Noise is OpenDP's, from the system's secure source: a seed that is kept would undo the guarantee,
so a private fit never comes out twice. What is drawn from the fitted model does.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, NoReturn, cast

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows, Codes
from generators.errors import InputError
from generators.learning.mechanisms import OPENDP, Mechanisms
from generators.learning.options import Budget
from generators.summarising.private_noise import converted

UNIT = "person"
ACCOUNTANT = "zero-concentrated differential privacy, basic composition, converted to (ε, δ) by OpenDP 0.16"

Counts = npt.NDArray[np.int64]
Groups = npt.NDArray[np.int64]
"""By code of a part: the number of its group, from 0, none of them empty."""
Curve = npt.NDArray[np.float64]
"""By order of `ORDERS`: what a look spends in Rényi differential privacy."""
Conversion = Callable[[Sequence[float], Curve, float], float]
"""(orders, what has been spent at each, δ) → ε."""

ORDERS: tuple[float, ...] = (
    1.5,
    *(float(x) for x in (2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128, 192, 256, 512)),
)
"""Orders of Rényi differential privacy at which looks that are no plain Gaussian noise are added up; more would lower ε a little."""

SLACK = 1e-9
"""What sums of floating-point charges may be beyond the budget by their rounding."""


class UnchargedLook(RuntimeError):
    """Records of a private fit were touched without a charge: a fault in the program, never in the data."""


class Guarded:
    """Numbers of records that only a ledger can read: any other use raises `UnchargedLook`. shape: (rows as released, parts)."""

    __slots__ = ("_ledger", "_values", "ndim", "shape")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, values: npt.NDArray[Any], ledger: PrivacyLedger, shape: tuple[int, ...]) -> None:
        self._values, self._ledger, self.shape, self.ndim = values, ledger, shape, len(shape)

    def opened(self, ledger: PrivacyLedger) -> npt.NDArray[Any]:
        """The numbers, for the ledger they belong to while it looks."""
        if not ledger.owns(self._ledger) or not ledger.is_looking:
            raise UnchargedLook("records of a private fit are read only within a charged look")
        return self._values

    def __len__(self) -> int:
        return self.shape[0]

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise UnchargedLook("records of a private fit were touched without a charge")

    __array__ = __array_ufunc__ = __array_function__ = __getitem__ = __iter__ = __eq__ = __reduce_ex__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = __add__ = __sub__ = __mul__ = __contains__ = __buffer__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnchargedLook("records of a private fit were touched without a charge")

    def __repr__(self) -> str:
        return "<guarded records>"


@dataclass(frozen=True)
class Entry:
    """One charged look. what: in words; rho: zero-concentrated differential privacy; delta: for lists of categories; curve: of looks by
    another accountant, its name is `mechanism`. number: the order of looks, from 1.
    """

    number: int
    what: str
    mechanism: str
    rho: float = 0.0
    delta: float = 0.0
    curve: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        told = asdict(self)
        told.pop("curve")
        return told


@dataclass(frozen=True)
class Known:
    """Noisy counts of a column's first part, code by code, and the variance of each: paid for once, used by whoever can."""

    counts: npt.NDArray[np.float64]
    variances: npt.NDArray[np.float64]


class PrivacyLedger:
    """What may be spent for each person and what has been. epsilon, delta: in all; contributions: rows of one person that count in each
    table. InputError for values out of range.
    """

    def __init__(self, epsilon: float, delta: float, contributions: int, *, mechanisms: Mechanisms = OPENDP) -> None:
        Budget(epsilon=epsilon, delta=delta, contributions=contributions)  # says what is wrong with them
        self.epsilon, self.delta, self.contributions, self.mechanisms = float(epsilon), float(delta), int(contributions), mechanisms
        self._entries: list[Entry] = []
        self._convert: Conversion | None = None
        self._above: PrivacyLedger | None = None
        self._most: float | None = None
        self._name = ""
        self._looks = 0
        self._known: dict[tuple[str, str], Known] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All charges so far, in order."""
        return tuple(self._entries)

    @property
    def rho(self) -> float:
        """What has been spent of zero-concentrated differential privacy."""
        return math.fsum(e.rho for e in self._entries)

    @property
    def spent_delta(self) -> float:
        """What of δ went to lists of categories."""
        return math.fsum(e.delta for e in self._entries)

    @property
    def left(self) -> float:
        """The ρ that may still be charged."""
        here = math.inf if self._most is None else max(0.0, self._most - self.rho)
        if self._above is not None:
            return min(here, self._above.left)
        curve, delta = self._curve(), self.spent_delta
        if curve.any():
            return _largest(lambda rho: self._epsilon_of(self.rho + rho, delta, curve) <= self.epsilon, self.epsilon)
        return max(0.0, _most_rho(self.epsilon, self.delta - delta) - self.rho)

    def spent(self) -> float:
        """The ε spent so far, at δ."""
        return self._epsilon_of(self.rho, self.spent_delta, self._curve())

    @property
    def is_looking(self) -> bool:
        """Whether a charged look is under way."""
        return self._looks > 0

    def owns(self, other: PrivacyLedger) -> bool:
        """Whether `other` is this ledger, or one that this one is a part of."""
        return other is self or (self._above is not None and self._above.owns(other))

    def part(self, share: float, what: str = "", *, contributions: int | None = None) -> PrivacyLedger:
        """A ledger that may spend `share` (0 … 1) of what is left of this one, and enters everything here too. what: a table.

        contributions: fewer rows of a person than elsewhere, as of a table where every row is another person by its schema.
        """
        if not 0 < share <= 1:
            raise ValueError("a part is more than nothing and at most all")
        most = self.contributions if contributions is None else min(contributions, self.contributions)
        inner = PrivacyLedger(self.epsilon, self.delta, most, mechanisms=self.mechanisms)
        inner._above, inner._most, inner._name = self, share * self.left, what
        return inner

    def know(self, table: str, column: str, known: Known) -> None:
        """Keep noisy counts of a column of a table for whoever would else pay for them again."""
        self._top._known[table, column] = known

    def known(self, column: str) -> Known | None:
        """What is known of a column of the table that this part of the ledger is for (`part` gives it its name)."""
        return self._top._known.get((self._name, column))

    def charge(self, what: str, rho: float = 0.0, *, delta: float = 0.0, mechanism: str = "discrete Gaussian noise") -> None:
        """Spend before looking; InputError when it would be more than there is, and then nothing is spent."""
        if not (math.isfinite(rho) and rho >= 0 and math.isfinite(delta) and delta >= 0):
            raise ValueError("a charge is a number, not below nothing")
        self._check(what, rho, delta, None)
        self._enter(what, mechanism, rho, delta, ())

    def charge_curve(self, what: str, curve: Sequence[float], convert: Conversion, accountant: str) -> None:
        """Spend what another accountant has reckoned, by `ORDERS`; from then on its conversion, named, is that of the whole ledger."""
        values = np.asarray(curve, dtype=np.float64)
        if values.shape != (len(ORDERS),) or not (values >= 0).all():
            raise ValueError("a charge has one number, not below nothing, for each order")
        self._top._convert = convert
        self._check(what, 0.0, 0.0, values)
        self._enter(what, accountant, 0.0, 0.0, tuple(values.tolist()))

    def epsilon_with(self, curve: Curve, convert: Conversion) -> float:
        """The ε of all that is spent, or kept for other parts of the ledger, with a further look of this curve, which is not charged."""
        top = self._top
        rho = top.rho + max(0.0, top.left - self.left)
        return convert(ORDERS, rho * np.array(ORDERS) + top._curve() + curve, top.delta - top.spent_delta)

    def guarded(self, rows: CodedRows, told: int) -> CodedRows:
        """The same rows behind this ledger: at most `contributions` of each person, chosen by lot from the system's secure source.

        told: how many rows there are, as released with noise; the only size anybody else sees.
        """
        kept = rows.take(_by_lot(rows.persons, self.contributions))
        shape = (max(1, int(told)), len(rows.parts))
        codes, persons = Guarded(kept.codes, self, shape), Guarded(kept.persons, self, shape[:1])
        return CodedRows(cast(Codes, codes), rows.parts, cast("npt.NDArray[np.int64]", persons), rows.given, rows.apart)

    @contextmanager
    def looking(
        self, rows: CodedRows, what: str, rho: float, *, delta: float = 0.0, mechanism: str = "discrete Gaussian noise"
    ) -> Iterator[CodedRows]:
        """Charge, then open guarded rows: within it whoever asked answers for that only so much gets out."""
        self.charge(what, rho, delta=delta, mechanism=mechanism)
        with self._opened(rows) as raw:
            yield raw

    @contextmanager
    def looking_by(self, rows: CodedRows, what: str, curve: Sequence[float], convert: Conversion, accountant: str) -> Iterator[CodedRows]:
        """As `looking`, for a look that another accountant reckons."""
        self.charge_curve(what, curve, convert, accountant)
        with self._opened(rows) as raw:
            yield raw

    def counts(
        self, rows: CodedRows, numbers: Sequence[int], rho: float, what: str = "", *, groups: Sequence[Groups | None] = ()
    ) -> tuple[Counts, float]:
        """How many rows have each combination of codes of the parts `numbers`, with noise: (an axis a part), and its standard deviation.

        groups: of each part the group of each code, where groups are counted.

        One person changes the table by `contributions` at most (Euclidean: all the rows may lie in one cell).
        """
        named = what or " × ".join(f"{rows.parts[n].column} ({rows.parts[n].what})" for n in numbers)
        if rho <= 0:
            raise InputError(f"nothing is left of the privacy budget for: {named}")
        scale = self.contributions / math.sqrt(2 * rho)
        sizes = [rows.parts[n].size for n in numbers]
        with self.looking(rows, f"counts: {named}", self.mechanisms.counts_rho(scale, self.contributions)) as raw:
            return self.mechanisms.counts(table_of(raw.codes, numbers, sizes, groups), scale), scale

    def largest(self, rows: CodedRows, scores: Callable[[CodedRows], npt.NDArray[np.float64]], change: float, rho: float, what: str) -> int:
        """The place of one of the largest scores, by report noisy max. change: by how much one person may change any score."""
        if rho <= 0:
            raise InputError(f"nothing is left of the privacy budget for: {what}")
        scale = change / math.sqrt(2 * rho)
        with self.looking(rows, f"choice: {what}", self.mechanisms.largest_rho(scale, change), mechanism="report noisy max") as raw:
            return self.mechanisms.largest(scores(raw), scale)

    def as_dict(self) -> dict[str, Any]:
        """For the record of the fit: what was promised, what was spent, by which accountant, look by look."""
        names = dict.fromkeys(e.mechanism for e in self._entries if e.curve)
        return {
            "unit": UNIT,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "contributions": self.contributions,
            "accountant": "; ".join((ACCOUNTANT, *names)) if names else ACCOUNTANT,
            "noise": self.mechanisms.name,
            "spent_epsilon": self.spent(),
            "rho": self.rho,
            "entries": [e.as_dict() for e in self._entries],
        }

    @property
    def _top(self) -> PrivacyLedger:
        return self if self._above is None else self._above._top

    def _curve(self) -> Curve:
        curves = [e.curve for e in self._entries if e.curve]
        return np.sum(np.array(curves), axis=0) if curves else np.zeros(len(ORDERS))

    def _epsilon_of(self, rho: float, delta: float, curve: Curve) -> float:
        top = self._top
        if curve.any() and top._convert is not None:
            return top._convert(ORDERS, rho * np.array(ORDERS) + curve, self.delta - delta)
        return converted(rho, self.delta - delta)

    def _check(self, what: str, rho: float, delta: float, curve: Curve | None) -> None:
        after = self._curve() + (0 if curve is None else curve)
        within = self._most is None or self.rho + rho <= self._most * (1 + SLACK)
        gone = self.spent_delta + delta
        if not within or gone >= self.delta or self._epsilon_of(self.rho + rho, gone, after) > self.epsilon * (1 + SLACK):
            raise InputError(
                f"the privacy budget of ε = {self.epsilon:g}, δ = {self.delta:g} for each person does not allow: {what}; "
                "set a larger epsilon, or learn fewer columns"
            )
        if self._above is not None:
            self._above._check(what, rho, delta, curve)

    def _enter(self, what: str, mechanism: str, rho: float, delta: float, curve: tuple[float, ...]) -> None:
        self._entries.append(Entry(len(self._entries) + 1, what, mechanism, rho, delta, curve))
        if self._above is not None:
            self._above._enter(f"{self._name}: {what}" if self._name else what, mechanism, rho, delta, curve)

    @contextmanager
    def _opened(self, rows: CodedRows) -> Iterator[CodedRows]:
        codes, persons = cast(Any, rows.codes), cast(Any, rows.persons)
        if not isinstance(codes, Guarded) or not isinstance(persons, Guarded):
            raise UnchargedLook("a private fit was given records that no ledger guards")
        self._looks += 1
        try:
            yield replace(rows, codes=codes.opened(self), persons=persons.opened(self))
        finally:
            self._looks -= 1


def table_of(codes: Codes, numbers: Sequence[int], sizes: Sequence[int], groups: Sequence[Groups | None] = ()) -> Counts:
    """How many rows have each combination of codes of the parts `numbers`, or of their groups; an axis a part."""
    at, shape = np.zeros(len(codes), dtype=np.int64), list[int]()
    for number, size, group in zip(numbers, sizes, groups or [None] * len(sizes), strict=True):
        shape.append(size if group is None else int(group.max()) + 1)
        at *= shape[-1]
        at += codes[:, number] if group is None else group[codes[:, number]]
    return np.bincount(at, minlength=math.prod(shape)).reshape(shape).astype(np.int64)


def _by_lot(persons: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Rows (in order) of which no person has more than `most`, chosen by lot."""
    lots = np.random.default_rng(secrets.randbits(128)).random(len(persons))
    order = np.lexsort((lots, persons))
    ordered = persons[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(ordered) else np.zeros(0, dtype=np.int64)
    ranks = np.arange(len(ordered)) - np.repeat(first, np.diff(np.concatenate((first, [len(ordered)]))))
    return np.sort(order[ranks < most])


@cache
def _most_rho(epsilon: float, delta: float) -> float:
    """The largest ρ that is (ε, δ) at most. ε is more than ρ at any δ there may be, which bounds the search."""
    return 0.0 if delta <= 0 else _largest(lambda rho: converted(rho, delta) <= epsilon, epsilon)


def _largest(allowed: Callable[[float], bool], most: float) -> float:
    """The largest ρ from 0 to `most` that is allowed."""
    low, high = 0.0, most
    for _ in range(32):  # a billionth of `most` less than there could be
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low


def ledger_of(budget: Budget) -> PrivacyLedger | None:
    """The ledger of a fit with this budget; None where no differential privacy is asked for."""
    if budget.epsilon is None or budget.delta is None or budget.contributions is None:
        return None
    return PrivacyLedger(budget.epsilon, budget.delta, budget.contributions)


__all__ = ["ACCOUNTANT", "ORDERS", "Entry", "Guarded", "Known", "PrivacyLedger", "UnchargedLook", "ledger_of", "table_of"]
