"""Compile nets in C and run them."""

from __future__ import annotations

import ctypes
import pathlib
import re
import subprocess
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn
import snn_export

FLAGS = "-std=c99 -Wall -Wextra -Werror -pedantic -Wconversion -ffp-contract=off".split()
SANITIZERS = "-g -fsanitize=address,undefined -fno-sanitize-recover=all".split()


def command(*arguments: str, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder."""
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True)


class Compiled(Protocol):
    """A net in C that has been compiled."""

    def reset(self) -> None:
        """Put the net at rest."""

    def __call__(self, x: Tensor) -> Tensor:
        """Run one step of one sample, and return all outputs in one row."""


Compiler = Callable[[nn.Module, Tensor, pathlib.Path], Compiled]
"""A function that exports a net to C in a folder, for an input, and compiles it."""


class Library:
    """A net in C as a shared library."""

    def __init__(self, net: nn.Module, x: Tensor, folder: pathlib.Path) -> None:
        export = snn_export.export(net, x, format="c")
        export.write(folder)
        compilation = command("gcc", *FLAGS, "-O1", "-shared", "-fPIC", "net.c", "-lm", "-o", "net.so", folder=folder)
        assert not compilation.returncode, compilation.stderr
        self._library = ctypes.CDLL(str(folder / "net.so"))
        header = export.files["net.h"]
        self.inputs, self.outputs = (
            int(re.findall(rf"#define NET_{n} (\d+)", header)[0]) for n in ("INPUTS", "OUTPUTS")
        )
        types = {"float": torch.float32, "int8_t": torch.int8, "int16_t": torch.int16, "int32_t": torch.int32}
        input_type, out = re.findall(r"net_step\(const (\w+) \*in, (\w+) \*out", header)[0]
        self._types = types[input_type], types[out]
        self._state = torch.full((export.report.ram + 8,), 85, dtype=torch.uint8)
        self.reset()

    def reset(self) -> None:
        self._library.net_reset(ctypes.c_void_p(self._state.data_ptr()))

    def __call__(self, x: Tensor) -> Tensor:
        value = x.to(self._types[0]).flatten().contiguous()
        assert len(value) == self.inputs
        out = torch.empty(self.outputs, dtype=self._types[1])
        self._library.net_step(*(ctypes.c_void_p(t.data_ptr()) for t in (value, out, self._state)))
        assert (self._state[-8:] == 85).all(), "net_step writes past the end of its state"
        return out


def as_row(outputs: object) -> Tensor:
    """Return the outputs of one sample in one row."""
    return torch.cat([out.flatten() for out in tree_leaves(outputs)])


def differing_step(net: nn.Module, compiled: Compiled, xs: Tensor) -> int | None:
    """Return the first step in which the result in C differs from that of a stream; None if there is none."""
    run = snn.stream(net)
    for step, x in enumerate(xs):
        expected = as_row(run(x))
        if not torch.equal(compiled(x[0]).to(expected.dtype), expected):
            return step
    return None
