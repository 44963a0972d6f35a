"""A short test of the kernels on the device of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["Check", "selftest"]

_SHAPE = (37, 3, 130)  # steps, samples, neurons: several blocks and segments, all of them incomplete
_OFF = {"float32": 1e-5, "float64": 1e-12}


class Check(NamedTuple):
    """The result of one test: its name, its success, and its details.

    Args:
        name: The neuron and the dtype.
        ok: True if the kernels agree with the reference.
        detail: The distance between them, or the error.
    """

    name: str
    ok: bool
    detail: str


def selftest(device: str = "cuda") -> list[Check]:
    """Run neurons forward and backward with the kernels and with the reference, and compare.

    Args:
        device: The device, such as ``"cuda:1"``.

    Returns:
        A check of each neuron, in float32 and in float64. Spikes must be equal; states and gradients may differ by
        1e-5 of their scale, and 1e-12 in float64.

    Example:
        >>> print(selftest("meta")[0].detail)  # where there are no kernels
        the reference runs: no engine for meta is installed...
    """
    import snn_core as snn
    from snn_core import surrogate

    neurons: Mapping[str, Callable[[], Any]] = {
        "Leaky": lambda: snn.Leaky(0.9, learn_beta=True, learn_threshold=True),
        "Synaptic": lambda: snn.Synaptic(0.8, 0.9, learn_alpha=True, reset_mechanism="zero"),
        "Alpha": lambda: snn.Alpha(0.9, 0.8, spike_grad=surrogate.fast_sigmoid()),
        "RLeaky": lambda: snn.RLeaky(0.9, V=0.5, all_to_all=False),
        "AdEx": snn.AdEx,
    }
    return [
        _checked(f"{name}, {dtype}", make, dtype, device)
        for name, make in neurons.items()
        for dtype in ("float32", "float64")
    ]


def _checked(name: str, make: Callable[[], Any], dtype: str, device: str) -> Check:
    try:
        return _compared(name, make, dtype, device)
    except Exception as error:  # the driver or the compiler may raise anything
        return Check(name, False, f"{type(error).__name__}: {error}")


def _compared(name: str, make: Callable[[], Any], dtype: str, device: str) -> Check:
    import torch

    from snn_core import kernels

    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(2, *_SHAPE, generator=generator, dtype=torch.float64)
    x, upstream = (t.to(device, getattr(torch, dtype)) for t in (1.2 * numbers[0] + 0.4, numbers[1]))
    neuron = make().to(device, x.dtype)
    choice = kernels.choose(neuron, x)
    if choice.name != "snn-triton":
        return Check(name, False, f"the {choice.name} runs: {choice.reason}")
    x.requires_grad_()
    state = neuron.State._make([torch.zeros_like(x[0]) for _ in neuron.State._fields])
    tensors = [x, *neuron.parameters()]
    runs = []
    for run in (lambda: kernels.run(neuron, x, state, True), lambda: kernels.loop(neuron.advance, x, state, True)):
        spikes, states = run()
        gradients = torch.autograd.grad((spikes * upstream).sum(), tensors)
        runs.append((spikes, *states, *gradients))
    (spikes, *results), (expected, *others) = runs
    apart = max(((f - e).abs().max() / (1 + e.abs().max())).item() for f, e in zip(results, others, strict=True))
    fired = int((spikes != expected).sum())
    return Check(name, fired == 0 and apart <= _OFF[dtype], f"{fired} spikes differ, values by up to {apart:.1e}")
