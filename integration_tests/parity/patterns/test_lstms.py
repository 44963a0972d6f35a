"""Spiking LSTMs over sequences and images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import learn, same, some_fire

STEPS, BATCH = 5, 3


def test_a_spiking_lstm_reads_a_sequence() -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                grad = snn.surrogate.straight_through_estimator()
                self.slstm1 = snn.SLSTM(6, 6, spike_grad=grad, learn_threshold=True, threshold=0.1)
                self.slstm2 = snn.SLSTM(6, 6, spike_grad=grad, threshold=0.05)
                self.fc = nn.Linear(6, 2)

            def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
                syn1, mem1 = self.slstm1.init_slstm()
                syn2, mem2 = self.slstm2.init_slstm()
                spikes, outputs = [], []
                for x in xs:
                    spk1, syn1, mem1 = self.slstm1(x.flatten(1), syn1, mem1)
                    spk2, syn2, mem2 = self.slstm2(spk1, syn2, mem2)
                    spikes.append(spk2)
                    outputs.append(self.fc(mem2))
                return torch.stack(spikes), torch.stack(outputs)

        net, xs, labels = Net(), torch.rand(STEPS, BATCH, 2, 3), torch.tensor([0, 1, 1])
        spk, outputs = net(xs)
        numbers = {"spk": some_fire(spk), "outputs": outputs}
        return numbers | learn(net, lambda: nn.functional.cross_entropy(net(xs)[1][-1], labels))

    same(program)


@pytest.mark.parametrize("pool", [{}, {"max_pool": 2}, {"avg_pool": (2, 2)}], ids=str)
def test_a_convolutional_lstm_reads_images(pool: dict[str, Any]) -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = nn.Sequential(
            snn.SConv2dLSTM(1, 3, kernel_size=3, threshold=0.05, init_hidden=True, **pool),
            nn.Flatten(),
            nn.Linear(48 if not pool else 12, 2),
            snn.Leaky(beta=0.9, init_hidden=True, output=True),
        )
        xs, labels = torch.rand(STEPS, BATCH, 1, 4, 4), torch.tensor([0, 1, 1])
        criterion = snn.functional.ce_max_membrane_loss()

        def membranes() -> Tensor:
            snn.utils.reset(net)
            return torch.stack([net(x)[1] for x in xs])

        return {"mem": membranes(), **learn(net, lambda: criterion(membranes(), labels))}

    same(program)
