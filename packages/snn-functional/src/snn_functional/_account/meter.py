"""One run of a copy of a net over a batch, and the activity of each of its modules, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import unroll
from snn_core.effects import RandomStates
from snn_core.graph import Folding, ModuleCall, Observation, folding_of, needs_all_steps
from snn_core.neuron import Firing, Temporal
from snn_functional._recording import check_sequence
from snn_functional._replica import check_net, replica
from snn_functional._steps import checked_lengths
from snn_functional.statistics.synops import COUNTED, Products, has_parameters_of_another_kind, real_parts

Lengths = Tensor | Sequence[int] | None
_NUMBERS: Any = {"dtype": torch.float64, "device": "cpu"}


class Tally:
    """The activity of a module. Its numbers are per sample, over all steps of the sample: ``[batch]``, float64."""

    def __init__(self, path: str, module: nn.Module, batch: int) -> None:
        self.path = path
        self.module: Any = module
        self.is_counted: bool = isinstance(module, COUNTED)  # a layer with weights whose products are counted
        self.is_neuron: bool = isinstance(module, Firing)
        self.taken: Tensor | None = None  # the last call's input
        self.shape: tuple[int, ...] | None = None  # of its output for one sample in one step
        self.size: int = 0  # real numbers in it
        self.acs, self.macs, self.dense = torch.zeros(3, batch, **_NUMBERS)
        self.inputs, self.inputs_used = torch.zeros(2, batch, **_NUMBERS)  # real numbers, and those that are not 0
        self.outputs, self.outputs_used = torch.zeros(2, batch, **_NUMBERS)
        self.spikes: Tensor | None = None  # of each neuron, over all steps and samples
        self.rows: int = 0  # steps of all samples

    def add(self, x: Any, out: Any, samples: Tensor) -> None:
        """Add a call with the input ``x[rows, ...]``; ``samples[rows]`` says which sample each row belongs to."""
        leaves = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        first: Any = leaves[0].detach() if leaves else None
        self.taken, self.shape = x, None if first is None else tuple(first.shape[1:])
        self.rows += len(samples)
        if not (self.is_counted or self.is_neuron):
            return
        for tensor in (x, first):
            if not isinstance(tensor, Tensor) or tensor.shape[:1] != samples.shape:
                raise ValueError(
                    f"the layer {self.path!r} ({type(self.module).__name__}) takes or gives "
                    f"{_shape_of(tensor)} in a step of {len(samples)} samples; its operations can be assigned to "
                    "samples only if axis 0 holds the samples: reshape after it, and keep that axis"
                )
        x, self.size = x.detach(), real_parts(first).shape[1:].numel()
        if self.is_counted:
            products = Products(self.path, self.module, x)
            self.acs.index_add_(0, samples, products.acs.cpu())
            self.macs.index_add_(0, samples, products.macs.cpu())
            self.dense.index_add_(0, samples, torch.full(samples.shape, products.dense, **_NUMBERS))
        for tensor, numbers, used in ((x, self.inputs, self.inputs_used), (first, self.outputs, self.outputs_used)):
            marks = real_parts(tensor).ne(0).flatten(1)
            numbers.index_add_(0, samples, torch.full(samples.shape, marks.shape[1], **_NUMBERS))
            used.index_add_(0, samples, marks.sum(1).double().cpu())
        if self.is_neuron and "spk" in self.module.output_names:
            fired = first.ne(0).sum(0)
            self.spikes = fired if self.spikes is None else self.spikes + fired


class Meter(Observation):
    """A run of a copy of a net by ``unroll``, from rest, without gradients; the net itself does not change.

    ``tallies`` has one for each layer, neuron and other module that computes, in the order in which they were first
    called, and one for each width of a neuron that is called at several; ``uncounted`` names the modules with
    parameters whose operations no tally counts.
    """

    def __init__(self, by: str, net: nn.Module, xs: Tensor, lengths: Lengths) -> None:
        check_net(net)
        check_sequence(xs, "xs", "pass real numbers: xs.real or xs.abs()")
        number = None if lengths is None else checked_lengths(lengths, xs, "xs").cpu()
        folding = Folding(len(xs)) if number is None else folding_of(number, xs)
        self.batch: int = xs.shape[1]
        self.steps: Tensor = torch.full((self.batch,), len(xs), device="cpu") if number is None else number
        # the samples that the rows of each step belong to, while all samples run
        self._samples: Tensor = torch.arange(self.batch, device="cpu").expand(folding.steps, -1)
        self._to_come = iter(folding.steps_of(self._samples))
        self._tallies: dict[Any, Tally] = {}
        with RandomStates(), torch.inference_mode(False), torch.no_grad():
            twin = replica(net, by)
            at_once, self._modules = needs_all_steps(twin), _modules(twin)
            super().__init__(twin, (twin, *self._modules))
            with self.watching():
                unroll(twin, xs.detach(), lengths=number, schedule="auto" if at_once else "steps", explain=at_once)
        self.tallies: list[Tally] = [*self._tallies.values()]
        called = {id(tally.module) for tally in self.tallies if tally.rows}
        self.uncounted: tuple[str, ...] = tuple(
            path
            for path, m in twin.named_modules()
            if has_parameters_of_another_kind(m) or (isinstance(m, COUNTED) and id(m) not in called)
        )

    def before(self, call: ModuleCall) -> None:
        if not call.path and call.folding is None:
            self._running = next(self._to_come)
        if call.module in self._modules and call.is_whole:
            self._tally(call, call.x)

    def after(self, call: ModuleCall) -> None:
        if call.module in self._modules and call.is_whole:
            folding = call.folding
            samples = self._running if folding is None else folding.fold(self._samples[: folding.steps])
            x = call.x
            self._tally(call, x).add(x, call.out, samples)

    def _tally(self, call: ModuleCall, x: Any) -> Tally:
        """Return the tally of a module, and of a neuron for input of this width; the first call makes it."""
        width = x.shape[1:] if isinstance(call.module, Firing) and isinstance(x, Tensor) else None
        if (call.path, width) not in self._tallies:
            self._tallies[call.path, width] = Tally(call.path, call.module, self.batch)
        return self._tallies[call.path, width]


def neurobench(tallies: list[Tally]) -> dict[str, float]:
    """Return the synaptic operations of a sample by NeuroBench's names, means over the batch."""
    names = {"Effective_MACs": "macs", "Effective_ACs": "acs", "Dense": "dense"}
    return {name: float(sum(getattr(t, of).mean() for t in tallies)) for name, of in names.items()}


def _modules(net: nn.Module) -> set[nn.Module]:
    """Return the modules that compute something themselves, without the parts that they consist of."""
    inside = {part for m in net.modules() if isinstance(m, Temporal) for part in m.modules() if part is not m}
    modules = set()
    for path, module in net.named_modules():
        own = isinstance(module, Temporal) or not any(True for _ in module.children())
        own |= any(True for _ in module.parameters(recurse=False))
        part = module in inside or "parametrizations" in path.split(".")
        if isinstance(module, COUNTED) or (own and not part):
            modules.add(module)
    return modules


def _shape_of(value: Any) -> str:
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
