"""Nets of sample-wise code with one impurity, what a run of them leaves, and the loops that say what it should be."""

from __future__ import annotations

import array
import collections
import contextvars
import io
import itertools
import queue
import random
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import snn_core as snn

WORLD: dict[str, Any] = {"calls": 0, "seen": []}
COUNTS = itertools.count()
VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("calls", default=0)


class Holder:
    """An object of a user's."""

    def __init__(self) -> None:
        self.calls = 0


class Total:
    """A class whose attribute counts."""

    calls = 0


class Tally(list):
    """An object of a user's module whose name begins as ours do."""

    __module__ = "snn_helpers"


HELPERS: Any = types.ModuleType("helpers")
exec("CALLS = 0\ndef count():\n    global CALLS\n    CALLS += 1\n    return CALLS", vars(HELPERS))


class Counting(nn.Module):
    """A module that counts."""

    calls = 0


LOCAL = threading.local()


class Net(nn.Module):
    """Two neurons, and between them what is asked for."""

    def __init__(self, parts: tuple[str, ...], impurity: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 4), nn.Linear(4, 4)
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.3)
        self.a = snn.Leaky(beta=0.8, threshold=0.3, init_hidden=True)
        self.b = snn.Synaptic(alpha=0.6, beta=0.7, threshold=0.4, init_hidden=True, output=True)
        self.feedback = nn.Linear(4, 4)
        self.register_buffer("number", torch.zeros(()))
        self.calls = 0
        self.nested = {"counts": [0, {"calls": 0}], "seen": []}
        self.space = types.SimpleNamespace(calls=0, inner=Holder())
        self.queue = collections.deque([0], maxlen=3)
        self.numbers = itertools.count()
        self.rng = random.Random(3)
        self.generator = torch.Generator().manual_seed(3)
        self.parts, self.impurity = [PARTS[part] for part in parts], IMPURITIES.get(impurity, _pure)
        self.to(dtype)
        SET_UP.get(impurity, lambda net: None)(self)

    @staticmethod
    def called() -> int:
        WORLD["calls"] += 1
        return WORLD["calls"]

    def between(self, h: Tensor) -> Tensor:
        for part in self.parts:
            h = part(self, h)
        return h

    def forward(self, x: Tensor) -> Any:
        h = self.impurity(self, self.between(self.first(x)))
        spk, syn, mem = self.b(self.second(self.a(h)))
        return spk, mem


PARTS: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "relu": lambda net, h: torch.relu(h) + 0.1,
    "in place on what is new": lambda net, h: (h * 1.0).add_(0.25),
    "residual": lambda net, h: h + net.second(h),
    "cat and cut": lambda net, h: torch.cat([h, -h], dim=1)[:, 2:6],
    "view": lambda net, h: h.view(h.size(0), 2, 2).flatten(1),
    "norm": lambda net, h: net.norm(h),
    "dropout": lambda net, h: net.drop(h),
    "softmax": lambda net, h: 2 * functional.softmax(h, dim=-1),
    "mean of features": lambda net, h: h - h.mean(1, keepdim=True),
    "a constant": lambda net, h: h + torch.arange(4.0, dtype=h.dtype) / 8,
    "no gradient": lambda net, h: h + _constant(h),
    "where": lambda net, h: torch.where(h > 0, h, 0.5 * h),
}


def _constant(h: Tensor) -> Tensor:
    with torch.no_grad():
        return 0.5 * h.sigmoid()


def _count(get: Callable[[Net], Any], name: str | int) -> Callable[[Net, Tensor], Tensor]:
    def impurity(net: Net, h: Tensor) -> Tensor:
        owner = get(net)
        if isinstance(owner, dict | list | collections.deque | array.array | bytearray):
            owner[name] += 1
            return _later(h, owner[name])
        setattr(owner, name, getattr(owner, name) + 1)
        return _later(h, getattr(owner, name))

    return impurity


def _later(h: Tensor, calls: int) -> Tensor:
    """Change ``h`` in some steps, but not in the first ones, which are recorded."""
    return h if calls % 7 < 4 else -h


