"""Tests of the recordings of monitors."""

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import probe

from .monitored import make_net, stacked


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_inputs_and_outputs_are_recorded_by_layer(steps, dtype):
    net, xs = make_net().to(dtype), 3 * torch.rand(steps, 2, 5, dtype=dtype)
    outs, ins = probe.OutputMonitor(net, snn.Leaky), probe.InputMonitor(net, nn.Linear)
    mems = probe.AttributeMonitor("mem", False, net, snn.Leaky)
    spk = torch.stack([net(x) for x in xs])
    assert outs.monitored_layers == ["1", "3"]
    assert ins.monitored_layers == ["0", "2"]
    assert torch.equal(stacked(outs, "3"), spk)
    assert torch.equal(stacked(ins, "0"), xs)
    assert torch.equal(stacked(ins, "2"), stacked(outs, "1"))
    # spikes are where the membrane is above the threshold
    assert torch.equal(stacked(mems, "3") > 1, spk > 0)
    assert stacked(mems, "3").dtype == dtype
    assert len(outs.records) == 2 * steps
    assert torch.equal(outs[0], outs["1"][0])


def test_membranes_are_those_of_the_sequence():
    net, xs = make_net(), 3 * torch.rand(7, 2, 5)
    after, before = (probe.AttributeMonitor("mem", early, net, snn.Leaky) for early in (False, True))
    currents = probe.InputMonitor(net, snn.Leaky)
    snn.unroll(net, xs)
    _, states = net[1].unroll(stacked(currents, "1"), trace=True)
    torch.testing.assert_close(stacked(after, "1"), states.mem)
    assert before["1"][0].shape == (0,)
    torch.testing.assert_close(torch.stack(before["1"][1:]), states.mem[:-1])


def test_gradients_are_those_of_autograd():
    net, xs = make_net(), 3 * torch.rand(7, 2, 5)
    outs, currents = probe.OutputMonitor(net, snn.Leaky), probe.InputMonitor(net, snn.Leaky)
    at_outs, at_ins = probe.GradOutputMonitor(net, snn.Leaky), probe.GradInputMonitor(net, snn.Leaky)
    loss = (snn.unroll(net, xs) * torch.rand(7, 2, 3)).sum()
    expected = torch.autograd.grad(loss, [*outs["1"], *currents["1"]], retain_graph=True)
    at_outs.clear_recorded_data()
    at_ins.clear_recorded_data()
    loss.backward()
    # the backward pass goes from the last step to the first
    torch.testing.assert_close(stacked(at_outs, "1").flip(0), torch.stack(expected[:7]))
    torch.testing.assert_close(stacked(at_ins, "1").flip(0), torch.stack(expected[7:]))


def test_a_gradient_at_an_input_is_that_of_its_own_layer():
    # y = 2 x + 3 x: the layers that multiply by 2 and 3 pass on 2 and 3, and x gets 5
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
            self.a.weight.data.fill_(2)
            self.b.weight.data.fill_(3)

        def forward(self, x):
            return self.a(x) + self.b(input=x)

    net, x = Two(), torch.ones(1, 1, requires_grad=True)
    monitor = probe.GradInputMonitor(net, nn.Linear)
    net(x).backward()
    assert monitor["a"] == [torch.tensor([[2.0]])]
    assert monitor["b"] == [torch.tensor([[3.0]])]
    assert x.grad.item() == 5


def test_a_layer_that_overwrites_its_input_does_not_change_a_copied_record():
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(inplace=True))
    net[0].weight.data = torch.tensor([[1.0], [-1.0]])
    outs, ins = probe.OutputMonitor(net, nn.Linear, torch.clone), probe.InputMonitor(net, nn.ReLU, torch.clone)
    grads = probe.GradOutputMonitor(net, nn.Linear)
    net(torch.ones(1, 1)).sum().backward()
    assert outs["0"][0].tolist() == ins["1"][0].tolist() == [[1, -1]]
    assert grads["0"][0].tolist() == [[1, 0]]
    monitor = probe.GradInputMonitor(net, nn.ReLU)
    with pytest.raises(RuntimeError, match="modified inplace"):
        net(torch.ones(1, 1))
    assert monitor.records == []


