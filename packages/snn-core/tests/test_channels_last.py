"""Convolutional nets run layer by layer: in another layout inside, with the numbers and layouts of the loop outside.

Weights and inputs are multiples of a power of two, and so few that no sum of their products is rounded: every order of
summation gives the same bits, and spikes and states can be compared for equality in float32.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

import snn_core as snn
from snn_core.engines.convolutions import ChannelsLast
from snn_core.kernels import register, unregister

from .zoo import call_loop

pytestmark = pytest.mark.exhaustive


def lif(**options: Any) -> snn.Leaky:
    return snn.Leaky(0.5, threshold=0.375, init_hidden=True, spike_grad=snn.surrogate.fast_sigmoid(slope=5), **options)


def normalized(channels: int, module: Callable[..., Any] = nn.BatchNorm2d) -> nn.Module:
    """In evaluation, with statistics that round nothing."""
    norm = module(channels, eps=2**-6).eval()
    norm.running_var.fill_(0.25 - 2**-6)
    norm.running_mean.copy_(torch.arange(channels) / 4)
    return norm


class Residual(nn.Module):
    """Branches that are added and concatenated, functions of ``torch.nn.functional``, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.spike, self.again = lif(), lif(output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.spike(functional.max_pool2d(self.first(x), 2))
        spk, mem = self.again(torch.cat([self.second(hidden) + hidden, hidden], dim=1))
        return spk, functional.relu(mem)


class Flattens(nn.Module):
    """Flattens as asked, after a neuron and straight after a pooling layer."""

    def __init__(self, flatten: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.pool, self.linear = nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), nn.Linear(24, 4)
        self.spike, self.out = lif(), lif()
        self.flatten = flatten

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.pool(self.conv(x))
        both = torch.cat([self.flatten(self.spike(pooled)), self.flatten(pooled)], dim=1)
        return self.out(self.linear(both))


def net(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: copy.deepcopy(nn.Sequential(*layers))


IMAGE, VOLUME = (7, 3, 2, 7, 6), (7, 3, 2, 5, 7, 6)
NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "one channel": (net(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), lif(), nn.Conv2d(3, 1, 2), lif()), (7, 3, 1, 7, 6)),
    "1x1": (net(nn.Conv2d(2, 3, 1), lif(), nn.Conv2d(3, 5, 1, bias=False), lif(output=True)), IMAGE),
    "one pixel": (net(nn.Conv2d(2, 3, 1), lif(), nn.Conv2d(3, 5, 1), lif()), (7, 3, 2, 1, 1)),
    "one sample": (net(nn.Conv2d(2, 3, 3), lif(), nn.Flatten(), nn.Linear(60, 4), lif()), (7, 1, 2, 7, 6)),
    "one step": (net(nn.Conv2d(2, 3, 3), lif(), nn.Flatten(), nn.Linear(60, 4), lif()), (1, 3, 2, 7, 6)),
    "strided": (net(nn.Conv2d(2, 5, 3, stride=2, padding=1), lif(), nn.AvgPool2d(2), nn.Conv2d(5, 3, 1), lif()), IMAGE),
    "dilated": (net(nn.Conv2d(2, 5, 3, dilation=2, padding="same"), lif(), nn.Conv2d(5, 3, 2), lif()), IMAGE),
    "circular": (net(nn.Conv2d(2, 5, 3, padding=1, padding_mode="circular"), lif(), nn.Conv2d(5, 3, 2), lif()), IMAGE),
    "grouped": (net(nn.Conv2d(2, 4, 3, groups=2), lif(), nn.Conv2d(4, 4, 3, groups=4), lif()), IMAGE),
    "transposed": (
        net(nn.ConvTranspose2d(2, 3, 3, stride=2), lif(), nn.ConvTranspose2d(3, 2, 2, groups=1), lif(output=True)),
        IMAGE,
    ),
    "normalized": (
        net(nn.Conv2d(2, 3, 3), normalized(3), lif(), nn.AdaptiveMaxPool2d(2), nn.Conv2d(3, 4, 2), nn.ReLU(), lif()),
        IMAGE,
    ),
    "ends in a convolution": (net(nn.Conv2d(2, 3, 3), lif(), nn.Conv2d(3, 4, 2)), IMAGE),
    "three axes": (
        net(
            nn.Conv3d(2, 3, (2, 3, 3)),
            nn.MaxPool3d(2),
            lif(),
            nn.ConvTranspose3d(3, 2, 2),
            normalized(2, nn.BatchNorm3d),
            lif(output=True),
        ),
        VOLUME,
    ),
    "one axis": (net(nn.Conv1d(2, 3, 3), nn.MaxPool1d(2), lif(), nn.ConvTranspose1d(3, 2, 2), lif()), (7, 3, 2, 9)),
    "neurons of several states": (
        net(
            nn.Conv2d(2, 3, 3),
            snn.Synaptic(alpha=0.5, beta=0.25, threshold=0.375, init_hidden=True, output=False),
            nn.Conv2d(3, 3, 2),
            snn.RLeaky(0.5, threshold=0.375, conv2d_channels=3, kernel_size=3, init_hidden=True),
            lif(inhibition=True, output=True),
        ),
        IMAGE,
    ),
    "a decay for each channel": (
        net(
            nn.Conv2d(2, 3, 3),
            snn.Leaky(
                torch.tensor([0.5, 0.25, 0.75]).view(3, 1, 1), threshold=0.375, init_hidden=True, learn_beta=True
            ),
        ),
        IMAGE,
    ),
    "residual": (Residual, IMAGE),
    "flatten": (lambda: Flattens(lambda x: x.flatten(1)), (7, 3, 2, 6, 7)),
    "reshape": (lambda: Flattens(lambda x: x.reshape(x.size(0), -1)), (7, 3, 2, 6, 7)),
    "view": (lambda: Flattens(lambda x: x.view(x.shape[0], -1)), (7, 3, 2, 6, 7)),
}
every_net = pytest.mark.parametrize(("make", "shape"), NETS.values(), ids=NETS)


