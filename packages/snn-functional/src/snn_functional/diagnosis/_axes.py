"""Checks of the axes of a run: each neuron runs once in each step, from rest, and no sample depends on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core.effects import RandomStates
from snn_core.graph import ModuleCall, Observation
from snn_core.neuron import Temporal, WholeSequence
from snn_core.sequence import is_normalization
from snn_core.utils import reset
from snn_functional._replica import replica
from snn_functional.diagnosis._evidence import Evidence, listed
from snn_functional.diagnosis.finding import Finding

_ROUNDING = 1e-5  # of the norm of what is compared
_REMEDY = (
    "Axis 0 of what a layer gets in a step is the samples: nn.Flatten() and nn.Softmax(-1) keep them apart, "
    "nn.Flatten(0) and nn.Softmax(0) do not; nn.MultiheadAttention takes them there with batch_first=True."
)

Run = Callable[[nn.Module, Tensor], Any]
Numbers = list[tuple[float, float]]  # of each tensor with an axis of samples


def states(evidence: Evidence) -> Iterator[Finding]:
    """Report states of an earlier call: harmless for ``unroll``, which starts from rest, but not for your own loop."""
    kept = {
        path: [torch.atleast_1d(x) for x in tree_leaves(module._kept) if isinstance(x, Tensor) and x.numel()]
        for path, module in evidence.net.named_modules()
        if isinstance(module, Temporal)
    }
    samples = evidence.batch.shape[1]
    other = [path for path, tensors in kept.items() if any(len(state) != samples for state in tensors)]
    graph = [path for path, tensors in kept.items() if any(state.requires_grad for state in tensors)]
    severity = "warning" if evidence.own_loop else "info"
    if other:
        sizes = {len(state) for path in other for state in kept[path]}
        message = (
            f"States of a batch of {', '.join(map(str, sorted(sizes)))} are still in {listed(other)}, but this one has "
            f"{samples} samples: a loop over the steps would raise an error."
        )
        remedy = (
            "Call snn.utils.reset(net) before each batch, or run it by snn.unroll(net, xs), which starts from rest."
        )
        yield Finding("stale_state", severity, other[0], len(other), message, remedy)
    if graph:
        message = (
            f"States of the last batch, with its graph, are still in {listed(graph)}: after a loop that goes on from "
            "there, backward() goes through that batch a second time."
        )
        remedy = "Call snn.utils.reset(net) before each batch, or snn.utils.detach(net) to go on from their values."
        yield Finding("state_in_graph", severity, graph[0], len(graph), message, remedy)


def loops(evidence: Evidence) -> Iterator[Finding]:
    """Report neurons that run several times in a step, or only once in all: two nested loops over time, or none.

    An inner loop runs over the samples of a step as if they were steps, and the shapes of its results fit; without any
    loop, the steps are taken for samples.
    """
    steps, traces = len(evidence.batch), evidence.traces()
    often = [trace for trace in traces if trace.stepwise and trace.steps > steps]
    if evidence.own_loop:
        if steps > 1 and traces and all(trace.stepwise and trace.steps == 1 for trace in traces):
            message = (
                f"{listed([trace.path for trace in traces])} ran once over all {steps} steps, which were taken for "
                "samples: the net has no loop over the steps of its own."
            )
            remedy = "Leave out run= or --own-loop: unroll runs the net step by step."
            yield Finding("no_loop", "error", traces[0].path, 1, message, remedy)
    elif often:
        times = often[0].steps / steps
        message = (
            f"{listed([trace.path for trace in often])} run{'s' if len(often) == 1 else ''} {times:g} times in each "
            "step, as if the net's forward held the loop over time."
        )
        remedy = (
            "If it does, run it whole: run=lambda net, xs: net(xs), or --own-loop. If one layer is used in several "
            "places, they share its kept state: make a layer for each."
        )
        yield Finding("nested_loop", "warning", often[0].path, times, message, remedy)


def mixing(evidence: Evidence) -> Iterator[Finding]:
    """Report the module in which samples affect each other, or after which they have no axis."""
    if evidence.mixed and not evidence.reported("nested_loop"):
        path, message = evidence.mixed
        yield Finding("mixed_samples", "warning", path, None, message, _REMEDY)


def mixed(evidence: Evidence, run: Run) -> tuple[str, str] | None:
    """Run copies of a net over its batch, and over the same with one sample set to 0: the others must not change.

    Normalizations by the statistics of a batch mix its samples on purpose while they train, so they run in eval mode. A
    net with modules that take whole sequences is not examined, nor one that draws other random numbers the second time.

    Returns:
        The path of the first module that mixes samples, and what was seen; None if nothing was.
    """
    batch, whole = evidence.batch, any(isinstance(module, WholeSequence) for module in evidence.net.modules())
    steps, samples = batch.shape[:2]
    if samples < 2 or whole or evidence.reported("swapped_axes", "zero_input"):
        return None
    sample = int((batch != 0).reshape(steps, samples, -1).sum((0, 2)).argmax())
    silenced = batch.clone()
    silenced[:, sample] = 0
    first, second = (_Calls(evidence.net, batch.shape, sample) for _ in range(2))
    out, drawn = first.of(run, batch)
    again, drawn_again = second.of(run, silenced)
    if drawn != drawn_again:
        return None
    if not out and not evidence.own_loop:
        return first.lost or "", f"Its output has no axis of {samples} samples."
    pairs = zip(first.seen, second.seen, strict=False)
    path, before, after = next(((path, a, b) for (path, a), (_, b) in pairs if a != b), ("", [], []))
    if out == again and not type(evidence.net.get_submodule(path)).__module__.startswith("torch.nn."):
        return None  # a user's module may have transposed its tensors: the axis of this length is not the samples
    if not any(abs(a[0] - b[0]) > _ROUNDING * max(a[1], b[1]) for a, b in zip(before, after, strict=False)):
        return None  # a difference from rounding may grow into spikes
    message = f"With sample {sample} set to 0, its output for other samples changes: it mixes the samples of a batch."
    return path, message


class _Calls(Observation):
    """An observation of a copy of a net: the numbers that its modules take and return, without those of one sample.

    ``seen`` names the module that computed them: the called one for an output, the calling one for an input. The
    normalizations are in eval mode.
    """

    def __init__(self, net: nn.Module, shape: torch.Size, without: int) -> None:
        self._net = replica(net, "diagnose")
        super().__init__(self._net, self._net.modules())
        reset(self._net)
        for module in filter(is_normalization, self._net.modules()):
            module.eval()
        self.seen: list[tuple[str, Numbers]] = []
        self.lost: str | None = None  # the first module whose output has no axis of samples, although its input has one
        self._shape = shape[:2]
        self._others = [sample for sample in range(shape[1]) if sample != without]
        self._running: list[tuple[str, bool]] = []

    def of(self, run: Run, xs: Tensor) -> tuple[Numbers, list[list[int]]]:
        """Run the net; return the numbers of its output, and the states of torch's generators after it."""
        with RandomStates(), torch.no_grad(), self.watching():
            out = run(self._net, xs.clone())
            states = [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [])]
        return self._numbers(out), [state.tolist() for state in states]

    def before(self, call: ModuleCall) -> None:
        numbers = self._numbers((call.args, call.kwargs))
        if self._running:
            self.seen.append((self._running[-1][0], numbers))
        self._running.append((call.path, bool(numbers)))

    def after(self, call: ModuleCall) -> None:
        _, had_samples = self._running.pop()
        numbers = self._numbers(call.out)
        self.seen.append((call.path, numbers))
        if self.lost is None and had_samples and not numbers:
            self.lost = call.path

    def _numbers(self, values: Any) -> Numbers:
        numbers = []
        for leaf in tree_leaves(values):
            axis = int(isinstance(leaf, Tensor) and leaf.shape[:2] == self._shape)
            if isinstance(leaf, Tensor) and leaf.shape[axis : axis + 1] == self._shape[1:]:
                rows = leaf.detach().index_select(axis, torch.tensor(self._others, device=leaf.device))
                flat = (torch.view_as_real(rows) if rows.is_complex() else rows).flatten().float()
                weights = torch.arange(len(flat), device=flat.device).sin()
                numbers.append((float(flat @ weights), float(flat.norm())))
        return numbers
