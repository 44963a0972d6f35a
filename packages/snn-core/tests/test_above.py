"""A comparison written as numbers: those of the comparison itself, for whoever watches and whoever does not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

import snn_core as snn
from snn_core.surrogate.step import above, is_watched

NUMBERS = torch.tensor([math.nan, -math.inf, -1.0, -1e-45, -0.0, 0.0, 1e-45, 0.5, 1.0, math.inf])
LAYOUTS = {
    "contiguous": lambda: torch.randn(3, 4, 5),
    "channels last": lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "transposed": lambda: torch.randn(4, 5).t(),
    "permuted": lambda: torch.randn(2, 3, 4).permute(2, 0, 1),
    "strided": lambda: torch.randn(4, 6)[:, ::2],
    "expanded": lambda: torch.randn(1, 5).expand(3, 5),
    "one number": lambda: torch.randn(()),
    "empty": lambda: torch.randn(0, 3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_values_dtype_and_layout_are_those_of_the_comparison(make, dtype: torch.dtype) -> None:
    x = make().to(dtype)
    for bound in (0, 0.25, torch.tensor(0.25, dtype=dtype), torch.rand(x.shape[-1:], dtype=dtype)):
        expected = (x > bound).to(dtype)
        fired = above(x, bound)
        assert fired.dtype == dtype
        assert fired.shape == expected.shape
        assert fired.stride() == expected.stride()
        assert fired.equal(expected)


@pytest.mark.parametrize("bound", NUMBERS.tolist())
def test_nan_infinity_and_subnormal_numbers_compare_as_ever(bound: float) -> None:
    assert above(NUMBERS, bound).tolist() == [float(x > bound) for x in NUMBERS.tolist()]
    assert above(NUMBERS, torch.tensor(bound)).tolist() == [float(x > bound) for x in NUMBERS.tolist()]


def test_there_is_no_gradient_and_the_arguments_stay_as_they_are() -> None:
    x, bound = torch.tensor([0.5, 2.0], requires_grad=True), torch.tensor(1.0, requires_grad=True)
    fired = above(x, bound)
    assert not fired.requires_grad
    assert (x._version, bound._version) == (0, 0)
    fired.add_(1)
    assert x.tolist() == [0.5, 2.0]


class Calls(TorchFunctionMode):
    """The names and options of the functions that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, list[str]]] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls.append((getattr(func, "__name__", ""), list(kwargs or {})))
        return func(*args, **(kwargs or {}))


def test_a_function_mode_sees_a_comparison_that_writes_into_nothing() -> None:
    x = torch.tensor([-1.0, 1.0])
    with Calls() as watching:
        assert is_watched(x)
        fired = above(x)
    assert fired.tolist() == [0.0, 1.0]
    assert "gt" in [name.strip("_") for name, _ in watching.calls]
    assert not any("out" in options for _, options in watching.calls)


def test_a_graph_of_operations_has_a_comparison_that_writes_into_nothing() -> None:
    graph = make_fx(lambda x: above(x))(torch.randn(3)).graph
    targets = [str(node.target) for node in graph.nodes if node.op == "call_function"]
    assert any("gt" in target for target in targets)
    assert not any("out" in target for target in targets)


def test_a_program_traced_by_torch_runs_on_other_numbers() -> None:
    traced = torch.jit.trace(above, torch.tensor([-1.0, 1.0]))
    assert traced(torch.tensor([2.0, -2.0, 3.0])).tolist() == [1.0, 0.0, 1.0]


def test_a_tensor_of_another_class_keeps_its_class() -> None:
    class Named(Tensor):
        pass

    x = torch.tensor([-1.0, 1.0]).as_subclass(Named)
    assert is_watched(x)
    assert type(above(x)) is Named


@pytest.mark.parametrize("inhibition", [False, True])
def test_a_learned_threshold_of_each_neuron_resets_as_before(inhibition: bool) -> None:
    torch.manual_seed(1)
    lif = snn.Leaky(beta=0.8, threshold=torch.tensor([0.5, 1.0, 1.5]), learn_threshold=True, inhibition=inhibition)
    xs = torch.rand(20, 4, 3) * 2
    mem, spikes = torch.zeros(4, 3), []
    threshold = lif.threshold.detach()
    state = None
    for x in xs:
        excess = mem - threshold
        fired = excess > 0
        if inhibition:
            fired &= torch.nn.functional.one_hot(excess.argmax(1), 3).bool()
        mem = 0.8 * mem + x - fired * threshold
        spk, state = lif.step(x, state)
        torch.testing.assert_close(state.mem.detach(), mem, rtol=1e-5, atol=1e-6)
        spikes.append(spk)
    torch.stack(spikes).sum().backward()
    assert lif.threshold.grad is not None
    assert lif.threshold.grad.isfinite().all()
