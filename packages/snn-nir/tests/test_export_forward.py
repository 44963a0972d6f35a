"""An own ``forward``: sums, factors, several inputs and outputs, explicit states, loops over time."""

from __future__ import annotations

import threading

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import snn_core as snn
from snn_nir import NIRError, diff
from snn_nir.checking.fidelity import fidelity
from snn_nir.exporting import to_nir

from .exportable import closing
from .reference import simulate


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(7)


class Calls(nn.Module):
    """A network whose forward is a function of its layers and inputs."""

    def __init__(self, forward, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._forward = forward

    def forward(self, *xs):
        return self._forward(self, *xs)


def leaky(**options):
    return snn.Leaky(beta=0.9, init_hidden=True, **options)


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: net.fc(x) + x,
        lambda net, x: torch.add(net.fc(x), x),
        lambda net, x: net.fc(x).add(x) - x,
        lambda net, x: net.fc(x) + net.fc(x) + net.fc(x),
        lambda net, x: -(net.fc(x) - net.fc(x + x)),
        lambda net, x: 3.0 * net.fc(x) * torch.tensor([1.0, -2.0, 0.5]),
        lambda net, x: 0.3 * net.fc(x) - x.mul(0.7),
        lambda net, x: net.fc(x).mul(net.fc.bias) / 4,
        lambda net, x: net.fc(x).contiguous().detach().clone(),
        lambda net, x: F.dropout(net.fc(x), 0.5, training=net.training).to(x.dtype),
        lambda net, x: torch.sub(other=net.fc(x), input=x) + net.fc(x).add(other=x),
        lambda net, x: torch.rsub(x, net.fc(x)) + torch.rsub(x, other=2.0 * net.fc(x)),
        lambda net, x: torch.rsub(other=torch.mul(input=net.fc(x), other=3.0), input=x),
        lambda net, x: torch.div(net.fc(x), other=4) - torch.neg(input=x).to(dtype=x.dtype),
    ],
)
def test_arithmetic_is_edges_and_scales(forward):
    net = Calls(forward, fc=nn.Linear(3, 3)).double().eval()
    x = torch.randn(2, 3, dtype=torch.float64)
    result = simulate(to_nir(net, x), x[None].numpy(), 1e-4)["output"][0]
    np.testing.assert_allclose(result, net(x).detach().numpy(), atol=1e-12)


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: torch.flatten(x, 1),
        lambda net, x: torch.flatten(end_dim=2, start_dim=1, input=x),
        lambda net, x: torch.reshape(shape=(5, 6, 4), input=x),
        lambda net, x: x.flatten(2),
        lambda net, x: x.view(x.size(0), -1),
        lambda net, x: x.reshape(x.shape[0], 6, 4),
        lambda net, x: x.reshape(len(x) if isinstance(x, torch.Tensor) else -1, 24),
        lambda net, x: x.view(-1, 2, 3, 4),
    ],
)
def test_a_reshape_that_joins_neighboring_axes_is_flatten(forward):
    net = Calls(forward)
    x = torch.randn(5, 2, 3, 4)
    result = simulate(to_nir(net, x), x[None].numpy(), 1e-4)["output"][0]
    np.testing.assert_array_equal(result, net(x).numpy())


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda net, x: x + 1.0, "'add': .*a constant is added; add it as the bias of a layer"),
        (lambda net, x: x + net.fc.bias, "'add': .*a constant is added"),
        (lambda net, x: torch.add(x, x, alpha=2), "'add': .*with alpha or out"),
        (lambda net, x: x + net.fc(x)[:, :1], "'getitem_1': .*NIR has no node for it"),
        (lambda net, x: x * x, "'mul': .*two values of the network are multiplied"),
        (lambda net, x: x / 3, "'truediv': .*not a power of two; multiply by the reciprocal"),
        (lambda net, x: 1 / x, "'truediv': .*it divides by a value of the network"),
        (lambda net, x: F.relu(x), "'relu': .*NIR has no node for it"),
        (lambda net, x: x.float(), "'float_1': .*it turns torch.float64 into torch.float32"),
        (lambda net, x: torch.cat([x, x], 1), "'cat': .*NIR has no node for it"),
        (lambda net, x: x.reshape(-1), "'reshape': .*it joins the batch axis with others; keep axis 0"),
        (lambda net, x: x.reshape(-1, 3, 1), r"'reshape': .*shape \(3,\) becomes \(3, 1\)"),
        (lambda net, x: x * torch.ones(2, 3), r"'mul': .*a factor of shape \(2, 3\) for a value of shape \(3,\)"),
    ],
)
def test_calls_that_nir_lacks_are_refused_by_name_and_reason(forward, reason):
    net = Calls(forward, fc=nn.Linear(3, 3)).double()
    with pytest.raises(NIRError, match=f"NIR403: {reason}") as error:
        to_nir(net, torch.zeros(2, 3, dtype=torch.float64))
    assert error.value.code == "NIR403"


