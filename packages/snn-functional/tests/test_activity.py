"""The activity of a net in a block: rates, operations and their gradients, by hand and beside other counts."""

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import Activity, energy, rate_band_loss, synops

LIF = {"beta": 0.9, "init_hidden": True}


class Skip(nn.Module):
    """A net with its own forward, with a value added around a neuron."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 5, bias=False)
        self.a, self.b = snn.Leaky(**LIF), snn.RLeaky(linear_features=5, **LIF)

    def forward(self, x):
        spk = self.a(3 * self.first(x))
        return spk + self.b(self.second(spk))


class Branching(Skip):
    """A net that runs step by step, as its forward asks for a value."""

    def forward(self, x):
        out = super().forward(x)
        return out if out.sum() > -1 else 2 * out


NETS = {
    "layers": lambda: nn.Sequential(nn.Linear(6, 5), snn.Leaky(**LIF), nn.Linear(5, 4), snn.Synaptic(alpha=0.7, **LIF)),
    "own forward": Skip,
    "step by step": Branching,
    "recurrent": lambda: nn.Sequential(
        nn.Linear(6, 4), snn.RLeaky(linear_features=4, **LIF), nn.Linear(4, 3), snn.RLeaky(all_to_all=False, **LIF)
    ),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)),
        nn.Conv2d(1, 4, 3, padding=1),
        snn.Leaky(**LIF),
        nn.Conv2d(4, 2, 2, stride=2),
        snn.Leaky(**LIF, output=True),
    ),
    "whole sequences": lambda: nn.Sequential(nn.Linear(6, 4), snn.PSN(9), nn.Linear(4, 3), snn.Leaky(**LIF)),
    "graded": lambda: nn.Sequential(nn.Linear(6, 4), snn.Leaky(graded_spikes_factor=0.5, **LIF), nn.Linear(4, 3)),
}
FUSED = sorted(NETS.keys() - {"step by step"})
of_steps = pytest.mark.parametrize("name", sorted(NETS.keys() - {"whole sequences"}))
with_lengths = pytest.mark.parametrize("lengths", [None, [9, 2, 5, 1, 9, 5, 3]])


def net_of(name):
    torch.manual_seed(1)
    net = NETS[name]()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3)
        next(net.parameters())[0, 0] = 0  # a weight of 0 takes no operation
    return net


def inputs(steps=9, batch=7):
    return (torch.rand(steps, batch, 6, generator=torch.Generator().manual_seed(2)) < 0.6).float()


def spikes_of(net, xs, lengths=None):
    """Return the spikes of each layer in a plain run, ``[T, batch, neurons]``, by hooks."""
    spikes = {path: [] for path, m in net.named_modules() if isinstance(m, snn.SpikingNeuron)}
    handles = [
        net.get_submodule(path).register_forward_hook(
            lambda m, args, out, of=of: of.append((out[0] if isinstance(out, tuple) else out).detach().flatten(1))
        )
        for path, of in spikes.items()
    ]
    snn.unroll(net, xs, schedule="steps", lengths=lengths)
    for handle in handles:
        handle.remove()
    return {path: torch.cat(of) for path, of in spikes.items()}


@with_lengths
@of_steps
def test_rates_are_the_spikes_of_each_neuron_in_a_step(name, lengths):
    net, xs = net_of(name), inputs()
    with Activity(net) as activity:
        snn.unroll(net, xs, lengths=lengths)
    expected = {path: spikes.ne(0).float().mean(0) for path, spikes in spikes_of(net, xs, lengths).items()}
    assert activity.rates.keys() == expected.keys()
    for path, rates in activity.rates.items():
        torch.testing.assert_close(rates.detach(), expected[path])
        assert rates.sum() > 0


def test_rates_of_whole_sequences_count_all_their_steps():
    net, xs = net_of("whole sequences"), inputs()
    with Activity(net) as activity:
        out = snn.unroll(net, xs)
    spk = net[1](net[0](xs))  # a PSN takes all steps
    torch.testing.assert_close(activity.rates["1"], spk.flatten(0, 1).mean(0))
    torch.testing.assert_close(activity.rates["3"], out.flatten(0, 1).mean(0))
    with Activity(net[1]) as alone:
        net[1](net[0](xs))
    assert torch.equal(alone.rates[""], activity.rates["1"])


@with_lengths
@of_steps
def test_operations_are_those_of_synops_and_energy(name, lengths):
    net, xs = net_of(name), inputs()
    with Activity(net) as activity:
        snn.unroll(net, xs, lengths=lengths)
    total = synops(net, xs, lengths=lengths).total
    assert activity.synops.item() == total.acs + total.macs > 0
    numbers = energy(net, xs, lengths=lengths).metrics["SynapticOperations"]
    assert activity.synops.item() / 7 == pytest.approx(numbers["Effective_ACs"] + numbers["Effective_MACs"])


@pytest.mark.parametrize("name", NETS)
def test_the_net_runs_in_the_block_as_it_does_outside(name):
    net, xs = net_of(name), inputs()
    out, how = snn.unroll(net, xs, explain=True)
    with Activity(net) as activity:
        watched, inside = snn.unroll(net, xs, explain=True)
    assert (inside.kind, inside.reason) == (how.kind, how.reason)
    assert str(inside) == str(how)
    assert how.kind == ("layers" if name in FUSED else "steps")
    torch.testing.assert_close(watched, out, rtol=0, atol=0)
    assert not any(m._forward_hooks for m in net.modules())
    assert activity.rates


@of_steps
@pytest.mark.parametrize("options", [{"chunk": 4}, {}])
def test_gradients_are_those_of_the_loop_however_the_net_runs(name, options):
    def gradients(**options):
        net = net_of(name)
        with Activity(net) as activity:
            snn.unroll(net, inputs(), **options)
        loss = rate_band_loss(0.3, 0.4)(activity) + 1e-3 * activity.synops
        loss.backward()
        return loss.detach(), [p.grad for p in net.parameters() if p.grad is not None]

    expected, actual = gradients(schedule="steps"), gradients(**options)
    assert len(actual[1]) == len(expected[1]) > 0
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_each_spike_has_the_gradient_of_the_weights_behind_it():
    net = nn.Linear(3, 4)
    net.weight.data = torch.tensor([[1.0, 0, 2], [3, 0, 4], [5, 0, 6], [7, 8, 0]])
    spk = torch.tensor([[0.0, 1, 1], [0, 0, 0], [-1, 0, 0], [0.5, 0, -2]], requires_grad=True)
    with Activity(net) as activity:
        net(spk)
    # 1 + 3, none, 4, and 4 + 3 products
    assert activity.synops.item() == 4 + 0 + 4 + 7
    activity.synops.backward()
    expected = torch.tensor([[4.0, 1, 3], [4, 1, 3], [-4, 1, 3], [4, 1, -3]])
    assert torch.equal(spk.grad, expected)
    assert net.weight.grad is None


def test_the_penalty_and_its_gradient_are_those_worked_out_by_hand():
    class Given(snn.SpikingNeuron):
        """A neuron whose spikes are its input."""

        State = snn.Leaky.State

        def integrate(self, x, state):
            return self.State(x)

    net = Given(init_hidden=True, reset_mechanism="none", threshold=0.5)
    xs = torch.zeros(5, 2, 3)
    xs[:, :, 0], xs[0, 0, 1], xs[:2, :, 2] = 1, 1, 1  # rates of 1, 1/10 and 4/10
    with Activity(net) as activity:
        snn.unroll(net, xs)
    torch.testing.assert_close(activity.rates[""], torch.tensor([1, 0.1, 0.4]))
    assert rate_band_loss(0.2, 0.5)(activity).item() == pytest.approx((0.5**2 + 0.1**2) / 3)
    assert rate_band_loss(0.2, 0.5, per_neuron=False)(activity).item() == 0  # the mean is 0.5
    assert rate_band_loss(0.6, 0.9, per_neuron=False)(activity).item() == pytest.approx(0.1**2)


def test_the_gradient_of_the_penalty_reaches_silent_and_busy_neurons_alike():
    layer, neuron = nn.Linear(1, 3, bias=False), snn.Leaky(beta=0.0, init_hidden=True, reset_mechanism="none")
    layer.weight.data = torch.tensor([[0.5], [1.5], [1.05]])  # rates of 0, 1, 1
    net, xs = nn.Sequential(layer, neuron), torch.ones(4, 5, 1)
    with Activity(net) as activity:
        snn.unroll(net, xs)
    rate_band_loss(0.25, 0.5)(activity).backward()
    # d loss / d rate = -2 (0.25 - 0) / 3 and 2 (1 - 0.5) / 3; d rate / d w is the surrogate at w - 1, in every step
    u = torch.tensor([0.5, 1.5, 1.05], requires_grad=True)
    neuron.spike_grad(u - 1).sum().backward()
    expected = torch.tensor([-0.5, 1, 1]) / 3 * u.grad
    torch.testing.assert_close(layer.weight.grad.flatten(), expected)
    assert (expected != 0).all()


@pytest.mark.parametrize("name", ["layers", "own forward"])
def test_training_by_the_penalties_brings_rates_into_the_band_and_saves_operations(name):
    net, xs = net_of(name), inputs(20)

    def trained(steps, penalty):
        optimizer = torch.optim.Adam(net.parameters(), 0.03)
        for _ in range(steps):
            with Activity(net) as activity:
                snn.unroll(net, xs)
            optimizer.zero_grad()
            penalty(activity).backward()
            optimizer.step()
            yield penalty(activity).item()

    first, *_, last = trained(150, rate_band_loss(0.1, 0.3))
    assert last < first / 10
    first, *_, last = trained(30, lambda activity: activity.synops)
    assert last < 0.9 * first


def test_a_block_counts_the_steps_of_a_loop_of_the_users_own():
    net, xs = net_of("recurrent"), inputs()
    with Activity(net) as fused:
        snn.unroll(net, xs)
    with Activity(net) as activity:
        snn.utils.reset(net)
        for x in xs:
            net(x)
    assert activity.synops.item() == fused.synops.item()
    for path, rates in activity.rates.items():
        torch.testing.assert_close(rates, fused.rates[path])


def test_a_second_run_in_a_block_starts_at_rest():
    net, xs = net_of("recurrent"), inputs()
    with Activity(net) as activity:
        snn.unroll(net, xs)
        once = activity.synops.item()
        snn.unroll(net, xs)
    assert activity.synops.item() == 2 * once


def test_the_rates_of_a_layer_at_several_widths_follow_one_another():
    net = snn.Leaky(beta=0.5)
    with Activity(net) as activity:
        for x in ([2.0, 0], [0.0, 2, 2], [2.0, 2]):
            net(torch.tensor([x]), None)
    assert activity.rates[""].tolist() == [1, 0.5, 0, 1, 1]


def test_operations_of_delayed_recurrence_are_refused():
    net = nn.Sequential(nn.Linear(6, 4), snn.RLeaky(linear_features=4, max_delay=2, **LIF))
    with Activity(net) as activity:
        snn.unroll(net, inputs())
    assert activity.rates["1"].shape == (4,)
    message = r"Activity\.synops: the recurrent connection of the layer '1' has delays, .*\. Fix: leave out max_delay"
    with pytest.raises(ValueError, match=message):
        _ = activity.synops


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_dtypes_count_as_exactly_as_wide_ones(dtype):
    net = nn.Linear(2, 100, bias=False).to(dtype)
    net.weight.data.fill_(1)
    with Activity(net) as activity:
        net(torch.ones(3000, 2, dtype=dtype))
    assert activity.synops.item() == 600_000
