"""Plans: the calls that run a net over a whole sequence, in order, each over all steps at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from snn_core.kernels.convolutions import Layout
from snn_core.kernels.layers import is_compiled, linear, max_pool2d, takes
from snn_core.neuron.temporal import Temporal, current
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.concatenation import concatenated
from snn_core.sequence.folding import Folding, Repeated


class NotSampleWise(Exception):
    """Error raised for a layer or function that may mix samples or time steps; its message is the reason."""


@dataclass(frozen=True)
class Place:
    """A value that a step of the plan computes, given by its number; 0 is the input."""

    number: int


@dataclass(frozen=True)
class Named:
    """A parameter or buffer of the net, given by its path."""

    path: str


class Held:
    """A tensor that is neither computed nor owned by the net."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)


Value = Any
"""An argument: a :class:`Place`, :class:`Named` or :class:`Held`, a constant, or tuples, lists and dicts of these."""


@dataclass(frozen=True)
class Step:
    """One call.

    Args:
        compute: The object that is called.
        path: The path of its module in the net; for a function, the path of the module that called it.
        kind: The name of the module's class, or of the function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        places: The numbers of the values that it returns.
        several: True if it returns a tuple.
        of_step: True if it is computed again in every step; if not, it is called once.
        grad: True or False where a ``forward`` switches the recording of gradients on or off; None to leave the mode
            as it is where the plan runs.
        uses: The numbers of the values that it computes with.
        drops: The numbers of values that are not needed after it.
    """

    compute: Any
    path: str
    kind: str
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    places: tuple[int, ...]
    several: bool = False
    of_step: bool = True
    grad: bool | None = None
    uses: frozenset[int] = frozenset()
    drops: tuple[int, ...] = ()


# size of a convolution's input or output; from 32 MB on, glibc asks the system for the memory of every single tensor
_BLOCK_BYTES = 24 * 2**20


