"""Linear layers inside unroll: what is registered computes them where that is one plain call, and nothing else does."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode

import snn_core as snn
from snn_core.engines import products
from snn_core.graph.steps import Pass, TorchLayer
from snn_core.kernels import register, unregister

T, B, N = 6, 3, 5


class Recorded:
    """A product that is torch's own and remembers its calls."""

    name, device, gains = "recorded", "cpu", "remembers where called"

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.calls: list[tuple[int, ...]] = []

    def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> str | None:
        return self.refusal

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, str]:
        self.calls.append(tuple(x.shape))
        return F.linear(x, weight, bias), "computed by torch"


@pytest.fixture
def product() -> Iterator[Recorded]:
    record = Recorded()
    register("linear", record)
    yield record
    unregister("linear", record)


def lif(**options: Any) -> snn.Leaky:
    return snn.Leaky(beta=0.9, init_hidden=True, **options)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(N, 4), lif(), nn.Sequential(nn.Linear(4, 2, bias=False), lif()))


def xs() -> Tensor:
    return 2 * torch.rand(T, B, N)


def how_of(module: nn.Module, data: Tensor | None = None, **options: Any) -> dict[str, str]:
    schedule = snn.unroll(module, xs() if data is None else data, explain=True, **options)[1]
    return {layer.path: layer.how for layer in schedule.layers if layer.kind.endswith("Linear")}


def untouched(module: nn.Module) -> bool:
    return not any("forward" in m.__dict__ for m in module.modules())


def test_every_linear_layer_sees_all_steps_at_once(product: Recorded) -> None:
    snn.unroll(net(), xs())
    assert product.calls == [(T * B, N), (T * B, 4)]


def test_the_schedule_names_what_will_and_what_did_compute(product: Recorded) -> None:
    assert products.expected("cpu") == "all steps at once; remembers where called (recorded)"
    assert how_of(net()) == dict.fromkeys(["0", "2.0"], "all steps at once; computed by torch (recorded)")
    product.refusal = "made to refuse"
    assert how_of(net())["0"].startswith("all steps at once; ")
    assert product.calls[2:] == []


def test_a_refusal_is_reported_and_the_one_registered_before_is_asked(product: Recorded) -> None:
    last = Recorded("made to refuse")
    register("linear", last)
    try:
        assert how_of(net())["0"] == "all steps at once; computed by torch (recorded)"
        product.refusal = "refuses too"
        reason = how_of(net())["0"]
    finally:
        unregister("linear", last)
    assert reason.startswith("all steps at once; dense product (recorded: made to refuse; recorded: refuses too")
    assert last.calls == []


def test_a_kernel_for_another_device_is_not_asked(product: Recorded) -> None:
    product.device = "meta"
    snn.unroll(net(), xs())
    assert product.calls == []
    assert products.expected("meta") == "all steps at once; remembers where called (recorded)"


def test_a_net_on_the_meta_device_runs(product: Recorded) -> None:
    assert snn.unroll(net().to("meta"), xs().to("meta")).shape == (T, B, 2)
    assert product.calls == []


@pytest.mark.parametrize("options", [{"schedule": "steps"}, {}], ids=["steps", "layers"])
def test_nothing_of_the_replacement_stays_with_the_net(product: Recorded, options: dict) -> None:
    module = net()
    snn.unroll(module, xs(), **options)
    assert untouched(module)
    assert len(product.calls) == (0 if options else 2)
    module(xs()[0])
    assert len(product.calls) == (0 if options else 2)
    for copied in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert untouched(copied)


def test_an_error_inside_the_block_leaves_nothing_behind(product: Recorded) -> None:
    module = net()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        snn.unroll(module, torch.rand(T, B, N + 1))
    assert untouched(module)
    assert len(product.calls) == 1


def test_values_and_gradients_are_those_of_the_loop(product: Recorded) -> None:
    module, data = net().double(), xs().double().requires_grad_()
    expected = snn.unroll(module, data, schedule="steps")
    inputs = [data, *module.parameters()]
    grads = torch.autograd.grad(expected.sum(), inputs)
    for options in ({}, {"chunk": 4}):
        out = snn.unroll(module, data, **options)
        torch.testing.assert_close(out, expected)
        torch.testing.assert_close(torch.autograd.grad(out.sum(), inputs), grads)
    assert {rows for rows, _ in product.calls} == {6 * B, 4 * B, 2 * B}


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.lif = nn.Linear(N, 2), lif()

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.fc(input=x))


def test_a_custom_forward_may_name_the_argument(product: Recorded) -> None:
    module = Named()
    snn.unroll(module, xs())  # which compares two steps first
    product.calls.clear()
    assert how_of(module) == {"fc": "all steps at once; computed by torch (recorded)"}
    assert product.calls == [(T * B, N)]
    assert untouched(module)


