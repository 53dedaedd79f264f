"""The public register: how requests were decided on, how long it took, under which policy; one signed statement beside the feed.

In the lake: ``feed/register.dsse.json``, replaced by each newer one. It counts requests and releases, never people: no figure of it is
about a patient, so small ones are told as they are.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from releases.capsule import feed, files, layout
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import Signer, TrustedKeys, moment, written

REGISTER = "register.dsse.json"
REGISTER_TYPE = "application/vnd.synthportal.register+json"
FORMAT = 1
MAX_REGISTER = 256 * 1024
MOST_POLICIES = 1_000
COUNTS = ("approved", "at_once", "returned", "rejected", "published", "suspended", "withdrawn")
_MOST = 10**8


@dataclass(frozen=True)
class Figures:
    """Of one kind of data (`tier`): decisions, each round of a request by itself, and what became of releases.

    at_once: how many of the approved were approved by a standing approval, when they were submitted. turnaround_days: working days from
    submission to decision of the others, the median; attempts, most_attempts: versions made for a published
    release, median and largest. None before there is one.
    """

    tier: str
    approved: int
    at_once: int
    returned: int
    rejected: int
    published: int
    suspended: int
    withdrawn: int
    turnaround_days: float | None
    attempts: float | None
    most_attempts: int | None


@dataclass(frozen=True)
class PolicyUsed:
    """A version of the release policy: from when it was in force, and how many decisions were made under it."""

    id: str
    since: date
    decisions: int


@dataclass(frozen=True)
class Register:
    """What the register says. since: the day of the first decision it counts, None before there is one."""

    since: date | None
    figures: tuple[Figures, ...]
    policies: tuple[PolicyUsed, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat() if self.since else None,
            "figures": [asdict(each) for each in self.figures],
            "policies": [{**asdict(each), "since": each.since.isoformat()} for each in self.policies],
        }

    @staticmethod
    def from_dict(raw: Any) -> Register:
        """From parsed JSON; CapsuleRefused when a part is missing or is not what it must be."""
        try:
            if set(raw) != {"since", "figures", "policies"} or len(raw["policies"]) > MOST_POLICIES:
                raise ValueError
            figures = tuple(_figures(each) for each in raw["figures"])
            policies = tuple(PolicyUsed(_text(p["id"]), date.fromisoformat(p["since"]), _count(p["decisions"])) for p in raw["policies"])
            since = None if raw["since"] is None else date.fromisoformat(raw["since"])
        except (ValueError, TypeError, KeyError):
            raise CapsuleRefused("the register lacks a part or has one of the wrong kind") from None
        if len({each.tier for each in figures}) != len(figures):
            raise CapsuleRefused("the register speaks twice of one kind of data")
        return Register(since, figures, policies)


@dataclass(frozen=True)
class Statement:
    """A register that the publisher signed. envelope: its bytes in the lake."""

    at: datetime
    register: Register
    key_id: str
    envelope: bytes


def say(lake: Path, signer: Signer, register: Register, *, at: datetime) -> Statement:
    """Sign the register and put it beside the feed, in place of the one before."""
    payload = {"format": FORMAT, "at": written(at), "register": register.as_dict()}
    envelope = signer.sign(layout.canonical_json(payload), REGISTER_TYPE)
    (lake / feed.FEED).mkdir(parents=True, exist_ok=True)
    files.replace_durably(lake / feed.FEED / REGISTER, envelope)
    return Statement(moment(written(at)), register, signer.key_id, envelope)


def read(lake: Path, keys: TrustedKeys) -> Statement | None:
    """The register in the lake; None when there is none. CapsuleRefused when it is damaged or not signed by a key that counts."""
    envelope = feed.small_file(lake / feed.FEED / REGISTER, MAX_REGISTER)
    return None if envelope is None else opened(envelope, keys)


def opened(envelope: bytes, keys: TrustedKeys) -> Statement:
    """The statement in an envelope, each part checked."""
    signed = keys.opened(envelope, REGISTER_TYPE, "the register")
    raw = layout.parse_json(signed.payload, "the register")
    if not isinstance(raw, dict) or set(raw) != {"format", "at", "register"} or raw["format"] != FORMAT:
        raise CapsuleRefused(f"the register is not of format {FORMAT}")
    at = moment(raw["at"])
    keys.check_revocation(signed.key_id, "the register", at=at)
    return Statement(at, Register.from_dict(raw["register"]), signed.key_id, envelope)


def _figures(raw: Any) -> Figures:
    if set(raw) != set(Figures.__dataclass_fields__) or raw["tier"] not in layout.TIERS:
        raise ValueError
    most = raw["most_attempts"]
    return Figures(
        tier=raw["tier"],
        approved=_count(raw["approved"]),
        at_once=_count(raw["at_once"]),
        returned=_count(raw["returned"]),
        rejected=_count(raw["rejected"]),
        published=_count(raw["published"]),
        suspended=_count(raw["suspended"]),
        withdrawn=_count(raw["withdrawn"]),
        turnaround_days=_median(raw["turnaround_days"]),
        attempts=_median(raw["attempts"]),
        most_attempts=None if most is None else _count(most),
    )


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise ValueError
    return value


def _median(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value < _MOST:
        raise ValueError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 80 or not value.isprintable():
        raise ValueError
    return value