def _pure(net: Net, h: Tensor) -> Tensor:
    return h


def _default(net: Net, h: Tensor, calls: list[int] = [0]) -> Tensor:  # noqa: B006
    calls[0] += 1
    return _later(h, calls[0])


def _feeds_back(net: Net, h: Tensor) -> Tensor:
    return h + net.feedback(net.a.mem) if net.a.mem.numel() else h


def _clamps(net: Net, h: Tensor) -> Tensor:
    if net.a.mem.numel():
        net.a.mem = net.a.mem.clamp(max=0.2)
    return h


def _detaches(net: Net, h: Tensor) -> Tensor:
    snn.utils.detach(net)
    return h


def _resets(net: Net, h: Tensor) -> Tensor:
    snn.utils.reset(net.b)
    return h


def _appends(net: Net, h: Tensor) -> Tensor:
    net.nested["seen"].append(h.detach())
    return h


def _appends_outside(net: Net, h: Tensor) -> Tensor:
    WORLD["seen"].append(h.detach())
    return h


def _keeps(net: Net, h: Tensor) -> Tensor:
    before, net.space.before = getattr(net.space, "before", None), h.detach()
    return h if before is None or len(before) < len(h) else h + 0.5 * before[: len(h)]


def _draws(net: Net, h: Tensor) -> Tensor:
    return h * torch.rand(h.shape, generator=net.generator, dtype=h.dtype)


def _writes_data(net: Net, h: Tensor) -> Tensor:
    net.number.data.add_(1)
    return h + 0.1 * net.number


def _writes_a_parameter(net: Net, h: Tensor) -> Tensor:
    with torch.no_grad():
        net.second.bias.add_(0.01)
    return h


def _sets_an_item(net: Net, h: Tensor) -> Tensor:
    h = h * 1.0
    h[0] = 0.5
    return h


def _hooks_a_gradient(net: Net, h: Tensor) -> Tensor:
    if h.requires_grad:
        h.register_hook(lambda gradient: gradient.clamp(-0.01, 0.01))
    return h


def _writes_text(net: Net, h: Tensor) -> Tensor:
    net.own.write("a")
    return _later(h, net.own.tell())


def _queues(net: Net, h: Tensor) -> Tensor:
    net.own.put(1)
    return _later(h, net.own.qsize())


def _counts_itself(net: Net, h: Tensor) -> Tensor:
    net.calls += 1
    return h * (1 + 0.1 * net.calls)


def _changes_the_kind(net: Net, h: Tensor) -> Tensor:
    value = net.nested["numbers"][0]
    net.nested["numbers"][0] = 1.0 if type(value) is int else True  # all of which are equal
    return -h if value is True else h


def _counts_for_two(net: Net, h: Tensor) -> Tensor:
    net.first.tally[0] += 1
    return h * (1 + 0.1 * net.second.tally[0])


def _counts_on_a_neuron(net: Net, h: Tensor) -> Tensor:
    net.b.tally[0] += 1
    return h * (1 + 0.1 * net.b.tally[0])


def _shares(owners: Callable[[Net], list[Any]]) -> Callable[[Net], None]:
    def set_up(net: Net) -> None:
        tally = [0]
        for owner in owners(net):
            owner.tally = tally

    return set_up


def _takes_the_next(net: Net, h: Tensor) -> Tensor:
    return _later(h, next(net.own))


def _sets_a_variable(net: Net, h: Tensor) -> Tensor:
    VARIABLE.set(VARIABLE.get() + 1)
    return _later(h, VARIABLE.get())


def _counts_on_itself(net: Net, h: Tensor) -> Tensor:
    _counts_on_itself.calls = getattr(_counts_on_itself, "calls", 0) + 1
    return _later(h, _counts_on_itself.calls)


def _counts_on_a_parameter(net: Net, h: Tensor) -> Tensor:
    weight: Any = net.second.weight
    weight.calls = getattr(weight, "calls", 0) + 1
    return _later(h, weight.calls)


