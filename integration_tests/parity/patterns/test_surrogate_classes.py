"""Programs that use the autograd functions behind the surrogates themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .both import same

CLASSES: dict[str, tuple[Any, ...]] = {
    "ATan": (2.0,),
    "FastSigmoid": (25,),
    "Sigmoid": (5,),
    "StraightThroughEstimator": (),
    "Heaviside": (),
    "SpikeRateEscape": (1, 25),
    "SparseFastSigmoid": (25, 0.5),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_applied(name: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        x = torch.linspace(-1.5, 1.5, 13, requires_grad=True)
        spk = getattr(snn.surrogate, name).apply(x, *CLASSES[name])
        (grad,) = torch.autograd.grad((spk * torch.arange(13)).sum(), x)
        return {"spk": spk, "grad": grad}

    same(program)


def test_a_class_is_passed_to_a_neuron() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Leaky(beta=0.9, spike_grad=snn.surrogate.StraightThroughEstimator.apply)
        mem, xs = neuron.reset_mem(), torch.rand(8, 3, requires_grad=True)
        spikes = []
        for x in xs:
            spk, mem = neuron(x, mem)
            spikes.append(spk)
        (grad,) = torch.autograd.grad(torch.stack(spikes).sum(), xs)
        return {"spk": torch.stack(spikes), "grad": grad}

    same(program)
