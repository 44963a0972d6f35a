"""One time step of plasticity, against the sums over samples, positions and synapses written out."""

from itertools import product
from math import exp

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from snn_functional import stdp_learner
from snn_functional.stdp_learner import (
    eligibility_trace,
    mstdp_linear_single_step,
    mstdpet_linear_single_step,
    stdp_linear_single_step,
)

CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
    {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    {"kernel_size": 3, "padding": 1, "groups": 2},
]


def spikes(*shape, dtype=torch.float64):
    return (torch.rand(shape) < 0.5).to(dtype)


def depression(w):
    return 0.3 * (w + 1)


def potentiation(w):
    return 1 - w**2


def step_of(rule, layer):
    return getattr(stdp_learner, f"{rule}_conv{layer.weight.dim() - 2}d_single_step")


def dense_changes(weight, s_in, s_out, x, y):
    """Changes of a dense layer, one sample after the other."""
    batch, (outs, ins) = len(s_in), weight.shape
    change = torch.zeros(batch, outs, ins, dtype=torch.float64)
    for b in range(batch):
        for o in range(outs):
            for i in range(ins):
                w = weight[o, i]
                change[b, o, i] += potentiation(w) * s_out[b, o] * x[b, i]
                change[b, o, i] -= depression(w) * y[b, o] * s_in[b, i]
    return change


