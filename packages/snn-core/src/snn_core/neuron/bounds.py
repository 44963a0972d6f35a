"""Learned constants that stay inside a range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Module = TypeVar("Module", bound=nn.Module)


class Bounded(nn.Module):
    r"""Parametrization of a constant by the logistic function, :math:`c = l + (h - l)\,\sigma(r)` with r learned.

    Source: Fang et al., Incorporating Learnable Membrane Time Constant (2021).
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        if not high > low:
            raise ValueError(f"Bounded: high must be greater than low, got {low=}, {high=}")
        self.low = low
        self.high = high

    def forward(self, raw: Tensor) -> Tensor:
        """Return the constant for a raw value."""
        return self.low + (self.high - self.low) * torch.sigmoid(raw)

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the raw value for a constant, which must be inside the range, its ends excluded."""
        share = (value - self.low) / (self.high - self.low)
        if not bool(((share > 0) & (share < 1)).all()):
            raise ValueError(
                f"Bounded: a constant must be between {self.low} and {self.high}, both excluded, got {value}"
            )
        return torch.logit(share)


def bounded(neuron: Module, *names: str, low: float = 0.0, high: float = 1.0) -> Module:
    """Keep learned constants of a neuron inside a range, whatever the optimizer does.

    A clamped decay has no gradient once it has left [0, 1], and never returns. A bounded one approaches the ends and
    always has a gradient. The constants keep their values, are learned from now on, and appear in the ``state_dict`` as
    ``parametrizations.<name>.original``. Call this function before you create the optimizer.

    Args:
        neuron: The neuron, changed in place.
        names: Its constants, such as ``"beta"``.
        low: Lower end of the range.
        high: Upper end of the range.

    Returns:
        The neuron.

    Raises:
        ValueError: If no name is given, the neuron has no such constant, or its value is not inside the range.

    Example:
        >>> import snn_core as snn
        >>> lif = snn.bounded(snn.Leaky(beta=0.9), "beta")
        >>> with torch.no_grad():
        ...     lif.parametrizations.beta.original += 5.0
        >>> bool(0.9 < lif.beta < 1)
        True
    """
    names = tuple(dict.fromkeys(names))
    constants = dict(neuron.named_parameters(recurse=False)) | dict(neuron.named_buffers(recurse=False))
    if not names or any(name not in constants for name in names):
        raise ValueError(
            f"bounded takes names of constants of {type(neuron).__name__} ({', '.join(constants)}), got "
            f"{', '.join(names) or 'none'}"
        )
    parametrization = Bounded(low, high)
    for name in names:
        try:
            parametrization.right_inverse(constants[name].detach())  # raises before anything is changed
        except ValueError as error:
            raise ValueError(f"{type(neuron).__name__}: {name} cannot be bounded: {error}") from None
    for name in names:
        neuron._buffers.pop(name, None)
        neuron.register_parameter(name, nn.Parameter(constants[name].detach()))
        parametrize.register_parametrization(neuron, name, Bounded(low, high))
    return neuron


def drawn(kind: Any, constants: Mapping[str, Any], options: Mapping[str, Any], **ranges: tuple[float, float]) -> Any:
    """Return a layer of neurons with constants that were drawn and are learned, unless the options say otherwise.

    Args:
        kind: The class of the neurons.
        constants: The constants by name.
        options: Arguments of the constructor, which may replace constants, and ``learn_<name>``.
        **ranges: By name of a constant, the ends of the range in which it stays if it is learned.
    """
    made = kind(**{**constants, **{f"learn_{name}": True for name in constants}, **options})
    for name, (low, high) in ranges.items():
        if getattr(made, name).requires_grad:
            bounded(made, name, low=low, high=high)
    return made


def uniform(count: int, low: float, high: float) -> Tensor:
    """Draw constants for :func:`bounded`, at least a thousandth of the range away from either end."""
    return low + (high - low) * (0.001 + 0.998 * torch.rand(count))
