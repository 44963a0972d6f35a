"""Regression by membranes, and recurrent neurons that learn numbers or classes from them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import learn, louder, same, some_fire

STEPS, BATCH = 12, 4


class Membrane(nn.Module):
    """The last neuron never fires: its membrane is the output."""

    def __init__(self, snn: Any, hidden: int = 9) -> None:
        super().__init__()
        options = {"learn_beta": True, "learn_threshold": True, "spike_grad": snn.surrogate.atan()}
        self.fc1 = nn.Linear(1, hidden)
        self.lif1 = snn.Leaky(beta=torch.rand(hidden), threshold=torch.rand(hidden), **options)
        self.fc_out = nn.Linear(hidden, 1)
        options = {"reset_mechanism": "none", "spike_grad": snn.surrogate.atan()}
        self.li_out = snn.Leaky(beta=torch.rand(1), threshold=1.0, learn_beta=True, **options)

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        mem1, mem_out = self.lif1.init_leaky(), self.li_out.init_leaky()
        spikes, outputs = [], []
        for x in xs:
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            _, mem_out = self.li_out(self.fc_out(spk1), mem_out)
            spikes.append(spk1)
            outputs.append(mem_out)
        return torch.stack(spikes), torch.stack(outputs)


def test_a_membrane_follows_a_function_of_time() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(Membrane(snn))
        xs = torch.linspace(0, 2, STEPS).view(-1, 1, 1)
        target = (2 * torch.pi * xs).sin()
        spk, mem = net(xs)
        loss = nn.MSELoss()
        return {"spk": some_fire(spk), "mem": mem, **learn(net, lambda: loss(net(xs)[1], target))}

    same(program)


@pytest.mark.parametrize("options", [{"linear_features": 5}, {"all_to_all": False, "V": 0.5}], ids=str)
def test_a_recurrent_neuron_learns_its_last_membrane(options: dict[str, Any]) -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.fc1 = nn.Linear(3, 5)
                self.rlif1 = snn.RLeaky(beta=0.8, reset_mechanism="subtract", **options)
                self.fc2 = nn.Linear(5, 2)
                self.lif2 = snn.Leaky(beta=0.9, reset_mechanism="none")

            def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
                spk1, mem1 = self.rlif1.init_rleaky()
                mem2 = self.lif2.init_leaky()
                spikes, membranes = [], []
                for _ in range(STEPS):
                    spk1, mem1 = self.rlif1(self.fc1(x), spk1, mem1)
                    _, mem2 = self.lif2(self.fc2(spk1), mem2)
                    spikes.append(spk1)
                    membranes.append(mem2)
                return torch.stack(spikes), torch.stack(membranes)

        net = louder(Net())
        x, target = torch.rand(BATCH, 3), torch.rand(BATCH, 2)
        spk, mem = net(x)
        return {
            "spk": some_fire(spk),
            "mem": mem,
            **learn(net, lambda: nn.functional.mse_loss(net(x)[1][-1], target)),
        }

    same(program)


def test_classes_are_learned_as_targets_of_membranes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        grad = snn.surrogate.fast_sigmoid(slope=10)
        net = louder(
            nn.Sequential(
                nn.Linear(6, 8),
                snn.RLeaky(0.7, linear_features=8, init_hidden=True, reset_mechanism="subtract", spike_grad=grad),
                nn.Linear(8, 3),
                snn.Leaky(0.9, init_hidden=True, output=True, reset_mechanism="none"),
            )
        )
        x, labels = torch.rand(BATCH, 6), torch.tensor([0, 2, 1, 1])
        criterion = snn.functional.mse_membrane_loss(on_target=1.05, off_target=0.2)

        def membranes() -> Tensor:
            snn.utils.reset(net)
            return torch.stack([net(x)[1] for _ in range(STEPS)])

        return {"mem": membranes(), **learn(net, lambda: criterion(membranes(), labels).sum())}

    same(program)