def convolution_changes(conv, s_in, s_out, x, y):
    """Changes of a convolution: input as padded, all index arithmetic by hand."""
    weight, (batch, outs, *space) = conv.weight.detach(), s_out.shape
    change = torch.zeros(batch, *weight.shape, dtype=torch.float64)
    channels = weight.shape[1]
    for b, o, c, *where in product(
        range(batch), range(outs), range(channels), *map(range, (*space, *weight.shape[2:]))
    ):
        at, tap = where[: len(space)], where[len(space) :]
        channel = c + channels * (o // (outs // conv.groups))
        source = [p * s + k * d for p, s, k, d in zip(at, conv.stride, tap, conv.dilation, strict=True)]
        w = weight[(o, c, *tap)]
        pre, trace = s_in[(b, channel, *source)], x[(b, channel, *source)]
        change[(b, o, c, *tap)] += potentiation(w) * s_out[(b, o, *at)] * trace - depression(w) * y[(b, o, *at)] * pre
    return change


@pytest.mark.parametrize("rule", ["stdp", "mstdp"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_dense_layer_learns_by_the_sum_over_its_synapses(rule, batch):
    torch.manual_seed(0)
    fc, trace, x, y = nn.Linear(5, 4).double(), (None, None), 0, 0
    decays = (1 - 1 / 3, 1 - 1 / 1.5) if rule == "stdp" else (exp(-1 / 3), exp(-1 / 1.5))
    for _ in range(5):
        s_in, s_out = spikes(batch, 5), spikes(batch, 4)
        x, y = decays[0] * x + s_in, decays[1] * y + s_out
        step = getattr(stdp_learner, f"{rule}_linear_single_step")
        *trace, change = step(fc, s_in, s_out, *trace, 3, 1.5, depression, potentiation)
        expected = dense_changes(fc.weight.detach(), s_in, s_out, x, y)
        torch.testing.assert_close(trace, [x, y])
        torch.testing.assert_close(change, expected.sum(0) if rule == "stdp" else expected)


@pytest.mark.exhaustive
@pytest.mark.parametrize("rule", ["stdp", "mstdp"])
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d])
def test_a_convolution_learns_by_the_sum_over_its_positions(kind, options, rule):
    torch.manual_seed(0)
    conv = kind(2, 4, **options).double()
    space = (7,) if kind is nn.Conv1d else (5, 4)
    trace, x, y = (None, None), 0, 0
    decays = (1 - 1 / 3, 1 - 1 / 1.5) if rule == "stdp" else (exp(-1 / 3), exp(-1 / 1.5))
    mode = {"zeros": "constant"}.get(conv.padding_mode, conv.padding_mode)
    edge = {"same": 1}.get(conv.padding, conv.padding)
    edges = (edge if isinstance(edge, int) else edge[0],) * (2 * len(space))
    for _ in range(2):
        s_in = spikes(2, 2, *space)
        s_out = spikes(*conv(s_in).shape)
        padded = F.pad(s_in, edges, mode=mode)
        x, y = decays[0] * x + padded, decays[1] * y + s_out
        *trace, change = step_of(rule, conv)(conv, s_in, s_out, *trace, 3, 1.5, depression, potentiation)
        expected = convolution_changes(conv, padded, s_out, x, y)
        torch.testing.assert_close(trace, [x, y])
        torch.testing.assert_close(change, expected.sum(0) if rule == "stdp" else expected)


def test_the_window_is_exponential_in_the_distance_of_two_spikes():
    # a spike before, then one after by d steps: +exp(-d / tau); the other way round: -exp(-d / tau)
    fc, none, spike = nn.Linear(1, 1), torch.zeros(1, 1), torch.ones(1, 1)
    for distance in (1, 2, 5):
        for first, second, sign in (((spike, none), (none, spike), 1), ((none, spike), (spike, none), -1)):
            trace, total = (None, None), 0
            for s_in, s_out in [first, *[(none, none)] * (distance - 1), second]:
                *trace, change = mstdp_linear_single_step(
                    fc, s_in, s_out, *trace, 4.0, 4.0, lambda w: 1.0, lambda w: 1.0
                )
                total += change
            assert total.item() == pytest.approx(sign * exp(-distance / 4))


@pytest.mark.parametrize("shape", [(), (3,)])
def test_eligibility_with_a_trace_takes_single_samples_and_batches(shape):
    torch.manual_seed(0)
    fc, s_in, s_out = nn.Linear(5, 4), spikes(*shape, 5), spikes(*shape, 4)
    x, y, zeta = mstdpet_linear_single_step(fc, s_in, s_out, None, None, 2.0, 3.0, 7.0, depression, potentiation)
    expected = dense_changes(
        fc.weight.detach(), s_in.reshape(-1, 5), s_out.reshape(-1, 4), *(t.reshape(-1, t.shape[-1]) for t in (x, y))
    )
    torch.testing.assert_close(zeta, expected.reshape(*shape, 4, 5).float())


def test_an_eligibility_trace_is_a_leaky_mean():
    # z1 = 6 / 3, z2 = z1 exp(-1/3), z3 = z2 exp(-1/3) + 3 / 3
    z, expected = None, (2.0, 2 * exp(-1 / 3), 2 * exp(-2 / 3) + 1)
    for zeta, value in zip((6.0, 0.0, 3.0), expected, strict=True):
        z = eligibility_trace(z, torch.full((1, 2), zeta), 3)
        assert z.tolist() == [[pytest.approx(value)] * 2]


def test_weights_and_their_gradient_are_left_alone():
    fc = nn.Linear(3, 2)
    before = fc.weight.clone()
    *_, change = stdp_linear_single_step(fc, spikes(4, 3), spikes(4, 2), None, None, 2, 2)
    assert torch.equal(fc.weight, before)
    assert fc.weight.grad is None
    assert not change.requires_grad


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.float64])
def test_spikes_of_every_dtype_are_in_that_of_the_weights(dtype):
    fc, s_in, s_out = nn.Linear(3, 2), spikes(4, 3), spikes(4, 2)
    expected = stdp_linear_single_step(fc, s_in.float(), s_out.float(), None, None, 2, 2)
    result = stdp_linear_single_step(fc, s_in.to(dtype), s_out.to(dtype), None, None, 2, 2)
    assert all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d])
def test_the_dtype_of_the_weights_is_kept(kind, dtype):
    conv, space = kind(2, 3, 1, dtype=dtype), (5, 5)[: 1 if kind is nn.Conv1d else 2]
    out = step_of("stdp", conv)(conv, spikes(4, 2, *space), spikes(4, 3, *space), None, None, 2, 2)
    assert {t.dtype for t in out} == {dtype}


