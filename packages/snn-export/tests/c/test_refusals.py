"""A layer that C cannot express is refused with its name and a reason, before any file is written."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_export
from in_c.nets import KEEPS, NETS, inputs
from snn_export.c import arrays
from snn_export.c.arrays import Array


class Functional(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def behind(layer, features=3):
    return nn.Sequential(nn.Linear(3, features), layer).eval()


def with_weight(value):
    net = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3)))
    with torch.no_grad():
        net[1][0].weight[1, 2] = value
    return net


REFUSED = {
    "winner": (behind(snn.Leaky(0.9, inhibition=True, **KEEPS)), r"'1' \(Leaky\).*no step program"),
    "own state": (behind(snn.Leaky(0.9)), r"'1' \(Leaky\) has init_hidden=False"),
    "whole sequence": (behind(snn.StateLeaky(0.9, channels=3)), r"'1' \(StateLeaky\)"),
    "each step": (behind(snn.BatchNormTT1d(3, 5)), r"'1' \(BatchNormTT1d\)"),
    "softmax": (behind(nn.Softmax(1)), r"'1' \(Softmax\).*'softmax'"),
    "norm": (behind(nn.LayerNorm(3)), r"'1' \(LayerNorm\).*'layer_norm'"),
    "alpha": (Functional(lambda x: torch.add(x, x, alpha=2)), "'add' with these options"),
    "batch": (Functional(lambda x: x / len(x)), "batch size"),
    "samples": (Functional(lambda x: x * x.shape[0]), "forward computes with the batch size"),
    "value": (Functional(lambda x: x * x.tolist()[0][0]), "reads a value"),
    "random": (Functional(torch.rand_like), "rand_like"),
    "dropout": (Functional(lambda x: torch.dropout(x, 0.5, True)), "dropout cannot .* drawing random numbers"),
    "double": (Functional(lambda x: x.to(torch.float64)), r"torch\.float64; a net in C computes with float32"),
    "whole numbers": (
        Functional(lambda x: x.to(torch.int32).float()),
        r"torch\.int32; a net in C computes with float32",
    ),
    "axis": (Functional(lambda x: x.unsqueeze(1).sum(1)), "only the last axes can be reduced"),
    "all axes": (Functional(lambda x: x - x.mean()), "it reduces all axes"),
    "nan": (with_weight(float("nan")), r"'1\.0' \(Linear\).*weight .* contains NaN or infinity"),
    "infinity": (with_weight(float("-inf")), r"'1\.0' \(Linear\).*weight .* contains NaN or infinity"),
    "threshold": (behind(snn.Leaky(0.9, threshold=float("inf"), **KEEPS)), r"'1' \(Leaky\).*threshold"),
}
IMAGES = {
    "recurrent": (snn.RLeaky(0.9, conv2d_channels=2, kernel_size=3, **KEEPS), r"RLeaky.*no step program"),
    "lstm": (snn.SConv2dLSTM(2, 3, 3, **KEEPS), r"SConv2dLSTM.*no step program"),
    "transposed": (nn.ConvTranspose2d(2, 2, 3), r"ConvTranspose2d.*'conv_transpose2d'"),
    "padding": (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), r"Conv2d.*'pad'"),
    "training": (nn.BatchNorm2d(2), r"BatchNorm2d.*in training mode; call net\.eval\(\)"),
    "dropout": (nn.Dropout(), r"Dropout.*in training mode; call net\.eval\(\)"),
    "delays": (snn.DelayedConv2d(2, 2, 3, 2), r"DelayedConv2d.*training mode"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_net_is_refused_by_name(name, tmp_path):
    net, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason):
        snn_export.export(net, torch.full((1, 3), 0.5), tmp_path / "c" / "net.c", format="c")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", IMAGES)
def test_a_layer_of_images_is_refused_by_name(name, tmp_path):
    layer, reason = IMAGES[name]
    with pytest.raises(ValueError, match=reason):
        snn_export.export(
            nn.Sequential(nn.ReLU(), layer), torch.full((1, 2, 5, 5), 0.5), tmp_path / "c" / "net.c", format="c"
        )
    assert not [*tmp_path.iterdir()]


def test_a_forward_that_takes_only_its_own_batch_is_refused():
    net = Functional(lambda x: x.reshape(4, 3) + 1)
    with pytest.raises(ValueError, match=r"forward fails for 2 samples: .*calls the same layers in every step"):
        snn_export.export(net, torch.zeros(4, 3), format="c")


def test_other_numbers_than_float32_are_refused():
    net = behind(nn.ReLU())
    with pytest.raises(TypeError, match=r"parameter '0\.weight' is torch\.float64; .*net\.float\(\)"):
        snn_export.export(net.double(), torch.zeros(1, 3), format="c")
    with pytest.raises(TypeError, match=r"x is torch\.float64"):
        snn_export.export(behind(nn.ReLU()), torch.zeros(1, 3).double(), format="c")
    with pytest.raises(TypeError, match=r"x is torch\.int64"):
        snn_export.export(behind(nn.ReLU()), torch.zeros(1, 3).long(), format="c")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, torch.zeros(1, 3)), TypeError, "takes a net"),
        ((nn.ReLU(), [1.0]), TypeError, "takes a tensor x, .* got list"),
        ((Functional(lambda x: (x, 3)), torch.zeros(1, 3)), TypeError, "returns int as 'out.1'"),
        ((nn.ReLU(), torch.zeros(())), ValueError, "x must have an axis for the batch"),
        ((nn.ReLU(), torch.zeros(0, 3)), ValueError, r"x has shape \(0, 3\)"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        snn_export.export(*arguments, format="c")


def test_a_recorded_sequence_has_time_and_samples_of_the_same_shape():
    for recorded, message in ((torch.zeros(3), "pass"), (torch.zeros(2, 1, 4), r"samples of \(4,\), but x has \(3,\)")):
        with pytest.raises(ValueError, match=message):
            snn_export.export(nn.ReLU(), torch.zeros(1, 3), recorded=recorded, format="c")


def test_budgets_are_held_to_the_byte_and_refuse_with_the_numbers(tmp_path):
    net, shape = NETS["recurrent"]()
    x = inputs(shape, 1)[0]
    report = snn_export.export(net, x, format="c").report
    assert snn_export.export(net, x, ram=report.ram, flash=report.flash, format="c").report == report
    for name, takes in (("ram", report.ram), ("flash", report.flash)):
        with pytest.raises(ValueError, match=rf"takes {takes} bytes of {name}, but {name}={takes - 1} allows fewer"):
            snn_export.export(net, x, tmp_path / "c" / "net.c", **{name: takes - 1}, format="c")
        with pytest.raises(TypeError, match=f"{name} is '1k'"):
            snn_export.export(net, x, tmp_path / "c" / "net.c", **{name: "1k"}, format="c")
    assert not [*tmp_path.iterdir()]


def test_an_array_of_2_gb_is_refused():
    with pytest.raises(ValueError, match=r"weight takes 2147483648 bytes; .* less than 2147483648"):
        Array("w", "float", torch.zeros(1).expand(2**29), "weight")


def test_weights_of_2_gb_are_refused(tmp_path, monkeypatch):
    with pytest.raises(
        ValueError, match=r"weight \[out\] takes 2147483648 bytes; an array in C must take less than 2147"
    ):
        Array("weight", "float", torch.zeros(1).expand(2**29), "weight [out]")
    monkeypatch.setattr(arrays, "_MOST_BYTES", 36)
    with pytest.raises(ValueError, match=r"'0' \(Linear\) cannot be written in C: weight .* takes 36 bytes"):
        snn_export.export(with_weight(1.0), torch.full((1, 3), 0.5), tmp_path / "net.c", format="c")
    assert not [*tmp_path.iterdir()]
