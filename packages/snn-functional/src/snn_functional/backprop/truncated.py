"""Backpropagation through time, over all steps of a batch or over some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from snn_functional.backprop._epoch import epoch
from snn_functional.backprop._objective import Objective
from snn_functional.backprop._timing import timing


def TBPTT(
    net: nn.Module,
    dataloader: Iterable[Any],
    optimizer: torch.optim.Optimizer,
    criterion: Callable[..., Tensor],
    num_steps: int = False,
    time_var: bool = True,
    time_first: bool = True,
    regularization: Any = False,
    device: Any = "cpu",
    K: int = 1,
    *,
    progress: bool = False,
) -> Tensor:
    r"""Train for one epoch by truncated backpropagation through time.

    A batch starts from rest. After every K steps the loss of these steps is differentiated, the net is updated, and its
    states continue off the graph; the steps left at the end of a batch form one more, shorter segment.

    Args:
        net: Called with one step's input ``[batch, ...]``; its neurons have ``init_hidden=True``. It returns spikes,
            or a tuple of spikes and states with the membrane last, as a last neuron with ``output=True`` does. It
            is run by ``unroll``, layer by layer where the result is the same.
        dataloader: Pairs of data and targets; or, for samples that differ in length, triples of padded data, targets
            and the number of steps of each sample ``[batch]``. Later steps do not count, and the longest
            sample ends the batch; ``criterion`` and ``regularization`` are then passed ``lengths``.
        optimizer: Optimizer of the net's parameters.
        criterion: A loss such as ``functional.ce_rate_loss()``, or any function of a recording ``[K, batch, ...]`` and
            the targets that returns a scalar. It gets the spikes, or the membrane where its attribute ``recording``
            is ``"mem_out"``, as in the membrane losses. A count covers K steps.
        num_steps: Number of steps for which to show data without time; leave it out if the data has its own.
        time_var: Whether the data has a time axis, ``[T, batch, ...]``; else it is ``[batch, ...]``.
        time_first: False for ``[batch, T, ...]``; targets that have a time axis are then in that order too
            (``mse_membrane_loss(time_var_targets=True)``).
        regularization: A penalty on the spikes added to the loss, such as ``functional.l1_rate_sparsity()``.
        device: Device for training; the net and every batch are moved there.
        K: Steps between updates, at most ``num_steps``.
        progress: Show a tqdm bar with the batches done and the loss so far.

    Returns:
        The average loss, a scalar off the graph: the mean over the segments, weighted by their steps (those of all
        samples together), and over the batches.

    Raises:
        ImportError: If ``progress`` is requested and tqdm is not installed.
        TypeError: If an argument, or a batch of ``dataloader``, is of the wrong kind.
        ValueError: If arguments contradict each other, there is no batch, or shapes do not fit.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import snn_core as snn
        >>> import snn_functional as SF
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True, output=True))
        >>> loader = [(torch.rand(20, 5, 3), torch.tensor([0, 1, 1, 0, 1]))]
        >>> optimizer = torch.optim.Adam(net.parameters())
        >>> loss = SF.backprop.TBPTT(net, loader, optimizer, SF.ce_rate_loss(), K=8)  # updates after 8, 16, 20 steps
        >>> loss.shape
        torch.Size([])

    Source: Williams and Peng, An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
        Trajectories (1990).
    """
    when = timing(num_steps, time_var, time_first, K)
    return epoch(net, dataloader, optimizer, Objective(criterion, regularization, net), when, device, progress)


def BPTT(
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
    """Train for one epoch by backpropagation through time: one update per batch, through all of its steps.

    Args:
        net: As in :func:`TBPTT`.
        dataloader: As in :func:`TBPTT`.
        optimizer: Optimizer of the net's parameters.
        criterion: As in :func:`TBPTT`, of all steps.
        num_steps: Number of steps for which to show data without time; leave it out if the data has its own.
        time_var: Whether the data has a time axis, ``[T, batch, ...]``; else it is ``[batch, ...]``.
        time_first: False for ``[batch, T, ...]``, targets with a time axis included.
        regularization: A penalty on the spikes added to the loss.
        device: Device for training; the net and every batch are moved there.
        progress: Show a bar, as in :func:`TBPTT`.

    Returns:
        The average loss of the batches, a scalar off the graph.

    Raises:
        ImportError: If ``progress`` is requested and tqdm is not installed.
        TypeError: If an argument, or a batch of ``dataloader``, is of the wrong kind.
        ValueError: If arguments contradict each other, there is no batch, or shapes do not fit.

    Example:
        Data without time is shown for ``num_steps`` steps:

        >>> import torch
        >>> from torch import nn
        >>> import snn_core as snn
        >>> import snn_functional as SF
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True, output=True))
        >>> loader = [(torch.rand(5, 3), torch.tensor([0, 1, 1, 0, 1]))]
        >>> optimizer = torch.optim.Adam(net.parameters())
        >>> SF.backprop.BPTT(net, loader, optimizer, SF.mse_count_loss(), num_steps=20, time_var=False).shape
        torch.Size([])

    Source: Werbos, Backpropagation Through Time: What It Does and How to Do It (1990).
    """
    when = timing(num_steps, time_var, time_first, None)
    return epoch(net, dataloader, optimizer, Objective(criterion, regularization, net), when, device, progress)
