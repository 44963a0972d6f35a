"""A check that a function leaves a net and the random generators unchanged."""

import random

import torch

import snn_core as snn


def training(net, xs):
    """A net in the middle of training: with states, gradients and a hook; and what all of that is."""
    net.train()
    snn.unroll(net, xs).sum().backward()
    calls = []
    net.register_forward_hook(lambda *call: calls.append(call))
    return calls


def everything(net):
    """Return what of a net and its surroundings must not change, by value and by identity."""
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    states = {path: m._kept for path, m in net.named_modules() if isinstance(m, snn.SpikingNeuron)}
    return {
        "values": {name: tensor.detach().clone() for name, tensor in tensors.items()},
        "objects": {name: id(tensor) for name, tensor in tensors.items()},
        "versions": {name: tensor._version for name, tensor in tensors.items()},
        "grads": {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None},
        "needs": {name: p.requires_grad for name, p in net.named_parameters()},
        "states": {path: id(state) for path, state in states.items()},
        "state values": {path: [t.detach().clone() for t in s or ()] for path, s in states.items()},
        "modes": [m.training for m in net.modules()],
        "forwards": ["forward" in vars(m) for m in net.modules()],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in net.modules()],
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
    }


def same(before, after):
    """Assert that nothing is another object, or has another value."""
    assert before.keys() == after.keys()
    for name, value in before.items():
        if name in ("values", "torch", "grads", "state values"):
            torch.testing.assert_close(after[name], value, rtol=0, atol=0)
        else:
            assert after[name] == value, name
