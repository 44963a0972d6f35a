"""Networks for spoken words as spikes, such as Spiking Heidelberg Digits: dense, recurrent and with learned delays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn

from snn_core import AdLIF, DelayedLinear, Readout, Recurrent, SpikingNeuron, surrogate
from snn_models.choice import must_be_counts
from snn_models.neuron import Neuron, fresh, leaky


class RAdLIF(Recurrent, AdLIF):
    """Adaptive neurons, each of which receives the spikes of all of them from the step before."""

    class State(NamedTuple):  # pyrefly: ignore[bad-override]  (a state of its own, as every neuron has)
        """Spikes of the step before, adaptation current and membrane potential."""

        spk: Tensor
        adaptation: Tensor
        mem: Tensor

    def __init__(self, *constants: Any, features: int, **options: Any) -> None:
        super().__init__(*constants, **options)
        self.connect(linear_features=features)


def recurrent_adaptive(features: int) -> SpikingNeuron:
    """Return a layer of recurrent adaptive neurons, whose constants are drawn at random and learned.

    Args:
        features: Number of neurons.

    Returns:
        :class:`~snn_core.AdLIF` with a dense recurrent connection, which keeps its state.

    Example:
        >>> import torch
        >>> recurrent_adaptive(3)(torch.ones(2, 3)).shape
        torch.Size([2, 3])

    Source: Bittar and Garner, A surrogate gradient spiking baseline for speech command recognition (2022), "RadLIF".
    """
    return RAdLIF.random(features, features=features, spike_grad=surrogate.slayer(), init_hidden=True)


def feedforward_speech(
    num_classes: int = 20,
    *,
    inputs: int = 700,
    hidden: Sequence[int] = (128, 128),
    dropout: float = 0.1,
    beta: float = 0.9,
    neuron: Neuron = leaky,
) -> nn.Sequential:
    """Make a dense network: linear layers with batch norm, neurons and dropout, and membranes as its output.

    Args:
        num_classes: Number of outputs.
        inputs: Channels of the input.
        hidden: Features of the hidden layers.
        dropout: Probability with which a spike of a hidden layer is dropped.
        beta: Decay of the output's membranes per step.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Returns:
        A net that takes ``[batch, inputs]`` and returns membranes ``[batch, num_classes]`` in each step; their mean
        over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If a number is not a whole number of at least 1, ``hidden`` is empty, or ``dropout`` is not a
            probability.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(feedforward_speech(hidden=(16,)), torch.rand(50, 2, 700)).mean(0).shape
        torch.Size([2, 20])

    Source: Bittar and Garner, A surrogate gradient spiking baseline for speech command recognition (2022).
    """
    layer = partial(nn.Linear, bias=False)
    return _net("feedforward_speech", layer, lambda _: neuron(), (inputs, hidden, num_classes), dropout, beta)


def recurrent_speech(
    num_classes: int = 20,
    *,
    inputs: int = 700,
    hidden: Sequence[int] = (1024, 1024),
    dropout: float = 0.1,
    beta: float = 0.9,
    neuron: Callable[[int], nn.Module] = recurrent_adaptive,
) -> nn.Sequential:
    """Make a network of recurrent layers: like :func:`~snn_models.feedforward_speech`, but its neurons are connected.

    Args:
        num_classes: Number of outputs.
        inputs: Channels of the input.
        hidden: Features of the hidden layers.
        dropout: Probability with which a spike of a hidden layer is dropped.
        beta: Decay of the output's membranes per step.
        neuron: A function that returns new neurons, with ``init_hidden=True``, for a number of features;
            :func:`~snn_models.recurrent_adaptive` by default.

    Returns:
        A net that takes ``[batch, inputs]`` and returns membranes ``[batch, num_classes]`` in each step; their mean
        over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If a number is not a whole number of at least 1, ``hidden`` is empty, or ``dropout`` is not a
            probability.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(recurrent_speech(hidden=(16, 16)), torch.rand(50, 2, 700)).mean(0).shape
        torch.Size([2, 20])

    Source: Bittar and Garner, A surrogate gradient spiking baseline for speech command recognition (2022), "RadLIF".
    """
    layer = partial(nn.Linear, bias=False)
    return _net("recurrent_speech", layer, neuron, (inputs, hidden, num_classes), dropout, beta)


def delayed_speech(
    num_classes: int = 20,
    *,
    inputs: int = 140,
    hidden: Sequence[int] = (256, 256),
    max_delay: int = 25,
    dropout: float = 0.4,
    beta: float = 0.9,
    neuron: Neuron = leaky,
) -> nn.Sequential:
    """Make a network in which every synapse has a learned delay, with batch norm, neurons and dropout in each layer.

    Call ``layer.narrow_(progress)`` of each :class:`~snn_core.DelayedLinear` in it before every epoch.

    Args:
        num_classes: Number of outputs.
        inputs: Channels of the input; in the paper, each is the sum of five of the 700.
        hidden: Features of the hidden layers.
        max_delay: Largest delay in steps; in the paper 250 ms, in steps of 10 ms.
        dropout: Probability with which a spike of a hidden layer is dropped.
        beta: Decay of the output's membranes per step.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Returns:
        A net that takes ``[batch, inputs]`` and returns membranes ``[batch, num_classes]`` in each step; their mean
        over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If a number is not a whole number of at least 1, ``hidden`` is empty, or ``dropout`` is not a
            probability.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(delayed_speech(hidden=(16, 16), max_delay=5), torch.rand(50, 2, 140)).mean(0).shape
        torch.Size([2, 20])

    Source: Hammouamri, Khalfaoui-Hassani and Masquelier, Learning Delays in Spiking Neural Networks using Dilated
        Convolutions with Learnable Spacings (2024).
    """
    layer = partial(DelayedLinear, max_delay=max_delay, bias=False)
    return _net("delayed_speech", layer, lambda _: neuron(), (inputs, hidden, num_classes), dropout, beta)


def _net(
    owner: str,
    layer: Callable[[int, int], nn.Module],
    neuron: Callable[[int], nn.Module],
    features: tuple[int, Sequence[int], int],
    dropout: float,
    beta: float,
) -> nn.Sequential:
    """Return hidden layers, and a last layer with membranes in place of neurons.

    ``features`` are those of the input, of the hidden layers and of the output.
    """
    inputs, hidden, num_classes = features
    must_be_counts(owner, inputs=inputs, num_classes=num_classes)
    if not hidden:
        raise ValueError(f"{owner}: hidden must have the features of at least one layer, got {hidden!r}")
    layers: list[nn.Module] = []
    for before, size in itertools.pairwise([inputs, *hidden]):
        must_be_counts(owner, hidden=size)
        layers += [layer(before, size), nn.BatchNorm1d(size), fresh(owner, partial(neuron, size)), nn.Dropout(dropout)]
    return nn.Sequential(*layers, layer(hidden[-1], num_classes), Readout(beta))
