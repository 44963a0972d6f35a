"""Tests of the numbers of a diagnosis, against closed forms and against the net's own run."""

import json
import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels, surrogate
from snn_functional import dead_neurons, diagnose, firing_rate, saturated_neurons
from snn_functional.diagnosis import Limits
from snn_functional.diagnosis._evidence import Trace
from snn_functional.diagnosis._silence import highest
from snn_functional.probe import OutputMonitor

from .diagnosed import LABELS, STEPS, batch, codes, well

FAR = 1e6  # a threshold that nothing reaches


def constant(neuron, amount, steps):
    """A diagnosis of a neuron that is fed the same in every step."""
    return diagnose(neuron, torch.full((steps, 2, 3), amount, dtype=torch.float64))


def reached(neuron, amount, steps):
    (finding,) = [f for f in constant(neuron.double(), amount, steps).findings if f.code == "unreachable_threshold"]
    return finding.value


@pytest.mark.parametrize("steps", [1, 2, 7, 500])
def test_a_leaky_membrane_reaches_the_sum_of_a_geometric_series(steps):
    value = reached(snn.Leaky(0.75, FAR, init_hidden=True), 0.5, steps)
    assert value == pytest.approx(0.5 * (1 - 0.75**steps) / (1 - 0.75))
    if steps == 500:
        assert value == pytest.approx(0.5 / (1 - 0.75))


def test_without_leak_it_reaches_the_sum_of_the_input():
    assert reached(snn.Leaky(1.0, FAR, init_hidden=True), 0.5, 11) == pytest.approx(5.5)


def test_a_negative_input_is_highest_in_the_first_step():
    assert reached(snn.Leaky(0.75, FAR, init_hidden=True), -0.5, 11) == pytest.approx(-0.5)


def test_a_circuit_reaches_resistance_times_current():
    assert reached(snn.Lapicque(R=4.0, C=2.0, threshold=FAR, init_hidden=True), 0.5, 999) == pytest.approx(4.0 * 0.5)


def test_a_synaptic_current_is_summed_twice():
    value = reached(snn.Synaptic(0.5, 0.75, FAR, init_hidden=True), 0.5, 999)
    assert value == pytest.approx(0.5 / (1 - 0.5) / (1 - 0.75))


def test_the_response_of_alpha_is_a_difference_of_two_sums():
    alpha, beta = 0.75, 0.5
    tau = math.log(alpha) / (math.log(beta) - math.log(alpha)) + 1
    value = reached(snn.Alpha(alpha, beta, FAR, init_hidden=True), 0.5, 999)
    assert value == pytest.approx(0.5 * tau * (1 / (1 - alpha) - 1 / (1 - beta)))


def test_input_from_other_neurons_counts():
    # each of the two that fire in the first step adds 0.25 to the third neuron, which has no input of its own
    neuron = snn.RLeaky(1.0, torch.tensor([0.5, 0.5, 9.0]), linear_features=3, init_hidden=True)
    with torch.no_grad():
        neuron.recurrent.weight.fill_(0.25)
        neuron.recurrent.bias.zero_()
    trace = Trace("", neuron)
    x, spk = torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    trace.inputs, trace.spks, trace.steps = [x, 0 * x, 0 * x], [spk, 0 * spk, 0 * spk], 3
    assert highest(trace).tolist() == [3.0, 3.0, 1.5]


NEURONS = {
    "Leaky": lambda a, b: snn.Leaky(b),
    "Leaky zero": lambda a, b: snn.Leaky(b, reset_mechanism="zero"),
    "Leaky at once": lambda a, b: snn.Leaky(b, reset_delay=False),
    "Synaptic": lambda a, b: snn.Synaptic(a, b),
    "Synaptic zero": lambda a, b: snn.Synaptic(a, b, reset_mechanism="zero"),
    "Lapicque": lambda a, b: snn.Lapicque(beta=b),
    "Alpha": lambda a, b: snn.Alpha(max(a, b) + 0.01, b),
    "Alpha subtract": lambda a, b: snn.Alpha(max(a, b) + 0.01, b, reset_mechanism="subtract"),
    "StateLeaky": lambda a, b: snn.StateLeaky(b, 3),
}


