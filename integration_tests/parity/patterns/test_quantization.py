"""Quantized states and weights: levels of a membrane, and fake quantized layers around the neurons."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .both import equal, learn, louder, run, same, some_fire

STEPS, BATCH = 8, 4


class FakeQuantized(torch.autograd.Function):
    """Rounds to a grid of ``levels`` steps in [-largest, largest]; the gradient passes."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bits: int) -> Tensor:
        scale = weight.abs().max() / (2 ** (bits - 1) - 1)
        return torch.round(weight / scale) * scale

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class QuantizedLinear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, FakeQuantized.apply(self.weight, 4), self.bias)


class QuantizedConv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, FakeQuantized.apply(self.weight, 4), self.bias)


def test_quantized_layers_learn_between_neurons() -> None:
    def program(snn: Any) -> dict[str, Any]:
        options = {"beta": 0.7, "threshold": 0.3, "init_hidden": True, "learn_threshold": True}
        net = nn.Sequential(
            QuantizedConv(1, 3, 3, bias=False),
            nn.BatchNorm2d(3),
            snn.Leaky(**options),
            nn.AvgPool2d(2),
            nn.Flatten(),
            QuantizedLinear(12, 4, bias=False),
            snn.Leaky(**options, output=True, reset_mechanism="none"),
        )
        x, labels = torch.rand(BATCH, 1, 6, 6), torch.arange(BATCH)
        criterion = snn.functional.mse_count_loss()

        def spikes() -> Tensor:
            snn.utils.reset(net)
            return torch.stack([net(x)[0] for _ in range(STEPS)])

        return {"spk": some_fire(spikes()), **learn(net, lambda: criterion(spikes(), labels).sum())}

    same(program)


@pytest.mark.parametrize("options", [{"num_bits": 4, "uniform": True}, {"num_bits": 3, "uniform": False}], ids=str)
def test_a_membrane_takes_levels(options: dict[str, Any]) -> None:
    """Documented: the level next to 0 is moved to 0, so that a neuron at rest stays there; others are the peer's."""

    def program(snn: Any) -> dict[str, Any]:
        quantize = snn.functional.quant.state_quant(**options, threshold=1.0)
        values = torch.linspace(-1.2, 1.4, 41, requires_grad=True)
        levels = quantize(values)
        (grad,) = torch.autograd.grad(levels.sum(), values)
        return {"levels": levels.detach(), "grad": grad, "rest": quantize(torch.zeros(1))}

    result, expected = run(program)
    zero = expected["levels"] == expected["rest"]
    assert float(result["rest"]) == 0 < float(expected["rest"].abs())
    is_used = ~zero & (result["levels"] != 0)  # and the border to its neighbor moves with it
    assert int(is_used.sum()) > 20
    equal("levels", result["levels"][is_used], expected["levels"][is_used])
    equal("grad", result["grad"], expected["grad"])


def test_a_net_runs_with_quantized_membranes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        # an odd number of levels around 0 has 0 among them, so that both libraries have the same
        quantize = snn.functional.quant.state_quant(num_bits=1, uniform=True, lower_limit=-1.0, upper_limit=0.5)
        layer = louder(nn.Linear(5, 6))
        neuron = snn.Leaky(beta=0.8, state_quant=quantize)
        mem, spikes = neuron.reset_mem(), []
        for x in torch.rand(STEPS, BATCH, 5):
            spk, mem = neuron(layer(x), mem)
            spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "mem": mem}

    same(program)
