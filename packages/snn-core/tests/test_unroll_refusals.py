"""Tests of nets that ``unroll`` runs step by step, with the reason, as layer by layer is not provably the same."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

import snn_core as snn
from snn_core.graph.watching import Watch

from .stepped_programs import Stepped, offered
from .test_unroll import lif
from .zoo import call_loop, close, gradients


class Own(nn.Module):
    """A net of one linear layer and one neuron; subclasses say what they do in between."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)
        self.spike = lif()
        self.seen: list[Tensor] = []
        self.rate = 0.0

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(self.between(self.linear(x)))


class Branches(Own):
    def between(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Remembers(Own):
    def between(self, x: Tensor) -> Tensor:
        self.rate = x.detach().mean()
        return x


class Appends(Own):
    def between(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach())
        return x


class FixedBatch(Own):
    def between(self, x: Tensor) -> Tensor:
        return x.view(3, 2, 2).view(3, 4)


class MixesSamples(Own):
    def between(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Joins(Own):
    def between(self, x: Tensor) -> Tensor:
        return torch.cat([x, x], dim=0)[: x.shape[0]]


class Random(Own):
    def between(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class Unknown(Own):
    def between(self, x: Tensor) -> Tensor:
        return torch.cumsum(x, 0)


class Twice(Own):
    def forward(self, x: Tensor) -> Tensor:
        return self.spike(self.spike(self.linear(x)))


class TwoNeuronsInACycle(Own):
    """Feeds the spikes of the step before back in, by an attribute."""

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.spike(self.linear(x) + getattr(self, "last", 0))
        return self.last


def hooked() -> nn.Module:
    net = nn.Sequential(nn.Linear(5, 4), lif())
    net[0].register_forward_hook(lambda module, args, out: 2 * out)
    return net


def shared() -> nn.Module:
    neuron = lif()
    return nn.Sequential(nn.Linear(5, 5), neuron, nn.Linear(5, 5), neuron)


GLOBAL_HOOKS: dict[str, Callable[[Callable], RemovableHandle]] = {
    "forward": torch.nn.modules.module.register_module_forward_hook,
    "before forward": torch.nn.modules.module.register_module_forward_pre_hook,
    "backward": torch.nn.modules.module.register_module_full_backward_hook,
    "before backward": torch.nn.modules.module.register_module_full_backward_pre_hook,
}


@pytest.mark.parametrize("register", GLOBAL_HOOKS.values(), ids=GLOBAL_HOOKS)
def test_a_hook_on_all_modules_sees_one_step_at_a_time(register) -> None:
    net, xs = nn.Sequential(nn.Linear(5, 4), lif()).double(), torch.rand(7, 3, 5, dtype=torch.float64)
    shapes: list[tuple[int, ...]] = []

    def hook(module: nn.Module, *values: object) -> None:
        if isinstance(module, nn.Linear):
            tensors = values[-1] if isinstance(values[-1], tuple) else values[-1:]
            shapes.extend(tuple(t.shape) for t in tensors if isinstance(t, Tensor))

    handle = register(hook)
    try:
        out, plan = snn.unroll(net, xs.requires_grad_(), explain=True)
        out.sum().backward()
        with pytest.raises(ValueError, match=r"a hook on all modules .* remove it or pass chunk="):
            snn.plan_memory(net, xs)
    finally:
        handle.remove()
    assert (plan.kind, plan.reason) == ("steps", "a hook on all modules expects one step at a time")
    assert len(shapes) == 7
    assert set(shapes) <= {(3, 4), (3, 5)}


def less_the_mean(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same less its mean over the batch."""

    def replaced(*args: Any) -> Tensor:
        out = forward(*args)
        return out - out.mean(0)

    return replaced


@pytest.mark.parametrize("path", ["0", "1", "1.0", "1.1", ""])
def test_a_forward_that_was_replaced_on_one_module_runs_as_in_the_loop(path: str) -> None:
    net = nn.Sequential(nn.Linear(5, 4), nn.Sequential(nn.ReLU(), lif())).double()
    module, xs = net.get_submodule(path), 2 * torch.randn(7, 3, 5, dtype=torch.float64)
    module.forward = less_the_mean(module.forward)
    outputs, plan = snn.unroll(net, xs, explain=True)
    close(outputs, call_loop(net, xs))
    assert "'mean' must name axes other than the batch axis" in str(plan)


class Told(Watch):
    """Keeps what a run tells of."""

    of_run = True

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.calls: list[tuple[str, int]] = []
        self.hooks = (self.before,)

    def before(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        self.calls.append((f"before {self.paths[module]}", len(args[0])))

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.calls.append((self.paths[module], len(args[0])))
        return super().called(module, forward, args, kwargs)

    def ran(self, module: nn.Module, step: Any, args: list[Any], out: Any, folding: Any) -> None:
        assert len(args[0]) == len(out) == 3 * folding.steps
        self.calls.append((self.paths[module], len(out)))


class Coded(nn.Sequential):
    """The same layers, called by code of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


@pytest.mark.parametrize("make", [nn.Sequential, Coded])
def test_a_watcher_of_a_run_sees_each_call_of_its_plan(make: type[nn.Sequential]) -> None:
    net, xs = make(nn.Linear(5, 4), nn.Linear(4, 4), lif()).double(), torch.randn(7, 3, 5, dtype=torch.float64)
    expected, listener = snn.unroll(net, xs), Told(net)
    with listener.watching():
        outputs, plan = snn.unroll(net, xs, explain=True)
    assert plan.kind == "layers"
    assert listener.calls == [(path, 21) for path in ("0", "1", "2")]
    assert outputs.equal(expected)


def test_hooks_of_a_watcher_take_all_steps_at_once() -> None:
    net, xs = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), lif()).double(), 2 * torch.randn(7, 3, 5, dtype=torch.float64)
    listener = Told(net)
    net[1].register_forward_pre_hook(listener.before)
    assert snn.unroll(net, xs, explain=True)[1].reason.startswith("'1' (ReLU) has a hook")
    with listener.watching():
        listener.calls.clear()
        snn.unroll(net, xs)
        assert listener.calls == [("0", 21), ("before 1", 21), ("1", 21), ("2", 21)]
        net[1].register_forward_hook(lambda *call: None)
        assert snn.unroll(net, xs, explain=True)[1].kind == "steps"


def test_a_watcher_of_a_run_sees_each_step_of_a_loop() -> None:
    net, xs = nn.Sequential(nn.Linear(5, 4), lif()).double(), 2 * torch.randn(7, 3, 5, dtype=torch.float64)
    listener = Told(net)
    with listener.watching():
        snn.unroll(net, xs, schedule="steps")
    assert listener.calls == [("1", 3)] * 7


@pytest.mark.parametrize("kind", [nn.Linear, nn.ReLU])
def test_a_forward_that_was_replaced_on_a_class_of_torch_runs_as_in_the_loop(kind, monkeypatch) -> None:
    net, xs = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), lif()).double(), 2 * torch.randn(7, 3, 5, dtype=torch.float64)
    monkeypatch.setattr(kind, "forward", less_the_mean(kind.forward))
    outputs, plan = snn.unroll(net, xs, explain=True)
    close(outputs, call_loop(net, xs))
    assert "'mean' must name axes other than the batch axis" in str(plan)


