"""Does every neuron run once in a step?"""

from __future__ import annotations

from collections.abc import Iterator

from snn_functional.diagnosis._evidence import Evidence, listed, warning
from snn_functional.diagnosis.finding import Finding


def loops(evidence: Evidence) -> Iterator[Finding]:
    """Neurons that run several times in a step: a loop over time inside of the one that runs the steps.

    The inner one then goes over the samples of a step as if they were steps, and the shapes of its results fit.
    """
    if evidence.own_loop:
        return
    steps = len(evidence.batch)
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
