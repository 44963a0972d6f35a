"""Checks of the loop over time: does every neuron run once in each step of the sequence, and from rest?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from snn_core.neuron import Temporal
from snn_functional.diagnosis._evidence import Evidence, listed
from snn_functional.diagnosis.finding import Finding


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