REPLACED: dict[str, Callable[[snn.Leaky], Callable[..., Any]]] = {
    "integrate": lambda neuron: lambda x, state: state._replace(mem=0.2 * state.mem + x),
    "membrane": lambda neuron: lambda state: state.mem - 0.5,
    "subtract": lambda neuron: lambda state, amount: state._replace(mem=state.mem - 2 * amount),
    "step": lambda neuron: lambda x, state=None, step=neuron.step: step(2 * x, state),
}


@pytest.mark.parametrize("method", REPLACED)
def test_a_method_that_was_replaced_on_one_neuron_runs_as_in_the_loop(method: str) -> None:
    neuron, xs = lif(), 2 * torch.randn(7, 3, 5, dtype=torch.float64)
    neuron.double()
    before = snn.unroll(neuron, xs)
    setattr(neuron, method, REPLACED[method](neuron))
    for engines in ([], [Stepped()]):
        with offered(*engines):
            outputs = snn.unroll(neuron, xs)
        close(outputs, call_loop(neuron, xs))
        assert not outputs.equal(before)
    if method == "step":
        assert snn.kernels.choose(neuron, xs).reason == "step was replaced on this one neuron"


def with_a_hook(net: nn.Module) -> None:
    net[0].register_forward_hook(lambda module, args, out: out - out.mean(0))


