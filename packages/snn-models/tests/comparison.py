"""A network over a whole sequence beside a loop over its steps."""

from __future__ import annotations

import copy

import torch

from snn_core import backends, unroll, utils


def assert_unroll_is_the_loop(net, xs):
    """Compare outputs, gradients of all parameters and of the input, and buffers, while training and in evaluation."""
    net = net.double()
    xs = xs.double()
    for training in (True, False):
        ours, loop = copy.deepcopy(net).train(training), copy.deepcopy(net).train(training)
        plan = backends.explain(ours, xs)
        assert plan.kind == "layers", plan
        assert "step by step" not in plan.reason, plan
        results = [_run(ours, xs, unroll), _run(loop, xs, _loop)]
        for name, result in results[0].items():
            torch.testing.assert_close(
                result, results[1][name], rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
            )
        assert results[0]["out"].any()


def _loop(net, xs):
    utils.reset(net)
    return torch.stack([net(x) for x in xs])


def _run(net, xs, run):
    xs = xs.clone().requires_grad_()
    torch.manual_seed(0)  # for dropout
    out = run(net, xs)
    (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).reshape(out.shape)).sum().backward()
    statistics = {
        name: buffer.clone() for name, buffer in net.named_buffers() if "running" in name or "tracked" in name
    }
    gradients = {f"gradient of {name}": parameter.grad for name, parameter in net.named_parameters()}
    return {"out": out.detach(), "gradient of xs": xs.grad, **gradients, **statistics}
