"""The compiled operator, executed on a double of its interface, and the mathematics that it shares with a CPU build."""

from __future__ import annotations

import ctypes
import os
import pathlib
import subprocess
import sys
import types

import pytest
import torch

from snn_core import surrogate
from snn_ipu import build
from snn_ipu.device import compiled_op
from snn_ipu.program.spiking import CLOSED_FORMS

DOUBLE = pathlib.Path(__file__).parent / "popart_double"
KINDS = {
    0: ("fast_sigmoid", surrogate.fast_sigmoid, 25.0),
    1: ("atan", surrogate.atan, 3.0),
    2: ("sigmoid", surrogate.sigmoid, 4.0),
    3: ("triangular", surrogate.triangular, 0.75),
    4: ("straight_through_estimator", lambda _: surrogate.straight_through_estimator(), 1.0),
}
U = torch.cat([torch.linspace(-2, 2, 41, dtype=torch.float64), torch.tensor([0.0, 1e-7, -1e-7, 30, -30]).double()])


def compiled(folder: pathlib.Path, *sources: pathlib.Path) -> ctypes.CDLL:
    out = folder / "library.so"
    flags = ("-std=c++17", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-fPIC", "-shared")
    include = ("-I", str(DOUBLE), "-I", str(compiled_op.SOURCES))
    command = [os.environ.get("CXX", "g++"), *flags, *include, *map(str, sources), "-o", str(out)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return ctypes.CDLL(str(out))


@pytest.fixture(scope="module")
def operators(tmp_path_factory) -> ctypes.CDLL:
    sources = (compiled_op.SOURCES / "surrogate_spike.cpp", DOUBLE / "harness.cpp", DOUBLE / "in_place.cpp")
    library = compiled(tmp_path_factory.mktemp("operators"), *sources)
    library.snn_said.restype = ctypes.c_char_p
    return library


@pytest.fixture(scope="module")
def header(tmp_path_factory) -> ctypes.CDLL:
    return compiled(tmp_path_factory.mktemp("header"), DOUBLE / "surrogate_cpu.cpp")


def run(library, u, grad, kind=0, slope=1.0, operator="SurrogateSpike", lax=False):
    u, grad = u.float().contiguous(), grad.float().contiguous()
    spk, out = torch.empty_like(u), torch.empty_like(u)
    pointers = [ctypes.c_void_p(t.data_ptr()) for t in (u, grad, spk, out)]
    count = ctypes.c_size_t(u.numel())
    failed = library.snn_run(
        operator.encode(), kind, ctypes.c_float(slope), *pointers[:2], count, int(lax), *pointers[2:]
    )
    if failed:
        raise RuntimeError(library.snn_said().decode())
    return spk, out


def derivative(header, kind, slope, u):
    u = u.contiguous()
    out = torch.empty_like(u)
    pointers = ctypes.c_void_p(u.data_ptr()), ctypes.c_size_t(u.numel()), ctypes.c_void_p(out.data_ptr())
    header.snn_ipu_derivative(kind, ctypes.c_double(slope), *pointers)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_has_the_derivative_of_the_core(header, kind):
    _, function, slope = KINDS[kind]
    torch.testing.assert_close(
        derivative(header, kind, slope, U), function(slope).derivative(U), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_has_the_derivative_of_the_closed_form(header, kind):
    name, _, slope = KINDS[kind]
    u = U[:41].clone().requires_grad_()
    params = () if kind == 4 else (slope,)
    CLOSED_FORMS[name](u, *params).sum().backward()
    torch.testing.assert_close(derivative(header, kind, slope, u.detach()), u.grad, rtol=1e-9, atol=1e-12)
    step = 1e-5  # and central differences of it, away from kinks
    smooth = (u.detach().abs() > 2 * step) & ((u.detach().abs() - 0.75).abs() > 2 * step)
    difference = (CLOSED_FORMS[name](U[:41] + step, *params) - CLOSED_FORMS[name](U[:41] - step, *params)) / (2 * step)
    torch.testing.assert_close(
        derivative(header, kind, slope, U[:41])[smooth], difference[smooth], rtol=1e-5, atol=1e-7
    )


def test_the_header_fires_above_0_only(header):
    out = torch.empty_like(U)
    header.snn_ipu_spike(ctypes.c_void_p(U.data_ptr()), ctypes.c_size_t(U.numel()), ctypes.c_void_p(out.data_ptr()))
    assert out.equal((U > 0).double())


@pytest.mark.parametrize("kind", KINDS)
def test_the_operator_executed_is_the_surrogate_of_the_core(operators, kind):
    _, function, slope = KINDS[kind]
    u = U.float().requires_grad_()
    grad = torch.linspace(-3, 5, u.numel())
    expected = function(slope)(u)
    expected.backward(grad)
    spk, out = run(operators, u.detach(), grad, kind, slope)
    assert spk.equal(expected.detach())
    torch.testing.assert_close(out, u.grad, rtol=3e-6, atol=3e-7)


def test_infinite_membranes_fire_without_nan(operators):
    u = torch.tensor([float("inf"), float("-inf")])
    for kind, (_, _, slope) in KINDS.items():
        spk, out = run(operators, u, torch.ones(2), kind, slope)
        assert spk.equal(torch.tensor([1.0, 0.0]))
        assert not out.isnan().any()


def test_an_operator_that_fires_into_its_input_is_caught(operators):
    """The gradient then reads spikes for membranes: 1 or 1/4 in place of the surrogate's bell."""
    u, grad = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0]), torch.ones(5)
    with pytest.raises(RuntimeError, match="InPlaceStep writes into input 0 without saying so"):
        run(operators, u, grad, operator="InPlaceStep")
    _, wrong = run(operators, u, grad, operator="InPlaceStep", lax=True)
    assert wrong.tolist() == [1, 1, 1, 0.25, 0.25]
    _, right = run(operators, u, grad)
    torch.testing.assert_close(right, surrogate.fast_sigmoid(slope=1).derivative(u))


def test_both_parameters_tell_two_operators_apart(operators):
    def attributes(kind, slope):
        text = ctypes.create_string_buffer(1000)
        assert operators.snn_attributes(kind, ctypes.c_float(slope), text, ctypes.c_size_t(1000)) == 0
        return text.value.decode()

    assert attributes(1, 2.5) == "kind=1;slope=2.5;|" * 4
    assert len({attributes(k, s) for k in KINDS for s in (0.5, 2.0)}) == 10


def test_a_build_against_the_double_is_accepted_loaded_and_called_with_its_parameters(tmp_path, monkeypatch):
    popart = types.SimpleNamespace(versionString=lambda: "3.4.0 (double)", packageHash=lambda: "f00d")
    monkeypatch.setitem(sys.modules, "popart", popart)
    monkeypatch.setenv("CPATH", str(DOUBLE))
    folder = build.build(tmp_path, libraries=())
    assert sorted(file.name for file in folder.iterdir()) == [compiled_op.LIBRARY, compiled_op.MANIFEST]
    called = []

    def custom_op(inputs, name, domain, domain_version, example_outputs, attributes):
        called.append((name, domain, domain_version, attributes))
        return inputs

    op = compiled_op.load_op(types.SimpleNamespace(custom_op=custom_op), tmp_path)
    for name, _, slope in KINDS.values():
        op(torch.zeros(1), name, () if name.startswith("straight") else (slope,))
    assert called == [
        ("SurrogateSpike", "snn.ops", 1, {"kind": kind, "slope": slope}) for kind, (_, _, slope) in KINDS.items()
    ]


def test_an_unknown_kind_is_refused(operators):
    with pytest.raises(RuntimeError, match="kind is 5; it is 0 to 4"):
        run(operators, torch.zeros(1), torch.zeros(1), kind=5)
