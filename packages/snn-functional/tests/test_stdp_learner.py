"""Learners: the spikes they gather from a net, what they make of them, and how long they remember."""

import copy
import gc
import io
import pickle
from math import exp

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import snn_core as snn
from snn_functional.stdp_learner import MSTDPETLearner, MSTDPLearner, STDPLearner

from .learners import LEARNERS, SCALES, make_net, sequence, step


def by_hand(name, net, xs, reward):
    """The change of the first weights over a sequence: time step, sample, output, input."""
    weight = net[0].weight.detach()
    with torch.no_grad():
        outs = snn.unroll(net[:2], xs)
    lam, mu = (exp(-1 / 3), exp(-1 / 1.5)) if name.startswith("M") else (1 - 1 / 3, 1 - 1 / 1.5)
    change = torch.zeros_like(weight)
    for b in range(xs.shape[1]):
        for o in range(3):
            for i in range(5):
                w, x, y, z = float(weight[o, i]), 0.0, 0.0, 0.0
                for t in range(len(xs)):
                    s_in, s_out = float(xs[t, b, i]), float(outs[t, b, o])
                    x, y = lam * x + s_in, mu * y + s_out
                    zeta = (1 - w**2) * s_out * x - 0.3 * (w + 1) * y * s_in
                    z = z * exp(-1 / 4) + zeta / 4
                    change[o, i] += float(reward[t, b]) * (z if name == "MSTDPETLearner" else zeta)
    return change


@pytest.mark.parametrize("run", ["loop", "unroll", "chunks", "own states"])
@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_gathers_what_a_double_loop_gives(name, steps, run):
    net, xs = make_net(), sequence(steps)
    reward = torch.ones(steps, 2) if name == "STDPLearner" else torch.randn(steps, 2)
    expected = by_hand(name, net, xs, reward)
    snn.utils.reset(net)
    learner = LEARNERS[name](net[0], net[1], **SCALES)
    if run == "loop":
        for x in xs:
            net(x)
    elif run == "own states":
        net[1].init_hidden, mem = False, None
        for x in xs:
            _, mem = net[1](net[0](x), mem)
    else:
        snn.unroll(net, xs, chunk=4 if run == "chunks" else None)
    torch.testing.assert_close(step(learner, reward, on_grad=False), expected)
    assert expected.abs().sum() > 0


@pytest.mark.parametrize("name", LEARNERS)
def test_learning_after_each_step_adds_up(name):
    net, xs = make_net(), sequence()
    reward = torch.randn(6, 2)
    learner = LEARNERS[name](net[0], net[1], **SCALES)
    snn.unroll(net, xs)
    at_once = step(learner, reward, on_grad=False)
    learner.reset()
    snn.utils.reset(net)
    total = 0
    for x, r in zip(xs, reward, strict=True):
        net(x)
        total = total + step(learner, r, on_grad=False)
    torch.testing.assert_close(total, at_once)


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_convolution_learns_as_the_dense_layer_that_it_is(name, kind):
    # a kernel as large as its input meets it at one position
    torch.manual_seed(0)
    space = (5,) if kind is nn.Conv1d else (1, 5)
    conv, fc = kind(1, 3, space).double(), nn.Linear(5, 3).double()
    fc.load_state_dict({"weight": conv.weight.reshape(3, 5), "bias": conv.bias})
    xs, changes = sequence(), []
    for layer, shape in ((conv, (6, 2, 1, *space)), (fc, (6, 2, 5))):
        net = nn.Sequential(layer, snn.Leaky(0.8, threshold=0.3, init_hidden=True))
        learner = LEARNERS[name](*net, **SCALES)
        snn.unroll(net, xs.reshape(shape))
        changes.append(step(learner, torch.arange(2.0), on_grad=False, scale=2))
    torch.testing.assert_close(changes[0].reshape(3, 5), changes[1])
    assert changes[1].abs().sum() > 0


