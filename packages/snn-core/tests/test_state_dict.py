"""The names under which networks are saved are a promise: files of older and other packages load."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

BASE = {"threshold": (), "graded_spikes_factor": (), "reset_mechanism_val": ()}
LEAKY = BASE | {"beta": ()}
SYNAPTIC = LEAKY | {"alpha": ()}
LINEAR = {"recurrent.weight": (5, 5), "recurrent.bias": (5,)}
CONV = {"recurrent.weight": (2, 2, 3, 3), "recurrent.bias": (2,)}
CELL = {
    "lstm_cell.weight_ih": (28, 5),
    "lstm_cell.weight_hh": (28, 7),
    "lstm_cell.bias_ih": (28,),
    "lstm_cell.bias_hh": (28,),
}
RNN = {
    "rnn.weight_ih_l0": (5, 3),
    "rnn.weight_hh_l0": (5, 5),
    "rnn.bias_ih_l0": (5,),
    "rnn.bias_hh_l0": (5,),
}

# what snnTorch 1.0.0 saves for the same layers
KEYS: dict[str, tuple[Callable[[], nn.Module], dict[str, tuple[int, ...]]]] = {
    "Leaky": (lambda: snn.Leaky(0.9), LEAKY),
    "RLeaky": (lambda: snn.RLeaky(0.9, linear_features=5), LEAKY | LINEAR),
    "RLeaky conv": (lambda: snn.RLeaky(0.9, conv2d_channels=2, kernel_size=3), LEAKY | CONV),
    "RLeaky one to one": (lambda: snn.RLeaky(0.9, all_to_all=False), LEAKY | {"V": (), "recurrent.V": ()}),
    "Synaptic": (lambda: snn.Synaptic(0.9, 0.8), SYNAPTIC),
    "RSynaptic": (lambda: snn.RSynaptic(0.9, 0.8, linear_features=5), SYNAPTIC | LINEAR),
    "RSynaptic one to one": (
        lambda: snn.RSynaptic(0.9, 0.8, all_to_all=False),
        SYNAPTIC | {"V": (), "recurrent.V": ()},
    ),
    "Lapicque": (lambda: snn.Lapicque(0.9), LEAKY | {"time_step": (), "R": (), "C": ()}),
    "Lapicque of R and C": (lambda: snn.Lapicque(R=5, C=2), BASE | {"beta": (1,), "time_step": (), "R": (), "C": ()}),
    "Alpha": (lambda: snn.Alpha(0.9, 0.8), SYNAPTIC),
    "SLSTM": (lambda: snn.SLSTM(5, 7), BASE | CELL),
    "SConv2dLSTM": (lambda: snn.SConv2dLSTM(2, 3, 3), BASE | {"conv.weight": (12, 5, 3, 3), "conv.bias": (12,)}),
    "DeltaLeaky": (lambda: snn.DeltaLeaky(1.0, 0.9), LEAKY),
    "LeakyParallel": (
        lambda: snn.LeakyParallel(3, 5, beta=0.5),
        {"beta": (1,), "threshold": (), "graded_spikes_factor": ()} | RNN,
    ),
    "StateLeaky": (lambda: snn.StateLeaky(0.9, 5), LEAKY | {"tau": ()}),
    "LinearLeaky": (
        lambda: snn.LinearLeaky(0.9, 3, 5),
        LEAKY | {"tau": (), "linear.weight": (5, 3), "linear.bias": (5,)},
    ),
    "GradedSpikes": (lambda: snn.GradedSpikes(3, 1.0), {"weights": (3, 1)}),
    "BatchNormTT1d": (
        lambda: snn.BatchNormTT1d(3, 2),
        {
            f"{t}.{name}": shape
            for t in range(2)
            for name, shape in (
                ("weight", (3,)),
                ("running_mean", (3,)),
                ("running_var", (3,)),
                ("num_batches_tracked", ()),
            )
        },
    ),
}


VALUES = {"alpha": 0.9, "beta": 0.7, "threshold": 2.0, "tau": 10.0, "R": 2.0, "C": 3.0, "time_step": 1.0}


def peer_file(keys: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A file with the peer's names and shapes, and values that no constructor here gives."""
    saved = {name: torch.full(shape, VALUES.get(name, 0.25)) for name, shape in keys.items()}
    integers = {name: torch.tensor(1) for name in keys if name.endswith(("reset_mechanism_val", "num_batches_tracked"))}
    return saved | integers


@pytest.mark.parametrize(("make", "keys"), KEYS.values(), ids=KEYS)
def test_a_file_of_the_peer_loads_strictly(make: Callable[[], nn.Module], keys: dict) -> None:
    module, saved = make(), peer_file(keys)
    module.load_state_dict(saved, strict=True)
    if hasattr(module, "threshold"):
        assert module.threshold.item() == 2.0
    if hasattr(module, "reset_mechanism"):
        assert module.reset_mechanism == "zero"
    again = module.state_dict()
    for name in saved.keys() & again.keys() - {"beta"}:
        torch.testing.assert_close(again[name].reshape(saved[name].shape), saved[name])


@pytest.mark.parametrize(("make", "keys"), KEYS.values(), ids=KEYS)
def test_saved_names_are_those_of_the_peer(make: Callable[[], nn.Module], keys: dict) -> None:
    saved = set(make().state_dict())
    assert saved <= keys.keys()
    # a weight that the peer saves under two names is one parameter, saved once
    assert keys.keys() - saved <= {"V", "recurrent.V"}
    assert "recurrent.V" not in keys or saved & {"V", "recurrent.V"}


@pytest.mark.parametrize(("make", "keys"), KEYS.values(), ids=KEYS)
def test_a_saved_state_loads_strictly(make: Callable[[], nn.Module], keys: dict) -> None:
    make().load_state_dict(make().state_dict(), strict=True)


def test_a_missing_or_unexpected_name_is_an_error_as_in_any_module() -> None:
    saved = snn.Leaky(0.9).state_dict()
    with pytest.raises(RuntimeError, match="mem"):
        snn.Leaky(0.9).load_state_dict(dict(saved) | {"mem": torch.zeros(1)}, strict=True)
    del saved["beta"]
    with pytest.raises(RuntimeError, match="beta"):
        snn.Leaky(0.9).load_state_dict(saved, strict=True)