def _counts_in_a_class(net: Net, h: Tensor) -> Tensor:
    Total.calls += 1
    return _later(h, Total.calls)


def _counts_in_this_thread(net: Net, h: Tensor) -> Tensor:
    LOCAL.calls = getattr(LOCAL, "calls", 0) + 1
    return _later(h, LOCAL.calls)


# what is done in forward
IMPURITIES: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "none": lambda net, h: h,
    "an attribute": _count(lambda net: net, "calls"),
    "an attribute that is read": _counts_itself,
    "a nested list": _count(lambda net: net.nested["counts"], 0),
    "a nested dict": _count(lambda net: net.nested["counts"][1], "calls"),
    "a namespace": _count(lambda net: net.space, "calls"),
    "an object": _count(lambda net: net.space.inner, "calls"),
    "a deque": _count(lambda net: net.queue, 0),
    "a Counter": _count(lambda net: net.own, "calls"),
    "an array": _count(lambda net: net.own, 0),
    "an object of a module named like ours": _count(lambda net: net.own, 0),
    "a function of a global module": lambda net, h: _later(h, HELPERS.count()),
    "bytes": _count(lambda net: net.own, 0),
    "text in memory": _writes_text,
    "a queue": _queues,
    "a variable of the context": _sets_a_variable,
    "an iterator": _takes_the_next,
    "a cycle": _takes_the_next,
    "a generator function": _takes_the_next,
    "an attribute of a function": _counts_on_itself,
    "an attribute of a class": _counts_in_a_class,
    "a value of the thread": _counts_in_this_thread,
    "an attribute of a parameter": _counts_on_a_parameter,
    "an iterator without an end": _takes_the_next,
    "a module in a list": _count(lambda net: net.nested["modules"][0], "calls"),
    "a number of another kind": _changes_the_kind,
    "a list of two modules": _counts_for_two,
    "a list of a neuron": _counts_on_a_neuron,
    "a static method": lambda net, h: _later(h, net.called()),
    "a count": lambda net, h: _later(h, next(net.numbers)),
    "a global": _count(lambda net: WORLD, "calls"),
    "a global count": lambda net, h: _later(h, next(COUNTS)),
    "a default": _default,
    "a buffer": lambda net, h: h + 0.1 * net.number.add_(1),
    "data of a buffer": _writes_data,
    "Python's generator": lambda net, h: h * random.random(),
    "torch's generator": lambda net, h: h * torch.rand((), dtype=h.dtype),
    "random numbers alike": lambda net, h: h + torch.rand_like(h),
    "a generator of Python": lambda net, h: h * net.rng.random(),
    "a generator of torch": _draws,
    "a state that is read": _feeds_back,
    "a state that is written": _clamps,
    "states detached": _detaches,
    "a value read": lambda net, h: h if h[0, 0] > 0 else -h,  # not a sum, which may be 0 but for rounding
    "a number read": lambda net, h: h / (1 + abs(h.mean().item())),
    "a test of the type": lambda net, h: h - h.mean(0) if isinstance(h, Tensor) else h,
    "samples mixed": lambda net, h: h - h.mean(0),
    "the batch size": lambda net, h: h * h.shape[0] / 3,
    "in place on what is older": lambda net, h: h + net.first.bias.detach().add_(0.01),
    "the batch in place": lambda net, h: h.mul_(2).sub_(h.mean(0)),
    "a parameter": _writes_a_parameter,
    "an item of the batch": _sets_an_item,
    "a hook on a gradient": _hooks_a_gradient,
    "detached in the middle": lambda net, h: 0.5 * h + h.detach(),
    "a neuron at rest in the middle": _resets,
    "a list": _appends,
    "a global list": _appends_outside,
    "the step before": _keeps,
}


def _has(make: Callable[[], Any]) -> Callable[[Net], None]:
    return lambda net: setattr(net, "own", make())


def _counts_before(layer: Any, args: Any) -> Any:
    layer.calls = getattr(layer, "calls", 0) + 1
    return (_later(args[0], layer.calls),)


def _counts_after(layer: Any, args: Any, out: Any) -> Any:
    layer.calls = getattr(layer, "calls", 0) + 1
    return _later(out, layer.calls)


