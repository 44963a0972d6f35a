"""Everything on which the numbers of a run depend, and what it learned, to repeat and compare it bit for bit."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import snn
from snn.demo.task import Parts, Task

__all__ = ["data_sha256", "environment", "kernels_of", "weights_sha256"]


def environment(task: Task, parts: Parts) -> dict[str, Any]:
    """Return everything on which the numbers of a run depend, besides its settings and versions.

    Returns:
        ``data_sha256``, ``threads`` of torch, ``cpu`` with the instructions that torch uses, ``platform``, and
        ``kernels``, the way in which each layer computes a training batch.
    """
    return {
        "data_sha256": data_sha256(parts),
        "threads": torch.get_num_threads(),
        "cpu": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}",
        "platform": platform.platform(),
        "kernels": kernels_of(task, parts),
    }


def data_sha256(parts: Parts) -> str:
    """Return the SHA-256 of the samples and targets of both parts, in order, before any augmentation."""
    return _sha256(
        tensor
        for part in parts
        for tensor in (*([part.data] if isinstance(part.data, Tensor) else part.data), part.targets)
    )


def weights_sha256(net: nn.Module) -> str:
    """Return the SHA-256 of all tensors of a network's state dict, sorted by name."""
    return _sha256(tensor for _, tensor in sorted(net.state_dict().items()))


@torch.no_grad()
def kernels_of(task: Task, parts: Parts) -> list[str]:
    """Describe how each layer of a task's network computes a training batch."""
    batch = task.batch(parts.train, list(range(min(task.settings.batch, len(parts.train)))))
    net = task.new_network()
    with snn.functional.probe.InputMonitor(net, snn.SpikingNeuron) as inputs:
        snn.unroll(net, batch.input[:1])
    _, how = snn.unroll(net, batch.input, lengths=batch.lengths, explain=True)
    neurons = {
        name: snn.kernels.choose(net.get_submodule(name), inputs[name][0].unsqueeze(0))
        for name in inputs.monitored_layers
    }
    ran = {name: f"{choice.name} ({choice.reason})" for name, choice in neurons.items()}
    return [f"{layer.path}: {ran.get(layer.path, layer.how)}" for layer in how.layers]


def _sha256(tensors: Iterable[Tensor]) -> str:
    """Return the SHA-256 of dtype, shape and bytes of all tensors in order."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    text = known.read_text(encoding="utf-8") if known.exists() else ""
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return model[1] if model else platform.processor() or platform.machine()