def test_half_precision_under_autocast_is_exported_in_single_precision():
    def forward(net, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = net.fc(x)
        return net.lif(hidden.float())

    net = Calls(forward, fc=nn.Linear(3, 3), lif=leaky())
    plain = to_nir(nn.Sequential(net.fc, net.lif), torch.zeros(2, 3))
    graph = to_nir(net, torch.zeros(2, 3))
    np.testing.assert_array_equal(graph.nodes["fc"].weight, plain.nodes["0"].weight)
    assert graph.nodes["lif.mem"].tau.dtype == np.float32


def test_dropout_that_is_always_on_is_refused():
    with pytest.raises(NIRError, match=r"NIR410: 'dropout': .*dropout with training=True"):
        to_nir(Calls(lambda net, x: F.dropout(x, 0.5)), torch.zeros(2, 3))


def test_a_residual_network_with_two_inputs_and_two_outputs():
    def forward(net, x, y):
        hidden = net.a(net.fc(x)) + y
        return net.b(hidden), hidden

    net = Calls(forward, fc=nn.Linear(3, 4), a=leaky(), b=leaky(reset_mechanism="zero")).double()
    xs, ys = torch.rand(40, 2, 3).double() * 3, torch.rand(40, 2, 4).double()
    graph = to_nir(net, (xs[0], ys[0]))
    assert [n for n in sorted(graph.nodes) if "put" in n] == ["input_0", "input_1", "output_0", "output_1"]
    sent = simulate(graph, {"input_0": xs.numpy(), "input_1": ys.numpy()}, 1e-4, late=closing(graph))
    outs = [net(x, y) for x, y in zip(xs, ys, strict=True)]
    for place in (0, 1):
        expected = torch.stack([out[place].detach() for out in outs]).numpy()
        np.testing.assert_allclose(sent[f"output_{place}"], expected, atol=1e-12)
    assert fidelity(net, graph, (xs, ys)).identical


@pytest.mark.parametrize("forward", [lambda net, h: net.lif(h + net.drop(h)), lambda net, h: net.lif(h + h + h)])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_recurrence_counts_once_where_the_input_counts_several_times(forward, reset):
    neuron = snn.RLeaky(0.9, linear_features=5, init_hidden=True, reset_mechanism=reset)
    net = Calls(lambda net, x: forward(net, net.fc(x)), fc=nn.Linear(3, 5), drop=nn.Dropout(), lif=neuron)
    net, xs = net.double().eval(), torch.rand(40, 2, 3).double()
    graph = to_nir(net, xs[0])
    expected = torch.stack([net(x).detach() for x in xs])
    assert 0 < expected.mean() < 1
    result = simulate(graph, xs.numpy(), 1e-4, late=closing(graph))["output"]
    np.testing.assert_array_equal(result, expected.numpy())


def test_the_order_of_more_than_ten_outputs_survives_the_alphabet():
    net = Calls(lambda net, x: tuple(net.scale * k * x for k in range(1, 12)), scale=nn.Parameter(torch.ones(3)))
    graph = to_nir(net, torch.zeros(1, 3))
    x = torch.ones(1, 1, 3)
    sent = simulate(graph, x.numpy(), 1e-4)
    outputs = sorted(name for name in sent if name.startswith("output"))
    assert [sent[name].flat[0] for name in outputs] == list(range(1, 12))


def test_states_passed_in_and_out_are_those_of_the_nodes():
    def forward(net, x, mem, syn, mem2):
        spk, mem = net.a(net.fc(x), mem)
        spk, syn, mem2 = net.b(spk, syn, mem2)
        return spk, mem, syn, mem2

    net = Calls(forward, fc=nn.Linear(3, 4), a=snn.Leaky(0.9), b=snn.Synaptic(0.5, 0.9)).double()
    xs = torch.rand(30, 2, 3).double() * 4
    states = (torch.zeros(2, 4).double(), None, None)
    graph = to_nir(net, (xs[0], *states))
    assert [n for n in sorted(graph.nodes) if "put" in n] == ["input", "output"]
    result = simulate(graph, xs.numpy(), 1e-4, late=closing(graph))["output"]
    for t, x in enumerate(xs):
        spk, *states = net(x, *states)
        np.testing.assert_array_equal(result[t], spk.detach().numpy())


def test_spikes_and_membrane_of_the_last_layer_are_one_output():
    graph = to_nir(nn.Sequential(nn.Linear(3, 2), leaky(output=True)), torch.zeros(1, 3))
    assert [n for n in graph.nodes if n.startswith("output")] == ["output"]
    assert ("1.spk", "output") in graph.edges


def test_a_membrane_alone_is_a_leaky_integrator_without_a_threshold():
    net = Calls(
        lambda net, x: net.lif(net.fc(x))[1], fc=nn.Linear(3, 2), lif=leaky(output=True, reset_mechanism="none")
    )
    graph = to_nir(net, torch.zeros(1, 3))
    assert {n: type(v).__name__ for n, v in graph.nodes.items()} == {
        "input": "Input",
        "fc": "Affine",
        "lif.mem": "LI",
        "output": "Output",
    }


def test_a_membrane_that_is_state_and_readout_leaves_the_graph():
    net = Calls(lambda net, x, mem: net.lif(x, mem)[1], lif=snn.Leaky(0.9, reset_mechanism="none")).double()
    xs = torch.rand(20, 1, 3).double()
    graph = to_nir(net, (xs[0], None))
    expected = snn.Leaky(0.9, reset_mechanism="none").double().unroll(xs, trace=True)[1].mem.numpy()
    np.testing.assert_allclose(simulate(graph, xs.numpy(), 1e-4)["output"], expected, atol=1e-12)


def test_a_current_alone_is_a_node_of_its_own():
    net = Calls(lambda net, x: net.lif(x)[1], lif=snn.Synaptic(0.5, 0.9, reset_mechanism="none"))
    graph = to_nir(net.double(), torch.zeros(1, 3).double())
    xs = torch.rand(20, 1, 3).double()
    snn_lif = snn.Synaptic(0.5, 0.9, reset_mechanism="none").double()
    expected = snn_lif.unroll(xs, trace=True)[1].syn.numpy()
    np.testing.assert_allclose(simulate(graph, xs.numpy(), 1e-4)["output"], expected, atol=1e-12)


def test_a_membrane_that_its_node_resets_to_zero_cannot_be_returned():
    net = Calls(lambda net, x: net.lif(x)[1], lif=snn.Leaky(0.9, reset_mechanism="zero"))
    with pytest.raises(NIRError, match=r"NIR406: 'lif' \(Leaky\): .*the state 'mem'; return the spikes"):
        to_nir(net, torch.zeros(1, 3))


class Tutorial(nn.Module):
    """States made in forward, a loop over time, everything stacked: the form of snnTorch's tutorials."""

    def __init__(self, constant_input: bool, num_steps: int = 6):
        super().__init__()
        self.constant_input = constant_input
        self.num_steps = num_steps
        self.fc1 = nn.Linear(3, 8)
        self.lif1 = snn.Leaky(beta=0.9)
        self.fc2 = nn.Linear(8, 2)
        self.lif2 = snn.Synaptic(alpha=0.7, beta=0.9, reset_mechanism="zero")

    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        syn2, mem2 = self.lif2.init_synaptic()
        spikes, membranes = [], []
        for step in range(self.num_steps):
            spk1, mem1 = self.lif1(self.fc1(x if self.constant_input else x[step]), mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes, dim=0)


@pytest.mark.parametrize("constant_input", [True, False])
def test_a_loop_over_time_is_one_step_of_it(constant_input):
    net = Tutorial(constant_input).double()
    xs = 3 * torch.rand(6, 2, 3).double()
    xs = xs[:1].expand(6, -1, -1) if constant_input else xs
    graph = to_nir(net, xs[0] if constant_input else xs)
    assert sorted(n for n in graph.nodes if "." not in n) == ["fc1", "fc2", "input", "lif2", "output"]
    assert graph.nodes["input"].input_type["input"].tolist() == [3]
    expected = net(xs[0] if constant_input else xs)[0].detach().numpy()
    assert expected.any()
    result = simulate(graph, xs.numpy(), 1e-4, late=closing(graph))["output"]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    "steps", [lambda x: [x[t] for t in range(5)], lambda x: [x[t] for t in range(x.shape[0])], list, torch.unbind]
)
@pytest.mark.parametrize("stacked", [torch.stack, lambda values: torch.stack(tensors=values)])
def test_a_loop_over_neurons_that_keep_their_state(steps, stacked):
    def forward(net, x):
        return stacked([net.lif(net.fc(step)) for step in steps(x)])

    net = Calls(forward, fc=nn.Linear(3, 2), lif=leaky()).double()
    xs = 3 * torch.rand(5, 2, 3).double()
    graph = to_nir(net, xs)
    result = simulate(graph, xs.numpy(), 1e-4, late=closing(graph))["output"]
    np.testing.assert_array_equal(result, net(xs).detach().numpy())


