"""Every neuron in every calling convention, convolutions, recurrence, ragged batches, and nets with their own loop."""

import copy
from functools import partial
from types import MethodType

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import ce_rate_loss, diagnose
from snn_functional.diagnosis import Limits

from .diagnosed import LABELS, STEPS, batch, codes, well

NEURONS = {
    "Leaky": partial(snn.Leaky, 0.8),
    "RLeaky": partial(snn.RLeaky, 0.8, linear_features=6),
    "RLeaky one to one": partial(snn.RLeaky, 0.8, V=0.5, all_to_all=False),
    "Synaptic": partial(snn.Synaptic, 0.6, 0.8),
    "RSynaptic": partial(snn.RSynaptic, 0.6, 0.8, linear_features=6),
    "Lapicque": partial(snn.Lapicque, beta=0.8),
    "Alpha": partial(snn.Alpha, 0.9, 0.6),
    "SLSTM": partial(snn.SLSTM, 6, 6, threshold=0.05),
    "DeltaLeaky": partial(snn.DeltaLeaky, 0.2, 0.8),
    "Leaky at once": partial(snn.Leaky, 0.8, reset_delay=False),
    "Leaky inhibited": partial(snn.Leaky, 0.8, inhibition=True),
}
WHOLE = {
    "StateLeaky": lambda: snn.StateLeaky(0.8, 6),
    "StateLeaky membranes": lambda: snn.StateLeaky(0.8, 6, output=False),
    "LinearLeaky": lambda: snn.LinearLeaky(0.8, 6, 6),
    "LeakyParallel": lambda: snn.LeakyParallel(6, 6, beta=0.8),
    "AssociativeLeaky": lambda: snn.AssociativeLeaky(6, 3, 2, 6, use_q_projection=False),
    "AssociativeLeaky read out": lambda: snn.AssociativeLeaky(6, 3, 2, 6),
}
ANY = Limits(share=1.0)  # of a few neurons drawn at random any share may be idle


class Explicit(nn.Module):
    """A net that passes states from step to step in a loop of its own, as many programs for snnTorch do."""

    def __init__(self, neuron):
        super().__init__()
        self.fc, self.neuron = nn.Linear(4, 6), neuron
        nn.init.uniform_(self.fc.weight, 0, 1)

    def forward(self, xs):
        states, spks = (), []
        for x in xs:
            spk, *rest = self.neuron(self.fc(x), *states)
            states = (spk, *rest) if isinstance(self.neuron, snn.Recurrent) else tuple(rest)
            spks.append(spk)
        return torch.stack(spks)


def with_hidden_state(make):
    torch.manual_seed(0)
    net = Explicit(make(init_hidden=True))
    return nn.Sequential(net.fc, net.neuron)


def with_explicit_state(make):
    torch.manual_seed(0)
    return Explicit(make())


@pytest.mark.parametrize("name", NEURONS)
def test_a_net_of_a_neuron_is_well_and_the_same_in_both_conventions(name):
    diagnosis = diagnose(with_hidden_state(NEURONS[name]), batch(), limits=ANY)
    assert codes(diagnosis) == []
    (layer,) = diagnosis.layers
    assert layer.neurons == 6
    assert 0 < layer.rate < 1
    assert len(layer.gradient) == STEPS
    own = diagnose(with_explicit_state(NEURONS[name]), batch(), run=lambda net, xs: net(xs), limits=ANY)
    assert codes(own) == []
    assert (own.layers[0].rate, own.layers[0].dead) == (layer.rate, layer.dead)
    assert own.layers[0].gradient == pytest.approx(layer.gradient)


@pytest.mark.parametrize("far", [False, True], ids=["within reach of the surrogate", "out of reach"])
@pytest.mark.parametrize("name", NEURONS)
def test_a_silent_layer_is_found_whatever_its_neuron(name, far):
    net = with_hidden_state(partial(NEURONS[name], **({"spike_grad": snn.surrogate.sigmoid(slope=900)} if far else {})))
    net[0].weight.data *= 1e-6
    net[0].bias.data.zero_()
    if "RLeaky" in name or "RSynaptic" in name or name == "SLSTM":
        for parameter in net[1].parameters():
            parameter.data *= 1e-6
    (finding,) = [f for f in diagnose(net, batch()).findings if f.code in ("unreachable_threshold", "silent_output")]
    assert finding.severity == ("error" if far else "warning")


