"""A net comes back from its file as it was saved; any other file is refused, with everything that is wrong."""

from __future__ import annotations

import copy
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import snn_core as snn

from .forging import forged, parts, resealed
from .zoo import NEURONS, WHOLE, Case, call_loop

OLDER = Path(__file__).parent / "data" / "saved-0.5.1.safetensors"


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 7), snn.Leaky(beta=0.9, init_hidden=True), nn.Linear(7, 3), snn.Leaky(beta=0.8))


@pytest.mark.parametrize("case", NEURONS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_every_neuron_comes_back_with_its_state(case: Case, dtype: torch.dtype, tmp_path) -> None:
    saved, xs = case.make(init_hidden=True).to(dtype), case.input().to(dtype)
    for p in saved.parameters():
        p.data += 0.125
    call_loop(saved, xs)
    snn.save(tmp_path / "net", saved, state=True)
    loaded = case.make(init_hidden=True).to(dtype)
    snn.load(tmp_path / "net", loaded, state=True)
    assert all(
        torch.equal(a, b) for a, b in zip(saved.state_dict().values(), loaded.state_dict().values(), strict=True)
    )
    assert all(torch.equal(a, b) for a, b in zip(saved._kept, loaded._kept, strict=True))
    assert type(loaded._kept) is loaded.State
    torch.testing.assert_close(loaded(xs[0]), saved(xs[0]), rtol=0, atol=0)


def of_numbers(make: Any, numbers: str) -> nn.Module:
    """A module whose saved constants and weights were moved, out of their ranges if its number is too."""
    module = make()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.is_floating_point() and name in module.state_dict():
                noise = 6 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64) - 3
                tensor.copy_({"outside": noise, "inside": noise.sigmoid(), "0": 0 * noise, "1": 0 * noise + 1}[numbers])
    return module


@pytest.mark.parametrize("numbers", ["outside", "inside", "0", "1"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "make",
    [*(case.make for case in NEURONS), *WHOLE.values(), lambda: snn.StateLeaky(torch.rand(64), channels=64)],
    ids=[*map(str, NEURONS), *WHOLE, "StateLeaky of one beta a neuron"],
)
def test_every_tensor_comes_back_bit_for_bit(make: Any, dtype: torch.dtype, numbers: str, tmp_path) -> None:
    saved = of_numbers(lambda: make().to(dtype), numbers)
    before = {name: tensor.clone() for name, tensor in saved.state_dict().items()}
    snn.save(tmp_path / "net", saved)
    loaded, copied, whole = (make().to(dtype) for _ in range(3))
    snn.load(tmp_path / "net", loaded)
    copied.load_state_dict(dict(before))
    whole.load_state_dict(saved.state_dict())
    for module in (loaded, copied, whole):
        torch.testing.assert_close(dict(module.state_dict()), before, rtol=0, atol=0, equal_nan=True)


def test_a_bounded_decay_of_a_whole_sequence_comes_back(tmp_path) -> None:
    saved, loaded = (snn.bounded(snn.StateLeaky(beta=beta, channels=3), "beta") for beta in (0.123, 0.9))
    snn.save(tmp_path / "net", saved)
    snn.load(tmp_path / "net", loaded)
    assert torch.equal(loaded.beta, saved.beta)


@pytest.mark.parametrize("state", [True, False, 1, 0, None, "yes", "", 1.0, torch.tensor(True)], ids=repr)
def test_a_file_that_is_saved_can_be_loaded(state: Any, tmp_path) -> None:
    if isinstance(state, bool):
        snn.save(tmp_path / "net", net(), state=state)
        snn.load(tmp_path / "net", net(), state=state)
        return
    with pytest.raises(TypeError, match=re.escape(f"save: state must be True or False, got {state!r}")):
        snn.save(tmp_path / "net", net(), state=state)
    assert os.listdir(tmp_path) == []


def test_a_file_says_what_it_is_of(tmp_path) -> None:
    saved = net()
    snn.save(tmp_path / "net", saved, dt=1e-3, seeds={"data": 7}, extra={"accuracy": [0.5, None]})
    loaded = snn.load(tmp_path / "net")
    assert (loaded.dt, loaded.seeds, loaded.extra, loaded.states) == (1e-3, {"data": 7}, {"accuracy": [0.5, None]}, {})
    assert loaded.classes["1"] == "snn_core.neurons.leaky.Leaky"
    assert loaded.classes[""] == "torch.nn.modules.container.Sequential"
    assert loaded.versions == {"snn-core": snn.__version__, "torch": version("torch")}
    assert loaded.options["3"] == {
        "reset_delay": True,
        "inhibition": False,
        "state_quant": False,
        "zero_drops_input": False,
        "spike_grad": repr(saved[3].spike_grad),
    }
    torch.testing.assert_close(loaded.tensors, dict(saved.state_dict()), rtol=0, atol=0)


def test_a_shared_parameter_is_stored_once_and_stays_shared(tmp_path) -> None:
    def tied() -> nn.Sequential:
        net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), snn.Leaky(beta=0.9))
        net[1].weight = net[0].weight
        return net

    saved, loaded = tied(), tied()
    snn.save(tmp_path / "net", saved)
    header, numbers = parts(tmp_path / "net")
    assert "0.weight" in header
    assert "1.weight" not in header
    assert len(numbers) == sum(t.nbytes for t in saved.state_dict().values()) - saved[0].weight.nbytes
    snn.load(tmp_path / "net", loaded)
    assert loaded[0].weight is loaded[1].weight
    assert torch.equal(loaded[1].weight, saved[0].weight)
    apart = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), snn.Leaky(beta=0.9))
    snn.load(tmp_path / "net", apart)
    assert torch.equal(apart[1].weight, saved[0].weight)
    assert apart[0].weight is not apart[1].weight
    apart[1].weight.data += 1
    snn.save(tmp_path / "apart", apart)
    with pytest.raises(ValueError, match=r"'1\.weight' and '0\.weight' are one parameter of the net but differ"):
        snn.load(tmp_path / "apart", loaded)


