"""Real-time recurrent learning: an update in every step, with the gradient through all previous steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import SpikingNeuron
from snn_core.neuron import Temporal
from snn_core.utils import reset
from snn_functional._messages import fault, must
from snn_functional.backprop._epoch import epoch
from snn_functional.backprop._objective import Objective
from snn_functional.backprop._timing import timing
from snn_functional.online import RTRLLayer


def RTRL(
    net: nn.Module,
    dataloader: Iterable[Any],
    optimizer: torch.optim.Optimizer,
    criterion: Callable[..., Tensor],
    num_steps: int = False,
    time_var: bool = True,
    time_first: bool = True,
    regularization: Any = False,
    device: Any = "cpu",
    *,
    progress: bool = False,
) -> Tensor:
    """Train for one epoch by real-time recurrent learning, exactly and in memory that does not grow with the steps.

    In every step the step's loss is differentiated through all steps since the batch began, and the net is updated.
    That needs no graph of the past: :class:`~snn_functional.online.RTRLLayer` does it. As the net is updated within a
    sequence, the gradient through the past is that of the earlier parameters, as always in online learning.

    Args:
        net: An ``nn.Sequential`` with one spiking layer: an ``nn.Linear`` followed by neurons without connections
            to each other. No layer before these may learn, and no layer after them may have a state.
        dataloader: As in :func:`TBPTT`.
        optimizer: Optimizer of the net's parameters.
        criterion: As in :func:`TBPTT`, of single steps ``[1, batch, ...]``.
        num_steps: Number of steps for which to show data without time; leave it out if the data has its own.
        time_var: Whether the data has a time axis, ``[T, batch, ...]``; else it is ``[batch, ...]``.
        time_first: False for ``[batch, T, ...]``, targets with a time axis included.
        regularization: A penalty on the spikes added to the loss.
        device: Device for training; the net and every batch are moved there.
        progress: Show a bar, as in :func:`TBPTT`.

    Returns:
        The average loss over steps and batches, a scalar off the graph.

    Raises:
        ImportError: If ``progress`` is requested and tqdm is not installed.
        TypeError: If an argument, or a batch of ``dataloader``, is of the wrong kind.
        ValueError: If arguments contradict each other, shapes do not fit, or the method is not exact for the net;
            ``TBPTT`` with ``K=1`` updates any net in every step, by the gradient of that step alone.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import snn_core as snn
        >>> import snn_functional as SF
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True, output=True))
        >>> loader = [(torch.rand(20, 5, 3), torch.tensor([0, 1, 1, 0, 1]))]
        >>> SF.backprop.RTRL(net, loader, torch.optim.SGD(net.parameters(), 0.1), SF.ce_max_membrane_loss()).shape
        torch.Size([])

    Source: Williams and Zipser, A Learning Algorithm for Continually Running Fully Recurrent Neural Networks (1989).
    """
    when = timing(num_steps, time_var, time_first, 1)
    whole = Objective(criterion, regularization, net)
    online = _online(net)
    net.train()
    loss = epoch(online, dataloader, optimizer, whole, when, device, progress)
    reset(online)
    return loss


_REMEDY = "use TBPTT(..., K=1), which updates any net in every step, by the gradient of that step alone"


def _online(net: Any) -> nn.Sequential:
    """Return the same layers; the one that has a state learns online."""
    if not isinstance(net, nn.Module):
        raise TypeError(must("net", "be an nn.Sequential", type(net).__name__))
    layers = list(_flat(net, "")) if type(net) is nn.Sequential else []
    stateful = [
        index for index, (_, layer) in enumerate(layers) if any(isinstance(m, Temporal) for m in layer.modules())
    ]
    if len(stateful) != 1:
        description = f"{len(stateful)} layers with a state" if layers else type(net).__name__
        raise ValueError(must("net", "be an nn.Sequential with one spiking layer", description, _REMEDY))
    (index,) = stateful
    path, neuron = layers[index]
    synapse = layers[index - 1][1] if index else None
    if isinstance(neuron, RTRLLayer):
        first, layer = index, neuron
    elif isinstance(neuron, SpikingNeuron) and isinstance(synapse, nn.Linear):
        first, layer = index - 1, RTRLLayer(synapse, neuron)
    else:
        raise ValueError(
            fault(f"{path!r} ({type(neuron).__name__}) is not a spiking neuron right after an nn.Linear", _REMEDY)
        )
    for before, module in layers[:first]:
        if any(p.requires_grad for p in module.parameters()):
            raise ValueError(
                fault(
                    f"{before!r} ({type(module).__name__}) is trainable but comes before the spiking layer, where "
                    "RTRL has no exact gradient",
                    f"freeze it with requires_grad_(False), or: {_REMEDY}",
                )
            )
    return nn.Sequential(*(m for _, m in layers[:first]), layer, *(m for _, m in layers[index + 1 :]))


def _flat(net: nn.Sequential, path: str) -> Iterator[tuple[str, nn.Module]]:
    for name, module in net._modules.items():  # named_children would skip a module that appears twice
        assert module is not None
        if type(module) is nn.Sequential:
            yield from _flat(module, f"{path}{name}.")
        else:
            yield f"{path}{name}", module
