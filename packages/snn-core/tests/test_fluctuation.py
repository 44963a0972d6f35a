"""``init.fluctuation_``: the closed form of a Gaussian membrane, and nets that then fire at the rate asked for."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.init import fluctuation_
from snn_core.init.crossing import firing_factor, gaussian_factor, subthreshold

OPTIONS = {"init_hidden": True}


def poisson(*shape: int, rate: float = 0.1, seed: int = 1) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def rates(net: nn.Module, xs: Tensor) -> dict[str, float]:
    """The rates of all neurons of a Sequential, by running its parts."""
    return {
        str(k): float(snn.unroll(net[: k + 1], xs).detach().ne(0).double().mean())
        for k, module in enumerate(net)
        if isinstance(module, snn.SpikingNeuron)
    }


def deep(scale: float = 0.01) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(37, 61),
        snn.Leaky(0.9, **OPTIONS),
        nn.Linear(61, 43),
        snn.Synaptic(0.8, 0.9, **OPTIONS),
        nn.Linear(43, 31),
        snn.ALIF(0.9, 0.97, threshold=0.5, **OPTIONS),
        nn.Linear(31, 11),
        snn.Leaky(0.9, **OPTIONS),
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= scale
    return net


@pytest.mark.parametrize(("mean", "rate"), [(0.0, 0.1), (0.3, 0.1), (-0.2, 0.05), (0.1, 0.4)])
def test_a_gaussian_drive_crosses_the_threshold_as_its_distribution_says(mean: float, rate: float) -> None:
    torch.manual_seed(1)
    xs, threshold = torch.randn(50, 40, 200), 1.5
    net = nn.Sequential(nn.Linear(200, 300), snn.Leaky(0.0, threshold, reset_mechanism="none", **OPTIONS))
    with torch.no_grad():
        nn.init.normal_(net[0].weight, std=0.02)
        net[0].bias.fill_(mean)
    std = 0.02 * math.sqrt(200)
    (row,) = fluctuation_(net, xs, rate, tolerance=0.005)
    expected = threshold / (mean + NormalDist().inv_cdf(1 - rate) * std)
    assert row.factor == pytest.approx(expected, rel=0.01)
    assert gaussian_factor(mean, std, threshold, rate) == pytest.approx(expected, rel=1e-12)
    crossing = NormalDist().cdf((row.factor * mean - threshold) / (row.factor * std))
    assert row.after == pytest.approx(crossing, rel=0.02)
    before = NormalDist().cdf((mean - threshold) / std)
    assert row.before == pytest.approx(before, abs=2e-3)


def test_weights_that_were_drawn_by_the_paper_are_left_as_they_are() -> None:
    """Its equations for Poisson input: of the membrane the mean and variance, and from these the weights' variance."""
    torch.manual_seed(2)
    n, nu, beta, rate = 400, 0.02, 0.5, 0.1
    eps_bar, eps_hat, xi = 1 / (1 - beta), 1 / (1 - beta**2), NormalDist().inv_cdf(1 - rate)
    mu_w = 0.02
    mu_u = n * mu_w * nu * eps_bar
    sigma_w = math.sqrt(((1 - mu_u) / xi) ** 2 / (n * nu * eps_hat) - mu_w**2)
    net = nn.Sequential(nn.Linear(n, 250, bias=False), snn.Leaky(beta, reset_mechanism="none", **OPTIONS))
    nn.init.normal_(net[0].weight, mu_w, sigma_w)
    xs = poisson(150, 20, n, rate=nu)
    membrane = subthreshold(net[1], net[0](xs).detach())
    assert membrane is not None
    assert float(membrane[20:].mean()) == pytest.approx(mu_u, rel=0.05)
    assert float(membrane[20:].std()) == pytest.approx(math.sqrt(n * nu * eps_hat * (sigma_w**2 + mu_w**2)), rel=0.05)
    (row,) = fluctuation_(net, xs, rate, tolerance=0.01)
    assert row.factor == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("neuron", ["Leaky", "Synaptic", "Alpha", "ALIF", "AdLIF", "RF"])