@pytest.mark.parametrize(
    ("forward", "code", "reason"),
    [
        (lambda net, x: net.lif(x) + net.lif(x), "NIR411", r"'add': .*values of the steps \[0, 1\] are combined"),
        (lambda net, x: net.lif(net.lif(x)), "NIR411", "'lif': .*call 2 does not continue from the last one with the"),
        (lambda net, x: [net.lif(x), net.lif(x)][1], "NIR403", "'lif_1': .*a value of step 1 alone is returned"),
        (lambda net, x: torch.stack([net.lif(x), net.lif(x)]).sum(0), "NIR403", "uses all time steps at once"),
        (lambda net, x: torch.stack([net.lif(x), net.lif(x)][::-1]), "NIR403", "not the same value of every time step"),
        (lambda net, x: torch.stack([net.lif(x), x]), "NIR403", "not the same value of every time step in order"),
        (lambda net, x: torch.stack([net.lif(x), net.lif(x)], 1), "NIR411", r"steps \[0, 1\] are combined"),
    ],
)
def test_a_loop_that_is_not_one_step_many_times_is_refused(forward, code, reason):
    with pytest.raises(NIRError, match=f"{code}: .*{reason}") as error:
        to_nir(Calls(forward, lif=leaky()), torch.zeros(2, 3))
    assert error.value.code == code


