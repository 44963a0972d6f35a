"""Records that are not copied: they are what passed through the net, or reading them is refused."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
from snn_functional import probe

from .monitored import make_net

SIGNALS = {"output": probe.OutputMonitor, "input": probe.InputMonitor}


def overwriting_net():
    return nn.Sequential(nn.Linear(1, 2), nn.ReLU(inplace=True), nn.Linear(2, 1))


@pytest.mark.parametrize("kind", SIGNALS)
def test_a_record_is_the_tensor_itself(kind):
    net, x = nn.Linear(2, 3), torch.rand(4, 2)
    monitor = SIGNALS[kind](net)
    out = net(x)
    assert monitor[0] is (out if kind == "output" else x)


@pytest.mark.parametrize(
    "read", [lambda m: m.records, lambda m: m[0], lambda m: m[-1], lambda m: m["0"]], ids=["all", "first", "last", "by"]
)
def test_an_overwritten_record_is_refused_however_it_is_read(read):
    net = overwriting_net()[:2]
    monitor = probe.OutputMonitor(net, nn.Linear)
    net(torch.ones(1, 1))
    with pytest.raises(RuntimeError, match=r"OutputMonitor.*: record 0, of the layer '0'.*=torch\.clone to"):
        read(monitor)
    monitor.clear_recorded_data()
    assert monitor.records == monitor["0"] == []


def test_a_run_whose_records_are_overwritten_ends_at_the_next_record():
    net = overwriting_net()
    monitor = probe.OutputMonitor(net, nn.Linear)
    with pytest.raises(RuntimeError, match="of the layer '0'"):
        net(torch.ones(1, 1))
    assert monitor.name_records_index == {"0": [0], "2": []}


def test_a_buffer_that_is_refilled_in_each_step_is_refused_unless_it_is_copied():
    net, buffer = nn.Linear(2, 1), torch.zeros(1, 2)
    monitor, copies = probe.InputMonitor(net), probe.InputMonitor(net, function_on_input=torch.clone)
    net(buffer)
    net(buffer)  # the same values are as good as no change
    buffer.fill_(1)
    with pytest.raises(RuntimeError, match=r"InputMonitor: record 1, of the layer ''.*function_on_input="):
        net(buffer)
    monitor.disable()
    net(buffer)
    assert [record.tolist() for record in copies.records] == [[[0, 0]], [[0, 0]], [[1, 1]]]


def test_a_sequence_that_is_filled_while_its_steps_run_is_recorded():
    # torch counts the writes to all steps of xs together
    net, xs = nn.Linear(2, 1), torch.zeros(3, 1, 2)
    monitor = probe.InputMonitor(net)
    for t in range(3):
        xs[t] = t
        net(xs[t])
    assert torch.equal(torch.stack(monitor.records), xs)


def test_gradients_by_a_record_that_is_a_view_are_found():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1))
    flat, ins = probe.OutputMonitor(net, nn.Flatten), probe.InputMonitor(net, nn.Linear)
    net(torch.rand(3, 1, 4, 4)).sum().backward()
    loss = (3 * net(torch.rand(3, 1, 4, 4))).sum()
    gradients = torch.autograd.grad(loss, [flat[1], ins[1]])
    assert all(torch.equal(gradient, 3 * net[2].weight.expand(3, 8)) for gradient in gradients)
    with torch.no_grad():
        flat[1].zero_()
    with pytest.raises(RuntimeError, match="InputMonitor: record 1"):
        ins[1]


def test_without_counts_of_writes_records_are_copies():
    net, x = nn.Linear(2, 1), torch.zeros(1, 2)
    monitor = probe.InputMonitor(net)
    with torch.inference_mode():
        x = torch.zeros(1, 2)
        net(x)
        x.fill_(1)
    assert monitor[0].tolist() == [[0, 0]]


def test_one_of_several_outputs_that_is_overwritten_is_enough():
    lif = snn.Leaky(beta=0.5)
    monitor = probe.OutputMonitor(lif)
    with torch.no_grad():
        spk, mem = lif(torch.rand(2, 3))
        assert monitor[0][0] is spk
        assert monitor[0][1] is mem
        mem.mul_(2)
    with pytest.raises(RuntimeError, match="record 0"):
        monitor.records  # noqa: B018


def test_a_membrane_that_learns_is_kept_itself_and_a_weight_is_copied():
    net = make_net()
    mems = probe.AttributeMonitor("mem", False, net, snn.Leaky)
    weights = probe.AttributeMonitor("weight", False, net, nn.Linear)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    was = net[0].weight.detach().clone()
    loss = snn.unroll(net, torch.rand(3, 2, 5)).sum()
    assert all(gradient.shape == (2, 7) for gradient in torch.autograd.grad(loss, mems["1"], retain_graph=True))
    loss.backward()
    optimizer.step()
    assert all(torch.equal(weight, was) for weight in weights["0"])
    assert not torch.equal(net[0].weight, was)
    with torch.no_grad():
        mems["3"][-1].zero_()
    with pytest.raises(RuntimeError, match=r"AttributeMonitor: record 5.*function_on_attribute=torch\.clone"):
        mems["3"]
    assert len(mems["1"]) == 3


def test_records_of_a_parameter_share_a_copy_until_it_changes():
    fc, x = nn.Linear(3, 2), torch.rand(1, 3)
    monitor = probe.AttributeMonitor("weight", True, fc)
    first = fc.weight.detach().clone()
    for _ in range(3):
        fc(x)
    fc.weight.data.mul_(2)  # which torch does not count
    fc(x)
    with torch.no_grad():
        fc(x)
        fc.weight[0, 0] = torch.nan
        fc(x)
        fc(x)
    fc.double()(x.double())
    assert len({id(record) for record in monitor.records[:3]}) == 1
    expected = [first, first, first, 2 * first, 2 * first]
    assert all(torch.equal(a, b) for a, b in zip(monitor.records, expected, strict=False))
    assert [record.requires_grad for record in monitor.records] == [True] * 4 + [False] * 3 + [True]
    assert [bool(record.isnan().any()) for record in monitor.records] == [False] * 5 + [True] * 3
    assert [record.dtype for record in monitor.records[-2:]] == [torch.float32, torch.float64]
    monitor.clear_recorded_data()
    fc(x.double())
    assert len(monitor.records) == 1


def test_the_remedy_for_several_outputs_is_one_for_several():
    lif = snn.Leaky(beta=0.5)
    monitor = probe.OutputMonitor(lif)
    with torch.no_grad():
        _, mem = lif(torch.rand(2, 3))
        mem.zero_()
    with pytest.raises(RuntimeError, match="function_on_output=lambda") as error:
        monitor[0]
    monitor.remove_hooks()
    remedy = eval(str(error.value).split("function_on_output=")[1].removesuffix(" to record copies"))
    copies = probe.OutputMonitor(lif, function_on_output=remedy)
    with torch.no_grad():
        spk, mem = lif(torch.ones(2, 3), None)
        mem.zero_()
    assert torch.equal(copies[0][0], spk)
    assert copies[0][1].tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize(
    "neuron",
    [
        snn.Leaky(0.8, init_hidden=True),
        snn.Leaky(0.8, init_hidden=True, output=True, reset_mechanism="zero"),
        snn.Synaptic(0.9, 0.8, init_hidden=True, learn_beta=True),
        snn.Alpha(0.9, 0.8, init_hidden=True, output=True),
        snn.RLeaky(0.8, linear_features=3, init_hidden=True),
    ],
    ids=lambda neuron: type(neuron).__name__,
)
def test_neurons_overwrite_nothing_that_passed_through_them(neuron):
    monitors = [kind(neuron) for kind in SIGNALS.values()]
    for renew in (snn.utils.detach, snn.utils.reset):
        for _ in range(3):
            neuron(2 * torch.rand(2, 3))
        snn.unroll(neuron, 2 * torch.rand(4, 2, 3))
        renew(neuron)
    assert [len(monitor.records) for monitor in monitors] == [14, 14]


def test_an_updated_net_leaves_records_as_they_are():
    net = make_net()
    monitor, optimizer = probe.OutputMonitor(net, snn.Leaky), torch.optim.SGD(net.parameters(), lr=1.0)
    for _ in range(2):
        snn.unroll(net, torch.rand(3, 2, 5)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert len(monitor.records) == 12


WRITES = {
    "nothing": lambda x: None,
    "fill": lambda x: x.fill_(7),
    "relu": lambda x: torch.relu_(x),
    "add": lambda x: x.add_(1),
    "index": lambda x: x.__setitem__(0, 7),
    "copy": lambda x: x.copy_(torch.full_like(x, 7)),
    "out": lambda x: torch.add(x.clone(), 1, out=x),
    "view": lambda x: x.view(-1)[1:].zero_(),
    "detached": lambda x: x.detach().sub_(1),
    "transposed": lambda x: x.t().mul_(3),
}


class First(nn.Module):
    """Returns the first of its inputs."""

    def forward(self, *inputs):
        return inputs[0]


@settings(deadline=None, derandomize=True)
@given(
    st.sampled_from(["whole", "slice", "pair", "expanded"]),
    st.lists(st.sampled_from(sorted(WRITES)), max_size=3),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
def test_the_values_read_are_those_recorded(shape, writes, dtype):
    layer, memory = First(), torch.arange(-6, 6).reshape(3, 4).to(dtype)
    monitor = probe.InputMonitor(layer)
    given_to_it = {
        "whole": (memory,),
        "slice": (memory[:2],),
        "pair": (memory + 1, memory),
        "expanded": (memory[:1].expand(5, 4), 3),
    }[shape]
    layer(*given_to_it)
    expected = copy.deepcopy(list(given_to_it))
    for write in writes:
        WRITES[write](memory)
    if shape in ("whole", "pair") and set(writes) - {"nothing"}:
        with pytest.raises(RuntimeError, match="record 0, "):
            monitor.records  # noqa: B018
    else:
        record = monitor[0] if len(expected) > 1 else (monitor[0],)
        torch.testing.assert_close(list(record), expected, rtol=0, atol=0)


class Two(nn.Module):
    """A layer of two inputs and two outputs."""

    def forward(self, x, y):
        return 2 * x, 3 * y


@pytest.mark.parametrize("kind", [probe.GradOutputMonitor, probe.GradInputMonitor])
def test_a_hook_that_writes_into_a_gradient_does_not_change_its_record(kind):
    leaf, gradients = torch.ones(2, 3, requires_grad=True), []
    first, second = nn.Linear(3, 3), nn.Linear(3, 2)
    net = nn.Sequential(first, second)
    monitor = kind(net, nn.Linear)

    def overwrite(gradient):
        gradients.append(gradient.clone())
        with torch.no_grad():
            gradient.zero_()

    hidden = first(leaf)
    hidden.register_hook(overwrite)  # after the monitor's, of the same tensor
    leaf.register_hook(overwrite)
    second(hidden).sum().backward()
    assert len(gradients) == 2
    expected = torch.ones(2, 2) @ second.weight.detach()
    records = {"0": monitor["0"][0], "1": monitor["1"][0]}
    if kind is probe.GradOutputMonitor:
        assert torch.equal(records["1"], torch.ones(2, 2))
        torch.testing.assert_close(records["0"], expected)
    else:
        torch.testing.assert_close(records["1"], expected)
        assert torch.equal(records["0"], torch.zeros(2, 3))  # what the hook left of the output's gradient


@pytest.mark.parametrize("kind", [probe.GradOutputMonitor, probe.GradInputMonitor])
def test_a_gradient_overwritten_after_the_backward_pass_stays_in_its_record(kind):
    x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    net = Two()
    monitor = kind(net)
    outs = net(x, y)
    weights = [torch.full((3,), 5.0), torch.full((3,), 7.0)]
    torch.autograd.backward(outs, weights)
    for gradient in (x.grad, y.grad, *weights):
        gradient.zero_()
    expected = (5.0, 7.0) if kind is probe.GradOutputMonitor else (10.0, 21.0)
    assert [part.tolist() for part in monitor[0]] == [[number] * 3 for number in expected]
