"""A sequence as a program of torch.export: the numbers of the loop, whatever the number of steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_export import export

from .zoo import NETS, flat, looped, net_and_inputs, of_core

# with states of unlike shapes, products and queues; every neuron's step is tested by itself
CASES = [case for case in of_core.NEURONS if case.name in ("leaky", "sconv2dlstm pooled", "csilif", "sliding psn")]


def operators(program: Any) -> set[str]:
    """Return the modules from which a program's operators come."""
    graphs = [part.graph for part in program.graph_module.modules() if isinstance(part, torch.fx.GraphModule)]
    called = {node.target for graph in graphs for node in graph.nodes if node.op == "call_function"}
    return {target.namespace for target in called if hasattr(target, "namespace")}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_neuron_gives_the_same_numbers_over_any_sequence(case: Any) -> None:
    net = nn.Sequential(case.make(init_hidden=True)).eval()
    program = export(net, case.input(3), format="torch", over="sequence").module()
    for steps, batch in ((1, 1), (9, 5)):
        xs = case.input(steps, batch=batch)
        assert torch.equal(program(xs)[0], looped(net, [xs])[0])


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["convolutional", "residual", "several outputs", "two inputs", "in place", "delays"])
def test_a_net_gives_the_same_numbers_over_any_sequence(name: str) -> None:
    net, inputs = net_and_inputs(name)
    program = export(net, tuple(inputs(2, 3)), format="torch", over="sequence").module()
    for steps, batch in ((1, 1), (9, 7)):
        xs = inputs(steps, batch)
        expected = looped(net, xs)
        torch.testing.assert_close(list(program(*xs)[: len(expected)]), expected, rtol=1e-6, atol=1e-6)


def test_the_states_behind_the_outputs_are_those_that_a_step_goes_on_from() -> None:
    net, inputs = net_and_inputs("recurrent")
    (xs,) = inputs(9, 4)
    sequence = export(net, xs[:2], format="torch", over="sequence").module()
    step = export(net, xs[0], format="torch").module()
    _, *states = sequence(xs[:8])
    torch.testing.assert_close(step(xs[8], *states)[0], looped(net, [xs])[0][8])


@pytest.mark.parametrize("dynamic", [("batch",), (), ("time",)])
def test_axes_that_are_not_dynamic_are_fixed(dynamic: tuple[str, ...]) -> None:
    net, inputs = net_and_inputs("dense")
    (xs,) = inputs(4, 3)
    program = export(net, xs, format="torch", over="sequence", dynamic=dynamic).module()
    torch.testing.assert_close(program(xs)[0], looped(net, [xs])[0])
    for axis, name in enumerate(("time", "batch")):
        longer = torch.cat([xs, xs], axis)
        if name in dynamic:
            torch.testing.assert_close(program(longer)[0], looped(net, [longer])[0])
        else:
            with pytest.raises(Exception, match=str(longer.shape[axis] // 2)):
                program(longer)


@pytest.mark.parametrize("name", of_core.WHOLE)
def test_a_layer_of_whole_sequences_is_written_out(name: str) -> None:
    torch.manual_seed(0)
    net = of_core.WHOLE[name]().double().eval()
    xs, more = 2 * torch.randn(7, 3, 5).double(), 2 * torch.randn(7, 6, 5).double()
    program = export(net, xs, format="torch", over="sequence", dynamic=("batch",))
    assert operators(program) <= {"aten", "higher_order", "prim"}
    with torch.no_grad():
        torch.testing.assert_close(list(program.module()(more)), flat(net(more)))


def test_a_normalization_that_counts_its_steps_is_exported_by_their_number() -> None:
    net = nn.Sequential(nn.Linear(5, 4), snn.BatchNormTT1d(4, 6), snn.Leaky(beta=0.9, init_hidden=True)).eval()
    for index, norm in enumerate(net[1]):
        norm.running_mean.fill_(0.1 * index)
    xs = torch.rand(6, 3, 5)
    with pytest.raises(ValueError, match=r"^export: '1' \(BatchNormTT1d\) counts its steps .* dynamic=\('batch',\)"):
        export(net, xs, format="torch", over="sequence")
    program = export(net, xs, format="torch", over="sequence", dynamic=("batch",)).module()
    torch.testing.assert_close(program(xs)[0], looped(net, [xs])[0])


@pytest.mark.parametrize("over", ["step", "sequence"])
def test_a_normalization_over_time_is_exported_as_in_evaluation(over: str) -> None:
    net = nn.Sequential(nn.Linear(5, 4), snn.BatchNormOverTime1d(4), snn.Leaky(beta=0.9, init_hidden=True))
    xs = torch.rand(6, 3, 5)
    with pytest.raises(ValueError, match=r"^export: '1' \(BatchNormOverTime1d\) is in training mode"):
        export(net, xs, format="torch", over=over)
    snn.unroll(net, xs)
    program = export(net.eval(), xs[0] if over == "step" else xs, format="torch", over=over).module()
    state = (torch.zeros(3, 4),) if over == "step" else ()
    torch.testing.assert_close(
        program(xs[0] if over == "step" else xs, *state)[0], snn.unroll(net, xs)[0 if over == "step" else slice(None)]
    )


def test_no_program_has_an_operator_of_ours() -> None:
    net, inputs = net_and_inputs("nested")
    for over, dynamic in (("step", ("batch",)), ("sequence", ("batch",)), ("sequence", ("time",))):
        sample = inputs(3, 2)[0]
        program = export(net, sample if over == "sequence" else sample[0], format="torch", over=over, dynamic=dynamic)
        assert operators(program) <= {"aten", "higher_order", "prim"}


def test_a_net_without_neurons_is_exported_too() -> None:
    net, xs = nn.Linear(5, 3).eval(), torch.rand(4, 2, 5)
    program = export(net, xs, format="torch", over="sequence").module()
    with torch.no_grad():
        torch.testing.assert_close(program(xs)[0], net(xs))
    (out,) = export(net, xs[0], format="torch").module()(xs[0])
    torch.testing.assert_close(out, net(xs[0]), check_stride=False)


def test_the_zoo_has_ten_nets() -> None:
    assert len(NETS) >= 10
    assert isinstance(looped(*((lambda net, inputs: (net, inputs(2, 2)))(*net_and_inputs("dense"))))[0], Tensor)
