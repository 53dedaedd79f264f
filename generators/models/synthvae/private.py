"""`synthvae` with differential privacy: noisy tables of what each column hangs on, and a network trained privately beside them.

Nothing else is looked at: no rows are held out, nothing stops early, and hidden points are drawn from N(0, I).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from generators.encoding.coded import CodedRows, Part
from generators.errors import InputError
from generators.learning.ledger import PrivacyLedger
from generators.learning.watch import Watch
from generators.models.dp_marginals.selection import leading_tables
from generators.models.private_training import PrivateSettings, PrivateTraining
from generators.models.synthvae.mixture import standard
from generators.models.synthvae.model import VaeModel
from generators.models.synthvae.network import Autoencoder
from generators.models.synthvae.training import begun, weights
from generators.models.training_state import one_torch_thread

TABLES = 0.7
"""The share of what is left that goes to noisy tables; training gets the rest."""

ROUNDS, BATCH, RATE = 5.0, 512, 3e-3
WIDTH, NUMBERS, NARROW = 128, 16, 0.6
"""Unless asked otherwise. The decoder reads no earlier parts here: the noisy tables say what it would."""

Array = npt.NDArray[np.float32]


class OneHot(Autoencoder):
    """The same network reading codes as a row of zeros and ones, which clips many times faster than a table of embeddings."""

    def __init__(self, parts: Sequence[Part], *, width: int, latent: int, tables: Mapping[int, tuple[int, Array]], seed: int) -> None:
        super().__init__(parts, 0, width=width, latent=latent, tables=tables, seed=seed)
        begun_with = self.read.weight.detach()
        self.taken = nn.Linear(self.total + 1, width, bias=False)
        with torch.no_grad():
            self.taken.weight.copy_(begun_with.T)
        self.read.requires_grad_(False)

    def encode(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """As `Autoencoder.encode`."""
        hot = torch.zeros(len(positions), self.total + 1).scatter_add_(1, positions, torch.ones(positions.shape))
        h = torch.relu(self.taken(hot))
        mean, spread = self.code(torch.relu(self.inner(h))).chunk(2, dim=1)
        return mean, 4 * torch.tanh(spread / 4) - 2

    def put_back(self) -> None:
        """What was learned, as a table of embeddings."""
        with torch.no_grad():
            self.read.weight.copy_(self.taken.weight.T)


def fitted_privately(rows: CodedRows, ledger: PrivacyLedger, seed: int, options: Mapping[str, str], watch: Watch) -> VaeModel:
    """The model, on guarded rows. InputError for what `SynthVae` cannot do privately, and for too small a budget."""
    if rows.given:
        raise InputError('the generator "synthvae" learns each table by itself with differential privacy: it cannot be given other rows')
    if options["loss"] == "published":
        raise InputError("the published loss is not one that can be trained with differential privacy; choose the mended one")
    latent, width = int(float(options["numbers"])) or NUMBERS, int(float(options["width"])) or WIDTH
    narrow = float(options["narrowness"]) or NARROW
    watch.tick(0.0, f"{watch.stage}: counting with noise")
    found = leading_tables(rows, ledger, ledger.left * TABLES) if options["tables"] == "yes" else {}
    tables = {n: (m.parts[0], np.log(m.counts).astype(np.float32)) for n, m in found.items() if len(m.parts) == 2}
    network = OneHot(rows.parts, width=width, latent=latent, tables=tables, seed=seed)
    begun(network, {n: m.counts for n, m in found.items() if len(m.parts) == 1})

    def losses(net: nn.Module, codes: Tensor, generator: torch.Generator) -> Tensor:
        told, apart = net(codes, torch.randn(len(codes), latent, generator=generator))
        return torch.as_tensor(told + narrow * apart)

    with one_torch_thread():
        PrivateTraining(network, losses, PrivateSettings(ROUNDS, BATCH, RATE)).run(rows, ledger, seed=seed, watch=watch)
    network.put_back()
    held, within = weights(network)
    return VaeModel(rows.parts, 0, held, {**tables, **within}, standard(latent, 0), np.zeros((0, 0), dtype=np.float32))