@pytest.mark.parametrize(
    ("change", "kind"), [(nn.Module.train, "layers"), (lambda net: net[1].train(), "layers"), (with_a_hook, "steps")]
)
def test_a_schedule_is_planned_again_for_another_mode_or_a_hook(change: Callable[[nn.Module], Any], kind: str) -> None:
    net, xs = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), lif()).double().eval(), torch.rand(7, 3, 5).double()
    _, plan = snn.unroll(net, xs, explain=True)
    assert plan.kind == "layers"
    change(net)
    twin = copy.deepcopy(net)
    outputs, now = snn.unroll(net, xs, schedule=plan, explain=True)
    assert now.kind == kind
    assert now.plan is not plan.plan
    close(outputs, call_loop(twin, xs))
    close(dict(net.named_buffers()), dict(twin.named_buffers()))


def test_an_assertion_is_held_against_the_loop_again_in_another_mode() -> None:
    class Normalized(SumsFeatures):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(4)

        def between(self, x: Tensor) -> Tensor:
            return super().between(self.norm(x))

    net, xs = Normalized().double().eval(), torch.randn(7, 3, 5, dtype=torch.float64)
    close(snn.unroll(net, xs, schedule="layers"), call_loop(net, xs))
    twin = copy.deepcopy(net.train())
    close(snn.unroll(net, xs, schedule="layers"), call_loop(twin, xs))
    close(dict(net.named_buffers()), dict(twin.named_buffers()))


FLAT = (7, 3, 5)
# name: (net, input, what the reason must name)
REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "a branch on data": (Branches, FLAT, ""),
    "attributes set in forward": (Remembers, FLAT, "rate"),
    "a list appended to": (Appends, FLAT, ""),
    "a neuron called twice": (Twice, FLAT, "spike"),
    "a neuron shared by two places": (shared, FLAT, ""),
    "hooks": (hooked, FLAT, "hook"),
    "feedback through an attribute": (TwoNeuronsInACycle, FLAT, "last"),
}


# name: (net, input, what its plan must say)
NODES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "dropout in training": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), lif()),
        FLAT,
        "Dropout: before the sequence, one step after another (draws random numbers)",
    ),
    "batch norm in training": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), lif()),
        FLAT,
        "BatchNorm1d: all steps in order, in one call (normalizes over the samples of each step)",
    ),
    "instance norm that tracks": (
        lambda: nn.Sequential(nn.InstanceNorm1d(2, track_running_stats=True), nn.Flatten(), nn.Linear(10, 4), lif()),
        (7, 3, 2, 5),
        "InstanceNorm1d: one step after another (changes '0.running_mean', '0.running_var')",
    ),
    "softmax over the batch": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.Softmax(dim=0), lif()),
        FLAT,
        "Softmax: one step after another ('softmax' must name axes other than the batch axis (dim=0))",
    ),
    "flatten of the batch": (
        lambda: nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (3, 5)), lif()),
        FLAT,
        "Unflatten: one step after another",
    ),
    "a fixed batch": (FixedBatch, FLAT, "view: one step after another ('view' reshapes to a fixed batch size (3)"),
    "samples mixed": (MixesSamples, FLAT, "mean: one step after another"),
    "a concatenation of the batch": (Joins, FLAT, "cat: one step after another"),
    "random numbers": (Random, FLAT, "rand_like: before the sequence, one step after another (draws random numbers)"),
    "an unlisted function": (Unknown, FLAT, "cumsum: one step after another"),
    "unbatched input to a linear layer": (
        lambda: nn.Sequential(nn.Linear(5, 4), lif()),
        (7, 5),
        "Linear: one step after another",
    ),
    "unbatched input to a convolution": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), lif()),
        (7, 2, 5, 5),
        "Conv2d: one step after another",
    ),
}


