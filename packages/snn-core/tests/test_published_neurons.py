"""Neurons of published networks beside loops written out from their papers, values and gradients, in float64."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import surrogate

from .stepped_programs import stepped
from .zoo import step_loop

Cut = Callable[[Tensor], Tensor]


class _Spike(torch.autograd.Function):
    """The step function, with the derivative of the fast sigmoid of slope 5."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad / (1 + 5 * x.abs()) ** 2


def heaviside(x: Tensor) -> Tensor:
    return _Spike.apply(x)  # pyrefly: ignore[bad-return]


def alif(xs: Tensor, beta: Tensor, rho: Tensor, kappa: Tensor, theta: Tensor) -> Tensor:
    u = a = s = torch.zeros_like(xs[0])
    out = []
    for x in xs:
        a = rho * a + (1 - rho) * s
        level = theta + kappa * a
        u = beta * u + (1 - beta) * x - level * s
        s = heaviside(u - level)
        out.append(s)
    return torch.stack(out)


def adlif(xs: Tensor, beta: Tensor, rho: Tensor, a: Tensor, b: Tensor, theta: Tensor) -> Tensor:
    u = w = s = torch.zeros_like(xs[0])
    out = []
    for x in xs:
        w = rho * w + a * u + b * s
        u = beta * (u - theta * s) + (1 - beta) * (x - w)
        s = heaviside(u - theta)
        out.append(s)
    return torch.stack(out)


def seadlif(
    xs: Tensor, beta: Tensor, rho: Tensor, a: Tensor, b: Tensor, theta: Tensor, cut: Cut = Tensor.detach
) -> Tensor:
    u = w = torch.zeros_like(xs[0])
    out = []
    for x in xs:
        u = beta * u + (1 - beta) * (x - w)
        s = heaviside(u - theta)
        u = (1 - cut(s)) * u
        w = rho * w + (1 - rho) * 2 * (a * u + b * s)
        out.append(s)
    return torch.stack(out)


def silif(
    xs: Tensor, log_rate: Tensor, log_rate_w: Tensor, a: Tensor, b: Tensor, log_dt: Tensor, theta: Tensor
) -> Tensor:
    u = w = s = torch.zeros_like(xs[0])
    alpha, beta = (torch.exp(-torch.exp(rate) * torch.exp(log_dt)) for rate in (log_rate, log_rate_w))
    out = []
    for x in xs:
        w = beta * w + a * u + b * s
        u = alpha * (u - theta * s) + (1 - alpha) * (x - w)
        s = heaviside(u - theta)
        out.append(s)
    return torch.stack(out)


def csilif(xs: Tensor, log_rate: Tensor, omega: Tensor, b: Tensor, log_dt: Tensor, theta: Tensor) -> Tensor:
    u, s = torch.complex(torch.zeros_like(xs[0]), torch.zeros_like(xs[0])), torch.zeros_like(xs[0])
    alpha = torch.exp(torch.complex(-torch.exp(log_rate), omega) * torch.exp(log_dt))
    out = []
    for x in xs:
        u = alpha * (u - theta / 2 * s) + b * x
        s = heaviside(2 * u.real - theta)
        out.append(s)
    return torch.stack(out)


def rf(xs: Tensor, omega: Tensor, b: Tensor, theta: Tensor) -> Tensor:
    z = torch.complex(torch.zeros_like(xs[0]), torch.zeros_like(xs[0]))
    out = []
    for x in xs:
        z = z + 0.5 * (torch.complex(-b.abs(), omega.abs()) * z + x)
        out.append(heaviside(z.real - theta))
    return torch.stack(out)


def brf(xs: Tensor, omega: Tensor, b: Tensor, theta: Tensor) -> Tensor:
    z = torch.complex(torch.zeros_like(xs[0]), torch.zeros_like(xs[0]))
    q = torch.zeros_like(xs[0])
    out = []
    for x in xs:
        p = (-1 + torch.sqrt(1 - (0.5 * omega) ** 2)) / 0.5
        z = z + 0.5 * (torch.complex(p - b.abs() - q, omega.abs().expand_as(q)) * z + x)
        s = heaviside(z.real - theta - q)
        q = 0.875 * q + s
        out.append(s)
    return torch.stack(out)


