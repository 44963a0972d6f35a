"""Summaries of nets: each column beside what says the same elsewhere, and what a summary leaves alone."""

import json

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_functional
from snn_functional import dead_neurons, firing_rate, saturated_neurons, summary, synops

from .untouched import everything, same, training


def convolutional(**options):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, **options),
        snn.Leaky(0.9, init_hidden=True),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 5),
        snn.RLeaky(beta=torch.linspace(0.5, 0.9, 5), linear_features=5, init_hidden=True),
        nn.Linear(5, 2, bias=False),
        snn.Synaptic(alpha=0.8, beta=0.7, threshold=0.5, learn_beta=True, init_hidden=True),
    )


def test_each_column_agrees_with_its_source():
    net, lengths = convolutional(), [7, 3, 5]
    xs = 3 * torch.rand(7, 3, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    table = summary(net, xs, lengths=lengths)
    rows = {layer.name: layer for layer in table.layers}
    assert [*rows] == ["0", "1", "2", "3", "4", "5", "5.recurrent", "6", "7"]
    assert [row.kind for row in table.layers] == [type(net.get_submodule(name)).__name__ for name in rows]
    assert [row.shape for row in table.layers] == [(3, 4, 4), (3, 4, 4), (3, 2, 2), (12,), (5,), (5,), (5,), (2,), (2,)]
    # 3 * 9 + 3, 12 * 5 + 5, 5 * 5 + 5, 5 * 2, and a learned beta
    assert [row.parameters for row in table.layers] == [30, 0, 0, 0, 65, 0, 30, 10, 1]
    assert table.parameters == table.trainable == 136
    assert rows["1"].constants == {"beta": 0.9, "threshold": 1}
    assert rows["5"].constants == {"beta": (0.5, 0.9), "threshold": 1}
    assert rows["7"].constants == {"alpha": 0.8, "beta": 0.7, "threshold": 0.5}
    for depth, name in ((2, "1"), (6, "5"), (8, "7")):
        spk = snn.unroll(net[:depth], xs, lengths=lengths)
        assert rows[name].rate == pytest.approx(float(firing_rate(spk, lengths=lengths).mean()))
        assert rows[name].dead == pytest.approx(float(dead_neurons(spk, lengths=lengths).double().mean()))
        full = saturated_neurons(spk, 0.95, lengths=lengths)
        assert rows[name].saturated == pytest.approx(float(full.double().mean()))
    counted = synops(net, xs, lengths=lengths)
    for name, operations in counted.layers.items():
        assert rows[name].synops == pytest.approx((operations.acs + operations.macs) / 3)
    assert table.operations["Dense"] == pytest.approx(counted.total.dense / 3)
    plan = {layer.path: layer.how for layer in snn.backends.explain(net, xs).layers}
    assert {name: rows[name].why for name in plan} == plan
    assert rows["1"].kernel == plan["1"].partition(" (")[0]
    assert table.schedule == str(snn.backends.explain(net, xs)).splitlines()[0]


def test_a_summary_is_text_html_and_json():
    table = summary(convolutional(), torch.ones(2, 3, 1, 6, 6))
    lines = str(table).splitlines()
    assert lines[0].split() == [
        *("layer", "type", "output", "parameters", "constants", "rate", "dead", "saturated", "synops", "kernel")
    ]
    assert lines[6].startswith("5            RLeaky     [5]        0           beta=0.5..0.9, threshold=1")
    assert lines[10].split()[:2] == ["all", "136"]
    assert lines[11] == "136 of 136 parameters learn"
    page = table._repr_html_()
    assert page.count("<tr>") == 11
    assert "<td>beta=0.5..0.9, threshold=1</td>" in page
    data = json.loads(json.dumps(table.to_dict()))
    assert data["layers"][0]["kind"] == "Conv2d"
    assert data["operations"].keys() == {"Effective_MACs", "Effective_ACs", "Dense"}


@pytest.mark.parametrize("function", [snn_functional.summary, snn_functional.energy])
def test_a_net_in_training_is_left_as_it_was(function):
    net = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), snn.RLeaky(0.9, linear_features=4, init_hidden=True)
    )
    xs = torch.rand(5, 7, 3, requires_grad=True)
    calls = training(net, xs)
    before, grad = everything(net), xs.grad.clone()
    function(net, xs)
    same(before, everything(net))
    assert torch.equal(xs.grad, grad)
    assert calls == []