class Plan:
    """The calls of a net over many steps.

    Args:
        steps: The calls, in order.
        outputs: The net's outputs, as a tree of :class:`Place`.
        net: The net.

    ``products`` says how linear layers and convolutions were computed in the last run, by path, and ``once`` contains
    the paths of the layers that were computed in one step only.
    """

    def __init__(self, steps: Sequence[Step], outputs: Any, net: nn.Module) -> None:
        places, self._spec = tree_flatten(outputs)
        self._outputs = [place.number for place in places]
        self.steps: tuple[Step, ...] = _with_uses(steps, self._outputs)
        self.products: dict[str, str] = {}
        self.once: set[str] = set()
        self._fixed: frozenset[int] = frozenset(n for step in steps if not step.of_step for n in step.places)
        values = (v for s in self.steps for v in flat((s.args, s.kwargs)))
        self.held: dict[int, Tensor] = {id(v.tensor): v.tensor for v in values if isinstance(v, Held)}
        self.holds_results: bool = any(tensor.grad_fn is not None for tensor in self.held.values())
        # A large matrix product gains from all steps at once. A convolution does not, and would write all its output to
        # memory before the next layer reads it back. A net that takes whole sequences cannot be cut.
        whole = any(isinstance(module, WholeSequence) for module in net.modules())
        self.gains_from_blocks: bool = not whole and any(isinstance(m, _CONVOLUTIONS) for m in net.modules())

    def fits(self, net: nn.Module) -> bool:
        """Return True if a net has all modules and tensors that the plan names."""
        modules = dict(net.named_modules(remove_duplicate=False))
        if any(type(modules.get(s.path)).__name__ != s.kind for s in self.steps if isinstance(s.compute, Whole)):
            return False
        names = {v.path for s in self.steps for v in flat((s.args, s.kwargs)) if isinstance(v, Named)}
        tensors = {path for path, _ in net.named_parameters(remove_duplicate=False)}
        return names <= tensors | {path for path, _ in net.named_buffers(remove_duplicate=False)}

    def run(self, net: nn.Module, xs: Tensor, folding: Folding) -> Any:
        """Run all steps in one call of each layer, or in blocks of steps if that is faster; a ``Run``."""
        modules = dict(net.named_modules(remove_duplicate=False))
        run = Pass(net, modules, folding, None, self.products)
        if not self.gains_from_blocks or torch.compiler.is_compiling() or any(map(is_compiled, modules.values())):
            return self._run(run, xs, self._unchanging(run, xs))
        layout, unchanging = Layout(), self._unchanging(run._replace(layout=Layout()), xs)

        def parts() -> Iterator[Tensor]:
            yield xs[:1]
            rest = xs[1:]
            if len(rest):
                count = math.ceil(len(rest) * layout.largest / _BLOCK_BYTES)
                yield from rest.tensor_split(min(max(count, 1), len(rest)))

        def outs() -> Iterator[Any]:
            for part, here in folding.parts(parts()):
                yield self._run(run._replace(folding=here, layout=layout), part, unchanging)

        out = concatenated(outs(), len(xs))
        for module in modules.values():
            if isinstance(module, Temporal):
                module.lay_out_kept()
        return tree_map(Tensor.contiguous, out)

    def _unchanging(self, run: Pass, xs: Tensor) -> dict[int, Any]:
        """Return, by number, the values of one step that are the same in every step, as the input is one step expanded.

        There are none if the input may differ from step to step, or if something watches the output of each layer or
        asks for the gradients of each step's input.
        """
        self.once = set()
        if torch.compiler.is_compiling() or current() is not None or run.folding.order is not None:
            return {}
        if xs.dim() < 2 or len(xs) < 2 or xs.stride(0) != 0 or (xs.requires_grad and torch.is_grad_enabled()):
            return {}
        step_run = run._replace(folding=run.folding.part(0, 1))
        values: dict[int, Any] = {0: xs[0]}
        needed = {*self._outputs}
        for step in self.steps:
            if not isinstance(step.compute, Neuron) and step.uses <= values.keys():
                self._call(step, step_run, values)
                if type(run.modules[step.path]).__name__ == step.kind:
                    self.once.add(step.path)
            else:
                needed |= step.uses
        return {number: value if number in needed else None for number, value in values.items()}

    def _run(self, run: Pass, xs: Tensor, unchanging: Mapping[int, Any]) -> Any:
        folding = run.folding
        values: dict[int, Any]
        if unchanging:
            values, count = _Rows(unchanging, self._fixed, folding.steps), xs.shape[0] * xs.shape[1]
        else:
            values = {0: folding.fold(xs)}
            count = values[0].shape[0]  # len() would be a constant in an exported program with a free batch
        watch = current()
        for step in self.steps:
            if unchanging and step.places[0] in unchanging:
                continue
            if unchanging and step.uses <= unchanging.keys():  # a neuron whose input is the same in every step
                self._call(step, run._replace(folding=Repeated(folding.steps)), values, unchanging)
            else:
                args, out = self._call(step, run, values)
                if watch is not None:
                    watch.ran(run.modules[step.path], step, args, out, folding)
                del args, out
            for number in step.drops:
                values.pop(number, None)

        return tree_unflatten([folding.outputs(values[number], count) for number in self._outputs], self._spec)

    def _call(
        self, step: Step, run: Pass, values: dict[int, Any], inputs: Mapping[int, Any] | None = None
    ) -> tuple[list[Any], Any]:
        """Compute a step, add its results to the values, and return its arguments and results."""
        inputs = values if inputs is None else inputs
        args = [value_of(inputs, run.net, a) for a in step.args]
        kwargs = {name: value_of(inputs, run.net, a) for name, a in step.kwargs.items()}
        if step.grad is None:
            out = step.compute(run, step.path, *args, **kwargs)
        else:
            with torch.set_grad_enabled(step.grad and torch.is_grad_enabled()):
                out = step.compute(run, step.path, *args, **kwargs)
        values.update(zip(step.places, tree_leaves(out) if step.several else (out,), strict=True))
        return args, out


class _Rows(dict[int, Any]):
    """The values of all steps by number, as rows; values that are the same in every step are expanded on demand.

    Args:
        unchanging: The values of one step by number, where they are the same in every step.
        fixed: The numbers of values that are not rows.
        steps: Number of steps.
    """

    def __init__(self, unchanging: Mapping[int, Any], fixed: frozenset[int], steps: int) -> None:
        super().__init__()
        self._unchanging = unchanging
        self._fixed = fixed
        self._steps = steps

    def __missing__(self, number: int) -> Any:
        value = self._unchanging[number]
        if isinstance(value, Tensor) and number not in self._fixed:
            value = Repeated(self._steps).unfold(value).flatten(0, 1)
        self[number] = value
        return value


