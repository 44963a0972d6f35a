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
        Row(name, [0.5], TypeError, rf"{name} must be a torch\.Tensor, got list\. Fix: pass torch\.as_tensor"),
        Row(
            name,
            torch.ones(3, dtype=torch.long),
            TypeError,
            rf"{name} must be .*, got dtype torch\.int64\. Fix: pass {name}\.float",
        ),
        Row(
            name,
            torch.ones(3, dtype=torch.bool),
            TypeError,
            rf"{name} must be floating-point numbers, got dtype torch\.bool",
        ),
        Row(
            name,
            torch.ones(3, dtype=torch.complex64),
            TypeError,
            rf"{name} must be floating-point numbers, got dtype torch\.complex64",
        ),
    ]


def bits(least, most, name="num_bits"):
    return [
        Row(name, least - 1, ValueError, f"{name} must be from {least} to {most}, got {least - 1}"),
        Row(name, most + 1, ValueError, f"{name} must be from {least} to {most}, got {most + 1}"),
        Row(name, 8.0, TypeError, rf"{name} must be an int from {least} to {most}, got 8\.0"),
        Row(name, "8", TypeError, f"{name} must be an int from {least} to {most}, got '8'"),
        Row(name, True, TypeError, f"{name} must be an int from {least} to {most}, got True"),
    ]


def limit(name):
    return [
        Row(name, math.nan, ValueError, f"{name} must be finite, got nan"),
        Row(name, math.inf, ValueError, f"{name} must be finite, got inf"),
        Row(name, torch.ones(3), TypeError, rf"{name} must be a number, got Tensor\. Fix: pass float\({name}\)"),
        Row(name, True, TypeError, f"{name} must be a number, got bool"),
    ]


def cannot(net, error, message, named):
    """A row of a net that integers cannot follow."""
    return Row("net", net, error, message, named=named)