def build(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(1)
    net = make()
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
                for p in layer.parameters():
                    p.copy_(torch.randint(-3, 4, p.shape) / 8)
                if layer.bias is not None:
                    layer.bias += 0.25
    return net, (torch.randint(-1, 4, shape) / 4).requires_grad_()


def run(net: nn.Module, xs: Tensor, forward: Callable[[nn.Module, Tensor], Any]) -> tuple[list, list, list]:
    """Outputs, states, and the gradients that a training step finds."""
    inputs = [xs, *net.parameters()]
    for leaf in inputs:
        leaf.grad = None
    out = forward(net, xs)
    outs = list(out) if isinstance(out, tuple) else [out]
    generator = torch.Generator().manual_seed(3)
    loss = sum((torch.randint(-2, 3, o.shape, generator=generator) * o).sum() for o in outs)
    loss.backward()
    states = [s for m in net.modules() if isinstance(m, snn.SpikingNeuron) for s in m._kept]
    return outs, states, [leaf.grad for leaf in inputs]


@every_net
@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("budget", [1, 2**11, 2**30])
def test_spikes_and_states_are_those_of_the_loop_bit_by_bit_and_gradients_to_rounding(
    monkeypatch, make, shape, chunk, budget
) -> None:
    monkeypatch.setattr("snn_core.sequence.execution._BLOCK_BYTES", budget)
    net, xs = build(make, shape)
    outs, states, grads = run(net, xs, call_loop)
    assert 0.02 < (outs[0] != 0).float().mean() < 0.98
    result = run(net, xs, lambda n, x: snn.unroll(n, x, chunk=chunk))
    assert all(map(torch.equal, result[0], outs))
    assert all(map(torch.equal, result[1], states))
    for actual, expected in zip(result[2], grads, strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5 * max(expected.abs().max().item(), 1e-3))


def layout(tensor: Tensor) -> list[int]:
    """The strides that mean anything: those of axes longer than one."""
    return [stride for stride, length in zip(tensor.stride(), tensor.shape, strict=True) if length > 1]


@every_net
def test_outputs_states_and_gradients_have_the_layouts_of_the_loop(make, shape) -> None:
    net, xs = build(make, shape)
    outs, states, grads = run(net, xs, snn.unroll)
    assert all(t.is_contiguous() for t in (*outs, *states))
    assert [layout(g) for g in grads] == [layout(leaf) for leaf in (xs, *net.parameters())]
    with torch.no_grad():
        assert all(p.is_contiguous() for p in net.parameters())


@every_net
def test_a_sequence_may_be_cut_and_input_may_lie_in_any_order(make, shape) -> None:
    net, xs = build(make, shape)
    xs = torch.cat([xs, xs.flip(0)]).detach()
    whole = call_loop(net, xs)
    strided = torch.empty(*xs.shape[::-1]).permute(*reversed(range(xs.dim()))).copy_(xs)
    cut = (len(xs) + 1) // 3
    first = snn.unroll(net, strided[:cut])
    second = snn.unroll(net, strided[cut:], resume=True)
    for a, b, c in zip(*([o] if isinstance(o, Tensor) else o for o in (first, second, whole)), strict=True):
        assert torch.equal(torch.cat([a, b]), c)


def test_layers_after_a_convolution_keep_its_layout() -> None:
    shapes: list[tuple[int, ...]] = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if func in (torch.conv2d, functional.batch_norm, functional.max_pool2d):
                shapes.append(out.stride())
            return out

    layers = [nn.Conv2d(2, 3, 3), normalized(3), nn.MaxPool2d(2), lif()]
    with Watch():
        out = snn.unroll(nn.Sequential(*layers), torch.rand(1, 5, 2, 8, 8))
    assert shapes == [(108, 1, 18, 3), (108, 1, 18, 3), (27, 1, 9, 3)]
    assert out.is_contiguous()


@pytest.mark.parametrize("flatten", [lambda x: x.view_as(x.new_empty(len(x), 12)), lambda x: x.view(size=(-1, 12))])
def test_a_forward_that_cannot_be_traced_may_flatten_in_other_ways_too(flatten) -> None:
    class Branches(Flattens):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if x.dim() == 4 and bool(x.isfinite().all()) else -x)

    net, xs = build(lambda: Branches(flatten), (7, 3, 2, 6, 7))
    assert torch.equal(snn.unroll(net, xs, schedule="layers"), call_loop(net, xs))


