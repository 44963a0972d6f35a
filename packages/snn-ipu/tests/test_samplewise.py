"""Time may be folded into the batch where every operation acts on each sample alone, and nowhere else."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
import snn_ipu

from .test_rules import XS, Net, Step


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.where(x > 0, x, 0.5 * x),
        lambda x: x.flatten(1).unflatten(1, (1, -1)).squeeze(1),
        lambda x: x.unsqueeze(1).expand_as(x.unsqueeze(1)).transpose(1, 2).reshape(x.shape[0], -1),
        lambda x: torch.cat([x[:, 1:], x[..., :1]], dim=-1),
        lambda x: torch.stack(x.chunk(3, dim=1), dim=1).sum(2),
        lambda x: (x - x.mean(1, keepdim=True)) / (1e-3 + x.amax(-1, keepdim=True)),
        lambda x: torch.maximum(x, -x).clamp(max=2).softmax(dim=1),
        lambda x: x.view(-1, 3).double().to(x.dtype),
        lambda x: x.where(x > 0, 0.5 * x),
        lambda x: x.where(other=0.5 * x, condition=x > 0) + (2 * x).where(x > 1, other=x),
        lambda x: torch.where(condition=x > 0, input=x, other=0.5 * x),
        lambda x: torch.add(input=torch.clone(input=x), other=torch.clamp(max=0.5, min=-0.25, input=x)),
        lambda x: torch.rsub(x, other=2.0) * torch.pow(input=x, exponent=2.0).gt(other=0.5),
        lambda x: torch.rsub(x, 2 * x, alpha=3),
        lambda x: torch.softmax(x.float(), 1, x.dtype) + torch.log_softmax(x.float(), 1, dtype=x.dtype),
        lambda x: x.float().softmax(1, x.dtype) * x.float().log_softmax(1, x.dtype) + x.softmax(-1),
        lambda x: torch.layer_norm(x, (3,), None, None, 1e-3, False) + torch.group_norm(x, 3, None, None, 1e-3, False),
        lambda x: torch.layer_norm(x, (3,), cudnn_enable=False) + torch.group_norm(x, 1, cudnn_enabled=False),
        lambda x: torch.cat(tensors=[x, torch.flatten(start_dim=1, input=x)], dim=1),
        lambda x: torch.stack(tensors=[x, -x], dim=1).permute(dims=(0, 2, 1)).reshape(shape=(x.shape[0], 6)),
        lambda x: x.view(size=(x.shape[0], 3)) + x.new_ones(size=(x.shape[0], 3), dtype=x.dtype),
        lambda x: torch.sub(1, x, alpha=2) * torch.mul(2, x) + torch.pow(2, x) - torch.div(1, x),
        lambda x: torch.add(0.1, x, alpha=3) / torch.true_divide(3, x) + torch.subtract(1, x) * torch.multiply(2, x),
        lambda x: torch.sub(input=1, other=x) - torch.div(2, x, rounding_mode="floor"),
        lambda x: x - x.mean(axis=1, keepdims=True) + torch.softmax(x, axis=1).cumsum(axis=-1),
        lambda x: x.view(-1, 3, 1).swapaxes(axis0=1, axis1=2).squeeze(axis=1),
        lambda x: x * ((x > 0) & (x < 1) | ~torch.bitwise_and(x > 0, x < 2)),
        lambda x: torch.where(x > 1, x, -torch.inf).amax(1, keepdim=True).clamp(min=-1) + x,
        lambda x: x.clamp(-torch.inf, torch.inf),
        lambda x: x.reshape(-1, 1).exp().reshape(-1, 3),
        lambda x: x + torch.tensor([[0.25, 0.5, 1.0]]),
        lambda x: x[:, [2, 0, 1]] - x.unflatten(1, (3, 1))[:, :, [0]].flatten(1),
        lambda x: nn.functional.linear(weight=torch.ones(2, 3, dtype=x.dtype), input=x),
        lambda x: nn.functional.avg_pool2d(kernel_size=(1, 3), input=x.view(-1, 1, 1, 3)).flatten(1),
    ],
)
def test_functions_that_act_on_each_sample_alone_are_lowered(function):
    net = Net(Step(function)).double()
    xs = XS.double()
    assert [i.code for i in snn_ipu.check(net.float(), XS)] == []
    program = snn_ipu.lower(net.double(), xs)
    expected = snn.unroll(net, xs, schedule="steps")
    assert program(xs.transpose(0, 1)).transpose(0, 1).equal(expected)
    layer = snn_ipu.lower(net.between, net.fc(xs).detach())
    result = layer(net.fc(xs).transpose(0, 1)).transpose(0, 1)
    reference = torch.stack([function(x) for x in net.fc(xs)])
    torch.testing.assert_close(result, reference, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.view(2, 3) if x.shape[0] == 2 else x,
        lambda x: x.flatten().unsqueeze(-1),
        lambda x: x.transpose(0, 1),
        lambda x: x.permute(1, 0),
        lambda x: x.sum() + x,
        lambda x: x + x.cumsum(0),
        lambda x: x[-1:] + x,
        lambda x: x.unflatten(1, (3, 1, 1))[:, [0, 1], :, [0, 0]].flatten(1)[:, [0, 1, 0]],  # axis 1 comes first
        lambda x: x + x.flip(0),
        lambda x: torch.stack([x, x]).sum(0),
        lambda x: nn.functional.layer_norm(x.unsqueeze(0), x.unsqueeze(0).shape)[0],
        lambda x: nn.functional.linear(x, x)[:, :1] + x,
        lambda x: nn.functional.linear(x, x.new_ones(3, 3), bias=x),
        lambda x: x.mean(axis=0) + x,
        lambda x: x / x.shape[0],
        lambda x: x + x.new_zeros(3, x.shape[0]).sum(),
        lambda x: x + x.new_full((x.shape[0], 3), x.shape[0]),
        lambda x: x.new_zeros(x.shape[0], x.shape[0])[:, :1] + x,
    ],
)
def test_functions_that_mix_samples_are_not(function):
    (issue,) = snn_ipu.check(Net(Step(function)), XS)
    assert issue.code in ("IPU002", "IPU004")
    assert issue.where == "between"


@pytest.mark.parametrize("function", [lambda x: x.view(-1, 1), lambda x: x.unsqueeze(1).reshape(-1, 1)])
def test_rows_that_are_not_samples_reach_no_neuron_and_no_output(function):
    for net, where in ((Net(Step(function)), "lif"), (nn.Sequential(nn.Linear(5, 3), Step(function)), "")):
        (issue,) = snn_ipu.check(net, XS)
        assert (issue.code, issue.where) == ("IPU004", where)
        assert "not as long as the batch" in issue.message


class Shares(snn.SpikingNeuron):
    """A neuron that divides its input by the size of the batch."""

    class State(NamedTuple):
        mem: Tensor

    def integrate(self, x, state):
        return self.State(0.9 * state.mem + x / x.shape[0])


@pytest.mark.parametrize("batch", [2, 3])
def test_in_a_neuron_the_batch_size_is_that_of_a_step(batch):
    net, xs = nn.Sequential(nn.Linear(5, 3), Shares(init_hidden=True, threshold=0.2)), XS.double()
    net = net.double()
    program, xs = snn_ipu.lower(net, xs), torch.cat([xs, xs.flip(1)], 1)[:, :batch]
    expected = snn.unroll(net, xs, schedule="steps")
    assert expected.any()
    assert program(xs.transpose(0, 1)).transpose(0, 1).equal(expected)


class MeanField(snn.SpikingNeuron):
    """A neuron whose samples talk to each other."""

    class State(NamedTuple):
        mem: Tensor

    def integrate(self, x, state):
        return self.State(0.9 * state.mem + x - x.mean(0))


class Returns(nn.Module):
    """Gives away a weight."""

    def __init__(self, to_neuron: bool) -> None:
        super().__init__()
        self.lif, self.gain, self.to_neuron = (
            snn.Leaky(beta=0.9, init_hidden=True),
            nn.Parameter(torch.ones(5)),
            to_neuron,
        )

    def forward(self, x):
        return self.lif(2 * self.gain) + x if self.to_neuron else (self.lif(x), 2 * self.gain)


def test_a_neuron_whose_samples_talk_to_each_other_is_not_lowered():
    (issue,) = snn_ipu.check(nn.Sequential(MeanField(init_hidden=True)), XS)
    assert (issue.code, issue.where) == ("IPU004", "0")
    assert "mean goes along axis 0" in issue.message


@pytest.mark.parametrize("to_neuron", [True, False])
def test_a_tensor_without_samples_is_named(to_neuron):
    (issue,) = snn_ipu.check(Returns(to_neuron), XS)
    assert (issue.code, issue.where) == ("IPU004", "lif" if to_neuron else "")
    assert "a tensor without samples" in issue.message
