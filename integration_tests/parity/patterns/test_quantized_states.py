"""Programs that use the quantizer's autograd function itself, with levels of their own."""

from __future__ import annotations

from typing import Any

import torch

from .both import same


def test_a_state_is_rounded_to_given_levels_and_its_gradient_passes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        levels = torch.tensor([-1.0, -0.3, 0.0, 0.4, 1.0])
        state = torch.linspace(-1.3, 1.3, 24).reshape(2, 3, 4).requires_grad_()
        rounded = snn.functional.quant.StateQuant.apply(state, levels)
        (grad,) = torch.autograd.grad((rounded * torch.arange(24).reshape(2, 3, 4)).sum(), state)
        return {"rounded": rounded, "grad": grad}

    same(program)


def test_a_custom_quantizer_is_passed_to_a_neuron() -> None:
    def program(snn: Any) -> dict[str, Any]:
        levels = torch.linspace(-2, 2, 17)
        neuron = snn.Leaky(0.9, state_quant=lambda mem: snn.functional.quant.StateQuant.apply(mem, levels))
        mem, spikes = neuron.init_leaky(), []
        xs = torch.rand(8, 3, 5, requires_grad=True)
        for x in xs:
            spk, mem = neuron(x, mem)
            spikes.append(spk)
        (grad,) = torch.autograd.grad(torch.stack(spikes).sum() + mem.sum(), xs)
        return {"spk": torch.stack(spikes), "mem": mem, "grad": grad}

    same(program)