@pytest.fixture
def strides(monkeypatch) -> Iterator[list[tuple[int, ...]]]:
    """The strides of what convolutions are given."""
    layouts: list[tuple[int, ...]] = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func is torch.conv2d:
                layouts.append(args[0].stride())
            return func(*args, **(kwargs or {}))

    with Watch():
        yield layouts


USUAL, LAST = (128, 64, 8, 1), (128, 1, 16, 2)


def test_only_float32_goes_to_the_other_layout(strides: list) -> None:
    for dtype in (torch.float64, torch.bfloat16):
        snn.unroll(nn.Sequential(nn.Conv2d(2, 3, 3), lif()).to(dtype), torch.rand(2, 5, 2, 8, 8, dtype=dtype))
    assert set(strides) == {USUAL}
    snn.unroll(nn.Sequential(nn.Conv2d(2, 3, 3), lif()), torch.rand(2, 5, 2, 8, 8))
    assert strides[-1] == LAST


def test_without_onednn_the_layout_is_the_usual_one(strides: list) -> None:
    torch._C._set_mkldnn_enabled(False)  # torch.backends.mkldnn.flags warns of Intel GPUs
    try:
        snn.unroll(nn.Sequential(nn.Conv2d(2, 3, 3), lif()), torch.rand(2, 5, 2, 8, 8))
    finally:
        torch._C._set_mkldnn_enabled(True)
    assert set(strides) == {USUAL}


def test_the_loop_and_what_is_called_after_unroll_keep_the_usual_layout(strides: list) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), lif())
    snn.unroll(net, torch.rand(2, 5, 2, 8, 8), schedule="steps")
    assert set(strides) == {USUAL}
    snn.unroll(net, torch.rand(2, 5, 2, 8, 8))
    strides.clear()
    net(torch.rand(5, 2, 8, 8))
    assert strides == [USUAL]


def test_an_error_inside_a_net_leaves_nothing_switched_on(strides: list) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), lif(), nn.Flatten(), nn.Linear(7, 2))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        snn.unroll(net, torch.rand(2, 5, 2, 8, 8))
    strides.clear()
    net[0](torch.rand(5, 2, 8, 8))
    assert strides == [USUAL]


def test_one_image_without_a_batch_axis_is_left_alone(strides: list) -> None:
    assert ChannelsLast().convolved(nn.Conv2d(2, 3, 3), torch.rand(2, 8, 8)).shape == (3, 6, 6)
    assert strides == [(64, 8, 1)]


@pytest.mark.parametrize("transform", [torch.func.grad, torch.func.jacrev], ids=lambda f: f.__name__)
def test_function_transforms_see_the_loop(transform) -> None:
    net, xs = build(*NETS["view"])
    xs = xs.detach().double()
    net.double()

    def loss(run: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
        def of(x: Tensor) -> Tensor:
            snn.utils.reset(net)
            return run(net, x).sum() if transform is torch.func.grad else run(net, x).sum((0, 1))

        return of

    expected = transform(loss(call_loop))(xs)
    torch.testing.assert_close(transform(loss(snn.unroll))(xs), expected)
    net.float()
    torch.testing.assert_close(transform(loss(snn.unroll))(xs.float()), expected.float())


def test_a_compiled_layer_or_call_gives_the_same() -> None:
    torch.compiler.reset()
    make = lambda: nn.Sequential(nn.Conv2d(2, 3, 3), lif(), nn.Flatten(), nn.Linear(60, 4), lif())  # noqa: E731
    net, xs = build(make, IMAGE)
    expected = call_loop(net, xs)
    net[0].compile(backend="eager")
    assert torch.equal(snn.unroll(net, xs), expected)
    torch.compiler.reset()


def test_products_that_know_spikes_still_stand_in_for_linear_layers() -> None:
    class Counted:
        name, device, gains = "counted", "cpu", "counts"
        calls = 0

        def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
            return None

        def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, str]:
            self.calls += 1
            return functional.linear(x, weight, bias), "counted"

    product = Counted()
    register("linear", product)
    try:
        net, xs = build(*NETS["view"])
        snn.unroll(net, xs)  # which compares two steps first
        product.calls = 0
        _, plan = snn.unroll(net, xs, explain=True)
    finally:
        unregister("linear", product)
    assert product.calls == 1
    assert "counted" in str(plan)
