"""Published facts about GPUs.

NVIDIA: the table "Technical specifications per compute capability" of the CUDA C++ Programming Guide. AMD: LLVM's
"User Guide for AMDGPU Backend" and the instruction set architecture guides of CDNA 2, 3 and 4 and RDNA 3.
"""

from __future__ import annotations

from typing import NamedTuple

_KIB = 1024


class Target(NamedTuple):
    """A target that kernels are compiled for."""

    title: str  # name for readers
    backend: str  # ``"cuda"`` or ``"hip"``
    arch: int | str  # architecture, as Triton names it
    lanes: int  # threads of a warp, which AMD calls a wavefront
    warps: int  # largest number of warps that a unit runs at a time: an NVIDIA multiprocessor, or one of AMD's SIMDs
    registers: int  # registers for each lane, of all warps of a unit together
    granule: int  # number of registers that are allocated to a warp at a time
    most: int  # largest number of registers of a thread
    units: int  # number of units that share memory
    shared: int  # bytes of shared memory
    reserved: int = 0  # bytes of shared memory that each block takes in addition to its own
    blocks: int = 32  # largest number of blocks that use the shared memory at a time
    # scalar registers of all warps of a unit together; 0 if each warp has as many as its code can name
    scalars: int = 0

    def __str__(self) -> str:
        return f"{self.backend} {self.arch}"

    def occupancy(self, registers: int, shared: int, threads: int, scalars: int = 0) -> float:
        """Return the share of the warps of a unit that can run at a time.

        Example:
            >>> TARGETS["sm_90"].occupancy(registers=64, shared=0, threads=128)
            0.5
            >>> TARGETS["gfx942"].occupancy(registers=130, shared=0, threads=256)
            0.375
        """
        result = -(-max(registers, 1) // self.granule) * self.granule
        running = min(self.warps, self.registers // result)
        if self.scalars:  # allocated 16 at a time, with 16 more for the trap handler
            running = min(running, self.scalars // (-(-(scalars + 16) // 16) * 16))
        by_registers = running * self.units
        warps = threads // self.lanes
        blocks = min(self.blocks, by_registers // warps)
        if shared:
            blocks = min(blocks, self.shared // (shared + self.reserved))
        return blocks * warps / (self.warps * self.units)


def _nvidia(title: str, arch: int, warps: int, blocks: int, shared: int) -> Target:
    # 64 Ki registers, allocated to a warp of 32 threads 256 at a time
    return Target(title, "cuda", arch, 32, warps, 2048, 8, 255, 1, shared * _KIB, _KIB, blocks)


def _cdna(title: str, arch: str, shared: int = 64) -> Target:
    # 512 registers per lane, 256 of them accumulators; the warps of a block share one compute unit of four SIMDs
    return Target(title, "hip", arch, 64, 8, 512, 8, 512, 4, shared * _KIB, scalars=800)


TARGETS = {
    "sm_80": _nvidia("A100", 80, 64, 32, 164),
    "sm_90": _nvidia("H100", 90, 64, 32, 228),
    "sm_100": _nvidia("B200", 100, 64, 32, 228),
    "sm_120": _nvidia("RTX 5090", 120, 48, 24, 100),
    "gfx90a": _cdna("MI250", "gfx90a"),
    "gfx942": _cdna("MI300X", "gfx942"),
    "gfx950": _cdna("MI355X", "gfx950", 160),
    "gfx1100": Target("RX 7900 XTX", "hip", "gfx1100", 32, 16, 1536, 24, 256, 2, 64 * _KIB),
}
"""All targets that kernels are compiled for, by name."""


class Device(NamedTuple):
    """A GPU, and the memory bandwidth that its maker publishes."""

    title: str  # its name
    bandwidth: float  # bytes per second
    source: str  # publication that states the bandwidth


DEVICES = [
    Device("A100 80 GB SXM", 2039e9, "NVIDIA A100 Tensor Core GPU Datasheet"),
    Device("H100 SXM", 3.35e12, "NVIDIA H100 Tensor Core GPU Datasheet"),
    Device("RTX 4090", 1008e9, "NVIDIA Ada GPU Architecture"),
    Device("MI300X", 5.3e12, "AMD Instinct MI300X Data Sheet"),
]