def test_a_bounded_constant_and_statistics_come_back(tmp_path) -> None:
    def bounded_net(beta: float) -> nn.Sequential:
        return nn.Sequential(nn.BatchNorm1d(3), snn.bounded(snn.Leaky(beta=beta, learn_beta=True), "beta"))

    saved, loaded = bounded_net(0.3), bounded_net(0.9)
    saved[0](torch.randn(5, 3))
    snn.save(tmp_path / "net", saved)
    snn.load(tmp_path / "net", loaded)
    assert torch.equal(loaded[1].beta, saved[1].beta)
    assert torch.equal(loaded[0].running_mean, saved[0].running_mean)


def test_a_loaded_reset_mechanism_changes_what_the_neuron_does(tmp_path) -> None:
    neuron = snn.Leaky(beta=0.9)
    snn.save(tmp_path / "net", snn.Leaky(beta=0.9, reset_mechanism="zero"))
    snn.load(tmp_path / "net", neuron)
    assert neuron.reset_mechanism == "zero"


def test_a_file_of_another_net_is_refused_by_everything_that_differs_and_changes_nothing(tmp_path) -> None:
    snn.save(tmp_path / "net", net())
    other = nn.Sequential(
        nn.Linear(5, 6),
        snn.Synaptic(0.9, 0.8, init_hidden=True),
        nn.Linear(6, 3).double(),
        snn.Leaky(beta=0.8, inhibition=True, reset_delay=False),
    )
    before = {name: t.clone() for name, t in other.state_dict().items()}
    with pytest.raises(ValueError) as error:
        snn.load(tmp_path / "net", other)
    for fault in (
        "'1' is a Leaky in the file and Synaptic in the net",
        "'0.weight' is [7, 5] in the file and [6, 5] in the net",
        "'2.weight' is torch.float32 in the file and torch.float64 in the net",
        "'1.alpha' is in the net only",
        "'3.inhibition' is False in the file and True in the net",
        "'3.reset_delay' is True in the file and False in the net",
    ):
        assert fault in str(error.value)
    torch.testing.assert_close(dict(other.state_dict()), before, rtol=0, atol=0)


