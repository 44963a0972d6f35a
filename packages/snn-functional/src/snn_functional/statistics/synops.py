"""The number of synaptic operations of a net, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import ParametrizationList

from snn_core import SpikingNeuron, unroll
from snn_core.graph import input_of
from snn_core.neuron import OneToOne
from snn_core.results import Line, Result
from snn_functional._messages import fault, must
from snn_functional._numbers import whole
from snn_functional._padding import padded
from snn_functional.probe import BaseMonitor


@dataclass(frozen=True, repr=False)
class SynapticOperations(Result):
    """A number of synaptic operations.

    Attributes:
        acs: Additions, for spikes.
        macs: Multiply-accumulates, for any other input.
        dense: Multiply-accumulates that the same calls take if no zero is skipped.

    Raises:
        TypeError: If a number is not an int.
        ValueError: If a number is negative.
    """

    acs: int = 0
    macs: int = 0
    dense: int = 0

    def __post_init__(self) -> None:
        for name in ("acs", "macs", "dense"):
            whole(name, getattr(self, name), "a number of operations, an int", least=0)

    def __add__(self, other: SynapticOperations) -> SynapticOperations:
        return SynapticOperations(self.acs + other.acs, self.macs + other.macs, self.dense + other.dense)


@dataclass(frozen=True, repr=False)
class SynopsCount(Result):
    """The synaptic operations of each layer, and the modules that were not counted.

    Attributes:
        layers: Operations by layer name, over all steps and samples.
        uncounted: Names of the modules with parameters whose operations are not in it, such as normalizations and LSTM
            cells.

    Raises:
        TypeError: If ``layers`` does not map names to operations, or ``uncounted`` is not a tuple of names.
    """

    layers: dict[str, SynapticOperations]
    uncounted: tuple[str, ...]

    def __post_init__(self) -> None:
        named = isinstance(self.layers, dict) and all(isinstance(name, str) for name in self.layers)
        if not named or not all(isinstance(layer, SynapticOperations) for layer in self.layers.values()):
            raise TypeError(must("layers", "be a dict of SynapticOperations by layer name", repr(self.layers)))
        if not isinstance(self.uncounted, tuple) or not all(isinstance(name, str) for name in self.uncounted):
            raise TypeError(must("uncounted", "be a tuple of names", repr(self.uncounted)))

    @property
    def total(self) -> SynapticOperations:
        """The operations of all layers together."""
        return sum(self.layers.values(), SynapticOperations())

    def _lines(self) -> list[Line]:
        layers = {**{name or "the net": layer for name, layer in self.layers.items()}, "all": self.total}
        rows = [(name, *(f"{number:,}" for number in vars(layer).values())) for name, layer in layers.items()]
        return [("layer", "ACs", "MACs", "dense"), *rows, *not_counted(self.uncounted)]


def not_counted(names: tuple[str, ...]) -> list[str]:
    """Return a line that names the modules that an account leaves out, if there are any."""
    return [f"not counted: {', '.join(name or 'the net' for name in names)}"] if names else []


class SynopsMonitor(BaseMonitor):
    """A count of the synaptic operations of every call of a net's layers, however the net is run.

    A synaptic operation is one weight other than 0 used by one input other than 0, in one step of one sample. Layers
    are ``nn.Linear``, ``nn.Conv1d``, ``nn.Conv2d``, ``nn.Conv3d`` and the recurrent connections of neurons; other
    modules with parameters are named in ``count.uncounted``.

    - If all of a sample's input in a call is 0, 1 or -1, it counts as spikes, and an operation is an addition.
      Otherwise an operation is a multiply-accumulate: in a first layer that is fed numbers, after an average pool, and
      for graded spikes. So a batch costs as much as its samples cost one by one.
    - In a convolution an input counts once for each output position that it reaches, so that there are fewer at the
      edge; padded zeros count only in ``dense``.
    - A complex number counts as two real ones, its real and its imaginary part: a complex weight other than 0 takes
      four multiply-accumulates for a complex input, and two for an input that has one part.
    - Biases, the neurons' own updates and memory accesses are not synaptic operations.

    A record is the :class:`SynapticOperations` of one call; :attr:`count` is their sum.

    Args:
        net: The net.

    Raises:
        TypeError: If ``net`` is not a module.
        ValueError: If it has none of these layers, or when a layer's input contains NaN.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 5))
        >>> with SynopsMonitor(net) as monitor:
        ...     _ = net[0](torch.tensor([[1.0, 0.0, 1.0]]))
        >>> monitor.count.layers["0"]
        SynapticOperations(acs=4, macs=0, dense=6)

    Source: Yik et al., The neurobench framework for benchmarking neuromorphic computing algorithms and systems
    (2025), synaptic operations; Trabelsi et al., Deep complex networks (2018), section 3.2, for a complex product as a
    product of real matrices.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.watch_before(net, COUNTED, self._before)
        self._uncounted = tuple(name for name, m in net.named_modules() if has_parameters_of_another_kind(m))

    @property
    def count(self) -> SynopsCount:
        """The operations recorded so far."""
        layers = {name: sum(self[name], SynapticOperations()) for name in self.monitored_layers}
        return SynopsCount(layers, self._uncounted)

    def _before(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.sees_a_call():
            products = Products(name, module, input_of(module, args, kwargs).detach())
            acs, macs = (round(float(number.sum())) for number in (products.acs, products.macs))
            self.record(name, SynapticOperations(acs, macs, products.samples * products.dense))


def synops(net: nn.Module, xs: Tensor, *, lengths: Tensor | Sequence[int] | None = None) -> SynopsCount:
    """Return the synaptic operations of a net over a sequence, by the rules of :class:`SynopsMonitor`.

    The net is run by ``unroll``, from rest, in its current mode, without gradients; for a net with a time loop of its
    own, use the monitor.

    Args:
        net: The net.
        xs: Its input ``[num_steps, batch, ...]``.
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.

    Returns:
        Operations of each layer over all steps and samples; divide by the batch size for those of one inference.

    Raises:
        TypeError: If ``net`` is not a module, ``xs`` not a tensor or ``lengths`` not integers.
        ValueError: If the net has no layer to count, there is no step, ``lengths`` does not fit, or an input contains
            NaN.

    Example:
        A fully connected layer fed with numbers, and one fed with the spikes of one neuron that fires once:

        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(1, 2), snn.Leaky(0.9, init_hidden=True), nn.Linear(2, 3))
        >>> net[0].weight.data, net[0].bias.data = torch.tensor([[1.0], [0.1]]), torch.zeros(2)
        >>> count = synops(net, torch.tensor([0.7, 0.7, 0.0]).reshape(3, 1, 1))
        >>> count.layers["0"]
        SynapticOperations(acs=0, macs=4, dense=6)
        >>> count.layers["2"]
        SynapticOperations(acs=3, macs=0, dense=18)

    Source: Yik et al., The neurobench framework for benchmarking neuromorphic computing algorithms and systems
    (2025), synaptic operations.
    """
    if not isinstance(xs, Tensor):
        raise TypeError(must("xs", "be a torch.Tensor", type(xs).__name__, "pass torch.stack(steps)"))
    if not xs.dim() or not len(xs):
        raise ValueError(must("xs", "have shape [num_steps, batch, ...] with at least one step", tuple(xs.shape)))
    with SynopsMonitor(net) as monitor, torch.no_grad():
        unroll(net, xs, lengths=lengths)
    return monitor.count


COUNTED: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, OneToOne)
_CONVOLVE = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}


