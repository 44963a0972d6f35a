"""NeuroBench finds of our nets what it finds of the peer's; and where not, what differs."""

from __future__ import annotations

import pytest

SAME = ["leaky", "learned", "synaptic", "recurrent", "mixed", "convolutional", "graded", "converted"]
SAME += ["states passed on"]


@pytest.mark.parametrize("net", SAME)
def test_every_metric_is_the_peers(net, own_results, peer_results):
    metrics = peer_results[net]["in batches"]
    assert metrics["Footprint"] > metrics["ParameterCount"] > 0 < metrics["ConnectionSparsity"] < 1
    assert 0 < metrics["ActivationSparsity"] < 1
    operations = metrics["SynapticOperations"]
    assert 0 < operations["Effective_ACs"] + operations["Effective_MACs"] < operations["Dense"]
    assert metrics["MembraneUpdates"] > 0
    assert own_results[net]["in batches"] == metrics


@pytest.mark.parametrize("net", SAME)
def test_the_footprint_of_ours_stays_when_the_net_has_run(net, own_results, peer_results):
    before, after = (own_results[net][key].pop("Footprint") for key in ("in batches", "at once"))
    assert before == after
    before, after = (peer_results[net][key].pop("Footprint") for key in ("in batches", "at once"))
    assert before < after  # its states are buffers, and there are some from the first run on
    assert own_results[net]["at once"] == peer_results[net]["at once"]


def test_the_constants_of_lapicque_take_four_bytes_each(own_results, peer_results):
    left, right = (side["currents"]["in batches"] for side in (own_results, peer_results))
    assert right.pop("Footprint") - left.pop("Footprint") == 8  # the peer's R and C, not given, are 64-bit integers
    assert left == right


@pytest.mark.parametrize("net", ["nested", "recurrent currents"])
def test_every_batch_starts_at_rest(net, own_results, peer_results):
    """The peer resets no nested neuron, and not the spikes that an ``RSynaptic`` hears: its first batch is the same."""
    left, right = own_results[net], peer_results[net]
    assert left["in batches"]["ActivationSparsity"] == pytest.approx(left["at once"]["ActivationSparsity"], abs=1e-9)
    assert right["in batches"]["ActivationSparsity"] != pytest.approx(right["at once"]["ActivationSparsity"], abs=1e-3)
    for side in (left, right):
        side["at once"].pop("Footprint")
    assert left["at once"] == right["at once"]


def test_it_finds_the_same_under_the_peers_name_and_needs_no_such_name(own_results, aliased):
    nets = own_results.keys() - {"to_nir", "energy", "refusals", "alias"}
    assert {name: own_results[name] for name in nets} == {name: aliased[name] for name in nets}
    assert own_results["alias"] == {"snntorch": "snntorch", "snn": "snn"}


@pytest.mark.parametrize("net", ["gsc", "dvs gesture", "eeg"])
def test_nets_of_its_examples_load_weights_of_the_peer_and_measure_the_same(net, own_results, peer_results):
    metrics = peer_results["published"][net]
    assert metrics["SynapticOperations"]["Effective_ACs"] > 0
    assert 0.5 < metrics["ActivationSparsity"] < 1
    left = own_results["published"][net]
    if net == "eeg":  # of whose neurons ours keep no membrane
        for name in ("MembraneUpdates", "NeuronOperations"):
            left.pop(name), metrics.pop(name)
    assert left == metrics


def test_footprint_and_dense_operations_are_those_that_its_examples_report(own_results):
    """Of snnTorch's nets with the weights of its repository; 150 steps a gesture, of which 4 are run here."""
    gsc, gesture = own_results["published"]["gsc"], own_results["published"]["dvs gesture"]
    assert gsc["Footprint"] == 583_900
    assert gesture["Footprint"] == 304_828
    assert gesture["SynapticOperations"]["Dense"] / 4 * 150 == 891_206_400


def test_a_batch_without_steps_is_named(own_results):
    message = "NeuroBenchModel: batch must have shape [batch, num_steps, ...] with at least one step, got"
    assert own_results["refusals"] == {"no step": f"{message} [3, 0, 2]", "no axis of steps": f"{message} [2]"}


def test_nested_layers_measure_as_they_do_in_a_row(own_results):
    assert own_results["nested"] == own_results["leaky"]


def test_a_membrane_that_was_never_reset_is_not_kept_to_be_counted(own_results, peer_results):
    left, right = (side["states of their own"]["in batches"] for side in (own_results, peer_results))
    assert (left.pop("MembraneUpdates"), right.pop("MembraneUpdates")) == (0, 18 * 9)
    assert left.pop("NeuronOperations")["Neuron Dense Ops"] == 0 < right.pop("NeuronOperations")["Neuron Dense Ops"]
    assert left == right


def test_a_reset_to_zero_keeps_the_input_of_its_step(own_results, peer_results):
    left, right = (side["synaptic, reset to zero"]["in batches"] for side in (own_results, peer_results))
    assert left["ActivationSparsity"] < right["ActivationSparsity"]
    same = ("Footprint", "ParameterCount", "ConnectionSparsity", "MembraneUpdates", "NeuronOperations")
    assert {name: left[name] for name in same} == {name: right[name] for name in same}
    assert own_results["by its rules"]["in batches"] == right


def test_neurobench_cannot_write_a_net_as_nir_and_it_is_exported_all_the_same(own_results):
    assert own_results["to_nir"]["error"]
    assert len(own_results["to_nir"]["nodes"]) >= 6  # input, two layers with their neurons, output


def test_an_account_of_energy_counts_what_neurobench_counts(own_results):
    accounts = own_results["energy"]
    assert len(accounts) == 12
    for name, account in accounts.items():
        metrics = own_results[name]["in batches"]
        counted, expected = account["SynapticOperations"], metrics["SynapticOperations"]
        if name == "converted":  # whose neurons are lowered by a connection of each to itself, which is counted too
            own = 9 * (3 * 4 * 5 + 13)
            assert 0 < counted.pop("Effective_ACs") - expected.pop("Effective_ACs") < own
            assert counted.pop("Dense") - expected.pop("Dense") == own
            assert account.pop("ConnectionSparsity") < metrics.pop("ConnectionSparsity")
        assert counted == pytest.approx(expected, rel=1e-12)
        if "ConnectionSparsity" in account:
            assert account["ConnectionSparsity"] == pytest.approx(metrics["ConnectionSparsity"], abs=5e-5)  # 4 digits
        assert account["Footprint"] == metrics["Footprint"]
        if name != "mixed":  # whose rectifiers NeuroBench takes for neurons
            assert account["ActivationSparsity"] == pytest.approx(metrics["ActivationSparsity"], rel=1e-12)
