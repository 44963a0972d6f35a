"""Every form of net that people write gives what the loop over its steps gives, however it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

import snn_core as snn

from .forms import FORMS, Form
from .impure import ragged_loop
from .unequal import padded, states

STEPS = 5
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def loop(net: nn.Module, xs: Tensor, resume: bool = False) -> Any:
    """Run a net step by step, and stack what it returns."""
    if not resume:
        snn.utils.reset(net)
    return tree_map(lambda *leaves: torch.stack(leaves), *(net(x) for x in xs))


class Looped(nn.Module):
    """A net that returns its outputs in a tuple, as the loop over samples of unequal length takes them."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(tree_leaves(self.net(x)))


def projection(outs: Any) -> Tensor:
    """Return a sum in which each number counts differently."""
    leaves = [leaf for leaf in tree_leaves(outs) if leaf.requires_grad]
    return sum((o * torch.linspace(-1, 1.3, o.numel(), dtype=o.dtype).view(o.shape)).sum() for o in leaves)


Run = Callable[..., Any]
Life = Callable[[nn.Module, Form, Run], tuple[Any, Any]]  # the leaf of the input, and what was returned


def leaf(form: Form, steps: int = STEPS, seed: int = 2) -> Tensor:
    xs = form.input(steps, seed)
    return xs.requires_grad_(xs.is_floating_point())


def once(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
    xs = leaf(form)
    return xs, run(net, xs)


def in_evaluation(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
    return once(net.eval(), form, run)


def without_gradient(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
    with torch.no_grad():
        return once(net, form, run)


def in_two_parts(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
    xs = leaf(form, 2 * STEPS - 1)
    return xs, (run(net, xs[:STEPS]), run(net, xs[STEPS:], resume=True))


def on_constant_input(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
    x = leaf(form, 1)
    return x, run(net, x.expand(STEPS, *x.shape[1:]))


def trained(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
    """Two steps of training on data, and then one call with another number of steps."""
    outs = []
    for seed in (2, 3):
        outs.append(run(net, form.input(STEPS, seed)))
        projection(outs[-1]).backward()
        with torch.no_grad():
            for p in net.parameters():
                p.sub_(0.05 * p.grad if p.grad is not None else 0)
        net.zero_grad()
    xs = leaf(form, STEPS + 2, 4)
    return xs, (tree_map(Tensor.detach, outs), run(net, xs))


def trained_and_evaluated(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
    first = run(net, form.input(STEPS, 3))
    with torch.no_grad():
        second = run(net.eval(), form.input(STEPS, 4))
    xs, third = once(net.train(), form, run)
    return xs, (first, second, third)


LIVES: dict[str, tuple[Life, dict[str, Any]]] = {
    "once": (once, {}),
    "trained": (trained, {}),
    "in evaluation": (in_evaluation, {}),
    "without gradients": (without_gradient, {}),
    "between training and evaluation": (trained_and_evaluated, {}),
    "in two parts": (in_two_parts, {}),
    "on constant input": (on_constant_input, {}),
    "in chunks of 2": (once, {"chunk": 2}),
    "in chunks of 4": (trained, {"chunk": 4}),
    "in chunks that go on": (in_two_parts, {"chunk": 4}),
    "within a memory": (once, {"memory": 2**33}),
}


def left(net: nn.Module, life: Life, form: Form, run: Run) -> dict[str, Any]:
    """Return all that a life of a net leaves: outputs, gradients, buffers, states and the generator of torch."""
    torch.manual_seed(5)
    xs, outs = life(net, form, run)
    outputs, last = tree_leaves(outs), states(net)
    if any(o.requires_grad for o in outputs):
        projection([*outputs, *last]).backward()
    return {
        "outputs": outputs,
        "gradient of the input": xs.grad,
        "gradients": {name: p.grad for name, p in net.named_parameters()},
        "buffers": dict(net.named_buffers()),
        "states": last,
        "numbers": torch.rand(3),
    }


def same(result: dict[str, Any], reference: dict[str, Any]) -> None:
    assert torch.equal(result.pop("numbers"), reference.pop("numbers"))
    for name, expected in reference.items():
        values, others = tree_leaves(_zeros_left_out(result[name])), tree_leaves(_zeros_left_out(expected))
        assert len(values) == len(others), name
        for value, other in zip(values, others, strict=True):
            torch.testing.assert_close(
                value, other, rtol=1e-7, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
            )


def _zeros_left_out(values: Any) -> Any:
    """Leave gradients of zero out, as none is the same."""
    return tree_map(lambda v: v if v is not None and v.any() else None, values)


# a plan of memory runs a copy of the net, and PyTorch cannot copy a layer whose weight a hook computes
LIVED = [(name, form) for form in FORMS for name in LIVES if (name, form) != ("within a memory", "pruned weights")]


@pytest.mark.parametrize(("name", "of"), LIVED, ids=[" of ".join(pair) for pair in LIVED])
def test_a_form_gives_what_the_loop_gives(name: str, of: str) -> None:
    form, (life, options) = FORMS[of], LIVES[name]
    net, twin = form.net(), form.net()
    result = left(net, life, form, lambda *args, **more: snn.unroll(*args, **more, **options))
    same(result, left(twin, life, form, loop))


@every_form
@pytest.mark.parametrize("lengths", [(5, 2, 5, 0), (5, 1, 3, 2)], ids=["to two samples", "to one sample"])
@pytest.mark.parametrize("chunk", [None, 4])
def test_a_form_gives_what_the_loop_over_the_samples_that_run_gives(
    chunk: int | None, lengths: tuple[int, ...], form: Form
) -> None:
    lengths = lengths[: form.batch]

    def ragged(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
        xs = form.input(STEPS)
        xs = padded(xs, lengths).requires_grad_() if xs.is_floating_point() else xs
        return xs, run(net, xs)

    net, twin = form.net(), form.net()
    try:
        expected = left(twin, ragged, form, lambda net, xs: ragged_loop(Looped(net), xs, lengths))
    except ValueError as error:  # batch norm of a single value
        with pytest.raises(ValueError, match=str(error)[:30]):
            left(net, ragged, form, lambda net, xs: snn.unroll(net, xs, lengths=lengths, chunk=chunk))
        twin = form.net()
        twin.load_state_dict(net.state_dict())
        same(left(net, once, form, snn.unroll), left(twin, once, form, loop))
        return
    same(left(net, ragged, form, lambda net, xs: snn.unroll(net, xs, lengths=lengths, chunk=chunk)), expected)


@every_form
@pytest.mark.parametrize("learns", [True, False], ids=["with gradients", "without"])
def test_a_schedule_is_kept(learns: bool, form: Form) -> None:
    def scheduled(net: nn.Module, form: Form, run: Run) -> tuple[Any, Any]:
        xs = form.input(STEPS, 3)
        how: dict[str, Any] = {}
        if run is snn.unroll:
            first, how["schedule"] = run(net, xs, explain=True)
        else:
            first = run(net, xs)
        xs = leaf(form, STEPS + 1)
        return xs, (first, run(net, xs, **how))

    with nullcontext() if learns else torch.no_grad():
        net, twin = form.net(), form.net()
        same(left(net, scheduled, form, snn.unroll), left(twin, scheduled, form, loop))


@pytest.mark.parametrize("form", [f for f in FORMS.values() if f.how], ids=[name for name, f in FORMS.items() if f.how])
def test_a_form_runs_layer_by_layer_where_it_can(form: Form) -> None:
    plan = snn.unroll(form.net(), leaf(form), explain=True)[1]
    assert plan.kind == form.how, plan.reason
