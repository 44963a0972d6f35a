"""Tests of the public package: names, their documentation, the order of arguments, and no dependency but torch."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import metadata

import pytest

import snn_core as snn

COMMON = "threshold spike_grad surrogate_disable init_hidden inhibition"
ENDS = "reset_mechanism state_quant output"
# positional order of snnTorch 1.0.0, which calls written for it rely on
ORDER = {
    "Leaky": f"beta {COMMON} learn_beta learn_threshold {ENDS} "
    "graded_spikes_factor learn_graded_spikes_factor reset_delay",
    "RLeaky": "beta V all_to_all linear_features conv2d_channels kernel_size "
    f"{COMMON} learn_beta learn_threshold learn_recurrent {ENDS} reset_delay",
    "Synaptic": f"alpha beta {COMMON} learn_alpha learn_beta learn_threshold {ENDS} reset_delay",
    "RSynaptic": "alpha beta V all_to_all linear_features conv2d_channels kernel_size "
    f"{COMMON} learn_alpha learn_beta learn_threshold learn_recurrent {ENDS} reset_delay",
    "Lapicque": f"beta R C time_step {COMMON} learn_beta learn_threshold {ENDS}",
    "Alpha": f"alpha beta {COMMON} learn_alpha learn_beta learn_threshold {ENDS}",
    "SLSTM": f"input_size hidden_size bias {COMMON} learn_threshold {ENDS}",
    "SConv2dLSTM": f"in_channels out_channels kernel_size bias max_pool avg_pool {COMMON} learn_threshold {ENDS}",
    "LeakyParallel": "input_size hidden_size beta bias threshold dropout spike_grad surrogate_disable learn_beta "
    "learn_threshold graded_spikes_factor learn_graded_spikes_factor weight_hh_enable device dtype",
    "StateLeaky": "beta channels threshold spike_grad surrogate_disable learn_beta learn_threshold state_quant output "
    "graded_spikes_factor learn_graded_spikes_factor kernel_truncation_steps",
    "LinearLeaky": "beta in_features out_features bias device dtype threshold spike_grad surrogate_disable learn_beta "
    "learn_threshold state_quant output graded_spikes_factor learn_graded_spikes_factor kernel_truncation_steps",
    "AssociativeLeaky": "in_dim d_value d_key num_spiking_neurons use_q_projection",
    "GradedSpikes": "size constant_factor",
    "BatchNormTT1d": "input_features time_steps eps momentum affine",
    "BatchNormTT2d": "input_features time_steps eps momentum affine",
}
DEFAULTS = {
    "threshold": 1.0, "spike_grad": None, "surrogate_disable": False, "init_hidden": False, "inhibition": False,
    "output": False, "graded_spikes_factor": 1.0, "reset_delay": True, "state_quant": False,
}  # fmt: skip


@pytest.mark.parametrize(("name", "order"), ORDER.items(), ids=ORDER)
def test_positional_arguments_come_in_the_order_that_users_know(name: str, order: str) -> None:
    parameters = list(inspect.signature(getattr(snn, name)).parameters.values())
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == order.split()


@pytest.mark.parametrize("name", [n for n in ORDER if "Linear" not in n and "State" not in n])
def test_defaults_are_those_that_users_know(name: str) -> None:
    parameters = inspect.signature(getattr(snn, name)).parameters
    for option, value in DEFAULTS.items():
        if option in parameters:
            assert parameters[option].default == value, option
    reset = {"Alpha": "zero", "SLSTM": "none", "SConv2dLSTM": "none"}.get(name, "subtract")
    if "reset_mechanism" in parameters:
        assert parameters["reset_mechanism"].default == reset


def test_delta_leaky_takes_its_own_threshold_first() -> None:
    assert next(iter(inspect.signature(snn.DeltaLeaky).parameters)) == "delta_threshold"
    assert snn.DeltaLeaky(0.5, 0.75).beta.item() == 0.75


@pytest.mark.parametrize("name", ["Synaptic", "Alpha", "Lapicque", "SLSTM", "SConv2dLSTM", "RLeaky", "RSynaptic"])
def test_options_that_the_peers_class_lacks_are_keyword_only(name: str) -> None:
    parameters = inspect.signature(getattr(snn, name)).parameters
    for option in ("graded_spikes_factor", "learn_graded_spikes_factor", "reset_delay"):
        assert option in parameters
        if option not in ORDER[name].split():
            assert parameters[option].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", [n for n in snn.__all__ if not n.startswith("_")])
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(snn, name))


def test_the_version_is_that_of_the_installed_package() -> None:
    assert snn.__version__ == metadata.version("snn-core")


def test_importing_the_core_loads_nothing_but_torch_and_safetensors() -> None:
    # what torch itself brings is not counted; matplotlib, snntorch and the other pieces must not appear
    code = (
        "import sys, torch; before = set(sys.modules); import snn_core; "
        "print(sorted({m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    process = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    modules = set(eval(process.stdout)) - {"safetensors", "torch", "snn_core"}
    allowed = {d.replace("-", "_") for d in metadata.packages_distributions()} & {
        "sympy",
        "mpmath",
        "networkx",
        "numpy",
    }
    assert modules <= allowed