def test_a_layer_of_whole_sequences_is_summarized_with_those_around_it():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), snn.LeakyParallel(4, 5), nn.Linear(5, 2), snn.Leaky(0.5, init_hidden=True))
    xs, lengths = 5 * torch.rand(7, 3, 3), [7, 2, 5]
    table = summary(net, xs, lengths=lengths)
    spk = snn.unroll(net[:2], xs, lengths=lengths).detach()
    assert table.layers[1].rate == pytest.approx(float(firing_rate(spk, lengths=lengths).mean()))
    # what a neuron gives is 0 or 1, and every weight is used
    assert table.layers[2].synops == pytest.approx(float(spk.sum()) * 2 / 3)
    assert table.layers[0].synops == 3 * 4 * 14 / 3
    assert table.uncounted == ("1.rnn",)


def test_a_net_with_code_of_its_own_is_summarized_with_what_its_parameters_are_in():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif, self.unused = nn.Linear(3, 4), snn.Leaky(0.9, init_hidden=True), nn.Linear(2, 2)
            self.gain = nn.Parameter(torch.ones(4), requires_grad=False)

        def forward(self, x):
            return self.lif(input_=self.fc(input=x) * self.gain)

    table = summary(Own(), torch.rand(5, 2, 3))
    assert [(row.name, row.kind, row.parameters) for row in table.layers] == [
        ("", "Own", 4 + 6),
        ("fc", "Linear", 16),
        ("lif", "Leaky", 0),
    ]
    assert (table.parameters, table.trainable) == (26, 22)
    assert table.uncounted == ("", "unused")
    assert "operations not counted: the net, unused" in str(table)


def test_a_layer_that_mixes_samples_and_others_on_axis_0_is_named():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x):
            return self.fc(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    message = r"the layer 'fc' \(Linear\) takes or gives a tensor \(10, 3\) in a step of 2 samples; .*: reshape"
    with pytest.raises(ValueError, match=message):
        summary(Flat(), torch.rand(4, 2, 5, 3))


class Named(nn.Module):
    """A net whose neuron gets its state by name, before its input or after it."""

    def __init__(self, *order):
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.lif, self.order = nn.Linear(3, 2), snn.Leaky(0.9, threshold=50.0), order

    def forward(self, x):
        arguments = {"input_": self.fc(x), "mem": torch.zeros(0)}
        return self.lif(**{name: arguments[name] for name in self.order})[0]


@pytest.mark.parametrize("function", [snn_functional.summary, snn_functional.energy, snn_functional.diagnose])
def test_the_order_of_named_arguments_does_not_matter(function):
    xs = torch.rand(5, 2, 3)
    assert str(function(Named("mem", "input_"), xs)) == str(function(Named("input_", "mem"), xs))


class Two(nn.Module):
    """Two layers of neurons of different width, with states passed by the net: one neuron for both, or one for each."""

    def __init__(self, shared):
        super().__init__()
        torch.manual_seed(0)
        options = {"beta": 0.9, "learn_beta": True}
        self.narrow, self.wide = nn.Linear(3, 5), nn.Linear(5, 7)
        self.first = snn.Leaky(**options)
        self.second = self.first if shared else snn.Leaky(**options)
        for parameter in (*self.narrow.parameters(), *self.wide.parameters()):
            nn.init.uniform_(parameter, -0.5, 2)

    def forward(self, x):
        spk, _ = self.first(self.narrow(x), None)
        return self.second(self.wide(spk), None)[0]


@pytest.mark.parametrize("lengths", [None, [11, 4]])
def test_a_neuron_that_is_called_at_two_widths_counts_as_two_layers(lengths):
    xs = torch.rand(11, 2, 3, generator=torch.Generator().manual_seed(1))
    shared, apart = (summary(Two(kind), xs, lengths=lengths) for kind in (True, False))
    assert [row.name for row in shared.layers] == ["narrow", "first", "wide", "first"]
    assert [row.shape for row in shared.layers] == [(5,), (5,), (7,), (7,)]
    for name in ("rate", "dead", "saturated", "synops", "constants"):
        assert [getattr(row, name) for row in shared.layers] == [getattr(row, name) for row in apart.layers]
    assert 0 < shared.layers[1].rate != shared.layers[3].rate > 0
    # one parameter beta, in one row
    assert sum(row.parameters for row in shared.layers) == shared.parameters == apart.parameters - 1
    account, other = (snn_functional.energy(Two(kind), xs, lengths=lengths) for kind in (True, False))
    assert (account.samples, account.parts, account.ordinary) == (other.samples, other.parts, other.ordinary)
    assert [layer.operations for layer in account.layers] == [layer.operations for layer in other.layers]


def test_a_read_out_has_membranes_and_neither_rate_nor_threshold():
    net = nn.Sequential(nn.Linear(4, 3), snn.Leaky(0.9, init_hidden=True), nn.Linear(3, 2), snn.Readout(beta=0.75))
    row = summary(net, torch.rand(7, 5, 4)).layers[-1]
    assert (row.kind, row.shape, row.constants) == ("Readout", (2,), {"beta": 0.75})
    assert (row.rate, row.dead, row.saturated, row.synops) == (None, None, None, None)
