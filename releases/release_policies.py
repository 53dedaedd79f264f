"""The versioned release policy: what each tier must show, who signs, what it may be released as (`policies/release-policy-N.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

IN_FORCE = "release-policy-3"
FOLDER = Path(__file__).parent / "policies"


@dataclass(frozen=True)
class TierPolicy:
    """What the release policy asks of one tier."""

    capacities: tuple[str, ...]
    gates: str
    access_levels: tuple[str, ...]
    licences: tuple[str, ...]
    open_needs_disclosure_policy: str | None
    needs_agreement: bool


@dataclass(frozen=True)
class ReleasePolicy:
    """One version of the release policy. A decision records the id of the one it was made under."""

    id: str
    tiers: dict[str, TierPolicy]
    checklist: tuple[tuple[str, str], ...]  # (item, question)

    def tier(self, name: str) -> TierPolicy | None:
        return self.tiers.get(name)


@cache
def release_policy(identity: str = IN_FORCE) -> ReleasePolicy:
    """The release policy with that id. KeyError when the installation holds no such version."""
    path = FOLDER / f"{identity}.json"
    if identity not in {p.stem for p in FOLDER.glob("release-policy-*.json")}:
        raise KeyError(f"no release policy {identity}")
    raw = json.loads(path.read_text(encoding="utf-8"))
    tiers = {
        name: TierPolicy(
            capacities=tuple(t["capacities"]),
            gates=t["gates"],
            access_levels=tuple(t["access_levels"]),
            licences=tuple(t["licences"]),
            open_needs_disclosure_policy=t["open_needs_disclosure_policy"],
            needs_agreement=t["needs_agreement"],
        )
        for name, t in raw["tiers"].items()
    }
    return ReleasePolicy(raw["id"], tiers, tuple((c["item"], c["question"]) for c in raw["checklist"]))
