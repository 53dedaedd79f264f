"""What somebody who fits a generator may choose, and what a fit may use up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generators.errors import InputError


@dataclass(frozen=True)
class Option:
    """A choice of a generator. default: as text, as everywhere; choices: the only ones, where there are few; least, most: of numbers.

    words: what it does, for somebody who knows no machine learning. advanced: hidden until asked for.
    """

    name: str
    default: str
    words: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    advanced: bool = True

    def checked(self, text: str) -> str:
        """`text`, if it is a choice; InputError names the option and what is allowed."""
        if self.choices:
            if text not in self.choices:
                raise InputError(f'the option "{self.name}" is one of: {", ".join(self.choices)}')
            return text
        if self.least is not None and self.most is not None:
            try:
                number = float(text)
            except ValueError:
                number = float("nan")
            if not self.least <= number <= self.most:
                raise InputError(f'the option "{self.name}" is a number from {self.least:g} to {self.most:g}')
        return text


def chosen(options: Sequence[Option], given: Mapping[str, str]) -> dict[str, str]:
    """Every option with what was given for it or its default; InputError names one there is not, or what it allows."""
    known = {option.name: option for option in options}
    if strange := sorted(set(given) - set(known)):
        raise InputError(f'there is no option "{strange[0]}"; there are: {", ".join(sorted(known)) or "none"}')
    return {name: option.checked(str(given.get(name, option.default))) for name, option in known.items()}


@dataclass(frozen=True)
class Budget:
    """What a fit may use up; None: no bound.

    epsilon, delta, contributions: of differential privacy for a person, who counts with at most so many rows of each table; all three or
    none. seconds: elapsed time after which the best model so far is kept. memory: bytes, asked before starting. max_membership: the highest
    area under the curve with which somebody who sees the model may tell who was in train (`generators.learning.memorisation`).
    """

    epsilon: float | None = None
    delta: float | None = None
    contributions: int | None = None
    seconds: float | None = None
    memory: int | None = None
    max_membership: float | None = None

    def __post_init__(self) -> None:
        given = [x is not None for x in (self.epsilon, self.delta, self.contributions)]
        if any(given) and not all(given):
            raise InputError("differential privacy needs epsilon, delta and contributions, all three")
        if self.epsilon is not None and not 0 < self.epsilon <= 100:
            raise InputError("epsilon must be more than 0 and at most 100")
        if self.delta is not None and not 0 < self.delta <= 1e-3:
            raise InputError("delta must be more than 0 and at most 0.001; usual is less than one in ten times the persons")
        if self.contributions is not None and not 1 <= self.contributions <= 10_000:
            raise InputError("contributions must be from 1 to 10,000 rows of one person")
        if self.seconds is not None and self.seconds <= 0:
            raise InputError("the time limit must be more than 0 seconds")
        if self.max_membership is not None and not 0.5 < self.max_membership <= 1:
            raise InputError("the highest membership must be more than 0.5, which is guessing, and at most 1")

    @property
    def private(self) -> bool:
        """Whether the fit is differentially private."""
        return self.epsilon is not None
