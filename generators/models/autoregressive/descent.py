"""Steps of learning. Our own few lines, because the library's optimisers load its compiler with them: 1.6 s of every fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

FIRST, SECOND = 0.9, 0.99
"""How long means of gradients and of their squares are remembered."""
TINY = 1e-8


class Descent:
    """Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019)."""

    def __init__(self, parameters: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor], decay: float) -> None:
        self.parameters, self.gradients, self.decay, self.steps = parameters, gradients, decay, 0
        self.means = [torch.zeros_like(each) for each in parameters]
        self.squares = [torch.zeros_like(each) for each in parameters]
        self._root = [torch.empty_like(each) for each in parameters]

    def step(self, rate: float) -> None:
        """One step down the gradients."""
        self.steps += 1
        scale = math.sqrt(1 - SECOND**self.steps)
        length = -rate * scale / (1 - FIRST**self.steps)
        for parameter, gradient, mean, square, root in zip(
            self.parameters, self.gradients, self.means, self.squares, self._root, strict=True
        ):
            mean.lerp_(gradient, 1 - FIRST)
            square.mul_(SECOND).addcmul_(gradient, gradient, value=1 - SECOND)
            if self.decay:
                parameter.mul_(1 - rate * self.decay)
            torch.sqrt(square, out=root)
            parameter.addcdiv_(mean, root.add_(TINY * scale), value=length)
