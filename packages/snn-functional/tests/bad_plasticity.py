"""Bad input for the rules of plasticity and their learners."""

from __future__ import annotations

import inspect
import math

import torch
from torch import nn

import snn_core as snn
from snn_functional import stdp_learner

from .learners import sequence
from .refusal import Case, Row

FC, CONV1, CONV2 = nn.Linear(3, 2), nn.Conv1d(2, 3, 3), nn.Conv2d(2, 3, 3)
DENSE = (FC, torch.ones(4, 3), torch.ones(4, 2))
ROW = (CONV1, torch.ones(4, 2, 5), torch.ones(4, 3, 3))
IMAGE = (CONV2, torch.ones(4, 2, 5, 6), torch.ones(4, 3, 3, 4))


class Elementwise:
    """A value that compares entry by entry, as an array of NumPy does."""

    def __eq__(self, other):
        return torch.zeros(2, dtype=torch.bool)


def scales():
    """Rows of the two functions of the weights."""
    for name in ("f_pre", "f_post"):
        yield Row(name, 0.5, TypeError, rf"{name} is 0\.5; pass a function of the weights")
        yield Row(name, lambda w: None, TypeError, f"{name} returned a NoneType; it must return")
        yield Row(
            name, lambda w: w.new_ones(9), ValueError, rf"{name} returned the shape \(9,\) for weights .*; it must"
        )


def taus(*names, least):
    """Rows of time constants."""
    below = 0.5 if least == 1 else 0
    for name in names:
        yield Row(name, below, ValueError, f"{name} is {below}; .*(at least 1|positive)")
        yield Row(name, -1.0, ValueError, rf"{name} is -1\.0; ")
        yield Row(name, math.nan, ValueError, f"{name} is nan; ")
        yield Row(name, "2", TypeError, f"{name} is '2'; pass a number of steps")
        yield Row(name, True, TypeError, f"{name} is True; pass")


def traces(name, spikes):
    yield Row(name, math.nan, ValueError, f"{name} is nan; it must be finite: pass what the last step returned")
    yield Row(name, math.inf, ValueError, f"{name} is inf; it must be finite")
    yield Row(name, "none", TypeError, f"{name} is a str; pass what the last step returned")
    yield Row(name, spikes[1:], ValueError, rf"{name} has shape \(3, .*; start a batch .* with None")
    yield Row(name, spikes.to("meta"), ValueError, rf"{name} is on meta, the spikes on cpu; pass {name}\.to\('cpu'\)")


def rule(name, right, space):
    """A rule for one time step."""
    function = getattr(stdp_learner, name)
    layer, spk_in, spk_out = right
    argument = "fc" if isinstance(layer, nn.Linear) else "conv"
    kind = type(layer).__name__
    parameters = inspect.signature(function).parameters
    values = dict(zip(parameters, (layer, spk_in, spk_out, None, None), strict=False))
    constants = {name: 2.0 for name in parameters if name.startswith("tau")}
    wrong = nn.Conv3d(1, 1, 1)
    return Case(
        (function,),
        function,
        lambda: {**values, **constants},
        [
            Row(argument, wrong, TypeError, rf"{argument} is a Conv3d; pass an nn\.{kind}"),
            Row("in_spike", [1.0], TypeError, r"in_spike is a list; pass a torch\.Tensor of spikes"),
            Row("in_spike", spk_in.to(torch.complex64), TypeError, r"in_spike has dtype torch\.complex64; .* real"),
            Row("in_spike", torch.ones(()), ValueError, rf"in_spike has shape \(\); .* needs \[batch, {space}\]"),
            Row(
                "in_spike", torch.cat([spk_in] * 2, 1), ValueError, rf"in_spike has shape .*; .* needs \[batch, {space}"
            ),
            Row("in_spike", spk_in.to("meta"), ValueError, "in_spike is on meta, the weights on cpu; move"),
            Row("out_spike", None, TypeError, r"out_spike is a NoneType; pass a torch\.Tensor"),
            Row("out_spike", spk_out.to(torch.complex64), TypeError, r"out_spike has dtype torch\.complex64; "),
            Row("out_spike", spk_out[1:], ValueError, r"out_spike has shape \(3, .*; the layer gives \(4, "),
            Row("out_spike", spk_out[..., :-1], ValueError, r"out_spike has shape .*; the layer gives \(4, "),
            *traces("trace_pre", spk_in),
            *traces("trace_post", spk_out),
            *taus(*constants, least=1 if name.startswith("stdp") else 0),
            *scales(),
        ],
    )


