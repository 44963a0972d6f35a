"""Advice on a net, against what the named releases did with the same nodes and nets."""

from __future__ import annotations

import copy
import json
from typing import Any

import nir
import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir import NIRError, advise, from_nir, predict, to_nir
from snn_nir.checking.predicting import TARGETS

from .test_predicting import DT, MEASURED

ZERO: dict[str, Any] = {"reset_mechanism": "zero", "init_hidden": True}
TIES = ("", "it fires at v >= v_threshold")
LETTERS = {"taken": "s", "taken with a change": "d", "not read": "x"}
# a GraphModule with two Inputs takes a dict, and one with a nested graph is written in another order
CASES = sorted(MEASURED.keys() - {"two Inputs", "recurrent LIF, nested before its source"})


def verdicts(net: nn.Module, target: str, sample: Any = None, **options: Any) -> dict[str, str]:
    return {row.path: row.verdict for row in advise(net, target, sample, **options).rows}


def layers(first: nn.Module, second: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(7, 5), first, nn.Linear(5, 3), copy.deepcopy(first) if second is None else second)


def images() -> nn.Sequential:
    torch.manual_seed(0)
    first, second = snn.Synaptic(0.5, 0.9, **ZERO), snn.Synaptic(0.5, 0.8, **ZERO)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), first, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 4), second)


@pytest.mark.parametrize("case", CASES)
def test_the_advice_is_what_was_measured(case):
    graph, measured = MEASURED[case]
    net = from_nir(graph, dt=DT, simplify=False)
    (shape,) = (tuple(n.input_type["input"].tolist()) for n in graph.nodes.values() if isinstance(n, nir.Input))
    for target, letter in zip(TARGETS, measured, strict=False):
        advice = advise(net, target, shape)
        ties = all(row.why in TIES for row in advice.rows)
        skipped = {"d", "x"} if any(row.why == "left out" for row in advice.rows) else {letter}
        assert ("s" if ties else LETTERS[advice.verdict]) in skipped, (case, target)
        assert letter != "s" or ties, (case, target)


# nets of integration_tests/nir_peers, where Norse 1.1.0 and SpikingJelly 2.0.0 gave the same spikes (s), others (d),
# or an error (x)
@pytest.mark.parametrize(
    ("neuron", "norse", "spikingjelly"),
    [
        (lambda: snn.Lapicque(R=1.0, C=3e-4, time_step=1e-4, **ZERO), "s", "s"),
        (lambda: snn.Leaky(0.9, **ZERO), "d", "s"),
        (lambda: snn.Synaptic(0.5, 0.9, **ZERO), "s", "s"),
        (lambda: snn.Leaky(1.0, **ZERO), "s", "s"),
        (lambda: snn.Leaky(0.9, init_hidden=True), "x", "x"),
    ],
    ids=["unit resistance", "leaky", "synaptic", "without leak", "subtract"],
)
def test_the_neurons_of_a_net_are_read_as_the_peers_read_them(neuron, norse, spikingjelly):
    net = layers(neuron())
    for target, letter in (("norse", norse), ("spikingjelly", spikingjelly)):
        rows = advise(net, target).rows
        assert [row.verdict for row in rows[::2]] == ["taken"] * 2
        for row in rows[1::2]:
            assert ("s" if row.why in TIES else LETTERS[row.verdict]) == letter


def test_norse_leaves_out_the_pool_and_flattens_the_batch():
    rows = {row.layer: row for row in advise(images(), "norse", (2, 6, 6)).rows}
    assert {kind: row.verdict for kind, row in rows.items() if row.verdict != "taken"} == {
        "AvgPool2d": "not read",
        "Flatten": "taken with a change",
    }
    assert rows["AvgPool2d"].instead == "AvgPool2d(2, divisor_override=1)"
    assert advise(images(), "spikingjelly", (2, 6, 6)).verdict == "taken with a change"  # ties


def test_a_recurrent_bias_is_lost_in_the_first_step():
    net = layers(snn.RSynaptic(0.5, 0.9, linear_features=5, **ZERO), snn.Synaptic(0.5, 0.9, **ZERO))
    row = advise(net, "norse").rows[1]
    assert (row.nodes, row.verdict) == (("CubaLIF", "Affine"), "taken with a change")
    assert row.instead == "recurrent.bias = None"
    net[1].recurrent.bias = None
    assert advise(net, "norse").verdict == "taken"


def test_sinabs_skips_linear_without_bias_and_rockpool_reads_no_lif():
    net = nn.Sequential(nn.Linear(7, 5, bias=False), snn.Leaky(0.9, **ZERO))
    first, second = advise(net, "sinabs").rows
    assert (first.verdict, first.why, first.instead) == ("not read", "left out", "bias=True")
    assert second.verdict == "taken with a change"
    assert advise(net, "rockpool").rows[1].verdict == "not read"


@pytest.mark.parametrize("target", TARGETS)
def test_a_suggestion_is_read_better(target):
    """Each suggestion is carried out by hand."""
    suggestions = {
        "reset_mechanism='zero'": snn.Leaky(0.9, **ZERO),
        "Lapicque(beta=0.9, reset_mechanism='zero')": snn.Lapicque(0.9, **ZERO),
        "Synaptic(alpha=..., beta=0.9, reset_mechanism='zero')": snn.Synaptic(0.5, 0.9, **ZERO),
    }
    row = advise(nn.Sequential(snn.Leaky(0.9, init_hidden=True)), target, (7,)).rows[0]
    assert row.verdict == "not read"
    text, _, change = row.instead.partition(" (taken")
    row = advise(nn.Sequential(suggestions[text]), target, (7,)).rows[0]
    assert row.verdict == ("taken with a change" if change or row.why in TIES[1:] else "taken")


