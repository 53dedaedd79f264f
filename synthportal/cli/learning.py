"""Options of generators that learn from records, on the command line and in pipeline.toml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from generators.errors import InputError

if TYPE_CHECKING:
    from generators.fitting.controls import Controls
    from generators.learning.options import Budget

DELTA = 1e-7
CONTRIBUTIONS = 3
"""Of differential privacy, where only epsilon was given."""


@dataclass(frozen=True)
class Learning:
    """What somebody asked of a fit. Names as on the command line; options by name, as text."""

    options: Mapping[str, str] = field(default_factory=dict)
    epsilon: float | None = None
    delta: float | None = None
    contributions: int | None = None
    max_membership: float | None = None
    time_limit: float | None = None
    first: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def asked(self) -> bool:
        """Whether anything was asked that only a generator that learns from records can do."""
        return self != Learning()

    def budget(self) -> Budget:
        """The budget of the fit; InputError when a number is out of its range."""
        from generators.learning.options import Budget

        if self.epsilon is None and (self.delta is not None or self.contributions is not None):
            raise InputError("--delta and --contributions belong to differential privacy: give --epsilon too")
        private = self.epsilon is not None
        return Budget(
            epsilon=self.epsilon,
            delta=(DELTA if self.delta is None else self.delta) if private else None,
            contributions=(CONTRIBUTIONS if self.contributions is None else self.contributions) if private else None,
            seconds=self.time_limit,
            max_membership=self.max_membership,
        )

    def controls(self) -> Controls:
        """What is learned and what is not."""
        from generators.fitting.controls import Controls

        return Controls(first=self.first, apart=tuple(pair(text) for text in self.apart), leave_out=self.without)


def pair(text: str) -> tuple[str, str]:
    """`--apart "a*b"`: the two columns. InputError for anything else."""
    one, star, other = text.partition("*")
    if not star or not one.strip() or not other.strip():
        raise InputError(f'--apart "{text}": write two columns, such as "age*ward"')
    return one.strip(), other.strip()


def named(given: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` each; InputError for anything else, or a name given twice."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or name.strip() in found:
            raise InputError(f'{option} "{text}": write NAME=VALUE, each name once')
        found[name.strip()] = value.strip()
    return found


_OPTIONS = (
    click.option(
        "--option",
        "option",
        multiple=True,
        metavar="NAME=VALUE",
        help="A choice of the generator (see synthportal generators NAME). Repeatable.",
    ),
    click.option("--epsilon", type=float, metavar="X", help="Differential privacy for each person: the budget; smaller is safer."),
    click.option(
        "--delta",
        type=float,
        metavar="X",
        help=f"With --epsilon: the chance left open; under one in ten times the persons.  [default: {DELTA:g}]",
    ),
    click.option(
        "--contributions",
        type=click.IntRange(1),
        metavar="N",
        help=f"With --epsilon: rows of one person that count.  [default: {CONTRIBUTIONS}]",
    ),
    click.option(
        "--max-membership",
        type=float,
        metavar="X",
        help="How well a person may be recognised in the model (0.5 is guessing), such as 0.55.",
    ),
    click.option("--time-limit", type=float, metavar="SECONDS", help="Stop learning after so long and keep the best so far."),
    click.option(
        "--first", multiple=True, metavar="COLUMN", help="Learn this column first, so that --given can set it exactly. Repeatable."
    ),
    click.option("--apart", multiple=True, metavar="COLUMN*COLUMN", help="Learn nothing directly about these two together. Repeatable."),
    click.option("--without", multiple=True, metavar="COLUMN", help="Leave this column out altogether. Repeatable."),
)


def learning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a fit, given to the command as one `learning: Learning`."""

    def gathered(
        *,
        option: tuple[str, ...],
        epsilon: float | None,
        delta: float | None,
        contributions: int | None,
        max_membership: float | None,
        time_limit: float | None,
        first: tuple[str, ...],
        apart: tuple[str, ...],
        without: tuple[str, ...],
        **others: Any,
    ) -> Any:
        asked = Learning(
            named(option, "--option"), epsilon, delta, contributions, max_membership, time_limit, _split(first), apart, _split(without)
        )
        return command(learning=asked, **others)

    return _with(gathered, command, _OPTIONS)


@dataclass(frozen=True)
class Conditioning:
    """What the rows must meet that a learned generator makes, by column; see `generators.fitting.conditions.Conditions`."""

    given: Mapping[str, str] = field(default_factory=dict)
    balance: Mapping[str, str] = field(default_factory=dict)
    oversample: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.given or self.balance or self.oversample)


_CONDITIONS = (
    click.option(
        "--given",
        multiple=True,
        metavar="COLUMN=VALUE",
        help='Only such rows: "sex=F", "age=65..80", "ward=A|B", "ward=" (missing). Repeatable.',
    ),
    click.option(
        "--balance", multiple=True, metavar="COLUMN=SHARES", help='As many of each as you say: "outcome=died:50|discharged:50". Repeatable.'
    ),
    click.option(
        "--oversample", multiple=True, metavar="COLUMN=VALUE:N", help='Make a small group N times as frequent: "ethnicity=Bangladeshi:5".'
    ),
)


def conditions_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What rows must meet, given to the command as one `conditioning: Conditioning`."""

    def gathered(*, given: tuple[str, ...], balance: tuple[str, ...], oversample: tuple[str, ...], **others: Any) -> Any:
        typed = Conditioning(named(given, "--given"), named(balance, "--balance"), named(oversample, "--oversample"))
        return command(conditioning=typed, **others)

    return _with(gathered, command, _CONDITIONS)


def _with(gathered: Callable[..., Any], command: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    gathered.__doc__ = command.__doc__
    gathered.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]
    for each in reversed(options):
        gathered = each(gathered)
    return gathered


def _split(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())
