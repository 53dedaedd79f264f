"""What a user of a fit may control: nothing, or choices that are recorded in the mechanism."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Controls:
    """Choices beyond the options of a generator."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> Controls:
        """What `as_dict` gave."""
        return Controls(**raw)

    def parameters(self) -> dict[str, str]:
        """For the mechanism."""
        return {}
