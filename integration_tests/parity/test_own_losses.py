"""Losses that users derive from the peer's base class or from its losses, derived from ours."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as peer
import snntorch.utils
import torch
from snntorch import functional as peer_functional
from torch import Tensor, nn

import snn_core as snn
import snn_functional as ours

TARGETS = torch.tensor([3, 0, 2, 3, 1])
WEIGHT = torch.tensor([0.35, 2.0, 0.5, 3.0])
options = pytest.mark.parametrize(
    "arguments", [{"reduction": r, "weight": w} for r in ("mean", "sum", "none") for w in (None, WEIGHT)], ids=str
)


def early_loss(package: Any) -> type:
    """A cross entropy of the first half of the steps, written as the peer's losses are."""

    class EarlyLoss(package.LossFunctions):
        def __init__(self, share: float = 0.5, reduction: str = "mean", weight: Tensor | None = None) -> None:
            super().__init__(reduction=reduction, weight=weight)
            self.share = share
            self.__name__ = "early_loss"

        def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
            device, num_steps, num_outputs = self._prediction_check(spk_out)
            assert num_outputs == spk_out.shape[-1]
            loss_fn = nn.NLLLoss(reduction=self._intermediate_reduction(), weight=self.weight)
            loss_shape = spk_out.size(1) if self._intermediate_reduction() == "none" else 1
            loss = torch.zeros(loss_shape, device=device)
            steps = max(1, int(self.share * num_steps))
            for step in range(steps):
                loss += loss_fn(spk_out[step].log_softmax(-1), targets)
            return loss / steps

    return EarlyLoss


def grouped_loss(package: Any) -> type:
    """One of counts of a population."""

    class GroupedLoss(package.LossFunctions):
        def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
            _, num_steps, num_outputs = self._prediction_check(spk_out)
            counts = self._population_code(spk_out, 4, num_outputs)
            loss = nn.functional.mse_loss(
                counts / num_steps, nn.functional.one_hot(targets, 4).float(), reduction=self._intermediate_reduction()
            )
            return loss if self.weight is None else (loss * self.weight[targets].unsqueeze(-1)).mean(-1)

    return GroupedLoss


def scaled_loss(package: Any) -> type:
    """One of the losses with another recording."""

    class ScaledLoss(package.ce_count_loss):
        def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
            loss_fn = nn.CrossEntropyLoss(reduction=self._intermediate_reduction(), weight=self.weight)
            return loss_fn(spk_out.sum(0) / spk_out.size(0), targets)

    return ScaledLoss


@options
@pytest.mark.parametrize("make", [early_loss, grouped_loss, scaled_loss])
def test_a_custom_loss_gives_the_peers_numbers(make: Any, arguments: dict[str, Any]) -> None:
    numbers = (torch.rand(7, 5, 12 if make is grouped_loss else 4) < 0.4).float()
    outcomes = []
    for package in (ours, peer_functional):
        spk = numbers.clone().requires_grad_()
        value = make(package)(**arguments)(spk, TARGETS)
        (gradient,) = torch.autograd.grad((value * torch.linspace(1, 2, value.numel()).reshape(value.shape)).sum(), spk)
        outcomes.append((value.detach(), gradient))
    torch.testing.assert_close(*outcomes, rtol=1e-6, atol=1e-7)


def test_an_epoch_takes_a_custom_loss() -> None:
    xs = (torch.rand(9, 5, 6) < 0.5).float()
    weights = []
    for neurons, package in ((snn, ours), (peer, peer_functional)):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 4), neurons.Leaky(beta=0.8, init_hidden=True, output=True))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        loss_fn = early_loss(package)(weight=WEIGHT)
        for _ in range(3):
            if package is ours:
                ours.backprop.BPTT(net, [(xs, TARGETS)], optimizer, loss_fn)
                continue
            neurons.utils.reset(net)
            loss = loss_fn(torch.stack([net(x)[0] for x in xs]), TARGETS)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        weights.append([p.detach() for p in net.parameters()])
    torch.testing.assert_close(*weights, rtol=1e-5, atol=1e-6)


def test_a_class_without_a_loss_says_what_to_write() -> None:
    with pytest.raises(
        NotImplementedError, match=r"LossFunctions has no _compute_loss\. Fix: write _compute_loss\(self"
    ):
        ours.LossFunctions()(torch.ones(3, 2, 4), torch.tensor([0, 1]))


def test_every_loss_but_those_of_spike_times_is_of_the_base_class_in_both() -> None:
    for name in ("ce_rate_loss", "ce_count_loss", "ce_max_membrane_loss", "mse_count_loss", "mse_membrane_loss"):
        for package in (ours, peer_functional):
            assert isinstance(getattr(package, name)(), package.LossFunctions)


@pytest.mark.parametrize("value", [(torch.ones(2),), (1, 2), [3], torch.ones(3), (), None], ids=str)
def test_a_tuple_of_one_is_unpacked_as_the_peer_does(value: Any) -> None:
    assert ours.probe.unpack_len1_tuple(value) is peer_functional.probe.unpack_len1_tuple(value)