def computed(layer: nn.Module, x: Tensor) -> Tensor:
    """Return the functions that a plan calls for a layer."""
    run = Pass(layer, {"": layer}, None, {})
    return TorchLayer()(run, "", x)


def test_layers_that_a_neuron_holds_are_its_own(product: Recorded) -> None:
    module = nn.Sequential(snn.RLeaky(beta=0.9, linear_features=N, init_hidden=True), nn.Linear(N, 2), lif())
    snn.unroll(module, xs())
    assert product.calls == [(T * B, N)]


class Doubled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def test_a_custom_forward_is_kept(product: Recorded) -> None:
    for layer in (Doubled(N, 2), nn.Linear(N, 2)):
        if type(layer) is nn.Linear:
            layer.forward = lambda x: x[:, :2]
        before = layer(torch.ones(4, N))
        assert torch.equal(computed(layer, torch.ones(4, N)), before)
    assert product.calls == []
    assert "forward" in layer.__dict__


def test_a_subclass_that_computes_the_same_is_accepted(product: Recorded) -> None:
    class Plain(nn.Linear):
        pass

    layer = Plain(N, 2)
    computed(layer, torch.ones(4, N))
    assert product.calls == [(4, N)]


def test_a_parametrized_weight_is_computed_once_and_learns(product: Recorded) -> None:
    class Negative(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return -weight

    layer = nn.Linear(N, 2)
    parametrize.register_parametrization(layer, "weight", Negative())
    x = torch.rand(4, N)
    expected = layer(x)
    out = computed(layer, x)
    assert torch.equal(out, expected)
    original = layer.parametrizations.weight.original
    torch.testing.assert_close(*(torch.autograd.grad(o.sum(), original)[0] for o in (out, expected)))
    assert product.calls == [(4, N)]


class Counting(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class Own(Tensor):
    """A tensor of a class of its own."""


@pytest.mark.parametrize("case", ["autocast", "dispatch mode", "function mode", "vmap", "grad", "jvp", "subclass"])
def test_a_call_that_is_not_plain_goes_to_torch(product: Recorded, case: str) -> None:
    layer, x = nn.Linear(N, 2), torch.rand(4, N)
    expected = layer(x)

    def run(x: Tensor) -> Tensor:
        return computed(layer, x)

    if case == "autocast":
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert run(x).dtype == torch.bfloat16
    elif case == "dispatch mode":
        with Counting():
            assert torch.equal(run(x), expected)
    elif case == "function mode":
        with torch.device("cpu"):
            assert torch.equal(run(x), expected)
    elif case == "vmap":
        torch.testing.assert_close(torch.vmap(run)(x), expected)
    elif case == "grad":
        gradient = torch.func.grad(lambda x: run(x).sum())(x)
        torch.testing.assert_close(gradient, layer.weight.sum(0).expand(4, N))
    elif case == "jvp":
        with forward_ad.dual_level():
            out = run(forward_ad.make_dual(x, torch.ones_like(x)))
            torch.testing.assert_close(forward_ad.unpack_dual(out).tangent, layer.weight.sum(1).expand(4, 2))
    else:
        out = run(x.as_subclass(Own))
        assert isinstance(out, Own)
        assert torch.equal(out.as_subclass(Tensor), expected)
    assert product.calls == []


def test_a_compiled_layer_or_net_is_left_to_the_compiler(product: Recorded) -> None:
    layer, compiled = nn.Linear(N, 2), nn.Linear(N, 2)
    compiled.compile(backend="eager")
    module = nn.Sequential(nn.Sequential(nn.Identity(), compiled), nn.ReLU())
    data = torch.rand(T, B, N)
    torch.testing.assert_close(snn.unroll(module, data), torch.stack([module(x) for x in data]))

    @torch.compile(backend="eager")
    def run(x: Tensor) -> Tensor:
        return computed(layer, x)

    x = torch.rand(4, N)
    torch.testing.assert_close(run(x), layer(x))
    assert product.calls == []
    torch.compiler.reset()


def test_two_threads_may_run_the_same_net(product: Recorded) -> None:
    layer, x = nn.Linear(N, 2), torch.rand(64, N)
    expected, wrong = layer(x), []

    def run() -> None:
        for _ in range(200):
            with torch.no_grad():
                if not torch.equal(computed(layer, x), expected):
                    wrong.append(1)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert untouched(layer)


def test_withdrawing_an_unknown_offer_is_an_error() -> None:
    with pytest.raises(ValueError, match="kernel 'recorded' is not registered"):
        unregister("linear", Recorded())