def _clips(layer: Any, result: Any, gradients: Any) -> Any:
    return tuple(gradient if gradient is None else gradient.clamp(-0.01, 0.01) for gradient in result)


def _replaces(get: Callable[[Net], Any]) -> Callable[[Net], None]:
    def set_up(net: Net) -> None:
        module = get(net)

        def forward(x: Tensor) -> Any:
            module.calls = getattr(module, "calls", 0) + 1
            return type(module).forward(module, _later(x, module.calls))

        module.forward = forward

    return set_up


SET_UP: dict[str, Callable[[Net], Any]] = {
    "a Counter": _has(lambda: collections.Counter(calls=0)),
    "an array": _has(lambda: array.array("l", [0])),
    "an object of a module named like ours": _has(lambda: Tally([0])),
    "bytes": _has(lambda: bytearray([0])),
    "text in memory": _has(io.StringIO),
    "a queue": _has(queue.SimpleQueue),
    "an iterator": _has(lambda: iter(range(99))),
    "a cycle": _has(lambda: itertools.cycle(range(7))),
    "an iterator without an end": _has(lambda: itertools.repeat(1)),
    "a module in a list": lambda net: net.nested.update(modules=[Counting()]),
    "a number of another kind": lambda net: net.nested.update(numbers=[1]),
    "a list of two modules": _shares(lambda net: [net.first, net.second]),
    "a list of a neuron": _shares(lambda net: [net.b]),
    "a generator function": _has(lambda: (i for i in range(99))),
    "a hook before a layer": lambda net: net.second.register_forward_pre_hook(_counts_before),
    "a hook after a neuron": lambda net: net.a.register_forward_hook(_counts_after),
    "a hook before the net": lambda net: net.register_forward_pre_hook(_counts_before),
    "a hook in the backward pass": lambda net: net.second.register_full_backward_hook(_clips),
    "a hook on a parameter": lambda net: net.second.weight.register_hook(lambda g: g.clamp(-0.05, 0.05)),
    "a layer's forward replaced": _replaces(lambda net: net.second),
    "a neuron's forward replaced": _replaces(lambda net: net.a),
    "the forward replaced": _replaces(lambda net: net),
}
KINDS = {**IMPURITIES, **SET_UP}


def world_at_start() -> None:
    global COUNTS
    WORLD.update(calls=0, seen=[])
    COUNTS = itertools.count()
    VARIABLE.set(0)
    Total.calls = LOCAL.calls = HELPERS.CALLS = 0
    _counts_on_itself.calls = 0
    _default.__defaults__[0][0] = 0  # type: ignore[index]
    random.seed(5)
    torch.manual_seed(5)


def left(net: Net) -> dict[str, Any]:
    """Return what a run leaves: states, buffers, gradients, counters and generators."""
    return {
        "states": [s.detach() for m in net.modules() if isinstance(m, snn.SpikingNeuron) for s in m._kept or ()],
        "buffers": [b.clone() for b in net.buffers()],
        "parameters": [p.detach().clone() for p in net.parameters()],
        "gradients": [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()],
        "counters": [net.nested["counts"], net.space.calls, net.space.inner.calls, list(net.queue)],
        "tallies": [getattr(module, "tally", None) for module in net.modules()],
        "unregistered": [module.calls for module in net.nested.get("modules", ())],
        "calls": [getattr(module, "calls", 0) for module in net.modules()],
        "modes": [module.training for module in net.modules()],
        "more": [repr(net.numbers), WORLD["calls"], repr(COUNTS), _default.__defaults__[0][0]],  # type: ignore[index]
        "own": [_content(getattr(net, "own", None)), VARIABLE.get(), Total.calls, LOCAL.calls, HELPERS.CALLS],
        "held": [_counts_on_itself.calls, getattr(net.second.weight, "calls", 0)],
        "seen": [*net.nested["seen"], *WORLD["seen"]],
        "draws": [random.random(), torch.rand(()).item(), net.rng.random()],
        "drawn": [torch.rand((), generator=net.generator).item()],
    }