def test_the_membrane_without_spikes_is_that_of_an_infinite_threshold(neuron: str) -> None:
    torch.manual_seed(3)
    arguments = {"Leaky": (0.8,), "Synaptic": (0.7, 0.8), "Alpha": (0.8, 0.7), "ALIF": (0.8, 0.9), "RF": (3.0, 0.5)}
    net = getattr(snn, neuron)(*arguments.get(neuron, (0.8, 0.9, 0.3, 1.0)), threshold=2.0).double()
    xs = torch.randn(9, 3, 5, dtype=torch.float64)
    membrane = subthreshold(net, xs)
    net.threshold.fill_(1e9)
    _, trace = net.unroll(xs, trace=True)
    torch.testing.assert_close(membrane, trace.mem / 2, rtol=1e-9, atol=1e-9)


def test_a_silent_deep_net_fires_at_the_rate_in_every_layer() -> None:
    net, xs = deep(), poisson(40, 13, 37)
    assert sum(rates(net, xs).values()) == 0
    start = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    scaling = fluctuation_(net, xs, 0.1, tolerance=0.05)
    assert [row.path for row in scaling] == ["1", "3", "5", "7"]
    assert [row.layers for row in scaling] == [("0",), ("2",), ("4",), ("6",)]
    for row, rate in zip(scaling, rates(net, xs).values(), strict=True):
        assert row.before == 0
        assert row.after == pytest.approx(rate, abs=1e-12)
        assert rate == pytest.approx(0.1, rel=0.05)
        for kind in ("weight", "bias"):  # in proportion, and nothing else of the net is another
            name = f"{row.layers[0]}.{kind}"
            assert torch.equal(net.get_parameter(name), start[name] * row.factor)


def test_a_second_call_changes_nothing() -> None:
    net, xs = deep(), poisson(40, 13, 37)
    fluctuation_(net, xs)
    start = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    scaling = fluctuation_(net, xs)
    assert [row.factor for row in scaling] == [1, 1, 1, 1]
    assert [row.before for row in scaling] == [row.after for row in scaling]
    assert all(torch.equal(p, start[name]) for name, p in net.named_parameters())


def test_a_net_that_fires_all_the_time_is_scaled_down() -> None:
    net, xs = deep(30.0), poisson(40, 13, 37)
    scaling = fluctuation_(net, xs, 0.05)
    assert scaling[0].before > 0.2
    assert scaling[0].factor < 1
    assert all(abs(row.after - 0.05) <= 0.005 for row in scaling)


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_a_convolutional_net_fires_at_the_rate(rate: float) -> None:
    torch.manual_seed(4)
    net = nn.Sequential(
        nn.Conv2d(2, 5, 3),
        nn.MaxPool2d(2),
        snn.Leaky(0.7, reset_mechanism="zero", **OPTIONS),
        nn.Conv2d(5, 3, 3, bias=False),
        snn.Leaky(0.8, reset_delay=False, **OPTIONS),
        nn.Flatten(),
        nn.Linear(3 * 9, 7),
        snn.RLeaky(0.8, linear_features=7, **OPTIONS),
    )
    nn.init.zeros_(net[7].recurrent.bias)  # by which it would fire whatever its input
    recurrent = net[7].recurrent.weight.detach().clone()
    scaling = fluctuation_(net, poisson(15, 7, 2, 13, 13, rate=0.2), rate)
    assert [row.layers for row in scaling] == [("0",), ("3",), ("6",)]
    assert all(row.after == pytest.approx(rate, rel=0.1) for row in scaling)
    assert torch.equal(net[7].recurrent.weight, recurrent)


