"""The primitives of NIR against closed forms."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir import primitives as p

F64 = torch.float64


def full(*values):
    return torch.tensor(values, dtype=F64)


def neurons(n=3):
    g = torch.Generator().manual_seed(0)

    def draw(low, high):
        return low + (high - low) * torch.rand(n, generator=g, dtype=F64)

    leak = {"tau": draw(3, 9), "r": draw(1, 2), "v_leak": draw(-0.2, 0.2), "dt": 1.0}
    cuba = {
        "tau_syn": draw(2, 5),
        "tau_mem": draw(3, 9),
        "r": draw(2, 3),
        "v_leak": draw(-0.1, 0.1),
        "w_in": draw(1, 3),
    }
    fire = {"v_threshold": draw(0.4, 0.8), "v_reset": draw(-0.3, 0.1)}
    return {
        "I": p.I(r=draw(0.5, 1), dt=1.0),
        "IF": p.IF(r=draw(0.5, 1), dt=1.0, **fire),
        "LI": p.LI(**leak),
        "LIF": p.LIF(**leak, **fire),
        "LIF exact": p.LIF(**leak, **fire, method="exact"),
        "LIF subtract": p.LIF(**leak, **fire, reset_mechanism="subtract"),
        "CubaLI": p.CubaLI(**cuba, dt=1.0),
        "CubaLIF": p.CubaLIF(**cuba, **fire, dt=1.0),
        "Threshold": p.Threshold(draw(0.3, 0.8)),
        "Delay": p.Delay(torch.tensor([0, 3, 1])[:n]),
    }


NAMES = list(neurons())


def inputs(steps=12, batch=2, n=3):
    return torch.rand(steps, batch, n, generator=torch.Generator().manual_seed(1), dtype=F64)


def test_a_leaky_integrator_rises_as_its_recursion_says():
    xs = torch.ones(30, 1, 1, dtype=F64)
    ys = p.LI(tau=full(4), r=full(2), v_leak=full(0.5), dt=1.0).unroll(xs)[0].flatten()
    n = torch.arange(1, 31, dtype=F64)
    torch.testing.assert_close(ys, 2.5 * (1 - 0.75**n))


def test_the_exact_leaky_integrator_follows_the_solution_of_its_equation():
    xs = torch.ones(30, 1, 1, dtype=F64)
    ys = p.LI(tau=full(4), r=full(2), v_leak=full(0.5), dt=0.5, method="exact").unroll(xs)[0].flatten()
    t = 0.5 * torch.arange(1, 31, dtype=F64)
    torch.testing.assert_close(ys, 2.5 * (1 - torch.exp(-t / 4)))


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_a_spike_reaches_the_membrane_as_a_difference_of_exponentials(method):
    tau_s, tau_m, dt = 3.0, 7.0, 0.5
    xs = torch.zeros(40, 1, 1, dtype=F64)
    xs[0] = 1
    neuron = p.CubaLI(
        tau_syn=full(tau_s), tau_mem=full(tau_m), r=full(2), v_leak=full(0), w_in=full(3), dt=dt, method=method
    )
    ys = neuron.unroll(xs)[0].flatten()
    a, b = (
        (1 - dt / tau for tau in (tau_s, tau_m)) if method == "euler" else (np.exp(-dt / tau) for tau in (tau_s, tau_m))
    )
    n = torch.arange(1, 41, dtype=F64)
    expected = (1 - a) * 3 * (1 - b) * 2 * (b**n - a**n) / (b - a)
    torch.testing.assert_close(ys, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("drive", [0.3, 0.55, 1.7])
def test_a_leaky_neuron_first_fires_when_the_closed_form_crosses_its_threshold(drive):
    beta, threshold = 0.9, 0.25
    neuron = p.LIF(tau=full(10), r=full(1), v_leak=full(0), v_threshold=full(threshold), dt=1.0)
    spikes = neuron.unroll(torch.full((60, 1, 1), drive, dtype=F64))[0].flatten().nonzero().flatten()
    period = (
        int(np.floor(np.log(1 - threshold / drive) / np.log(beta))) + 1
    )  # the first n with drive (1 - beta^n) > thr
    assert spikes[0] + 1 == period
    assert (spikes.diff() == period).all()


def test_an_integrator_adds_up_what_it_gets():
    xs = inputs()
    ys = p.I(r=full(0.5, 1, 2), dt=0.25).unroll(xs)[0]
    torch.testing.assert_close(ys, 0.25 * full(0.5, 1, 2) * xs.cumsum(0))


def test_a_membrane_at_its_threshold_does_not_fire():
    neuron = p.IF(r=full(1), v_threshold=full(1), dt=1.0)
    assert neuron.unroll(torch.full((5, 1, 1), 0.5, dtype=F64))[0].flatten().tolist() == [0, 0, 1, 0, 0]
    assert p.Threshold(full(0.5)).step(full(0.5).unsqueeze(0))[0].item() == 0


def test_a_spike_sets_the_membrane_to_its_reset_potential():
    neuron = p.LIF(tau=full(2), r=full(1), v_leak=full(0.3), v_threshold=full(0.6), v_reset=full(-0.7), dt=1.0)
    spk, state = neuron.step(full(2.0).unsqueeze(0))
    assert (spk.item(), state.mem.item()) == (1, -0.7)
    assert neuron.step(full(0.0).unsqueeze(0), state)[1].mem.item() == pytest.approx(-0.35 + 0.15)


def test_reset_by_subtraction_lowers_by_the_threshold():
    neuron = p.IF(r=full(1), v_threshold=full(0.5), v_reset=full(-9), dt=1.0, reset_mechanism="subtract")
    assert neuron.step(full(1.25).unsqueeze(0))[1].mem.item() == 0.75


def test_delays_differ_between_neurons():
    xs = inputs()
    ys = p.Delay(torch.tensor([0, 3, 12])).unroll(xs)[0]
    assert torch.equal(ys[..., 0], xs[..., 0])
    assert torch.equal(ys[3:, :, 1], xs[:-3, :, 1])
    assert not ys[:3, :, 1].any()
    assert not ys[..., 2].any()


def test_one_delay_serves_neurons_of_any_shape():
    xs = torch.rand(4, 2, 3, 5, 7)
    ys = p.Delay(torch.tensor(2)).unroll(xs)[0]
    assert torch.equal(ys[2:], xs[:-2])


@pytest.mark.parametrize("steps", [[-1.0], [0.5], [float("nan")]])
def test_a_delay_is_a_whole_number_of_steps(steps):
    with pytest.raises(ValueError, match="Delay: steps must be whole numbers >= 0"):
        p.Delay(torch.tensor(steps))


def test_sum_pooling_adds_up_windows_padded_by_zeros():
    x = torch.arange(24, dtype=F64).view(1, 1, 4, 6)
    padded = nn.functional.pad(x, (0, 0, 1, 1))
    expected = padded.unfold(2, 3, 2).unfold(3, 2, 2).sum((-1, -2))
    torch.testing.assert_close(p.sum_pool((3, 2), (2, 2), (1, 0))(x), expected)


def test_a_matrix_for_every_position_multiplies_only_its_own():
    g = torch.Generator().manual_seed(0)
    weight, bias, x = (torch.randn(*s, generator=g, dtype=F64) for s in ((2, 5, 4, 3), (2, 5, 4), (7, 2, 5, 3)))
    y = p.BatchedLinear(weight, bias)(x)
    for i, j in np.ndindex(2, 5):
        torch.testing.assert_close(y[:, i, j], x[:, i, j] @ weight[i, j].T + bias[i, j])


@pytest.mark.parametrize("name", ["I", "LI", "CubaLI"])
@pytest.mark.parametrize("method", ["euler", "exact"])
def test_gradients_by_every_parameter_are_right(name, method):
    neuron = neurons()[name]
    neuron.method = method
    parameters = list(neuron.parameters())
    xs = inputs(steps=5).requires_grad_()

    def run(xs, *values):
        named = dict(zip(dict(neuron.named_parameters()), values, strict=True))
        return torch.func.functional_call(_Unrolled(neuron), {f"neuron.{k}": v for k, v in named.items()}, (xs,))

    assert torch.autograd.gradcheck(run, (xs, *(q.detach().clone().requires_grad_() for q in parameters)))
    assert {q for q, _ in neuron.named_parameters()} >= {"r"}


class _Unrolled(nn.Module):
    def __init__(self, neuron):
        super().__init__()
        self.neuron = neuron

    def forward(self, xs):
        return self.neuron.unroll(xs)[0]


@pytest.mark.parametrize("name", ["IF", "LIF", "LIF exact", "CubaLIF"])
def test_every_parameter_of_a_spiking_neuron_learns_through_the_surrogate(name):
    neuron = neurons()[name]
    spikes = neuron.unroll(inputs(steps=40))[0]
    assert spikes.any()
    spikes.sum().backward()
    for parameter_name, parameter in neuron.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


def test_learning_works_on_the_fields_that_nir_names():
    names = {name: {n for n, _ in neuron.named_parameters()} for name, neuron in neurons().items()}
    assert names["LIF"] == {"tau", "r", "v_leak", "threshold", "v_reset"}
    assert names["CubaLIF"] == {"tau_syn", "tau", "r", "v_leak", "w_in", "threshold", "v_reset"}
    assert names["LI"] == {"tau", "r", "v_leak"}
    assert names["I"] == {"r"}


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_is_its_steps_and_may_be_cut_anywhere(name):
    neuron, xs = neurons()[name], inputs()
    whole, last = neuron.unroll(xs)
    state, outs = None, []
    for x in xs:
        y, state = neuron.step(x, state)
        outs.append(y)
    torch.testing.assert_close(torch.stack(outs), whole)
    torch.testing.assert_close(tuple(state), tuple(last))
    head, middle = neuron.unroll(xs[:5])
    torch.testing.assert_close(torch.cat([head, neuron.unroll(xs[5:], middle)[0]]), whole)
    torch.testing.assert_close(neuron.unroll(xs, trace=True)[1][-1][-1], last[-1])


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_state_goes_on_and_can_be_reset(name):
    neuron, xs = neurons()[name], inputs()
    neuron.init_hidden = True
    whole = neuron.unroll(xs)[0]
    torch.testing.assert_close(torch.stack([neuron(x) for x in xs]), whole)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(neuron)))
    torch.testing.assert_close(twin(xs[0]), neuron(xs[0]))
    snn.utils.reset(neuron)
    torch.testing.assert_close(neuron(xs[0]), whole[0])
    with pytest.raises(ValueError, match=r"call snn\.utils\.reset"):
        neuron(torch.cat([xs[0], xs[0]]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_outputs_and_states_have_the_dtype_of_the_input(name, dtype):
    y, state = neurons()[name].unroll(inputs().to(dtype))
    assert {t.dtype for t in (y, *state)} == {dtype}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [0, 1])
def test_one_step_and_no_sample_are_ordinary(name, batch):
    y, state = neurons()[name].unroll(inputs(steps=1, batch=batch))
    assert y.shape == (1, batch, 3)
    assert all(len(s) == batch for s in state)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("Delay", "Threshold")])
def test_nan_stays_where_it_came_in(name):
    xs = inputs()
    xs[0, 0, 1] = float("nan")
    _, state = neurons()[name].unroll(xs)
    assert state.mem[0, 1].isnan()
    assert state.mem.isnan().sum() == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_repr_shows_the_parameters(name):
    kind = name.split()[0]
    assert repr(neurons()[name]).startswith(f"{kind}(")
    assert ("v_reset" in repr(neurons()[name])) == (kind in ("IF", "LIF", "CubaLIF"))


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method must be one of euler, exact, got 'rk4'"):
        p.LI(tau=full(1), r=full(1), v_leak=full(0), dt=0.1, method="rk4")
