"""Batch normalization through time: a list of one normalization per step, which unroll counts by itself."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import snn_core as snn

from .zoo import close


def scaled(kind: type = snn.BatchNormTT1d, features: int = 5, time_steps: int = 7) -> nn.ModuleList:
    bn = kind(features, time_steps)
    with torch.no_grad():
        for t, entry in enumerate(bn):
            entry.weight.fill_(t + 1.0)
    return bn


@pytest.mark.parametrize(
    ("kind", "entry"), [(snn.BatchNormTT1d, nn.BatchNorm1d), (snn.BatchNormTT2d, nn.BatchNorm2d)], ids=["1d", "2d"]
)
def test_it_is_a_list_of_normalizations_without_bias(kind: type, entry: type) -> None:
    bn = kind(5, 3, eps=1e-3, momentum=0.25, affine=True)
    assert isinstance(bn, nn.ModuleList)
    assert len(bn) == 3
    assert all(type(b) is entry and b.bias is None for b in bn)
    assert (bn[1].eps, bn[1].momentum, bn[1].num_features) == (1e-3, 0.25, 5)
    assert kind(5, 3, affine=False)[0].weight is None
    assert bn[-1] is bn[2]
    assert len(bn[1:]) == 2
    with pytest.raises(IndexError):
        bn[3]


def test_one_entry_normalizes_its_step_as_torch_does() -> None:
    bn, x = scaled(), torch.randn(11, 5)
    expected = 3 * (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(bn[2](x), expected)


@pytest.mark.parametrize("training", [True, False])
def test_under_unroll_step_t_uses_entry_t(training: bool) -> None:
    net = nn.Sequential(nn.Linear(5, 5), scaled(), snn.Leaky(beta=0.8, init_hidden=True)).double().train(training)
    twin = copy.deepcopy(net)
    xs = torch.randn(7, 6, 5, dtype=torch.float64)
    expected = torch.stack([twin[2](twin[1][t](twin[0](x))) for t, x in enumerate(xs)])
    close(snn.unroll(net, xs), expected)
    close(dict(net.named_buffers()), dict(twin.named_buffers()))


def test_in_the_users_own_loop_it_counts_as_well_and_reset_starts_over() -> None:
    net = nn.Sequential(scaled(), snn.Leaky(beta=0.8, init_hidden=True)).eval()
    xs = torch.randn(7, 6, 5)
    for _ in range(2):
        snn.utils.reset(net)
        outputs = torch.stack([net(x) for x in xs])
        torch.testing.assert_close(snn.unroll(net, xs), outputs)


def test_more_steps_than_entries_are_an_error_that_names_both() -> None:
    net = nn.Sequential(scaled(time_steps=3), snn.Leaky(beta=0.8, init_hidden=True))
    with pytest.raises(ValueError, match=r"BatchNormTT1d.*time_steps=3"):
        snn.unroll(net, torch.randn(4, 6, 5))
    snn.unroll(net, torch.randn(2, 6, 5))
    with pytest.raises(ValueError, match=r"BatchNormTT1d.*time_steps=3"):
        snn.unroll(net, torch.randn(2, 6, 5), resume=True)


def test_a_sequence_cut_in_two_goes_on_with_the_next_entry() -> None:
    net = nn.Sequential(scaled(snn.BatchNormTT2d, 2), snn.Leaky(beta=0.8, init_hidden=True)).eval()
    xs = torch.randn(7, 3, 2, 5, 5)
    whole = snn.unroll(net, xs)
    parts = torch.cat([snn.unroll(net, xs[:4]), snn.unroll(net, xs[4:], resume=True)])
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(snn.unroll(net, xs, chunk=3), whole)


def test_chunks_recompute_by_the_same_entries() -> None:
    nets = [nn.Sequential(scaled(), snn.Leaky(beta=0.8, init_hidden=True)).double()]
    nets.append(copy.deepcopy(nets[0]))
    xs = torch.randn(7, 6, 5, dtype=torch.float64)
    snn.unroll(nets[0], xs).sum().backward()
    snn.unroll(nets[1], xs, chunk=3).sum().backward()
    close([p.grad for p in nets[1].parameters()], [p.grad for p in nets[0].parameters()])
    close(dict(nets[1].named_buffers()), dict(nets[0].named_buffers()))


@pytest.mark.parametrize("time_steps", [0, -1, 2.0, True])
def test_a_number_of_steps_that_is_not_a_count_is_an_error(time_steps: float) -> None:
    with pytest.raises(ValueError, match=r"BatchNormTT1d: time_steps must be a whole number, 1 or more, got"):
        snn.BatchNormTT1d(3, time_steps)
