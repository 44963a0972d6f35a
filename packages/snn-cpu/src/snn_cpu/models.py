"""The equations that the kernels know, and what the constants of each family are in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snn_core.neuron.constant import clamped

__all__ = ["DERIVATIVES", "MODELS", "RESETS", "Model"]

RESETS = {
    ("none", True): 0,
    ("none", False): 0,
    ("subtract", True): 1,
    ("zero", True): 2,
    ("subtract", False): 3,
    ("zero", False): 4,
}

DERIVATIVES = {
    name: code
    for code, name in enumerate(
        (
            "atan",
            "fast_sigmoid",
            "sigmoid",
            "straight_through_estimator",
            "triangular",
            "heaviside",
            "spike_rate_escape",
            "LSO",
            "SFS",
            "no_gradient",
        )
    )
}


@dataclass(frozen=True)
class Model:
    """An equation of the library.

    Args:
        code: Its number there.
        recurrent: Whether every neuron is connected to itself.
        coefficients: From the constants of a family, in the order of its operator, to those of the equation: in the
            same operations as the neuron's own, so that they are the same numbers.
    """

    code: int
    recurrent: bool
    coefficients: Callable[..., tuple[Tensor, ...]]


_ONE = torch.ones(())


def _leaky(beta: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
    return clamped(beta), _ONE, *rest


def _synaptic(alpha: Tensor, beta: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
    return clamped(alpha), clamped(beta), *rest


def _lapicque(R: Tensor, C: Tensor, time_step: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    gain = time_step / C
    return 1 - gain / R, gain, threshold


def _alpha(alpha: Tensor, beta: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    log_alpha, log_beta = clamped(alpha).log(), clamped(beta).log()
    return clamped(alpha), clamped(beta), log_alpha / (log_beta - log_alpha) + 1, threshold


def _rleaky(beta: Tensor, V: Tensor, amplitude: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    return *_leaky(beta, threshold), V, amplitude


def _rsynaptic(alpha: Tensor, beta: Tensor, V: Tensor, amplitude: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    return *_synaptic(alpha, beta, threshold), V, amplitude


MODELS = {
    "leaky": Model(0, False, _leaky),
    "stateleaky": Model(0, False, _leaky),
    "linearleaky": Model(0, False, _leaky),
    "lapicque": Model(0, False, _lapicque),
    "synaptic": Model(1, False, _synaptic),
    "alpha": Model(2, False, _alpha),
    "rleaky_one_to_one": Model(0, True, _rleaky),
    "rsynaptic_one_to_one": Model(1, True, _rsynaptic),
}