SETTINGS: dict[str, tuple[Any, Any, str]] = {  # two nets that compute something else, and what says so
    "DeltaLeaky": (
        lambda: snn.DeltaLeaky(0.5, beta=0.9),
        lambda: snn.DeltaLeaky(torch.tensor([0.5, 1.0]), beta=0.9),
        "'0.delta_threshold' is 0.5 in the file and [0.5, 1.0] in the net",
    ),
    "DeltaLeaky that never fires": (
        lambda: snn.DeltaLeaky(float("inf"), beta=0.9),
        lambda: snn.DeltaLeaky(1.0, beta=0.9),
        "'0.delta_threshold' is inf in the file and 1.0 in the net",
    ),
    "StateLeaky": (
        lambda: snn.StateLeaky(0.9, 3, kernel_truncation_steps=4),
        lambda: snn.StateLeaky(0.9, 3),
        "'0.kernel_truncation_steps' is 4 in the file and None in the net",
    ),
    "LinearLeaky": (
        lambda: snn.LinearLeaky(0.9, 3, 2),
        lambda: snn.LinearLeaky(0.9, 3, 2, kernel_truncation_steps=4),
        "'0.kernel_truncation_steps' is None in the file and 4 in the net",
    ),
    "SConv2dLSTM": (
        lambda: snn.SConv2dLSTM(1, 2, 3, max_pool=2),
        lambda: snn.SConv2dLSTM(1, 2, 3, avg_pool=(2, 1)),
        "'0.avg_pool' is 0 in the file and [2, 1] in the net; '0.max_pool' is 2 in the file and 0 in the net",
    ),
    "LeakyParallel": (
        lambda: snn.LeakyParallel(3, 2),
        lambda: snn.LeakyParallel(3, 2, weight_hh_enable=True),
        "'0.full' is False in the file and True in the net",
    ),
    "RLeaky": (
        lambda: snn.RLeaky(0.9, V=0.5, all_to_all=False, max_delay=3, delay=1.0),
        lambda: snn.RLeaky(0.9, V=0.5, all_to_all=False, max_delay=2, delay=1.0),
        "'0.max_delay' is 3 in the file and 2 in the net",
    ),
    "AxonalDelay": (
        lambda: snn.AxonalDelay(3, kernel="gaussian", sigma=0.5),
        lambda: snn.AxonalDelay(3),
        "'0.kernel' is gaussian in the file and linear in the net; '0.sigma' is 0.5 in the file and 1.0 in the net",
    ),
    "DelayedLinear": (
        lambda: snn.DelayedLinear(3, 2, 4),
        lambda: snn.DelayedLinear(3, 2, 5),
        "'0.max_delay' is 4 in the file and 5 in the net",
    ),
    "PSN": (lambda: snn.PSN(4), lambda: snn.PSN(4, 2), "'0.order' is None in the file and 2 in the net"),
    "AdEx": (
        lambda: snn.AdEx(),
        lambda: snn.AdEx(detach_reset=False),
        "'0.detach_reset' is True in the file and False in the net",
    ),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_setting_that_is_in_no_state_dict_is_in_the_file_and_must_agree(kind: str, tmp_path) -> None:
    saved, other, message = SETTINGS[kind]
    snn.save(tmp_path / "net", nn.Sequential(saved()))
    snn.load(tmp_path / "net", nn.Sequential(saved()))
    with pytest.raises(ValueError, match=rf"does not fit this Sequential: {re.escape(message)}$"):
        snn.load(tmp_path / "net", nn.Sequential(other()))
    forged(tmp_path / "net", resealed(lambda m: m.update(options={})))  # as older versions wrote it
    snn.load(tmp_path / "net", nn.Sequential(other()))


def test_a_setting_of_a_lone_neuron_has_no_path(tmp_path) -> None:
    snn.save(tmp_path / "net", snn.DeltaLeaky(0.5, beta=0.9))
    with pytest.raises(ValueError, match=r"DeltaLeaky: 'delta_threshold' is 0\.5 in the file and 1\.0 in the net$"):
        snn.load(tmp_path / "net", snn.DeltaLeaky(1.0, beta=0.9))


@pytest.mark.parametrize(
    ("saved", "same"),
    [
        (lambda: snn.DeltaLeaky(0.3, beta=0.9), lambda: snn.DeltaLeaky(torch.full((3,), 0.3), beta=0.9)),
        (lambda: snn.SConv2dLSTM(1, 2, 3, max_pool=2), lambda: snn.SConv2dLSTM(1, 2, (3, 3), max_pool=(2, 2))),
        (lambda: snn.AxonalDelay(3, sigma=2), lambda: snn.AxonalDelay(3, sigma=2.0)),
    ],
)
def test_a_setting_may_be_written_in_another_way(saved: Any, same: Any, tmp_path) -> None:
    snn.save(tmp_path / "net", saved())
    snn.load(tmp_path / "net", same())


def test_an_object_is_left_out_of_the_settings(tmp_path) -> None:
    def own() -> snn.Leaky:
        neuron = snn.Leaky(beta=0.9)
        neuron.kernel, neuron.order = torch.sin, 3
        return neuron

    snn.save(tmp_path / "net", own())
    options = snn.load(tmp_path / "net", own()).options[""]
    assert options["order"] == 3
    assert "kernel" not in options


def test_states_are_loaded_if_the_file_has_any(tmp_path) -> None:
    snn.save(tmp_path / "net", net())
    with pytest.raises(ValueError, match=r"it contains no states; save the net with save\(\.\.\., state=True\)"):
        snn.load(tmp_path / "net", net(), state=True)
    with pytest.raises(TypeError, match="with state=True, got NoneType"):
        snn.load(tmp_path / "net", state=True)


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch) -> None:
    snn.save(tmp_path / "net", net())
    before = (tmp_path / "net").read_bytes()

    def fails(tensor: Tensor) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", lambda *_: fails(torch.zeros(1)))
    with pytest.raises(OSError, match="disk full"):
        snn.save(tmp_path / "net", net())
    assert (tmp_path / "net").read_bytes() == before
    assert os.listdir(tmp_path) == ["net"]


