"""The generators that learn from records: ours, and those that other installed packages add.

A package adds one by an entry point of the group ``synthportal.generators`` that names a `LearnedGenerator`. Nothing here loads a learner,
or the learning library, before it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from generators.errors import InputError

if TYPE_CHECKING:
    from generators.learning.model import Learner

GROUP = "synthportal.generators"


@dataclass(frozen=True)
class LearnedGenerator:
    """A generator that learns from records, as people choose it. learner: "module:class"; library: what must be installed to fit it, or "".

    title, fidelity, privacy, cost, choose_when: plain words.
    """

    name: str
    version: str
    title: str
    fidelity: str
    privacy: str
    cost: str
    choose_when: str
    learner: str
    library: str = ""

    @property
    def installed(self) -> bool:
        """Whether all it needs to be fitted is installed."""
        return not self.library or importlib.util.find_spec(self.library) is not None


OURS = (
    LearnedGenerator(
        name="autoregressive",
        version="3",
        title="Autoregressive network",
        fidelity="Highest: columns hang together as they do in the records.",
        privacy="Learns from records: small tables may be remembered, which the fit measures and can be told to avoid.",
        cost="Seconds to minutes.",
        choose_when="First choice wherever records may be learned from.",
        learner="generators.models.autoregressive.learner:Autoregressive",
        library="torch",
    ),
    LearnedGenerator(
        name="dp-marginals",
        version="2",
        title="Noisy tables (differentially private)",
        fidelity="Fair: pairs of columns chosen and counted with noise; further dependence follows from those.",
        privacy="Differential privacy for each person, with the budget you set: what is released is nearly the same without any one.",
        cost="Seconds.",
        choose_when="A guarantee is needed that holds against every attack.",
        learner="generators.models.dp_marginals.learner:DpMarginals",
    ),
    LearnedGenerator(
        name="copula",
        version="2",
        title="Rank copula",
        fidelity="Fair: each column, and how strongly pairs of columns go together.",
        privacy="Learns one number for each pair of columns: remembers little of anybody.",
        cost="Seconds.",
        choose_when="A quick first look, or few records.",
        learner="generators.models.copula.learner:Copula",
    ),
    LearnedGenerator(
        name="cart",
        version="2",
        title="Sequential trees",
        fidelity="High.",
        privacy="Trees with small leaves repeat records, which the gates find and stop. Leave the size of leaves to be chosen.",
        cost="Seconds.",
        choose_when="You come from synthpop and need the same method.",
        learner="generators.models.cart.learner:Cart",
    ),
    LearnedGenerator(
        name="synthvae",
        version="3",
        title="SynthVAE, a variational autoencoder",
        fidelity="Good.",
        privacy="Learns from records through a narrow code; can be fitted with differential privacy.",
        cost="Minutes.",
        choose_when="You need the NHS model, or its published loss to compare with.",
        learner="generators.models.synthvae.learner:SynthVae",
        library="torch",
    ),
    LearnedGenerator(
        name="gan",
        version="2",
        title="Conditional adversarial network",
        fidelity="Good.",
        privacy="Learns from records; remembers little of many, more of few.",
        cost="Minutes.",
        choose_when="You come from CTGAN and need an adversarial network.",
        learner="generators.models.gan.learner:Gan",
        library="torch",
    ),
)


@dataclass(frozen=True)
class Known:
    """The generators by name, and what is wrong with installed ones that cannot be used, in sentences."""

    generators: dict[str, LearnedGenerator]
    refused: tuple[str, ...]


@cache
def known() -> Known:
    """Ours, then those of other packages. One that cannot be loaded, is no `LearnedGenerator` or takes a name that is taken is refused."""
    found, refused = {each.name: each for each in OURS}, []
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        try:
            each = point.load()
        except Exception as error:
            refused.append(f'the installed generator "{point.name}" cannot be loaded: {type(error).__name__} in {point.module}')
            continue
        if not isinstance(each, LearnedGenerator) or each.name in found:
            refused.append(f'the installed generator "{point.name}" cannot be used: it needs its own name and to be a LearnedGenerator')
        else:
            found[each.name] = each
    return Known(found, tuple(refused))


def learned_generators() -> dict[str, LearnedGenerator]:
    """See `known`."""
    return known().generators


def learner_of(name: str, *, fitting: bool = True) -> type[Learner]:
    """What fits the generator `name`; InputError when there is none, or what it needs is not installed.

    fitting: False where it only reads a model that was fitted: rows are drawn without the library that learns.
    """
    there = learned_generators()
    if name not in there:
        raise InputError(f'there is no generator "{name}" that learns from records; there are: {", ".join(there)}')
    info = there[name]
    if fitting and not info.installed:
        raise InputError(f'the generator "{name}" needs the package "{info.library}": install synthportal with the extra "learned"')
    module, _, attribute = info.learner.partition(":")
    return cast("type[Learner]", getattr(importlib.import_module(module), attribute))


def private_generators() -> tuple[str, ...]:
    """Names of those that can be fitted with differential privacy here; one whose package is broken is none of them."""
    able = []
    for name, info in learned_generators().items():
        try:
            if info.installed and learner_of(name).private:
                able.append(name)
        except (ImportError, AttributeError):
            continue
    return tuple(able)
