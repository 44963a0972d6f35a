"""Neurons by their kernels on a GPU, against their steps there: what the tests in the interpreter compare.

``SNN_TRITON_DEVICE=cpu`` and ``TRITON_INTERPRET=1`` run these tests themselves where there is no GPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import snn_core as snn
from snn_triton.engine import Engine

from .tests_of_interpreter import comparison, functions, neurons

DEVICE = os.environ.get("SNN_TRITON_DEVICE", "cuda")
CASES = [case for case in neurons.zoo.VARIANTS if not neurons.left(case) and "lstm" not in case.name]
every_dtype = pytest.mark.parametrize("dtype", comparison.DTYPES, ids=str)


@pytest.fixture(autouse=True)
def engine() -> Iterator[None]:
    """The engine of the device, and no other."""
    with comparison.offered(Engine(DEVICE, functions=functions.FUNCTIONS if DEVICE == "cpu" else None)):
        yield


def agrees(neuron: Any, *shape: int, dtype: torch.dtype, **options: Any) -> None:
    comparison.Comparison(
        neuron.to(DEVICE, dtype), comparison.drive(*shape, dtype=dtype, device=DEVICE), **options
    ).agrees()


@every_dtype
@pytest.mark.parametrize("case", [case for case in CASES if not case.recurrent], ids=str)
def test_every_neuron_with_every_option(case: Any, dtype: torch.dtype) -> None:
    agrees(case.make(), 7, *case.shape, dtype=dtype, trace=dtype == torch.float64)


@every_dtype
@pytest.mark.parametrize("spike_grad", neurons.SURROGATES, ids=repr)
def test_every_surrogate(spike_grad: Any, dtype: torch.dtype) -> None:
    options = {"spike_grad": spike_grad, "learn_beta": True, "learn_threshold": True}
    agrees(snn.Leaky(0.8, **options), 7, 3, 5, dtype=dtype)


@every_dtype
@pytest.mark.parametrize("name", neurons.CONSTANTS)
def test_constants_of_any_shape(name: str, dtype: torch.dtype) -> None:
    agrees(neurons.CONSTANTS[name](), 7, 3, 5, dtype=dtype)


# segments of one step and of 32, columns of one block, of many, and of the wide blocks of large sequences
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (33, 17), (1000, 130), (50, 1030), (5, 2**18 + 3)], ids=str)
@pytest.mark.parametrize("trace", [False, True])
def test_sequences_of_any_size(shape: tuple[int, ...], trace: bool) -> None:
    neuron = snn.Synaptic(0.8, 0.7, reset_mechanism="zero", learn_alpha=True)
    agrees(neuron, *shape, dtype=torch.float32, trace=trace)


def test_the_same_call_gives_the_same_bits() -> None:
    neuron = snn.Leaky(0.9, learn_beta=True, learn_threshold=True).to(DEVICE)
    xs, gradients = comparison.drive(100, 64, 512, dtype=torch.float32, device=DEVICE), []
    for _ in range(3):
        neuron.zero_grad()
        spikes, _ = neuron.unroll(xs)
        (spikes * xs).sum().backward()
        gradients.append([p.grad.clone() for p in neuron.parameters()])
    assert all(torch.equal(a, b) for other in gradients[1:] for a, b in zip(gradients[0], other, strict=True))
