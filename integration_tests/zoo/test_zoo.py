"""The trained nets that come with snn-data repeat what their manifests say, and are nets like any other."""

from __future__ import annotations

import json
import socket

import pytest
import torch

import snn
import train_zoo
from snn_data import vowels, zoo
from snn_data.zoo import loading

NAMES = ["digits", "mnist5k", "vowels"]
LEAST = {"digits": 0.97, "mnist5k": 0.95, "vowels": 0.95}


@torch.no_grad()
def counts(net, name, **options):
    xs, _, lengths, _ = zoo.samples(name)
    dtype = next(net.parameters()).dtype
    return snn.unroll(net, xs.to(dtype), lengths=lengths, **options).sum(0)


def right(spikes, name):
    targets = zoo.samples(name).targets
    return int(((spikes.argmax(1) == targets) & (spikes.sum(1) > 0)).sum())


@pytest.mark.parametrize("name", NAMES)
def test_a_net_repeats_the_accuracy_of_its_manifest(name):
    facts, net = zoo.manifest(name), zoo.load(name)
    assert right(counts(net, name), name) == facts["right"]
    assert facts["accuracy"] == facts["right"] / facts["samples"]["test"] > LEAST[name]
    assert len(zoo.samples(name).targets) == facts["samples"]["test"]


@pytest.mark.parametrize("name", NAMES)
def test_it_does_so_step_by_step_and_in_float64(name):
    facts = zoo.manifest(name)
    assert right(counts(zoo.load(name), name, schedule="steps"), name) == facts["right"]
    assert right(counts(zoo.load(name).double(), name), name) == facts["right"]


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_describes_the_run_and_is_json(name):
    facts, net = zoo.manifest(name), zoo.load(name)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["name"] == name
    assert facts["parameters"] == sum(p.numel() for p in net.parameters())
    assert facts["seeds"] == {"torch": 0, "split": 0}
    assert facts["settings"]["seed"] == 0
    assert facts["versions"].keys() >= {"python", "torch", "snn-core", "snn-cpu", "snn-data", train_zoo.SOURCES[name]}
    assert facts["sha256"] in (loading.FOLDER / loading.CHECKSUMS).read_text(encoding="ascii")
    assert "tools" not in facts["command"]


@pytest.mark.parametrize("name", NAMES)
def test_loading_takes_no_network_and_no_random_number(name, monkeypatch):
    def refused(*args, **kwargs):
        raise AssertionError("there is no network")

    monkeypatch.setattr(socket, "socket", refused)
    before = torch.get_rng_state()
    net = zoo.load(name)
    assert torch.equal(torch.get_rng_state(), before)
    assert not net.training


def test_a_net_is_in_float32_whatever_the_default_is():
    torch.set_default_dtype(torch.float64)
    try:
        net = zoo.load("vowels")
    finally:
        torch.set_default_dtype(torch.float32)
    expected = zoo.load("vowels").state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in net.state_dict().items())
    assert {p.dtype for p in net.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", NAMES)
def test_tools_for_nets_take_these_nets(name):
    net = zoo.load(name)
    xs, targets, lengths, _ = zoo.samples(name)
    some = (xs[:, :5], lengths[:5])
    account = snn.energy(net, some[0], lengths=some[1])
    assert account.total > 0
    assert not account.uncounted
    assert [layer.rate for layer in snn.summary(net, some[0], lengths=some[1]).layers if layer.rate is not None]
    again = snn.nir.from_nir(snn.nir.to_nir(net, some[0][0]))
    assert torch.equal(counts(again, name), counts(net, name))


def test_a_net_learns_on():
    net = zoo.load("digits").train()
    train, _ = snn.data.digits()
    loss_of, xs, targets = snn.functional.ce_count_loss(), train.data[:100].expand(8, 100, 1, 8, 8), train.targets[:100]
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    losses = []
    for _ in range(5):
        loss = loss_of(snn.unroll(net, xs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_speech_of_unequal_length_is_padded():
    xs, targets, lengths, mask = zoo.samples("vowels")
    _, test = vowels()
    assert xs.shape == (58, 370, 12)
    assert lengths.equal(2 * test.lengths)
    assert targets.equal(test.targets)
    assert mask.sum(0).equal(lengths)
    torch.testing.assert_close(xs[0], torch.stack([sequence[0] for sequence in test.data]))
    torch.testing.assert_close(xs[lengths - 1, range(370)], torch.stack([sequence[-1] for sequence in test.data]))


def test_training_writes_files_that_the_zoo_loads(tmp_path, monkeypatch):
    task = train_zoo.small("digits", "digits", hidden=128, num_steps=8, epochs=1)
    monkeypatch.setitem(train_zoo.TASKS, "digits", task)
    train_zoo.main(["digits"], tmp_path)
    monkeypatch.setattr(loading, "FOLDER", tmp_path)
    facts = zoo.manifest("digits")
    assert facts["settings"]["epochs"] == 1
    assert right(counts(zoo.load("digits"), "digits"), "digits") == facts["right"] < 359
    assert sorted(file.name for file in tmp_path.iterdir()) == ["SHA256SUMS", "digits.safetensors"]


def test_a_file_of_the_same_checksum_and_another_net_is_refused(tmp_path, monkeypatch):
    """The loader refuses a file that does not fit, too."""
    train_zoo.snn.save(tmp_path / "digits.safetensors", torch.nn.Linear(3, 2))
    train_zoo.write_checksums(tmp_path)
    monkeypatch.setattr(loading, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="does not fit this Sequential"):
        zoo.load("digits")
