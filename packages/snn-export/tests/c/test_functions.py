"""Functions that a forward calls, in C."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import snn_core as snn
import snn_export
from in_c.compiling import as_row
from snn_export.c import lowering


class Calls(nn.Module):
    """Weights of channels and of columns, a neuron, and a function of them."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.channel = nn.Parameter(torch.rand(3, 1, 1) + 0.5)
        self.column = nn.Parameter(torch.rand(4))
        self.neuron = snn.Leaky(0.9, init_hidden=True)

    def forward(self, x):
        return self.function(self, x)


def in_place(net, x):
    spk = net.neuron(x) * 2
    spk += x
    return spk


def several(net, x):
    spk = net.neuron(x)
    return {"first": spk, "again": spk, "input": x, "rows": spk.flatten(1)}


FUNCTIONS = {
    "clamps": lambda net, x: x.clamp(0.2, 0.7) + x.clamp_min(0.5),
    "arithmetic": lambda net, x: (1 - x) / 2 + 2 / (x + 1) - x**2 + x**3 + x**-1.5 * (-x),
    "channels": lambda net, x: x * net.channel + net.column,
    "leading axes": lambda net, x: x * net.channel[None] + net.column[None, None, None],
    "extremes": lambda net, x: torch.minimum(x, torch.maximum(x * x, 1 - x)),
    "activations": lambda net, x: F.relu6(x * 10) + F.hardtanh(x * 3) + F.relu(-x),
    "curves": lambda net, x: torch.sigmoid(x) * torch.tanh(x).abs().sqrt(),
    "conditions": lambda net, x: torch.where(x > 0.5, x, 2 * x) + (x < 0.25).float() + (x <= 0.75).to(x.dtype) * x,
    "truth": lambda net, x: F.relu(x - 0.5).to(torch.bool).float() + 2 * F.relu(0.25 - x).type(torch.bool).to(x.dtype),
    "in place": in_place,
    "several": several,
    "centered": lambda net, x: x - x.mean((2, 3), keepdim=True),
    "last axis": lambda net, x: x * torch.sigmoid(x.sum(-1, keepdim=True)),
    "largest": lambda net, x: x.amax((1, 2, 3)),
    "shapes": lambda net, x: x.view(x.shape[0], -1).reshape(x.size(0), 3, 20).unsqueeze(1).squeeze(1),
    "rows": lambda net, x: torch.cat([x, 2 * x], 2),
    "columns": lambda net, x: torch.cat([x, net.neuron(x), x + 1], -1),
    "made": lambda net, x: x + torch.ones(3, 5, 4),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_what_it_gives_in_pytorch(name, compiler, tmp_path):
    net = Calls(FUNCTIONS[name]).eval()
    xs = torch.rand(20, 2, 3, 5, 4)
    compiled, run = compiler(net, xs[0], tmp_path / "c"), snn.stream(net)
    for x in xs[:, :1]:
        torch.testing.assert_close(compiled(x), as_row(run(x)), rtol=2e-6, atol=1e-6)


def test_a_condition_is_not_a_number():
    with pytest.raises(ValueError, match=r"computes with a condition; turn it into numbers with \.float"):
        snn_export.export(Calls(lambda net, x: (x > 0) + (x > 0.5)), torch.rand(1, 3, 5, 4), format="c")


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(1 * x).float()  # a tensor that may be changed in place


# numbers on both sides of every bound, and on the bounds
WIDE = torch.tensor([[-30.0, -6.5, -1.25, -1.0, -0.75, -0.3, -0.0, 0.0, 0.3, 0.5, 1.0, 1.25, 3.0, 6.5, 30.0]])
BINARY = "add sub mul div rsub minimum maximum gt ge lt le eq ne".split()
UNARY = "relu relu6 sigmoid tanh abs neg sign floor square sqrt rsqrt reciprocal exp expm1 log log1p sin cos".split()


def squared(x):
    return x * x


# functions, and their operands after the input
CASES = {
    **{name: (name, {}) for name in UNARY},
    **{f"{name} a number": (name, {"other": 1.25}) for name in BINARY if not name.endswith("imum")},
    **{f"{name} a tensor": (name, {"other": squared}) for name in BINARY},
    "pow a number": ("pow", {"exponent": 2.5}),
    "pow 2": ("pow", {"exponent": 2}),
    "pow a tensor": ("pow", {"exponent": torch.sin}),
    "clamp": ("clamp", {"min": -0.75, "max": 1.25}),
    "clamp below": ("clamp", {"min": 0.5}),
    "clamp above": ("clamp", {"min": None, "max": -0.75}),
    "clamp to nothing": ("clamp", {"min": float("-inf"), "max": float("inf")}),
    "clamp to tensors": ("clamp", {"min": torch.sin, "max": squared}),
    "clamp_min": ("clamp_min", {"min": 0.5}),
    "clamp_max": ("clamp_max", {"max": -0.75}),
    "hardtanh": ("hardtanh", {}),
    "hardtanh below": ("hardtanh", {"min_val": -0.3}),
    "hardtanh above": ("hardtanh", {"min_val": -1.0, "max_val": 3.0}),
    "hardtanh between": ("hardtanh", {"min_val": -0.3, "max_val": 0.5}),
    "where": ("where", {"condition": lambda x: x > 0.5, "input": lambda x: -x, "other": squared}),
    "where a number": ("where", {"condition": lambda x: x > 0.5, "input": lambda x: -x, "other": 1.25}),
    "rdiv": ("rdiv", {}),
}
# other ways to write them
OTHERS = {
    "relu": [nn.ReLU(), nn.ReLU(inplace=True), lambda x: x.clamp(min=0), lambda x: x.relu_()],
    "relu6": [nn.ReLU6(), nn.Hardtanh(0.0, 6.0), lambda x: x.clamp(0, 6), lambda x: F.hardtanh(x, 0.0, 6.0)],
    "sigmoid": [nn.Sigmoid()],
    "tanh": [nn.Tanh()],
    "neg": [lambda x: -x],
    "abs": [abs],
    "add a number": [lambda x: x + 1.25, lambda x: 1.25 + x],
    "sub a number": [lambda x: x - 1.25, lambda x: torch.subtract(x, other=1.25)],
    "rsub a number": [lambda x: 1.25 - x],
    "mul a number": [lambda x: x * 1.25, lambda x: 1.25 * x, lambda x: torch.multiply(x, other=1.25)],
    "div a number": [lambda x: x / 1.25, lambda x: torch.true_divide(x, other=1.25)],
    "rdiv": [lambda x: 1.25 / x, lambda x: x.__rdiv__(1.25)],
    "pow 2": [lambda x: x**2, torch.square],
    "gt a number": [lambda x: x > 1.25],
    "clamp": [lambda x: x.clamp(-0.75, 1.25), lambda x: x.clamp_(max=1.25, min=-0.75), nn.Hardtanh(-0.75, 1.25)],
    "clamp below": [lambda x: x.clamp_min(0.5), lambda x: x.clamp_(min=0.5), lambda x: x.clamp_min_(0.5)],
    "clamp above": [lambda x: x.clamp_max(-0.75), lambda x: torch.clamp(max=-0.75, input=x)],
    "hardtanh": [nn.Hardtanh(), lambda x: x.clamp(-1, 1)],
    "hardtanh between": [nn.Hardtanh(-0.3, 0.5), nn.Hardtanh(max_val=0.5, min_val=-0.3), lambda x: x.clamp(-0.3, 0.5)],
    "hardtanh above": [nn.Hardtanh(max_val=3.0), lambda x: F.hardtanh_(x, max_val=3.0)],
}


def forms(name):
    """Yield the calls of a function, with operands by position and by name, and other ways to write it."""
    function, operands = CASES[name]
    operands = operands if "input" in operands else {"input": lambda x: x, **operands}
    for owner in (torch, F, torch.Tensor):
        method, func = owner is torch.Tensor, getattr(owner, function, None)
        names = sorted(operands, key=lambda name: method and name != "input")  # the input is self
        for count in range(method, len(names) + 1) if func is not None else ():

            def form(x, func=func, names=names, count=count):
                values = {n: value(x) if callable(value) else value for n, value in operands.items()}
                named = {n: values[n] for n in names[count:] if values[n] is not None}
                return func(*(values[n] for n in names[:count]), **named)

            yield form
    yield from OTHERS.get(name, ())


def test_every_function_that_c_knows_has_a_case():
    assert {function for function, _ in CASES.values()} == lowering._FUNCTIONS


@pytest.mark.parametrize("name", CASES)
def test_every_form_of_a_call_gives_the_same_text_and_the_numbers_of_pytorch(name, compiler, tmp_path):
    exports = [snn_export.export(Function(form).eval(), WIDE, format="c") for form in forms(name)]
    texts = {re.sub(r"/\*.*?\*/|\blayer_\w+", "", export.files["net.c"]) for export in exports}  # without its names
    assert len(texts) == 1
    out = compiler(Function(next(forms(name))).eval(), WIDE, tmp_path)(WIDE)
    for form in forms(name):
        torch.testing.assert_close(out, form(1 * WIDE)[0].float(), rtol=2e-6, atol=1e-6, equal_nan=True)


class Weighted(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(2, 3, 3, 3))
        self.bias = nn.Parameter(torch.randn(2))

    def forward(self, x):
        return self.function(self, 1 * x)


# layers and others whose input is passed by name, and the shape of a sample
LAYERS = {
    "linear": (lambda net, x: F.linear(weight=net.weight[0, 0], input=x), (3,)),
    "linear with a bias": (lambda net, x: F.linear(bias=net.bias, input=x, weight=net.weight[:, 0, 0]), (3,)),
    "conv1d": (lambda net, x: F.conv1d(input=x, stride=2, weight=net.weight[0]), (3, 7)),
    "conv2d": (lambda net, x: torch.conv2d(input=x, weight=net.weight, bias=net.bias, padding=1), (3, 7, 6)),
    "max_pool2d": (lambda net, x: torch.max_pool2d(input=x, kernel_size=2), (3, 7, 6)),
    "avg_pool2d": (lambda net, x: F.avg_pool2d(kernel_size=(2, 3), input=x), (3, 7, 6)),
    "sum": (lambda net, x: torch.sum(dim=(-1,), input=x), (3, 7)),
    "amax": (lambda net, x: torch.amax(input=x, keepdim=True, dim=-1), (3, 7)),
    "flatten": (lambda net, x: torch.flatten(input=x, start_dim=1), (3, 7)),
    "cat": (lambda net, x: torch.cat(dim=2, tensors=[x, 2 * x]), (3, 7)),
    "clone": (lambda net, x: torch.clone(input=x), (3, 7)),
    "in place": (lambda net, x: torch.relu_(input=x), (3, 7)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_an_input_passed_by_name_is_the_one_of_pytorch(name, compiler, tmp_path):
    function, shape = LAYERS[name]
    net, xs = Weighted(function).eval(), torch.randn(5, 1, *shape)
    compiled = compiler(net, xs[0], tmp_path)
    for x in xs:
        torch.testing.assert_close(compiled(x), as_row(net(x)), rtol=2e-6, atol=2e-6)


DILATED = {"kernel_size": (2, 3), "padding": 1, "dilation": (3, 2)}
WINDOWS = [
    *({**DILATED, "stride": stride, "ceil_mode": ceil} for stride in (1, 2) for ceil in (False, True)),
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": (3, 2), "stride": 1, "dilation": (1, 4)},
    {"kernel_size": 2},
]


@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_the_largest_of_a_window_is_that_of_pytorch(options, compiler, tmp_path):
    layer, xs = nn.MaxPool2d(**options), -torch.rand(5, 1, 2, 8, 7)
    xs[4, 0, 1, 3, 2] = float("nan")
    compiled = compiler(Function(lambda x: layer(1 * x)), xs[0], tmp_path)
    for x in xs:
        torch.testing.assert_close(compiled(x), as_row(layer(x)), rtol=0, atol=0, equal_nan=True)


@pytest.mark.filterwarnings("ignore:This overload of add is deprecated")
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.add(x, 2, x), r"'add' has 3 arguments; in C it takes input, other"),
        (lambda x: torch.add(x, x2=x), r"'add' has the argument 'x2'; in C it takes input, other"),
        (lambda x: torch.add(x, other=x, alpha=2), "'add' with these options"),
        (lambda x: torch.div(x, other=2, rounding_mode="floor"), "'div' with these options"),
        (lambda x: torch.sum(x=x, dim=1), "'sum' has no argument 'input'"),
        (lambda x: x.clamp(min=float("inf")), "the number inf"),
    ],
)
def test_an_argument_that_c_does_not_know_is_named(function, message):
    with pytest.raises(ValueError, match=message):
        snn_export.export(Function(function), WIDE, format="c")