@pytest.mark.parametrize(("make", "shape", "how"), NODES.values(), ids=NODES)
def test_a_call_that_is_not_of_single_samples_runs_in_the_order_of_the_loop(make, shape, how: str) -> None:
    torch.manual_seed(0)
    net = make().double()
    twin = copy.deepcopy(net)
    for k in range(2):  # the second time by the plan of the first
        xs = 2 * torch.randn(shape, dtype=torch.float64)
        results = []
        for module in (twin, net):
            here = xs.clone().requires_grad_()
            torch.manual_seed(3 + k)
            out, plan = (call_loop(module, here), None) if module is twin else snn.unroll(module, here, explain=True)
            inputs = [here, *module.parameters()]
            results.append([out, gradients([out], inputs), [*module.buffers()], torch.rand(3)])
        close(results[1], results[0])
        assert plan.kind == "layers"
        assert how in str(plan)


@pytest.mark.parametrize(("make", "shape", "named"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore:Sequential. '1' and '3' are the same Leaky")
def test_it_runs_step_by_step_names_the_reason_and_equals_the_loop(make, shape, named: str) -> None:
    torch.manual_seed(0)
    net = make().double()
    torch.manual_seed(0)
    twin = make().double()
    xs = 2 * torch.randn(shape, dtype=torch.float64)
    torch.manual_seed(3)
    expected = call_loop(twin, xs)
    torch.manual_seed(3)
    outputs, schedule = snn.unroll(net, xs, explain=True)
    assert schedule.kind == "steps"
    assert schedule.reason
    assert named in schedule.reason
    assert schedule.reason in str(schedule)
    close(outputs, expected)
    close(dict(net.named_buffers()), dict(twin.named_buffers()))


@pytest.mark.parametrize(
    ("make", "shape"),
    [(v[0], v[1]) for k, v in REFUSED.items() if "list" in k or "attributes" in k],
    ids=[k for k in REFUSED if "list" in k or "attributes" in k],
)
def test_looking_for_a_schedule_has_no_effect_on_the_net(make, shape) -> None:
    torch.manual_seed(0)
    net = make()
    xs = torch.randn(shape)
    snn.unroll(net, xs)
    if hasattr(net, "seen"):
        assert len(net.seen) in (0, len(xs))
        assert all(isinstance(x, Tensor) and type(x) is Tensor for x in net.seen)
    assert isinstance(net.rate, float | Tensor)


def test_random_numbers_are_drawn_as_the_loop_draws_them() -> None:
    net = nn.Sequential(nn.Linear(5, 64), nn.Dropout(0.5), lif(), nn.Linear(64, 3), lif())
    xs = torch.randn(7, 3, 5)
    torch.manual_seed(3)
    outputs = snn.unroll(net, xs)
    torch.manual_seed(3)
    assert torch.equal(outputs, call_loop(net, xs))


def test_chunks_recompute_the_same_random_numbers() -> None:
    net = nn.Sequential(nn.Linear(5, 64), nn.Dropout(0.5), lif(), nn.Linear(64, 3), lif())
    xs = torch.randn(7, 3, 5)
    grads = []
    for chunk in (None, 3):
        torch.manual_seed(3)
        net.zero_grad()
        snn.unroll(net, xs, chunk=chunk).sum().backward()
        grads.append(net[0].weight.grad)
    torch.testing.assert_close(*grads)


def test_chunks_update_running_statistics_once_a_step() -> None:
    nets = [nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), lif()).double() for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    xs = torch.randn(7, 3, 5, dtype=torch.float64)
    snn.unroll(nets[0], xs).sum().backward()
    snn.unroll(nets[1], xs, chunk=3).sum().backward()
    assert nets[1][1].num_batches_tracked.item() == 7
    close(dict(nets[1].named_buffers()), dict(nets[0].named_buffers()))


class SumsFeatures(Own):
    """Uses a function that is not listed, but acts on each sample alone."""

    def between(self, x: Tensor) -> Tensor:
        return torch.logcumsumexp(x, 1)


def test_a_forward_that_cannot_be_traced_may_be_asserted_to_be_layerwise() -> None:
    torch.manual_seed(0)
    net = SumsFeatures().double()
    xs = torch.randn(7, 3, 5, dtype=torch.float64)
    _, schedule = snn.unroll(net, xs, explain=True)
    assert "logcumsumexp: one step after another" in str(schedule)
    outputs, schedule = snn.unroll(net, xs, schedule="layers", explain=True)
    assert "one step after another" not in str(schedule)
    assert schedule.reason == "asserted by schedule='layers' (logcumsumexp)"
    close(outputs, call_loop(net, xs))


@pytest.mark.parametrize("make", [MixesSamples, Unknown], ids=["mean", "cumsum"])
def test_an_assertion_that_is_wrong_is_detected(make) -> None:
    torch.manual_seed(0)
    with pytest.raises((ValueError, RuntimeError), match="layers"):
        snn.unroll(make(), 5 * torch.randn(7, 3, 5), schedule="layers")


def test_a_neuron_with_explicit_states_cannot_be_unrolled_inside_a_net() -> None:
    for net in (nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9)), snn.Leaky(beta=0.9)):
        with pytest.raises(ValueError, match=r"(?s)Leaky.*init_hidden=True"):
            snn.unroll(net, torch.randn(7, 3, 5))


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"schedule": "layer"}, ValueError, r"schedule.*auto.*layers.*steps.*'layer'"),
        ({"chunk": 0}, ValueError, r"chunk.*0"),
        ({"chunk": -3}, ValueError, r"chunk.*-3"),
        ({"truncate": True}, ValueError, r"truncate.*chunk"),
        ({"chunk": 2.5}, (TypeError, ValueError), r"chunk.*2\.5"),
        ({"chunk": True}, ValueError, r"chunk.*True"),
    ],
    ids=str,
)
def test_meaningless_arguments_are_errors(kwargs: dict, error, match: str) -> None:
    with pytest.raises(error, match=match):
        snn.unroll(nn.Sequential(lif()), torch.randn(7, 3, 5), **kwargs)