@pytest.mark.parametrize("run", [None, snn.unroll, lambda net, xs: net(xs)], ids=["default", "unroll", "call"])
@pytest.mark.parametrize("name", WHOLE)
def test_a_module_of_whole_sequences_is_run_whole(name, run):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), WHOLE[name]())
    nn.init.uniform_(net[0].weight, 0, 1)
    diagnosis = diagnose(net, batch(), run=run)
    assert [
        finding for finding in diagnosis.findings if finding.code not in ("dead_neurons", "saturated_neurons")
    ] == []
    (layer,) = diagnosis.layers
    with torch.no_grad():
        out = net(batch())
    spk = None if name in ("StateLeaky membranes", "AssociativeLeaky read out") else out
    spk = spk[0] if isinstance(spk, tuple) else spk
    assert layer.rate == (None if spk is None else pytest.approx(float((spk != 0).double().mean())))


def test_a_forward_that_was_replaced_is_run_as_unroll_runs_it():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), snn.LinearLeaky(0.8, 6, 6))
    twin = copy.deepcopy(net)
    net[0].forward = MethodType(lambda layer, x: x @ layer.weight.mT + layer.bias, net[0])
    assert codes(diagnose(net, batch(), LABELS)) == codes(diagnose(twin, batch(), LABELS))
    net[0].forward = MethodType(lambda layer, x: (x if x.sum() > 0 else -x) @ layer.weight.mT, net[0])
    for run in (snn.unroll, diagnose):
        with pytest.raises(
            ValueError, match=r"takes the whole sequence at once and cannot be cut \(.*reads a value into Python"
        ):
            run(net, batch())


def test_whole_sequences_and_steps_in_one_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), snn.LeakyParallel(6, 6, beta=0.8), nn.Linear(6, 3), snn.Leaky(0.8))
    net[3].init_hidden = True
    nn.init.uniform_(net[0].weight, 0, 1)
    nn.init.uniform_(net[1].rnn.weight_ih_l0, 0, 0.2)
    nn.init.uniform_(net[2].weight, 0, 0.3)
    diagnosis = diagnose(net, batch(), LABELS)
    assert codes(diagnosis) == [], str(diagnosis)
    spk = snn.unroll(net, batch()).detach()
    assert diagnosis.layers[1].rate == pytest.approx(float(spk.double().mean()))
    net[3].threshold.fill_(50.0)
    snn.utils.reset(net)
    assert codes(diagnose(net, batch(), LABELS)) == [("unreachable_threshold", "3")]


def test_a_layer_that_draws_random_numbers_may_stand_beside_whole_sequences():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.2), snn.LeakyParallel(6, 6, beta=0.8))
    nn.init.uniform_(net[0].weight, 0, 1)
    nn.init.uniform_(net[2].rnn.weight_ih_l0, 0, 0.2)
    diagnosis = diagnose(net, batch())
    assert [layer.module for layer in diagnosis.layers] == ["2"]
    assert 0 < diagnosis.layers[0].rate < 1


def test_every_step_counts_of_a_net_whose_normalization_over_time_may_be_cut():
    class Own(nn.Sequential):
        def forward(self, x):
            assert x.isfinite().all().item()  # a value that is read into Python keeps a net from being recorded
            return super().forward(x)

    net = Own(*well()[:2], snn.BatchNormOverTime1d(9), well()[3]).eval()
    diagnosis = diagnose(net, batch())
    spk = snn.unroll(net[:2], batch()).detach()
    assert diagnosis.layers[0].rate == pytest.approx(float(spk.double().mean()))
    assert len(diagnosis.layers[0].gradient) == STEPS