def test_a_file_has_the_permissions_of_any_new_file(tmp_path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    snn.save(tmp_path / "net", net())
    assert (tmp_path / "net").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_file_cut_short_anywhere_is_refused(share: float, tmp_path) -> None:
    snn.save(tmp_path / "net", net())
    data = (tmp_path / "net").read_bytes()
    (tmp_path / "net").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="damaged or not a safetensors file"):
        snn.load(tmp_path / "net")


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_file_with_any_bit_turned_is_refused_or_the_same(tmp_path_factory, at: int, bit: int) -> None:
    path = tmp_path_factory.mktemp("files") / "net"
    torch.manual_seed(0)
    saved = nn.Sequential(nn.Linear(2, 2), snn.Leaky(beta=0.9))
    snn.save(path, saved)
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"damaged|no manifest|another checksum"):
        snn.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["0.weight"].update(shape=[7, 6]), "invalid shape, data type, or offset for tensor"),
        (lambda h: h["0.weight"].update(shape=[2**62, 4]), "overflow computing buffer size"),
        (lambda h: h["0.weight"].update(shape=[5, 7]), "'0.weight' does not have the shape given in its manifest"),
        (lambda h: h["0.weight"].update(shape=[-7, -5]), "invalid value: integer `-7`"),
        (lambda h: h["0.weight"].update(shape=[True, 35]), "invalid type: boolean `true`"),
        (lambda h: h["0.weight"].update(dtype="F5"), "unknown variant `F5`"),
        (lambda h: h["0.weight"].update(dtype="F4"), "is damaged or not a safetensors file"),
        (lambda h: h["0.weight"].update(dtype="I32"), "'0.weight' does not have the dtype given in its manifest"),
        (lambda h: h.pop("0.weight"), "invalid offset for tensor"),
        (lambda h: h.update(more=h["0.weight"]), "invalid offset for tensor"),
        (
            lambda h: h.update(more={"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}),
            "'more' is not in its manifest",
        ),
        (lambda h: h.update(__metadata__=[]), "invalid JSON in header"),
        (lambda h: h.pop("__metadata__"), "has no manifest"),
        (lambda h: h["__metadata__"].update(snn="{}"), "the checksum of its manifest is not the one"),
        (resealed(lambda m: m.update(format=2)), "has format 2; this version reads 1"),
        (resealed(lambda m: m.pop("shared")), "its manifest has no 'shared'"),
        (resealed(lambda m: m.pop("tensors")), "its manifest describes no tensors"),
        (resealed(lambda m: m["tensors"].pop("0.bias")), "'0.bias' is not in its manifest"),
        (resealed(lambda m: m["shared"].update(x="y")), "'x' is the same tensor as 'y', which is not in the file"),
    ],
)
def test_a_forged_header_is_refused_by_name(change: Any, message: str, tmp_path) -> None:
    snn.save(tmp_path / "net", net())
    forged(tmp_path / "net", change)
    with pytest.raises(ValueError, match=re.escape(message)):
        snn.load(tmp_path / "net", net())


