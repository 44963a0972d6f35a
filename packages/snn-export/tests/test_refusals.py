"""A net that cannot be exported raises an error that says what to do, and leaves no file."""

from __future__ import annotations

import os
import pathlib
import re
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_export import export, formats

from .zoo import net_and_inputs


class Fixed(nn.Module):
    """A forward for a batch of two."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(2, 5) + 1


class Branching(nn.Module):
    """A forward that depends on a value."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x


class Counting(nn.Module):
    """A forward that counts its calls in Python."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


class Averaging(nn.Module):
    """A forward that keeps a running mean in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(0.1 * x.mean(0))
        return x - self.mean


class Says(nn.Module):
    """A forward that returns text."""

    def forward(self, x: Tensor) -> Any:
        return x, "done"


def spiking_net(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, snn.Leaky(beta=0.9, init_hidden=True))


X = torch.rand(3, 5)
REFUSED: dict[str, tuple[Any, Any, dict[str, Any], type[Exception], str]] = {
    "no net": (lambda: 3, X, {}, TypeError, r"takes a net \(nn.Module\), got int"),
    "no tensor": (spiking_net, [[1.0]], {}, TypeError, "takes a tensor x, or a tuple of tensors, got list"),
    "no axis": (spiking_net, torch.tensor(1.0), {}, ValueError, r"x must have an axis for the batch"),
    "no input": (spiking_net, (), {}, TypeError, "takes a tensor x, or a tuple of tensors, got tuple"),
    "unknown format": (spiking_net, X, {"format": "gif"}, ValueError, "format must be one of 'torch', .*, got 'gif'"),
    "unknown over": (spiking_net, X, {"over": "all"}, ValueError, "over must be 'step' or 'sequence', got 'all'"),
    "unknown axis": (
        spiking_net,
        X,
        {"dynamic": ("width",)},
        ValueError,
        r"dynamic must name some of .*, got \('width',\)",
    ),
    "one axis as text": (
        spiking_net,
        X,
        {"dynamic": "batch"},
        ValueError,
        "dynamic must name .* in a tuple, got 'batch'",
    ),
    "mismatched sample": (
        lambda: spiking_net(nn.Linear(4, 3)),
        X,
        {},
        ValueError,
        r"Sequential does not take \[3, 5\] \(float32\): .*mat1 and mat2",
    ),
    "dropout in training": (
        lambda: spiking_net(nn.Dropout()),
        X,
        {},
        ValueError,
        r"'0' \(Dropout\) is in training mode",
    ),
    "normalization in training": (
        lambda: spiking_net(nn.BatchNorm1d(5)),
        X,
        {},
        ValueError,
        r"'0' \(BatchNorm1d\) is in tra",
    ),
    "random slopes in training": (
        lambda: spiking_net(nn.RReLU()),
        X,
        {},
        ValueError,
        r"'0' \(RReLU\) is in training mode",
    ),
    "dropout between recurrent layers in training": (
        lambda: nn.Sequential(nn.LSTM(5, 5, 2, dropout=0.5), Says()),
        torch.rand(4, 3, 5),
        {"over": "sequence"},
        ValueError,
        r"'0' \(LSTM\) is in training mode",
    ),
    "learned delays in training": (
        lambda: spiking_net(snn.DelayedLinear(5, 3, max_delay=4)),
        X,
        {},
        ValueError,
        r"'0' \(DelayedLinear\) is in training mode",
    ),
    "learned delays of images in training, over a sequence": (
        lambda: spiking_net(snn.DelayedConv2d(1, 2, 3, 2)),
        torch.rand(4, 3, 1, 5, 5),
        {"over": "sequence"},
        ValueError,
        r"'0' \(DelayedConv2d\) is in training mode, where .* spreads delays; call net.eval\(\)",
    ),
    "no state kept or passed": (
        lambda: nn.Sequential(snn.Leaky(beta=0.9)),
        X,
        {},
        ValueError,
        r"'0' \(Leaky\) has init_hidden=False and gets no state",
    ),
    "whole sequences by step": (
        lambda: nn.Sequential(snn.StateLeaky(beta=0.8, channels=5)),
        X,
        {},
        ValueError,
        r"'0' \(StateLeaky\) takes the whole sequence at once and has no step; pass over='sequence'",
    ),
    "whole sequences and steps": (
        lambda: spiking_net(snn.StateLeaky(beta=0.8, channels=5, output=False)),
        torch.rand(4, 3, 5),
        {"over": "sequence"},
        ValueError,
        r"'1' \(Leaky\) takes one step after another, but other layers of the net take the whole sequence",
    ),
    "a sequence without time": (
        spiking_net,
        torch.rand(5),
        {"over": "sequence"},
        ValueError,
        r"takes \[T, batch, .*\[5\]",
    ),
    "no steps": (spiking_net, torch.rand(0, 3, 5), {"over": "sequence"}, ValueError, r"the same T and batch; got \[0"),
    "a fixed batch": (
        lambda: spiking_net(Fixed()),
        X[:2],
        {},
        ValueError,
        r"it needs a fixed batch; pass dynamic=\(\)",
    ),
    "a branch on a value": (
        lambda: spiking_net(Branching()),
        X,
        {},
        ValueError,
        "Sequential cannot be traced: Could not",
    ),
    "a count in Python": (
        lambda: spiking_net(Counting()),
        X,
        {},
        ValueError,
        "'out' of the program differs from that of Sequ",
    ),
    "a buffer that changes": (
        lambda: spiking_net(Averaging()),
        X,
        {},
        ValueError,
        "a step of Sequential changes '0.mean'",
    ),
    "text": (lambda: nn.Sequential(Says()), X, {}, TypeError, "the net returns str as 'out.1'; it must return tensors"),
    "a count of steps": (
        lambda: spiking_net(snn.BatchNormTT1d(5, 4).eval()),
        X,
        {},
        ValueError,
        r"'0' \(BatchNormTT1d\) counts its steps outside of any tensor",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_unsupported_net_is_refused_and_leaves_no_file(case: str, tmp_path: pathlib.Path) -> None:
    make, x, options, error, message = REFUSED[case]
    net = make()
    with pytest.raises(error, match=f"^export:? .*{message}"):
        export(net, x, tmp_path / "net.pt2", **({"format": "torch"} | options))
    assert not list(tmp_path.iterdir())
    if isinstance(net, nn.Module):
        assert not any(isinstance(module._kept, tuple) for module in net.modules() if hasattr(module, "_kept"))


@pytest.mark.parametrize("form", [name for name, form in formats.FORMATS.items() if not form.needs])
@pytest.mark.parametrize("shape", [(2, 6), (1, 4), (3,), (2, 3, 4)])
def test_an_input_that_the_net_does_not_take_is_named_by_every_format(
    form: str, shape: tuple[int, ...], tmp_path: pathlib.Path
) -> None:
    net = spiking_net(nn.Linear(5, 3))
    message = rf"^export: Sequential does not take {re.escape(str(list(shape)))} \(float32\): .*mat1 and mat2"
    with pytest.raises(ValueError, match=message):
        export(net, torch.rand(shape), tmp_path / "net.c", format=form)
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_is_an_error_of_the_system(tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("dense")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*make it first"):
        export(net, inputs(1, 3)[0][0], tmp_path / "none" / "net.pt2", format="torch")
    (tmp_path / "net.c").mkdir()
    for form in (name for name, form in formats.FORMATS.items() if not form.needs):
        with pytest.raises(IsADirectoryError, match=r"net\.c is a folder where a file must go; move it away$"):
            export(net, inputs(1, 3)[0][0], tmp_path / "net.c", format=form)
    assert os.listdir(tmp_path) == ["net.c"]


def test_a_file_of_before_outlives_an_export_that_is_refused(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "net.pt2"
    file.write_bytes(b"before")
    with pytest.raises(ValueError, match="cannot be traced"):
        export(spiking_net(Branching()), X, file, format="torch")
    assert file.read_bytes() == b"before"


@pytest.mark.parametrize("name", [name for name, form in formats.FORMATS.items() if form.needs])
def test_missing_packages_of_a_format_are_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    form = formats.FORMATS[name]
    hidden = form.needs[0]

    class Hide:
        @staticmethod
        def find_spec(module: str, *_: Any) -> None:
            if module == hidden:
                raise ModuleNotFoundError(f"No module named {hidden!r}", name=hidden)

    monkeypatch.delitem(sys.modules, hidden, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hide, *sys.meta_path])
    message = rf"^export: format='{name}' needs {hidden}, .*: pip install 'snn-export\[{form.extra}\]'"
    with pytest.raises(ImportError, match=message):
        export(spiking_net(), X, format=name)


def image_net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), snn.Leaky(beta=0.9, init_hidden=True)).eval()


@pytest.mark.parametrize("format", ["torch", "c"])
def test_a_sequence_in_place_of_a_step_is_pointed_out(format: str) -> None:
    net, xs = image_net(), torch.rand(7, 1, 1, 5, 5)
    with pytest.raises(ValueError, match=r"Sequential does not take \[7, 1, 1, 5, 5\]") as error:
        export(net, xs, format=format)
    (note,) = error.value.__notes__
    assert note == "the net takes x[0]; if x is a sequence [T, batch, ...], pass one step, x[0], or over='sequence'"
    assert net[1].mem.shape == (0,)
    export(net, xs[0], format=format)
    if format == "torch":
        export(net, xs, format=format, over="sequence")


def test_a_sample_of_another_dtype_is_pointed_out() -> None:
    with pytest.raises(ValueError, match="should be the same") as error:
        export(image_net(), torch.rand(3, 1, 5, 5, dtype=torch.float64), format="torch")
    (note,) = error.value.__notes__
    assert note == "x has dtype torch.float64, '0.weight' of the net torch.float32: pass x.float()"


def test_a_sample_that_the_net_does_not_take_at_all_has_no_note() -> None:
    with pytest.raises(ValueError, match="does not take") as error:
        export(image_net(), torch.rand(3, 2, 5, 5), format="torch")
    assert not hasattr(error.value, "__notes__")


def test_labels_of_a_net_that_takes_integers_are_not_blamed() -> None:
    net = nn.Sequential(nn.Embedding(7, 5), nn.Linear(4, 3), snn.Leaky(beta=0.9, init_hidden=True)).eval()
    with pytest.raises(ValueError, match="shapes cannot be multiplied") as error:
        export(net, torch.tensor([3, 1]), format="torch")
    assert not hasattr(error.value, "__notes__")


def test_a_step_in_place_of_a_sequence_is_refused_with_the_shape_of_a_sequence() -> None:
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True)).eval()
    words = (
        r"whose axis 0 is not the batch; .*; a step has shape \[5\], and over='sequence' takes \[T, batch, \.\.\.\]$"
    )
    with pytest.raises(ValueError, match=words):
        export(net, torch.rand(3, 5), format="torch", over="sequence")
