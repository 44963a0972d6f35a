"""A table of the ways in which importers of other frameworks read NIR."""

from __future__ import annotations

from typing import NamedTuple

LEFT_OUT = "left out"  # the text of a rule for nodes that an importer skips


class Rule(NamedTuple):
    """The effect on nodes of some types, if a condition of :data:`snn_nir.importing.conditions.CONDITIONS` holds."""

    nodes: frozenset[str]
    condition: str
    verdict: str
    text: str


class Importer(NamedTuple):
    """An importer and its effects on nodes; nodes without a rule are imported as NIR defines them."""

    release: str  # the release that was run
    dt: float | None  # its time step in seconds, if that is fixed
    rules: tuple[Rule, ...]


def _rule(nodes: str, condition: str, verdict: str, text: str) -> Rule:
    return Rule(frozenset(nodes.split()), condition, verdict, text)


# effects of importers built on the interpreter of nirtorch 2.6
_BIAS = _rule("Affine", "its bias is fed back", "differs", "the cycle starts at 0, without the bias")
_SUM_POOL = _rule("SumPool2d", "padded", "refuses", "padding is ignored, and the sizes after it do not fit")
_INTERPRETED = (
    _rule("NIRGraph", "several inputs", "refuses", "one Input only"),
    _rule("NIRGraph", "several outputs", "refuses", "the import does not end"),
    _rule("NIRGraph", "a nested graph before its source", "refuses", "a nested graph is made twice"),
)
# an effect of nir 1.0.8, which reads the file
_READ_BY_NIR = _rule("Conv1d Conv2d", "nir infers another shape", "refuses", "nir 1.0.8 infers another shape")

IMPORTERS: dict[str, Importer] = {
    "snntorch": Importer(
        "1.0.0",
        1e-4,
        (
            _rule("IF", "r is not 1", "refuses", "r other than 1"),
            _rule("IF", "it feeds another node", "refuses", "it returns spikes and membrane, which no layer takes"),
            _rule("IF", "always", "differs", "it becomes Leaky(beta=0.9) with reset by subtraction"),
            _rule("LIF CubaLIF", "v_leak is not 0", "refuses", "v_leak other than 0"),
            _rule("LIF CubaLIF", "uneven threshold", "refuses", "thresholds that differ between neurons"),
            _rule("LIF", "uneven gain", "differs", "the gain r dt / tau of the first neuron is taken for all"),
            _rule("CubaLIF", "r is not tau_mem / dt", "refuses", "r other than tau_mem / dt"),
            _rule("LIF CubaLIF", "v_reset is not 0", "differs", "v_reset is ignored: reset to 0"),
            _rule("LI CubaLI I Threshold Scale Delay", "always", "refuses", "no such node"),
            _rule("Flatten", "always", "differs", "the batch dimension is counted"),
            _rule("NIRGraph", "a flat cycle", "differs", "the input goes into the recurrent weights"),
            _READ_BY_NIR,
            _BIAS,
            _SUM_POOL,
            *_INTERPRETED,
        ),
    ),
    "norse": Importer(
        "1.1.0",
        None,
        (
            _rule("IF", "r is not 1 / dt", "differs", "r is ignored: a step adds its input as it is"),
            _rule("LIF", "r is not 1", "differs", "r is ignored"),
            _rule("LIF", "v_leak is not 0", "differs", "the membrane starts at v_leak"),
            _rule("CubaLIF", "v_leak is not 0", "differs", "the current leaks to v_leak too"),
            _rule("IF LIF CubaLIF", "v_reset is not 0", "differs", "v_reset is ignored: reset to 0"),
            _rule("AvgPool2d", "it changes the shape", "refuses", "left out, and the sizes after it do not fit"),
            _rule("LI CubaLI I Threshold Scale Delay Conv1d AvgPool2d", "always", "differs", LEFT_OUT),
            _rule("Flatten", "always", "differs", "the batch dimension is flattened too"),
            _rule("NIRGraph", "several inputs", "differs", "the first Input is taken for all"),
            _BIAS,
            _SUM_POOL,
            _READ_BY_NIR,
        ),
    ),
    "spikingjelly": Importer(
        "2.0.0",
        None,
        (
            _rule("IF LIF CubaLIF", "uneven parameters", "refuses", "parameters that differ between neurons"),
            _rule("IF", "r is not 1 / dt", "refuses", "r other than 1 / dt"),
            _rule("IF", "v_reset is not 0", "differs", "the membrane starts at v_reset"),
            _rule("LIF", "r is neither 1 nor tau / dt", "refuses", "r other than 1 and tau / dt"),
            _rule("LIF", "v_reset is not v_leak", "refuses", "v_reset other than v_leak"),
            _rule("LIF", "v_leak is not 0", "differs", "the membrane starts at v_reset"),
            _rule("CubaLIF", "r is not tau_mem / dt", "refuses", "r other than tau_mem / dt"),
            _rule("CubaLIF", "w_in is not tau_syn / dt", "refuses", "w_in other than tau_syn / dt"),
            _rule("CubaLIF", "v_leak is not 0", "refuses", "v_leak other than 0"),
            _rule("CubaLIF", "v_reset is not 0", "refuses", "v_reset other than v_leak"),
            _rule("LI CubaLI I Threshold Scale Delay", "always", "refuses", "no such node"),
            _rule("IF LIF CubaLIF", "always", "ties", "it fires at v >= v_threshold"),
            _rule("SumPool2d", "padded", "differs", "padding is ignored"),
            _READ_BY_NIR,
            _BIAS,
            *_INTERPRETED,
        ),
    ),
    "sinabs": Importer(
        "3.1.3",
        None,
        (
            _rule("IF LIF CubaLIF", "v_reset is not 0", "refuses", "nir 1.0.4, which it needs, has no v_reset"),
            _rule("IF", "always", "differs", "reset by subtraction, several spikes per step; r is ignored"),
            _rule("LIF LI", "v_leak is not 0", "refuses", "v_leak other than 0"),
            _rule("LIF LI", "several axes", "refuses", "layers of more than one axis"),
            _rule("LIF", "always", "differs", "tau is taken in steps; reset by subtraction, several spikes per step"),
            _rule("LI", "r is not 1", "refuses", "r other than 1"),
            _rule("LI", "always", "differs", "tau is taken in steps"),
            _rule("CubaLI", "always", "refuses", "nir 1.0.4, which it needs, has no such node"),
            _rule("NIRGraph", "a cycle around CubaLIF", "refuses", "recurrent CubaLIF fails"),
            _rule("CubaLIF I Threshold Scale Delay Linear", "always", "differs", LEFT_OUT),
            _rule("AvgPool2d", "it changes the shape", "refuses", "left out, and the sizes after it do not fit"),
            _rule("AvgPool2d", "always", "differs", LEFT_OUT),
            _rule("Conv1d", "always", "refuses", "its weight is taken for a tensor"),
            _rule("Conv2d", "several groups", "refuses", "the input channels are taken from the weight"),
            _SUM_POOL,
        ),
    ),
    "rockpool": Importer(
        "3.1.0",
        None,
        (
            _rule("LIF", "always", "refuses", "the import reads tau_mem, which LIF does not have"),
            _rule("IF I CubaLI Threshold Scale Delay", "always", "refuses", "no such node"),
            _rule("Conv1d Conv2d SumPool2d AvgPool2d Flatten", "always", "refuses", "no such node"),
            _rule("LI", "always", "differs", "tau becomes 0: the output is 0"),
            _rule("CubaLIF", "always", "differs", "reset by subtraction, several spikes per step; w_in is ignored"),
            _BIAS,
        ),
    ),
}