def test_an_unknown_entry_in_the_description_of_a_tensor_changes_nothing(tmp_path) -> None:
    saved = net()
    snn.save(tmp_path / "net", saved)
    forged(tmp_path / "net", lambda h: h["0.weight"].update(more=1))
    torch.testing.assert_close(snn.load(tmp_path / "net", net()).tensors, dict(saved.state_dict()), rtol=0, atol=0)


def test_a_file_of_0_5_1_loads_bit_for_bit_and_is_written_again_in_the_same_way(tmp_path) -> None:
    def tied() -> nn.Sequential:
        net = nn.Sequential(
            nn.Linear(3, 3), snn.Synaptic(0.9, 0.8, init_hidden=True), nn.Linear(3, 3), snn.Leaky(0.8, init_hidden=True)
        )
        net[2].weight = net[0].weight
        return net

    saved, loaded = tied(), tied()
    with torch.no_grad():
        for at, parameter in enumerate(saved.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) / 8 - at / 4)
    for _ in range(2):
        saved(torch.ones(2, 3))
    contents = snn.load(OLDER, loaded, state=True)
    assert (contents.dt, contents.seeds, contents.extra) == (1e-3, {"data": 7}, {"accuracy": [0.5, None]})
    assert contents.versions["snn-core"] == "0.5.1"
    torch.testing.assert_close(dict(loaded.state_dict()), dict(saved.state_dict()), rtol=0, atol=0)
    for path, name in ((1, "syn"), (1, "mem"), (3, "mem")):
        torch.testing.assert_close(getattr(loaded[path], name), getattr(saved[path], name).detach(), rtol=0, atol=0)
    snn.save(tmp_path / "net", loaded, state=True)
    (header, numbers), (former, former_numbers) = parts(tmp_path / "net"), parts(OLDER)
    assert numbers == former_numbers
    assert {**header, "__metadata__": None} == {**former, "__metadata__": None}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: snn.save(p, [torch.ones(1)]), "save: net must be a nn.Module, got list. Fix: save(path, net)"),
        (lambda p: snn.save(net(), str(p)), "save: net must be a nn.Module, got str. Fix: save(path, net)"),
        (lambda p: snn.load(p, [torch.ones(1)]), "load: net must be a nn.Module or None, got list. Fix: load(path"),
        (lambda p: snn.save(p, net(), extra={1j}), "a manifest can store only what JSON can represent"),
        (lambda p: snn.save(p, net(), extra=[float("nan")]), "a manifest can store only what JSON can represent"),
        (lambda p: snn.save(p, net(), extra={1: 2}), "a manifest can store only what JSON can represent"),
        (
            lambda p: snn.save(p, net(), extra=[{"a": ({2.5: 1},)}]),
            "dicts with strings as keys): the key 2.5 is not a string",
        ),
        (lambda p: snn.save(p, net(), extra=itself()), "it is nested deeper than 100 levels"),
        (lambda p: snn.save(p, net(), dt=float("nan")), "dt must be a positive and finite number of seconds, got nan"),
        (lambda p: snn.save(p, net(), dt=0), "dt must be a positive and finite number of seconds, got 0"),
        (lambda p: snn.save(p, net(), dt="abc"), "dt must be the length of a time step in seconds, or None, got 'abc'"),
        (lambda p: snn.save(p, net(), dt=True), "dt must be the length of a time step in seconds, or None, got True"),
        (lambda p: snn.save(p, net(), seeds={"a": 1.5}), "seeds must be whole numbers by name, such as {'torch': 0}"),
        (lambda p: snn.save(p, net(), seeds={"a": True}), "seeds must be whole numbers by name"),
        (lambda p: snn.save(p, net(), seeds={1: 2}), "seeds must be whole numbers by name"),
        (lambda p: snn.save(p, net(), seeds=7), "seeds must be whole numbers by name"),
        (
            lambda p: snn.save(p, nn.ModuleDict({"state/x": nn.Linear(2, 2)})),
            "'state/x.weight', 'state/x.bias' begins with 'state/'",
        ),
        (lambda p: snn.save(p, named("__metadata__")), "a file cannot store a tensor named '__metadata__'"),
        (lambda p: snn.save(p, named("\ud800")), "a file cannot store a tensor named '\\ud800'"),
        (lambda p: snn.save(p, nn.Sequential(nn.LazyLinear(3))), "'0.weight', '0.bias' has no shape yet"),
        (lambda p: snn.save(p, nn.Linear(2, 2, dtype=torch.complex64)), "'weight' is torch.complex64"),
        (lambda p: snn.save(p, nn.Linear(2, 2, device="meta")), "on meta; a file can store only dense tensors"),
    ],
)
def test_an_unsupported_net_is_not_saved_and_leaves_no_file(call: Any, message: str, tmp_path) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call(tmp_path / "net")
    assert os.listdir(tmp_path) == []


