"""Nets whose linear layers return a gradient only inside of the windows of the neurons before them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import snn_core as snn
from snn_core import surrogate
from snn_core.engines.windows import wanting_windows, window_bits
from snn_cpu import products

WIDTH = 0.25
NOTE = "gradient of its input at the "
Net = nn.Sequential


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The linear layers are computed by the package, and their gradients inside of windows, at any size and share."""
    monkeypatch.setattr(products, "_SMALLEST", 0)
    monkeypatch.setattr(products, "_SMALLEST_OF_FEW", 0)
    monkeypatch.setattr(products, "highest_share", lambda rows, columns: 1.0)


def dense_then_masked(g: Tensor, weight: Tensor, window: Tensor | None) -> Tensor:
    """The second implementation: all places by the kernel, then zero outside of the window."""
    if window is None:
        return products.product(g, weight.t())
    whole, finite = torch.ops.snn_cpu.product_inside(g, weight, torch.full_like(window, -1))
    assert finite
    columns = g.shape[0] // len(window) * weight.shape[1]
    mask = (window[:, :, None] >> torch.arange(64) & 1).flatten(1)[:, :columns].bool()
    return torch.where(mask.reshape(whole.shape), whole, 0)


def all_of_it(g: Tensor, weight: Tensor, window: Tensor | None) -> Tensor:
    """The same without a mask."""
    return dense_then_masked(g, weight, None if window is None else torch.full_like(window, -1))


Make = Callable[[], snn.SpikingNeuron]
TRIANGLE = surrogate.triangular(WIDTH)
LEAKY: Callable[..., Any] = partial(snn.Leaky, beta=0.75, threshold=0.5, init_hidden=True)
NEURONS: dict[str, Make] = {
    **{f"leaky {reset}": partial(LEAKY, spike_grad=TRIANGLE, reset_mechanism=reset) for reset in ("subtract", "zero")},
    "leaky at once": partial(LEAKY, spike_grad=TRIANGLE, reset_delay=False),
    "leaky learned": partial(LEAKY, spike_grad=TRIANGLE, learn_beta=True, learn_threshold=True),
    "leaky height 1": partial(LEAKY, spike_grad=surrogate.triangular(WIDTH, height=1)),
    "leaky heaviside": partial(LEAKY, spike_grad=surrogate.heaviside()),
    "synaptic": partial(snn.Synaptic, alpha=0.5, beta=0.75, threshold=0.5, spike_grad=TRIANGLE, init_hidden=True),
}


def net_of(make: Make, *sizes: int, dtype: torch.dtype = torch.float64) -> Net:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for features, outputs in pairwise(sizes):
        layers += [nn.Linear(features, outputs), make()]
    net = Net(*layers).to(dtype)
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(4)
    return net