def test_a_neuron_whose_state_is_made_of_something_else_is_refused():
    net = Calls(lambda net, x: net.lif(x, net.fc(x)), fc=nn.Linear(3, 3), lif=snn.Leaky(0.9))
    with pytest.raises(NIRError, match=r"NIR402: 'lif': .*its state is computed by this step"):
        to_nir(net, torch.zeros(1, 3))
    net = Calls(lambda net, x: net.lif(x, torch.ones(1, 3)), lif=snn.Leaky(0.9))
    with pytest.raises(NIRError, match=r"NIR402: 'lif': .*a state other than rest; start from zeros"):
        to_nir(net, torch.zeros(1, 3))
    rest = Calls(lambda net, x: net.lif(x, torch.zeros(1, 3)), lif=snn.Leaky(0.9))
    assert isinstance(to_nir(rest, torch.zeros(1, 3)).nodes["lif.mem"], nir.LI)


def test_a_branch_on_values_is_refused():
    net = Calls(lambda net, x: net.fc(x) if x.sum() > 0 else x, fc=nn.Linear(3, 3))
    with pytest.raises(NIRError, match=r"NIR404: Calls: .*write it for one time step, without branches on values"):
        to_nir(net, torch.zeros(1, 3))
    values = []
    net = Calls(lambda net, x: values.append(x) or x)
    with pytest.raises(NIRError, match=r"NIR404: Calls: .*leaves values in a container outside the call"):
        to_nir(net, torch.zeros(1, 3))


