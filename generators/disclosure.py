"""Statistical disclosure control: the policy, and the few primitives every released figure goes through.

Source of the rules: NHS artificial data (suppress on the *true* count, then round; 5/5 inside, 8/5 sub-national, 100/100 for the
public); dominance by (n, k) and p %: A. Hundepool and others, Statistical Disclosure Control (Wiley 2012), section 4.2.

What "cannot be worked out" means: see `concealed`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

from generators.digests import digest, without_defaults
from generators.errors import InputError

_NOISE: dict[str, Any] = {"epsilon": None, "delta": None, "contributions": None}

LATER: dict[str, Any] = {"dominance_n": 0, "dominance_k": 0, "p_percent": 0, **_NOISE}
"""Fields a policy was given later, and their defaults, which are not written."""


@dataclass(frozen=True)
class DisclosurePolicy:
    """Thresholds under which aggregates may leave a table.

    minimum: fewest distinct persons any released figure may be about.
    rounding: released counts are multiples of this; at least half of `minimum`. Where what is released would still tell a suppressed
    count, further figures are suppressed: see `generators.summarising.protection`.
    minimum_table: fewest persons a table must have to be summarised at all.
    date_unit: calendar unit dates are coarsened to: "month", "quarter" or "year".
    maximum_steps: most quantile steps released for a numeric column.
    dominance_n, dominance_k: a sum or mean leaves only where the n persons who contribute most have together less than k % of it.
    p_percent: … and where it less its two largest contributions is at least p % of the largest. Without one of the two rules (0)
    no sum and no mean leaves.
    epsilon, delta, contributions: of a policy with calibrated noise (`generators.summarising.private_summary`), else None: what a whole
    summary may spend for each person, and the rows of one person that count in each table. Its other thresholds apply to the noisy counts.
    """

    name: str
    version: int
    minimum: int
    rounding: int
    minimum_table: int
    date_unit: str = "month"
    maximum_steps: int = 100
    dominance_n: int = 0
    dominance_k: int = 0
    p_percent: int = 0
    epsilon: float | None = None
    delta: float | None = None
    contributions: int | None = None

    def __post_init__(self) -> None:
        place = f'disclosure policy "{self.name}"'
        if self.minimum < 2:
            raise InputError(f"{place}: minimum must be at least 2 persons")
        if 2 * self.rounding < self.minimum:
            # Else the total less one released count would tell a suppressed one: see generators.summarising.protection.
            raise InputError(f"{place}: rounding must be at least half of the minimum, {self.minimum}")
        if self.minimum_table < 2 * self.minimum:
            raise InputError(f"{place}: minimum_table must be at least twice the minimum")
        if self.date_unit not in ("month", "quarter", "year"):
            raise InputError(f"{place}: date_unit must be month, quarter or year")
        if not 2 <= self.maximum_steps <= 1000:
            raise InputError(f"{place}: maximum_steps must be from 2 to 1000")
        if (self.dominance_n > 0) != (self.dominance_k > 0) or not 0 <= self.dominance_n <= 10 or not 0 <= self.dominance_k <= 100:
            raise InputError(f"{place}: dominance needs both dominance_n, from 1 to 10, and dominance_k, from 1 to 100 per cent")
        if not 0 <= self.p_percent <= 100:
            raise InputError(f"{place}: p_percent must be from 0 to 100")
        self._check_noise(place)

    def _check_noise(self, place: str) -> None:
        given = (self.epsilon, self.delta, self.contributions)
        if given == (None, None, None):
            return
        if self.epsilon is None or self.delta is None or self.contributions is None:
            raise InputError(f"{place}: noise needs epsilon, delta and contributions, all three")
        if not 0 < self.epsilon <= 100:
            raise InputError(f"{place}: epsilon must be more than 0 and at most 100")
        if not 0 < self.delta <= 1e-3:
            raise InputError(f"{place}: delta must be more than 0 and at most 0.001; usual is less than one in ten times the persons")
        if not 1 <= self.contributions <= 10_000:
            raise InputError(f"{place}: contributions must be from 1 to 10000 rows of one person")

    def rounded(self, count: int) -> int:
        """`count` to the nearest multiple of `rounding`; halves go up. Only for counts that passed `minimum`."""
        return (int(count) + self.rounding // 2) // self.rounding * self.rounding

    def released(self, persons: int, count: int | None = None) -> int | None:
        """The figure that may leave: None when fewer than `minimum` true persons stand behind it.

        Else `count` (default: persons) rounded.
        """
        if persons < self.minimum:
            return None
        return self.rounded(persons if count is None else count)

    def span(self, released: int) -> tuple[int, int]:
        """(least, most) that a count rounded to `released` may have been before; all that a reader of the figure knows."""
        low = released - self.rounding // 2
        return max(low, self.minimum), low + self.rounding - 1

    def concealed(self, least: int, most: int) -> bool:
        """Whether a suppressed count is hidden enough, of which the released figures together tell that it is from `least` to `most`.

        It is when they allow all counts the rule of suppression itself leaves open, 0 … minimum − 1, or as many as the minimum. A
        cell that nobody is in has nothing to hide.
        """
        return (least <= 0 and most >= self.minimum - 1) or most - least >= self.minimum

    @property
    def sums(self) -> bool:
        """Whether sums and means may leave: only under a rule of dominance."""
        return self.dominance_n > 0 or self.p_percent > 0

    def as_dict(self) -> dict[str, Any]:
        return cast(dict[str, Any], without_defaults(asdict(self), LATER))

    @property
    def noisy(self) -> bool:
        """Whether summaries under it get calibrated noise."""
        return self.epsilon is not None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the policy's canonical JSON."""
        return digest(self.as_dict())

    @staticmethod
    def from_dict(raw: Any) -> DisclosurePolicy:
        """A policy from parsed JSON or TOML; InputError names the field."""
        if not isinstance(raw, dict):
            raise InputError("a disclosure policy must be an object with name, version, minimum, rounding, minimum_table")
        known = set(DisclosurePolicy.__dataclass_fields__)
        unknown = sorted(set(raw) - known)
        if unknown:
            raise InputError(f"disclosure policy: unknown field {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        try:
            fields: dict[str, Any] = {k: _field(k, v) for k, v in raw.items()}
            return DisclosurePolicy(**fields)
        except (TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"disclosure policy: {error}") from None


def _field(name: str, value: Any) -> str | int | float | None:
    if name in _NOISE and value is None:
        return None
    if name in ("name", "date_unit"):
        return str(value)
    return float(value) if name in ("epsilon", "delta") else int(value)


POLICIES: dict[str, DisclosurePolicy] = {
    "public": DisclosurePolicy("public", 1, minimum=100, rounding=100, minimum_table=1000, date_unit="month", maximum_steps=100),
    "sub-national": DisclosurePolicy(
        "sub-national",
        1,
        minimum=8,
        rounding=5,
        minimum_table=80,
        date_unit="month",
        maximum_steps=100,
        dominance_n=2,
        dominance_k=80,
        p_percent=10,
    ),
    "internal": DisclosurePolicy("internal", 1, minimum=5, rounding=5, minimum_table=50, date_unit="month", maximum_steps=100),
    "dp": DisclosurePolicy(
        "dp",
        1,
        minimum=5,
        rounding=5,
        minimum_table=100,
        date_unit="month",
        maximum_steps=32,
        epsilon=1.0,
        delta=1e-7,
        contributions=3,
    ),
}
"""The named policies. Open access requires "public"; "dp" adds calibrated noise."""
