"""Tests of a demonstration's numbers for its layers, weights and recording, against a second computation."""

from __future__ import annotations

import hashlib

import pytest
import torch

import snn_core
from snn.demo.activity import activity
from snn.demo.manifest import data_sha256, kernels_of, weights_sha256
from snn.demo.recording import record
from snn.demo.settings import settings_of
from snn.demo.task import Parts, Task, present
from snn_data import LabelledSequences, LabelledTensors
from snn_functional import ce_count_loss, statistics


def images(samples: int, size: int) -> LabelledTensors:
    draw = torch.Generator().manual_seed(samples)
    return LabelledTensors(torch.rand(samples, 1, size, size, generator=draw), torch.arange(samples) % 10)


def sequences(lengths: list[int]) -> LabelledSequences:
    draw = torch.Generator().manual_seed(len(lengths))
    data = [2 * torch.randn(n, 12, generator=draw) for n in lengths]
    return LabelledSequences(data, torch.arange(len(lengths)) % 9)


CASES = {
    "digits": (settings_of("digits")(hidden=21, num_steps=7, batch=5), images(203, 8)),  # more than are shown at a time
    "mnist": (settings_of("mnist")(num_steps=7, beta=0.95, first=3, second=5, batch=5), images(7, 28)),
    "vowels": (settings_of("vowels")(hidden=21, batch=5), sequences([7, 29, 1, 12, 8])),
}


@pytest.fixture(params=CASES)
def case(request):
    settings, part = CASES[request.param]
    task = Task(request.param, settings)
    return task, task.new_network(), part


def test_the_network_runs_layer_by_layer(case):
    task, net, part = case
    batch = task.batch(part, [0, 3, 1])
    _, plan = snn_core.unroll(net, batch.input, lengths=batch.lengths, explain=True)
    assert plan.kind == "layers", plan.reason


def test_every_parameter_learns(case):
    task, net, part = case
    batch = task.batch(part, [0, 3, 1], torch.Generator().manual_seed(0))
    ce_count_loss()(present(net, batch), batch.targets, lengths=batch.lengths).backward()
    assert [
        name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ] == []


def test_the_activity_of_a_layer_is_that_of_its_samples_run_one_by_one(case):
    task, net, part = case
    shares = activity(task, net, part)
    spikes: dict[str, list] = {layer["name"]: [] for layer in shares}
    operations = 0
    for index in range(len(part)):
        batch = task.batch(part, [index])
        for layer in record(task, net, part, index).layers:
            spikes[layer.name].append(layer.spk.flatten(1))
        total = statistics.synops(net, batch.input).total
        operations += total.acs + total.macs
    for layer in shares:
        whole = torch.cat(spikes[layer["name"]]).double()
        assert layer["neurons"] == whole.shape[1]
        assert layer["rates"] == pytest.approx(whole.mean(0).tolist(), rel=1e-6)
        assert layer["rate"] == pytest.approx(whole.mean().item(), rel=1e-6)
        assert layer["dead"] == int((whole.sum(0) == 0).sum())
        assert layer["saturated"] == int(whole.all(0).sum())
        assert layer["macs"] <= layer["synops"] <= layer["dense"]
    assert sum(layer["synops"] for layer in shares) * len(part) == pytest.approx(operations)


def test_the_synapses_of_a_fully_connected_network_are_counted_at_their_targets():
    settings, part = CASES["digits"]
    task = Task("digits", settings)
    encoder, hidden, output = activity(task, task.new_network(), part)
    # of every step and sample: each neuron's spike reaches all neurons of the next layer
    assert encoder["synops"] == encoder["dense"] == 0
    assert hidden["synops"] == pytest.approx(encoder["rate"] * 7 * 64 * 21)
    assert hidden["dense"] == 7 * 64 * 21
    assert output["synops"] == pytest.approx(hidden["rate"] * 7 * 21 * 10)


def test_the_recurrent_synapses_belong_to_their_own_layer():
    task = Task("vowels", settings_of("vowels")(hidden=21))
    part = sequences([4, 9])
    hidden, output = activity(task, task.new_network(), part)
    # 2 steps a frame; 24 numbers in, and the layer's own spikes
    steps = 2 * (4 + 9) / 2
    assert hidden["dense"] == steps * (24 * 21 + 21 * 21)
    assert output["dense"] == steps * 21 * 9
    assert 0 < hidden["macs"] < hidden["synops"]
    assert output["macs"] == 0


