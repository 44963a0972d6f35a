"""Neurons that are all connected to each other, by the kernel and by the steps that specify them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.engines import fused
from snn_core.engines.operator import text_of
from snn_core.surrogate import Surrogate
from snn_cpu.lowering import forward_code

from .programs import of_neuron
from .specification import FAMILIES, RESETS, SURROGATES, Case, backward, made, random_gradients, same_bits

FAMILIES_OF_DENSE = ["rleaky_dense", "rsynaptic_dense"]
KINDS = [(family, *reset) for family in FAMILIES_OF_DENSE for reset in RESETS]
DTYPES = [torch.float32, torch.float64]
# relative to the largest gradient of a tensor, or where a constant is shared to the sum of what is added up to it
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}

Shapes = Callable[[str], tuple[int, ...]]


def shared(name: str) -> tuple[int, ...]:
    return ()


SHAPES: dict[str, Callable[[int, int], Shapes]] = {
    "shared": lambda B, N: shared,
    "one a neuron": lambda B, N: lambda name: (N,),
    "one a neuron of a sample": lambda B, N: lambda name: (B, N),
    "one a sample": lambda B, N: lambda name: (B, 1),
}

ON_GRID = {"alpha": [0.5], "beta": [0.5, 0.75], "graded_spikes_factor": [0.5, 1.0, 1.5], "threshold": [0.5, 0.75, 1.0]}


def on_grid(
    family: str,
    reset: str = "subtract",
    delay: bool = True,
    spike_grad: Surrogate = SURROGATES[1],
    *,
    steps: int = 8,
    shape: tuple[int, ...] = (3, 5),
    dtype: torch.dtype = torch.float64,
    trace: bool = False,
    constants: Shapes = shared,
    seed: int = 0,
) -> Case:
    """A case in which no sum rounds, so that it does not matter in which order it is taken."""
    generator = torch.Generator().manual_seed(seed)

    def multiples(size: tuple[int, ...], low: int, high: int) -> Tensor:
        numbers = torch.randint(low, high + 1, size, generator=generator)
        return (numbers.to(torch.float64) / 64).to(dtype).requires_grad_()

    def one_of(size: tuple[int, ...], values: Sequence[float]) -> Tensor:
        index = torch.randint(len(values), size, generator=generator)
        return torch.tensor(values, dtype=dtype)[index].requires_grad_()

    neuron, names = made(family, reset, delay, spike_grad)
    neurons = shape[-1]
    width = max(64 // neurons, 1)
    weight, bias = multiples((neurons, neurons), -width, width), multiples((neurons,), -8, 8)
    own = [one_of(constants(name), ON_GRID[name]) for name in names[2:]]
    states = tuple(multiples(shape, -32, 64) for _ in neuron.State._fields)
    return Case(neuron, names, multiples((steps, *shape), -48, 96), states, (weight, bias, *own), trace)


def agree(sample: Case, gradients: Sequence[Tensor | None] | None = None, *, bits: bool = True) -> tuple[Tensor, ...]:
    """Assert that kernel and steps give the same, bit by bit forward on the grid, and the same gradients."""
    # each neuron of each sample has constants of its own here, so that what is summed to a shared one shows its size
    weights = sum(name in ("recurrent.weight", "recurrent.bias") for name in sample.names)
    apart = [c.detach().expand(sample.x.shape[1:]).clone().requires_grad_() for c in sample.constants[weights:]]
    count = len(sample.tensors) - len(apart)
    expected = sample.with_tensors([*sample.tensors[:count], *apart]).fresh()
    result = sample.fresh()
    out, out_k = expected.by_steps(), result.by_kernel()
    for o, o_k in zip(out, out_k, strict=True):
        if bits:
            same_bits(o_k, o)
        else:
            same_bits(out_k[0], out[0])
            torch.testing.assert_close(o_k, o, rtol=1e-5, atol=1e-5)
    gradients = random_gradients(out) if gradients is None else gradients
    expected_gradients, actual = backward(expected, out, gradients), backward(result, out_k, gradients)
    for w, g, tensor in zip(expected_gradients, actual, sample.tensors, strict=True):
        assert w is not None
        assert g is not None
        assert g.shape == tensor.shape
        bound = w.abs().sum_to_size(tensor.shape)
        if g.numel():
            error = (g - w.sum_to_size(tensor.shape)).abs().max().item()
            assert error <= TOLERANCE[g.dtype] * bound.max().item(), f"{error} of {bound.max().item()}"
    return out_k


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_every_kind_of_neuron_on_a_grid(family: str, reset: str, delay: bool, shapes: str, dtype: torch.dtype) -> None:
    for number, shape in enumerate([(1, 1), (3, 7), (5, 70)]):
        options: Any = {"dtype": dtype, "shape": shape, "constants": SHAPES[shapes](*shape), "seed": number}
        for trace in (False, True):
            spk = agree(on_grid(family, reset, delay, trace=trace, **options))[0]
        assert number == 0 or 0.02 < spk.mean() < 0.9


@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
def test_every_surrogate(family: str, spike_grad: Surrogate) -> None:
    agree(on_grid(family, "zero", False, spike_grad, dtype=torch.float32, trace=True))


# segments are 32 steps long, words 64 bits; a thread takes 16 to 64 rows of the batch at a time, and 8 of them at once
@pytest.mark.parametrize("steps", [1, 2, 31, 32, 33, 65])
@pytest.mark.parametrize("neurons", [1, 31, 32, 63, 64, 65, 129])
@pytest.mark.parametrize("samples", [1, 7, 19, 67])
def test_every_size(steps: int, neurons: int, samples: int) -> None:
    sample = on_grid(
        "rsynaptic_dense" if steps % 2 else "rleaky_dense",
        "subtract",
        steps % 3 > 0,
        steps=steps,
        shape=(samples, neurons),
        constants=SHAPES["one a neuron"](samples, neurons),
    )
    spk = agree(sample, bits=steps < 9)[0]
    assert neurons == 1 or spk.any()


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 3, 5), (2, 0, 3, 5)])
@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
def test_any_axes_before_the_neurons(family: str, shape: tuple[int, ...]) -> None:
    for trace in (False, True):
        agree(on_grid(family, shape=shape, trace=trace))


def ordinary(family: str, dtype: torch.dtype, *, steps: int = 60, seed: int = 0, **options: Any) -> tuple[Any, Tensor]:
    """A neuron with weights as torch draws them, and an input at which it fires now and then."""
    torch.manual_seed(seed)
    options = {"learn_beta": True, "learn_threshold": True, **options}
    if family == "rleaky_dense":
        neuron: Any = snn.RLeaky(beta=torch.rand(130) * 0.2 + 0.75, linear_features=130, **options)
    else:
        neuron = snn.RSynaptic(alpha=0.7, beta=0.8, linear_features=130, learn_alpha=True, **options)
    return neuron.to(dtype), (0.5 * torch.randn(steps, 9, 130)).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
@pytest.mark.parametrize("seed", range(5))
def test_spikes_differ_only_after_a_membrane_within_rounding_of_the_threshold(
    family: str, dtype: torch.dtype, seed: int
) -> None:
    neuron, xs = ordinary(family, dtype, steps=300, seed=seed)
    with torch.no_grad():
        state = neuron.State._make(torch.zeros_like(xs[0]) for _ in neuron.State._fields)
        expected, traced = kernels.loop(neuron.advance, xs, state, True)
        result, _ = neuron.unroll(xs)
    assert 0.02 < expected.mean() < 0.5
    near = (traced.mem - neuron.threshold).abs() < 1e-5 * traced.mem.abs().max()
    sure = near.any(-1).cumsum(0) == 0  # steps of a sample before the first that is in doubt
    assert sure.float().mean() > 0.05
    assert torch.equal(result[sure], expected[sure])
    if dtype == torch.float64:
        assert torch.equal(result, expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
@pytest.mark.parametrize("options", [{}, {"reset_mechanism": "zero", "reset_delay": False}], ids=str)
def test_gradients_where_sums_round(family: str, dtype: torch.dtype, options: dict[str, Any]) -> None:
    neuron, xs = ordinary(family, dtype, **options)
    names = FAMILIES[family][1]
    constants = tuple(attrgetter(*names)(neuron))
    states = tuple(0.3 * torch.rand_like(xs[0]) for _ in neuron.State._fields)
    agree(Case(neuron, names, xs, states, constants, False), bits=False)


def outputs_and_gradients(sample: Case, run: Callable[[Case], tuple[Tensor, ...]]) -> list[Tensor | None]:
    leaves = sample.fresh()
    out = run(leaves)
    return [*out, *backward(leaves, out, random_gradients(out))]


@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_number_of_threads_changes_no_bit(family: str, dtype: torch.dtype) -> None:
    neuron, xs = ordinary(family, dtype, graded_spikes_factor=0.7)
    names = FAMILIES[family][1]
    constants = tuple(attrgetter(*names)(neuron))
    # busy samples, whose product is dense, beside quiet ones
    xs = xs + torch.linspace(-1, 2, 9, dtype=dtype).unsqueeze(1)
    sample = Case(neuron, names, xs, tuple(torch.zeros_like(xs[0]) for _ in neuron.State._fields), constants, True)
    result = []
    for threads in (1, 2, 3, 4):
        torch.set_num_threads(threads)
        result.append(outputs_and_gradients(sample, Case.by_kernel))
    assert result[0][0][:, -1].mean() > 0.5
    for other in result[1:]:
        for a, b in zip(result[0], other, strict=True):
            same_bits(b, a)


def test_a_sample_does_not_depend_on_what_it_is_batched_with() -> None:
    neuron, xs = ordinary("rleaky_dense", torch.float32)
    xs = xs + torch.linspace(-1, 2, 9).unsqueeze(1)
    together = neuron.unroll(xs)[0]
    for sample in range(9):
        same_bits(neuron.unroll(xs[:, sample : sample + 1])[0], together[:, sample : sample + 1])


@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
def test_tensors_in_any_layout(family: str) -> None:
    sample = on_grid(family, shape=(4, 6))
    expected = outputs_and_gradients(sample, Case.by_steps)
    strided = sample.with_tensors([_strided(t) for t in sample.tensors])
    assert not strided.x.is_contiguous()
    for e, f in zip(expected, outputs_and_gradients(strided, Case.by_kernel), strict=True):
        torch.testing.assert_close(f, e)
    repeated = sample.with_tensors([sample.x[:1, :1].expand_as(sample.x), *sample.tensors[1:]])
    ones = [torch.ones(()).double().expand(8, 4, 6), *(torch.ones(1, 6).double().expand(4, 6) for _ in sample.states)]
    agree(repeated, ones)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
def test_states_constants_and_weights_expanded_along_some_axes(family: str, axes: tuple[int, ...]) -> None:
    sample = on_grid(family, shape=(4, 6), constants=lambda name: (4, 6))

    def expanded(t: Tensor) -> Tensor:
        few = [slice(0, 1) if axis in axes else slice(None) for axis in range(2)]
        return t.detach()[(..., *few[2 - min(t.dim(), 2) :])].expand_as(t)

    agree(sample.with_tensors([expanded(t) for t in sample.tensors]))


def _strided(tensor: Tensor) -> Tensor:
    """The same values with the axes stored in reverse, and gaps."""
    if tensor.dim() == 0:
        return tensor
    stored = torch.zeros(*tensor.shape[::-1], 2, dtype=tensor.dtype)
    view = stored[..., 0].permute(*reversed(range(tensor.dim())))
    return view.copy_(tensor.detach()).requires_grad_()


# an entry of a tensor of a leaky case
ENTRIES = {
    "input": (0, (2, 1, 3)),
    "spikes": (1, (1, 3)),
    "membrane": (2, (1, 3)),
    "weight": (-5, (2, 3)),
    "bias": (-4, (3,)),
    "amplitude": (-2, (3,)),
}


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize("where", ENTRIES)
def test_values_that_are_not_finite_spread_as_by_steps(where: str, value: float) -> None:
    sample = on_grid("rleaky_dense", constants=SHAPES["one a neuron"](3, 5))
    position, index = ENTRIES[where]
    tensors = [t.detach().clone() for t in sample.tensors]
    tensors[position][index] = value
    sample = sample.with_tensors(tensors)
    expected = outputs_and_gradients(sample, Case.by_steps)
    for e, f in zip(expected, outputs_and_gradients(sample, Case.by_kernel), strict=True):
        torch.testing.assert_close(f, e, equal_nan=True, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("spike_grad", [SURROGATES[1], surrogate.no_gradient()], ids=repr)
def test_a_gradient_that_is_not_finite_goes_where_it_goes_by_steps(spike_grad: Surrogate, value: float) -> None:
    sample = on_grid("rleaky_dense", spike_grad=spike_grad)
    result = []
    for run in (Case.by_steps, Case.by_kernel):
        leaves = sample.fresh()
        out = run(leaves)
        gradients = random_gradients(out)
        gradients[0][5, 1, 2] = value
        result.append(backward(leaves, out, gradients))
    # of the weight: no spike times what is not finite, unless spikes have no gradient at all
    assert result[0][-5].isnan().any() == (spike_grad != surrogate.no_gradient())
    for e, f in zip(*result, strict=True):
        torch.testing.assert_close(f, e, equal_nan=True, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_a_gradient_does_not_depend_on_which_others_are_needed(family: str, reset: str, delay: bool) -> None:
    sample = on_grid(family, reset, delay)
    gradients = random_gradients(sample.by_kernel())
    every = sample.fresh()
    expected = backward(every, every.by_kernel(), gradients)
    count = len(sample.tensors)
    for alone in range(count):
        leaves = sample.fresh([i == alone for i in range(count)])
        result = backward(leaves, leaves.by_kernel(), gradients)
        assert [g is None for g in result] == [i != alone for i in range(count)]
        same_bits(result[alone], expected[alone])


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
def test_the_gradient_of_each_output_alone(family: str, trace: bool) -> None:
    sample = on_grid(family, "zero", trace=trace)
    gradients = random_gradients(sample.by_kernel())
    for alone in range(len(gradients)):
        agree(sample, [g if i == alone else torch.zeros_like(g) for i, g in enumerate(gradients)])
        leaves, full = sample.fresh(), sample.fresh()
        result = backward(leaves, leaves.by_kernel(), [g if i == alone else None for i, g in enumerate(gradients)])
        zeros = [g if i == alone else torch.zeros_like(g) for i, g in enumerate(gradients)]
        for a, b in zip(result, backward(full, full.by_kernel(), zeros), strict=True):
            same_bits(a, b)


@pytest.mark.parametrize("amplitude", [1.0, 1.5, 0.0])
def test_a_sequence_may_be_cut_anywhere(amplitude: float) -> None:
    neuron, xs = ordinary("rsynaptic_dense", torch.float64, graded_spikes_factor=amplitude)
    whole, last = neuron.unroll(xs)
    (whole.sum() + last.mem.sum()).backward()
    expected = {name: p.grad for name, p in neuron.named_parameters()}
    neuron.zero_grad()
    first, state = neuron.unroll(xs[:23])
    second, state = neuron.unroll(xs[23:], state)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(state.spk, last.spk)
    (first.sum() + second.sum() + state.mem.sum()).backward()
    for name, p in neuron.named_parameters():
        if p.requires_grad:
            torch.testing.assert_close(p.grad, expected[name], rtol=1e-10, atol=1e-10)


def test_a_gradient_can_be_differentiated() -> None:
    sample = on_grid("rleaky_dense", spike_grad=surrogate.sigmoid(2))
    result = []
    for run in (Case.by_steps, Case.by_kernel):
        leaves = sample.fresh()
        spk, *_ = run(leaves)
        weight = leaves.constants[0]
        (first,) = torch.autograd.grad(spk.square().sum(), weight, create_graph=True)
        result.append(torch.autograd.grad(first.square().sum(), leaves.x)[0])
    assert result[0].any()
    torch.testing.assert_close(result[1], result[0])


def test_backward_keeps_bits_and_a_state_of_every_32_steps() -> None:
    neuron, xs = ordinary("rleaky_dense", torch.float32, steps=320)
    xs.requires_grad_()
    inputs = {xs.data_ptr(), *(p.data_ptr() for p in neuron.parameters())}
    saved: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        neuron.unroll(xs)
    state = xs[0].nbytes
    own = sum(t.nbytes for t in saved if t.data_ptr() not in inputs)
    bits = 320 * 9 * 3 * 8  # 130 neurons take three words
    assert own <= bits + (9 + 4) * state + 4096
    saved.clear()
    with torch.no_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        neuron.unroll(xs)
    assert not saved


@pytest.mark.parametrize("family", FAMILIES_OF_DENSE)
def test_the_operator_with_the_kernel_is_one_that_torch_accepts(family: str) -> None:
    sample = on_grid(family, steps=3)
    program = sample.program()
    arguments = text_of(program), sample.x, [*sample.states], [*sample.in_order(program)], False
    torch.library.opcheck(torch.ops.snn_core.sequence.default, arguments)


def test_a_net_is_trained_by_the_kernel_as_by_the_loop() -> None:
    def net() -> nn.Module:
        torch.manual_seed(3)
        lif = snn.RLeaky(beta=0.8, linear_features=40, init_hidden=True)
        return nn.Sequential(nn.Linear(7, 40), lif, nn.Linear(40, 3), snn.Leaky(beta=0.8, init_hidden=True)).double()

    xs, grads = torch.randn(50, 6, 7).double(), []
    for schedule in ("steps", "layers"):
        model = net()
        spk = snn.unroll(model, xs, schedule=schedule)
        (spk * torch.linspace(0, 1, 50).double()[:, None, None]).sum().backward()
        grads.append([p.grad for p in model.parameters()])
    for e, f in zip(*grads, strict=True):
        torch.testing.assert_close(f, e, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("learned", [(True, True), (True, False), (False, False)], ids=str)
@pytest.mark.parametrize("kind", [snn.RLeaky, snn.RSynaptic], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)], ids=str)
def test_the_gradient_of_an_input_that_is_the_same_in_every_step(
    kind: Any, learned: tuple[bool, bool], dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(4)
    decays = {"beta": 0.9} if kind is snn.RLeaky else {"alpha": 0.8, "beta": 0.9}
    neuron = kind(linear_features=65, learn_beta=learned[1], learn_threshold=learned[1], **decays).to(dtype)
    neuron.recurrent.requires_grad_(learned[0])
    rows = torch.randn(7, 65, dtype=dtype, requires_grad=True)
    tensors = [rows, *(p for p in neuron.parameters() if p.requires_grad)]
    xs = fused.repeated(rows, 33)  # the kernel sums its gradient over the steps
    repeated, separate = neuron.unroll(xs)[0], neuron.unroll(rows.expand(33, 7, 65).clone())[0]
    same_bits(repeated, separate)
    weights = torch.linspace(0, 1, 33, dtype=dtype)[:, None, None]
    gradients = [torch.autograd.grad((spk * weights).sum(), tensors) for spk in (repeated, separate)]
    for actual, expected in zip(*gradients, strict=True):
        assert actual.shape == expected.shape
        torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance * expected.abs().max().item())


def test_the_kernel_is_the_choice_and_autocast_is_not_for_it() -> None:
    neuron, xs = ordinary("rleaky_dense", torch.float32)
    assert kernels.choose(neuron, xs).name == "snn-cpu"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        choice = kernels.choose(neuron, xs)
    assert choice.name == "reference"
    assert "autocast computes with its weights in another dtype" in choice.reason


@pytest.mark.parametrize("shape", [(4, 3, 129), (4,), (4, 130, 1)])
def test_an_input_of_another_width(shape: tuple[int, ...]) -> None:
    neuron = snn.RLeaky(beta=0.9, linear_features=130)
    with pytest.raises(ValueError, match=r"130 neurons, so the input of a step must be \[..., 130\], got"):
        neuron.unroll(torch.zeros(shape))


SHAPES_THAT_FIT = {"x": (3, 14), "spk": (14,), "mem": (14,), "weight": (7, 7), "bias": (7,), "amplitude": (1, 7)}


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (3, 13), "the columns of x must be a multiple of 7 neurons, got 13"),
        ("spk", (7,), "the state of spikes must be .* 14 elements; it has 7"),
        ("mem", (7,), "a state must be .* 14 elements; it has 7"),
        ("weight", (7, 6), "weight must be .* 49 elements; it has 42"),
        ("bias", (1, 7), "the columns of x must be a multiple of 7 neurons"),
        ("amplitude", (3, 7), "amplitude must be .* 14 elements; it has 21"),
    ],
)
def test_tensors_that_do_not_fit(name: str, shape: tuple[int, ...], message: str) -> None:
    sizes = SHAPES_THAT_FIT | {name: shape} | ({"mem": (13,), "spk": (13,)} if name == "x" else {})
    x, spk, mem, weight, bias, amplitude = map(torch.ones, sizes.values())
    program, coefficients = of_neuron(snn.Leaky(0.5), torch.float32)
    sample = *forward_code(program), x, spk, [mem], weight, bias, amplitude, coefficients
    with pytest.raises(RuntimeError, match=message):
        torch.ops.snn_cpu.recurrent_forward(*sample, False, False)