class Branched(nn.Module):
    """Two layers that are added, spikes that go past one, functions in between, and recurrence in both directions."""

    def __init__(self) -> None:
        super().__init__()
        # registered in another order than they are called
        self.out = snn.Leaky(0.8, **OPTIONS)
        self.last = nn.Linear(20, 9)
        self.back = nn.Linear(9, 20, bias=False)
        self.within = nn.Linear(20, 20, bias=False)
        self.left, self.right = nn.Linear(6, 20), nn.Linear(6, 20)
        self.mid = nn.Linear(20, 20)
        self.one, self.two = snn.Leaky(0.8, **OPTIONS), snn.Leaky(0.8, **OPTIONS)
        self.readout = nn.Linear(9, 4)
        self.integrator = snn.Leaky(0.9, threshold=math.inf, output=True, **OPTIONS)

    def forward(self, x: Tensor) -> Tensor:
        was = (self.one.mem, self.out.mem)
        at_rest = was[0].shape == (0,)
        ones = torch.zeros(len(x), 20) if at_rest else torch.sigmoid(was[0])
        outs = torch.zeros(len(x), 9) if at_rest else torch.sigmoid(was[1])
        fed = torch.relu(self.left(x)) + 0.5 * self.right(x) + 0.1 * self.within(ones) + 0.1 * self.back(outs)
        spk = self.one(fed)
        two = self.two(self.mid(spk) + 0.1 * spk)
        out = self.out(self.last(torch.dropout(two, 0.5, self.training)))
        return self.integrator(self.readout(out))[1]


def test_a_custom_forward_is_scaled_by_the_layer_that_feeds_each_neuron() -> None:
    torch.manual_seed(5)
    net, xs = Branched(), torch.rand(30, 11, 6)
    start = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    scaling = fluctuation_(net, xs, 0.15)
    assert {row.path: set(row.layers) for row in scaling} == {
        "one": {"left", "right"},
        "two": {"mid"},
        "out": {"last"},
    }
    assert all(row.after == pytest.approx(0.15, rel=0.1) for row in scaling)
    for left_alone in ("within.weight", "back.weight", "readout.weight", "readout.bias"):
        assert torch.equal(net.get_parameter(left_alone), start[left_alone])
    assert [row.factor for row in fluctuation_(net, xs, 0.15)] == [1, 1, 1]


def test_a_normalization_is_scaled_in_place_of_what_comes_before_it() -> None:
    torch.manual_seed(6)
    norm = nn.BatchNorm1d(12)
    net = nn.Sequential(nn.Linear(9, 12), norm, snn.Leaky(0.8, **OPTIONS), nn.Dropout(0.3))
    xs = torch.rand(20, 15, 9)
    weight = net[0].weight.detach().clone()
    (row,) = fluctuation_(net, xs, 0.2)
    assert row.layers == ("1",)
    assert torch.equal(net[0].weight, weight)
    assert bool((norm.weight == row.factor).all())
    assert bool((norm.running_mean == 0).all() and (norm.running_var == 1).all() and norm.num_batches_tracked == 0)
    spk = snn.unroll(net[:3], xs).detach()  # in training, by the statistics of the batch
    assert float(spk.mean()) == pytest.approx(row.after, abs=1e-6)
    net.eval()
    assert fluctuation_(net, xs, 0.2)[0].after == pytest.approx(0.2, rel=0.1)
    assert float(snn.unroll(net, xs).detach().mean()) == pytest.approx(0.2, rel=0.1)


def test_nothing_but_weights_and_biases_changes() -> None:
    net, xs, called = deep(), poisson(20, 5, 37), []
    net.append(nn.Dropout(0.5))
    net[2].weight.requires_grad_(False)
    net[0].register_forward_hook(lambda *call: called.append(1))
    optimizer = torch.optim.Adam(net.parameters(), 1e-4)
    snn.unroll(net, torch.rand(3, 2, 37)).sum().backward()
    optimizer.step()
    called.clear()
    net[3].eval()
    states = [net[k]._kept for k in (1, 3, 5, 7)]
    gradients = {name: p.grad for name, p in net.named_parameters()}
    modes = [module.training for module in net.modules()]
    learned = [p.requires_grad for p in net.parameters()]
    moments = [(m, m.clone()) for state in optimizer.state.values() for m in state.values()]
    others = {name: p.detach().clone() for name, p in net.named_buffers()}
    numbers, batch = torch.get_rng_state(), xs.clone()
    parameters = [id(p) for p in net.parameters()]
    fluctuation_(net, xs)
    assert all(net[k]._kept is state for k, state in zip((1, 3, 5, 7), states, strict=True))
    assert all(p.grad is gradients[name] for name, p in net.named_parameters())
    assert [module.training for module in net.modules()] == modes
    assert [p.requires_grad for p in net.parameters()] == learned
    assert all(torch.equal(moment, was) for moment, was in moments)
    assert all(torch.equal(b, others[name]) for name, b in net.named_buffers())
    assert torch.equal(torch.get_rng_state(), numbers)
    assert torch.equal(xs, batch)
    assert [id(p) for p in net.parameters()] == parameters
    assert called == []
    assert not any(p.grad_fn for p in net.parameters())


