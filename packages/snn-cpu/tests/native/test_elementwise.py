"""Every element-wise kernel against the steps: the same bits forward, the same gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snn_core import surrogate
from snn_core.surrogate import Surrogate

from .specification import (
    KINDS,
    SURROGATES,
    TOLERANCE,
    Case,
    addends,
    agree,
    backward,
    case,
    made,
    random_gradients,
    same_bits,
)

DTYPES = [torch.float32, torch.float64]


def one_each(name: str) -> tuple[int, ...]:
    """A constant of one value for each of five neurons."""
    return (5,)


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_every_kind_of_neuron_with_every_surrogate(
    family: str, reset: str, delay: bool, spike_grad: Surrogate, dtype: torch.dtype
) -> None:
    agree(case(family, reset, delay, spike_grad, dtype=dtype))
    agree(case(family, reset, delay, spike_grad, dtype=dtype, constants=one_each, trace=True, seed=1))


# blocks are 3072 bytes wide, the last up to a tile of 512 bytes more; segments are 32 steps long, and threads take 16
# columns at a time
@pytest.mark.parametrize("columns", [1, 15, 16, 17, 383, 513, 895, 897, 1663])
@pytest.mark.parametrize("steps", [1, 2, 31, 32, 33, 64, 65, 100])
@pytest.mark.parametrize(
    ("family", "reset", "delay"),
    [("leaky", "subtract", True), ("alpha", "zero", True), ("rsynaptic_one_to_one", "subtract", False)],
)
def test_every_size(family: str, reset: str, delay: bool, steps: int, columns: int) -> None:
    dtype = torch.float64 if family == "alpha" else torch.float32
    for trace in (False, True):
        agree(case(family, reset, delay, steps=steps, shape=(1, columns), trace=trace, dtype=dtype))


positive = st.floats(0.25, 4)
surrogates = st.one_of(
    st.builds(surrogate.atan, positive),
    st.builds(surrogate.fast_sigmoid, positive),
    st.builds(surrogate.sigmoid, positive),
    st.just(surrogate.straight_through_estimator()),
    st.builds(surrogate.triangular, positive),
    st.just(surrogate.heaviside()),
    st.builds(surrogate.spike_rate_escape, positive, st.floats(0.1, 1)),
    st.builds(surrogate.multi_gaussian, positive, st.floats(0, 0.5), st.floats(2, 8)),
    st.builds(surrogate.double_gaussian, positive, st.floats(0, 0.5), st.floats(2, 8)),
    st.builds(surrogate.slayer, positive, positive),
    st.builds(surrogate.LSO, st.floats(-1, 1)),
    st.builds(surrogate.SFS, positive, st.floats(-0.2, 0.2)),
    st.just(surrogate.no_gradient()),
)


@pytest.mark.exhaustive
@settings(max_examples=300)
@given(data=st.data())
def test_any_options_together(data: st.DataObject) -> None:
    family, reset, delay = data.draw(st.sampled_from(KINDS))
    # the beta of Lapicque has an axis, as snnTorch's has, so its steps without axes are left to the loop
    least = 1 if family == "lapicque" else 0
    shape = tuple(data.draw(st.lists(st.sampled_from([1, 2, 3, 7, 16, 33]), min_size=least, max_size=3)))
    widths = st.sampled_from([shape[i:] for i in range(len(shape) + 1)])
    narrowed = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))

    def constant(name: str) -> tuple[int, ...]:
        width = data.draw(widths, label=name)
        return tuple(1 if n else size for n, size in zip(narrowed[len(shape) - len(width) :], width, strict=True))

    sample = case(
        family,
        reset,
        delay,
        data.draw(surrogates),
        steps=data.draw(st.sampled_from([1, 2, 3, 31, 32, 33, 50, 64, 65, 97])),
        shape=shape,
        dtype=data.draw(st.sampled_from(DTYPES)),
        trace=data.draw(st.booleans()),
        constants=constant,
        seed=data.draw(st.integers(0, 10**6)),
    )
    needs = data.draw(st.lists(st.booleans(), min_size=len(sample.tensors), max_size=len(sample.tensors)))
    given_ = [g if data.draw(st.booleans()) else None for g in random_gradients(sample.by_kernel())]
    agree(sample, given_, needs)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_a_gradient_does_not_depend_on_which_others_are_needed(
    family: str, reset: str, delay: bool, dtype: torch.dtype
) -> None:
    sample = case(family, reset, delay, dtype=dtype, constants=one_each)
    gradients = random_gradients(sample.by_kernel())
    count = len(sample.tensors)
    every = sample.fresh()
    expected = backward(every, every.by_kernel(), gradients)
    for alone in range(count):
        leaves = sample.fresh([i == alone for i in range(count)])
        result = backward(leaves, leaves.by_kernel(), gradients)
        assert [g is None for g in result] == [i != alone for i in range(count)]
        same_bits(result[alone], expected[alone])


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_the_gradient_of_each_output_alone(family: str, reset: str, delay: bool, trace: bool) -> None:
    sample = case(family, reset, delay, trace=trace)
    gradients = random_gradients(sample.by_kernel())
    for alone in range(len(gradients)):
        agree(sample, [g if i == alone else None for i, g in enumerate(gradients)])


@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_an_empty_batch(family: str, reset: str, delay: bool) -> None:
    for trace in (False, True):
        agree(case(family, reset, delay, shape=(0, 5), trace=trace, constants=one_each))


@pytest.mark.parametrize("family", ["leaky", "synaptic", "rleaky_one_to_one", "rsynaptic_one_to_one"])
def test_a_decay_outside_of_0_to_1_is_clamped_and_has_no_gradient(family: str) -> None:
    sample = case(family, constants=one_each)
    beta = torch.tensor([-0.5, 0.0, 0.5, 1.0, 1.5], dtype=torch.float64)
    index = sample.names.index("beta")
    constants = (*sample.constants[:index], beta, *sample.constants[index + 1 :])
    sample = replace(sample, constants=constants)
    agree(sample)
    leaves = sample.fresh()
    result = backward(leaves, leaves.by_kernel(), random_gradients(leaves.by_kernel()))[1 + len(sample.states) + index]
    assert (result != 0).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("family", ["leaky", "synaptic", "alpha", "rleaky_one_to_one"])
def test_a_constant_of_another_precision_is_rounded_as_in_the_steps(family: str) -> None:
    sample = case(family, dtype=torch.float32)
    wider = replace(sample, constants=tuple(c.double() + 1e-9 for c in sample.constants))
    out, out_k = wider.by_steps(), wider.by_kernel()
    for o, o_k in zip(out, out_k, strict=True):
        same_bits(o_k, o)
    gradients = random_gradients(out)
    leaves, leaves_k = wider.fresh(), wider.fresh()
    expected = backward(leaves, leaves.by_steps(), gradients)
    result = backward(leaves_k, leaves_k.by_kernel(), gradients)
    for w, g, t in zip(expected, result, wider.tensors, strict=True):
        assert g.dtype == w.dtype == t.dtype
        torch.testing.assert_close(g, w, rtol=1e-4, atol=1e-4)


def membranes(sample: Case) -> tuple[Tensor, ...]:
    """The states that a kernel gives, which without a surrogate are smooth until another neuron fires."""
    return sample.by_kernel()[1:]


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_gradients_of_the_states_are_those_that_finite_differences_give(
    family: str, reset: str, delay: bool, trace: bool
) -> None:
    sample = case(family, reset, delay, surrogate.no_gradient(), steps=34, shape=(1, 3), trace=trace)
    assert torch.autograd.gradcheck(lambda *tensors: membranes(sample.with_tensors(tensors)), sample.tensors, atol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
def test_a_surrogate_has_the_derivative_of_its_class(spike_grad: Surrogate, dtype: torch.dtype) -> None:
    # one step from rest with threshold 0: the spike's derivative at x is that by x
    far = torch.tensor([-1e4, -100, -20, -1, -0.2, -0.0, 0.0, 0.05, 0.2, 1, 20, 100, 1e4])
    x = torch.cat([far, torch.linspace(-2, 2, 1001)]).to(dtype).requires_grad_()
    rest, beta, threshold = torch.zeros_like(x), torch.tensor(0.5, dtype=dtype), torch.tensor(0.0, dtype=dtype)
    neuron, names = made("leaky", "none", True, spike_grad)
    spk, _ = Case(neuron, names, x.unsqueeze(0), (rest,), (beta, threshold), False).by_kernel()
    (gradient,) = torch.autograd.grad(spk.sum(), x)
    expected = spike_grad.derivative(x.detach())
    assert not expected.isnan().any()
    torch.testing.assert_close(gradient, expected, rtol=0, atol=torch.finfo(dtype).eps * 2 * float(expected.max()))


# few enough binary digits that eight steps are exact in single precision, tau of Alpha, which is 2, included
EXACT = {
    "alpha": 0.5,
    "beta": 0.25,
    "R": 2.0,
    "C": 1.0,
    "time_step": 0.5,
    "recurrent.V": -0.125,
    "graded_spikes_factor": 2.0,
    "threshold": 0.25,
}


@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_single_precision_gives_the_gradients_of_double_precision(
    family: str, reset: str, delay: bool, spike_grad: Surrogate
) -> None:
    sample = case(family, reset, delay, spike_grad, steps=8)
    coarse = [(t.detach() * 16).round() / 16 for t in (sample.x, *sample.states)]
    constants = [torch.tensor(EXACT[name], dtype=torch.float64) for name in sample.names]
    double = sample.with_tensors([*coarse, *constants]).fresh()
    single = sample.with_tensors([t.detach().float() for t in double.tensors]).fresh()
    out, out_k = double.by_steps(), single.by_kernel()
    for o, o_k in zip(out, out_k, strict=True):
        same_bits(o_k.double(), o)
    gradients = random_gradients(out)
    expected = backward(double, out, gradients)
    result = backward(single, out_k, [g.float() for g in gradients])
    sizes = [*expected[: -len(constants)], *addends(double, gradients)]
    for w, g, size in zip(expected, result, sizes, strict=True):
        assert (g - w).abs().max() <= TOLERANCE[torch.float32] * size.abs().max()