def tclif(xs: Tensor, c1: Tensor, c2: Tensor, theta: Tensor) -> Tensor:
    dendrite = soma = torch.zeros_like(xs[0])
    out = []
    for x in xs:
        dendrite = dendrite - soma / (1 + torch.exp(-c1)) + x
        soma = soma + dendrite / (1 + torch.exp(-c2))
        s = heaviside(soma - theta)
        dendrite, soma = dendrite - 0.5 * s, soma - theta * s
        out.append(s)
    return torch.stack(out)


def izhikevich(xs: Tensor, a: Tensor, b: Tensor, d: Tensor, theta: Tensor, cut: Cut = Tensor.detach) -> Tensor:
    v = torch.full_like(xs[0], -65.0)
    u = b * v
    out = []
    for x in xs:
        v, u = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - u + x), u + 0.5 * a * (b * v - u)
        s = heaviside(v - theta)
        v, u = (1 - cut(s)) * v - 65 * cut(s), u + d * s
        out.append(s)
    return torch.stack(out)


def adex(xs: Tensor, a: Tensor, b: Tensor, theta: Tensor, cut: Cut = Tensor.detach) -> Tensor:
    v, w = torch.full_like(xs[0], -70.0), torch.zeros_like(xs[0])
    out = []
    for x in xs:
        slope = -(v + 70) + torch.exp((v + 69) / 1.0) + 2.0 * (x - w)
        v, w = v + 0.5 * slope, w + 0.125 * (a * (v + 70) - w)
        s = heaviside(v - theta)
        v, w = (1 - cut(s)) * v - 70.5 * cut(s), w + b * s
        out.append(s)
    return torch.stack(out)


class Published(NamedTuple):
    """A neuron, the loop of its paper, and the constants that learn, each for every one of 5 neurons."""

    make: partial[snn.SpikingNeuron]
    loop: Callable[..., Tensor]
    constants: dict[str, tuple[float, float]]


PUBLISHED = {
    "ALIF": Published(
        partial(snn.ALIF),
        alif,
        {"beta": (0.5, 0.9), "rho": (0.6, 0.9), "kappa": (0.2, 1), "threshold": (0.1, 0.2)},
    ),
    "AdLIF": Published(
        partial(snn.AdLIF),
        adlif,
        {"beta": (0.5, 0.9), "rho": (0.6, 0.9), "a": (-0.4, 0.4), "b": (0, 0.5), "threshold": (0.2, 0.3)},
    ),
    "SEAdLIF": Published(
        partial(snn.SEAdLIF, q=2.0),
        seadlif,
        {"beta": (0.5, 0.9), "rho": (0.6, 0.9), "a": (0, 1), "b": (0, 2), "threshold": (0.2, 0.3)},
    ),
    "SiLIF": Published(
        partial(snn.SiLIF),
        silif,
        {
            "log_rate": (2.3, 5.5),
            "log_rate_w": (0.9, 2.3),
            "a": (0, 0.4),
            "b": (0, 0.5),
            "log_dt": (-5.6, -5.4),
            "threshold": (0.2, 0.3),
        },
    ),
    "CSiLIF": Published(
        partial(snn.CSiLIF),
        csilif,
        {"log_rate": (-1, 1), "omega": (2, 4), "b": (0.5, 1), "log_dt": (-2, -0.7), "threshold": (0.8, 1.2)},
    ),
    "RF": Published(partial(snn.RF, dt=0.5), rf, {"omega": (0.5, 1), "b": (-0.6, -0.4), "threshold": (0.2, 0.3)}),
    "BRF": Published(
        partial(snn.BRF, dt=0.5, gamma=0.875), brf, {"omega": (0.5, 1), "b": (0.1, 0.4), "threshold": (0.2, 0.3)}
    ),
    "TCLIF": Published(partial(snn.TCLIF), tclif, {"c1": (-1, 1), "c2": (-1, 1), "threshold": (0.5, 1)}),
    "Izhikevich": Published(
        partial(snn.Izhikevich, dt=0.5),
        izhikevich,
        {"a": (0.02, 0.1), "b": (0.28, 0.32), "d": (1, 3), "threshold": (-63.2, -62.8)},
    ),
    "AdEx": Published(
        partial(snn.AdEx, 1.0, 2.0, 4.0, rheobase=-69.0, reset=-70.5, sharpness=1.0, dt=0.5),
        adex,
        {"a": (0, 1), "b": (0.5, 2), "threshold": (-68.6, -68.4)},
    ),
}


