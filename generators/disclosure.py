"""Statistical disclosure control: the policy, and the few primitives every released figure goes through.

Source of the rules: NHS artificial data (suppress on the *true* count, then round; 5/5 inside, 100/100 for the public).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from generators.digests import digest
from generators.errors import InputError


@dataclass(frozen=True)
class DisclosurePolicy:
    """Thresholds under which aggregates may leave a table.

    minimum: fewest distinct persons any released figure may be about.
    rounding: released counts are multiples of this; at least `minimum`, so that a suppressed count is lost in the rounding of the others.
    minimum_table: fewest persons a table must have to be summarised at all.
    date_unit: calendar unit dates are coarsened to: "month", "quarter" or "year".
    maximum_steps: most quantile steps released for a numeric column.
    """

    name: str
    version: int
    minimum: int
    rounding: int
    minimum_table: int
    date_unit: str = "month"
    maximum_steps: int = 100

    def __post_init__(self) -> None:
        place = f'disclosure policy "{self.name}"'
        if self.minimum < 2:
            raise InputError(f"{place}: minimum must be at least 2 persons")
        if self.rounding < self.minimum:
            # Else a suppressed count could be worked out as the total less the released ones: see generators.summarise.
            raise InputError(f"{place}: rounding must be at least the minimum, {self.minimum}")
        if self.minimum_table < 2 * self.minimum:
            raise InputError(f"{place}: minimum_table must be at least twice the minimum")
        if self.date_unit not in ("month", "quarter", "year"):
            raise InputError(f"{place}: date_unit must be month, quarter or year")
        if not 2 <= self.maximum_steps <= 1000:
            raise InputError(f"{place}: maximum_steps must be from 2 to 1000")

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

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

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
            fields: dict[str, Any] = {k: (str(v) if k in ("name", "date_unit") else int(v)) for k, v in raw.items()}
            return DisclosurePolicy(**fields)
        except (TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"disclosure policy: {error}") from None


POLICIES: dict[str, DisclosurePolicy] = {
    "public": DisclosurePolicy("public", 1, minimum=100, rounding=100, minimum_table=1000, date_unit="month", maximum_steps=100),
    "internal": DisclosurePolicy("internal", 1, minimum=5, rounding=5, minimum_table=50, date_unit="month", maximum_steps=100),
}
"""The named policies. Open access requires "public"."""