def test_no_time_step_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"(?s)T.*\(0, 3, 5\)"):
        snn.unroll(nn.Sequential(lif()), torch.zeros(0, 3, 5))


def test_input_that_is_not_a_tensor_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="tensor"):
        snn.unroll(nn.Sequential(lif()), [torch.zeros(3, 5)])


@pytest.mark.parametrize("schedule", ["auto", "steps"])
@pytest.mark.parametrize(("behind", "kind"), [(nn.Linear(4, 2), "Linear"), (lif(), "Leaky")])
def test_a_tuple_passed_on_within_a_net_is_pointed_out(schedule: str, behind: nn.Module, kind: str) -> None:
    inner = nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True, output=True), behind)
    with pytest.raises(TypeError, match="tuple") as error:
        snn.unroll(nn.Sequential(nn.Linear(5, 4), inner), torch.rand(3, 2, 5), schedule=schedule)
    lines = [str(error.value), *getattr(error.value, "__notes__", [])]
    pointed_out = (
        f"'1.0' (Leaky) has output=True and returns a tuple to '1.1' ({kind}); output=True is for the last neuron"
    )
    assert lines.count(pointed_out) == 1


def test_a_tuple_passed_to_a_users_layer_is_pointed_out() -> None:
    class Head(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    net = nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True, output=True), Head(5, 2))
    with pytest.raises(TypeError, match="tuple") as error:
        snn.unroll(net, torch.rand(3, 2, 5), schedule="steps")
    (note,) = error.value.__notes__
    assert note == "'0' (Leaky) has output=True and returns a tuple to '1' (Head); output=True is for the last neuron"


def test_other_type_errors_stay_as_they_are() -> None:
    class Breaks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise TypeError("something else")

    net = nn.Sequential(Breaks(), snn.Leaky(beta=0.9, init_hidden=True, output=True))
    with pytest.raises(TypeError, match="something else") as error:
        snn.unroll(net, torch.rand(3, 2, 5), schedule="steps")
    assert not hasattr(error.value, "__notes__")