WITH_GRADIENT = {  # those whose reset has none unless it is asked for
    f"{name}, with the gradient of the reset": published._replace(
        make=partial(published.make, detach_reset=False), loop=partial(published.loop, cut=lambda spk: spk)
    )
    for name, published in PUBLISHED.items()
    if name in ("SEAdLIF", "Izhikevich", "AdEx")
}


def by_a_program(neuron: snn.SpikingNeuron, xs: Tensor) -> Tensor:
    with stepped() as engine:
        spk, _ = neuron.unroll(xs)
    assert engine.calls == ["forward"]
    return spk


def in_two_parts(neuron: snn.SpikingNeuron, xs: Tensor) -> Tensor:
    spk, state = neuron.step(xs[0], neuron.State._make([torch.empty(0)] * len(neuron.State._fields)))
    return torch.cat([spk[None], *([neuron.unroll(xs[1:], state)[0]] if len(xs) > 1 else [])])


def in_chunks(neuron: snn.SpikingNeuron, xs: Tensor) -> Tensor:
    return snn.unroll(neuron, xs, chunk=3)


RUNS: dict[str, Callable[[snn.SpikingNeuron, Tensor], Tensor]] = {
    "sequence": lambda neuron, xs: neuron.unroll(xs)[0],
    "program": by_a_program,
    "loop": lambda neuron, xs: step_loop(neuron, xs)[0],
    "two parts": in_two_parts,
    "chunks": in_chunks,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("num_steps", [1, 2, 40])
@pytest.mark.parametrize("published", [*PUBLISHED.values(), *WITH_GRADIENT.values()], ids=[*PUBLISHED, *WITH_GRADIENT])
def test_spikes_and_gradients_are_those_of_the_paper(published: Published, num_steps: int, run: Any) -> None:
    make, loop, ranges = published
    generator = torch.Generator().manual_seed(num_steps)

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    constants = {n: (low + (high - low) * random(5)).requires_grad_() for n, (low, high) in ranges.items()}
    xs = (3 * random(num_steps, 3, 5) - 1).requires_grad_()
    expected = loop(xs, *constants.values())
    weights = random(*expected.shape)
    inputs = [xs, *constants.values()]
    expected_gradients = torch.autograd.grad((weights * expected).sum(), inputs, materialize_grads=True)

    learned = {f"learn_{n}": True for n in constants}
    neuron = make(
        **{n: c.detach() for n, c in constants.items()},
        **learned,
        spike_grad=surrogate.fast_sigmoid(5),
        init_hidden=True,
    )
    spk = run(neuron.double(), xs)
    assert torch.equal(spk, expected)
    assert num_steps < 40 or 0.05 < float(spk.detach().mean()) < 0.8
    inputs = [xs, *(getattr(neuron, n) for n in constants)]
    result = torch.autograd.grad((weights * spk).sum(), inputs, materialize_grads=True)
    torch.testing.assert_close(result, expected_gradients, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("published", PUBLISHED.values(), ids=PUBLISHED)
def test_spikes_may_be_fed_back_to_each(published: Published) -> None:
    kind: Any = published.make.func
    constants: dict[str, Any] = {name: (low + high) / 2 for name, (low, high) in published.constants.items()}

    class Fed(snn.Recurrent, kind):
        State = namedtuple("State", ("spk", *kind.State._fields))

    torch.manual_seed(0)
    plain = published.make(**constants).double()
    fed = Fed(*published.make.args, **published.make.keywords, **constants)
    fed.connect(linear_features=5)
    fed.double()
    xs = 3 * torch.rand(30, 3, 5, dtype=torch.float64) - 1
    spk, state = torch.zeros_like(xs[0]), (None,) * len(kind.State._fields)
    expected = []
    for x in xs:
        spk, state = plain.step(x + fed.recurrent(spk), state)
        expected.append(spk)
    result, last = fed.unroll(xs)
    assert torch.equal(result, torch.stack(expected))
    assert 0.02 < float(result.detach().mean()) < 0.9
    torch.testing.assert_close(tuple(last), (spk, *state))


@pytest.mark.parametrize("omega", [0.3, 1.0, 1.9])
def test_a_balanced_resonator_does_not_grow_where_a_plain_one_does(omega: float) -> None:
    impulse = torch.zeros(400, 1, 1, dtype=torch.float64)
    impulse[0] = 1
    silent: dict[str, Any] = {"dt": 0.5, "threshold": 1e9}
    _, plain = snn.RF(omega, b=0.0, **silent).double().unroll(impulse, trace=True)
    _, balanced = snn.BRF(omega, b=0.0, **silent).double().unroll(impulse, trace=True)
    size = (balanced.mem.square() + balanced.imag.square()).sqrt().flatten()
    assert float(plain.mem.abs().max()) > 2 * float(plain.mem[0])
    torch.testing.assert_close(size, torch.full_like(size, 0.5), rtol=1e-4, atol=0)  # by a constant in float32


@pytest.mark.parametrize("run", [step_loop, lambda neuron, xs: neuron.unroll(xs)], ids=["loop", "unroll"])
@pytest.mark.parametrize("omega", [2.0, -2.0, 2.5])
def test_a_balanced_resonator_is_as_damped_as_can_be_from_the_largest_frequency_on(omega: float, run: Any) -> None:
    neuron = snn.BRF(2.0, b=0.0, dt=0.5, learn_omega=True, threshold=1e9, surrogate_disable=True).double()
    with torch.no_grad():
        neuron.omega.fill_(omega)
    xs = torch.randn(12, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _, last = run(neuron, xs)
    (gradient,) = torch.autograd.grad(last.mem.sum(), neuron.omega)
    # where the root is 0, U[t] = dt (X[t] - w V[t-1]) and V[t] = dt w U[t-1]
    learned = torch.tensor(omega, dtype=torch.float64, requires_grad=True)
    mem = imag = torch.zeros_like(xs[0])
    for x in xs:
        mem, imag = 0.5 * (x - learned.abs() * imag), 0.5 * learned.abs() * mem
    torch.testing.assert_close((last.mem, last.imag), (mem, imag))
    torch.testing.assert_close(gradient, torch.autograd.grad(mem.sum(), learned)[0])


@pytest.mark.parametrize("run", [step_loop, lambda neuron, xs: neuron.unroll(xs)], ids=["loop", "unroll"])
@pytest.mark.parametrize(("gamma", "clamped"), [(1.5, 1.0), (-0.5, 0.0)])
def test_the_decay_of_a_refractory_variable_is_clamped_as_the_warning_says(
    run: Any, gamma: float, clamped: float
) -> None:
    constants: dict[str, Any] = {"omega": 1.0, "b": 0.2, "dt": 0.5, "threshold": 0.25}
    with pytest.warns(UserWarning, match=r"BRF: gamma .* is clamped to \[0, 1\]"):
        neuron = snn.BRF(**constants, gamma=gamma)
    xs = 4 * torch.rand(12, 3, 5, generator=torch.Generator().manual_seed(0))
    spk, last = run(neuron, xs)
    expected, end = run(snn.BRF(**constants, gamma=clamped), xs)
    assert float(expected.sum()) > 3
    assert torch.equal(spk, expected)
    assert torch.equal(last.refractory, end.refractory)


def test_a_resonator_answers_most_to_its_own_frequency() -> None:
    t = torch.arange(4000) * 0.01
    frequencies = torch.arange(2.0, 16.0)
    drive = torch.cos(t[:, None] * frequencies).unsqueeze(1)
    _, trace = snn.RF(omega=8.0, b=0.7, threshold=1e9).unroll(drive, trace=True)
    response = trace.mem[-1000:].abs().amax(0).squeeze(0)
    assert float(frequencies[response.argmax()]) == 8.0


def test_adaptation_makes_spikes_rarer() -> None:
    for neuron in (snn.ALIF(0.9, 0.99), snn.AdLIF(0.9, 0.98), snn.SEAdLIF(0.9, 0.99, a=0.0), snn.AdEx(b=20.0)):
        strong = torch.full((2000, 1, 1), 200.0 if isinstance(neuron, snn.AdEx) else 3.0)
        times = neuron.unroll(strong)[0].flatten().nonzero().flatten()
        gaps = times.diff()
        assert len(gaps) > 3, neuron
        assert int(gaps[-1]) > int(gaps[0]), neuron


def test_an_adlif_neuron_at_rest_follows_its_closed_form() -> None:
    # without spikes it is linear, [W, U] -> M [W, U] + input, so that an impulse is answered by powers of M
    beta, rho, a = 0.8, 0.9, 0.3
    matrix = torch.tensor([[rho, a], [-(1 - beta) * rho, beta - (1 - beta) * a]], dtype=torch.float64)
    xs = torch.zeros(50, 1, 1, dtype=torch.float64)
    xs[0] = 1
    _, trace = snn.AdLIF(beta, rho, a, threshold=1e9).double().unroll(xs, trace=True)
    state = torch.tensor([0.0, 1 - beta], dtype=torch.float64)
    for n in range(50):
        states = torch.stack([trace.adaptation[n], trace.mem[n]]).flatten()
        torch.testing.assert_close(states, state, rtol=1e-6, atol=1e-7)  # by constants in float32
        state = matrix @ state


def test_a_silif_neuron_is_an_adlif_neuron_of_its_decays() -> None:
    dtype = torch.float64
    log_rate, log_rate_w = torch.log(torch.tensor([[10.0, 50.0, 250.0], [2.5, 5.0, 10.0]], dtype=dtype))
    log_dt = torch.log(torch.tensor(0.004, dtype=dtype))
    adlif = snn.AdLIF(torch.exp(-log_rate.exp() * 0.004), torch.exp(-log_rate_w.exp() * 0.004), 0.5, threshold=0.25)
    ours = snn.SiLIF(log_rate, log_rate_w, log_dt=log_dt, threshold=0.25)
    xs = 3 * torch.rand(60, 4, 3, dtype=dtype, generator=torch.Generator().manual_seed(1))
    (spk, states), (expected, reference) = (n.unroll(xs, trace=True) for n in (ours, adlif))
    assert 0.05 < float(expected.mean()) < 0.8
    assert torch.equal(spk, expected)
    torch.testing.assert_close(tuple(states), tuple(reference), rtol=1e-12, atol=1e-12)


def test_a_complex_membrane_answers_an_impulse_by_powers_of_its_eigenvalue() -> None:
    log_rate, omega, log_dt = math.log(0.5), math.pi, math.log(0.25)
    xs = torch.zeros(40, 1, 1, dtype=torch.float64)
    xs[0] = 3
    neuron = snn.CSiLIF(*(torch.tensor(c, dtype=torch.float64) for c in (log_rate, omega, 0.75, log_dt)), threshold=1e9)
    _, trace = neuron.unroll(xs, trace=True)
    steps = torch.arange(40, dtype=torch.float64)
    # u = b x exp((-0.5 + i pi) n / 4)
    expected = 2.25 * torch.exp(-steps / 8) * torch.cos(math.pi / 4 * steps)
    torch.testing.assert_close(trace.mem.flatten(), expected, rtol=1e-12, atol=1e-12)
    expected = 2.25 * torch.exp(-steps / 8) * torch.sin(math.pi / 4 * steps)
    torch.testing.assert_close(trace.imag.flatten(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_decays_by_rates_stay_inside_their_range_and_go_on_learning(shift: float) -> None:
    layer = snn.SiLIF.random(50).double()
    with torch.no_grad():
        layer.log_rate += shift
        layer.log_dt += shift / 3
    for decay in layer.decays():
        assert bool((decay > 0).all())
        assert bool((decay < 1).all())
    spk, _ = layer.unroll(3 * torch.rand(30, 2, 50, dtype=torch.float64))
    spk.sum().backward()
    assert layer.log_rate.grad is not None
    assert bool(layer.log_rate.grad.isfinite().all())
    assert bool(layer.log_rate.grad.any())


def test_a_regularly_spiking_neuron_of_the_cortex_slows_down() -> None:
    spk, _ = snn.Izhikevich(dt=0.5).unroll(torch.full((1000, 1, 1), 10.0))
    gaps = spk.flatten().nonzero().flatten().diff()
    assert int(gaps[-1]) > int(gaps[0])
    fast, _ = snn.Izhikevich(a=0.1, d=2.0, dt=0.5).unroll(torch.full((1000, 1, 1), 10.0))
    assert fast.sum() > 3 * spk.sum()


ALIKE = {"log_dt of SiLIF", "log_rate of CSiLIF", "omega of CSiLIF"}  # with which all neurons of a layer begin


def intervals(neuron: snn.SpikingNeuron, currents: list[float], num_steps: int) -> list[float]:
    """Between the last two spikes at each of some currents, in steps."""
    spk, _ = neuron.double().unroll(torch.tensor([currents], dtype=torch.float64).expand(num_steps, 1, -1))
    return [float(column.nonzero().flatten().diff()[-1]) for column in spk[:, 0].unbind(1)]


@pytest.mark.parametrize("dt", [0.1, 0.01])
def test_without_adaptation_adex_fires_at_the_pace_of_its_integral(dt: float) -> None:
    # the time from the reset to the peak is the integral of 1 / V'
    currents, v = [45.0, 65.0, 200.0], torch.linspace(-55, -30, 100001, dtype=torch.float64)
    slopes = [(-(v + 70) + 2 * torch.exp((v + 50) / 2) + 0.5 * current) / 20 for current in currents]
    expected = [float(torch.trapezoid(1 / slope, v)) for slope in slopes]
    result = intervals(snn.AdEx(a=0.0, b=0.0, dt=dt), currents, int(300 / dt))
    assert [steps * dt for steps in result] == pytest.approx(expected, abs=6 * dt)


@pytest.mark.parametrize("dt", [0.1, 0.01])
def test_without_recovery_izhikevich_fires_at_the_pace_of_a_quadratic_neuron(dt: float) -> None:
    # V' = 0.04 (V + 62.5)^2 + J goes from -65 to 30 along an arc tangent
    currents = [17.0, 20.0, 60.0]
    strengths = [math.sqrt(0.04 * (current - 16.25)) for current in currents]
    expected = [(math.atan(0.04 * 92.5 / s) + math.atan(0.04 * 2.5 / s)) / s for s in strengths]
    result = intervals(snn.Izhikevich(b=0.0, d=0.0, dt=dt), currents, int(100 / dt))
    assert [steps * dt for steps in result] == pytest.approx(expected, abs=6 * dt)


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_adaptation_of_alif_stays_a_share_whatever_is_learned(sign: int) -> None:
    # it is a mean of spikes, each 0 or 1, as long as its decay lies in [0, 1]
    xs = 3 * torch.rand(40, 3, 5, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    clamps = snn.ALIF(0.9, torch.full((5,), 0.8), kappa=0.5, learn_beta=True, learn_rho=True, learn_kappa=True)
    for neuron, within in ((clamps, False), (snn.ALIF.random(5), True)):
        with torch.no_grad():
            for parameter in neuron.parameters():
                parameter += sign * (5 if within else 50)
        assert bool(((neuron.rho > 0) & (neuron.rho < 1)).all()) == within
        spk, trace = neuron.unroll(xs, trace=True)
        assert bool(((trace.adaptation >= 0) & (trace.adaptation <= 1)).all())
        assert bool(trace.mem.isfinite().all())
        spk.sum().backward()
        for parameter in neuron.parameters():
            assert parameter.grad is not None
            assert bool(parameter.grad.isfinite().all())


@pytest.mark.parametrize("kind", [snn.ALIF, snn.AdLIF, snn.SEAdLIF, snn.SiLIF, snn.CSiLIF, snn.RF, snn.BRF])
def test_constants_of_the_papers_are_drawn_and_learn(kind: Any) -> None:
    torch.manual_seed(0)
    layer = kind.random(200, init_hidden=True)
    learned = dict(layer.named_parameters())
    assert len(learned) >= 2
    out = snn.unroll(layer, 3 * torch.rand(20, 4, 200))
    out.sum().backward()
    for name, parameter in learned.items():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert parameter.shape == (200,), name
        assert bool((parameter != parameter[0]).any()) == (f"{name} of {kind.__name__}" not in ALIKE), name


DRAWN: dict[Any, dict[str, float]] = {
    snn.ALIF: {"beta": 0.5, "rho": 0.75},
    snn.AdLIF: {"beta": 0.875, "rho": 0.984375, "a": -0.5, "b": 1.5},
    snn.SEAdLIF: {"beta": 0.875, "rho": 0.9921875, "a": 0.5, "b": 1.5},
    snn.SiLIF: {"log_rate": 3.0, "log_rate_w": 1.5, "a": 0.5, "b": 1.5, "log_dt": -5.0},
    snn.CSiLIF: {"log_rate": -1.0, "omega": 2.5, "b": 0.25, "log_dt": -2.5},
    snn.RF: {"omega": 6.5, "b": 2.25},
    snn.BRF: {"omega": 6.5, "b": 2.25},
}


@pytest.mark.parametrize("kind", DRAWN)
def test_a_constant_that_is_passed_is_not_drawn(kind: Any) -> None:
    for constant, value in DRAWN[kind].items():
        torch.manual_seed(0)
        plain = kind.random(3)
        for learn in ({}, {f"learn_{constant}": False}):
            torch.manual_seed(0)
            layer = kind.random(3, **{constant: value}, **learn)
            assert getattr(layer, constant).tolist() == pytest.approx(value, abs=1e-6)
            assert getattr(layer, constant).requires_grad == (not learn)
            others = DRAWN[kind].keys() - {constant}
            assert all(torch.equal(getattr(layer, name), getattr(plain, name)) for name in others)
        layer = kind.random(3, **{constant: torch.full((3,), value)})
        assert getattr(layer, constant).shape == (3,)


def test_a_learned_constant_outside_the_range_of_the_paper_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"AdLIF: a cannot be bounded: .* between -1 and 1, both excluded, got 3.0"):
        snn.AdLIF.random(4, a=3.0)
    assert snn.AdLIF.random(4, a=3.0, learn_a=False).a.item() == 3


def test_constants_drawn_for_silif_lie_where_the_paper_has_them() -> None:
    torch.manual_seed(0)
    for layer, ranges in (
        (snn.SiLIF.random(1000), {"log_rate": (10, 250), "log_rate_w": (2.5, 10), "a": (0, 1), "b": (0, 2)}),
        (snn.CSiLIF.random(1000), {"log_dt": (0.01, 0.5), "b": (0, 1)}),
    ):
        for name, ends in ranges.items():
            low, high = (math.log(end) if name.startswith("log") else end for end in ends)
            values = getattr(layer, name).detach()
            assert low < float(values.min())
            assert float(values.max()) < high
            assert float(values.max() - values.min()) > 0.9 * (high - low)
    assert snn.SiLIF.random(2).log_dt.exp().tolist() == pytest.approx([0.004, 0.004])
    assert snn.CSiLIF.random(2).log_rate.exp().tolist() == pytest.approx([0.5, 0.5])
    assert snn.CSiLIF.random(2).omega.tolist() == pytest.approx([math.pi, math.pi])


def test_constants_drawn_for_seadlif_lie_where_the_paper_has_them() -> None:
    torch.manual_seed(0)
    layer = snn.SEAdLIF.random(1000)
    for name, low, high in (
        ("beta", math.exp(-1 / 5), math.exp(-1 / 25)),
        ("rho", math.exp(-1 / 60), math.exp(-1 / 300)),
        ("a", 0, 1),
        ("b", 0, 2),
    ):
        values = getattr(layer, name).detach()
        assert low < float(values.min())
        assert float(values.max()) < high
        assert float(values.max() - values.min()) > 0.9 * (high - low)


@pytest.mark.parametrize("log_rate", [-math.inf, math.inf])
def test_a_rate_of_zero_keeps_the_membrane_and_an_infinite_one_forgets_it(log_rate: float) -> None:
    xs = torch.full((3, 1, 1), 0.25)
    _, last = snn.CSiLIF(log_rate, omega=0.0, b=1.0).unroll(xs)
    assert last.mem.item() == (0.75 if log_rate < 0 else 0.25)
    _, last = snn.SiLIF(log_rate, a=0.0).unroll(xs)
    assert last.mem.item() == (0 if log_rate < 0 else 0.25)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snn.RF(1.0, 0.1, dt=0.0), "RF: dt must be greater than 0"),
        (lambda: snn.BRF(200.0, 0.1), "BRF: omega times dt must be at most 1"),
        (lambda: snn.Izhikevich(dt=-1.0), "Izhikevich: dt must be greater than 0 milliseconds"),
        (lambda: snn.AdEx(tau_w=0.0), "AdEx: tau_w must be greater than 0"),
        (lambda: snn.AdEx(sharpness=-2.0), "AdEx: sharpness must be greater than 0"),
        (lambda: snn.RF(1.0, 0.1, dt=math.inf), "RF: dt must be finite, got inf"),
        (lambda: snn.RF(1.0, 0.1, dt=torch.tensor([0.1, math.inf])), "RF: dt must be finite, got"),
        (lambda: snn.BRF(0.0, 0.1, dt=math.inf), "BRF: dt must be finite, got inf"),
        (lambda: snn.Izhikevich(dt=math.inf), "Izhikevich: dt must be finite, got inf"),
        (lambda: snn.AdEx(dt=math.inf), "AdEx: dt must be finite, got inf"),
        (lambda: snn.AdEx(sharpness=math.inf), "AdEx: sharpness must be finite, got inf"),
        (lambda: snn.Lapicque(0.9, time_step=math.inf), "Lapicque: time_step must be finite, got inf"),
        (lambda: snn.ALIF(0.9, float("nan")), "ALIF: rho must not be NaN"),
        *(
            (partial(kind, log_dt=value), f"{kind.__name__}: log_dt must be finite, got {value}; pass the logarithm")
            for kind in (snn.SiLIF, snn.CSiLIF)
            for value in (math.inf, -math.inf)
        ),
        (lambda: snn.CSiLIF(log_dt=torch.tensor([-1.0, math.inf])), "CSiLIF: log_dt must be finite, got"),
        (lambda: snn.CSiLIF(log_dt=float("nan")), "CSiLIF: log_dt must not be NaN, got nan"),
        (lambda: snn.CSiLIF(log_dt=100.0), "CSiLIF: log_dt=100.0 is the logarithm of an infinite step in torch.float"),
        (lambda: snn.CSiLIF(omega=-math.inf), "CSiLIF: omega must be finite, got -inf; pass radians per second"),
    ],
)
def test_meaningless_arguments_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