def value_of(values: Mapping[int, Any], net: nn.Module, value: Value) -> Any:
    """Return the value of an argument of a step, given the values so far by number."""
    if isinstance(value, Place):
        return values[value.number]
    if isinstance(value, Named):
        owner, _, name = value.path.rpartition(".")
        return getattr(net.get_submodule(owner), name)
    if isinstance(value, Held):
        return value.tensor
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(value_of(values, net, v) for v in value)
    return value


def flat(values: Any) -> list[Any]:
    """Return the values in tuples, lists and dicts, at any depth."""
    if isinstance(values, dict):
        values = tuple(values.values())
    return [leaf for value in values for leaf in flat(value)] if isinstance(values, tuple | list) else [values]


def _with_uses(steps: Sequence[Step], outputs: Sequence[int]) -> tuple[Step, ...]:
    """Return the same steps, each with the values that it uses and the values that nothing after it needs."""
    needed = {*outputs}
    last_first: list[Step] = []
    for step in reversed(steps):
        uses = frozenset(v.number for v in flat((step.args, step.kwargs)) if isinstance(v, Place))
        drops = tuple(sorted((uses | {*step.places}) - needed))
        needed |= uses
        last_first.append(replace(step, uses=uses, drops=drops))
    return tuple(reversed(last_first))


class Pass(NamedTuple):
    """A run of a plan over some steps.

    Args:
        net: The net.
        modules: Its modules, by path.
        folding: The order of the rows that a layer sees.
        layout: The layout of the input of convolutions; None to leave the input as it is.
        products: Descriptions of how linear layers and convolutions were computed, by path; filled during the run.
    """

    net: nn.Module
    modules: dict[str, nn.Module]
    folding: Folding
    layout: Layout | None
    products: dict[str, str]


@dataclass(frozen=True)
class Function:
    """A function that is called as it is in one step."""

    func: Callable[..., Any]

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)


class Product(Function):
    """The function ``linear``, computed by a registered implementation."""

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        out, run.products[path] = linear(*args, **kwargs)
        return out


@dataclass(frozen=True)
class Whole:
    """A module that is called as a whole."""


class Layer(Whole):
    """A torch layer."""

    def __call__(self, run: Pass, path: str, x: Tensor) -> Any:
        module: Any = run.modules[path]
        if takes(module):
            out, run.products[path] = linear(x, module.weight, module.bias)
            return out
        if run.layout is not None and isinstance(module, _CONVOLUTIONS):
            out, how = run.layout.called(module, x)
            run.products.update({path: how} if how else {})
            return out
        if run.layout is not None and type(module) is nn.MaxPool2d:
            windows = module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode
            return max_pool2d(F.max_pool2d, x, *windows)
        return module(x)


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class Neuron(Whole):
    """A neuron, or another module with a state, over its whole sequence."""

    def __call__(self, run: Pass, path: str, x: Tensor) -> Any:
        module: Any = run.modules[path]
        return module.run_rows(x, run.folding)


def in_order(net: nn.Module, modules: Sequence[tuple[str, nn.Module]]) -> Plan:
    """Return the plan of a net that calls modules in order, each with the output of the one before.

    The modules are given by path.
    """
    steps = []
    for number, (path, module) in enumerate(modules):
        compute = Neuron() if isinstance(module, Temporal) else Layer()
        steps.append(Step(compute, path, type(module).__name__, (Place(number),), {}, (number + 1,)))
    return Plan(steps, Place(len(steps)), net)


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def hooked(net: nn.Module) -> str | None:
    """Name a module with a hook, which would see all steps at once; None if there is no hook."""
    watch = current()
    hooks = () if watch is None else watch.hooks
    for path, module in net.named_modules():
        kinds = [getattr(module, kind) for kind in HOOKS]
        if any(kinds) and any(hook not in hooks for kind in kinds for hook in kind.values()):
            where = repr(path) if path else "the net"
            return f"{where} ({type(module).__name__}) has a hook, which expects one step at a time"
    if any(getattr(nn.modules.module, f"_global{kind}") for kind in HOOKS):
        return "a hook on all modules expects one step at a time"
    return None


def modes(net: nn.Module) -> tuple[bool, ...]:
    """Return the training mode of each module of a net, in order."""
    return tuple(module.training for module in net.modules())


def memory_of(tensor: Any) -> int:
    """Return the address of the memory to which a tensor belongs; 0 if it has no memory that can be compared."""
    if type(tensor) not in (Tensor, nn.Parameter, nn.Buffer) or tensor.layout != torch.strided:
        return 0
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return 0
    return tensor.untyped_storage().data_ptr()