class Products:
    """The products of one call of a layer, sample by sample.

    ``acs`` and ``macs`` are the additions and the multiply-accumulates of each sample, ``[samples]``, float64;
    ``dense`` has the operations of one sample if no zero is skipped. The input is ``x[samples, ...]``, or that of one
    sample without this axis; ``name`` is the layer's in messages.
    """

    def __init__(self, name: str, layer: Any, x: Tensor) -> None:
        if x.isnan().any():
            raise ValueError(
                fault(
                    f"the input of the layer {name!r} contains NaN, which is neither a spike nor the absence of one",
                    "look for its source",
                )
            )
        weight = weight_of(layer)
        if x.dim() < (2 if isinstance(layer, nn.Linear | OneToOne) else weight.dim()):
            x = x.unsqueeze(0)
        shape, numbers, weights = x.shape[1:], real_parts(x), real_parts(weight)
        used = numbers != 0
        fans = fan_out(layer, shape, (weights != 0).sum(-1)).expand(shape)
        effective = used.sum(-1).flatten(1).double() @ fans.flatten()
        graded = ((numbers.abs() != used) if x.dtype != torch.bool else torch.zeros_like(used)).flatten(1).any(1)
        self.samples: int = len(x)
        self.acs: Tensor = effective.masked_fill(graded, 0)
        self.macs: Tensor = effective.masked_fill(~graded, 0)
        dense = fan_out(layer, shape, torch.ones_like(weights).sum(-1)).expand(shape).sum()
        self.dense: int = round(float(dense)) * numbers.shape[-1]


def real_parts(x: Tensor) -> Tensor:
    """Return a tensor with the parts of each number on a last axis, of length 2 for complex numbers and 1 for others.

    In the product of complex numbers each part of one is multiplied by each part of the other.
    """
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x.unsqueeze(-1)


def weight_of(layer: Any) -> Tensor:
    """Return the weights of a layer that is counted."""
    return (layer.V if isinstance(layer, OneToOne) else layer.weight).detach()


def fan_out(layer: Any, shape: torch.Size, weight: Tensor) -> Tensor:
    """Return the number of products in which each input of one sample takes part, ``shape``, given those by weight."""
    used = weight.double()
    if isinstance(layer, nn.Linear):
        return used.sum(0)
    if isinstance(layer, OneToOne):
        return used.expand(shape)
    with torch.inference_mode(False), torch.enable_grad():
        used = used.clone()  # the weights may have been made in inference mode
        x = torch.zeros(1, *shape, dtype=torch.float64, device=weight.device, requires_grad=True)
        out = _CONVOLVE[x.dim()](padded(layer, x), used, None, layer.stride, 0, layer.dilation, layer.groups)
        return torch.autograd.grad(out.sum(), x)[0][0]


def has_parameters_of_another_kind(module: nn.Module) -> bool:
    """Return True for a module whose parameters are used in operations that are not counted."""
    if isinstance(module, (*COUNTED, SpikingNeuron, ParametrizationList)):
        return False
    return any(True for _ in module.parameters(recurse=False))
