"""Tests of the options of an export, and of what the metadata keeps of them."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir import NIRError, NIRWarning
from snn_nir.exporting import to_nir
from snn_nir.graphs.metadata import node_metadata, read_metadata

X = torch.zeros(1, 3)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"dt": 0.0}, "dt is 0.0; pass a step in seconds, greater than 0"),
        ({"dt": float("nan")}, "dt is nan; pass a step"),
        ({"dt": "1ms"}, "dt is '1ms'; pass a step"),
        ({"method": "heun"}, "method is 'heun'; pass 'euler' or 'exact'"),
        ({"on_unsupported": "ignore"}, "on_unsupported is 'ignore'; pass 'error' or 'drop' or 'metadata'"),
        ({"reset": "hard"}, "reset is 'hard'; pass 'decomposed' or 'compact'"),
    ],
)
def test_an_option_out_of_range_is_refused(option, message):
    with pytest.raises(NIRError, match=f"NIR409: to_nir: an argument out of range: {message}"):
        to_nir(snn.Leaky(0.9), X, **option)


@pytest.mark.parametrize("dt", [1e-3, 2e-5, 1])
def test_the_step_scales_the_time_constants_and_is_recorded(dt):
    graph = to_nir(snn.Leaky(0.5, reset_mechanism="zero"), X, dt=dt)
    np.testing.assert_allclose(graph.nodes["leaky"].tau, 2 * dt, rtol=1e-6)
    metadata = read_metadata(graph)
    assert (metadata["dt"], metadata["time_unit"], metadata["method"], metadata["dtype"]) == (
        dt,
        "s",
        "euler",
        "float32",
    )


def test_a_compact_reset_is_one_node_and_says_that_it_is_lossy():
    with pytest.warns(
        NIRWarning, match=r"NIR408: 'leaky' \(Leaky\): .*reset by subtraction; other readers reset to zero"
    ):
        graph = to_nir(snn.Leaky(0.9), X, reset="compact")
    lif = graph.nodes["leaky"]
    assert isinstance(lif, nir.LIF)
    assert read_metadata(lif)["reset"] == "subtract"


def test_the_warning_names_the_line_that_called_the_export():
    with pytest.warns(NIRWarning) as record:
        to_nir(snn.Leaky(0.9), X, reset="compact")
    assert record[0].filename == __file__


@pytest.mark.parametrize(
    ("how", "expected"), [("drop", None), ("metadata", "inhibition=True: one neuron's spikes depend")]
)
def test_an_option_may_be_left_out_with_a_warning(how, expected):
    net = snn.Leaky(0.9, inhibition=True, reset_mechanism="zero")
    with pytest.warns(NIRWarning, match=r"NIR407: 'leaky' \(Leaky\): left out of the graph: inhibition=True"):
        graph = to_nir(net, X, on_unsupported=how)
    lost = read_metadata(graph.nodes["leaky"]).get("lost")
    assert lost is None if expected is None else lost.startswith(expected)


def test_a_module_may_be_left_out_only_if_it_keeps_the_shape():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.warns(NIRWarning, match=r"NIR407: '1' \(ReLU\): left out of the graph"):
        graph = to_nir(net, X, on_unsupported="drop")
    assert ("0", "2") in graph.edges
    with pytest.raises(NIRError, match=r"NIR401: '1' \(MaxPool1d\): .*NIR has no maximum; replace it with a layer"):
        to_nir(nn.Sequential(nn.Linear(3, 4), nn.MaxPool1d(2)), X, on_unsupported="drop")


def test_alpha_that_resets_to_zero_may_lose_its_reset():
    with pytest.warns(NIRWarning, match="NIR407: 'alpha'"):
        graph = to_nir(snn.Alpha(0.9, 0.8), X, on_unsupported="metadata")
    assert read_metadata(graph.nodes["alpha.exc"])["reset"] == "zero"
    assert "clears both currents" in read_metadata(graph.nodes["alpha.exc"])["lost"]
    assert "alpha.reset" not in graph.nodes


def test_constants_are_kept_as_they_were():
    neuron = snn.Synaptic(
        alpha=torch.tensor([0.1, 0.2, 0.3]),
        beta=0.9,
        threshold=torch.tensor([[0.5, 1.0, 2.0]]),
        learn_beta=True,
        learn_threshold=True,
        spike_grad=snn.surrogate.spike_rate_escape(2, 20),
        reset_delay=False,
        graded_spikes_factor=2.0,
    )
    graph = to_nir(neuron, X)
    metadata = read_metadata(graph.nodes["synaptic.mem"])
    assert (metadata["class"], metadata["group"], metadata["part"]) == ("Synaptic", "synaptic", "mem")
    assert (metadata["reset"], metadata["reset_delay"]) == ("subtract", False)
    assert metadata["alpha"].dtype == np.float64
    np.testing.assert_array_equal(metadata["alpha"], neuron.alpha.double().numpy())
    assert metadata["beta"] == neuron.beta.double().item()
    assert metadata["threshold"].shape == (1, 3)
    assert metadata["graded"] == 2.0
    assert metadata["learned"] == "beta threshold"
    assert metadata["spike_grad"] == "spike_rate_escape"
    assert metadata["spike_grad_params"].tolist() == [2.0, 20.0]
    parts = {name: read_metadata(node).get("part") for name, node in graph.nodes.items()}
    assert parts == {
        "input": None,
        "synaptic.syn": "syn",
        "synaptic.mem": "mem",
        "synaptic.spk": "spk",
        "synaptic.reset": "reset",
        "synaptic.graded": "graded",
        "output": None,
    }


def test_a_surrogate_of_the_users_own_is_not_written():
    graph = to_nir(snn.Leaky(0.9, spike_grad=torch.heaviside, reset_mechanism="zero", surrogate_disable=True), X)
    assert read_metadata(graph.nodes["leaky"])["spike_grad"] == "no_gradient"
    net = snn.Leaky(0.9, spike_grad=lambda x: (x > 0).to(x.dtype), reset_mechanism="zero")
    assert "spike_grad" not in read_metadata(to_nir(net, X).nodes["leaky"])


def test_a_bounded_constant_is_written_as_it_is_used():
    neuron = snn.bounded(snn.Leaky(0.75, reset_mechanism="zero"), "beta")
    node = to_nir(neuron, X).nodes["leaky"]
    np.testing.assert_allclose(node.tau, 4e-4, rtol=1e-5)
    assert read_metadata(node)["class"] == "Leaky"


def test_a_second_node_of_the_same_layer_says_whose_parameters_it_has():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x):
            return self.fc(self.fc(x))

    graph = to_nir(Twice(), X)
    assert read_metadata(graph.nodes["fc_2"])["shared_with"] == {"weight": "fc", "bias": "fc"}
    assert "shared_with" not in read_metadata(graph.nodes["fc"])


def test_names_stay_apart_where_dots_become_underscores():
    class Near(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Sequential(nn.Linear(3, 3, bias=False))
            self.a_0 = nn.Linear(3, 3, bias=False)
            self.input = nn.Linear(3, 3, bias=False)

        def forward(self, x):
            return self.input(self.a_0(self.a(x)))

    names = set(to_nir(Near(), X).nodes)
    assert len({name.replace(".", "_") for name in names}) == len(names) == 5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_fields_are_float64_or_float32(dtype):
    net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, init_hidden=True)).to(dtype)
    graph = to_nir(net, X.to(dtype))
    expected = np.float64 if dtype == torch.float64 else np.float32
    fields = [graph.nodes["0"].weight, graph.nodes["1.mem"].tau, graph.nodes["1.reset"].scale]
    assert {f.dtype.type for f in fields} == {expected}


def test_a_weight_that_is_not_finite_is_refused():
    net = nn.Linear(3, 2)
    nn.init.constant_(net.weight, float("nan"))
    with pytest.raises(NIRError, match=r"NIR207: node 'linear': .*its weight"):
        to_nir(net, X)


def test_metadata_survives_what_a_file_makes_of_it():
    node = nir.Scale(np.ones(2), metadata=node_metadata(a="text", b=True, c=torch.tensor(0.25), d=None, e={"f": "g"}))
    assert read_metadata(node) == {"a": "text", "b": True, "c": 0.25, "e": {"f": "g"}}
    node.metadata = {
        "snn_nir": {b"a": b"text", "b": np.bool_(True), "c": np.float64(0.25), "e": {"f": np.bytes_(b"g")}}
    }
    assert read_metadata(node) == {"a": "text", "b": True, "c": 0.25, "e": {"f": "g"}}
    assert read_metadata(nir.Scale(np.ones(2), metadata={"snn_nir": 3, "other": 1})) == {}
    assert read_metadata(object()) == {}