def itself() -> list[Any]:
    inside: list[Any] = []
    inside += [inside, inside]
    return inside


def named(name: str) -> nn.Module:
    module = nn.Module()
    module.register_parameter(name, nn.Parameter(torch.ones(2)))
    return module


@pytest.mark.parametrize("name", ["a/b", "states", "STATE/x", "é", "", "snn"])
def test_every_other_name_comes_back(name: str, tmp_path) -> None:
    saved = nn.ModuleDict({name: nn.Linear(2, 2)}) if name else nn.Linear(2, 2)
    snn.save(tmp_path / "net", saved)
    target = copy.deepcopy(saved)
    for parameter in target.parameters():
        parameter.data.zero_()
    snn.load(tmp_path / "net", target)
    torch.testing.assert_close(dict(target.state_dict()), dict(saved.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_stays_one_and_leads_to_the_file(there: bool, tmp_path) -> None:
    (tmp_path / "runs").mkdir()
    where = tmp_path / "runs" / "net"
    if there:
        where.write_bytes(b"before")
    (tmp_path / "latest").symlink_to(Path("runs") / "net")
    snn.save(tmp_path / "latest", net())
    assert (tmp_path / "latest").is_symlink()
    assert not where.is_symlink()
    assert os.listdir(tmp_path / "runs") == ["net"]
    assert sorted(os.listdir(tmp_path)) == ["latest", "runs"]
    assert snn.load(where).classes == snn.load(tmp_path / "latest").classes


def test_a_file_of_torch_is_distinguished_from_a_damaged_one(tmp_path) -> None:
    torch.save(net().state_dict(), tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"net\.pt is a zip file, such as torch\.save writes.*load_state_dict\(torch"):
        snn.load(tmp_path / "net.pt", net())


def test_a_missing_folder_is_named_instead_of_the_file_inside_it(tmp_path) -> None:
    where = tmp_path / "missing" / "net"
    message = f"{where}: there is no folder {str(where.parent)!r}; make it first"
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        snn.save(where, net())


def test_not_a_number_comes_back_as_it_was(tmp_path) -> None:
    saved = nn.Linear(2, 2)
    saved.weight.data.fill_(float("nan"))
    snn.save(tmp_path / "net", saved)
    assert snn.load(tmp_path / "net", nn.Linear(2, 2)).tensors["weight"].isnan().all()


def test_a_lapicque_neuron_whose_beta_has_no_axis_loads_into_one_of_this_version(tmp_path) -> None:
    saved, fresh = (snn.Lapicque(R=R, C=0.5, time_step=0.1) for R in (5.1, 3.0))
    saved.beta = saved.beta.reshape(())  # as it was in 0.5.0
    snn.save(tmp_path / "net", saved)
    snn.load(tmp_path / "net", fresh)
    assert fresh.beta.shape == (1,)
    assert fresh.beta.item() == saved.beta.item() != snn.Lapicque(R=3.0, C=0.5, time_step=0.1).beta.item()


@pytest.mark.parametrize("link", [False, True])
def test_a_folder_where_the_file_must_go_is_named(link: bool, tmp_path) -> None:
    folder = tmp_path / "net.safetensors"
    folder.mkdir()
    where = tmp_path / "link.safetensors" if link else folder
    if link:
        where.symlink_to(folder)
    message = f"{folder} is a folder where a file must go; move it away"
    with pytest.raises(IsADirectoryError, match=f"^{re.escape(message)}$"):
        snn.save(where, net())
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, where.name}
    assert not [*folder.iterdir()]
