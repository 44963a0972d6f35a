"""The nets of the zoo before they have learned anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

__all__ = ["NETS", "must_be_known", "untrained"]

CLASSES = 10
SPEAKERS = 9


def digits(snn: Any) -> nn.Module:
    """Return a net for images ``[batch, 1, 8, 8]``: neurons without leak turn brightness into spikes for two layers."""
    encoder = snn.Leaky(beta=1.0, init_hidden=True)
    return nn.Sequential(
        nn.Flatten(), encoder, nn.Linear(64, 128), learning(snn, 0.9), nn.Linear(128, CLASSES), learning(snn, 0.9)
    )


def mnist5k(snn: Any) -> nn.Module:
    """Return a net for images ``[batch, 1, 28, 28]``: two convolutions, each pooled before its neurons."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 5),
        nn.AvgPool2d(2),
        learning(snn, 0.7),
        nn.Conv2d(12, 32, 5),
        nn.AvgPool2d(2),
        learning(snn, 0.7),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, CLASSES),
        learning(snn, 0.7),
    )


def vowels(snn: Any) -> nn.Module:
    """Return a net for steps of speech ``[batch, 12]``: a recurrent layer whose membranes decay at many speeds."""
    width, surrogate = 128, snn.surrogate.fast_sigmoid(slope=3)
    hidden = snn.RLeaky(
        beta=torch.linspace(0.5, 0.95, width),
        linear_features=width,
        learn_beta="bounded",
        init_hidden=True,
        spike_grad=surrogate,
    )
    return nn.Sequential(
        nn.Linear(12, width), hidden, nn.Linear(width, SPEAKERS), learning(snn, 0.95, spike_grad=surrogate)
    )


def learning(snn: Any, beta: float, **options: Any) -> Any:
    """Return leaky neurons that learn their decay and threshold."""
    return snn.Leaky(beta=beta, init_hidden=True, learn_beta="bounded", learn_threshold=True, **options)


NETS: dict[str, Callable[[Any], nn.Module]] = {"digits": digits, "mnist5k": mnist5k, "vowels": vowels}


def must_be_known(name: str) -> None:
    """Raise a ValueError unless the zoo has a net of this name."""
    if name not in [*NETS]:
        raise ValueError(f"the zoo has no net {name!r}; it has {', '.join(NETS)}")


def untrained(name: str) -> nn.Module:
    """Make a net of the zoo as it is before training, with weights from torch's global generator."""
    must_be_known(name)
    return NETS[name](core()).float()


def core() -> Any:
    """Import snn-core, whose neurons the nets use, or say what to install."""
    try:
        import snn_core
    except ImportError as error:
        raise ImportError("snn_data.zoo makes its nets with snn-core: pip install 'snn-data[zoo]'") from error
    return snn_core
