"""A file that was changed by hand loads whole or is refused by a ValueError that names it; the net stays as it was."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import snn_core as snn

from .forging import forged, resealed

Change = Callable[[dict[str, Any]], Any]

ODD = [None, True, 0, -1, 7, 2**62, 2**63, 10**30, 1.5, "", "abc", "\ud800", [], {}, [[]], {"": None}, [1, 2], {"a": 1}]
VALUES = st.sampled_from(ODD) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def net() -> nn.Sequential:
    net = nn.Sequential(
        nn.Linear(2, 2), snn.Synaptic(0.9, 0.8, init_hidden=True), nn.Linear(2, 2), snn.Leaky(0.8, init_hidden=True)
    )
    net[2].weight = net[0].weight
    return net


def contents(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all that loading may change of a net."""
    neurons = {path: m for path, m in module.named_modules() if isinstance(m, snn.SpikingNeuron)}
    states = {f"{path}/{name}": getattr(m, name) for path, m in neurons.items() for name in m.State._fields}
    resets = {f"{path}/zero": torch.tensor(m.reset_mechanism == "zero") for path, m in neurons.items()}
    return {name: value.clone() for name, value in (module.state_dict() | states | resets).items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module")
def saved_path(tmp_path_factory) -> Path:
    path, saved = tmp_path_factory.mktemp("saved_path") / "net", net()
    saved(torch.ones(3, 2))
    snn.save(path, saved, state=True, dt=1e-3, seeds={"data": 7}, extra={"accuracy": [0.5, None]})
    return path


@st.composite
def changes(draw: Any) -> Change:
    """A change of one place in the header or the manifest: another value, another name, nothing there, or one more."""
    steps = draw(st.lists(st.integers(0, 50), min_size=1, max_size=4))
    kind, value, name = (
        draw(st.sampled_from(["value", "name", "gone", "more"])),
        draw(VALUES),
        draw(st.text(max_size=3)),
    )

    def change(table: Any) -> None:
        for step in steps[:-1]:
            inner = table[_key(table, step)]
            if not isinstance(inner, dict | list) or not inner:
                break
            table = inner
        at = _key(table, steps[-1])
        if kind == "value":
            table[at] = value
        elif kind == "gone":
            del table[at]
        elif isinstance(table, list):
            table.append(value)
        else:
            table[name] = table.pop(at) if kind == "name" else value

    return change if draw(st.booleans()) else resealed(change)


def _key(table: Any, step: int) -> Any:
    keys = list(table) if isinstance(table, dict) else range(len(table))
    return keys[step % len(keys)]


def loaded(path: Path, module: nn.Module | None) -> tuple[snn.SavedNet | None, str]:
    try:
        return snn.load(path, module, state=module is not None), ""
    except ValueError as error:
        return None, str(error)


def loads_whole_or_is_refused(path: Path) -> None:
    """Load a file with and without a net, which holds all of it then or what it held before."""
    target = net()
    target(torch.zeros(5, 2))
    before = contents(target)
    for module in (None, target):
        saved, fault = loaded(path, module)
        if saved is None:
            assert str(path) in fault
            assert same(contents(target), before)
            continue
        assert all(isinstance(table, dict) for table in (saved.classes, saved.options, saved.versions, saved.seeds))
        if module is not None:
            ours, file = contents(target), saved.tensors | {f"state/{n}": t for n, t in saved.states.items()}
            states = {f"state/{name.replace('/', '.')}": t for name, t in ours.items() if "/" in name}
            assert same({n: t for n, t in (ours | states).items() if n in file}, file)


@given(change=changes())
def test_a_file_changed_in_any_place_loads_whole_or_is_refused_by_its_name(saved_path: Path, change: Change) -> None:
    path = saved_path.with_name("changed")
    path.write_bytes(saved_path.read_bytes())
    forged(path, change)
    loads_whole_or_is_refused(path)


@given(first=changes(), second=changes(), third=changes())
def test_a_file_changed_in_several_places_loads_whole_or_not_at_all(
    saved_path: Path, first: Change, second: Change, third: Change
) -> None:
    path = saved_path.with_name("changed")
    path.write_bytes(saved_path.read_bytes())
    for change in (first, second, third):
        try:
            forged(path, change)
        except (KeyError, TypeError, ValueError, AttributeError):  # the change before left no such place
            break
    loads_whole_or_is_refused(path)


def _deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def sealed_text(text: str) -> Change:
    sums = hashlib.sha256(text.encode()).hexdigest()
    return lambda header: header.update(__metadata__={"snn": text, "snn.sha256": sums})


def _entry(shape: list[int]) -> dict[str, Any]:
    return {"dtype": "U8", "shape": shape, "data_offsets": [0, 0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (resealed(lambda m: m.update(extra=_deep(150))), "nested deeper than 100"),
        (resealed(lambda m: m.update(format=_deep(90))), "has format [[["),
        (lambda h: h.update(more=_deep(150)), "recursion limit exceeded"),
        (lambda h: h.update(more=_entry([0, 2**62, 2**62])), "Stride calculation overflowed"),
        (lambda h: h.update(more=_entry([2**62] * 300)), "overflow computing buffer size"),
        (sealed_text("["), "its manifest is not JSON"),
        (sealed_text("[" * 200_000), "its manifest is not JSON"),
        (sealed_text('{"a": 1, "a": 2}'), "its manifest is not JSON ('a' appears twice"),
        (lambda h: h["__metadata__"].update(snn="\ud800"), "invalid JSON in header: unexpected end of hex escape"),
        (resealed(lambda m: m.update(extra=float("nan"))), "its manifest is not JSON (NaN"),
        (resealed(lambda m: m.update(shared=["1.weight"])), "its manifest has no valid 'shared'"),
        (resealed(lambda m: m["shared"].update(x=["y"])), "its manifest has no valid 'shared'"),
        (resealed(lambda m: m["options"].update({"1": 3})), "its manifest has no valid 'options'"),
        (resealed(lambda m: m["classes"].update({"1": 3})), "its manifest has no valid 'classes'"),
        (resealed(lambda m: m["versions"].update(torch=2)), "its manifest has no valid 'versions'"),
        (resealed(lambda m: m["seeds"].update(data="x")), "its manifest has no valid 'seeds'"),
        (resealed(lambda m: m.update(dt="abc")), "its manifest has no valid 'dt'"),
        (resealed(lambda m: m.pop("extra")), "its manifest has no 'extra'"),
    ],
)
def test_faults_are_named(saved_path: Path, change: Change, message: str, tmp_path) -> None:
    path = tmp_path / "net"
    path.write_bytes(saved_path.read_bytes())
    forged(path, change)
    for module in (None, net()):
        with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*{re.escape(message)}"):
            snn.load(path, module)


class Fussy(nn.Linear):
    """Refuses what is not its own after it has taken it."""

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        if bool((self.weight > 1).any()):
            raise KeyError("weights above 1")


@pytest.mark.parametrize("last", [snn.Leaky(beta=0.9), Fussy(2, 2)], ids=["a reset that is none", "a module's own"])
def test_a_file_refused_half_way_changes_nothing_in_the_net(last: nn.Module, tmp_path) -> None:
    saved = nn.Sequential(nn.Linear(2, 2), snn.Leaky(beta=0.9, reset_mechanism="zero"), last)
    target = copy.deepcopy(saved)
    for module in (target[0], target[1]):
        module.load_state_dict({n: torch.zeros_like(t) for n, t in module.state_dict().items()})
    before = contents(target)
    with torch.no_grad():
        if isinstance(saved[2], Fussy):
            saved[2].weight.fill_(2)
        else:
            saved[2].reset_mechanism_val.fill_(7)
    snn.save(tmp_path / "net", saved)
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path))}.*does not fit this Sequential") as error:
        snn.load(tmp_path / "net", target)
    assert same(contents(target), before)
    assert "weights above 1" in str(error.value) or "must be 0, 1 or 2, got 7" in str(error.value)


