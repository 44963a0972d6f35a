"""One workload in one library, ready for the worker to time and check; times of the processor or of a GPU."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.data import Arrays
from bench.workloads import Workload

Mark = float | torch.cuda.Event


def mark(device: torch.device) -> Mark:
    """Return the time, or for a GPU an event, which comes when the work before it is done."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def seconds(*marks: Mark) -> tuple[float, ...]:
    """Wait for the last of some points of one device, in order, and give the seconds from each to the next.

    Example:
        >>> seconds(1.0, 1.5, 3.5)
        (0.5, 2.0)
    """
    if isinstance(marks[-1], torch.cuda.Event):
        marks[-1].synchronize()
    return tuple(itertools.starmap(_between, itertools.pairwise(marks)))


def _between(first: Any, second: Any) -> float:
    if isinstance(first, torch.cuda.Event):
        return first.elapsed_time(second) / 1e3  # from milliseconds
    return second - first


class TorchTrial:
    """A trial of a library on PyTorch.

    Args:
        workload: The workload.
        arrays: Its arrays.
        run: Function that returns the output for an input.
        net: Module with the parameters.
        batch_first: True if the library takes and returns ``[B, T, ...]``.
    """

    def __init__(
        self,
        workload: Workload,
        arrays: Arrays,
        run: Callable[[Tensor], Tensor],
        net: nn.Module,
        batch_first: bool = False,
    ) -> None:
        def own(array: np.ndarray) -> Tensor:
            tensor = torch.from_numpy(array)
            return tensor.transpose(0, 1).contiguous() if batch_first else tensor

        self.xs, self._upstream = own(arrays["xs"]), own(arrays["upstream"])
        self.xs.requires_grad_(workload.kind == "neuron")
        self.net, self._run, self._batch_first = net, run, batch_first
        self._learned = [tensor for tensor in (self.xs, *net.parameters()) if tensor.requires_grad]

    def to(self, device: str) -> None:
        """Move the net, its input and the gradient of its output to a device."""
        needs_grad = self.xs.requires_grad
        self.xs, self._upstream = (tensor.detach().to(device) for tensor in (self.xs, self._upstream))
        self.xs.requires_grad_(needs_grad)
        self.net.to(device)
        self._learned = [tensor for tensor in (self.xs, *self.net.parameters()) if tensor.requires_grad]

    def forget(self) -> None:
        """Clear all gradients."""
        for tensor in self._learned:
            tensor.grad = None

    def forward(self) -> Tensor:
        """Clear all gradients, and return the output."""
        self.forget()
        return self._run(self.xs)

    def backward(self, out: Tensor) -> None:
        """Compute all gradients from that of the output."""
        out.backward(self._upstream)

    def train(self) -> tuple[float, float]:
        """Run once forward and backward, and return the seconds of each."""
        start = mark(self.xs.device)
        out = self.forward()
        between = mark(self.xs.device)
        self.backward(out)
        forward, backward = seconds(start, between, mark(self.xs.device))
        return forward, backward

    def infer(self) -> float:
        """Run forward without gradients."""
        with torch.no_grad():
            start = mark(self.xs.device)
            self._run(self.xs)
            return seconds(start, mark(self.xs.device))[0]

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Run once; return spikes ``[T, B, out]`` as booleans, and the gradient of the input or the first weights."""
        out = self.forward()
        self.backward(out)
        gradient = self._learned[0].grad
        assert gradient is not None
        spk = out.detach()
        if self._batch_first:
            spk = spk.transpose(0, 1)
            gradient = gradient.transpose(0, 1) if self._learned[0] is self.xs else gradient
        return spk.cpu().numpy() > 0, gradient.cpu().numpy()
