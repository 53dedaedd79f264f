"""What a source may still tell: the budget in force, what is spent of it, and the sentence of refusal when it does not suffice.

Composition: ε and δ of the source's noisy summaries, and of models learned with differential privacy, are added up (basic composition:
Dwork and Roth, The Algorithmic Foundations of Differential Privacy, 2014, theorem 3.16). Runs that still go on count as if they had been
spent: two at once cannot both pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generators.disclosure import DisclosurePolicy
from generators.learning.options import Budget
from releases.models import LedgerEntry, Run, SourceDataset

COMPOSITION = "basic composition: ε and δ add up over the summaries and models of a source"
_TOLERANCE = 1e-9
What = LedgerEntry.What


@dataclass(frozen=True)
class Standing:
    """Of one source. budget: the entry that set it, None without one; waiting: a proposal that nobody has set yet.

    epsilon, delta, summaries: spent, runs that go on included; models: learned from records, with or without ε; attempts: generations asked
    for; versions: generated.
    """

    budget: LedgerEntry | None
    waiting: LedgerEntry | None
    epsilon: float
    delta: float
    summaries: int
    models: int
    attempts: int
    versions: int

    def limit(self, name: str) -> Any:
        return (self.budget.budget or {}).get(name) if self.budget else None

    def left(self, name: str) -> Any:
        """What remains of a limit; None without one."""
        limit = self.limit(name)
        return None if limit is None else max(0, round(limit - getattr(self, name), 12))


def standing(source: SourceDataset, *, besides: Run | None = None) -> Standing:
    """As the ledger and the runs say now. besides: a run that is not to be counted, because it asks for itself."""
    return _standing(list(source.ledger.order_by("number")), [run for run in _going([source]) if besides is None or run.pk != besides.pk])


def standings(sources: Sequence[SourceDataset]) -> list[Standing]:
    """The same of several sources, in their order, by two queries however many there are."""
    entries: dict[Any, list[LedgerEntry]] = {source.pk: [] for source in sources}
    going: dict[Any, list[Run]] = {source.pk: [] for source in sources}
    for entry in LedgerEntry.objects.filter(source__in=sources).order_by("number"):
        entries[entry.source_id].append(entry)
    for run in _going(sources):
        going[run.source_id].append(run)
    return [_standing(entries[source.pk], going[source.pk]) for source in sources]


def _standing(entries: Sequence[LedgerEntry], runs: Sequence[Run]) -> Standing:
    told = [e for e in entries if e.what in (What.SUMMARY, What.LEARNED)]
    going = [_asked(run) for run in runs]
    summaries = sum(e.what == What.SUMMARY for e in entries) + sum(run.kind == Run.Kind.SUMMARISE for run in runs)
    budget = next((e for e in reversed(entries) if e.what == What.SET), None)
    proposal = next((e for e in reversed(entries) if e.what == What.PROPOSED), None)
    return Standing(
        budget=budget,
        waiting=proposal if proposal and (budget is None or proposal.number > budget.number) else None,
        epsilon=sum(e.epsilon or 0.0 for e in told) + sum(epsilon for epsilon, _ in going),
        delta=sum(e.delta or 0.0 for e in told) + sum(delta for _, delta in going),
        summaries=summaries,
        models=sum(e.what == What.LEARNED for e in entries) + sum(run.kind == Run.Kind.FIT for run in runs),
        attempts=sum(e.what == What.ATTEMPT for e in entries),
        versions=sum(e.what == What.GENERATION for e in entries),
    )


def refusal(source: SourceDataset, policy: DisclosurePolicy, *, besides: Run | None = None) -> str | None:
    """Why no summary under this policy may be made of the source now, or None. Call it with the source's row locked."""
    now = standing(source, besides=besides)
    if now.budget is None:
        if policy.noisy:
            return "A summary with noise spends ε and δ, and no budget is set for this dataset; propose one, and IG can set it."
        return None
    return _short_of(now, {"summaries": 1, "epsilon": policy.epsilon or 0.0, "delta": policy.delta or 0.0})


def refusal_to_learn(source: SourceDataset, asked: Budget, *, besides: Run | None = None) -> str | None:
    """Why no model may be learned from the source within `asked` now, or None. Call it with the source's row locked.

    A model without ε spends none of it, as a summary without noise does.
    """
    if not asked.private:
        return None
    now = standing(source, besides=besides)
    if now.budget is None:
        return "Learning with differential privacy spends ε and δ, and no budget is set for this dataset; propose one, and IG can set it."
    return _short_of(now, {"epsilon": asked.epsilon or 0.0, "delta": asked.delta or 0.0})


def _short_of(now: Standing, wanted: Mapping[str, float]) -> str | None:
    words = {"summaries": "summaries", "epsilon": "ε", "delta": "δ"}
    for name, amount in wanted.items():
        left = now.left(name)
        if left is not None and amount > left * (1 + _TOLERANCE):
            return (
                f"The disclosure budget of this dataset does not suffice: of {now.limit(name):g} {words[name]} {left:g} are left, and this "
                f"needs {amount:g}; propose a larger budget, and IG can set it."
            )
    return None


def _asked(run: Run) -> tuple[float, float]:
    """ε and δ that a run will spend."""
    if run.kind == Run.Kind.FIT:
        asked = Budget(**run.parameters["learning"]["budget"])
        return asked.epsilon or 0.0, asked.delta or 0.0
    policy = DisclosurePolicy.from_dict(run.parameters["policy"])
    return policy.epsilon or 0.0, policy.delta or 0.0


def _going(sources: Sequence[SourceDataset]) -> list[Run]:
    kinds, active = (Run.Kind.SUMMARISE, Run.Kind.FIT), (Run.State.QUEUED, Run.State.RUNNING)
    return list(Run.objects.filter(source__in=sources, kind__in=kinds, state__in=active))
