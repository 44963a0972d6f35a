"""A net in the form that NeuroBench's harness takes."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import SpikingNeuron
from snn_core.utils import reset
from snn_functional._messages import fault, must


def neurobench(net: nn.Module, *, custom_forward: bool = False) -> Any:
    """Wrap a net as a model for the harness of NeuroBench, instead of its ``SNNTorchModel``.

    NeuroBench's metrics then give the same numbers as for the same net in snnTorch. The net is put in evaluation mode.
    Each batch starts from rest: ``net.reset()`` is called if there is such a method, else every neuron is reset.

    Args:
        net: A net of neurons of snn-core. It is called with one step ``[batch, ...]`` and returns spikes, or a tuple
            that begins with them.
        custom_forward: Whether to call it with the whole batch ``[batch, num_steps, ...]`` instead; it then returns
            spikes ``[num_steps, batch, ...]``.

    Returns:
        A ``neurobench.models.NeuroBenchModel``, for ``neurobench.benchmarks.Benchmark``. Called with
        ``[batch, num_steps, ...]`` it returns spikes ``[batch, num_steps, ...]``, without gradients.

    Raises:
        ImportError: If NeuroBench is not installed.
        TypeError: If ``net`` is not a module.
        ValueError: If it has no neurons of snn-core.

    Example:
        ``Benchmark(neurobench(net), loader, [], [ChooseMaxCount()], metrics).run()`` benchmarks a net. It refuses a net
        without neurons:

        >>> neurobench(nn.Sequential(nn.Linear(3, 2)))
        Traceback (most recent call last):
        ValueError: neurobench: this Sequential has no neurons of snn-core in it. Fix: put a neuron into an ...

    Source: Yik et al., The neurobench framework for benchmarking neuromorphic computing algorithms and systems (2025);
    ``neurobench.models.SNNTorchModel`` (NeuroBench 2.3), for the call.
    """
    if not isinstance(net, nn.Module):
        raise TypeError(must("net", "be an nn.Module", type(net).__name__))
    if not any(isinstance(module, SpikingNeuron) for module in net.modules() if module is not net):
        raise ValueError(
            fault(
                f"this {type(net).__name__} has no neurons of snn-core in it",
                "put a neuron into an nn.Sequential, and pass other nets to NeuroBench's own TorchModel or "
                "SNNTorchModel",
            )
        )
    return _model_class()(net, custom_forward)


@cache
def _model_class() -> Any:
    try:
        from neurobench.models import NeuroBenchModel
    except ImportError as error:
        raise ImportError(fault("NeuroBench is not installed", "pip install 'snn-functional[neurobench]'")) from error

    class Model(NeuroBenchModel):
        """A net of neurons of snn-core."""

        def __init__(self, net: nn.Module, custom_forward: bool) -> None:
            super().__init__()
            self.net = net.eval()
            self.custom_forward = custom_forward
            self.add_activation_module(SpikingNeuron)

        @torch.no_grad()
        def __call__(self, batch: Tensor) -> Tensor:
            if batch.dim() < 2 or not batch.shape[1]:
                raise ValueError(
                    "NeuroBenchModel: batch must have shape [batch, num_steps, ...] with at least one step, "
                    f"got {list(batch.shape)}"
                )
            if self.custom_forward:
                return self.net(batch).transpose(0, 1)
            own = getattr(self.net, "reset", None)
            own() if callable(own) else reset(self.net)
            outputs = [self.net(x) for x in batch.unbind(1)]
            return torch.stack([out[0] if isinstance(out, tuple) else out for out in outputs], 1)

        def __net__(self) -> nn.Module:
            return self.net

        def register_hooks(self) -> None:
            super().register_hooks()
            for hook in self.activation_hooks:
                # a hook looks for snnTorch's class to know whether it has a membrane to record
                hook.spiking = isinstance(hook.layer, SpikingNeuron)

    return Model
