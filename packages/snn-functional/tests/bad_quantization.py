"""Bad input for quantized states, weights and nets."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils import parametrize

import snn_core as snn
from snn_functional import quant

from .refusal import Case, Row, made_and

GRID = quant.fixed_point(8, 4)
WEIGHTS = quant.weight_quant(8, power_of_two=True)


def leaky(beta=0.75, grid=GRID, **options):
    return snn.Leaky(beta, init_hidden=True, state_quant=grid, **options)


def rounded(layer):
    parametrize.register_parametrization(layer, "weight", WEIGHTS)
    parametrize.register_parametrization(layer, "bias", WEIGHTS)
    return layer


def wide_layer(weight):
    layer = nn.Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, weight)
    return layer


def numbers(name):
    """Rows of what cannot be rounded."""
    return [
        Row(name, [0.5], TypeError, rf"{name} is a list; .* rounds tensors: pass torch\.as_tensor"),
        Row(name, torch.ones(3, dtype=torch.long), TypeError, rf"{name} has dtype torch\.int64; .* pass {name}\.float"),
        Row(name, torch.ones(3, dtype=torch.bool), TypeError, rf"{name} has dtype torch\.bool; "),
        Row(name, torch.ones(3, dtype=torch.complex64), TypeError, rf"{name} has dtype torch\.complex64; "),
    ]


def bits(least, most, name="num_bits"):
    return [
        Row(name, least - 1, ValueError, f"{name} is {least - 1}; .*{least} to "),
        Row(name, most + 1, ValueError, f"{name} is {most + 1}; .*{least} to {most}"),
        Row(name, 8.0, TypeError, rf"{name} is 8\.0; pass an int from {least} to {most}"),
        Row(name, "8", TypeError, f"{name} is '8'; pass an int"),
        Row(name, True, TypeError, f"{name} is True; pass an int"),
    ]


def limit(name):
    return [
        Row(name, math.nan, ValueError, f"{name} is nan; pass a finite number"),
        Row(name, math.inf, ValueError, f"{name} is inf; pass a finite"),
        Row(name, torch.ones(3), TypeError, f"{name} is a Tensor; pass a number"),
        Row(name, True, TypeError, f"{name} is a bool; pass a number"),
    ]


def cannot(net, error, message, named):
    """A row of a net that integers cannot follow."""
    return Row("net", net, error, message, named=named)


GEOMETRIC = {"uniform": False}
NETS = [
    Row("net", "net", TypeError, r"net is a str; pass an nn\.Module"),
    cannot(nn.ReLU(), TypeError, "ReLU has no integer form; .* Linear, Conv1d, Conv2d, Leaky", "ReLU"),
    cannot(nn.Sequential(nn.Identity(), nn.ReLU()), TypeError, r"1 \(ReLU\) has no integer form; ", "ReLU"),
    cannot(snn.Synaptic(0.5, 0.5, init_hidden=True), TypeError, "Synaptic has no integer form; ", "Synaptic"),
    cannot(type("Mine", (snn.Leaky,), {})(0.5), TypeError, "Mine has no integer form; ", "Mine"),
    cannot(snn.Leaky(0.5, init_hidden=True), TypeError, "Leaky: state_quant is .*; .*quant.fixed_point", "state_quant"),
    cannot(
        snn.Leaky(0.5, init_hidden=True, state_quant=quant.state_quant(4)),
        TypeError,
        r"Leaky: state_quant is state_quant\(num_bits=4",
        "state_quant",
    ),
    cannot(snn.Leaky(0.5, state_quant=GRID), ValueError, "init_hidden is False; .*init_hidden=True", "init_hidden"),
    cannot(leaky(inhibition=True), ValueError, "inhibition is True; .*inhibition=False", "inhibition"),
    cannot(leaky(spike_grad=torch.sigmoid), TypeError, "spike_grad is .*sigmoid.*; pass one of", "spike_grad"),
    cannot(leaky(1 / 3), ValueError, "Leaky: beta has more than 24 bits after the point; round it", "beta"),
    cannot(leaky(threshold=1 + 1 / 32), ValueError, "threshold has 5 bits after .*, its membrane 4; ", "threshold"),
    cannot(leaky(threshold=math.inf), ValueError, "threshold is not finite; ", "threshold"),
    cannot(leaky(threshold=2.0**40), ValueError, "threshold needs integers of more than 32 bits; ", "threshold"),
    cannot(
        nn.Sequential(nn.Linear(3, 2)),
        ValueError,
        r"0 \(Linear\): ((weight|bias) has more than 24|computes integers up to).*; ",
        "Linear",
    ),
    cannot(
        nn.Sequential(nn.Sequential(wide_layer(2.0**24))),
        ValueError,
        r"0\.0 \(Linear\) computes integers up to 33554432, but torch.float32 is exact up to 16777216; .*net.double",
        "Linear",
    ),
    # 3 (2^23 + 256) + 2^10 + 2^10: decay, membrane and threshold, input, and threshold, in units of 2^-10
    cannot(leaky(0.75, quant.fixed_point(24, 8)), ValueError, "Leaky computes integers up to 25168640, .*; ", "Leaky"),
    cannot(
        rounded(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")),
        ValueError,
        "padding_mode is 'circular'; ",
        "padding_mode",
    ),
    cannot(nn.MaxPool2d(2, return_indices=True), ValueError, "return_indices is True; ", "return_indices"),
    cannot(nn.Sequential(leaky(output=True), leaky()), ValueError, "last layer; 1 would", "output"),
    cannot(nn.Sequential(*[leaky()] * 2), ValueError, "0 and 1 are the same neuron .*; make two neurons", "neuron"),
]


def run_on_integers(x):
    on_integers = quant.integer(leaky())
    on_integers(torch.ones(1, 3, dtype=torch.long))
    return on_integers(x)


CASES = {
    "StateQuant": Case(
        (quant.StateQuant.forward,),
        lambda input_, levels: quant.StateQuant.apply(input_, levels),
        lambda: {"input_": torch.rand(3, 2), "levels": torch.tensor([0.0, 0.5, 1.0])},
        [
            Row("input_", [0.5], TypeError, "input_ is list; pass a tensor of real numbers"),
            Row(
                "input_", torch.ones(3, dtype=torch.long), TypeError, r"input_ has dtype torch\.int64; .*input_\.float"
            ),
            Row("input_", torch.ones(3, dtype=torch.complex64), TypeError, r"input_ is torch\.complex64; "),
            Row("levels", [0.5], TypeError, "levels is list; pass a tensor of real numbers"),
            Row("levels", torch.ones(3, dtype=torch.complex64), TypeError, r"levels is torch\.complex64; "),
            Row("levels", torch.ones(3, 1), ValueError, r"levels has shape \(3, 1\); pass one number for each level"),
            Row("levels", torch.ones(0), ValueError, r"levels has shape \(0,\); "),
            Row(
                "levels",
                torch.tensor([0.0, math.nan]),
                ValueError,
                "levels contains nan; a level must be a finite number",
            ),
        ],
    ),
    "state_quant": Case(
        (quant.state_quant, quant.state_quant.__call__),
        made_and(quant.state_quant, "__call__"),
        lambda: {"x": torch.ones(3)},
        [
            *bits(1, 16),
            *limit("threshold"),
            *limit("lower_limit"),
            *limit("upper_limit"),
            Row("threshold", 0, ValueError, "threshold is 0; it must be greater than 0"),
            Row("threshold", -1.5, ValueError, r"threshold is -1\.5; "),
            Row("lower_limit", -1.5, ValueError, r"lower_limit is -1\.5; .*at least -1"),
            Row("upper_limit", -0.5, ValueError, r"upper_limit is -0\.5; .*at least 0", others=GEOMETRIC),
            Row("upper_limit", -1, ValueError, "both -1; .* raise one of them", others={"lower_limit": -1}),
            Row("multiplier", 0, ValueError, r"multiplier is 0; .* in \(0, 1\]", others=GEOMETRIC),
            Row("multiplier", 1.5, ValueError, r"multiplier is 1\.5; ", others=GEOMETRIC),
            Row("multiplier", "0.5", TypeError, "multiplier is a str; pass a number or None", others=GEOMETRIC),
            Row("multiplier", True, TypeError, "multiplier is a bool; pass a number or None", others=GEOMETRIC),
            *numbers("x"),
            Row(
                "x",
                torch.ones(3, dtype=torch.float16),
                ValueError,
                r"levels up to 120000 do not fit torch\.float16; pass a state of a wider dtype",
                named="state",
                others={"threshold": 1e5},
            ),
        ],
    ),
    "weight_quant": Case(
        (quant.weight_quant, quant.weight_quant.forward),
        made_and(quant.weight_quant, "forward"),
        lambda: {"weight": torch.ones(3)},
        [
            *bits(2, 16),
            *bits(0, 24, "fraction_bits"),
            Row("fraction_bits", 4, ValueError, "fraction_bits is 4 and sets .*; leave", others={"power_of_two": True}),
            Row("fraction_bits", 4, ValueError, "leave out channel_axis", others={"channel_axis": 0}),
            Row("channel_axis", 0.0, TypeError, r"channel_axis is 0\.0; pass the number of an axis"),
            Row("channel_axis", 1, ValueError, r"channel_axis is 1; a weight of shape \(3,\) has no such axis"),
            *numbers("weight"),
        ],
    ),
    "fixed_point": Case(
        (quant.fixed_point, quant.fixed_point.integers),
        made_and(quant.fixed_point, "integers"),
        lambda: {"x": torch.ones(3)},
        [
            *bits(2, 32),
            *bits(0, 24, "fraction_bits"),
            Row("rounding", "up", ValueError, "rounding is 'up'; pass 'nearest' or 'floor'"),
            Row("rounding", None, ValueError, "rounding is None; pass"),
            *numbers("x"),
            Row("x", torch.tensor([1.0, math.nan]), ValueError, "x contains NaN, .*; remove it first"),
            Row(
                "num_bits",
                10,
                ValueError,
                r"num_bits is 10; torch\.bfloat16 holds only 9: pass fewer",
                others={"x": torch.ones(3, dtype=torch.bfloat16)},
            ),
        ],
    ),
    "integer": Case(
        (quant.integer,),
        quant.integer,
        lambda: {"net": leaky()},
        [*NETS, Row("inputs", 4, TypeError, r"inputs is 4; pass quant\.fixed_point")],
    ),
    "IntegerNet": Case(
        (quant.IntegerNet.forward,),
        run_on_integers,
        lambda: {"x": torch.ones(1, 3, dtype=torch.long)},
        [
            Row("x", [1], TypeError, r"x is a list; pass a torch\.Tensor of integers"),
            Row("x", torch.ones(1, 3), TypeError, r"x has dtype torch\.float32; pass int32 or int64"),
            Row("x", torch.ones(1, 3, dtype=torch.uint8), TypeError, r"x has dtype torch\.uint8; "),
            Row("x", torch.full((1, 3), 2**64 - 1, dtype=torch.uint64), TypeError, r"x has dtype torch\.uint64; "),
            Row(
                "x",
                torch.full((1, 3), -2),
                ValueError,
                "x contains an integer of magnitude 2; .* takes up to 1",
                "magnitude",
            ),
            Row(
                "x",
                torch.ones(2, 3, dtype=torch.long),
                ValueError,
                r"keeps a membrane of shape \(1, 3\).*\(2, 3\); .*utils\.reset",
                named="input",
            ),
        ],
    ),
}
