"""Checks of the loop over time: does every neuron run once in each step of the sequence, and from rest?"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.utils._pytree import tree_leaves

from snn_functional.diagnosis._evidence import Evidence, error, info, listed, warning
from snn_functional.diagnosis._record import holds
from snn_functional.diagnosis.finding import Finding


def states(evidence: Evidence) -> Iterator[Finding]:
    """Yield states of an earlier call: harmless to ``unroll``, which starts from rest, but not to your own loop."""
    kept = {
        path: [state for state in tree_leaves(module._kept) if isinstance(state, Tensor) and state.numel()]
        for path, module in holds(evidence.net)
    }
    samples = evidence.batch.shape[1]
    other = [p for p, tensors in kept.items() if any(len(state) != samples for state in tensors)]
    graph = [p for p, tensors in kept.items() if any(state.requires_grad for state in tensors)]
    report = warning if evidence.own_loop else info
    if other:
        sizes = {len(state) for path in other for state in kept[path]}
        yield report(
            "stale_state",
            other[0],
            len(other),
            f"{listed(other)} still hold states of a batch of {', '.join(map(str, sorted(sizes)))}, and this one has "
            f"{samples} samples: a loop over the steps would raise.",
            "Call snn.utils.reset(net) before each batch, or run it by snn.unroll(net, xs), which starts from rest.",
        )
    if graph:
        yield report(
            "state_in_graph",
            graph[0],
            len(graph),
            f"{listed(graph)} still hold states of the last batch, with its graph: a loop that goes on from there "
            "makes backward() go through that batch a second time.",
            "Call snn.utils.reset(net) before each batch, or snn.utils.detach(net) to go on from its values.",
        )


def loops(evidence: Evidence) -> Iterator[Finding]:
    """Yield neurons that run several times in a step, or only once in all: two nested loops over time, or none.

    An inner loop runs over the samples of a step as if they were steps, and the shapes of its results fit; without any
    loop, the steps are taken for samples.
    """
    steps = len(evidence.batch)
    if evidence.own_loop:
        traces = evidence.traces()
        if steps > 1 and traces and all(trace.stepwise and trace.steps == 1 for trace in traces):
            yield error(
                "no_loop",
                traces[0].path,
                1,
                f"{listed([trace.path for trace in traces])} ran once over all {steps} steps, which were taken for "
                "samples: the net has no loop over the steps of its own.",
                "Leave out run= or --own-loop: unroll runs the net step by step.",
            )
        return
    often = [trace for trace in evidence.traces() if trace.stepwise and trace.steps > steps]
    if often:
        times = often[0].steps / steps
        yield warning(
            "nested_loop",
            often[0].path,
            times,
            f"{listed([trace.path for trace in often])} run{'s' if len(often) == 1 else ''} {times:g} times in each "
            "step, as if the net's forward held the loop over time.",
            "If it does, run it whole: run=lambda net, xs: net(xs), or --own-loop. If one layer is used in several "
            "places, they share its kept state: make a layer for each.",
        )
