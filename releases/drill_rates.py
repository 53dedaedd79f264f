"""How often planted leaks were caught: by the gates and by the reviewers, by kind. Only drills that were revealed count."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.intervals import wilson
from releases.models import Drill


@dataclass(frozen=True)
class Rate:
    """caught of n, and the 95 % interval of the share (Wilson); who: "gates" or "reviewers"; kind: of leak, or "every kind"."""

    kind: str
    who: str
    caught: int
    n: int
    low: float
    high: float


def rates() -> list[Rate]:
    """For every kind of leak, and for all together, the gates' and the reviewers' rate. n is 0 where there was no such drill."""
    revealed = list(Drill.objects.filter(revealed_at__isnull=False))
    found = []
    for kind, label in (*Drill.Kind.choices, ("", "every kind")):
        mine = [d for d in revealed if kind in ("", d.kind)]
        for who in ("gates", "reviewers"):
            answers = [a for a in (getattr(d, f"{who}_caught") for d in mine) if a is not None]
            found.append(Rate(str(label), who, sum(answers), len(answers), *wilson(sum(answers), len(answers))))
    return found