@pytest.mark.parametrize("name", LEARNERS)
def test_autocast_changes_nothing_that_is_learned(name):
    xs, changes = sequence(4, 601).float(), []
    net = make_net().float()
    snn.unroll(net[:2], xs)
    for enabled in (False, True):
        learner = LEARNERS[name](net[0], net[1], **SCALES)
        snn.utils.reset(net)
        snn.unroll(net, xs)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            changes.append(step(learner, torch.rand(601, generator=torch.Generator().manual_seed(1)), on_grad=False))
    torch.testing.assert_close(*changes, rtol=0, atol=0)


COMPUTED = {
    "plain": lambda layer: layer,
    "parametrized": lambda layer: parametrizations.weight_norm(layer),
    "orthogonal": lambda layer: parametrizations.orthogonal(layer),
    "of an identity": lambda layer: parametrize.register_parametrization(layer, "weight", nn.Identity()),
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", amount=0.3),
    "weight_norm": lambda layer: nn.utils.weight_norm(layer),
    "pruned for good": lambda layer: prune.remove(prune.l1_unstructured(layer, "weight", amount=0.3), "weight"),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("first", ["learner", "weight"])
@pytest.mark.parametrize("kind", COMPUTED)
@pytest.mark.parametrize("name", LEARNERS)
def test_a_step_leaves_a_gradient_or_is_refused(name, kind, first):
    net, xs = make_net(), sequence()
    if first == "learner":
        learner = LEARNERS[name](net[0], net[1], **SCALES)
        COMPUTED[kind](net[0])
    else:
        COMPUTED[kind](net[0])
        learner = LEARNERS[name](net[0], net[1], **SCALES)
    snn.unroll(net, xs)
    weight = net[0].weight.detach().clone()
    if kind in ("plain", "of an identity", "pruned for good"):
        step(learner)
        assert any(p.grad is not None and p.grad.any() for p in learner.parameters())
        return
    with pytest.raises(ValueError, match=r"a (Parametrized)?Linear, is computed .*\. Fix: pass on_grad=False"):
        step(learner)
    assert all(p.grad is None for p in learner.parameters())
    # the remedy: what is returned is the change of the weight that the layer computes, and no spike is lost
    plain = make_net()
    with torch.no_grad():
        plain[0].weight.copy_(weight)
    expected = LEARNERS[name](plain[0], plain[1], **SCALES)
    snn.unroll(plain, xs)
    torch.testing.assert_close(step(learner, on_grad=False), step(expected, on_grad=False))


@pytest.mark.parametrize("name", LEARNERS)
def test_an_optimizer_adds_the_change(name):
    net, xs = make_net(), sequence()
    learner = LEARNERS[name](net[0], net[1], **SCALES)
    before = net[0].weight.detach().clone()
    snn.unroll(net, xs)
    change = step(learner, on_grad=False, scale=0.5)
    learner.reset()
    snn.unroll(net, xs)
    assert step(learner, scale=0.5) is None
    torch.testing.assert_close(net[0].weight.grad, -change)
    learner.reset()
    snn.unroll(net, xs)
    step(learner, scale=0.5)  # gradients add up
    torch.optim.SGD(learner.parameters(), lr=0.25).step()
    torch.testing.assert_close(net[0].weight.detach(), before + 0.25 * 2 * change)


@pytest.mark.parametrize("reward", [2, 2.0, torch.tensor(2), torch.tensor([2.0, 2.0]), torch.full((6, 2), 2.0)])
def test_a_reward_is_for_all_for_a_sample_or_for_a_step(reward):
    net, xs = make_net(), sequence()
    learner = MSTDPLearner(net[0], net[1], 3.0, 1.5, **SCALES)
    snn.unroll(net, xs)
    torch.testing.assert_close(
        learner.step(reward, on_grad=False), by_hand("MSTDPLearner", net, xs, torch.full((6, 2), 2))
    )


def test_a_late_reward_acts_through_the_trace_alone():
    # one pair of spikes, then silence: after d more steps the trace has decayed by exp(-d / tau)
    net = nn.Sequential(nn.Linear(1, 1, bias=False), snn.Leaky(0.0, init_hidden=True))
    net[0].weight.data.fill_(2)
    learners = [
        MSTDPETLearner(*net, 2, 2, 5, lambda w: 0.0, lambda w: 1.0),
        MSTDPLearner(*net, 2, 2, lambda w: 0.0, lambda w: 1.0),
    ]
    snn.unroll(net, torch.tensor([1.0, 0, 0, 0]).reshape(4, 1, 1))
    late = torch.tensor([0.0, 0, 0, 1]).reshape(4, 1)
    assert learners[0].step(late, on_grad=False).item() == pytest.approx(exp(-3 / 5) / 5)
    assert learners[1].step(late, on_grad=False).item() == 0


@pytest.mark.parametrize("name", LEARNERS)
def test_a_reset_forgets_traces_and_spikes(name):
    net, xs = make_net(), sequence()
    learner = LEARNERS[name](net[0], net[1], **SCALES)
    snn.unroll(net, xs)
    first = step(learner, on_grad=False)
    snn.unroll(net, xs)
    assert not torch.equal(step(learner, on_grad=False), first)
    snn.unroll(net, xs)
    learner.reset()
    snn.unroll(net, xs)
    assert torch.equal(step(learner, on_grad=False), first)
    learner.reset()
    snn.unroll(net, sequence(batch=3))
    assert step(learner, on_grad=False).shape == (3, 5)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_disabled_learner_sees_nothing(name):
    net, xs = make_net(), sequence()
    learner = LEARNERS[name](net[0], net[1])
    learner.disable()
    snn.unroll(net, xs)
    with pytest.raises(RuntimeError, match=f"{name}.step: there are no spikes to learn from"):
        step(learner)
    learner.enable()
    snn.unroll(net, xs)
    step(learner)


@pytest.mark.parametrize("disabled", [False, True])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_copy_has_the_records_of_its_learner_and_is_disabled_with_it(name, disabled):
    net, xs = make_net(), sequence()
    pair = nn.ModuleList([net, LEARNERS[name](net[0], net[1])])
    snn.unroll(net, xs)
    if disabled:
        pair[1].disable()
    twins = [copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))]
    for some in (pair, *twins):
        snn.unroll(some[0], xs)
    first, *others = (step(some[1], on_grad=False) for some in (pair, *twins))
    for some, other in zip(twins, others, strict=True):
        assert torch.equal(first, other)
        some[1].enable()
        snn.unroll(some[0], xs)
        step(some[1])


