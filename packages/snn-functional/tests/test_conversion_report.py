"""The report of a conversion: its numbers by a second way, and the layer that is to blame."""

import json

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import QCFS, from_ann
from snn_functional._conversion.balancing import balanced
from snn_functional._conversion.tracing import traced

from .converted import NETS, dense, own, randomize


def outputs(net, names, x):
    """Return the outputs of modules, by path."""
    records = {}
    hooks = [
        net.get_submodule(name).register_forward_hook(lambda m, args, out, name=name: records.update({name: out}))
        for name in names
    ]
    with torch.no_grad():
        out = net(x)
    for hook in hooks:
        hook.remove()
    return records, out


def test_correlation_and_error_are_those_of_rates_and_activations():
    ann, x = dense()
    ann.eval()
    net, report = from_ann(ann, x, method="max", num_steps=(3, 10))
    names = ["2", "5"]
    activations, expected = outputs(ann, names, x)
    counts = dict.fromkeys(names, 0)
    total = 0
    for step in range(1, 11):
        spikes, out = outputs(net, names, x)
        counts = {name: counts[name] + (spk != 0) for name, spk in spikes.items()}
        total = total + out
        if step not in (3, 10):
            continue
        for layer in report.layers[:-1]:
            reference, rate = activations[layer.name] / layer.threshold, counts[layer.name] / step
            assert layer.error[step] == pytest.approx((reference - rate).abs().mean().item(), rel=1e-5)
            both = torch.stack([reference.flatten(), rate.flatten()])
            assert layer.correlation[step] == pytest.approx(torch.corrcoef(both)[0, 1].item(), rel=1e-5)
        assert report.layers[-1].error[step] == pytest.approx((expected - total / step).abs().mean().item(), rel=1e-5)
    for layer in report.layers[:-1]:
        active, fired = (activations[layer.name] > 0).any(0), (counts[layer.name] > 0).any(0)
        assert layer.silent == pytest.approx(((active & ~fired).sum() / active.sum()).item())


def test_accuracies_are_those_of_the_nets():
    ann, x = own()
    labels = torch.arange(len(x)) % 5
    net, report = from_ann(ann, (x, labels), num_steps=(2, 9))
    with torch.no_grad():
        outs = snn.unroll(net, x.expand(9, *x.shape))
        assert report.ann_accuracy == (ann.eval()(x).argmax(1) == labels).double().mean().item()
    for steps, accuracy in report.accuracy.items():
        assert accuracy == (outs[:steps].mean(0).argmax(1) == labels).double().mean().item()
    assert [*report.accuracy] == [2, 9]
    assert from_ann(ann, (x, labels.to(torch.uint16)), num_steps=(2, 9)).report == report
    alone = from_ann(ann, x, num_steps=(2, 9)).report
    assert (alone.accuracy, alone.ann_accuracy) == ({}, None)
    assert alone.layers == report.layers


def test_a_report_does_not_depend_on_how_many_samples_run_at_once(monkeypatch):
    ann, x = dense()
    whole = from_ann(ann, x, percentile=98, num_steps=4).report
    monkeypatch.setattr("snn_functional._conversion.samples._MANY", 7)
    cut = from_ann(ann, x, percentile=98, num_steps=4).report
    for left, right in zip(whole.layers, cut.layers, strict=True):
        assert (left.clipped, left.silent) == (right.clipped, right.silent)
        assert left.error[4] == pytest.approx(right.error[4], rel=1e-5)


def test_by_the_maximum_nothing_is_clipped_and_by_a_percentile_no_more_than_it_says():
    ann, x = dense()
    ann.eval()
    activations, _ = outputs(ann, ["2", "5"], x)
    for percentile in (100, 99, 90, 75):
        report = from_ann(ann, x, percentile=percentile, num_steps=2).report
        for layer in report.layers[:-1]:
            ranked = activations[layer.name].flatten().sort().values
            # the smallest of which so many percent are not larger
            rank = -(-len(ranked) * percentile // 100)
            assert layer.threshold == pytest.approx(ranked[rank - 1].item(), rel=1e-6)
            assert layer.clipped <= 1 - percentile / 100 + 1e-12
            above = (activations[layer.name] > layer.threshold * (1 + 1e-6)).double().mean().item()
            assert layer.clipped == pytest.approx(above)
    by_maximum = from_ann(ann, x, method="max", num_steps=2).report
    assert [layer.clipped for layer in by_maximum.layers[:-1]] == [0, 0]


def planted(name):
    """A net of activations with thresholds of their own, one of which is far too low."""
    net, x = NETS["own"]()
    net = QCFS.replace_relu(net, x, levels=64)
    with torch.no_grad():
        net.get_submodule(name).threshold.mul_(0.1)
    return net, x


@pytest.mark.parametrize("name", ["stem.1", "blocks.0.relu", "blocks.0.relu_1", "blocks.1.0.relu", "blocks.1.0.relu_1"])
def test_a_layer_with_a_clipped_range_is_named_and_no_other(name):
    net, x = planted(name)
    report = from_ann(net, x, method="qcfs", num_steps=64).report
    clipped = {layer.name: layer.clipped for layer in report.layers[:-1]}
    assert clipped[name] > 0.2
    assert all(share < 0.05 for other, share in clipped.items() if other != name)
    named = [path for path, problems in report.problems.items() if any("above its threshold" in p for p in problems)]
    assert named == [name]
    assert f"% of the input of '{name}' is above its threshold" in str(report)
    assert report.to_dict()["problems"] == report.problems


def test_a_layer_whose_rates_do_not_follow_is_named():
    ann, x = dense()
    report = from_ann(ann, x, method="max", num_steps=1).report
    assert any("after 1 steps" in problem for problems in report.problems.values() for problem in problems)
    assert not from_ann(ann, x, method="max", num_steps=256).report.problems


def test_neurons_that_should_fire_and_do_not_are_silent():
    ann = nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU())
    # one is the largest, one never is above 0, two are too small for a spike in four steps
    ann[0].weight.data = torch.tensor([[1.0, 0], [-1, 0], [0.05, 0], [0.1, 0]])
    report = from_ann(ann, torch.tensor([[1.0, 1.0], [0.5, 0.0]]), method="max", num_steps=4).report
    assert report.layers[0].silent == pytest.approx(2 / 3)
    assert "66.7 % of the neurons of '1' that should fire do not in 4 steps" in str(report)


def test_a_report_is_a_table_html_and_json():
    ann, x = dense()
    report = from_ann(ann, (x, torch.arange(len(x)) % 3), num_steps=(4, 64)).report
    lines = str(report).splitlines()
    assert lines[0].split()[:4] == ["layer", "threshold", "clipped", "silent"]
    assert [line.split()[0] for line in lines[1:4]] == ["2", "5", "output"]
    assert "at T = 64; the network " in lines[5]
    assert report._repr_html_().count("<tr>") == 4
    data = json.loads(json.dumps(report.to_dict()))
    assert data["layers"][0]["error"].keys() == {"4", "64"}
    assert data["method"] == "percentile 99.9"


def test_a_percentile_is_exact_over_parts(monkeypatch):
    monkeypatch.setattr("snn_functional._conversion.samples._MANY", 3)
    ann, x = randomize(nn.Sequential(nn.Linear(4, 6), nn.ReLU())), torch.randn(20, 4)
    values = ann(x).detach().flatten().sort().values
    result = balanced(traced(ann, x, "from_ann"), ["1"], x, 95.0)
    assert result["1"] == pytest.approx(values[113].item())  # 114 of 120