@pytest.mark.parametrize("schedule", ["auto", "steps"])
@pytest.mark.parametrize(("layer", "shape"), [(nn.Linear(5, 4), (5,)), (nn.Conv2d(1, 2, 3), (1, 5, 5))], ids=str)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float64, torch.float16], ids=str)
def test_input_of_another_dtype_than_the_weights_is_pointed_out(
    schedule: str, layer: nn.Module, shape: tuple, dtype: torch.dtype
) -> None:
    net, xs = nn.Sequential(layer, lif()), torch.ones(3, 2, *shape, dtype=dtype)
    with pytest.raises(RuntimeError, match="type") as error:
        snn.unroll(net, xs, schedule=schedule)
    (note,) = error.value.__notes__
    assert note == f"xs has dtype {dtype}, '0.weight' of the net torch.float32: pass xs.float()"
    snn.unroll(net, xs.float(), schedule=schedule)


def test_input_of_another_dtype_than_weights_in_double_precision_is_pointed_out() -> None:
    net = nn.Sequential(nn.Linear(5, 4), lif()).double()
    with pytest.raises(RuntimeError, match="type") as error:
        snn.unroll(net, torch.rand(3, 2, 5))
    (note,) = error.value.__notes__
    assert note == "xs has dtype torch.float32, '0.weight' of the net torch.float64: pass xs.to(torch.float64)"
    snn.unroll(net, torch.rand(3, 2, 5).to(torch.float64))


def test_input_of_the_dtype_of_some_weights_is_not_blamed() -> None:
    net = nn.Sequential(nn.Linear(5, 4), lif(), nn.Linear(4, 3).double())
    with pytest.raises(RuntimeError, match="type") as error:
        snn.unroll(net, torch.rand(3, 2, 5))
    assert not hasattr(error.value, "__notes__")


@pytest.mark.parametrize("schedule", ["auto", "steps"])
@pytest.mark.parametrize(("kind", "axes"), [(nn.Conv1d, 1), (nn.Conv2d, 2), (nn.Conv3d, 3)])
def test_images_without_an_axis_of_time_are_pointed_out(schedule: str, kind: Any, axes: int) -> None:
    net = nn.Sequential(nn.Sequential(kind(1, 2, 3), lif()), nn.Flatten(), nn.Linear(2 * 3**axes, 4), lif())
    images = torch.rand(7, 1, *[5] * axes)
    with pytest.raises(RuntimeError, match="shapes") as error:
        snn.unroll(net, images, schedule=schedule)
    (note,) = error.value.__notes__
    assert note == (
        f"a step of xs has shape {tuple(images.shape[1:])}, without an axis of the batch for '0.0' ({kind.__name__}); "
        "unroll takes xs[T, batch, ...]: to show one batch x in each step, pass x.expand(num_steps, *x.shape)"
    )
    assert snn.unroll(net, images.expand(3, *images.shape), schedule=schedule).shape == (3, 7, 4)


def test_images_with_a_second_axis_of_time_are_pointed_out() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), lif())
    with pytest.raises(RuntimeError, match="Expected 3D") as error:
        snn.unroll(net, torch.rand(1, 7, 3, 1, 5, 5))
    (note,) = error.value.__notes__
    assert note == (
        "a step of xs has shape (7, 3, 1, 5, 5), with more axes than a batch for '0' (Conv2d); a step is [batch, ...], "
        "without an axis of time"
    )


def test_an_error_in_a_net_that_gets_time_and_batch_has_no_note() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), lif(), nn.Flatten(), nn.Linear(17, 4))
    with pytest.raises(RuntimeError, match="shapes") as error:
        snn.unroll(net, torch.rand(3, 7, 1, 5, 5))
    assert not hasattr(error.value, "__notes__")