def feeds_back(net, x):
    hidden = net.fc(x)
    return net.lif(hidden + net.back(net.lif.mem) if net.lif.mem.numel() else hidden)


def writes(net, x):
    net.lif.mem = torch.full((2, 3), 0.5)
    return net.lif(net.fc(x))


def forgets_afterwards(net, x):
    spk = net.lif(net.fc(x))
    snn.utils.reset(net)
    return spk


@pytest.mark.parametrize(
    ("forward", "verb"), [(feeds_back, "reads"), (writes, "writes"), (forgets_afterwards, "resets")]
)
def test_operations_on_the_kept_state_of_a_neuron_are_refused(forward, verb):
    net = Calls(forward, fc=nn.Linear(3, 3), back=nn.Linear(3, 3), lif=leaky())
    for _ in range(2):  # at rest, and once there is a state
        with pytest.raises(NIRError, match=rf"NIR404: Calls: .*forward {verb} the state that 'lif' \(Leaky\) keeps"):
            to_nir(net, torch.zeros(1, 3))
        net(torch.ones(2, 3))


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: (net.lif.reset_mem(), net.lif(net.fc(x)))[1],
        lambda net, x: net.lif(net.fc(x), net.lif.reset_mem()),
        lambda net, x: (snn.utils.reset(net), net.lif(net.fc(x)))[1],
    ],
)
def test_a_step_that_starts_at_rest_every_time_is_refused(forward):
    net = Calls(forward, fc=nn.Linear(3, 3), lif=leaky())
    message = r"NIR404: Calls: .*forward resets the state that 'lif' \(Leaky\) keeps; .* the states that neurons keep"
    with pytest.raises(NIRError, match=message):
        to_nir(net, torch.zeros(1, 3))


def test_a_forward_may_put_its_neurons_at_rest_before_it_calls_them():
    def forward(net, x):
        snn.utils.reset(net)
        return torch.stack([net.lif(net.fc(x[t])) for t in range(5)])

    graph = to_nir(Calls(forward, fc=nn.Linear(3, 2), lif=leaky()), torch.rand(5, 2, 3))
    assert ("fc", "lif.mem") in graph.edges


@pytest.mark.parametrize(
    ("by_name", "by_position"),
    [
        (lambda net, x: net.lif(input_=net.fc(x)), lambda net, x: net.lif(net.fc(x))),
        (lambda net, x: net.lif(net.fc(input=x)), lambda net, x: net.lif(net.fc(x))),
        (lambda net, x: net.lif(torch.mul(input=net.fc(x), other=2)), lambda net, x: net.lif(net.fc(x) * 2)),
        (lambda net, x: net.lif(torch.add(input=net.fc(x), other=x)), lambda net, x: net.lif(net.fc(x) + x)),
        (lambda net, x: net.lif(torch.sub(x, other=net.fc(x))), lambda net, x: net.lif(x - net.fc(x))),
        (lambda net, x: net.lif(torch.flatten(input=net.fc(x), start_dim=1)), lambda net, x: net.lif(net.fc(x))),
    ],
)
def test_inputs_by_name_equal_those_by_position(by_name, by_position):
    fc = nn.Linear(3, 3)
    graphs = [to_nir(Calls(f, fc=fc, lif=leaky()), torch.zeros(1, 3)) for f in (by_name, by_position)]
    assert [len(graph.edges) for graph in graphs] == [len(graphs[0].edges)] * 2
    xs = 3 * torch.rand(6, 2, 3, generator=torch.Generator().manual_seed(0)).numpy()
    outs = [simulate(graph, xs, 1e-4, late=closing(graph))["output"] for graph in graphs]
    assert outs[0].any()
    np.testing.assert_array_equal(*outs)


