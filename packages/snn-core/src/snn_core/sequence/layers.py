"""Nets that are chains of layers: which layers act on each sample alone, so that all steps may run at once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.kernels.layers import is_compiled
from snn_core.neuron.firing import Firing
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import Temporal
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.neurons.gradedspikes import GradedSpikes
from snn_core.neurons.stateleaky import StateLeaky
from snn_core.sequence.plan import Layer, Neuron, Place, Plan, Step, hooked, modes
from snn_core.sequence.schedule import Schedule, described, inputs_of_chain


class NotSampleWise(Exception):
    """Why a module or function may mix samples or time steps."""


def is_known(module: nn.Module) -> bool:
    """Return True for a layer of torch of which it is known what it does with samples."""
    return type(module) in _RULES


def axes_after(module: nn.Module, axes: int) -> int:
    """Return the number of axes of a module's output for one step's input with ``axes`` axes, the batch included.

    Raises:
        NotSampleWise: If the module may mix samples, draws random numbers, or keeps statistics.
    """
    rule = _RULES.get(type(module))
    if rule is None:
        raise NotSampleWise(f"{type(module).__name__} is not known to act on each sample alone")
    if type(module).forward is not _FORWARDS[type(module)]:
        raise NotSampleWise(f"the forward of {type(module).__name__} was replaced by another")
    if getattr(module, "inplace", False):
        raise NotSampleWise(f"{type(module).__name__}(inplace=True) overwrites its input")
    return rule(module, axes)


def _needs(*allowed: int) -> Callable[[Any, int], int]:
    """Return the rule of a module that takes so many axes, the batch included, and returns as many."""

    def rule(module: Any, axes: int) -> int:
        if axes not in allowed:
            wanted = " or ".join(map(str, allowed))
            raise NotSampleWise(f"{type(module).__name__} takes {wanted} axes with a batch, and gets {axes} a step")
        return axes

    return rule


def _at_least(least: int) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        if axes < least:
            raise NotSampleWise(f"{type(module).__name__} gets one step without a batch axis ({axes} axes)")
        return axes

    return rule


def _not_training(then: Callable[[Any, int], int]) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        tracks = getattr(module, "running_mean", True) is not None
        if module.training or not tracks:
            what = "draws anew" if hasattr(module, "p") else "normalises over the batch"
            raise NotSampleWise(f"{type(module).__name__} {what} in every step while training")
        return then(module, axes)

    return rule


def _softmax(module: Any, axes: int) -> int:
    if module.dim is None or not module.dim % axes >= 1:
        raise NotSampleWise(f"{type(module).__name__}(dim={module.dim}) is not told to leave the batch axis alone")
    return axes


def _flatten(module: Any, axes: int) -> int:
    start, end = module.start_dim % axes, module.end_dim % axes
    if start < 1:
        raise NotSampleWise(f"Flatten(start_dim={module.start_dim}) flattens the batch axis too")
    return axes - max(end - start, 0)


def _unflatten(module: Any, axes: int) -> int:
    if not isinstance(module.dim, int) or not module.dim % axes >= 1:
        raise NotSampleWise(f"Unflatten(dim={module.dim}) splits the batch axis")
    return axes + len(module.unflattened_size) - 1


def _layer_norm(module: Any, axes: int) -> int:
    if len(module.normalized_shape) >= axes:
        raise NotSampleWise(f"{type(module).__name__} normalises over the batch axis")
    return axes


def _instance_norm(wanted: int) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        if module.track_running_stats:
            raise NotSampleWise(f"{type(module).__name__} keeps running statistics")
        return _needs(wanted)(module, axes)

    return rule


def _max_pool(wanted: int) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        if module.return_indices:
            raise NotSampleWise(f"{type(module).__name__}(return_indices=True) returns more than one tensor")
        return _needs(wanted)(module, axes)

    return rule


_ACTIVATIONS = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Hardtanh, nn.Hardsigmoid,
    nn.Hardswish, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink,
)  # fmt: skip
_RULES: dict[type[nn.Module], Callable[[Any, int], int]] = {
    nn.Linear: _at_least(2),
    GradedSpikes: _at_least(2),
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _layer_norm,
    nn.GroupNorm: _at_least(2),
    nn.LocalResponseNorm: _at_least(3),
    nn.PReLU: _at_least(2),
    nn.PixelShuffle: _at_least(4),
    nn.PixelUnshuffle: _at_least(4),
    nn.Upsample: _at_least(3),
    nn.BatchNorm1d: _not_training(_needs(2, 3)),
    nn.BatchNorm2d: _not_training(_needs(4)),
    nn.BatchNorm3d: _not_training(_needs(5)),
    nn.InstanceNorm1d: _instance_norm(3),
    nn.InstanceNorm2d: _instance_norm(4),
    nn.InstanceNorm3d: _instance_norm(5),
    nn.Dropout: _not_training(_at_least(1)),
    nn.Dropout1d: _not_training(_at_least(3)),
    nn.Dropout2d: _not_training(_at_least(4)),
    nn.Dropout3d: _not_training(_at_least(5)),
    nn.AlphaDropout: _not_training(_at_least(1)),
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax, nn.Softmin), _softmax),
    **dict.fromkeys((nn.Conv1d, nn.ConvTranspose1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d), _needs(3)),
    **dict.fromkeys((nn.Conv2d, nn.ConvTranspose2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d), _needs(4)),
    **dict.fromkeys((nn.Conv3d, nn.ConvTranspose3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d), _needs(5)),
    **dict.fromkeys((nn.MaxPool1d, nn.AdaptiveMaxPool1d), _max_pool(3)),
    **dict.fromkeys((nn.MaxPool2d, nn.AdaptiveMaxPool2d), _max_pool(4)),
    **dict.fromkeys((nn.MaxPool3d, nn.AdaptiveMaxPool3d), _max_pool(5)),
    **dict.fromkeys((nn.ConstantPad1d, nn.ZeroPad1d, nn.ReflectionPad1d, nn.ReplicationPad1d), _needs(3)),
    **dict.fromkeys((nn.ConstantPad2d, nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d), _needs(4)),
    **dict.fromkeys(_ACTIVATIONS, _at_least(1)),
}

_FORWARDS = {kind: kind.forward for kind in _RULES}  # as they are when this is imported, before anybody replaces one


LAYERS = "every node acts on each sample alone or is a neuron"


def chain_of(net: nn.Module, path: str = "") -> list[tuple[str, nn.Module]] | None:
    """Return the layers of a (nested) ``nn.Sequential``, in order, by path; None for a net with code of its own."""
    if _is_leaf(net):
        return [(path, net)]
    if type(net) is not nn.Sequential or "forward" in vars(net):
        return None
    chain: list[tuple[str, nn.Module]] = []
    for name, child in net._modules.items():  # named_children() would skip a module used again
        part = None if child is None else chain_of(child, f"{path}.{name}" if path else name)
        if part is None:
            return None
        chain += part
    return chain


def _is_leaf(module: nn.Module) -> bool:
    if "forward" in vars(module):  # of this one alone, which may do anything
        return False
    if isinstance(module, SpikingNeuron):
        return _reads_as_written(module)
    if isinstance(module, Temporal | Firing | GradedSpikes):
        return True
    return is_known(module)


def _reads_as_written(neuron: SpikingNeuron) -> bool:
    """Return True if calling a neuron does what its class says, and nothing else."""
    kind: Any = type(neuron)
    return kind.__call__ is nn.Module.__call__ and kind.forward in (SpikingNeuron.forward, WholeSequence.forward)


def known_ahead(net: nn.Module, xs: Tensor, describe: bool = True) -> Schedule | None:
    """Decide how to run a net over ``xs[T, batch, ...]`` as far as its structure tells.

    Args:
        net: The net.
        xs: Its input over time.
        describe: List the layers and how each will run, which takes longer than to decide.

    Returns:
        The schedule, with the layer and the reason where the net must run step by step; None for a net with code of its
        own, whose first step tells.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> print(known_ahead(net, torch.zeros(5, 1, 3)))
        layer by layer: every node acts on each sample alone or is a neuron
          0  Linear: all steps at once...
          1  Leaky: ...
    """
    chain = chain_of(net)
    try:
        if xs.dim() < 2:
            raise NotSampleWise(f"the input has no axis but time, shape {tuple(xs.shape)}")
        must_have_no_hooks(net)
        if chain is None:
            compiled = next((path for path, m in net.named_modules() if is_compiled(m)), None)
            if compiled is not None:
                raise NotSampleWise(f"{compiled or 'the net'!r} is compiled, and runs as it was")
            return None
        plan = plan_of_chain(net, chain, xs.dim() - 1)
    except NotSampleWise as why:
        return Schedule("steps", str(why))
    layers = described(plan.steps, net, inputs_of_chain(chain, xs), len(xs)) if describe else ()
    return Schedule("layers", LAYERS, layers, plan.gains_from_blocks, modes=modes(net), plan=plan)


def plan_of_chain(net: nn.Module, chain: list[tuple[str, nn.Module]], axes: int) -> Plan:
    """Return the plan of a net that is a chain of layers.

    Args:
        net: The net.
        chain: Its layers by path, in order.
        axes: The number of axes of one step's input.

    Returns:
        The plan; the same one as long as the layers are.

    Raises:
        NotSampleWise: If a layer is not a neuron called once, nor acts on each sample alone.
    """
    seen: set[nn.Module] = set()
    value: Any = axes
    for path, module in chain:
        value = _after(path or "the net", module, value, seen)
    modules = tuple(map(id, [module for _, module in chain]))
    if torch.compiler.is_compiling():
        return _planned(net, chain)
    known = _CHAINS.get(net)
    if known is None or known[0] != modules:
        known = _CHAINS[net] = modules, _planned(net, chain)
    return known[1]


_CHAINS: weakref.WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], Plan]] = weakref.WeakKeyDictionary()


def _planned(net: nn.Module, chain: list[tuple[str, nn.Module]]) -> Plan:
    steps = []
    for index, (path, module) in enumerate(chain):
        compute = Neuron() if isinstance(module, Temporal) else Layer()
        steps.append(Step(compute, path, type(module).__name__, (Place(index),), {}, (index + 1,)))
    return Plan(steps, Place(len(chain)), gains_from_blocks(net))


def gains_from_blocks(net: nn.Module) -> bool:
    """Return True if a net is faster over some steps at a time than over all.

    A large matrix product gains from all steps at once. A convolution does not, and would write all its output to
    memory before the next layer reads it back. A net that takes whole sequences cannot be cut.
    """
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    modules = list(net.modules())
    return any(isinstance(m, convolutions) for m in modules) and not any(isinstance(m, WholeSequence) for m in modules)


def _after(path: str, module: nn.Module, count: Any, seen: set[nn.Module]) -> Any:
    """Return how many axes a module's output has for a tensor with ``count`` axes a step, or that there are several."""
    name = f"{path!r} ({type(module).__name__})"
    if not isinstance(count, int):
        raise NotSampleWise(f"{name} is called with something else than the one output of a layer")
    if not isinstance(module, Temporal):
        try:
            return axes_after(module, count)
        except NotSampleWise as why:
            raise NotSampleWise(f"{path!r}: {why}") from None
    if module in seen:
        raise NotSampleWise(f"{name} is called twice in one step")
    seen.add(module)
    if isinstance(module, WholeSequence):
        return ("outputs", count) if isinstance(module, StateLeaky) and module.output else count
    if isinstance(module, SpikingNeuron):
        if not module.init_hidden:
            raise NotSampleWise(f"{name} has init_hidden=False")
        return ("outputs", count) if module.output else count
    return count


def must_have_no_hooks(net: nn.Module) -> None:
    """Raise NotSampleWise if a net has a hook, or all modules have."""
    why = hooked(net)
    if why is not None:
        raise NotSampleWise(why)