class Written(nn.Module):
    """A net with code of its own around a layer that takes whole sequences."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.neuron = nn.Linear(4, 6), snn.LeakyParallel(6, 6, beta=0.8)
        self.out, self.lif = nn.Linear(6, 3), snn.Leaky(0.8, init_hidden=True)
        nn.init.uniform_(self.fc.weight, 0, 1)
        nn.init.uniform_(self.out.weight, 0, 0.3)

    def forward(self, x):
        return self.lif(self.out(self.neuron(self.fc(x))))


class Wrapped(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)


@pytest.mark.parametrize("run", [None, snn.unroll, lambda net, xs: snn.unroll(Wrapped(net), xs)])
def test_layers_that_a_plan_calls_as_functions_are_seen_in_their_order(run):
    net = Written()
    spk = snn.unroll(net, batch()).detach()
    snn.utils.reset(net)
    diagnosis = diagnose(net, batch(), run=run, limits=ANY)
    assert [layer.module for layer in diagnosis.layers] == ["neuron", "lif"]
    assert diagnosis.layers[1].rate == pytest.approx(float(spk.double().mean()))  # no step counts twice
    net.neuron.threshold.fill_(1e3)
    assert codes(diagnose(net, batch(), run=run, limits=ANY)) == [("silent_layer", "neuron")]  # and no output layer


def test_a_neuron_that_is_called_by_its_forward_is_seen():
    class Direct(nn.Sequential):
        def forward(self, x):
            return self[3].forward(self[2](self[1].forward(self[0](x))))

    assert str(diagnose(Direct(*well()), batch(), LABELS)) == str(diagnose(well(), batch(), LABELS))


def convolutional():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3),
        snn.Leaky(torch.full((3, 1, 1), 0.8), init_hidden=True),
        nn.AvgPool2d(2),
        snn.SConv2dLSTM(3, 2, 3, threshold=0.1, max_pool=2, init_hidden=True),
        nn.Flatten(),
        nn.Linear(2 * 2 * 1, 3),
        snn.RLeaky(0.8, linear_features=3, init_hidden=True),
    )
    nn.init.uniform_(net[0].weight, 0, 0.1)
    nn.init.uniform_(net[5].weight, 0, 0.5)
    return net


def test_a_net_of_convolutions():
    xs = batch(2, 10, 7)
    net = convolutional()
    assert codes(diagnose(net, xs, LABELS)) == [], str(diagnose(net, xs, LABELS))
    net[0].weight.data *= 1e-3
    net[0].bias.data.zero_()
    diagnosis = diagnose(net, xs, LABELS)
    assert ("unreachable_threshold", "1") in codes(diagnosis)
    assert diagnosis.ok
    assert diagnosis.layers[0].neurons == 3 * 8 * 5


@pytest.mark.parametrize("chunk", [3, 4])
def test_a_net_that_is_run_in_chunks_is_seen_once(chunk):
    whole = diagnose(well(), batch(), LABELS)
    parts = diagnose(well(), batch(), LABELS, run=partial(snn.unroll, chunk=chunk))
    assert codes(whole) == codes(parts) == []
    assert [layer.rate for layer in parts.layers] == [layer.rate for layer in whole.layers]


def test_samples_that_end_count_while_they_run():
    lengths = [STEPS, 3, 5, 1, 2]
    mask = torch.arange(STEPS).unsqueeze(1) < torch.tensor(lengths)
    xs, net = batch() * mask.unsqueeze(-1), well()
    spk = snn.unroll(net, xs, lengths=lengths).detach()
    snn.utils.reset(net)

    def loss(spk, targets):
        return ce_rate_loss()(spk, targets, lengths=torch.tensor(lengths))

    diagnosis = diagnose(net, xs, LABELS, loss_fn=loss, run=partial(snn.unroll, lengths=lengths))
    assert codes(diagnosis) == []
    assert diagnosis.layers[1].rate == pytest.approx(float(spk.sum()) / (sum(lengths) * 3))


def test_a_batch_that_is_the_same_in_every_step():
    xs = batch()[0]
    static = diagnose(well(), xs, LABELS, num_steps=STEPS)
    assert str(static) == str(diagnose(well(), xs.expand(STEPS, -1, -1), LABELS))
    assert static.ok


def test_a_read_out_of_membranes_may_be_silent():
    net = well(output=snn.Leaky(0.8, 1e9, init_hidden=True, output=True, reset_mechanism="none"))
    diagnosis = diagnose(net, batch(), LABELS, loss_fn=lambda out, y: nn.functional.cross_entropy(out[1].amax(0), y))
    assert codes(diagnosis) == []
    assert diagnosis.layers[1].dead == 3


def test_a_read_out_without_neurons():
    net = nn.Sequential(*well()[:2], nn.Linear(9, 3))
    assert codes(diagnose(net, batch(), LABELS)) == []
    net[1].threshold.fill_(1e3)
    assert codes(diagnose(net, batch(), LABELS)) == [("unreachable_threshold", "1")]


def test_a_neuron_alone():
    assert codes(diagnose(snn.Leaky(0.8, init_hidden=True), batch())) == []
    (finding,) = diagnose(snn.Leaky(0.8, 90.0, init_hidden=True), batch()).findings
    assert "in the net" in str(finding)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(dtype):
    assert codes(diagnose(well().to(dtype), batch().to(dtype), LABELS)) == []


@pytest.mark.parametrize("make", [lambda: nn.Sequential(nn.Linear(4, 3)), lambda: nn.Sequential(nn.Flatten())])
def test_a_net_without_neurons_has_no_layer_of_them(make):
    diagnosis = diagnose(make(), batch())
    assert diagnosis.layers == []
    assert diagnosis.ok


@pytest.mark.parametrize("place", ["neuron", "around"])
def test_a_compiled_net_is_diagnosed_as_it_is_written(place):
    net = well()
    expected = diagnose(net, batch(), LABELS).layers
    if place == "neuron":
        net[1].compile(backend="eager")
    layers = diagnose(net if place == "neuron" else torch.compile(net, backend="eager"), batch(), LABELS).layers
    assert [(layer.rate, layer.gradient) for layer in layers] == [(layer.rate, layer.gradient) for layer in expected]


def test_one_step():
    assert [finding.code for finding in diagnose(well(), batch()[:1] + 1, LABELS).findings] == []


def test_a_layer_that_is_not_called_is_named():
    class Half(nn.Sequential):
        def forward(self, x):
            return self[3](self[2](self[1](self[0](x))))

    net = Half(*well(), nn.Linear(3, 3))
    (finding,) = diagnose(net, batch(), LABELS).findings
    assert (finding.code, finding.module) == ("unreached_parameter", "4")
    assert "its module is not called" in finding.message


def test_bounded_constants_are_those_of_the_run():
    net = well(snn.bounded(snn.Leaky(0.8, init_hidden=True), "beta"))
    assert codes(diagnose(net, batch(), LABELS, optimizer=torch.optim.Adam(net.parameters()))) == []


def test_integer_input_is_reported_as_bytes_before_it_fails():
    with pytest.raises(RuntimeError, match="dtype") as error:
        diagnose(well(), (255 * batch()).to(torch.uint8))
    assert any("byte_input" in note for note in error.value.__notes__)


def test_neurons_take_booleans_as_they_do_everywhere():
    spikes = batch() > 0.5
    neuron = snn.Leaky(0.8, init_hidden=True)
    assert str(diagnose(neuron, spikes)) == str(diagnose(neuron, spikes.float()))


def test_a_row_of_zeros_that_pads_is_meant():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(7, 4, padding_idx=0)
            self.neuron = snn.Leaky(0.8, threshold=0.1, init_hidden=True)

        def forward(self, x):
            return self.neuron(self.embedding(x))

    torch.manual_seed(0)
    words = torch.randint(1, 7, (STEPS, 5), generator=torch.Generator().manual_seed(0))
    assert codes(diagnose(Words(), words)) == []


def test_a_net_of_no_numbers_with_a_gradient_cannot_learn():
    class Decides(nn.Sequential):
        def forward(self, x):
            return super().forward(x).argmax(1)

    assert codes(diagnose(Decides(*well()), batch())) == [("no_gradient", "")]


def test_a_spike_function_without_a_gradient_is_found_where_it_is():
    net = well(snn.Leaky(0.8, init_hidden=True, spike_grad=lambda x: (x > 0).to(x.dtype)))
    assert codes(diagnose(net, batch())) == [("surrogate_underflow", "1"), ("unreached_parameter", "0")]


def test_a_batch_without_features_is_run_and_not_counted():
    diagnosis = diagnose(snn.Leaky(0.8, init_hidden=True), batch()[:, :, 0])
    assert codes(diagnosis) == []
    assert diagnosis.layers[0].neurons is None
    assert str(diagnosis).splitlines()[1].split()[:6] == ["the", "net", "Leaky", "-", "-", "-"]


def test_a_diagnosis_without_a_run_has_no_table():
    diagnosis = diagnose(well(), batch() * float("nan"))
    assert diagnosis.layers == []
    assert str(diagnosis).startswith("error    nonfinite_input in the net")


@pytest.mark.parametrize("targets", [None, LABELS])
def test_a_loop_over_time_inside_another_is_found(targets):
    # the inner loop takes the samples of a step for steps, and the results have the shape of the right ones
    class Started(Explicit):
        def forward(self, xs):
            mem, spks = self.neuron.init_leaky(), []
            for x in xs:
                spk, mem = self.neuron(self.fc(x), mem)
                spks.append(spk)
            return torch.stack(spks)

    net = Started(snn.Leaky(0.8))
    assert snn.unroll(net, batch(), schedule="steps").shape == net(batch()).shape
    finding = next(
        finding for finding in diagnose(net, batch(), targets, limits=ANY).findings if finding.code == "nested_loop"
    )
    assert (finding.module, finding.value) == ("neuron", 5)  # as many as there are samples
    assert finding.message.startswith("'neuron' runs 5 times in each step")
    assert "nested_loop" not in [
        finding.code for finding in diagnose(net, batch(), run=lambda net, xs: net(xs)).findings
    ]


def test_a_neuron_of_passed_states_may_serve_layers_of_several_widths():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.first, self.last, self.lif = nn.Linear(4, 9), nn.Linear(9, 3), snn.Leaky(0.8, threshold=0.1)

        def forward(self, xs):
            hidden, output, spks = None, None, []
            for x in xs:
                spk, hidden = self.lif(self.first(x), hidden)
                spk, output = self.lif(self.last(spk), output)
                spks.append(spk)
            return torch.stack(spks)

    diagnosis = diagnose(Shared(), batch(), LABELS, run=lambda net, xs: net(xs))
    assert [(layer.module, layer.neurons) for layer in diagnosis.layers] == [("lif", 9), ("lif", 3)]
    assert all(len(layer.gradient) == STEPS for layer in diagnosis.layers)