@pytest.mark.parametrize("name", LEARNERS)
def test_nothing_of_a_graph_is_kept(name):
    net = make_net()
    learner = LEARNERS[name](net[0], net[1])
    snn.unroll(net, sequence())
    change = step(learner, on_grad=False)
    assert not any(t.requires_grad for t in (change, learner.trace_pre, learner.trace_post))
    assert net[0].weight.grad is None


@pytest.mark.parametrize("name", LEARNERS)
def test_the_weights_are_the_only_parameters(name):
    net = make_net(snn.Leaky(0.8, init_hidden=True, learn_beta=True))
    learner = LEARNERS[name](net[0], net[1])
    assert list(learner.state_dict()) == ["synapse.weight", "synapse.bias"]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_is_copied_and_saved_with_its_net(name):
    net, xs = make_net(), sequence()
    pair = nn.ModuleList([net, LEARNERS[name](net[0], net[1])])
    snn.unroll(pair[0], xs)
    step(pair[1], on_grad=False)
    file = io.BytesIO()
    torch.save(pair, file)
    file.seek(0)
    twins = [copy.deepcopy(pair), torch.load(file, weights_only=False)]
    for twin in twins:
        assert twin[1].synapse is twin[0][0]
        assert torch.equal(twin[1].trace_pre, pair[1].trace_pre)
    for some in (pair, *twins):
        snn.unroll(some[0], xs)
    changes = [step(some[1], on_grad=False) for some in (pair, *twins)]
    assert torch.equal(changes[0], changes[1])
    assert torch.equal(changes[0], changes[2])


def test_a_learner_ends_with_its_last_reference():
    net = make_net()
    learner = STDPLearner(net[0], net[1], 2.0, 2.0)
    del learner
    gc.collect()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