def spikes(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    torch.manual_seed(1)
    return (torch.rand(shape) < 0.3).to(dtype)


def loss_of(out: Tensor) -> Tensor:
    weights = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view(out.shape)
    return (out * weights).sum()


def trained(net: Net, xs: Tensor, **options: Any) -> tuple[list[Tensor], str]:
    """The gradients of all parameters, and how the net ran."""
    net.zero_grad()
    out, how = snn.unroll(net, xs, explain=True, **options)
    loss_of(out).backward()
    gradients = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    assert all(g.any() for g in gradients)
    return gradients, str(how)


def same(results: list[Tensor], expected: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(results, expected, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("make", NEURONS.values(), ids=[*NEURONS])
def test_a_net_has_the_gradients_of_dense_products(
    make: Make, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, xs = net_of(make, 31, 65, 63, 5, dtype=dtype), spikes(35, 7, 31, dtype=dtype)
    gradients, how = trained(net, xs)
    assert how.count(NOTE) == 2
    for reference in (dense_then_masked, all_of_it):
        monkeypatch.setattr(products, "_of_input", reference)
        assert same(gradients, trained(net, xs)[0])


@pytest.mark.parametrize("width", [1, 63, 64, 65, 500])
def test_any_width_has_the_gradients_of_dense_products(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make = partial(LEAKY, spike_grad=surrogate.triangular(1))
    net, xs = net_of(make, 3, width, width, 2), spikes(9, 3, 3)
    gradients, how = trained(net, xs)
    assert how.count(NOTE) == 2
    monkeypatch.setattr(products, "_of_input", all_of_it)
    assert same(gradients, trained(net, xs)[0])


@pytest.mark.parametrize("steps", [1, 2, 31, 32, 33, 65])
@pytest.mark.parametrize("samples", [1, 3, 50])
def test_the_bits_are_the_places_near_the_threshold(steps: int, samples: int) -> None:
    lif = snn.Leaky(beta=0.75, threshold=0.5, spike_grad=TRIANGLE, reset_mechanism="none")
    xs = torch.randn(steps, samples, 37, dtype=torch.float64, requires_grad=True)
    with wanting_windows():
        out, state = lif.unroll(xs, trace=True)
    words = window_bits(out)
    assert words is not None
    inside = (words[:, :, None] >> torch.arange(64) & 1).flatten(1).bool()
    expected = (state.mem.detach() - 0.5).abs() < WIDTH
    assert torch.equal(inside[:, : samples * 37], expected.flatten(1))
    assert not inside[:, samples * 37 :].any()


def of_a_library(*args: object) -> NoReturn:
    raise AssertionError("a product by a library, whose bits may depend on the number of threads")


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("product", "product_over_rows"):
        monkeypatch.setattr(products, name, of_a_library)
    net, xs = net_of(partial(LEAKY, threshold=2.0, spike_grad=TRIANGLE), 31, 65, 63, 5), spikes(200, 33, 31)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone, how = trained(net, xs)
        assert how.count(NOTE) == 2
        torch.set_num_threads(3)
        assert same(trained(net, xs)[0], alone)
    finally:
        torch.set_num_threads(threads)


def box(input_: Tensor, grad_input: Tensor, spikes: Tensor) -> Tensor:
    return grad_input * (input_.abs() < WIDTH)


class Claiming(surrogate.Surrogate):
    """A triangle of half-width 1 that claims to be narrower."""

    support = (-0.1, 0.1)

    def derivative(self, x: Tensor) -> Tensor:
        return torch.relu(1 - x.abs())


@pytest.mark.parametrize(
    ("spike", "windowed"),
    [
        (surrogate.custom_surrogate(box, support=(-WIDTH, WIDTH)), True),
        (surrogate.custom_surrogate(box), False),
        (surrogate.atan(), False),
        (surrogate.no_gradient(), False),
        (Claiming(), True),  # the bits come from its derivative, whatever it claims
    ],
    ids=["support", "no support", "atan", "no gradient", "wrong support"],
)
def test_only_surrogates_with_a_support_have_windows(
    spike: surrogate.Surrogate, windowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, xs = net_of(partial(LEAKY, spike_grad=spike), 31, 65, 63, 5), spikes(9, 7, 31)
    net[-1] = LEAKY().double()
    out, how = snn.unroll(net, xs, explain=True)
    assert (NOTE in str(how)) == windowed
    parameters = [*net[4].parameters()] if isinstance(spike, surrogate.no_gradient) else [*net.parameters()]
    gradients = torch.autograd.grad(loss_of(out), parameters)
    monkeypatch.setattr(products, "_of_input", all_of_it)
    snn.utils.reset(net)
    assert same([*gradients], [*torch.autograd.grad(loss_of(snn.unroll(net, xs)), parameters)])


class Own(nn.Module):
    """A net with code of its own; ``also`` names what else it does with the spikes."""

    def __init__(self, also: str = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(31, 65), nn.Linear(65, 5)
        self.lif, self.out = LEAKY(spike_grad=TRIANGLE), LEAKY(spike_grad=TRIANGLE)
        self.also = also
        self.double()

    def forward(self, x: Tensor) -> Any:
        spk = self.lif(4 * self.first(x))
        if self.also == "product":
            spk = spk * 1
        out = self.out(self.second(spk))
        if self.also == "output":
            return out, spk
        return out + spk[:, :5] if self.also == "reader" else out


@pytest.mark.parametrize("also", ["", "output", "reader", "product"])
def test_spikes_that_something_else_reads_have_their_whole_gradient(also: str) -> None:
    out, how = snn.unroll(Own(also), spikes(9, 7, 31), explain=True)
    assert (NOTE in str(how)) == (not also)
    if also == "output":
        (grad,) = torch.autograd.grad(loss_of(out[0]), out[1])
        assert torch.equal((grad != 0).any(-1), (grad != 0).all(-1))


def test_a_dropout_between_makes_it_dense() -> None:
    net = net_of(NEURONS["leaky subtract"], 31, 65, 5)
    net = Net(*net[:2], nn.Dropout(0.5), *net[2:])
    assert NOTE not in str(snn.unroll(net, spikes(9, 7, 31), explain=True)[1])


def test_a_hook_makes_it_dense() -> None:
    net, xs, gradients = net_of(NEURONS["leaky subtract"], 31, 65, 5), spikes(9, 7, 31), list[Tensor]()
    net = Net(*net[:3])
    net[1].register_full_backward_hook(lambda module, before, after: gradients.append(torch.cat([*after])))
    _, how = trained(net, xs)
    assert NOTE not in how
    assert (torch.cat(gradients) != 0).double().mean() > 0.99


def in_place(spk: Tensor) -> Tensor:
    return spk.mul_(2)


def retained(spk: Tensor) -> Tensor:
    spk.retain_grad()
    return spk


def hooked(spk: Tensor) -> Tensor:
    spk.register_hook(lambda grad: None)
    return spk


def hooked_before_a_view(spk: Tensor) -> Tensor:
    return hooked(spk).flatten(0, 1)


@pytest.mark.parametrize(
    ("use", "windowed"),
    [
        (lambda spk: spk, True),
        (lambda spk: spk.flatten(0, 1), True),
        (lambda spk: spk.view(9, 1, 7, -1).flatten(0, 2), True),
        (lambda spk: spk[1:], False),
        (lambda spk: spk.transpose(0, 1), False),
        (lambda spk: spk.clone(), False),
        (lambda spk: spk.detach(), False),
        (in_place, False),
        (retained, False),
        (hooked, False),
        (hooked_before_a_view, False),
    ],
    ids=["same", "rows", "views", "part", "turned", "copy", "detached", "in place", "retained", "hooked", "view"],
)
def test_only_the_spikes_themselves_have_a_window(use: Callable[[Tensor], Tensor], windowed: bool) -> None:
    lif = snn.Leaky(beta=0.75, threshold=0.5, spike_grad=TRIANGLE)
    xs = torch.randn(9, 7, 37, dtype=torch.float64, requires_grad=True)
    with wanting_windows():
        out, _ = lif.unroll(xs)
    assert (window_bits(use(out)) is not None) == windowed


def test_nothing_is_kept_unless_it_is_wanted() -> None:
    lif = snn.Leaky(beta=0.75, threshold=0.5, spike_grad=TRIANGLE)
    out, _ = lif.unroll(torch.randn(9, 7, 37, requires_grad=True))
    assert window_bits(out) is None
    with wanting_windows():
        without_gradient, _ = lif.unroll(torch.randn(9, 7, 37))
    assert window_bits(without_gradient) is None


def test_states_have_no_window() -> None:
    lif = snn.Leaky(beta=0.75, threshold=0.5, spike_grad=TRIANGLE)
    with wanting_windows():
        _, state = lif.unroll(torch.randn(9, 7, 37, requires_grad=True), trace=True)
    assert window_bits(state.mem) is None


def test_a_gradient_that_will_be_differentiated_is_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    net, xs = net_of(NEURONS["leaky subtract"], 31, 65, 5), spikes(9, 7, 31)

    def refuse(*_: Any) -> Any:
        raise AssertionError("it was called")

    monkeypatch.setattr(products, "_of_input", refuse)
    torch.autograd.grad(loss_of(snn.unroll(net, xs)), [*net.parameters()], create_graph=True)


def test_gradients_may_be_differentiated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    net, xs = net_of(NEURONS["leaky subtract"], 31, 65, 5), spikes(9, 7, 31)
    parameters = [*net.parameters()]

    def second() -> list[Tensor]:
        snn.utils.reset(net)
        first = torch.autograd.grad(loss_of(snn.unroll(net, xs)), parameters, create_graph=True)
        total = torch.stack([(g * g).sum() for g in first]).sum()
        return [*torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)]

    result = second()
    assert any(g.any() for g in result)
    monkeypatch.setattr(products, "_of_input", all_of_it)
    assert same(result, second())


def test_a_batch_of_gradients_is_dense() -> None:
    lif = snn.Leaky(beta=0.75, threshold=0.5, spike_grad=TRIANGLE)
    with wanting_windows():
        spk, _ = lif.unroll(torch.randn(9, 7, 37, requires_grad=True))
    weight = torch.randn(5, 37, requires_grad=True)
    out, how = products.SpikeAware().linear(spk, weight, None)
    assert NOTE in how
    seeds = torch.randn(3, *out.shape)
    of_spk, of_weight = torch.autograd.grad(out, [spk, weight], seeds, is_grads_batched=True)
    torch.testing.assert_close(of_spk, seeds @ weight.detach())
    torch.testing.assert_close(of_weight, torch.einsum("ktbo,tbi->koi", seeds, spk.detach()))


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_weights_and_gradients_that_are_not_finite_spread_as_in_a_product(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, xs = net_of(NEURONS["leaky subtract"], 31, 65, 5), spikes(9, 7, 31)

    def gradients(of_weight: bool) -> list[Tensor]:
        snn.utils.reset(net)
        out = snn.unroll(net, xs)
        seed = torch.ones_like(out)
        if not of_weight:
            seed[4, 3, 2] = value
        return [*torch.autograd.grad(out, [*net.parameters()], seed)]

    for of_weight in (False, True):
        if of_weight:
            with torch.no_grad():
                net[2].weight[1, 2] = value
        with monkeypatch.context() as dense:
            dense.setattr(products, "_of_input", lambda g, weight, window: products.product(g, weight.t()))
            expected = gradients(of_weight)
        for result, dense_one in zip(gradients(of_weight), expected, strict=True):
            torch.testing.assert_close(result, dense_one, equal_nan=True)
        assert any(not g.isfinite().all() for g in expected)


def test_too_large_a_share_makes_it_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "highest_share", lambda rows, columns: 0.3)
    net, xs = net_of(partial(LEAKY, spike_grad=surrogate.triangular(50)), 31, 65, 5), spikes(9, 7, 31)
    _, how = trained(net, xs)
    assert "; dense gradient of its input, of which 100 % is used" in how


def test_narrow_layers_and_few_rows_are_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert products.highest_share(8000, 512) > 0.3
    assert products.highest_share(8000, 30) == 0
    assert products.highest_share(64, 512) == 0


@pytest.mark.parametrize("chunk", [4, 9])
def test_a_sequence_in_chunks_has_the_same_gradients(chunk: int) -> None:
    net, xs = net_of(NEURONS["leaky subtract"], 31, 65, 63, 5), spikes(9, 7, 31)
    whole, _ = trained(net, xs)
    for result, expected in zip(trained(net, xs, chunk=chunk)[0], whole, strict=True):
        torch.testing.assert_close(result, expected)


def test_a_checkpoint_has_the_same_gradients() -> None:
    net, xs = net_of(NEURONS["leaky subtract"], 31, 65, 63, 5), spikes(9, 7, 31)
    whole, _ = trained(net, xs)
    net.zero_grad()

    def run(xs: Tensor) -> Tensor:
        snn.utils.reset(net)
        return snn.unroll(net, xs)

    loss_of(checkpoint(run, xs, use_reentrant=False)).backward()
    assert same([p.grad for p in net.parameters() if p.grad is not None], whole)


def test_samples_of_different_lengths_are_dense() -> None:
    net, xs = net_of(NEURONS["leaky subtract"], 31, 65, 5), spikes(9, 7, 31)
    _, how = snn.unroll(net, xs, lengths=torch.tensor([9, 9, 8, 5, 3, 2, 1]), explain=True)
    assert NOTE not in str(how)


def test_the_report_names_the_share() -> None:
    net, xs = net_of(partial(LEAKY, spike_grad=surrogate.heaviside()), 31, 65, 5), spikes(9, 7, 31)
    share = 100 * snn.unroll(net[:2], xs).mean()  # above the threshold it fires
    snn.utils.reset(net)
    _, how = snn.unroll(net, xs, explain=True)
    assert f"; gradient of its input at the {share:.1f} % of places where it is used (snn-cpu)" in str(how)
