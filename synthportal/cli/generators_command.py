"""`synthportal generators`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from synthportal.cli.outcome import say

if TYPE_CHECKING:
    from generators.registry import GeneratorInfo


@click.command("generators")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """The generators there are: how close to the records, how safe, how long, when to choose which. NAME: one, with its options.

    Other installed packages add generators of their own (entry points "synthportal.generators").

    \b
    Examples:
      synthportal generators
      synthportal generators autoregressive
    """
    from generators.learning.known import known
    from generators.registry import GENERATORS
    from synthportal.cli.making import generator_named

    if name is not None:
        click.echo(_one(generator_named(name)))
        return
    click.echo("\n\n".join(_told(info) for info in GENERATORS.values()))
    for sentence in known().refused:
        say(f"warning: {sentence}")


def _told(info: GeneratorInfo) -> str:
    lines = {
        "tier": info.tier,
        "works from": {"schema": "the schema alone", "summary": "a metadata summary", "data": "the records"}[info.needs],
        "fidelity": info.fidelity,
        "privacy": info.risk,
        "time": info.cost,
        "choose it for": info.good_for,
    }
    if not info.installed:
        lines["not installed"] = 'install synthportal with the extra "learned"'
    head = f"{info.name}  {info.title}"
    return "\n".join([head, *(_wrapped(f"{what}: {words}") for what, words in lines.items())])


def _one(info: GeneratorInfo) -> str:
    from generators.learning.known import learner_of

    text = _told(info)
    if info.needs != "data" or not info.installed:
        return text
    options = learner_of(info.name).OPTIONS
    if not options:
        return text
    told = []
    for option in options:
        allowed = (
            ", ".join(option.choices) if option.choices else f"{option.least:g} to {option.most:g}" if option.least is not None else ""
        )
        told.append(_wrapped(f"{option.name}={option.default}  {option.words}" + (f" ({allowed})" if allowed else "")))
    return "\n".join([text, "", "Options (--option NAME=VALUE):", *told])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="      ")