GEOMETRIC = {"uniform": False}
NETS = [
    Row("net", "net", TypeError, r"net must be an nn\.Module, got str"),
    cannot(nn.ReLU(), TypeError, "ReLU has no integer form; .* Linear, Conv1d, Conv2d, Leaky", "ReLU"),
    cannot(nn.Sequential(nn.Identity(), nn.ReLU()), TypeError, r"1 \(ReLU\) has no integer form; ", "ReLU"),
    cannot(snn.Synaptic(0.5, 0.5, init_hidden=True), TypeError, "Synaptic has no integer form; ", "Synaptic"),
    cannot(type("Mine", (snn.Leaky,), {})(0.5), TypeError, "Mine has no integer form; ", "Mine"),
    cannot(
        snn.Leaky(0.5, init_hidden=True),
        TypeError,
        r"Leaky: state_quant must be quant\.fixed_point\(num_bits, .* of integers, got False",
        "state_quant",
    ),
    cannot(
        snn.Leaky(0.5, init_hidden=True, state_quant=quant.state_quant(4)),
        TypeError,
        r"Leaky: state_quant must be .* upper_limit=0\.2, multiplier=None\)",
        "state_quant",
    ),
    cannot(
        snn.Leaky(0.5, state_quant=GRID),
        ValueError,
        "Leaky: init_hidden must be True, as an integer net keeps its states, got False",
        "init_hidden",
    ),
    cannot(
        leaky(inhibition=True),
        ValueError,
        "Leaky: inhibition must be False, as an integer net has none, got True",
        "inhibition",
    ),
    cannot(
        leaky(spike_grad=torch.sigmoid),
        TypeError,
        r"Leaky: spike_grad must be one of snn\.surrogate, whose spikes are 0 or 1, got <built-in method sigmoid",
        "spike_grad",
    ),
    cannot(leaky(1 / 3), ValueError, r"Leaky: beta has more than 24 bits after the point\. Fix: round it, as", "beta"),
    cannot(
        leaky(threshold=1 + 1 / 32),
        ValueError,
        r"Leaky: threshold has 5 fractional bits, its membrane 4\. Fix: give state_quant as many",
        "threshold",
    ),
    cannot(leaky(threshold=math.inf), ValueError, "Leaky: threshold must be finite, got NaN or infinity", "threshold"),
    cannot(
        leaky(threshold=2.0**40),
        ValueError,
        r"Leaky: threshold needs integers of more than 32 bits\. Fix: round it to fewer, or scale it",
        "threshold",
    ),
    cannot(
        nn.Sequential(nn.Linear(3, 2)),
        ValueError,
        r"0 \(Linear\): weight has more than 24 bits after the point\. Fix: round it, as",
        "Linear",
    ),
    cannot(
        nn.Sequential(nn.Sequential(wide_layer(2.0**24))),
        ValueError,
        r"0\.0 \(Linear\) computes .* exact up to 16777216\. Fix: use fewer bits or a wider dtype,",
        "Linear",
    ),
    # 3 (2^23 + 256) + 2^10 + 2^10: decay, membrane and threshold, input, and threshold, in units of 2^-10
    cannot(
        leaky(0.75, quant.fixed_point(24, 8)),
        ValueError,
        r"Leaky computes integers up .* exact up to 16777216\. Fix: use fewer bits or a wider dtype,",
        "Leaky",
    ),
    cannot(
        rounded(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")),
        ValueError,
        "Conv2d: padding_mode must be 'zeros', got 'circular'",
        "padding_mode",
    ),
    cannot(
        nn.MaxPool2d(2, return_indices=True),
        ValueError,
        "MaxPool2d: return_indices must be False, as an integer net returns .* states alone, got True",
        "return_indices",
    ),
    cannot(nn.Sequential(leaky(output=True), leaky()), ValueError, "last layer; 1 would", "output"),
    cannot(
        nn.Sequential(*[leaky()] * 2),
        ValueError,
        r"0 and 1 are the same neuron and share its state\. Fix: make two neurons",
        "neuron",
    ),
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
            Row("input_", [0.5], TypeError, "input_ must be a tensor of real numbers, got list"),
            Row(
                "input_",
                torch.ones(3, dtype=torch.long),
                TypeError,
                r"input_ must be floats, got dtype torch\.int64\. Fix: pass input_\.float\(\)",
            ),
            Row(
                "input_",
                torch.ones(3, dtype=torch.complex64),
                TypeError,
                r"input_ must be a tensor of real numbers, got torch\.complex64",
            ),
            Row("levels", [0.5], TypeError, "levels must be a tensor of real numbers, got list"),
            Row(
                "levels",
                torch.ones(3, dtype=torch.complex64),
                TypeError,
                r"levels must be a tensor of real numbers, got torch\.complex64",
            ),
            Row(
                "levels",
                torch.ones(3, 1),
                ValueError,
                r"levels must have one number for each level, \[number\], got shape \(3, 1\)",
            ),
            Row(
                "levels",
                torch.ones(0),
                ValueError,
                r"levels must have one number for each level, \[number\], got shape \(0,\)",
            ),
            Row(
                "levels",
                torch.tensor([0.0, math.nan]),
                ValueError,
                "levels must be finite, got nan",
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
            Row("threshold", 0, ValueError, "threshold must be greater than 0, got 0"),
            Row("threshold", -1.5, ValueError, r"threshold must be greater than 0, got -1\.5"),
            Row("lower_limit", -1.5, ValueError, r"lower_limit must be at least -1 for these levels, got -1\.5"),
            Row(
                "upper_limit",
                -0.5,
                ValueError,
                r"upper_limit must be at least 0 for these levels, got -0\.5",
                others=GEOMETRIC,
            ),
            Row(
                "upper_limit",
                -1,
                ValueError,
                r"lower_limit and upper_limit are both .* leaves an empty range\. Fix: increase one of them",
                others={"lower_limit": -1},
            ),
            Row("multiplier", 0, ValueError, r"multiplier must be in \(0, 1\], got 0", others=GEOMETRIC),
            Row("multiplier", 1.5, ValueError, r"multiplier must be in \(0, 1\], got 1\.5", others=GEOMETRIC),
            Row("multiplier", "0.5", TypeError, "multiplier must be a number or None, got str", others=GEOMETRIC),
            Row("multiplier", True, TypeError, "multiplier must be a number or None, got bool", others=GEOMETRIC),
            *numbers("x"),
            Row(
                "x",
                torch.ones(3, dtype=torch.float16),
                ValueError,
                r"levels up to 120000 do not fit torch\.float16\. Fix: pass a state of a wider dtype",
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
            Row(
                "fraction_bits",
                4,
                ValueError,
                r"fraction_bits is 4 and sets the step\. Fix: leave out channel_axis and",
                others={"power_of_two": True},
            ),
            Row("fraction_bits", 4, ValueError, "leave out channel_axis", others={"channel_axis": 0}),
            Row("channel_axis", 0.0, TypeError, r"channel_axis must be the number of an axis or None, got 0\.0"),
            Row("channel_axis", 1, ValueError, r"channel_axis must be an axis of the weight of shape \(3,\), got 1"),
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
            Row("rounding", "up", ValueError, "rounding must be 'nearest' or 'floor', got 'up'"),
            Row("rounding", None, ValueError, "rounding must be 'nearest' or 'floor', got None"),
            *numbers("x"),
            Row(
                "x",
                torch.tensor([1.0, math.nan]),
                ValueError,
                r"x contains NaN, which no integer can represent\. Fix: remove it first",
            ),
            Row(
                "num_bits",
                10,
                ValueError,
                r"num_bits must be at most 9 for torch\.bfloat16, got 10\. Fix: pass a wider dtype",
                others={"x": torch.ones(3, dtype=torch.bfloat16)},
            ),
        ],
    ),
    "integer": Case(
        (quant.integer,),
        quant.integer,
        lambda: {"net": leaky()},
        [
            *NETS,
            Row(
                "inputs",
                4,
                TypeError,
                r"inputs must be quant\.fixed_point\(num_bits, fraction_bits\), or None for spikes, got 4",
            ),
        ],
    ),
    "IntegerNet": Case(
        (quant.IntegerNet.forward,),
        run_on_integers,
        lambda: {"x": torch.ones(1, 3, dtype=torch.long)},
        [
            Row("x", [1], TypeError, r"x must be a torch\.Tensor of integers, got list"),
            Row(
                "x",
                torch.ones(1, 3),
                TypeError,
                r"x must be int32 or int64, got dtype torch\.float32\. Fix: pass fixed_point\.integers\(x\) or",
            ),
            Row(
                "x",
                torch.ones(1, 3, dtype=torch.uint8),
                TypeError,
                r"x must be int32 or int64, got dtype torch\.uint8\. Fix: pass fixed_point\.integers\(x\) or",
            ),
            Row(
                "x",
                torch.full((1, 3), 2**64 - 1, dtype=torch.uint64),
                TypeError,
                r"x must be int32 or int64, got dtype torch\.uint64\. Fix: pass fixed_point\.integers\(x\) or",
            ),
            Row(
                "x",
                torch.full((1, 3), -2),
                ValueError,
                r"x contains an integer of magnitude 2, but .* takes up to 1\. Fix: make it with integer\(net,",
                "magnitude",
            ),
            Row(
                "x",
                torch.ones(2, 3, dtype=torch.long),
                ValueError,
                r"the neuron keeps a membrane of .* input takes \(2, 3\)\. Fix: call snn\.utils\.reset\(net\)",
                named="input",
            ),
        ],
    ),
}
