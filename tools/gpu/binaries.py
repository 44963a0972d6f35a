"""Compile launches with Triton for GPUs that the machine does not have, and read what they need."""

from __future__ import annotations

import pathlib
import re
import subprocess
import tempfile
from typing import Any, NamedTuple

from gpu.launches import Launch
from gpu.targets import Target
from snn_triton.engine import REGISTERS, warps
from snn_triton.kernels import kernel


class Binary(NamedTuple):
    """A kernel, compiled."""

    target: Target  # the GPU that it is compiled for
    # the kernel at the stages of the compiler, by Triton's names: ``"ttgir"``, ``"llir"``, ``"ptx"`` or
    # ``"amdgcn"``
    texts: dict[str, str]
    threads: int  # threads of a block
    shared: int  # bytes of shared memory of a block
    registers: int  # registers of a thread
    # registers, or bytes, that did not fit and go to memory; AMD's scalar registers do not count, as they are kept
    # in lanes of other registers
    spilled: int
    code: bytes  # the program that the GPU runs
    scalars: int = 0  # scalar registers of a warp, on AMD GPUs
    # largest number of warps that a unit of the GPU runs at a time, according to LLVM; None if LLVM does not say
    waves: int | None = None

    @property
    def assembly(self) -> str:
        """The assembly code."""
        return self.texts["ptx" if self.target.backend == "cuda" else "amdgcn"]

    @property
    def occupancy(self) -> float:
        """The share of the warps of a unit of the GPU that can run at a time."""
        share = self.target.occupancy(self.registers, self.shared, self.threads, self.scalars)
        return share if self.waves is None else min(share, self.waves / self.target.warps)

    def disassembled(self) -> str:
        """Return the machine code of an NVIDIA GPU as text; it is assembled from PTX."""
        return _dumped(self.code, "-sass")


def compiled(launch: Launch, target: Target, **options: Any) -> Binary:
    """Compile a launch, specialized for its arguments as on a machine with the GPU.

    Like the engine, this compiles a kernel that spills registers to memory again, with more registers, unless an option
    sets their number. Options override those that the engine passes to the compiler.
    """
    binary = _compiled(launch, target, options)
    if binary.spilled and target.backend == "cuda" and "maxnreg" not in options:
        return _compiled(launch, target, options | {"maxnreg": REGISTERS})
    return binary


def _compiled(launch: Launch, target: Target, options: dict[str, Any]) -> Binary:
    from triton.runtime import driver

    driver.set_active(_Absent(target))
    block = options.get("BLOCK", launch.options["BLOCK"])
    options = launch.options | {"num_warps": warps(block, target.lanes)} | options
    result = kernel(launch.source).warmup(*launch.arguments, grid=launch.grid, **options)
    texts = {name: text for name, text in result.asm.items() if isinstance(text, str)}
    threads = result.metadata.num_warps * target.lanes
    if target.backend == "cuda":
        code = result.asm["cubin"]
        registers, spilled = _of_cubin(code, texts["ptx"])
        return Binary(target, texts, threads, result.metadata.shared, registers, spilled, code)
    numbers = {name: int(number) for name, number in re.findall(r"^ +\.(\w+): +(\d+)$", texts["amdgcn"], re.MULTILINE)}
    (waves,) = re.findall(r"^; Occupancy: (\d+)$", texts["amdgcn"], re.MULTILINE)
    spilled = numbers["vgpr_spill_count"] + numbers["private_segment_fixed_size"]
    registers, code = numbers["vgpr_count"], result.asm["hsaco"]
    return Binary(
        target, texts, threads, result.metadata.shared, registers, spilled, code, numbers["sgpr_count"], int(waves)
    )


def _of_cubin(cubin: bytes, ptx: str) -> tuple[int, int]:
    """Return the registers of a thread, and the bytes of its memory that its program does not request itself."""
    usage = _dumped(cubin, "-res-usage")
    ((registers, stack, local),) = re.findall(r"REG:(\d+) STACK:(\d+) .*?LOCAL:(\d+)", usage)
    size = sum(map(int, re.findall(r"\.local .*\[(\d+)\];", ptx)))
    return int(registers), int(stack) + int(local) - size


def _dumped(cubin: bytes, about: str) -> str:
    """Return the output of cuobjdump, which comes with Triton."""
    from triton import knobs

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "kernel.cubin"
        file.write_bytes(cubin)
        command = (knobs.nvidia.cuobjdump.path, about, str(file))
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class _Absent:
    """A stand-in for the driver, from which Triton gets the GPU to compile for."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget(self._target.backend, self._target.arch, self._target.lanes)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0
