"""Bundles: no pickle, versioned, and checked before anything is computed."""

from __future__ import annotations

import copy
import json
import pathlib
import subprocess
import sys
import zipfile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
import snn_ipu
from snn_ipu.program import arrays, bundle

from . import nets


def deep_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 3, 3),
        snn.Leaky(beta=0.9, init_hidden=True, spike_grad=nets.SURROGATES["SFS"]),
        nn.Flatten(),
        nn.Linear(9, 4),
        snn.Alpha(alpha=0.9, beta=0.8, learn_alpha=True, init_hidden=True, output=True),
    )


XS = torch.linspace(-2, 4, 6 * 3 * 10).reshape(6, 3, 2, 5)


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    snn_ipu.export(deep_net(), XS, tmp_path / "bundle", loss="ce_count")
    return tmp_path / "bundle"


def test_a_loaded_program_is_the_lowered_one(tmp_path):
    net = deep_net()
    snn_ipu.export(net, XS, tmp_path)
    for result, expected in zip(snn_ipu.load(tmp_path)(XS.transpose(0, 1)), snn.unroll(net, XS)):
        torch.testing.assert_close(result.transpose(0, 1), expected)


class Masked(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x, -torch.inf).clamp(max=torch.inf), torch.where(x > 0, x, torch.nan)


def test_numbers_that_are_not_finite_come_back(tmp_path):
    snn_ipu.export(Masked(), XS, tmp_path)
    json.loads((tmp_path / "program.json").read_text(), parse_constant=pytest.fail)
    for result, expected in zip(snn_ipu.load(tmp_path)(XS.transpose(0, 1)), Masked()(XS)):
        torch.testing.assert_close(result.transpose(0, 1), expected, rtol=0, atol=0, equal_nan=True)


def test_a_bundle_is_two_plain_files(folder):
    assert sorted(file.name for file in folder.iterdir()) == ["program.json", "weights.npz"]
    description = json.loads((folder / "program.json").read_text())
    assert (description["format"], description["version"]) == (bundle.FORMAT, bundle.VERSION)
    with zipfile.ZipFile(folder / "weights.npz") as file:
        assert {name[: -len(".npy")] for name in file.namelist()} == set(description["weights"])


