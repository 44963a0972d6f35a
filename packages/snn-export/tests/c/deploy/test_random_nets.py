"""A hundred small nets, drawn at random, give in C what a stream of them gives."""

from __future__ import annotations

import hypothesis
import torch
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
from in_c.compiling import differing_step
from in_c.nets import KEEPS, dyadic, inputs

small = st.integers(1, 5)
flags = st.booleans()


def quarters(count: int) -> torch.Tensor:
    """Return delays of up to two steps."""
    return torch.randint(0, 9, (count,)) / 4


@st.composite
def neurons(draw, features, last):
    """Draw a neuron of so many features; one number for all, or one for each.

    A readout is the last layer: its membranes are not on a grid, so sums of them depend on the order of the terms.
    """
    constants = torch.rand if draw(flags) else lambda *shape: torch.tensor(0.75)
    options = {
        "threshold": draw(st.sampled_from([0.25, 0.5, 1.0])),
        "reset_mechanism": draw(st.sampled_from(["subtract", "zero", "none"])),
        "reset_delay": draw(flags),
        "graded_spikes_factor": draw(st.sampled_from([1.0, 0.5])),
        **KEEPS,
    }
    makers = {
        "leaky": lambda: snn.Leaky(constants(features), **options),
        "synaptic": lambda: snn.Synaptic(constants(features), constants(features), **options),
        "lapicque": lambda: snn.Lapicque(0.75, **options),
        "alpha": lambda: snn.Alpha(0.9, constants(features) * 0.8, **options),
        "recurrent": lambda: snn.RLeaky(0.75, linear_features=features, **options),
        "one to one": lambda: snn.RSynaptic(0.5, 0.75, all_to_all=False, V=constants(features), **options),
        "delays": lambda: snn.RLeaky(0.75, linear_features=features, max_delay=2, delay=quarters(features), **options),
        "alif": lambda: snn.ALIF(constants(features), 0.9, threshold=0.25, **KEEPS),
        "adlif": lambda: snn.AdLIF(constants(features), 0.9, 0.25, 0.5, threshold=0.25, **KEEPS),
        "psn": lambda: snn.SlidingPSN(2, **KEEPS),
        "delta": lambda: snn.DeltaLeaky(0.25, 0.75, **KEEPS),
        "tclif": lambda: snn.TCLIF(**KEEPS),
    }
    if last:
        makers["readout"] = lambda: snn.Readout(constants(features))
    return makers[draw(st.sampled_from(sorted(makers)))]()


@st.composite
def nets(draw):
    """Draw a net of dense layers, or of convolutions and dense ones behind them."""
    torch.manual_seed(draw(st.integers(0, 10**6)))
    layers = []
    shape = (draw(small),)
    if draw(flags):
        shape = (draw(st.integers(1, 2)) * 2, draw(st.integers(3, 6)), draw(st.integers(3, 6)))
        groups = draw(st.sampled_from([1, 2]))
        kernel, padding = (
            (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
            (draw(st.integers(0, 1)), draw(st.integers(0, 2))),
        )
        options = {"stride": draw(st.integers(1, 2)), "padding": padding, "groups": groups, "bias": draw(flags)}
        layers += [nn.Conv2d(shape[0], 2 * draw(st.integers(1, 2)), kernel, **options)]
        layers += [nn.BatchNorm2d(layers[0].out_channels)] * draw(flags)
        layers += [snn.Leaky(torch.rand(layers[0].out_channels, 1, 1), **KEEPS)] * draw(flags)
        pools = nn.MaxPool2d(2, 1, 1), nn.AvgPool2d(2, 2, 1, draw(flags), draw(flags)), nn.Identity()
        layers += [pools[draw(st.integers(0, 2))], nn.Flatten()]
    with torch.no_grad():
        features = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[1]
    net = nn.Sequential(*layers)
    snn.utils.reset(net)
    for left in reversed(range(draw(st.integers(1, 3)))):
        outs = draw(small)
        net.append(snn.DelayedLinear(features, outs, 2) if draw(flags) else nn.Linear(features, outs, draw(flags)))
        net.extend([nn.BatchNorm1d(outs)] * draw(flags) + [nn.Dropout()] * draw(flags))
        net.append(draw(neurons(outs, last=left == 0)))
        net.extend([snn.AxonalDelay(2, quarters(outs), channels=outs)] * draw(flags))
        features = outs
    return dyadic(net), shape


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(nets())
def test_a_net_drawn_at_random_is_the_same(compiler, tmp_path_factory, net_and_shape):
    net, shape = net_and_shape
    xs = inputs(shape, 40)
    compiled = compiler(net, xs[0], tmp_path_factory.mktemp("c") / "c")
    assert differing_step(net, compiled, xs) is None
