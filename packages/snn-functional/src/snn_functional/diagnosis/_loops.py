"""Does every neuron run once in a step, and over all of them?"""

from __future__ import annotations

from collections.abc import Iterator

from snn_functional.diagnosis._evidence import Evidence, error, listed, warning
from snn_functional.diagnosis.finding import Finding


def loops(evidence: Evidence) -> Iterator[Finding]:
    """Neurons that run several times in a step, or once in all: two loops over time, one in the other, or none.

    An inner one goes over the samples of a step as if they were steps, and the shapes of its results fit; without any
    the steps are taken for samples.
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
            "If it does, run it whole: run=lambda net, xs: net(xs), or --own-loop. If one layer stands in several "
            "places, its kept state is all theirs: make one for each.",
        )
