"""The reference page of the generators: `python -m generators.reference > docs/reference/generators.md` makes it from the registry."""

from __future__ import annotations

import sys

from generators.learning.known import OURS, learner_of
from generators.learning.options import Option
from generators.registry import GENERATORS, GeneratorInfo

HEAD = """# Generators

Made from the registry by `python -m generators.reference > docs/reference/generators.md`; a test fails when it is stale.
The same on the command line: `synthportal generators`. How well each does on reference data: [benchmarks](../benchmarks.md).
"""
WORKS_FROM = {"schema": "the schema alone", "summary": "an approved metadata summary", "data": "the records"}


def page() -> str:
    """The whole page, in Markdown: our own generators, not those that another package adds."""
    ours = {each.name for each in OURS}
    return "\n".join([HEAD, *(_section(info) for info in GENERATORS.values() if info.needs != "data" or info.name in ours)])


def _section(info: GeneratorInfo) -> str:
    lines = [
        f"## {info.title} (`{info.name}`)\n",
        f"- **Tier:** {info.tier}; works from {WORKS_FROM[info.needs]}.",
        f"- **How close:** {info.fidelity}",
        f"- **Privacy:** {info.risk}",
        f"- **Time:** {info.cost}",
        f"- **Choose it for:** {info.good_for}\n",
    ]
    if info.needs == "data":
        learner = learner_of(info.name)
        able = {
            "conditions on columns that come first are met exactly, without rejection": learner.restricts,
            "pairs of columns can be kept apart": learner.limits,
            "can be fitted with differential privacy": learner.private,
        }
        lines += [f"- {words[:1].upper()}{words[1:]}: {'yes' if yes else 'no'}." for words, yes in able.items()]
        lines += ["", "| option | default | what it does |", "|---|---|---|", *(_option(option) for option in learner.OPTIONS), ""]
    return "\n".join(lines)


def _option(option: Option) -> str:
    allowed = ", ".join(option.choices)
    if option.least is not None and option.most is not None:
        allowed = f"{option.least:g} to {option.most:g}"
    return f"| `{option.name}` | {option.default} | {option.words}{f' ({allowed})' if allowed else ''} |"


if __name__ == "__main__":
    sys.stdout.write(page())