class Gain(Own):
    """A net whose code reads an attribute, the size of a step and the number of its axes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 5)
        self.gain, self.options = 2.0, {"shift": 0.25}

    def between(self, x: Tensor) -> Tensor:
        return x * self.gain * x.size(-1) / 2 + self.options["shift"] * x.dim()


class Behind(nn.Module):
    """Layers in an own forward."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x * x.size(1) / 4

    def __getitem__(self, index: int) -> nn.Module:
        return self.layers[index]

    def __setitem__(self, index: int, layer: nn.Module) -> None:
        self.layers[index] = layer


def planned_nets() -> list[nn.Module]:
    """Nets that run layer by layer, of an input of any size."""
    nets = [nn.Sequential(Gain(), lif()), lif(), *(kind(nn.Softmax(-1), lif()) for kind in (nn.Sequential, Behind))]
    for net in nets:
        for module in net.modules():
            if isinstance(module, Gain):
                module.linear = nn.Identity()
    return [net.double() for net in nets]


def changed(net: nn.Module, name: str, value: Any) -> None:
    for module in net.modules():
        if hasattr(module, name):
            setattr(module, name, value)


CHANGES: dict[str, Callable[[nn.Module], Any]] = {
    "nothing": lambda net: None,
    "an attribute": lambda net: changed(net, "gain", 0.1),
    "an entry of an attribute": lambda net: [m.options.update(shift=1.0) for m in net.modules() if hasattr(m, "gain")],
    "an option of a layer": lambda net: changed(net, "dim", 0),
    "an option of a neuron": lambda net: changed(net, "reset_mechanism", "zero"),
    "what a neuron returns": lambda net: changed(net, "output", True),
    "a neuron": lambda net: net.__setitem__(1, lif(reset_delay=False)) if hasattr(net, "__setitem__") else None,
    "a layer": lambda net: net.__setitem__(0, nn.Sigmoid()) if hasattr(net, "__setitem__") else None,
    "the mode": lambda net: net.eval(),
    "values": lambda net: [b.mul_(0.5) for b in net.buffers() if b.is_floating_point()],
}


@pytest.mark.parametrize("shape", [(7, 3, 5), (5, 4, 2), (7, 5), (7, 2, 4, 5)])
@pytest.mark.parametrize("change", CHANGES)
def test_a_schedule_that_was_returned_never_changes_what_a_net_gives(change: str, shape: tuple[int, ...]) -> None:
    for net in planned_nets():
        _, schedule = snn.unroll(net, torch.randn(7, 3, 5, dtype=torch.float64), explain=True)
        assert schedule.kind == "layers"
        CHANGES[change](net)
        xs, twin = 2 * torch.randn(shape, dtype=torch.float64), copy.deepcopy(net)
        try:
            expected = snn.unroll(twin, xs)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            with pytest.raises(type(error), match=re.escape(str(error))):
                snn.unroll(net, xs, schedule=schedule)
            continue
        close(snn.unroll(net, xs, schedule=schedule), expected)


def test_a_schedule_holds_until_what_it_depends_on_changes() -> None:
    for net in planned_nets():
        xs = torch.randn(7, 3, 5, dtype=torch.float64)
        _, schedule = snn.unroll(net, xs, explain=True)
        assert schedule.holds_for(net)
        assert schedule.holds_for(net, xs[:3, :1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch warns of copies of its own trees
            copies = copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))
        assert all(copied == schedule for copied in copies)
        close([snn.unroll(net, xs, schedule=copied) for copied in copies], 2 * [snn.unroll(net, xs)])
        changed(net, "gain", 0.1)
        changed(net, "init_hidden", False)
        assert not schedule.holds_for(net)


def test_a_schedule_from_a_call_without_gradients_does_not_take_them_away() -> None:
    class Partly(Own):
        def between(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                y = x * 0.5
            return x + y

    net, xs = Partly().double(), torch.randn(7, 3, 5, dtype=torch.float64)
    with torch.no_grad():
        _, schedule = snn.unroll(net, xs, explain=True)
    outs = snn.unroll(net, xs, schedule=schedule)
    expected = snn.unroll(net, xs, schedule="steps")
    close(gradients([outs], [*net.parameters()]), gradients([expected], [*net.parameters()]))