def test_operations_without_a_node_are_refused_with_input_by_name_too():
    net = Calls(lambda net, x: net.lif(torch.cat(tensors=(x, net.fc(x)), dim=1)), fc=nn.Linear(3, 3), lif=leaky())
    with pytest.raises(NIRError, match=r"NIR403: 'cat': .*cat: NIR has no node for it"):
        to_nir(net, torch.zeros(1, 3))


IMAGE, SIGNAL = (1, 3, 4, 4), (1, 3)


@pytest.mark.parametrize(
    ("call", "shape", "layer"),
    [
        (lambda x: F.linear(x, torch.ones(3, 3)), SIGNAL, "nn.Linear"),
        (lambda x: x @ torch.ones(3, 3), SIGNAL, "nn.Linear"),
        (lambda x: torch.addmm(torch.zeros(3), x, torch.ones(3, 3)), SIGNAL, "nn.Linear"),
        (lambda x: F.conv1d(x, torch.ones(2, 3, 1)), (1, 3, 4), "nn.Conv1d"),
        (lambda x: F.conv2d(x, torch.ones(2, 3, 1, 1)), IMAGE, "nn.Conv2d"),
        (lambda x: F.avg_pool2d(x, 2), IMAGE, "nn.AvgPool2d"),
        (lambda x: F.adaptive_avg_pool2d(x, 2), IMAGE, "nn.AdaptiveAvgPool2d"),
        (lambda x: x.mean((2, 3)), IMAGE, r"nn.AdaptiveAvgPool2d\(1\) for a mean over H and W"),
        (lambda x: F.batch_norm(x, torch.zeros(3), torch.ones(3)), SIGNAL, "nn.BatchNorm1d or nn.BatchNorm2d"),
    ],
)
def test_the_function_of_a_layer_that_nir_has_is_refused_with_the_layers_name(call, shape, layer):
    with pytest.raises(NIRError, match=f"NIR403: .*only its layer can be exported; use {layer}$"):
        to_nir(Calls(lambda net, x: net.lif(call(x)), lif=leaky()), torch.zeros(shape))


def adds_in_place(net, x):
    hidden = net.fc(x)
    before = hidden
    hidden += x
    return hidden + before


def scales_in_place(net, x):
    hidden = net.fc(x)
    hidden *= 3
    return hidden.sub_(x)


def asks_a_view_for_its_size(net, x):
    hidden = net.fc(x)
    before = hidden.view(2, 3)
    hidden += x
    return hidden * before.shape[1]


@pytest.mark.parametrize("forward", [adds_in_place, scales_in_place, asks_a_view_for_its_size])
def test_a_value_changed_in_place_is_what_it_was_changed_into(forward):
    net = Calls(forward, fc=nn.Linear(3, 3)).double()
    x = torch.randn(2, 3, dtype=torch.float64)
    result = simulate(to_nir(net, x), x[None].numpy(), 1e-4)["output"][0]
    np.testing.assert_allclose(result, net(x).detach().numpy(), atol=1e-12)


def changes_a_view(net, x):
    hidden = net.fc(x)
    part = hidden[:, :2]
    part += 1
    return hidden


def is_seen_in_a_view(net, x):
    hidden = net.fc(x)
    before = hidden.view(2, 3)
    hidden += x
    return before


def sets_items(net, x):
    hidden = net.fc(x)
    hidden[:, 0] = 0
    return net.lif(hidden)


@pytest.mark.parametrize("forward", [changes_a_view, is_seen_in_a_view, sets_items])
def test_a_value_changed_in_place_under_another_name_is_refused(forward):
    with pytest.raises(NIRError, match=r"NIR404: Calls: .*not what the recorded calls compute; do not change values"):
        to_nir(Calls(forward, fc=nn.Linear(3, 3), lif=leaky()), torch.zeros(2, 3))


def test_a_state_changed_in_place_is_refused():
    def forward(net, x):
        spk, mem = net.lif(x)
        mem *= 0.5
        return spk

    with pytest.raises(NIRError, match=r"NIR404: Calls: .*forward writes the state that 'lif' \(Leaky\) keeps"):
        to_nir(Calls(forward, lif=leaky(output=True)), torch.zeros(2, 3))


