"""What somebody chose about how a generator learns from records: checked here, stored with the run, given to the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from generators.digests import digest
from generators.errors import InputError
from generators.fitting.controls import Controls
from generators.learning.known import learner_of, private_generators
from generators.learning.options import Budget, chosen
from releases.models import ReleaseRequest, Snapshot, TrainedModel

MAX_SEED = 2**53


@dataclass(frozen=True)
class Learning:
    """How to learn. options: of the generator, as text; apart: pairs of columns of which nothing is learned together; first: columns that
    are drawn before the others; seed: of the learning, not of the generation.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    apart: tuple[tuple[str, str], ...] = ()
    seed: int = 1
    first: tuple[str, ...] = ()

    @property
    def controls(self) -> Controls:
        """As a fit takes them."""
        return Controls(first=self.first, apart=self.apart)

    def checked(self, generator: str) -> Learning:
        """The same with every option of the generator filled in. InputError names what cannot be chosen, or not together."""
        learner = learner_of(generator)
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"the seed of the learning must be from 0 to {MAX_SEED}")
        if self.budget.private and not learner.private:
            able = ", or ".join(private_generators())
            raise InputError(f"the method {generator} cannot learn with differential privacy; choose {able}, or leave ε empty")
        if not self.budget.private and getattr(learner, "only_private", False):
            raise InputError(f"the method {generator} learns with differential privacy alone; say how much ε, for example 1")
        if self.budget.private and self.budget.max_membership is not None:
            raise InputError("ε bounds what can be told about anybody; leave the limit on being recognised empty")
        if self.apart and not learner.limits:
            raise InputError(f"the method {generator} cannot keep columns apart; choose another method")
        return replace(self, options=chosen(learner.OPTIONS, self.options))

    def as_dict(self) -> dict[str, Any]:
        """As JSON. What was never asked before it could be is left out, so that what was learned then is still the same choice."""
        return {
            "options": dict(self.options),
            "budget": asdict(self.budget),
            "apart": [list(pair) for pair in self.apart],
            "seed": self.seed,
            **({"first": list(self.first)} if self.first else {}),
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> Learning:
        """What `as_dict` gave."""
        return Learning(
            options=raw["options"],
            budget=Budget(**raw["budget"]),
            apart=tuple((str(a), str(b)) for a, b in raw["apart"]),
            seed=int(raw["seed"]),
            first=tuple(map(str, raw.get("first", ()))),
        )


def choices(request: ReleaseRequest, snapshot: Snapshot, generator: str, version: str, learning: Learning) -> tuple[dict[str, Any], str]:
    """All that decides a model, and its digest: two fits with the same need not be done twice."""
    found = {
        "request": str(request.pk),
        "split": snapshot.split.digest,
        "generator": generator,
        "version": version,
        "columns": sorted(request.variables),
        **learning.as_dict(),
    }
    return found, digest(found)


def reusable(request: ReleaseRequest, choices_digest: str) -> TrainedModel | None:
    """A model of exactly these choices that is still there. A private one spends nothing more."""
    return request.trained_models.filter(choices_digest=choices_digest, destroyed_at__isnull=True).order_by("-made_at").first()