def test_normalizations_of_each_step_are_scaled_together() -> None:
    torch.manual_seed(9)
    norm = snn.BatchNormTT1d(12, time_steps=9)
    net = nn.Sequential(nn.Linear(9, 12), norm, snn.Leaky(0.8, **OPTIONS))
    (row,) = fluctuation_(net, torch.rand(9, 15, 9), 0.2)
    assert row.layers == tuple(f"1.{step}" for step in range(9))
    assert all(bool((entry.weight == row.factor).all()) for entry in norm)
    assert row.after == pytest.approx(0.2, rel=0.1)


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


def test_noise_is_the_same_in_every_run() -> None:
    torch.manual_seed(10)
    net = nn.Sequential(nn.Linear(9, 12), Noisy(), snn.Leaky(0.8, **OPTIONS), nn.Linear(12, 5), lif())
    xs, numbers = torch.rand(20, 15, 9), torch.get_rng_state()
    scaling = fluctuation_(net, xs, 0.3)
    assert torch.equal(torch.get_rng_state(), numbers)
    after = [float(snn.unroll(net[:k], xs, schedule="steps").detach().mean()) for k in (3, 5)]
    assert after[0] == pytest.approx(scaling[0].after, abs=0.01)
    torch.set_rng_state(numbers)
    net.eval()
    assert float(snn.unroll(net, xs, schedule="steps").detach().mean()) == pytest.approx(scaling[1].after, abs=1e-6)


def test_it_runs_where_no_gradient_is_recorded() -> None:
    for mode in (torch.no_grad, torch.inference_mode):
        net = deep()
        with mode():
            scaling = fluctuation_(net, poisson(20, 5, 37))
        assert all(row.after == pytest.approx(0.1, rel=0.1) for row in scaling)


def lif(**options: object) -> snn.Leaky:
    return snn.Leaky(0.9, **{**OPTIONS, **options})


def test_the_factor_of_a_neuron_alone_counts_spikes_that_reset_and_come_back() -> None:
    torch.manual_seed(8)
    xs = 0.01 * torch.randn(60, 11, 7)
    recurrent = snn.RLeaky(0.9, linear_features=7)
    nn.init.zeros_(recurrent.recurrent.bias)
    for neuron in (snn.Leaky(0.9), snn.Leaky(0.9, reset_mechanism="zero"), recurrent, snn.ALIF(0.9, 0.98)):
        factor = firing_factor(neuron, xs, 0.1, tolerance=0.02)
        spk, _ = neuron.unroll(xs * factor)
        assert float(spk.detach().mean()) == pytest.approx(0.1, rel=0.02)


def test_a_neuron_may_be_passed_its_state_before_its_input() -> None:
    class Passing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(37, 11), snn.Leaky(0.9)

        def forward(self, x: Tensor) -> Tensor:
            return self.lif(mem=None, input_=self.fc(x))[0]

    (row,) = fluctuation_(Passing(), poisson(10, 5, 37))
    assert row.after == pytest.approx(0.1, rel=0.1)


def test_a_compiled_net_is_scaled_as_it_is_written() -> None:
    net, xs = deep(), poisson(10, 5, 37)
    net[0].compile(backend="eager")
    assert all(row.after == pytest.approx(0.1, rel=0.1) for row in fluctuation_(net, xs))