@pytest.mark.parametrize(
    "function",
    [
        lambda: torch.tensor([1.0, -2.0, 0.5]),
        lambda: torch.Tensor([1.0, -2.0, 0.5]),
        lambda: torch.from_numpy(np.array([1.0, -2.0, 0.5], dtype=np.float32)),
    ],
)
def test_a_tensor_created_equal_in_every_step_is_a_constant(function):
    graph = to_nir(Calls(lambda net, x: x * function()), torch.zeros(2, 3))
    np.testing.assert_array_equal(graph.nodes["mul"].scale, [1.0, -2.0, 0.5])


def test_computations_hidden_from_torch_are_refused():
    def forward(net, x):
        with torch._C.DisableTorchFunction():
            factor = 2 * x
        return x * factor

    with pytest.raises(NIRError, match=r"NIR404: Calls: .*not what the recorded calls compute; do not compute outside"):
        to_nir(Calls(forward), torch.zeros(1, 3))


def test_a_neuron_that_the_input_does_not_reach_is_refused():
    net = Calls(lambda net, x: net.lif(net.current) + x, lif=leaky())
    net.current = nn.Parameter(torch.ones(1, 3))
    with pytest.raises(
        NIRError, match=r"NIR403: 'lif': .*its input does not depend on the network's; make it the bias"
    ):
        to_nir(net, torch.zeros(1, 3))


def test_layers_that_the_network_does_not_register_are_refused():
    hidden = [nn.Linear(3, 3), leaky()]
    with pytest.raises(NIRError, match=r"NIR404: Calls: .*takes a parameter that is not registered in the net"):
        to_nir(Calls(lambda net, x: hidden[0](x)), torch.zeros(1, 3))
    with pytest.raises(NIRError, match=r"NIR404: Calls: .*calls a Leaky that is not registered in the net"):
        to_nir(Calls(lambda net, x: hidden[1](x)), torch.zeros(1, 3))
    with pytest.raises(NIRError, match=r"NIR404: Calls: .*calls a Leaky by its method forward"):
        to_nir(Calls(lambda net, x: net.lif.forward(x), lif=leaky()), torch.zeros(1, 3))


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: torch.rand_like(x),
        lambda x: F.dropout(x, 0.5),
        lambda x: torch.rand(3),
        lambda x: F.rrelu(x, 0.1, 0.3, True),
    ],
)
def test_random_generators_stay_where_they_were(draw):
    torch.manual_seed(3)
    with pytest.raises(NIRError, match=r"NIR403|NIR410|NIR404: Calls: .*forward draws random numbers"):
        to_nir(Calls(lambda net, x: x + draw(x)), torch.zeros(1, 3))
    number = torch.rand(())
    torch.manual_seed(3)
    assert torch.rand(()) == number


def test_a_hook_may_keep_what_it_sees():
    net, x, outputs = nn.Sequential(nn.Linear(3, 4), leaky()), torch.randn(2, 3), []
    bare = list(to_nir(net, x).nodes)
    net[1].register_forward_pre_hook(lambda layer, args: outputs.append(args))
    net[1].register_forward_hook(lambda layer, args, out: outputs.append(out))
    assert list(to_nir(net, x).nodes) == bare
    assert outputs


def test_a_hook_may_measure_a_state_and_not_compute_with_it():
    net, x, membranes = nn.Sequential(nn.Linear(3, 4), leaky()), torch.randn(2, 3), []
    bare = list(to_nir(net, x).nodes)
    net[1].register_forward_pre_hook(lambda layer, args: membranes.append(layer.mem.mean()))
    net[1].register_forward_hook(lambda layer, args, out: membranes.append(layer.mem.mean()))
    assert list(to_nir(net, x).nodes) == bare
    assert membranes
    net[1].register_forward_hook(lambda layer, args, out: out * layer.mem)
    with pytest.raises(NIRError, match="NIR40"):
        to_nir(net, x)


def test_hooks_of_the_network_are_calls_like_others():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    net[0].register_forward_hook(lambda layer, args, out: 3 * out)
    net[1].register_forward_pre_hook(lambda layer, args: (args[0] - 2 * args[0],))
    x = torch.randn(2, 3, dtype=torch.float64)
    result = simulate(to_nir(net, x), x[None].numpy(), 1e-4)["output"][0]
    np.testing.assert_allclose(result, net(x).detach().numpy(), atol=1e-12)


