"""Every surrogate: a step forward, its own published derivative backward, and no surprise around it."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import snn_core as snn
from snn_core import surrogate

X = [-1e4, -3.0, -1.0, -0.5, -0.04, 0.0, 0.04, 0.5, 1.0, 1.5, 3.0, 1e4]


def normal(x: float, sigma: float) -> float:
    """The density of a normal distribution of mean 0."""
    return math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))


# name: (surrogate, its derivative as a formula over Python floats)
FORMULAS: dict[str, tuple[surrogate.Surrogate, Callable[[float], float]]] = {
    "atan": (surrogate.atan(), lambda x: 1.0 / (1 + (math.pi * x) ** 2)),
    "atan of 3": (surrogate.atan(alpha=3.0), lambda x: 1.5 / (1 + (1.5 * math.pi * x) ** 2)),
    "fast_sigmoid": (surrogate.fast_sigmoid(), lambda x: 1 / (1 + 25 * abs(x)) ** 2),
    "fast_sigmoid of 4": (surrogate.fast_sigmoid(slope=4), lambda x: 1 / (1 + 4 * abs(x)) ** 2),
    # k s(kx) (1 - s(kx)) = k e / (1 + e)^2 with e = exp(-k|x|), which cannot overflow
    "sigmoid": (surrogate.sigmoid(), lambda x: 25 * math.exp(-25 * abs(x)) / (1 + math.exp(-25 * abs(x))) ** 2),
    "sigmoid of 2": (
        surrogate.sigmoid(slope=2),
        lambda x: 2 * math.exp(-2 * abs(x)) / (1 + math.exp(-2 * abs(x))) ** 2,
    ),
    "straight_through": (surrogate.straight_through_estimator(), lambda x: 1.0),
    "triangular": (surrogate.triangular(), lambda x: max(0.0, 1 - abs(x))),
    "triangular of 2": (surrogate.triangular(threshold=2), lambda x: max(0.0, 1 - abs(x) / 2) / 2),
    "triangular of 2, 1 high": (surrogate.triangular(2, height=1), lambda x: max(0.0, 1 - abs(x) / 2)),
    "triangular of 0.5, 3 high": (surrogate.triangular(0.5, height=3), lambda x: 3 * max(0.0, 1 - abs(x) / 0.5)),
    "heaviside": (surrogate.heaviside(), lambda x: 1.0 if x > 0 else 0.0),
    "spike_rate_escape": (surrogate.spike_rate_escape(), lambda x: 25 * math.exp(-abs(x - 1))),
    "spike_rate_escape of 2, 3": (
        surrogate.spike_rate_escape(beta=2, slope=3),
        lambda x: 3 * math.exp(-2 * abs(x - 1)),
    ),
    "multi_gaussian": (
        surrogate.multi_gaussian(),
        lambda x: 1.15 * normal(x, 0.5) - 0.15 * (normal(x - 0.5, 3) + normal(x + 0.5, 3)),
    ),
    "multi_gaussian of one": (surrogate.multi_gaussian(0.3, 0), lambda x: normal(x, 0.3)),
    "double_gaussian": (surrogate.double_gaussian(), lambda x: 1.15 * normal(x, 0.5) - 0.3 * normal(x, 3)),
    "double_gaussian of 0.3, 0.5, 2": (
        surrogate.double_gaussian(0.3, 0.5, 2),
        lambda x: 1.5 * normal(x, 0.3) - normal(x, 0.6),
    ),
    "slayer": (surrogate.slayer(), lambda x: math.exp(-5 * abs(x))),
    "slayer of 2, 3": (surrogate.slayer(2, 3), lambda x: 3 * math.exp(-2 * abs(x))),
    "LSO": (surrogate.LSO(), lambda x: 1.0 if x > 0 else 0.1),
    "SFS": (surrogate.SFS(), lambda x: 1 / (1 + 25 * abs(x)) ** 2 if x > 1 else 0.0),
    "SFS of 2, 0": (surrogate.SFS(slope=2, B=0), lambda x: 1 / (1 + 2 * abs(x)) ** 2 if x > 0 else 0.0),
}


def doubled(input_: Tensor, grad_input: Tensor, spikes: Tensor) -> Tensor:
    return 2 * grad_input * spikes + 0.5 * grad_input * (input_ < 0)


EVERY = {name: s for name, (s, _) in FORMULAS.items()} | {
    "SSO": surrogate.SSO(),
    "custom": surrogate.custom_surrogate(doubled),
    "none": surrogate.no_gradient(),
}
every_formula = pytest.mark.parametrize(("spike", "formula"), FORMULAS.values(), ids=FORMULAS)
every = pytest.mark.parametrize("spike", EVERY.values(), ids=EVERY)


def backward(spike: surrogate.Surrogate, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    spk = spike(x)
    return torch.autograd.grad(spk.sum(), x)[0] if spk.requires_grad else torch.zeros_like(x)


@every
def test_forward_is_a_step_that_is_silent_at_zero(spike: surrogate.Surrogate) -> None:
    assert spike(torch.tensor([-1e-6, 0.0, 1e-6])).tolist() == [0.0, 0.0, 1.0]


@every_formula
def test_the_gradient_is_the_published_derivative(
    spike: surrogate.Surrogate, formula: Callable[[float], float]
) -> None:
    x = torch.tensor(X, dtype=torch.float64)
    expected = torch.tensor([formula(v) for v in X], dtype=torch.float64)
    torch.testing.assert_close(spike.derivative(x), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(backward(spike, x), expected, rtol=1e-12, atol=1e-12)


@every_formula
def test_the_incoming_gradient_is_multiplied(spike: surrogate.Surrogate, formula: Callable[[float], float]) -> None:
    x = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(spike(x), x, torch.tensor([3.0, -2.0], dtype=torch.float64))
    assert grad.tolist() == pytest.approx([3 * formula(0.3), -2 * formula(-0.2)])


@every
@given(x=st.floats(-(2.0**60), 2.0**60, width=32))
def test_gradients_are_finite_wherever_the_membrane_is(spike: surrogate.Surrogate, x: float) -> None:
    assert backward(spike, torch.tensor([x])).isfinite().all()


@pytest.mark.parametrize("x", [-1e4, -4.0, 4.0, 1e4])
def test_sigmoid_is_finite_where_a_naive_exponential_overflows(x: float) -> None:
    # exp(-25 * -4) = 2.7e43 is infinite in float32
    assert backward(surrogate.sigmoid(slope=25), torch.tensor([x])).item() == pytest.approx(0.0, abs=1e-30)


@pytest.mark.parametrize("threshold", [0.5, 1.0, 3.0])
def test_the_triangle_has_area_one(threshold: float) -> None:
    # trapezoids are exact for a piecewise linear function whose corners are on the grid
    x = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    area = torch.trapezoid(surrogate.triangular(threshold=threshold).derivative(x), x)
    assert area.item() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("spike", [surrogate.multi_gaussian(), surrogate.double_gaussian()], ids=repr)
def test_the_largest_slope_is_the_height_of_the_gaussian(spike: surrogate.Surrogate) -> None:
    # 1 + h less h twice
    x = torch.linspace(-40, 40, 8001, dtype=torch.float64)
    assert torch.trapezoid(spike.derivative(x), x).item() == pytest.approx(0.85, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_without_a_height_the_triangle_is_what_it_was_to_the_bit(dtype: torch.dtype) -> None:
    x = torch.randn(1001, generator=torch.Generator().manual_seed(0)).to(dtype)
    triangle = surrogate.triangular(0.3)
    assert torch.equal(triangle.derivative(x), torch.relu(1 - x.abs() / 0.3) / 0.3)
    assert triangle.params == (0.3,)
    assert triangle == surrogate.triangular(0.3, height=None) != surrogate.triangular(0.3, height=1)


def test_a_triangle_is_written_with_its_height_and_pickled_with_it() -> None:
    triangle = surrogate.triangular(0.3, height=1)
    assert repr(triangle) == "triangular(threshold=0.3, height=1)"
    assert pickle.loads(pickle.dumps(triangle)) == triangle
    assert triangle.params == (0.3, 1.0)


@pytest.mark.parametrize("height", [None, 1, 2.5])
def test_a_net_with_triangles_has_the_gradients_of_the_loop(height: float | None) -> None:
    results = []
    for run in ("unroll", "loop"):
        torch.manual_seed(0)
        spike = surrogate.triangular(0.7, height=height)
        net = nn.Sequential(nn.Linear(5, 7), snn.Leaky(0.9, init_hidden=True, spike_grad=spike))
        xs = torch.rand(11, 3, 5) * 3
        out = snn.unroll(net, xs) if run == "unroll" else torch.stack([net(x) for x in xs])
        results.append([out.detach(), *torch.autograd.grad(out.square().sum(), [*net.parameters()])])
    assert results[0][1].any()
    torch.testing.assert_close(*results)


def test_the_corners_of_the_triangle_have_the_slope_of_outside() -> None:
    x = torch.tensor([-2.5, -2.0, -1.0, 1.0, 2.0, 2.5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(surrogate.triangular(threshold=2).derivative(x).sum(), x)
    assert slope.tolist() == [0, 0, 0.25, -0.25, 0, 0]


@pytest.mark.parametrize(
    ("spike", "smooth"),
    [
        (surrogate.atan(alpha=2.0), lambda x: torch.atan(math.pi * x) / math.pi),
        (surrogate.sigmoid(slope=5), lambda x: torch.sigmoid(5 * x)),
        (surrogate.fast_sigmoid(slope=5), lambda x: x / (1 + 5 * x.abs())),
        (surrogate.straight_through_estimator(), lambda x: x),
    ],
    ids=["atan", "sigmoid", "fast_sigmoid", "straight_through"],
)
def test_the_gradient_is_the_slope_of_the_smooth_function_it_is_named_for(spike, smooth) -> None:
    x = torch.linspace(-2, 2, 41, dtype=torch.float64) + 0.013
    slope = (smooth(x + 1e-6) - smooth(x - 1e-6)) / 2e-6
    torch.testing.assert_close(backward(spike, x), slope, rtol=1e-6, atol=1e-8)


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_spikes_and_gradients_keep_dtype_and_shape(spike: surrogate.Surrogate, dtype: torch.dtype) -> None:
    x = torch.linspace(-2, 2, 15, dtype=dtype).view(5, 3)
    assert spike(x).dtype == dtype
    assert spike(x).shape == (5, 3)
    assert backward(spike, x).dtype == dtype


@every
def test_a_surrogate_pickles_equal_and_prints_as_it_is_written(spike: surrogate.Surrogate) -> None:
    twin = pickle.loads(pickle.dumps(spike))
    assert twin == spike
    assert hash(twin) == hash(spike)
    assert repr(spike).startswith(type(spike).__name__ + "(")
    if not isinstance(spike, surrogate.custom_surrogate):
        assert eval(repr(spike), vars(surrogate)) == spike


@every
def test_a_surrogate_cannot_be_changed_after_it_was_made(spike: surrogate.Surrogate) -> None:
    with pytest.raises(AttributeError):
        spike.slope = 3  # type: ignore[attr-defined]


@every
def test_a_surrogate_compiles_into_one_graph(spike: surrogate.Surrogate) -> None:
    torch.compiler.reset()
    x = torch.tensor([-0.3, 0.2, 1.4])
    compiled = torch.compile(lambda v: spike(v) * v, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), spike(x) * x)
    if not isinstance(spike, surrogate.SSO):
        leaf, twin = x.clone().requires_grad_(), x.clone().requires_grad_()
        compiled(leaf).sum().backward()
        (spike(twin) * twin).sum().backward()
        torch.testing.assert_close(leaf.grad, twin.grad)


@every
def test_functional_gradients_and_maps_equal_autograd(spike: surrogate.Surrogate) -> None:
    if isinstance(spike, surrogate.SSO):
        spike = surrogate.SSO(mean=0.3, variance=0.0)  # the draws multiplied by zero
    x = torch.tensor([[-0.3, 0.2], [1.4, 0.0], [-2.0, 3.0]], dtype=torch.float64)
    gradient = torch.func.grad(lambda v: spike(v).sum())
    torch.testing.assert_close(gradient(x), backward(spike, x))
    torch.testing.assert_close(torch.vmap(spike)(x), spike(x))
    torch.testing.assert_close(torch.vmap(gradient, randomness="different")(x), backward(spike, x))


@every_formula
def test_checkpointing_gives_the_plain_gradient(spike: surrogate.Surrogate, formula: Callable[[float], float]) -> None:
    x = torch.tensor(X[1:-1], dtype=torch.float64, requires_grad=True)
    checkpoint(spike, x, use_reentrant=False).sum().backward()
    assert x.grad.tolist() == pytest.approx([formula(v) for v in X[1:-1]])


@every
def test_a_surrogate_exports(spike: surrogate.Surrogate) -> None:
    class Fire(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return spike(x - 1)

    x = torch.tensor([0.5, 1.0, 1.5])
    with torch.no_grad():
        assert torch.export.export(Fire(), (x,)).module()(x).tolist() == [0.0, 0.0, 1.0]


def test_the_stochastic_surrogate_repeats_with_its_seed_and_stays_in_its_range() -> None:
    spike, x = surrogate.SSO(mean=0.25, variance=0.2), torch.linspace(-3, 3, 1000)
    torch.manual_seed(7)
    first = backward(spike, x)
    torch.manual_seed(7)
    assert torch.equal(backward(spike, x), first)
    assert not torch.equal(backward(spike, x), first)
    assert (first[x > 0] == 1).all()
    # (u - 0.5 + 0.25) * 0.2 with u in [0, 1) lies in [-0.05, 0.15);
    # the mean of 500 is 0.05 +- 5 * 0.2 / sqrt(12 * 500)
    silent = first[x <= 0]
    assert silent.min() >= -0.05
    assert silent.max() < 0.15
    assert silent.mean().item() == pytest.approx(0.05, abs=0.013)


def test_a_custom_surrogate_is_given_input_gradient_and_spikes() -> None:
    x = torch.tensor([-0.5, 0.5], requires_grad=True)
    spk = surrogate.custom_surrogate(doubled)(x)
    (grad,) = torch.autograd.grad(spk, x, torch.tensor([3.0, 5.0]))
    # below: 0.5 * 3; above: 2 * 5 * 1
    assert grad.tolist() == [1.5, 10.0]


def test_the_spikes_of_a_custom_surrogate_have_its_gradient_too() -> None:
    x = torch.tensor([-0.5, 0.5], requires_grad=True)
    spk = surrogate.custom_surrogate(lambda x, grad, spk: grad * x * spk)(x)
    (first,) = torch.autograd.grad(spk.sum(), x, create_graph=True)
    assert first.tolist() == [0.0, 0.5]
    (second,) = torch.autograd.grad(first.sum(), x)
    # d (x spk) / dx = spk + x dspk/dx, where dspk/dx = x spk
    assert second.tolist() == [0.0, 1.25]


@every
def test_spikes_may_be_overwritten(spike: surrogate.Surrogate) -> None:
    results = []
    for overwrite in (False, True):
        torch.manual_seed(0)
        x = torch.linspace(-2, 2, 23, requires_grad=True)
        spk = spike(2 * x)
        out = spk.mul_(3) if overwrite else 3 * spk
        results.append([out.detach(), torch.autograd.grad(out.sum(), x)[0] if out.requires_grad else None])
    torch.testing.assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("after", [lambda inplace: nn.ReLU(inplace), lambda inplace: nn.Dropout(0.5, inplace)])
@pytest.mark.parametrize("steps", [1, 3, 20])
@pytest.mark.parametrize("run", ["loop", "unroll"])
def test_a_layer_after_a_neuron_may_overwrite_its_spikes(after, steps: int, run: str) -> None:
    torch.manual_seed(0)
    layers, xs = [nn.Linear(3, 4), snn.Leaky(beta=0.9, init_hidden=True), nn.Linear(4, 2)], 20 * torch.rand(steps, 2, 3)
    results = []
    for inplace in (False, True):
        net = nn.Sequential(*layers[:2], after(inplace), layers[2])
        snn.utils.reset(net)
        torch.manual_seed(1)
        out = snn.unroll(net, xs) if run == "unroll" else torch.stack([net(x) for x in xs])
        results.append([out.detach(), *torch.autograd.grad(out.square().sum(), [*net.parameters()])])
    assert results[0][1].any()
    # unroll adds up in another order where nothing is overwritten
    torch.testing.assert_close(*results)


def test_no_gradient_means_no_gradient() -> None:
    assert not surrogate.no_gradient()(torch.ones(2, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: surrogate.atan(alpha=0), "alpha"),
        (lambda: surrogate.fast_sigmoid(slope=-1), "slope"),
        (lambda: surrogate.sigmoid(slope=float("nan")), "slope"),
        (lambda: surrogate.triangular(threshold=0), "threshold"),
        (lambda: surrogate.triangular(height=0), "height"),
        (lambda: surrogate.spike_rate_escape(beta=-2), "beta"),
        (lambda: surrogate.SFS(slope=0), "slope"),
        (lambda: surrogate.multi_gaussian(sigma=0), "sigma"),
        (lambda: surrogate.multi_gaussian(scale=-6), "scale"),
        (lambda: surrogate.double_gaussian(sigma=-0.5), "sigma"),
        (lambda: surrogate.double_gaussian(scale=float("nan")), "scale"),
        (lambda: surrogate.slayer(slope=0), "slope"),
        (lambda: surrogate.slayer(amplitude=float("nan")), "amplitude"),
    ],
)
def test_a_slope_that_is_not_positive_is_an_error_naming_it(make, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"surrogate\.\w+: {argument} must be greater than 0, got"):
        make()


SETTINGS = [
    (type(spike), field.name)
    for spike in {type(s): s for s in EVERY.values()}.values()
    for field in fields(spike)
    if field.name not in ("custom_surrogate_function", "support", "B")
]


@pytest.mark.parametrize(("kind", "setting"), SETTINGS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_setting_that_makes_no_gradient_of_numbers_is_an_error_naming_it(kind, setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"surrogate\.{kind.__name__}: {setting} must be .*got {value}"):
        kind(**{setting: value})


def test_a_sparse_surrogate_may_have_a_gradient_everywhere_or_nowhere() -> None:
    x = torch.tensor(X)
    assert torch.equal(surrogate.SFS(B=-math.inf).derivative(x), surrogate.fast_sigmoid().derivative(x))
    assert not surrogate.SFS(B=math.inf).derivative(x).any()
    with pytest.raises(ValueError, match=r"surrogate\.SFS: B must be a number, got nan"):
        surrogate.SFS(1.0, B=math.nan)


def test_a_custom_surrogate_that_cannot_be_called_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"custom_surrogate.*f\(input_, grad_input, spikes\).*int"):
        surrogate.custom_surrogate(3)  # type: ignore[arg-type]


@every
def test_no_derivative_leaves_its_support(spike: surrogate.Surrogate) -> None:
    low, high = spike.support
    x = torch.linspace(-5, 5, 10_001, dtype=torch.float64)
    gradient = spike.backward(x, torch.ones_like(x), (x > 0).to(x.dtype))
    assert not gradient[(x < low) | (x > high)].any()


SUPPORTS: list[tuple[surrogate.Surrogate, tuple[float, float]]] = [
    (surrogate.triangular(), (-1, 1)),
    (surrogate.triangular(0.25, height=3), (-0.25, 0.25)),
    (surrogate.SFS(B=-0.5), (-0.5, math.inf)),
    (surrogate.heaviside(), (0, math.inf)),
    (surrogate.LSO(0), (0, math.inf)),
    (surrogate.LSO(0.1), (-math.inf, math.inf)),
    (surrogate.atan(), (-math.inf, math.inf)),
    (surrogate.SSO(), (-math.inf, math.inf)),
    (surrogate.no_gradient(), (math.inf, -math.inf)),
]


@pytest.mark.parametrize(("spike", "support"), SUPPORTS, ids=[repr(spike) for spike, _ in SUPPORTS])
def test_the_support_is_that_of_the_formula(spike: surrogate.Surrogate, support: tuple[float, float]) -> None:
    assert spike.support == support


def box(input_: Tensor, grad_input: Tensor, spikes: Tensor) -> Tensor:
    return grad_input * (input_.abs() <= 0.5)


@pytest.mark.parametrize("support", [(-0.5, 0.5), (-0.7, 2), (-math.inf, 0.5), (-math.inf, math.inf)], ids=repr)
def test_a_custom_surrogate_may_declare_a_support(support: tuple[float, float]) -> None:
    spike = surrogate.custom_surrogate(box, support=support)
    assert spike.support == support
    assert pickle.loads(pickle.dumps(spike)) == spike
    assert surrogate.custom_surrogate(box).support == (-math.inf, math.inf)


@pytest.mark.parametrize("support", [(-0.4, 0.5), (-0.5, 0.4), (0, math.inf), (-math.inf, 0.1), (3, 4)], ids=repr)
def test_a_support_outside_of_which_there_is_a_gradient_is_an_error(support: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"custom_surrogate: support must .* outside .* got .* Fix: "):
        surrogate.custom_surrogate(box, support=support)


@pytest.mark.parametrize(
    ("support", "error"),
    [((0.5, -0.5), ValueError), ((0, math.nan), ValueError), (0.5, TypeError), ((0.5,), TypeError), ("ab", TypeError)],
    ids=repr,
)
def test_a_support_must_be_an_interval(support, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"custom_surrogate: support must be .* Fix: "):
        surrogate.custom_surrogate(box, support=support)


def test_a_gradient_of_nan_outside_of_the_support_is_an_error() -> None:
    with pytest.raises(ValueError, match="a gradient of nan"):
        surrogate.custom_surrogate(lambda x, grad, spk: grad * math.nan, support=(-1, 1))


def test_without_a_support_a_custom_surrogate_is_not_called() -> None:
    def fail(input_: Tensor, grad_input: Tensor, spikes: Tensor) -> Tensor:
        raise AssertionError("it was called")

    assert surrogate.custom_surrogate(fail).custom_surrogate_function is fail


def test_an_own_surrogate_may_have_a_support() -> None:
    class Box(surrogate.Surrogate):
        support = (-0.5, 0.5)

        def derivative(self, x: Tensor) -> Tensor:
            return (x.abs() <= 0.5).to(x.dtype)

    assert Box().support == (-0.5, 0.5)
    assert surrogate.Surrogate().support == (-math.inf, math.inf)
