"""A network over a whole sequence beside a loop over its steps."""

from __future__ import annotations

import copy

import torch
from torch import nn

from snn_core import backends, unroll, utils


def assert_unroll_is_the_loop(net, xs):
    """Compare outputs, gradients of all parameters and of the input, and buffers, while training and in evaluation."""
    ours, xs = _louder(net).double(), xs.double()
    loop = copy.deepcopy(ours)
    for training in (True, False):
        ours.train(training)
        loop.train(training)
        plan = backends.explain(ours, xs)
        assert plan.kind == "layers", plan
        assert "step by step" not in plan.reason, plan
        results = [_run(ours, xs, unroll), _run(loop, xs, _loop)]
        for name, result in results[0].items():
            torch.testing.assert_close(
                result, results[1][name], rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
            )
        assert results[0]["out"].any()


def _louder(net):
    """Make norms large and their statistics quick, so that the last layers fire in both modes."""
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.constant_(norm.weight, 5.0)
            norm.momentum = 0.5
    return net


def _loop(net, xs):
    return torch.stack([net(x) for x in xs])


def _run(net, xs, run):
    xs = xs.clone().requires_grad_()
    net.zero_grad()
    utils.reset(net)
    torch.manual_seed(0)  # for dropout
    out = run(net, xs)
    (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).reshape(out.shape)).sum().backward()
    statistics = {
        name: buffer.clone() for name, buffer in net.named_buffers() if "running" in name or "tracked" in name
    }
    gradients = {f"gradient of {name}": parameter.grad for name, parameter in net.named_parameters()}
    return {"out": out.detach(), "gradient of xs": xs.grad, **gradients, **statistics}
