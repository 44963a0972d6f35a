"""Delays of channels, synapses and recurrence: closed forms, loops written out, and sequences equal to steps."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as snn

from .zoo import close

torch.manual_seed(0)
ROWS, COLUMNS = torch.rand(4, 3) * 3, torch.rand(7) * 4

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "axonal": (lambda: snn.AxonalDelay(4, COLUMNS, channels=7, learn_delay=True), (7,)),
    "axonal of images": (lambda: snn.AxonalDelay(3, torch.tensor([0.5, 2.25]), 2, learn_delay=True), (2, 3, 5)),
    "axonal shared": (lambda: snn.AxonalDelay(3, 1.25, learn_delay=True), (7,)),
    "axonal gaussian": (lambda: snn.AxonalDelay(4, COLUMNS, 7, True, "gaussian", sigma=0.75), (7,)),
    "linear": (lambda: snn.DelayedLinear(3, 4, max_delay=3, delay=ROWS), (3,)),
    "linear, evaluated": (lambda: snn.DelayedLinear(3, 4, max_delay=3, delay=ROWS, bias=False).eval(), (3,)),
    "convolution of the same size": (lambda: snn.DelayedConv2d(2, 3, (4, 3), 2, padding="same", dilation=2), (2, 5, 7)),
    "convolution": (lambda: snn.DelayedConv2d(2, 4, 3, max_delay=2, stride=2, padding=1, groups=2), (2, 5, 7)),
}
each = pytest.mark.parametrize("name", LAYERS)


def net_and_input(name: str, steps: int = 9, batch: int = 3) -> tuple[nn.Module, Tensor]:
    make, shape = LAYERS[name]
    torch.manual_seed(1)
    return make().double(), torch.randn(steps, batch, *shape, dtype=torch.float64)


def stepped(net: nn.Module, xs: Tensor) -> Tensor:
    snn.utils.reset(net)
    return torch.stack([net(x) for x in xs])


def by_definition(layer: nn.Module, xs: Tensor) -> Tensor:
    """Compute the output of a layer as a sum over all earlier steps."""
    most = layer.max_delay
    delays = layer.delay.clamp(0, most)
    outs = []
    for t in range(len(xs)):
        total = 0.0
        for k in range(most + 1):
            if isinstance(layer, snn.AxonalDelay) and layer.kernel == "linear":
                weight = (1 - (k - delays).abs()).clamp(min=0)
            elif layer.training:
                bell = [torch.exp(-((j - delays) ** 2) / (2 * layer.sigma**2)) for j in range(most + 1)]
                weight = bell[k] / sum(bell)
            else:
                weight = (delays.round() == k).double()
            x = xs[t - k] if t >= k else torch.zeros_like(xs[0])
            if isinstance(layer, snn.AxonalDelay):
                total = total + x * (weight.reshape(-1, *[1] * (x.dim() - 2)) if weight.dim() else weight)
            elif isinstance(layer, snn.DelayedLinear):
                total = total + x @ (layer.weight * weight).T
            else:
                total = total + F.conv2d(
                    x, layer.weight * weight, None, layer.stride, layer.padding, layer.dilation, layer.groups
                )
        bias = getattr(layer, "bias", None)
        outs.append(total if bias is None else total + bias.reshape(-1, *[1] * (total.dim() - 2)))
    return torch.stack(outs)


@each
def test_a_layer_is_the_sum_over_earlier_steps_that_it_is_defined_by(name: str) -> None:
    layer, xs = net_and_input(name)
    outputs, expected = stepped(layer, xs), by_definition(layer, xs)
    close(outputs, expected)
    upstream = torch.randn_like(outputs)
    learned = [p for n, p in layer.named_parameters() if n != "delay" or name != "linear, evaluated"]
    for result, reference in zip(
        *(torch.autograd.grad(out, learned, upstream) for out in (outputs, expected)), strict=True
    ):
        close(result, reference)


@each
@pytest.mark.parametrize("way", [{}, {"schedule": "steps"}, {"chunk": 4}, {"chunk": 2}], ids=str)
def test_all_steps_at_once_give_what_steps_give(name: str, way: dict) -> None:
    layer, xs = net_and_input(name)
    net = nn.Sequential(layer)
    upstream = torch.randn_like(stepped(net, xs))
    outputs, expected = (run.requires_grad_() for run in (xs.clone(), xs.clone()))
    outs = snn.unroll(net, outputs, **way), stepped(net, expected)
    close(*outs)
    parameters = [p for p in net.parameters() if p.requires_grad]
    gradients = [
        torch.autograd.grad(out, [x, *parameters], upstream, allow_unused=True)
        for out, x in zip(outs, (outputs, expected), strict=True)
    ]
    for result, reference in zip(*gradients, strict=True):
        assert (result is None) == (reference is None)
        if result is not None:
            close(result, reference)


def doubled(kind: type[nn.Module]) -> type[nn.Module]:
    class Doubled(kind):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    return Doubled


@pytest.mark.parametrize(
    ("kind", "arguments"), [(snn.AxonalDelay, (2, 1.0)), (snn.BatchNormTT1d, (3, 9))], ids=["delay", "normalization"]
)
def test_a_forward_of_a_subclass_runs_in_every_step(kind: type[nn.Module], arguments: tuple) -> None:
    net, xs = nn.Sequential(doubled(kind)(*arguments).eval(), nn.ReLU()), torch.randn(9, 2, 3)
    close(snn.unroll(net, xs), stepped(net, xs))


@each
@pytest.mark.parametrize("cut", [1, 2, 5, 8])
def test_a_sequence_may_be_cut_anywhere(name: str, cut: int) -> None:
    net, xs = net_and_input(name)
    whole = snn.unroll(net, xs)
    states = [t.clone() for t in net._kept]
    first = snn.unroll(net, xs[:cut])
    close(torch.cat([first, snn.unroll(net, xs[cut:], resume=True)]), whole)
    close(list(net._kept), states)


@each
@pytest.mark.parametrize("way", [{}, {"schedule": "steps"}, {"chunk": 3}], ids=str)
def test_samples_that_end_keep_their_own_last_inputs(name: str, way: dict) -> None:
    net, xs = net_and_input(name, batch=5)
    lengths = torch.tensor([9, 0, 4, 1, 7])
    outputs = snn.unroll(net, xs, lengths=lengths, **way)
    state = net._kept[0]
    for sample, length in enumerate(lengths.tolist()):
        alone, _ = net_and_input(name, batch=5)
        outs = stepped(alone, xs[:length, sample : sample + 1]) if length else outputs[:0, sample : sample + 1]
        close(outputs[:length, sample : sample + 1], outs)
        assert not outputs[length:, sample].any()
        close(state[sample], alone._kept[0][0] if length else torch.zeros_like(state[sample]))


@each
def test_a_file_holds_what_is_kept(name: str, tmp_path) -> None:
    net, xs = net_and_input(name)
    whole = stepped(net, xs)
    stepped(net, xs[:5])
    snn.save(tmp_path / "net.safetensors", net, state=True)
    twin, _ = net_and_input(name)
    snn.load(tmp_path / "net.safetensors", twin, state=True)
    close(torch.stack([twin(x) for x in xs[5:]]), whole[5:])


@pytest.mark.parametrize("delay", [0.0, 1.0, 2.0, 5.0])
def test_an_impulse_arrives_at_the_step_that_it_should(delay: float) -> None:
    xs = torch.zeros(9, 1, 1)
    xs[2] = 1
    out = snn.unroll(snn.AxonalDelay(5, delay), xs).flatten()
    assert out.nonzero().flatten().tolist() == [2 + delay]
    assert out.sum() == 1


IMPULSES = [(torch.float32, 300), (torch.bfloat16, 300), (torch.float16, 300), (torch.float16, 2050)]


def impulse(dtype: torch.dtype, steps: int) -> Tensor:
    return torch.eye(1, steps + 1, dtype=dtype).reshape(-1, 1, 1)


@pytest.mark.parametrize(("dtype", "most"), IMPULSES, ids=str)
@pytest.mark.parametrize("learn", [False, True], ids=["fixed", "learned"])
@pytest.mark.parametrize("early", [0, 1, 2, 3, 42, 43, 44, 45])
def test_an_impulse_in_half_precision_arrives_at_the_step_that_it_should(dtype, most: int, learn, early: int) -> None:
    layer, xs = snn.AxonalDelay(most, most - early, learn_delay=learn), impulse(dtype, most)
    out = layer.sequence(xs)
    assert out.dtype == dtype
    assert out.flatten().nonzero().flatten().tolist() == [most - early]
    assert out.sum() == 1
    sharp = snn.AxonalDelay(most, most - early, learn_delay=learn, kernel="gaussian", sigma=0.01)
    assert sharp.sequence(xs).equal(out)
    with torch.autocast("cpu"):
        linear = nn.Linear(1, 1, bias=False)
        nn.init.ones_(linear.weight)
        assert layer.sequence(linear(xs.float())).flatten().nonzero().flatten().tolist() == [most - early]


@pytest.mark.parametrize("delay", [257.0, 257.25, 259.5, 299.0])
def test_a_long_delay_in_half_precision_has_the_gradient_of_single_precision(delay: float) -> None:
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        layer, xs = snn.AxonalDelay(300, delay, learn_delay=True), torch.zeros(400, 1, 1, dtype=dtype)
        xs[3:7] = torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=dtype).reshape(-1, 1, 1)
        xs.requires_grad_()
        weights = torch.arange(400).reshape(-1, 1, 1) % 7
        gradients.append(torch.autograd.grad((layer.sequence(xs) * weights).sum(), [layer.delay, xs]))
    for single, half in zip(*gradients, strict=True):
        torch.testing.assert_close(half.float(), single, rtol=0, atol=0)


@pytest.mark.parametrize(("dtype", "most"), IMPULSES, ids=str)
@pytest.mark.parametrize("early", [0, 4, 42, 44, 50])
@pytest.mark.parametrize(
    "make", [lambda *a, **o: snn.DelayedLinear(1, 1, *a, **o), lambda *a, **o: snn.DelayedConv2d(1, 1, 1, *a, **o)]
)
def test_a_weight_in_half_precision_belongs_to_one_step(make, dtype: torch.dtype, most: int, early: int) -> None:
    layer = make(most, delay=most - early, bias=False, dtype=dtype).eval()
    delay = int(layer.delay.item())  # the nearest that its dtype holds
    assert layer.taps().dtype == dtype
    assert layer.taps().flatten().nonzero().flatten().tolist() == [delay]
    layer.sigma.fill_(0.01)
    assert layer.train().taps().flatten().nonzero().flatten().tolist() == [delay]
    nn.init.ones_(layer.weight)
    if isinstance(layer, snn.DelayedLinear):
        assert layer.eval().sequence(impulse(dtype, most)).flatten().nonzero().flatten().tolist() == [delay]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_wide_gaussian_in_half_precision_is_that_of_single_precision(dtype: torch.dtype) -> None:
    layer = snn.DelayedLinear(3, 2, max_delay=600, bias=False, dtype=dtype)
    expected = copy.deepcopy(layer).float()
    torch.testing.assert_close(layer.taps(), expected.taps().to(dtype), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.bfloat16], ids=str)
def test_delays_of_any_dtype_are_compared_with_the_largest_as_they_are(dtype: torch.dtype) -> None:
    delay = torch.tensor([[100.0]]).to(dtype)
    assert snn.DelayedLinear(1, 1, 300, delay=delay).delay.item() == 100
    with pytest.raises(ValueError, match="every delay must be between 0 and max_delay=99 steps"):
        snn.DelayedLinear(1, 1, 99, delay=delay)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("learn", [False, True], ids=["fixed", "learned"])
@pytest.mark.parametrize("delay", [0.0, 1.0, 2.0, 3.0, 4.5])
def test_a_whole_delay_moves_its_input_as_it_is(delay: float, learn: bool, dtype: torch.dtype) -> None:
    layer = snn.AxonalDelay(3, learn_delay=learn)
    with torch.no_grad():
        layer.delay.fill_(delay)  # 4.5 is clamped to 3
    xs = torch.tensor([0.1, 1e4, 0.0, -1e-3, 7.0, 1e4, 0.3], dtype=dtype).reshape(-1, 1, 1)
    steps = min(int(delay), 3)
    expected = torch.cat([torch.zeros_like(xs[:steps]), xs[: len(xs) - steps]])
    assert torch.equal(layer.sequence(xs), expected)
    assert torch.equal(stepped(layer, xs), expected)


def test_an_impulse_halves_at_half_steps() -> None:
    xs = torch.zeros(6, 1, 1)
    xs[1] = 1
    assert snn.unroll(snn.AxonalDelay(4, 1.5), xs).flatten().tolist() == [0, 0, 0.5, 0.5, 0, 0]
    assert snn.unroll(snn.AxonalDelay(4, 1.25), xs).flatten().tolist() == [0, 0, 0.75, 0.25, 0, 0]


def test_a_whole_delay_has_the_mean_of_the_slopes_on_its_sides() -> None:
    torch.manual_seed(0)
    xs, upstream = torch.randn(2, 9, 3, 4, dtype=torch.float64)
    whole = torch.tensor([0.0, 1.0, 3.0, 4.0], dtype=torch.float64)

    def total(delays: Tensor) -> Tensor:
        return (snn.unroll(snn.AxonalDelay(4, delays, 4), xs) * upstream).sum((0, 1))

    layer = snn.AxonalDelay(4, whole, 4, learn_delay=True)
    (snn.unroll(layer, xs) * upstream).sum().backward()
    above, below = (whole + 0.25).clamp(max=4), (whole - 0.25).clamp(min=0)
    close(layer.delay.grad, (total(above) - total(below)) / (above - below))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_differences(name: str) -> None:
    layer, xs = net_and_input(name, steps=4, batch=2)
    if isinstance(layer, snn.AxonalDelay):
        with torch.no_grad():
            layer.delay.add_(0.3).clamp_(0.1, layer.max_delay - 0.6)
    learned = {n: p for n, p in layer.named_parameters() if p.requires_grad}

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(learned, values, strict=True)), (x,))

    def whole(x: Tensor, *values: Tensor) -> Tensor:
        snn.utils.reset(layer)
        return torch.stack([run(step, *values) for step in x])

    inputs = [t.detach().requires_grad_() for t in (xs, *learned.values())]
    assert torch.autograd.gradcheck(whole, inputs)


def test_a_clamped_delay_at_its_end_goes_on_learning() -> None:
    layer = snn.AxonalDelay(3, 3.0, learn_delay=True)
    snn.unroll(layer, torch.rand(6, 1, 1)).square().sum().backward()
    assert layer.delay.grad != 0
    with torch.no_grad():
        layer.delay.fill_(5.0)
    xs = torch.rand(6, 1, 1)
    close(snn.unroll(layer, xs)[3:], xs[:3])


def test_delays_are_rounded_in_evaluation() -> None:
    layer = snn.DelayedLinear(1, 1, max_delay=4, delay=2.4, bias=False).eval()
    nn.init.ones_(layer.weight)
    xs = torch.zeros(6, 1, 1)
    xs[0] = 1
    assert snn.unroll(layer, xs).flatten().tolist() == [0, 0, 1, 0, 0, 0]
    assert snn.AxonalDelay(4, 2.6).round_().delay == 3


def test_the_width_falls_by_one_factor_over_a_quarter_of_training() -> None:
    layer = snn.DelayedLinear(3, 2, max_delay=10)
    widths = []
    for epoch in range(41):
        layer.narrow_(epoch / 40)
        widths.append(layer.sigma.item())
    assert widths[0] == 5
    ratios = [b / a for a, b in itertools.pairwise(widths[:11])]
    assert ratios == pytest.approx([(0.23 / 5) ** 0.1] * 10, rel=1e-5)
    assert widths[10:] == pytest.approx([0.23] * 31)


def test_input_of_integers_and_booleans_is_taken() -> None:
    xs = torch.tensor([[[True]], [[False]]])
    assert snn.unroll(snn.AxonalDelay(1, 1.0), xs).flatten().tolist() == [0, 1]


WRONG = {
    "no steps": (lambda: snn.AxonalDelay(0), r"AxonalDelay: max_delay must be a whole number .* got 0"),
    "half steps": (lambda: snn.DelayedLinear(3, 2, 1.5), r"DelayedLinear: max_delay must be a whole .* got 1.5"),
    "late": (lambda: snn.AxonalDelay(3, 4.0), r"AxonalDelay: every delay must be between 0 and max_delay=3 .* 4"),
    "early": (lambda: snn.DelayedConv2d(1, 1, 3, 2, delay=-1.0), r"DelayedConv2d: every delay must be .*-1"),
    "other channels": (lambda: snn.AxonalDelay(3, torch.ones(2), 3), r"AxonalDelay: delay .* 3 channels"),
    "other weights": (lambda: snn.DelayedLinear(3, 2, 2, delay=torch.ones(3)), r"each weight \(2, 3\)"),
    "kernel": (lambda: snn.AxonalDelay(3, kernel="cubic"), r"kernel must be one of linear, gaussian, got 'cubic'"),
    "no width": (lambda: snn.DelayedLinear(3, 2, 2, sigma=0.0), r"DelayedLinear: sigma must be greater than 0"),
    "sequences": (lambda: snn.AxonalDelay(3, step_mode=False), r"delay.sequence\(xs\)"),
    "beyond training": (lambda: snn.DelayedLinear(3, 2, 2).narrow_(1.5), r"narrow_ takes a share .* got 1.5"),
    "endless width": (lambda: snn.DelayedLinear(3, 2, 2, sigma=math.inf), r"sigma must be finite, got inf"),
    "endless Gaussian": (lambda: snn.AxonalDelay(3, sigma=math.inf), r"AxonalDelay: sigma must be finite, got inf"),
    "a table": (
        lambda: snn.AxonalDelay(4, torch.zeros(2, 3)),
        r"AxonalDelay: delay must have one value, or one for each channel, got shape \(2, 3\)",
    ),
    **{
        f"channels={wrong}": (
            lambda wrong=wrong: snn.AxonalDelay(4, channels=wrong),
            rf"AxonalDelay: channels must be a whole number, 1 or more, got {wrong}",
        )
        for wrong in (-1, 0, 2.0, True)
    },
    "endless recurrent width": (
        lambda: snn.RLeaky(0.9, V=0.5, all_to_all=False, max_delay=2, delay_sigma=math.inf),
        r"RLeaky: delay_sigma must be finite, got inf",
    ),
    "recurrent": (
        lambda: snn.RLeaky(0.9, linear_features=2, max_delay=2, delay=3.0),
        r"RLeaky: every delay must be between 0 and max_delay=2",
    ),
    "recurrent width": (
        lambda: snn.RLeaky(0.9, linear_features=2, max_delay=2, delay_sigma=-1.0),
        r"RLeaky: delay_sigma must be 0 steps or more, got -1.0",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_misfit_is_an_error_that_names_it(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        make()


def test_a_recurrent_delay_asks_for_the_largest() -> None:
    with pytest.raises(TypeError, match=r"RLeaky: delay=1\.0 needs max_delay"):
        snn.RLeaky(0.9, linear_features=2, delay=1.0)


def test_input_that_does_not_fit_is_an_error_and_the_state_stays() -> None:
    layer = snn.AxonalDelay(3, torch.ones(2), 2)
    with pytest.raises(ValueError, match=r"2 delays for the channels .* \(4, 3\)"):
        layer(torch.zeros(4, 3))
    layer(torch.ones(4, 2))
    with pytest.raises(ValueError, match=r"AxonalDelay keeps inputs of shape \(4, 2\).*reset"):
        layer(torch.ones(5, 2))
    assert layer(torch.zeros(4, 2)).equal(torch.ones(4, 2))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (snn.DelayedLinear(3, 2, 2), (4, 5), r"DelayedLinear takes \[batch, 3\], got input of shape \(4, 5\)"),
        (snn.DelayedLinear(3, 2, 2), (4, 5, 3), r"DelayedLinear takes \[batch, 3\]"),
        (snn.DelayedConv2d(4, 2, 3, 2, groups=2), (4, 2, 5, 5), r"DelayedConv2d takes \[batch, 4, H, W\]"),
    ],
)
def test_input_of_another_shape_is_an_error_that_says_which(layer: nn.Module, shape: tuple, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        layer(torch.zeros(shape))


@each
def test_a_batch_may_be_empty(name: str) -> None:
    net, xs = net_and_input(name)
    assert snn.unroll(net, xs[:, :0]).shape == (9, 0, *snn.unroll(net, xs).shape[2:])


def test_it_takes_the_arguments_of_its_counterpart() -> None:
    layer = snn.AxonalDelay(max_delay=16, delay=1.0, channels=3, learn_delay=True)
    assert layer.delay.tolist() == [1, 1, 1]
    assert isinstance(layer.delay, nn.Parameter)
    first = layer(torch.ones(2, 3))
    assert not first.any()
    layer.reset_delay()
    assert layer(torch.ones(5, 3)).equal(torch.zeros(5, 3))
    assert layer(torch.ones(5, 3)).equal(torch.ones(5, 3))


def delayed_recurrence(xs: Tensor, beta: Tensor, weight: Tensor, bias: Tensor, delay: Tensor, sigma: float) -> Tensor:
    """A recurrent leaky neuron without reset, from the equation: every spike goes back once its delay is over."""
    mem, spikes = torch.zeros_like(xs[0]), []
    for t, x in enumerate(xs):
        back = torch.zeros_like(x)
        for past, spk in enumerate(spikes):
            late = t - past - 1  # steps beyond the one that recurrence takes
            if late <= 3:
                back = back + spk * torch.relu(1 + sigma - (late - delay).abs()) / (1 + sigma) ** 2
        mem = beta * mem + x + back @ weight.T + bias
        spikes.append(torch.sigmoid(4 * (mem - 1)))
    return torch.stack(spikes)


@pytest.mark.parametrize("sigma", [0.0, 0.5, 2.0])
def test_recurrent_spikes_go_back_after_their_delays(sigma: float) -> None:
    torch.manual_seed(3)
    options = {"linear_features": 5, "max_delay": 3, "delay_sigma": sigma, "reset_mechanism": "none"}
    lif = snn.RLeaky(0.8, learn_beta=True, spike_grad=lambda x: torch.sigmoid(4 * x), **options).double()
    xs = torch.randn(11, 3, 5, dtype=torch.float64)
    layer = lif.recurrent
    constants = lif.beta, layer.weight, layer.bias, lif.delay
    outputs, expected = lif.unroll(xs)[0], delayed_recurrence(xs, *constants, sigma)
    close(outputs, expected)
    upstream = torch.randn_like(outputs)
    result, reference = (torch.autograd.grad(out, constants, upstream) for out in (outputs, expected))
    for a, b in zip(result, reference, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_without_delays_the_recurrence_is_the_plain_one() -> None:
    torch.manual_seed(0)
    plain = snn.RLeaky(0.8, linear_features=5)
    late = snn.RLeaky(0.8, linear_features=5, max_delay=3, delay=0.0)
    late.recurrent.load_state_dict(plain.recurrent.state_dict())
    xs = torch.randn(9, 3, 5)
    assert torch.equal(plain.unroll(xs)[0], late.unroll(xs)[0])


@pytest.mark.parametrize("learn_delay", [True, False])
def test_a_coincidence_is_heard_once_delays_have_learned_it(learn_delay: bool) -> None:
    """Two channels fire three steps apart, in one order or the other; a neuron hears coincidences alone."""
    torch.manual_seed(0)
    steps, batch = 16, 256
    labels = torch.arange(batch) % 2
    first = torch.randint(1, 8, (batch,))
    xs = torch.zeros(steps, batch, 2)
    xs[first, torch.arange(batch), labels] = 1
    xs[first + 3, torch.arange(batch), 1 - labels] = 1
    # one neuron per class, that forgets at once and fires on two spikes in one step
    delay = snn.DelayedLinear(2, 2, max_delay=6, delay=3.0, bias=False, learn_delay=learn_delay, sigma=2.0)
    net = nn.Sequential(delay, snn.Leaky(beta=0.0, threshold=0.75, init_hidden=True, reset_mechanism="none"))
    nn.init.constant_(delay.weight, 0.5)
    with torch.no_grad():
        delay.delay += torch.tensor([[0.5, -0.5], [-0.5, 0.5]])
    delay.weight.requires_grad_(False)
    if learn_delay:
        optimizer = torch.optim.Adam([delay.delay], lr=0.1)
        for epoch in range(150):
            delay.narrow_(epoch / 150)
            loss = F.cross_entropy(8 * snn.unroll(delay, xs).amax(0), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    counts = snn.unroll(net.eval(), xs).sum(0)
    # a class that is not told by more spikes is a wrong one for half of the samples
    right = torch.where(counts[:, 0] == counts[:, 1], 0.5, (counts.argmax(1) == labels).float()).mean()
    assert right > 0.99 if learn_delay else right < 0.6
    if learn_delay:
        assert (delay.delay[:, 0] - delay.delay[:, 1]).round().tolist() == [3, -3]


class Sliding(snn.Recurrent, snn.SlidingPSN):
    """A neuron that keeps its last inputs and, for the recurrence, its last spikes."""

    class State(NamedTuple):
        spk: Tensor
        mem: Tensor

    def __init__(self, order: int, max_delay: int | None, delay: int | None) -> None:
        super().__init__(order, init_hidden=True, learn_weight=False)
        self.connect(linear_features=5, max_delay=max_delay, delay=delay)


@pytest.mark.parametrize(("order", "most", "delay"), [(2, 1, 0), (2, 3, 2), (4, 2, 2), (3, 5, 4), (4, None, 0)])
def test_recurrent_delays_and_past_inputs_are_states_side_by_side(order: int, most: int | None, delay: int) -> None:
    torch.manual_seed(2)
    neuron, xs = Sliding(order, most, None if most is None else delay).double(), torch.rand(12, 3, 5).double() * 2
    drives, spikes = [torch.zeros(3, 5).double()] * order, [torch.zeros(3, 5).double()] * (delay + 1)
    for x in xs:
        drives.append(x + neuron.recurrent(spikes[-1 - delay]))
        mem = sum(0.5**i * drives[-1 - i] for i in range(order))
        spikes.append((mem > 1).double())
    expected = torch.stack(spikes[-len(xs) :])
    assert 0 < expected.mean() < 1
    assert torch.equal(stepped(neuron, xs), expected)
    assert torch.equal(neuron.unroll(xs)[0], expected)
    twin = pickle.loads(pickle.dumps(neuron))
    assert twin.State is neuron.State
    assert torch.equal(twin(xs[0]), copy.deepcopy(neuron)(xs[0]))
    assert [name for name in neuron.State._fields if name.startswith("past")] == [f"past_{i}" for i in range(1, order)]
