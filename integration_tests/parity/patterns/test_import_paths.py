"""Programs that import from the places where the peer keeps things."""

from __future__ import annotations

from typing import Any

import pytest

from .both import equal, run

IMPORTS = """
from {0}._neurons.leaky import Leaky
from {0}._neurons.neurons import SpikingNeuron, LIF
from {0}._neurons.synaptic import Synaptic
from {0}._neurons.stateleaky import StateLeaky
from {0}._neurons.linearleaky import LinearLeaky
from {0}._neurons import RLeaky
from {0}._layers.bntt import BatchNormTT1d
from {0}._layers import GradedSpikes
from {0}.surrogate import atan, fast_sigmoid
from {0}.spikegen import rate, latency, delta
from {0}.functional import ce_rate_loss, accuracy_rate
from {0}.functional.loss import mse_count_loss
from {0}.functional.acc import accuracy_temporal
from {0}.functional.reg import l1_rate_sparsity
from {0}.functional.probe import OutputMonitor
from {0}.functional.quant import state_quant
from {0}.functional.stdp_learner import STDPLearner
from {0}.utils import reset, data_subset, valid_split
"""

MODULES = """
import {0} as snn
import {0}.functional as SF
from {0} import functional, utils, surrogate, spikegen
from {0} import _neurons, _layers
import {0}._neurons.leaky as leaky
import {0}.surrogate as surrogate_module
same = [
    SF.ce_rate_loss is functional.ce_rate_loss,
    surrogate_module.atan is surrogate.atan is snn.surrogate.atan,
    leaky.Leaky is snn.Leaky is _neurons.Leaky,
    utils.reset is snn.utils.reset,
]
"""


def names_of(source: str, package: Any) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source.format(package.__name__), names)
    return {name: value for name, value in names.items() if not name.startswith("__")}


def test_every_path_leads_to_the_public_name() -> None:
    result, expected = run(lambda package: names_of(IMPORTS, package))
    assert result.keys() == expected.keys()
    assert all(value.__name__ == result[name].__name__ for name, value in expected.items())


def test_modules_hold_the_same_objects() -> None:
    result, expected = run(lambda package: {"same": names_of(MODULES, package)["same"]})
    equal("same", result["same"], expected["same"])
    assert all(result["same"])


@pytest.mark.parametrize("name", ["NoSuchNeuron", "leaky2"])
def test_missing_names_are_an_import_error_in_both(name: str) -> None:
    for package in ("snn", "snntorch"):
        with pytest.raises(ImportError):
            exec(f"from {package}._neurons import {name}")
