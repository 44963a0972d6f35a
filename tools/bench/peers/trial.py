"""One workload in one library, ready to run: what the worker times and checks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from bench.data import Arrays
from bench.workloads import Workload

__all__ = ["TorchTrial", "Trial"]


class Trial(Protocol):
    """What every library's module makes from a workload and its arrays."""

    def train(self) -> tuple[float, float]:
        """Run once forward and backward; the seconds of each."""
        ...

    def infer(self) -> float:
        """Run forward without gradients; its seconds."""
        ...

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Spikes ``[T, B, out]`` and the gradient of the input, or of the first weights where it needs none."""
        ...


class TorchTrial:
    """A trial of a library on PyTorch.

    Args:
        workload: The workload.
        made: Its arrays.
        run: Gives the output for the input.
        net: Holder of the parameters; ``net`` of the trial.
        batch_first: The library takes and gives ``[B, T, ...]``.
    """

    def __init__(
        self,
        workload: Workload,
        made: Arrays,
        run: Callable[[Tensor], Tensor],
        net: nn.Module,
        batch_first: bool = False,
    ) -> None:
        def own(array: np.ndarray) -> Tensor:
            tensor = torch.from_numpy(array)
            return tensor.transpose(0, 1).contiguous() if batch_first else tensor

        self.xs, self._upstream = own(made["xs"]), own(made["upstream"])
        self.xs.requires_grad_(workload.kind == "neuron")
        self.net, self._run, self._batch_first = net, run, batch_first
        self._learned = [one for one in (self.xs, *net.parameters()) if one.requires_grad]

    def forward(self) -> Tensor:
        """The output, with no gradient from before left."""
        for one in self._learned:
            one.grad = None
        return self._run(self.xs)

    def backward(self, out: Tensor) -> None:
        """From the output's gradient to all others."""
        out.backward(self._upstream)

    def train(self) -> tuple[float, float]:
        """Run once forward and backward.

        Returns:
            Seconds forward, seconds backward.
        """
        start = time.perf_counter()
        out = self.forward()
        between = time.perf_counter()
        self.backward(out)
        return between - start, time.perf_counter() - between

    def infer(self) -> float:
        """Run forward without gradients.

        Returns:
            Seconds.
        """
        with torch.no_grad():
            start = time.perf_counter()
            self._run(self.xs)
            return time.perf_counter() - start

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Run once more, for what it computes.

        Returns:
            Spikes ``[T, B, out]`` as booleans, and the gradient of the input or of the first weights.
        """
        out = self.forward()
        self.backward(out)
        gradient = self._learned[0].grad
        assert gradient is not None
        spk = out.detach()
        if self._batch_first:
            spk = spk.transpose(0, 1)
            gradient = gradient.transpose(0, 1) if self._learned[0] is self.xs else gradient
        return spk.numpy() > 0, gradient.numpy()