def test_a_recording_is_what_the_network_does(case):
    task, net, part = case
    recording = record(task, net, part, 1)
    batch = task.batch(part, [1])
    with torch.no_grad():
        spk = present(net, batch)[:, 0]
    assert torch.equal(recording.layers[-1].spk, spk)
    assert torch.equal(recording.input, batch.input[:, 0])
    assert torch.equal(recording.sample, part.data[1])
    assert recording.target == 1
    assert recording.predicted == (int(spk.sum(0).argmax()) if spk.any() else None)
    assert recording.classes[recording.target] == ("speaker 2" if task.name == "vowels" else "1")
    for layer in recording.layers:
        assert torch.equal(layer.spk, (layer.mem > layer.threshold).float())


def test_a_pixel_fires_its_brightness_times_the_steps():
    # U[t] = U[t-1] + x - R[t] fires where t x passes a whole number and is strictly above it: ceil(16 x) - 1 times.
    brightness = torch.tensor([0.0, 1 / 16, 0.25, 0.5, 0.8, 1.0]).repeat(11)[:64]
    task = Task("digits", settings_of("digits")(hidden=7))
    part = LabelledTensors(brightness.view(1, 1, 8, 8), torch.tensor([3]))
    encoder = record(task, task.new_network(), part, 0).layers[0]
    # 16 * (0, 1/16, 1/4, 1/2, 0.8, 1) = 0, 1, 4, 8, 12.8, 16
    assert encoder.spk.sum(0)[:6].tolist() == [0, 0, 3, 7, 12, 15]


def test_an_utterance_is_interpolated_and_carries_how_it_changes():
    task = Task("vowels", settings_of("vowels")(steps_per_frame=2))
    ramp = torch.arange(4.0).unsqueeze(1).expand(4, 12)
    batch = task.batch(LabelledSequences([ramp, ramp[:1]], torch.tensor([2, 0])), [0, 1])
    # 4 frames from 0 to 3 in 8 steps: a rise of 3/7 a step, none before the first
    rise = torch.arange(8.0) * 3 / 7
    assert batch.lengths.tolist() == [8, 2]
    torch.testing.assert_close(batch.input[:, 0, :12], rise.unsqueeze(1).expand(8, 12))
    torch.testing.assert_close(batch.input[1:, 0, 12:], torch.full((7, 12), 3 / 7))
    assert not batch.input[0, 0, 12:].any()
    assert not batch.input[:, 1].any()


def test_only_with_a_generator_is_a_sample_changed(case):
    task, _, part = case
    plain, again = (task.batch(part, [3, 0]) for _ in range(2))
    changed, same = (task.batch(part, [3, 0], torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(plain.input, again.input)
    assert torch.equal(changed.input, same.input)
    assert changed.input.shape != plain.input.shape or not torch.equal(changed.input, plain.input)


def test_the_weights_digest_is_that_of_dtype_shape_and_bytes_by_name():
    net = torch.nn.Linear(2, 1)
    digest = hashlib.sha256()
    for tensor in (net.bias, net.weight):  # b before w
        digest.update(f"torch.float32 {tuple(tensor.shape)} ".encode() + tensor.detach().numpy().tobytes())
    assert weights_sha256(net) == digest.hexdigest()


def test_the_data_digest_sees_every_sample_and_every_target():
    parts = [images(3, 8) for _ in range(4)]
    parts[1].data[2, 0, 7, 7] += 1
    parts[2].targets[0] = 5
    digests = {data_sha256(Parts(part, parts[0])) for part in parts} | {data_sha256(Parts(parts[0], parts[1]))}
    assert len(digests) == 4  # the first and the last part are the same


def test_the_kernels_are_those_of_the_layers_own_input(case):
    task, net, part = case
    lines = dict(line.split(": ", 1) for line in kernels_of(task, Parts(part, part)))
    for name, module in net.named_modules():
        if isinstance(module, snn_core.SpikingNeuron):
            layer = next(layer for layer in record(task, net, part, 0).layers if layer.name == name)
            choice = snn_core.kernels.choose(module, torch.zeros_like(layer.mem).unsqueeze(1))
            assert lines[name] == f"{choice.name} ({choice.reason})"
