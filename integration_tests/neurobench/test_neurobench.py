"""NeuroBench finds of our nets what it finds of the peer's; and where not, what differs."""

from __future__ import annotations

import pytest

SAME = ["leaky", "learned", "synaptic", "recurrent", "mixed", "convolutional", "graded", "converted"]
SAME += ["states passed on"]


@pytest.mark.parametrize("net", SAME)
def test_every_metric_is_the_peers(net, mine, theirs):
    metrics = theirs[net]["in batches"]
    assert metrics["Footprint"] > metrics["ParameterCount"] > 0 < metrics["ConnectionSparsity"] < 1
    assert 0 < metrics["ActivationSparsity"] < 1
    operations = metrics["SynapticOperations"]
    assert 0 < operations["Effective_ACs"] + operations["Effective_MACs"] < operations["Dense"]
    assert metrics["MembraneUpdates"] > 0
    assert mine[net]["in batches"] == metrics


@pytest.mark.parametrize("net", SAME)
def test_the_footprint_of_ours_stays_when_the_net_has_run(net, mine, theirs):
    before, after = (mine[net][how].pop("Footprint") for how in ("in batches", "at once"))
    assert before == after
    before, after = (theirs[net][how].pop("Footprint") for how in ("in batches", "at once"))
    assert before < after  # its states are buffers, and there are some from the first run on
    assert mine[net]["at once"] == theirs[net]["at once"]


def test_the_constants_of_lapicque_take_four_bytes_each(mine, theirs):
    left, right = (side["currents"]["in batches"] for side in (mine, theirs))
    assert right.pop("Footprint") - left.pop("Footprint") == 8  # the peer's R and C, not given, are 64-bit integers
    assert left == right


@pytest.mark.parametrize("net", ["nested", "recurrent currents"])
def test_every_batch_starts_at_rest(net, mine, theirs):
    """The peer resets no nested neuron, and not the spikes that an ``RSynaptic`` hears: its first batch is the same."""
    left, right = mine[net], theirs[net]
    assert left["in batches"]["ActivationSparsity"] == pytest.approx(left["at once"]["ActivationSparsity"], abs=1e-9)
    assert right["in batches"]["ActivationSparsity"] != pytest.approx(right["at once"]["ActivationSparsity"], abs=1e-3)
    for side in (left, right):
        side["at once"].pop("Footprint")
    assert left["at once"] == right["at once"]


def test_it_finds_the_same_under_the_peers_name_and_needs_no_such_name(mine, aliased):
    nets = mine.keys() - {"to_nir", "energy", "refusals", "alias"}
    assert {name: mine[name] for name in nets} == {name: aliased[name] for name in nets}
    assert mine["alias"] == {"snntorch": "snntorch", "snn": "snn"}


@pytest.mark.parametrize("net", ["gsc", "dvs gesture", "eeg"])
def test_nets_of_its_examples_load_weights_of_the_peer_and_measure_the_same(net, mine, theirs):
    metrics = theirs["published"][net]
    assert metrics["SynapticOperations"]["Effective_ACs"] > 0
    assert 0.5 < metrics["ActivationSparsity"] < 1
    left = mine["published"][net]
    if net == "eeg":  # of whose neurons ours keep no membrane
        for name in ("MembraneUpdates", "NeuronOperations"):
            left.pop(name), metrics.pop(name)
    assert left == metrics


def test_footprint_and_dense_operations_are_those_that_its_examples_report(mine):
    """Of snnTorch's nets with the weights of its repository; 150 steps a gesture, of which 4 are run here."""
    gsc, gesture = mine["published"]["gsc"], mine["published"]["dvs gesture"]
    assert gsc["Footprint"] == 583_900
    assert gesture["Footprint"] == 304_828
    assert gesture["SynapticOperations"]["Dense"] / 4 * 150 == 891_206_400


def test_a_batch_without_steps_is_named(mine):
    message = "a batch for NeuroBench is [batch, num_steps, ...] with a step at least, got"
    assert mine["refusals"] == {"no step": f"{message} [3, 0, 2]", "no axis of steps": f"{message} [2]"}


def test_nested_layers_measure_as_they_do_in_a_row(mine):
    assert mine["nested"] == mine["leaky"]


def test_a_membrane_that_was_never_reset_is_not_kept_to_be_counted(mine, theirs):
    left, right = (side["states of their own"]["in batches"] for side in (mine, theirs))
    assert (left.pop("MembraneUpdates"), right.pop("MembraneUpdates")) == (0, 18 * 9)
    assert left.pop("NeuronOperations")["Neuron Dense Ops"] == 0 < right.pop("NeuronOperations")["Neuron Dense Ops"]
    assert left == right


def test_a_reset_to_zero_keeps_the_input_of_its_step(mine, theirs):
    left, right = (side["synaptic, reset to zero"]["in batches"] for side in (mine, theirs))
    assert left["ActivationSparsity"] < right["ActivationSparsity"]
    same = ("Footprint", "ParameterCount", "ConnectionSparsity", "MembraneUpdates", "NeuronOperations")
    assert {name: left[name] for name in same} == {name: right[name] for name in same}
    assert mine["by its rules"]["in batches"] == right


def test_neurobench_cannot_write_a_net_as_nir_and_it_is_exported_all_the_same(mine):
    assert mine["to_nir"]["error"]
    assert len(mine["to_nir"]["nodes"]) >= 6  # input, two layers with their neurons, output


def test_an_account_of_energy_counts_what_neurobench_counts(mine):
    accounts = mine["energy"]
    assert len(accounts) == 12
    for name, account in accounts.items():
        metrics = mine[name]["in batches"]
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
