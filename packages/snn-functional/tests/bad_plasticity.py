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
        yield Row(name, 0.5, TypeError, rf"{name} must be a function of the weights, .*, got 0\.5")
        yield Row(name, lambda w: None, TypeError, f"{name} must return a number or a tensor, got NoneType")
        yield Row(name, lambda w: w.new_ones(9), ValueError, rf"{name} must return one scale .*, got shape \(9,\)")


def taus(*names, least):
    """Rows of time constants."""
    below = 0.5 if least == 1 else 0
    for name in names:
        yield Row(name, below, ValueError, f"{name} must be (at least 1 step|greater than 0).*, got {below}")
        yield Row(name, -1.0, ValueError, rf"{name} must be (at least 1 step|greater than 0).*, got -1\.0")
        yield Row(name, math.nan, ValueError, f"{name} must be (at least 1 step|greater than 0).*, got nan")
        yield Row(name, "2", TypeError, f"{name} must be a number of steps, got '2'")
        yield Row(name, True, TypeError, f"{name} must be a number of steps, got True")


def traces(name, spikes):
    yield Row(name, math.nan, ValueError, f"{name} must be finite, got nan")
    yield Row(name, math.inf, ValueError, f"{name} must be finite, got inf")
    yield Row(name, "none", TypeError, f"{name} must be what the last step returned, .*, got str")
    yield Row(
        name, spikes[1:], ValueError, rf"{name} must have the shape .*, got \(3, .*Fix: start a batch .* with None"
    )
    yield Row(
        name, spikes.to("meta"), ValueError, rf"{name} must be on cpu .*, got meta\. Fix: pass {name}\.to\('cpu'\)"
    )


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
            Row(argument, wrong, TypeError, rf"{argument} must be an nn\.{kind}, got Conv3d"),
            Row("in_spike", [1.0], TypeError, r"in_spike must be a torch\.Tensor of spikes, got list"),
            Row(
                "in_spike",
                spk_in.to(torch.complex64),
                TypeError,
                r"in_spike must be real numbers, got dtype torch\.complex64",
            ),
            Row("in_spike", torch.ones(()), ValueError, rf"in_spike must have shape \[batch, {space}\] .*, got \(\)"),
            Row(
                "in_spike",
                torch.cat([spk_in] * 2, 1),
                ValueError,
                rf"in_spike must have shape \[batch, {space}\] .*, got \(4",
            ),
            Row(
                "in_spike",
                spk_in.to("meta"),
                ValueError,
                r"in_spike must be on cpu like the weights, got meta\. Fix: move one to the other's device",
            ),
            Row("out_spike", None, TypeError, r"out_spike must be a torch\.Tensor of spikes, got NoneType"),
            Row(
                "out_spike",
                spk_out.to(torch.complex64),
                TypeError,
                r"out_spike must be real numbers, got dtype torch\.complex64",
            ),
            Row("out_spike", spk_out[1:], ValueError, r"out_spike must have the shape \(4, .*"),
            Row("out_spike", spk_out[..., :-1], ValueError, r"out_spike must have the shape \(4, .*"),
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
        Row("reward", [1.0, 2.0], TypeError, "reward must be a number or a real tensor, got list"),
        Row(
            "reward",
            torch.ones(2, dtype=torch.complex64),
            TypeError,
            r"reward must be a number or a real tensor, got torch\.complex64",
        ),
        Row(
            "reward",
            torch.ones(3),
            ValueError,
            r"reward must be a number, or have shape \[2\] or \[6, 2\] for 6 .* samples, got shape \(3,\)",
        ),
        Row(
            "reward",
            torch.ones(6),
            ValueError,
            r"reward must be a number, or have shape \[2\] or \[6, 2\] for 6 .* samples, got shape \(6,\)",
        ),
        Row(
            "reward",
            torch.ones(2, device="meta"),
            ValueError,
            r"reward must be on cpu like the weights, got meta\. Fix: pass reward\.to\(weight\.device\)",
        ),
        Row("reward", math.nan, ValueError, "reward must be finite, got nan"),
        Row("reward", torch.tensor([1.0, -math.inf]), ValueError, "reward must be finite, got -inf"),
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
            Row(
                "synapse", nn.ReLU(), TypeError, r"synapse must be an nn\.Linear or nn\.Conv1d or nn\.Conv2d, got ReLU"
            ),
            Row("sn", None, TypeError, "sn must be the module of the neurons after the synapse, got NoneType"),
            *taus("tau_pre", "tau_post", *late, least=least),
            *scales(),
            Row("scale", "2", TypeError, "scale must be a number, got '2'"),
            Row("scale", math.nan, ValueError, "scale must be finite, got nan"),
            Row(
                "record",
                False,
                RuntimeError,
                r"there are no spikes to learn from\. Fix: run the net before each step\(\),",
                named="spikes",
            ),
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
            Row("eligibility", [1.0], TypeError, r"eligibility must be a torch\.Tensor, got list"),
            Row("trace", 0.0, TypeError, r"trace must be a torch\.Tensor, got float"),
            Row("trace", Elementwise(), TypeError, r"trace must be a torch\.Tensor, got Elementwise"),
            Row(
                "trace",
                torch.ones(2),
                ValueError,
                r"trace must have the shape of .* \(3,\), got \(2,\)\. Fix: start a batch of another shape",
            ),
            Row(
                "trace",
                torch.ones(3, device="meta"),
                ValueError,
                r"trace must be on cpu like eligibility, got meta\. Fix: move one to the other's device",
            ),
            *taus("tau_trace", least=0),
        ],
    ),
    **{
        kind.__name__: learner(kind)
        for kind in (stdp_learner.STDPLearner, stdp_learner.MSTDPLearner, stdp_learner.MSTDPETLearner)
    },
}
