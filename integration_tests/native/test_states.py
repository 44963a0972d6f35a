"""The kernels loaded, switched off, broken, not compiled or not installed: the same numbers, and it is said which.

A kernel computes what the reference computes, in the same order, where the order makes a difference to the spikes; sums
over steps and samples, which gradients are, may be added up in another.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

TOLERANCE = {"torch.float32": 1e-5, "torch.float64": 1e-12}
WITHOUT_KERNELS = ("off", "broken", "pure", "absent")


def backends(printed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the doctor's line about each backend."""
    return {backend["name"]: backend for backend in printed["doctor"]["backends"]}


def test_the_numbers_of_the_reference_are_finite_and_not_all_zero(outcomes):
    for name, values in outcomes["absent"].printed["numbers"].items():
        numbers = [float.fromhex(value) for value in values]
        assert all(map(math.isfinite, numbers)), name
        assert any(numbers), name


def test_loaded_kernels_run_every_neuron(outcomes):
    assert set(outcomes["loaded"].printed["kernels"].values()) == {"snn-cpu"}


def test_loaded_kernels_give_the_outputs_of_the_reference_bit_by_bit_and_close_gradients(outcomes):
    result, expected = (outcomes[state].printed["numbers"] for state in ("loaded", "absent"))
    assert result.keys() == expected.keys()
    for name, values in expected.items():
        if name.startswith("exact"):
            assert result[name] == values, name
            continue
        numbers = [(float.fromhex(a), float.fromhex(b)) for a, b in zip(result[name], values, strict=True)]
        scale = max(abs(b) for _, b in numbers)
        worst = max(abs(a - b) for a, b in numbers)
        assert worst <= TOLERANCE[name.rpartition(" ")[2]] * scale, f"{name}: {worst} apart, {scale} large"


@pytest.mark.parametrize("state", WITHOUT_KERNELS)
def test_without_kernels_the_reference_runs_with_the_same_numbers_whatever_the_cause(outcomes, state):
    printed = outcomes[state].printed
    assert set(printed["kernels"].values()) == {"reference"}
    assert printed["numbers"] == outcomes["absent"].printed["numbers"]


def test_only_a_library_with_symbols_that_torch_lacks_is_warned_of(outcomes):
    broken = outcomes["broken"]
    assert broken.warned.count("Warning: ") == 1
    assert f"RuntimeWarning: snn-cpu: {broken.library} does not load with torch " in broken.warned
    assert "undefined symbol: torch_call_of_a_later" in broken.warned
    assert {state: outcome.warned for state, outcome in outcomes.items() if outcome.warned} == {"broken": broken.warned}


def test_the_doctor_names_the_library_and_what_it_runs(outcomes):
    printed, _, library = outcomes["loaded"]
    cpu = backends(printed)["cpu"]
    assert cpu["ok"]
    assert cpu["reason"].startswith(f"{library}, ")
    assert cpu["reason"].endswith((" baseline instructions", " x86-64-v3 instructions", " x86-64-v4 instructions"))
    assert any("snn_cpu.tune_allocator()" in text for text in printed["doctor"]["advice"])
    assert printed["doctor"]["consistent"]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("off", "switched off by SNN_DISABLE_NATIVE=1"),
        ("broken", "libsnn_cpu.so does not load with torch "),
        ("pure", "this is the pure wheel of snn-cpu"),
    ],
)
def test_the_doctor_says_why_kernels_do_not_run_and_reports_no_problem(outcomes, state, reason):
    printed = outcomes[state].printed
    cpu = backends(printed)["cpu"]
    assert not cpu["ok"]
    assert reason in cpu["reason"]
    assert backends(printed)["reference"]["ok"]
    assert printed["doctor"]["consistent"]


def test_without_snn_cpu_the_doctor_says_that_snn_needs_it(outcomes):
    doctor = outcomes["absent"].printed["doctor"]
    assert "cpu" not in backends(outcomes["absent"].printed)
    (problem,) = doctor["problems"]
    assert problem.startswith("snn ")
    assert "needs snn-cpu" in problem
    assert "not installed" in problem
    assert doctor["advice"] == []