def test_several_outputs_and_inputs_make_a_tuple():
    lif = snn.Leaky(beta=0.5, spike_grad=snn.surrogate.straight_through_estimator())
    outs, ins = probe.OutputMonitor(lif), probe.InputMonitor(lif)
    at_out, at_in = probe.GradOutputMonitor(lif), probe.GradInputMonitor(lif)
    x, mem = torch.full((1, 1), 0.25, requires_grad=True), torch.ones(1, 1, requires_grad=True)
    spk, new = lif(x, mem)
    (3 * spk).sum().backward()
    assert outs[""][0] == (0, 0.75)
    assert ins[""][0] == (0.25, 1)
    # the loss does not depend on the membrane returned; dS/dx = 1, dS/dU = beta
    assert at_out[""][0] == (3, None)
    assert at_in[""][0] == (3, 1.5)


def test_an_input_passed_by_name_is_an_input():
    fc = nn.Linear(2, 1)
    monitor = probe.InputMonitor(fc)
    fc(input=torch.ones(1, 2))
    assert monitor[""][0].tolist() == [[1, 1]]


@pytest.mark.parametrize(
    "neuron",
    [snn.Leaky(0.8), snn.Synaptic(0.9, 0.8), snn.RLeaky(0.8, linear_features=3), snn.DeltaLeaky(beta=0.8)],
    ids=lambda neuron: type(neuron).__name__,
)
def test_states_that_are_passed_are_recorded_too(neuron):
    xs, names = torch.rand(5, 2, 3), neuron.State._fields
    after = {n: probe.AttributeMonitor(n, False, neuron) for n in names}
    before = {n: probe.AttributeMonitor(n, True, neuron) for n in names}
    _, states = neuron.unroll(xs, trace=True)
    state = ()
    for x in xs:
        out = neuron(x, *state)
        state = out if isinstance(neuron, snn.RLeaky) else out[1:]
    for index, name in enumerate(names):
        torch.testing.assert_close(stacked(after[name], ""), states[index])
        assert before[name][""][0].shape == (0,)
        torch.testing.assert_close(torch.stack(before[name][""][1:]), states[index][:-1])


def test_any_attribute_may_be_recorded():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    norms, weights = (
        probe.AttributeMonitor(name, pre, net, kind)
        for name, pre, kind in (("num_batches_tracked", False, nn.BatchNorm1d), ("weight", True, nn.Linear))
    )
    for _ in range(3):
        net(torch.rand(4, 2))
    assert [int(n) for n in norms["1"]] == [1, 2, 3]
    assert torch.equal(weights["0"][0], net[0].weight)


def test_a_function_makes_the_record():
    net, xs = make_net(), torch.rand(4, 2, 5)
    rates = probe.OutputMonitor(net, snn.Leaky, function_on_output=lambda spk: spk.mean().item())
    shapes = probe.InputMonitor(net, snn.Leaky, function_on_input=lambda x: x.shape)
    zeros = probe.AttributeMonitor("mem", False, net, snn.Leaky, function_on_attribute=lambda m: m.requires_grad)
    norms = probe.GradOutputMonitor(net, snn.Leaky, function_on_grad_output=lambda g: float(g.norm()))
    snn.unroll(net, xs).sum().backward()
    assert all(type(rate) is float for rate in rates.records)
    assert shapes["3"] == [(2, 3)] * 4
    assert zeros["1"] == [True] * 4
    assert norms["3"] == pytest.approx([6**0.5] * 4)


def test_a_record_stays_in_the_graph():
    net = make_net()
    monitor = probe.OutputMonitor(net, snn.Leaky)
    snn.unroll(net, torch.rand(4, 2, 5))
    stacked(monitor, "1").sum().backward()
    assert net[0].weight.grad.abs().sum() > 0


def test_an_empty_batch_and_nan_are_recorded_as_they_are():
    net = make_net()
    monitor = probe.OutputMonitor(net, nn.Linear)
    net(torch.rand(0, 5))
    assert monitor["0"][0].shape == (0, 7)
    snn.utils.reset(net)
    net(torch.full((1, 5), torch.nan))
    assert monitor["0"][1].isnan().all()