@pytest.mark.parametrize("kind", NEURONS)
@settings(max_examples=25, deadline=None)
@given(a=st.floats(0.3, 0.98), b=st.floats(0.3, 0.98), seed=st.integers(0, 999), steps=st.integers(1, 12))
def test_no_membrane_is_ever_above_what_it_can_reach(kind, a, b, seed, steps):
    b = max(b, 0.37) if kind == "Lapicque" else b  # a step longer than R*C weighs every other step negatively
    neuron = NEURONS[kind](a, b).double()
    xs = 3 * torch.randn(steps, 4, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    _, states = neuron.unroll(xs, trace=True)
    trace = Trace("", neuron, [xs.flatten(0, 1)], steps=steps)
    assert (states.mem.amax((0, 1)) <= highest(trace) + 1e-9).all()


@pytest.mark.parametrize(
    "neuron", [snn.DeltaLeaky(1.0, 0.5), snn.Leaky(0.9, state_quant=lambda s: s + 1), snn.Lapicque(beta=0.3)]
)
def test_other_equations_are_unknown(neuron):
    neuron.threshold.fill_(FAR)
    neuron.init_hidden = True
    assert "unreachable_threshold" not in [code for code, _ in codes(diagnose(neuron, torch.ones(3, 2, 2)))]


def test_the_gradient_of_each_step_is_that_of_a_membrane_that_decays():
    beta, net = 0.8, nn.Sequential(nn.Linear(4, 3), snn.Leaky(0.8, FAR, init_hidden=True, output=True)).double()
    net[1].beta.fill_(beta)
    diagnosis = diagnose(net, batch().double(), loss_fn=lambda out, _: out[1][-1].sum())
    # dL/dU[T - 1] is 1 for each of 3 neurons of 5 samples
    expected = [math.sqrt(15) * beta ** (STEPS - 1 - t) for t in range(STEPS)]
    assert diagnosis.layers[0].gradient == pytest.approx(expected)


def test_the_table_has_the_statistics_of_the_nets_own_run():
    net, xs = well(), batch()
    with OutputMonitor(net, snn.Leaky) as monitor:
        snn.unroll(net, xs)
    snn.utils.reset(net)
    diagnosis = diagnose(net, xs, limits=Limits(saturated_rate=0.5))
    assert [layer.module for layer in diagnosis.layers] == ["1", "3"]
    for layer in diagnosis.layers:
        spk = torch.stack(monitor[layer.module])
        assert layer.kind == "Leaky"
        assert layer.neurons == spk.shape[-1]
        assert layer.rate == pytest.approx(float(firing_rate(spk).mean()))
        assert layer.dead == int(dead_neurons(spk).sum())
        assert layer.saturated == int(saturated_neurons(spk, 0.5).sum()) > 0


def test_the_report_is_a_table_and_json():
    far = snn.Leaky(0.8, 100.0, spike_grad=surrogate.sigmoid(), init_hidden=True)
    diagnosis = diagnose(well(far), batch(), LABELS)
    lines = str(diagnosis).splitlines()
    assert lines[0].split() == "layer kind neurons rate dead saturated gradient, first .. last step kernel".split()
    assert lines[1].startswith("1      Leaky  9        0     9 (100 %)  0 (0 %)")
    assert "error    unreachable_threshold in '1'" in lines
    assert lines[-1] == "1 error"
    description = json.loads(json.dumps(diagnosis.to_dict()))
    assert description["ok"] is diagnosis.ok is False
    assert description["findings"][0]["code"] == "unreachable_threshold"
    assert "Silent after it: '3'." in description["findings"][0]["message"]
    assert [layer["dead"] for layer in description["layers"]] == [9, 3]


def test_the_former_name_of_the_data_is_deprecated():
    diagnosis = diagnose(well(snn.Leaky(0.8, init_hidden=True)), batch())
    with pytest.warns(DeprecationWarning, match=r"Diagnosis\.as_dict\(\) is now called to_dict\(\)"):
        assert diagnosis.as_dict() == diagnosis.to_dict()


class Loud(kernels.Engine):
    """An engine for any step program, of which only the name counts."""

    name, device = "loud", "cpu"

    def refuses(self, program, dtype):
        return None

    forward = backward = None


def test_the_same_finding_in_several_layers_is_printed_once_and_names_them():
    options = {"threshold": 0.1, "init_hidden": True}
    net = nn.Sequential(*(snn.Leaky(0.9999, **options) for _ in range(6)))
    diagnosis = diagnose(net, batch())
    (text,) = {finding.message for finding in diagnosis.findings if finding.code == "slow_decay"}
    lines = str(diagnosis).splitlines()
    assert "info     slow_decay in '0', '1', '2', '3', '4', '5'" in lines
    assert lines.count(f"         {text}") == 1
    net[2].beta.fill_(0.99999)
    lines = str(diagnose(net, batch())).splitlines()
    place = lines.index("info     slow_decay in '0', '1', '2', '3', '4', '5'")
    assert [line.partition(" is a time")[0].strip() for line in lines[place + 1 : place + 7]] == [
        f"'{layer}': beta=0.99999" if layer == 2 else f"'{layer}': beta=0.9999" for layer in range(6)
    ]


def test_layers_say_what_runs_them_and_why_nothing_does():
    mute, loud = snn.Leaky(0.8, inhibition=True, init_hidden=True), snn.Leaky(0.8, init_hidden=True)
    net = well(mute, loud)
    kernels.register("program", engine := Loud())
    try:
        diagnosis = diagnose(net, batch())
    finally:
        kernels.unregister("program", engine)
    first, last = diagnosis.to_dict()["layers"]
    assert first["kernel"] == "reference"
    assert "inhibition compares neurons with each other" in first["why"]
    assert last["kernel"] in ("loud", "snn-cpu")
    text = str(diagnosis)
    assert "1 of 2 layers of neurons run fused in unroll\n  1 does not: inhibition compares neurons" in text


def test_errors_come_first():
    net = well(snn.Leaky(0.1, 100.0, spike_grad=surrogate.sigmoid(), init_hidden=True))
    net[2].weight.data[0] = 0
    assert [finding.severity for finding in diagnose(net, batch()).findings] == ["error", "warning", "info"]


@pytest.mark.parametrize(("xs", "code"), [(127.0, []), (128.0, ["byte_input"]), (255.5, []), (256.0, [])])
def test_bytes_are_distinguished_from_counts_and_numbers(xs, code):
    neurons = nn.Sequential(snn.Leaky(0.5, threshold=10.0, init_hidden=True, reset_mechanism="zero"))
    data = torch.zeros(STEPS, 1, 3)
    data[::4] = xs
    assert [finding.code for finding in diagnose(neurons, data).findings] == code


@pytest.mark.parametrize("beta", [0.0, 1.0, 0.37])
def test_a_decay_at_an_end_is_chosen(beta):
    assert codes(diagnose(snn.Leaky(beta, 0.75, init_hidden=True), batch())) == []


@pytest.mark.parametrize(("steps", "expected"), [(105, []), (104, ["slow_decay"])])
def test_a_decay_is_slow_when_less_than_a_tenth_leaks(steps, expected):
    # 0.999 ** 105 = 0.9003, so that 0.1 leaks in between 105 and 106 steps
    steps += 1
    neuron = snn.Leaky(0.999, 1.0, init_hidden=True)
    assert [finding.code for finding in diagnose(neuron, torch.full((steps, 1, 1), 0.3)).findings] == expected


def test_swapped_axes_are_found_only_where_they_are():
    net, xs = nn.Sequential(nn.Linear(4, 3), snn.Leaky(0.8, init_hidden=True)), batch()
    static = xs[:1].expand(STEPS, -1, -1)
    swapped = [("swapped_axes", "")]

    def axis_codes(batch, targets=None):
        return [code for code in codes(diagnose(net, batch, targets)) if code in swapped]

    assert axis_codes(static) == []
    assert axis_codes(static.transpose(0, 1)) == swapped
    assert axis_codes(xs.transpose(0, 1)) == []  # random numbers are as good one way as the other
    assert axis_codes(xs.transpose(0, 1), LABELS) == swapped
    assert axis_codes(xs, LABELS) == []
    assert axis_codes(xs[:5], LABELS) == []


def is_swapped(xs, targets=None):
    diagnosis = diagnose(nn.Identity(), xs, targets, loss_fn=lambda out, targets: out.double().sum())
    return ("swapped_axes", "") in codes(diagnosis)


def walks():
    return torch.randn(20, 20, 4).cumsum(0)


def rates():
    return (torch.rand(20, 20, 15) < torch.rand(20, 15)).float()


def images():
    return torch.rand(20, 4).expand(20, -1, -1)


@pytest.mark.parametrize("make", [walks, rates, images])
@pytest.mark.parametrize("seed", range(5))
def test_swapped_axes_of_equal_length_are_found_where_neighbors_are_alike(make, seed):
    torch.manual_seed(seed)
    xs, targets = make(), torch.arange(20)
    assert is_swapped(xs.transpose(0, 1), targets)
    assert not is_swapped(xs, targets)


@pytest.mark.parametrize("shape", [(20, 20, 4), (11, 5, 40), (5, 5, 60), (400, 3, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_numbers_in_no_order_are_as_good_one_way_as_the_other(shape, seed):
    torch.manual_seed(seed)
    for xs in (torch.rand(shape), torch.rand(shape) < 0.1, torch.randint(0, 50, shape), torch.eye(20).unsqueeze(2)):
        assert not is_swapped(xs)
        assert not is_swapped(xs.transpose(0, 1))


@pytest.mark.parametrize("order", [0, 1])
def test_latencies_are_not_taken_for_swapped_axes(order):
    torch.manual_seed(0)
    latencies = torch.randint(0, 20, (20, 30))
    xs = (torch.arange(20).reshape(-1, 1, 1) == latencies).double()  # each input fires once
    assert not is_swapped(xs.movedim(order, 0))


def test_steps_are_repeated_only_where_they_are_copies_of_an_image():
    net, image = well(), batch()[:1]

    def is_repeated(xs, **options):
        return ("repeated_input", "") in codes(diagnose(net, xs, **options))

    assert is_repeated(image.repeat(STEPS, 1, 1))
    assert not is_repeated(image.expand(STEPS, -1, -1))
    assert not is_repeated(torch.cat([image.repeat(STEPS - 1, 1, 1), image * 0.99]))
    assert not is_repeated(torch.full((STEPS, 5, 4), 0.7))
    assert not is_repeated(image)
    assert not is_repeated(image[0], num_steps=STEPS)
    assert not is_repeated(image.repeat(STEPS, 1, 1), run=lambda net, xs: snn.unroll(net, xs))


def test_a_share_is_reported_from_its_limit_on():
    net = well()
    with torch.no_grad():
        net[0].weight.abs_()
        net[0].weight[:3] *= -1
    assert codes(diagnose(net, batch(), limits=Limits(share=0.34))) == []
    assert codes(diagnose(net, batch(), limits=Limits(share=0.33))) == [("dead_neurons", "1")]


def test_a_surrogate_reaches_as_far_as_its_derivative_is_above_the_limit():
    # 25 exp(-25 d) = 2**-23 at d = 0.767
    def underflows(distance):
        neuron = snn.Leaky(0.0, init_hidden=True, reset_mechanism="none", spike_grad=surrogate.sigmoid(25))
        xs = torch.full((3, 1, 2), 1 + distance, dtype=torch.float64)
        return ("surrogate_underflow", "") in codes(diagnose(neuron.double(), xs))

    assert not underflows(0.76)
    assert underflows(0.775)


class Two(snn.SpikingNeuron):
    """A user's own neuron: a membrane behind two currents, compared with a threshold that its spikes raise."""

    class State(NamedTuple):
        slow: Tensor
        fast: Tensor
        u: Tensor
        rise: Tensor

    def integrate(self, x, state):
        slow, fast = 0.75 * state.slow + x, 0.5 * state.fast + x
        return self.State(slow, fast, 0.5 * state.u + 2 * slow + fast, 0.875 * state.rise)

    def membrane(self, state):
        return state.u - state.rise

    def subtract(self, state, amount):
        return state._replace(u=state.u - amount, rise=state.rise + amount)


def test_a_users_neuron_reaches_the_sum_of_its_own_equation():
    # of a constant input in equilibrium: currents 4 x and 2 x, membrane 2 (2 * 4 x + 2 x)
    assert reached(Two(threshold=FAR, init_hidden=True), 0.5, 200) == pytest.approx(10.0)


class Own(snn.SpikingNeuron):
    """Its equation is passed as a function."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, equation, **options):
        super().__init__(**options)
        self.equation = equation

    def integrate(self, x, state):
        return self.State(self.equation(x, state.mem))


@pytest.mark.parametrize(
    "equation",
    [
        lambda x, mem: 0.5 * mem + x.abs(),
        lambda x, mem: (0.5 * mem + x).clamp_min(0),
        lambda x, mem: 0.5 * mem + x + 0.1,
        lambda x, mem: 0.5 * mem - x,
        lambda x, mem: -0.5 * mem + x,
        lambda x, mem: 0.5 * mem + x - x.roll(1, -1),
        lambda x, mem: 0.5 * mem + 0.1 * mem * (mem - 1) + x,
        lambda x, mem: 0.5 * mem + x + torch.rand_like(x),
        lambda x, mem: (0.5 * mem + x) * torch.inf,
    ],
    ids=["rectified", "cut off", "with an offset", "negative", "swinging", "mixed", "quadratic", "random", "infinite"],
)
def test_a_users_equation_that_is_not_a_positive_sum_has_no_findings(equation):
    neuron = Own(equation, threshold=FAR, init_hidden=True)
    assert "unreachable_threshold" not in [code for code, _ in codes(diagnose(neuron, torch.ones(3, 2, 2)))]


def test_a_membrane_that_its_class_says_is_bounded_cannot_learn_to_reach_a_threshold_above():
    class Squashed(Own):
        ceiling = 2.0

        def integrate(self, x, state):
            return self.State(2 * torch.tanh(state.mem + x))

    net = nn.Sequential(nn.Linear(3, 3), Squashed(None, threshold=2.5, init_hidden=True))
    (finding,) = [f for f in diagnose(net, torch.rand(5, 2, 3)).findings if f.code == "unreachable_threshold"]
    assert (finding.severity, finding.value) == ("error", 2.0)
    assert "its output is below 2, whatever its input" in finding.message

    class Otherwise(Squashed):  # another equation, of which its class says nothing
        def integrate(self, x, state):
            return self.State(3 * torch.tanh(state.mem + x))

    neuron = Otherwise(None, threshold=FAR, init_hidden=True)
    assert "unreachable_threshold" not in [code for code, _ in codes(diagnose(neuron, torch.ones(3, 2, 2)))]


def test_a_users_membrane_that_leaks_more_than_there_is_swings():
    class Circuit(Own):
        membrane_decay = torch.tensor(-0.25)

    findings = diagnose(Circuit(lambda x, mem: x - 0.25 * mem, init_hidden=True), torch.rand(5, 2, 3)).findings
    assert [f.value for f in findings if f.code == "unstable_step"] == [1.25]
