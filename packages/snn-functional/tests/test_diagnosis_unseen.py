"""A diagnosis leaves no trace: the net, its states, gradients, hooks and mode, and the random generators."""

from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import snn_core as snn
from snn_functional import diagnose
from snn_functional.probe import GradOutputMonitor, OutputMonitor

from .diagnosed import LABELS, batch, codes, well
from .untouched import everything, same


def lively():
    """A net in training with all that a run could change."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(4, 9),
        nn.BatchNorm1d(9),
        nn.Dropout(0.5),
        snn.Leaky(0.8, init_hidden=True, learn_beta=True),
        snn.BatchNormTT1d(9, 11),
        nn.Linear(9, 3),
        snn.RLeaky(0.8, linear_features=3, init_hidden=True),
    )
    net[1].eval()
    return net


def prepared():
    net = lively()
    snn.unroll(net, batch()).sum().backward()
    return net


@pytest.mark.parametrize("grad", [True, False])
def test_nothing_is_changed(grad):
    net, xs = prepared(), batch()
    copy = xs.clone()
    before = everything(net)
    with torch.set_grad_enabled(grad):
        diagnose(net, xs, LABELS, optimizer=torch.optim.SGD(net.parameters(), 0.1))
    same(before, everything(net))
    assert torch.equal(xs, copy)
    assert xs.grad is None


@pytest.mark.parametrize("where", ["run", "loss", "forward"])
def test_nothing_is_changed_by_a_run_that_raises(where):
    class Broken(nn.Module):
        def forward(self, x):
            torch.rand(1)
            if where == "forward":
                raise ArithmeticError("no such thing")
            return x

    def raises(*call):
        torch.rand(1)
        raise ArithmeticError("no such thing")

    net = nn.Sequential(*prepared(), Broken())
    arguments = {"run": raises} if where == "run" else {"loss_fn": raises} if where == "loss" else {}
    before = everything(net)
    with pytest.raises(ArithmeticError, match="no such thing") as error:
        diagnose(net, 200 * (batch() > 0.5).float(), **arguments)
    same(before, everything(net))
    (note,) = error.value.__notes__
    assert "diagnose found this before the error:" in note
    assert "byte_input" in note


def test_hooks_and_monitors_of_others_see_nothing():
    net, calls = well(), []
    handles = [
        net[1].register_forward_hook(lambda *call: calls.append(call)),
        net[0].weight.register_hook(calls.append),
    ]
    net[2].register_forward_pre_hook(lambda *call: calls.append(call))
    net[3].register_full_backward_hook(lambda *call: calls.append(call))
    with OutputMonitor(net, snn.Leaky) as outputs, GradOutputMonitor(net, snn.Leaky) as gradients:
        diagnose(net, batch(), LABELS)
    assert calls == outputs.records == gradients.records == []
    assert all(handles)
    net[1](torch.zeros(1, 9))
    assert len(calls) == 1


def test_the_weights_that_pruning_computes_are_those_of_the_run():
    net = well()
    prune.l1_unstructured(net[0], "weight", amount=0.25)
    expected = snn.unroll(net, batch()).detach()  # leaves a weight in a graph, which torch does not copy
    snn.utils.reset(net)
    assert not net[0].weight.is_leaf
    assert codes(diagnose(net, batch())) == []
    diagnosis = diagnose(net, batch(), loss_fn=lambda out, _: (out - expected).abs().sum().log())
    assert [finding.code for finding in diagnosis.findings] == ["nonfinite_loss"]  # log(0): the outputs are the same


def test_a_net_whose_forward_holds_the_net_itself_is_refused_and_left_alone():
    net = prepared()
    before, forward = everything(net), net[5].forward
    net[5].forward = lambda x: forward(x)
    with pytest.raises(TypeError, match=r"the forward set on '5' \(Linear\) refers to the net itself"):
        diagnose(net, batch(), LABELS)
    del net[5].forward
    same(before, everything(net))


class Looks:
    """A surrogate that looks at the net around it, or at its copy."""

    seen: ClassVar[list[str]] = []

    def __init__(self):
        self.around = []

    def __call__(self, x):
        self.seen.extend(name for net in self.around for module in net.modules() for name in vars(module))
        return snn.surrogate.atan()(x)


@pytest.mark.parametrize("run", [None, snn.unroll, lambda net, xs: net(xs)])
@pytest.mark.parametrize("neuron", [snn.LeakyParallel(6, 6), snn.Leaky(0.8, init_hidden=True)])
def test_no_forward_is_replaced_while_the_copy_runs(neuron, run):
    neuron.spike_grad = Looks()
    net = nn.Sequential(nn.Linear(4, 6), neuron)
    neuron.spike_grad.around.append(net)
    Looks.seen.clear()
    diagnose(net, batch(), run=run)
    assert "spike_grad" in Looks.seen
    assert "forward" not in Looks.seen


def test_it_works_inside_inference_mode():
    net = well()
    with torch.inference_mode():
        diagnosis = diagnose(net, batch(), LABELS)
    assert codes(diagnosis) == []
    assert diagnosis.layers[0].gradient is not None


def test_a_net_in_evaluation_is_run_in_evaluation():
    modes = []

    class Spy(nn.Module):
        def forward(self, x):
            modes.append(self.training)
            return x

    net = nn.Sequential(*well(), Spy())
    diagnose(net.eval(), batch())
    assert set(modes) == {False}


def test_the_same_net_has_the_same_diagnosis_twice():
    net = lively()
    assert str(diagnose(net, batch(), LABELS)) == str(diagnose(net, batch(), LABELS))
