"""What a fit in torch stands at: weights and the optimiser's memory, as plain arrays, so that one that was stopped goes on to the very same
bytes. Loads torch, but not its optimisers, which load its compiler with them: seconds of every fit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

State = dict[str, Tensor]


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """For networks of this size one thread is fastest, and sums come out the same wherever there are more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Adam:
    """Steps down the gradients, with decoupled weight decay (D. Kingma, J. Ba, ICLR 2015; I. Loshchilov, F. Hutter, ICLR 2019)."""

    def __init__(self, module: nn.Module, betas: tuple[float, float] = (0.9, 0.99), decay: float = 0.0) -> None:
        self.weights = dict(module.named_parameters())
        self.betas, self.decay, self.steps = betas, decay, 0
        self.means = {name: torch.zeros_like(weight) for name, weight in self.weights.items()}
        self.squares = {name: torch.zeros_like(weight) for name, weight in self.weights.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradients that are there, which are then forgotten."""
        self.steps += 1
        first, second = self.betas
        root = math.sqrt(1 - second**self.steps)
        length = rate * root / (1 - first**self.steps)
        for name, weight in self.weights.items():
            if weight.grad is None:
                continue
            mean, square = self.means[name], self.squares[name]
            mean.lerp_(weight.grad, 1 - first)
            square.mul_(second).addcmul_(weight.grad, weight.grad, value=1 - second)
            if self.decay and weight.ndim > 1:
                weight.mul_(1 - rate * self.decay)
            weight.addcdiv_(mean, square.sqrt().add_(1e-8 * root), value=-length)
            weight.grad = None


def copied(module: nn.Module) -> State:
    """The weights as they are now."""
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


def put(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """The weights that `copied` gave, into the module."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.copy_(state[name])


def state_arrays(**states: Mapping[str, Tensor]) -> dict[str, npt.NDArray[Any]]:
    """Tensors by group and name as arrays."""
    return {f"{group}/{name}": each.detach().cpu().numpy() for group, state in states.items() for name, each in state.items()}


def taken_up(arrays: Mapping[str, npt.NDArray[Any]], group: str, like: Mapping[str, Tensor]) -> State | None:
    """The tensors kept under `group`; None when they are not those of this network."""
    found: State = {}
    for name, weight in like.items():
        array = arrays.get(f"{group}/{name}")
        if array is None or array.shape != tuple(weight.shape):
            return None
        found[name] = torch.from_numpy(np.array(array)).to(weight.device)
    return found
