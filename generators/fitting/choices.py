"""The model of one table as it was chosen, kept beside its checkpoints, so that a fit that is taken up again does not learn it anew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from generators.encoding.coded import CodedRows
from generators.errors import InputError
from generators.learning.choosing import Chosen, choose
from generators.learning.model import Learner, Model, Saved
from generators.learning.watch import LossLost, Watch


@dataclass(frozen=True)
class Choice:
    """What a record says of a model, as JSON: see `generators.fitting.fitted.TableRecord`."""

    options: Mapping[str, str]
    tried: tuple[Mapping[str, Any], ...]
    membership: Mapping[str, Any] | None
    epochs: tuple[tuple[int, float | None, float | None], ...]
    out_of_time: bool
    loss_lost: bool = False

    @staticmethod
    def of(chosen: Chosen) -> Choice:
        """The same of what was chosen."""
        return Choice(
            dict(chosen.options),
            tuple(
                {
                    "options": dict(t.options),
                    "held_out": _finite(t.held_out),
                    "membership": None if t.membership is None else asdict(t.membership),
                }
                for t in chosen.tried
            ),
            None if chosen.membership is None else asdict(chosen.membership),
            tuple((e.number, _finite(e.loss), _finite(e.held_out)) for e in chosen.epochs),
            chosen.out_of_time,
        )


def chosen_or_kept(
    learner: type[Learner], rows: CodedRows, *, seed: int, options: Mapping[str, str], watch: Watch, max_membership: float | None
) -> tuple[Model, Choice]:
    """As `generators.learning.choosing.choose`; what an earlier attempt at the same fit has finished is taken as it is."""
    done = replace(watch, stage=f"done {watch.stage}")
    kept = done.kept()
    if kept is not None:
        arrays, facts = kept
        told = facts["choice"]
        epochs = tuple((e[0], e[1], e[2]) for e in told["epochs"])
        choice = Choice(told["options"], tuple(told["tried"]), told["membership"], epochs, told["out_of_time"], told["loss_lost"])
        watch.tick(1.0)
        return learner.load(Saved(facts["model"], arrays), rows.parts, rows.given), choice
    try:
        chosen = choose(learner, rows, seed=seed, options=options, watch=watch, max_membership=max_membership)
    except LossLost:
        raise InputError(
            f"{watch.stage}: the loss became no number and nothing good was kept; try another seed, or another generator"
        ) from None
    saved, choice = chosen.model.saved(), replace(Choice.of(chosen), loss_lost=watch.loss_lost)
    if not choice.out_of_time:
        done.keep(saved.arrays, {"model": dict(saved.facts), "choice": asdict(choice)})
    return chosen.model, choice


def stopped(choices: Sequence[Choice]) -> str:
    """Why learning ended before it was done, in words; nothing where it did not."""
    why = ["time was up"] if any(c.out_of_time for c in choices) else []
    why += ["the loss became no number; what was good before is kept"] if any(c.loss_lost for c in choices) else []
    return "; ".join(why)


def strongest(choices: Sequence[Choice]) -> Mapping[str, Any] | None:
    """The membership of the model that remembers most."""
    known = [c.membership for c in choices if c.membership is not None]
    return max(known, key=lambda m: float(m["area"])) if known else None


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)
