"""A check that a function leaves a net and the random generators unchanged."""

import copy

import torch

import snn_core as snn


def training(net, xs):
    """A net in the middle of training: with states, gradients and a hook; and what all of that is."""
    net.train()
    snn.unroll(net, xs).sum().backward()
    calls = []
    net.register_forward_hook(lambda *call: calls.append(call))
    return calls


def look(net):
    """Everything of a net that a run may change."""
    tensors = {name: t.clone() for name, t in (*net.named_parameters(), *net.named_buffers())}
    gradients = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    states = {name: copy.copy(m._kept) for name, m in net.named_modules() if hasattr(m, "_kept")}
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()]
    return tensors, gradients, states, hooks, [m.training for m in net.modules()], torch.random.get_rng_state()