@pytest.mark.parametrize("missing", ["0.syn", "0.mem", "1.syn", "1.mem"])
def test_an_incomplete_state_of_any_neuron_is_refused_and_named(missing: str, tmp_path) -> None:
    saved = nn.Sequential(snn.Synaptic(0.9, 0.8, init_hidden=True), snn.Synaptic(0.9, 0.8, init_hidden=True))
    run = snn.stream(saved)
    run(torch.ones(1, 2))
    states = run.state_dict()
    del states[missing]
    with pytest.raises(ValueError, match=f"states of another net: '{missing}' is missing"):
        run.load_state_dict(states)
    assert missing in run.state_dict()


@pytest.mark.parametrize(
    "step", [torch.tensor([1, 2]), torch.tensor(float("nan")), torch.tensor(-1), torch.tensor(0.5)]
)
def test_an_invalid_count_of_steps_is_refused_and_named(step: Tensor) -> None:
    run = snn.stream(snn.BatchNormTT1d(2, 4).eval())
    with pytest.raises(ValueError, match=r"'step' is not a number of steps"):
        run.load_state_dict({"step": step})


def test_a_number_of_steps_is_not_a_state_of_a_neuron() -> None:
    run = snn.stream(snn.Leaky(beta=0.9, init_hidden=True))
    with pytest.raises(ValueError, match="no neuron of Leaky keeps 'step'"):
        run.load_state_dict({"mem": torch.ones(1), "step": torch.tensor(3)})


def test_a_stream_names_the_file_whose_states_are_of_another_net(tmp_path) -> None:
    run = snn.stream(snn.Leaky(beta=0.9, init_hidden=True))
    run(torch.ones(1, 2))
    run.save(tmp_path / "stream")
    before = run.state_dict()
    forged(tmp_path / "stream", lambda h: h.update(other=h.pop("mem")) or _renamed(h))
    with pytest.raises(ValueError, match=r"stream.*no neuron of Leaky keeps 'other'"):
        run.load(tmp_path / "stream")
    assert same(run.state_dict(), before)


def _renamed(header: dict[str, Any]) -> None:
    resealed(lambda m: m["tensors"].update(other=m["tensors"].pop("mem")))(header)