def test_nothing_of_the_process_or_the_network_is_exchanged_for_the_export():
    called = nn.Module.__call__

    def forward(net, x):
        assert nn.Module.__call__ is called
        return net.lif(net.fc(x))

    net = Calls(forward, fc=nn.Linear(3, 3), lif=leaky())
    before = [(dict(vars(m)), len(m._forward_hooks) + len(m._forward_pre_hooks)) for m in net.modules()]
    assert set(to_nir(net, torch.zeros(1, 3)).nodes) == {"input", "fc", "lif.mem", "lif.spk", "lif.reset", "output"}
    with pytest.raises(NIRError, match="NIR405"):
        to_nir(net, torch.zeros(1, 4))
    assert before == [(dict(vars(m)), len(m._forward_hooks) + len(m._forward_pre_hooks)) for m in net.modules()]


def test_other_threads_may_run_the_network_meanwhile():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    graphs, x = [], torch.rand(5, 3).double()
    expected = net(x)
    thread = threading.Thread(
        target=lambda: graphs.extend(to_nir(net[:1], torch.zeros(1, 3).double()) for _ in range(20))
    )
    thread.start()
    while thread.is_alive():
        assert net(x).equal(expected)
    assert {len(graph.nodes) for graph in graphs} == {3}


def test_a_sample_that_does_not_fit_is_refused():
    net = nn.Sequential(nn.Linear(3, 2), leaky())
    with pytest.raises(NIRError, match=r"NIR405: Sequential: .*a sample of shape \(1, 4\) gives: .*mat1 and mat2"):
        to_nir(net, torch.zeros(1, 4))
    with pytest.raises(NIRError, match=r"NIR405: to_nir: .*shape \(3,\), with no axis but the batch; pass one step's"):
        to_nir(net, torch.zeros(3))
    with pytest.raises(TypeError, match=r"to_nir takes a sample .* got list"):
        to_nir(net, [0.0])
    with pytest.raises(TypeError, match=r"to_nir takes a net \(nn.Module\), got int"):
        to_nir(3, torch.zeros(1, 3))
    with pytest.raises(
        NIRError, match=r"NIR405: Calls: .*unsupported operand type\(s\) for \+: 'Tensor' and 'NoneType'; p"
    ):
        to_nir(Calls(lambda net, x, y: x + y), (torch.zeros(1, 3), None))
    with pytest.raises(NIRError, match=r"NIR405: to_nir: .*input 1 has shape None and is not a state"):
        to_nir(Calls(lambda net, x, y: (x, y)), (torch.zeros(1, 3), None))
    with pytest.raises(NIRError, match=r"NIR405: to_nir: .*input_1: no output depends on it"):
        to_nir(Calls(lambda net, x, y: x), (torch.zeros(1, 3), torch.zeros(1, 3)))
    with pytest.raises(NIRError, match=r"NIR405: to_nir: .*the network returns no tensor"):
        to_nir(Calls(lambda net, x: None), torch.zeros(1, 3))


def test_the_kept_state_of_the_network_is_unchanged():
    net = nn.Sequential(nn.Linear(3, 2), leaky())
    net(torch.ones(5, 3))
    before = net[1].mem.clone()
    to_nir(net, torch.zeros(1, 3))
    assert net[1].mem.equal(before)


def test_an_empty_batch_has_all_the_shapes():
    graph = to_nir(nn.Sequential(nn.Linear(3, 2), leaky()), torch.zeros(0, 3))
    assert graph.nodes["1.mem"].tau.shape == (2,)


def test_a_network_is_exported_under_another_default_device():
    layers = {"fc": nn.Linear(3, 3), "lif": leaky(), "delay": snn.AxonalDelay(3, 2.0)}
    net, x = Calls(lambda net, x: net.delay(net.lif(0.5 * net.fc(x) - x)), **layers), torch.zeros(1, 3)
    expected = to_nir(net, x)
    with torch.device("meta"):
        graph = to_nir(net, x)
    assert diff(expected, graph) == []