def test_the_same_net_makes_the_same_bytes(tmp_path):
    net = deep_net()
    for name in ("a", "b"):
        snn_ipu.export(net, XS, tmp_path / name)
    for file in ("program.json", "weights.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_loading_and_running_needs_torch_alone(folder, tmp_path):
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "snn_core":
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refuse())
import torch, snn_ipu
from snn_ipu.device import compiled_op, place, running, sdk
program = snn_ipu.load({str(folder)!r})
step = program.training(torch.optim.SGD(program.parameters(), 0.1))
outputs, loss = step(torch.ones(3, 6, 2, 5), torch.tensor([0, 1, 2]))
program.save({str(tmp_path / "trained.npz")!r})
print(loss.shape, len(snn_ipu.weights({str(tmp_path / "trained.npz")!r})))
"""
    command = [sys.executable, "-W", "ignore:Failed to initialize NumPy", "-c", program]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == ["torch.Size([])", str(len(deep_net().state_dict()))]


def changed(folder: pathlib.Path, change) -> None:
    """Change the description, and keep it well-formed JSON."""
    description = json.loads((folder / "program.json").read_text())
    change(description)
    (folder / "program.json").write_text(json.dumps(description))


def neuron(description):
    return next(node for node in description["nodes"] if node["kind"] == "neuron")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.update(version=2), "a bundle of version 2, but this snn-ipu reads 1"),
        (lambda d: d.update(format="other"), "does not describe a program of snn-ipu"),
        (lambda d: d.update(weights_sha256="0" * 64), "is not the file that was written with program.json"),
        (lambda d: d.pop("output"), "has the parts"),
        (lambda d: d.update(extra=1), "has the parts"),
        (lambda d: d["input"].update(num_steps=0), "has 0 steps"),
        (lambda d: d["input"].update(shape=[-1]), "takes input of shape"),
        (lambda d: d["input"].update(dtype="bfloat16"), "input of an unknown kind"),
        (lambda d: d["weights"].pop("0.weight"), "does not name the weights"),
        (lambda d: d["weights"]["0.weight"].update(shape=[1]), "describes a weight '0.weight'"),
        (lambda d: d["nodes"][0].update(op="system"), "uses the operation 'system'"),
        (lambda d: d["nodes"][0].update(op="__reduce__"), "uses the operation '__reduce__'"),
        (lambda d: d["nodes"][0].update(kind="eval"), "has a node of kind 'eval'"),
        (lambda d: d["nodes"][0]["args"].append({"v": "v999"}), r"uses \['v999'\] before computing it"),
        (lambda d: d["nodes"][0]["args"].append({"pickle": "x"}), "has a 'pickle'"),
        (lambda d: d["nodes"][0]["args"].append({"float": "1e400"}), "has a 'float'"),
        (lambda d: d["nodes"][0].update(outs=[]), "drops the result of"),
        (lambda d: neuron(d).update(input="v999"), "feeds 'v999' to '1'"),
        (lambda d: neuron(d).update(results=["v999"]), "keeps a value that '1' never computes"),
        (lambda d: neuron(d)["step"][-1].update(surrogate={"name": "os.system"}), "uses the surrogate 'os.system'"),
        (
            lambda d: neuron(d)["step"][-1].update(surrogate={"name": "atan", "params": [1.0, 2.0]}),
            "gives the surrogate 'atan' the parameters",
        ),
        (lambda d: d.update(output={"v": "v999"}), "returns a value that it never computes"),
        (lambda d: d["loss"].update(name="mine"), "uses the loss 'mine'"),
        (lambda d: d["loss"].update(of=7), "has a loss of no output"),
        (lambda d: d["loss"].update(reduction="max"), "reduces its loss by 'max'"),
        (lambda d: d["loss"].update(classes=-4), "has -4 classes"),
        (lambda d: d["loss"].update(weight=[1.0]), "has more or fewer weights than classes"),
        (lambda d: d.update(nodes=3), "malformed"),
        (lambda d: d.update(input=None), "malformed"),
    ],
)
def test_a_changed_description_is_refused(folder, change, text):
    changed(folder, change)
    with pytest.raises(snn_ipu.BundleError, match=text):
        snn_ipu.load(folder)


@pytest.mark.parametrize("name", ["program.json", "weights.npz"])
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder, name, share):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(snn_ipu.BundleError):
        snn_ipu.load(folder)


@pytest.mark.parametrize("name", ["program.json", "weights.npz"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(snn_ipu.BundleError, match=f"contains no {name}"):
        snn_ipu.load(folder)


@given(data=st.data())
def test_a_program_with_any_changed_value_loads_or_is_refused(data):
    description, tensors = _described()
    changed_description = copy.deepcopy(description)
    spot, key = data.draw(st.sampled_from(_spots(changed_description)))
    spot[key] = data.draw(st.sampled_from([None, -1, 1.5, "x", [], {}, {"v": "x"}, True]))
    try:
        bundle.validate(changed_description, tensors)
    except snn_ipu.BundleError:
        return
    snn_ipu.Program(changed_description, tensors)


def _described():
    program = snn_ipu.lower(nets.projected("leaky"), nets.example(), loss="ce_rate")
    return program.description, program.tensors()


def _spots(value, spots=None):
    spots = [] if spots is None else spots
    for key in range(len(value)) if isinstance(value, list) else value:
        spots.append((value, key))
        if isinstance(value[key], (list, dict)):
            _spots(value[key], spots)
    return spots


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (5, 7)])
def test_arrays_of_every_dtype_and_shape_come_back(tmp_path, dtype, shape):
    array = (10 * torch.randn(shape)).to(dtype)
    arrays.write(tmp_path / "a.npz", {"a.b": array})
    (name, result), *rest = arrays.read(tmp_path / "a.npz").items()
    assert (name, rest, result.dtype, result.shape) == ("a.b", [], dtype, array.shape)
    assert result.equal(array)


@pytest.mark.parametrize("size", [2**31, 2**32 + 5])
def test_all_bytes_of_a_large_array_are_read(size, monkeypatch):
    # memory that nothing writes takes no room, and neither does its length
    monkeypatch.setattr(arrays, "bytes", len, raising=False)
    assert arrays.bytes_of(torch.empty(size, dtype=torch.uint8)) == size


def test_arrays_that_are_not_contiguous_are_written_in_order(tmp_path):
    array = torch.arange(6).reshape(2, 3).t()
    arrays.write(tmp_path / "a.npz", {"a": array})
    assert arrays.read(tmp_path / "a.npz")["a"].equal(array)


def test_an_array_that_is_the_negative_of_what_its_memory_holds_is_written_as_what_it_is(tmp_path):
    arrays.write(tmp_path / "a.npz", {"a": torch._neg_view(torch.tensor([1.0, -2.0]))})
    assert arrays.read(tmp_path / "a.npz")["a"].tolist() == [-1, 2]


def test_a_dtype_without_a_code_is_named(tmp_path):
    with pytest.raises(snn_ipu.ArrayError, match=r"'a' has dtype torch.bfloat16"):
        arrays.write(tmp_path / "a.npz", {"a": torch.zeros(1, dtype=torch.bfloat16)})


def _npz(path, name, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr(name, content)
    return path


def _npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", b"", "contains only .npy files"),
        ("a.npy", b"", "is not a .npy file"),
        ("a.npy", b"\x93NUMPY\x03\x00", "is not a .npy file"),
        ("a.npy", b"\x93NUMPY\x01\x00", "not a readable .npz"),
        ("a.npy", _npy("{"), "has no readable header"),
        ("a.npy", _npy("__import__('os')"), "has no readable header"),
        ("a.npy", _npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}", b"x"), "contains '|O'"),
        ("a.npy", _npy("{'descr': ['<f4'], 'fortran_order': False, 'shape': ()}", b"x"), "a bundle contains numbers"),
        ("a.npy", _npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", b"abcd"), "in C order"),
        ("a.npy", _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", b"abcd"), "the 2 numbers"),
        ("a.npy", _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10**18,)}", b""), "has no readable header"),
        ("a.npy", _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,)}"), "the 99999999999 numbers"),
        ("a.npy", _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"), "a shape is a tuple of sizes"),
    ],
)
def test_a_hostile_array_is_refused(tmp_path, name, content, text):
    with pytest.raises(snn_ipu.ArrayError, match=text.replace("|", r"\|")):
        arrays.read(_npz(tmp_path / "a.npz", name, content))


def test_a_compressed_array_is_refused_before_it_is_inflated(tmp_path):
    bomb = _npz(tmp_path / "a.npz", "a.npy", b"\0" * 10_000_000, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 20_000
    with pytest.raises(snn_ipu.ArrayError, match="is compressed"):
        arrays.read(bomb)


def test_an_encrypted_array_is_refused(tmp_path):
    arrays.write(tmp_path / "a.npz", {"a": torch.ones(2)})
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the list of members
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(snn_ipu.ArrayError, match=r"is not a readable \.npz file: .*encrypted"):
        arrays.read(tmp_path / "a.npz")
