"""A call that is right, of every public function and of every path through one, by a name for the case."""

import torch

import snn_spikegen

X = torch.tensor([[0.25, 0.5, 1.0], [0.0, 0.75, 0.125]])
LABELS = torch.tensor([0, 2, 1])
SPIKES = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
RATES = {"num_steps": 7, "correct_rate": 0.5, "incorrect_rate": 0.25}
LATENCY = {"num_steps": 7, "normalize": True}
TARGETS = {"targets": LABELS, "num_classes": 3}

CALLS = {
    "rate": {"data": X, "num_steps": 7},
    "rate varying": {"data": X, "time_var_input": True},
    "rate_conv": {"data": X},
    "poisson": {"rate": X * 1000, "num_steps": 7},
    "latency": {"data": X, **LATENCY},
    "latency linear": {"data": X, **LATENCY, "linear": True},
    "latency ramps": {"data": X, **LATENCY, "interpolate": True},
    "latency_code": {"data": X, **LATENCY},
    "latency_code linear": {"data": X, **LATENCY, "linear": True},
    "latency_code_log": {"data": X, **LATENCY},
    "latency_code_linear": {"data": X, **LATENCY},
    "latency_interpolate": {"spike_time": X, "num_steps": 7},
    "delta": {"data": X},
    "phase": {"data": X, "num_steps": 7},
    "burst": {"data": X, "num_steps": 7},
    "population": {"data": X, "num_neurons": 4},
    "decode_rate": {"spikes": SPIKES},
    "decode_latency": {"spikes": SPIKES},
    "decode_latency linear": {"spikes": SPIKES, "linear": True},
    "targets_convert": {**TARGETS, **RATES},
    "targets_convert latency": {**TARGETS, "code": "latency", **LATENCY},
    "targets_rate": {**TARGETS, **RATES},
    "targets_rate ramps": {**TARGETS, **RATES, "interpolate": True},
    "targets_latency": {**TARGETS, **LATENCY},
    "target_rate_code": {"num_steps": 7},
    "rate_interpolate": {"spike_time": LABELS, "num_steps": 7},
    "to_one_hot": TARGETS,
    "to_one_hot_inverse": {"one_hot_targets": torch.eye(3)},
    "from_one_hot": {"one_hot_label": torch.eye(3)},
}


def function(case):
    """The public function that a case calls."""
    return getattr(snn_spikegen, case.split()[0])