def _content(own: Any) -> Any:
    if isinstance(own, io.StringIO):
        return own.tell()
    if isinstance(own, queue.SimpleQueue):
        return own.qsize()
    if isinstance(own, dict):
        return dict(own)
    return next(own) if hasattr(own, "__next__") else own and list(own)


def outcome(net: Net, xs: Tensor, run: Callable[[nn.Module, Tensor], Any], learns: bool = True) -> Any:
    """The outputs, what is left and the input with its gradient; or the type of the error."""
    world_at_start()
    xs = xs.clone().requires_grad_(learns)
    try:
        out = run(net, xs)
    except (ValueError, RuntimeError, IndexError) as error:
        return type(error)
    sum((o * torch.linspace(-1, 1, o.numel(), dtype=o.dtype).view(o.shape)).sum() for o in out).backward()
    return out, left(net) | {"input": [xs.detach(), xs.grad if learns else xs.detach()]}


def loop(net: nn.Module, xs: Tensor) -> Any:
    snn.utils.reset(net)
    return tuple(map(torch.stack, zip(*(net(x) for x in xs), strict=True)))


def ragged_loop(net: nn.Module, xs: Tensor, lengths: Sequence[int], resume: bool = False) -> Any:
    """The loop in which a step is called with the samples that still run, longest first."""
    if not resume:
        snn.utils.reset(net)
    neurons: list[Any] = [module for module in net.modules() if isinstance(module, snn.SpikingNeuron)]
    batch = xs.shape[1]
    rows = {(n, name): list(getattr(n, name)) for n in neurons for name in n.State._fields}  # of all samples
    order = sorted(range(batch), key=lambda sample: -lengths[sample])
    outs = []
    for step in range(max(*lengths, 1)):
        running = [sample for sample in order if lengths[sample] > step]
        for (neuron, name), states in rows.items():
            if states:
                setattr(neuron, name, torch.stack(states)[running])
        out = net(xs[step][running])
        outs.append([o.new_zeros(batch, *o.shape[1:]).index_copy(0, torch.tensor(running).long(), o) for o in out])
        for (neuron, name), states in rows.items():
            now = getattr(neuron, name)
            states[:] = states or torch.zeros(batch, *now.shape[1:], dtype=now.dtype)
            for sample, state in zip(running, now, strict=True):
                states[sample] = state
    for (neuron, name), states in rows.items():
        setattr(neuron, name, torch.stack(states))
    outs += [list(map(torch.zeros_like, outs[0]))] * (len(xs) - len(outs))
    return tuple(map(torch.stack, zip(*outs, strict=True)))


def same(result: Any, reference: Any) -> None:
    if isinstance(reference, type):
        assert result is reference
        return
    (outputs, leavings), (expected, remains) = result, reference
    torch.testing.assert_close(outputs, expected, rtol=1e-9, atol=1e-10, equal_nan=True)
    for name, value in remains.items():
        if value and isinstance(value[0], Tensor):
            assert len(leavings[name]) == len(value), name
            torch.testing.assert_close(leavings[name], value, rtol=1e-8, atol=1e-10, equal_nan=True)
        else:
            assert leavings[name] == value, name


def build_net(parts: tuple[str, ...], impurity: str, training: bool) -> Net:
    torch.manual_seed(7)
    return Net(parts, impurity, torch.float64).train(training)


def check(
    parts: tuple[str, ...],
    impurity: str,
    training: bool,
    steps: int,
    batch: int,
    run: Callable[..., Any],
    reference: Callable[..., Any] = loop,
) -> None:
    """Run two nets alike, one by the loop, twice: the second time a plan may be believed; and then both by the loop."""
    net, twin = build_net(parts, impurity, training), build_net(parts, impurity, training)
    xs = torch.randn(steps, batch, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(steps))
    for by, of in ((run, reference), (run, reference), (loop, loop)):
        result = outcome(net, xs, by)
        same(result, outcome(twin, xs, of))
        net.zero_grad()
        twin.zero_grad()
