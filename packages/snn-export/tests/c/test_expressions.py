"""Every instruction of step programs, in C, on numbers of every kind."""

from __future__ import annotations

import ctypes

import pytest
import torch

from in_c.compiling import FLAGS, command
from snn_core.programs.instructions import OPERATIONS
from snn_core.programs.program import Instruction, Program, Register
from snn_export.c.elementwise import Lines

VALUES = [
    0.0,
    -0.0,
    0.25,
    -0.25,
    0.5,
    1.5,
    2.5,
    -2.5,
    3.0,
    -7.75,
    1e-3,
    40.0,
    float("inf"),
    -float("inf"),
    float("nan"),
]
BINARY = "add sub mul div minimum maximum gt ge lt le eq ne pow".split()
# PyTorch rounds a root otherwise where its processor estimates one
ULPS = dict.fromkeys("sqrt rsqrt exp expm1 log log1p tanh sigmoid sin cos pow".split(), 1e-6)


def program(name: str) -> Program:
    """Return a program of a and b with one instruction, and what makes a condition for it."""
    a, b, c, d = map(Register, range(4))
    above, below = Instruction("gt", (a, b)), Instruction("lt", (b, 1.0))
    if name in ("and", "or", "xor"):
        instructions = above, below, Instruction(name, (c, d))
    elif name in ("not", "number"):
        instructions = above, Instruction(name, (c,))
    elif name == "where":
        instructions = above, Instruction(name, (c, a, b))
    elif name == "clamp":
        instructions = Instruction("add", (a, b)), Instruction(name, (c, -0.5, 0.75))
    elif name in BINARY:
        instructions = (Instruction(name, (a, b)),)
    else:
        instructions = Instruction("add", (a, b)), Instruction(name, (c,))
    return Program(("a", "b"), instructions, {"y": Register(1 + len(instructions))})


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("c")
    text = ["#include <math.h>"]
    for name in OPERATIONS:
        lines = Lines()
        out = lines.computed(program(name), {"a": "a", "b": "b"})
        text += [f"void f_{name}(const float *x, float *y);", f"void f_{name}(const float *x, float *y) {{"]
        text += ["const float a = x[0];", "const float b = x[1];"]
        text += [*lines.text, f"y[0] = {out['y']};", "}"]
    (folder / "f.c").write_text("\n".join([*text, ""]))
    compilation = command("gcc", *FLAGS, "-shared", "-fPIC", "f.c", "-lm", "-o", "f.so", folder=folder)
    assert not compilation.returncode, compilation.stderr
    return ctypes.CDLL(str(folder / "f.so"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_instruction_gives_what_pytorch_gives(name, library):
    for a in VALUES:
        for b in VALUES:
            x, y = torch.tensor([a, b]), torch.empty(1)
            getattr(library, f"f_{name}")(ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(y.data_ptr()))
            expected = program(name).run({"a": x[:1], "b": x[1:]})["y"].float()
            tolerance = ULPS.get(name, 0.0)
            torch.testing.assert_close(y, expected, rtol=tolerance, atol=0.0, equal_nan=True)
            if not tolerance and not bool(expected.isnan()) and name not in ("minimum", "maximum"):
                assert torch.equal(torch.signbit(y), torch.signbit(expected)), (a, b)