@pytest.mark.parametrize("autocast", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("rule", ["stdp", "mstdp"])
@pytest.mark.parametrize("kind", [nn.Linear, nn.Conv1d, nn.Conv2d])
def test_autocast_changes_no_rule(kind, rule, autocast):
    space = () if kind is nn.Linear else (5, 3)[: 1 if kind is nn.Conv1d else 2]
    layer = kind(5, 4, *[1] * bool(space))
    step = stdp_linear_single_step if rule == "stdp" else mstdp_linear_single_step
    step = step if kind is nn.Linear else step_of(rule, layer)
    s_in, s_out = (spikes(601, n, *space).float().requires_grad_() for n in (5, 4))

    def results():
        out = step(layer, s_in, s_out, 0.5, None, 2.5, 3.0, depression, potentiation)
        return out, torch.autograd.grad(out[2].square().sum(), (s_in, s_out))

    expected = results()
    with torch.autocast("cpu", dtype=autocast):
        outputs = step(layer, s_in, s_out, 0.5, None, 2.5, 3.0, depression, potentiation)
    gradients = torch.autograd.grad(outputs[2].square().sum(), (s_in, s_out))
    torch.testing.assert_close((outputs, gradients), expected, rtol=0, atol=0)


def test_a_trace_may_start_at_a_number():
    fc, s_in, s_out = nn.Linear(3, 2), spikes(4, 3), spikes(4, 2)
    numbers = stdp_linear_single_step(fc, s_in, s_out, 0.5, torch.tensor(2.0), 2, 4)
    full = stdp_linear_single_step(fc, s_in, s_out, torch.full((4, 3), 0.5), torch.full((4, 2), 2.0), 2, 4)
    assert all(torch.equal(a, b) for a, b in zip(numbers, full, strict=True))


def test_an_empty_batch_changes_nothing():
    fc, conv = nn.Linear(3, 2), nn.Conv2d(2, 3, 3)
    assert not stdp_linear_single_step(fc, spikes(0, 3), spikes(0, 2), None, None, 2, 2)[2].any()
    image = spikes(0, 2, 5, 5), spikes(0, 3, 3, 3)
    assert not step_of("stdp", conv)(conv, *image, None, None, 2, 2)[2].any()
    assert step_of("mstdp", conv)(conv, *image, None, None, 2, 2)[2].shape == (0, 3, 2, 3, 3)


def test_a_trace_of_reward_modulated_rules_may_last_less_than_a_step():
    # exp(-1 / 0.5) of 1
    trace = mstdp_linear_single_step(nn.Linear(1, 1), spikes(1, 1) * 0, spikes(1, 1) * 0, 1.0, None, 0.5, 2.0)[0]
    assert trace.item() == pytest.approx(exp(-2))


def test_nan_is_not_hidden():
    fc = nn.Linear(3, 2)
    s_in = torch.tensor([[torch.nan, 1.0, 0.0]])
    *_, change = stdp_linear_single_step(fc, s_in, torch.ones(1, 2), None, None, 2, 2)
    assert change[:, 0].isnan().all()
    assert change[:, 1:].isfinite().all()


def test_the_change_is_differentiable_in_the_spikes():
    fc = nn.Linear(3, 2).double()
    s_in, s_out = torch.rand(2, 3, dtype=torch.float64), torch.rand(2, 2, dtype=torch.float64)
    leaves = (s_in.requires_grad_(), s_out.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: stdp_linear_single_step(fc, a, b, 0.5, 0.5, 2, 3)[2], leaves)
    conv = nn.Conv1d(1, 2, 2, padding=1).double()
    leaves = (torch.rand(2, 1, 3).double().requires_grad_(), torch.rand(2, 2, 4).double().requires_grad_())
    step = step_of("stdp", conv)
    assert torch.autograd.gradcheck(lambda a, b: step(conv, a, b, 0.5, 0.5, 2, 3)[2], leaves)