def learner(kind):
    """A learner, and a step of learning from what its net does."""
    of_class = inspect.signature(kind).parameters

    def call(record=True, **arguments):
        instance = kind(**{name: value for name, value in arguments.items() if name in of_class})
        if record:
            net = nn.Sequential(arguments["synapse"], arguments["sn"])
            snn.unroll(net.double(), sequence())
        instance.step(**{name: value for name, value in arguments.items() if name not in of_class})

    late = {"tau_trace": 4.0} if kind is stdp_learner.MSTDPETLearner else {}
    least = 1 if kind is stdp_learner.STDPLearner else 0
    rewarded = {} if kind is stdp_learner.STDPLearner else {"reward": 1.0}
    rewards = [
        Row("reward", [1.0, 2.0], TypeError, "reward is list; pass a number or a real tensor"),
        Row("reward", torch.ones(2, dtype=torch.complex64), TypeError, r"reward is torch\.complex64; pass"),
        Row(
            "reward", torch.ones(3), ValueError, r"reward has shape \(3,\); with 6 .* pass a number, \[2\] or \[6, 2\]"
        ),
        Row("reward", torch.ones(6), ValueError, r"reward has shape \(6,\); "),
        Row("reward", torch.ones(2, device="meta"), ValueError, "reward is on meta, .*; pass reward"),
        Row("reward", math.nan, ValueError, "reward is nan; it must be finite"),
        Row("reward", torch.tensor([1.0, -math.inf]), ValueError, "reward contains -inf; pass finite numbers"),
    ]
    return Case(
        (kind, kind.step),
        call,
        lambda: {
            "synapse": nn.Linear(5, 3),
            "sn": snn.Leaky(0.9, init_hidden=True),
            "tau_pre": 2.0,
            "tau_post": 2.0,
            **late,
            **rewarded,
        },
        [
            Row("synapse", nn.ReLU(), TypeError, r"synapse is a ReLU; pass an nn\.Linear or nn\.Conv1d or nn\.Conv2d"),
            Row("sn", None, TypeError, "sn is a NoneType; pass the module of the neurons"),
            *taus("tau_pre", "tau_post", *late, least=least),
            *scales(),
            Row("scale", "2", TypeError, "scale is '2'; pass a number"),
            Row("scale", math.nan, ValueError, "scale is nan; it must be finite"),
            Row("record", False, RuntimeError, r"step\(\) has no spikes to learn from: run the net", named="spikes"),
            *(rewards if rewarded else ()),
        ],
    )


CASES = {
    **{
        f"{name}_{kind}_single_step": rule(f"{name}_{kind}_single_step", right, space)
        for name in ("stdp", "mstdp")
        for kind, right, space in (
            ("linear", DENSE, "3"),
            ("conv1d", ROW, "2, length"),
            ("conv2d", IMAGE, "2, height, width"),
        )
    },
    "mstdpet_linear_single_step": rule("mstdpet_linear_single_step", DENSE, "3"),
    "eligibility_trace": Case(
        (stdp_learner.eligibility_trace,),
        stdp_learner.eligibility_trace,
        lambda: {"trace": None, "eligibility": torch.ones(3), "tau_trace": 2.0},
        [
            Row("eligibility", [1.0], TypeError, r"eligibility is a list; pass a torch\.Tensor"),
            Row("trace", 0.0, TypeError, r"trace is a float; pass a torch\.Tensor"),
            Row("trace", Elementwise(), TypeError, r"trace is a Elementwise; pass a torch\.Tensor"),
            Row("trace", torch.ones(2), ValueError, r"trace has shape \(2,\), eligibility \(3,\); start"),
            Row("trace", torch.ones(3, device="meta"), ValueError, "trace is on meta, eligibility on cpu; move"),
            *taus("tau_trace", least=0),
        ],
    ),
    **{
        kind.__name__: learner(kind)
        for kind in (stdp_learner.STDPLearner, stdp_learner.MSTDPLearner, stdp_learner.MSTDPETLearner)
    },
}