def test_a_refused_layer_is_a_row_and_the_others_are_advised():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(3), snn.ALIF(0.9, 0.9, init_hidden=True))
    with pytest.raises(NIRError, match="NIR410"):
        to_nir(net, torch.zeros(1, 1, 8, 8))
    rows = advise(net, "snntorch", (1, 8, 8)).rows
    assert [row.path for row in rows] == ["0", "1", "2", "3"]
    assert [row.verdict for row in rows] == ["taken", "taken", "not read", "not read"]
    assert [row.nodes for row in rows] == [("Conv2d",), (), (), ()]
    assert rows[2].why.startswith("NIR401: ")
    assert "NIR has no maximum" in rows[2].why
    assert rows[2].instead == "AvgPool2d(3)"
    assert rows[3].instead == "Leaky(beta=0.9, reset_mechanism='zero')"


def test_a_function_that_the_export_refuses_is_a_row():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(7, 5)

        def forward(self, x):
            return self.fc(x).relu()

    first, second = advise(Net(), "norse").rows
    assert (first.path, first.verdict) == ("fc", "taken")
    assert (second.path, second.layer, second.verdict) == ("relu", "", "not read")
    assert second.why.startswith("NIR403")


def test_a_sum_and_a_factor_belong_to_no_layer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(7, 7)

        def forward(self, x):
            return 0.5 * self.fc(x) + x

    assert verdicts(Net(), "norse") == {"fc": "taken", "mul": "not read"}


def test_a_compact_reset_is_only_in_the_metadata():
    net = layers(snn.Leaky(0.9, init_hidden=True))
    rows = advise(net, "snntorch", reset="compact").rows
    assert [row.why for row in rows[1::2]] == ["its reset by subtraction is only in the metadata"] * 2
    assert "several spikes per step" in advise(net, "sinabs", reset="compact").rows[1].why


def test_the_verdicts_are_those_of_the_prediction():
    net = layers(snn.Leaky(0.9, **ZERO))
    graph = to_nir(net, torch.zeros(1, 7))
    for target in TARGETS:
        effects = {effect.node for effect in predict(graph, target).effects}
        assert {path for path, verdict in verdicts(net, target).items() if verdict != "taken"} == effects


def test_a_sample_may_be_an_input_a_shape_or_left_out():
    net = layers(snn.Synaptic(0.5, 0.9, **ZERO)).double()
    expected = advise(net, "norse")
    for sample in ((7,), [7], torch.zeros(2, 7).double(), (torch.zeros(2, 7).double(),)):
        assert advise(net, "norse", sample) == expected


def test_the_net_and_the_random_generator_do_not_change():
    net = layers(snn.RLeaky(0.9, linear_features=5, init_hidden=True), snn.Leaky(0.9, init_hidden=True))
    net.insert(1, nn.BatchNorm1d(5))
    net.train()
    for _ in range(2):
        net(torch.rand(3, 7))
    mem, numbers = net[-1].mem.clone(), torch.get_rng_state()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    advise(net, "sinabs")
    assert net[-1].mem.equal(mem)
    assert torch.get_rng_state().equal(numbers)
    assert all(module.training for module in net.modules())
    assert all(net.state_dict()[name].equal(value) for name, value in before.items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_it_is_data_and_text():
    advice = advise(layers(snn.Leaky(0.9, **ZERO)), "norse")
    data = json.loads(json.dumps(advice.to_dict()))
    assert data["verdict"] == advice.verdict == "taken with a change"
    assert data["rows"][1]["nodes"] == ["LIF"]
    assert str(advice).splitlines()[0] == "norse 1.1.0: 2 taken, 2 taken with a change, 0 not read"


def test_an_unknown_target_names_those_that_are_known():
    with pytest.raises(ValueError, match="'loihi'; use one of snntorch, norse, spikingjelly, sinabs, rockpool"):
        advise(nn.Linear(7, 5), "loihi")


@pytest.mark.parametrize(
    ("net", "sample", "error", "message"),
    [
        (3, (7,), TypeError, "advise takes a net"),
        (nn.Linear(7, 5), "shape", TypeError, "advise takes a sample"),
        (nn.Linear(7, 5), (), ValueError, r"advise: sample must have an axis, got \(\). Fix: pass a shape"),
        (nn.Linear(7, 5), (5,), ValueError, "NIR405: .*a sample of shape"),
        (nn.Linear(7, 5), torch.zeros(7), ValueError, "NIR405: advise: "),
        (
            snn.Leaky(0.9),
            None,
            ValueError,
            "advise: sample must be a shape for a net that does not begin",
        ),
    ],
    ids=["net", "sample", "empty", "other size", "no batch", "left out"],
)
def test_bad_input_is_refused(net, sample, error, message):
    with pytest.raises(error, match=message):
        advise(net, "norse", sample)


def test_an_unknown_reset_is_refused():
    with pytest.raises(ValueError, match="NIR409"):
        advise(nn.Linear(7, 5), "norse", reset="hard")
