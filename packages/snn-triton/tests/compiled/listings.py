"""The texts of a kernel's stages in Triton's compiler."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from gpu.binaries import Binary
from gpu.launches import Launch

__all__ = [
    "approximations",
    "contracting_flags",
    "conversions_in_loops",
    "fused_in_code",
    "fused_products",
    "is_exact",
    "spills_in_steps",
    "unordered",
    "waiting_loads",
    "widths",
]

_FUSED = {"cuda": r"\bfma\.[\w.]*f(?:32|64)(?:x2)?\b", "hip": r"\bv_(?:pk_|dual_)?fma(?:c|ak|mk)?_f(?:32|64)\w*"}
_FLAG = re.compile(r"\b(?:fast|contract|reassoc|arcp|afn)\b")
_ON_NVIDIA = re.compile(r"\b(?:ld|st)\.global(?:\.v(\d))?\.b(\d+)|cp\.async\.c[ag]\.shared\.global .*?, 0x(\w+),")
_ON_AMD = re.compile(r"\b(?:buffer|global)_(?:load|store)_(?:d16_)?(?:hi_)?(u?short|dword(?:x(\d))?|[ub](\d+))\b")

_READS = re.compile(r"tt\.load|buffer_load %(?:scratch|kept)|async_copy_global_to_local")  # not, on AMD, of the input
_CODE = r"^\s+/\*([0-9a-f]{4,})\*/\s+(.*?);"


def is_exact(launch: Launch, backend: str) -> bool:
    """Return True if a kernel has no function in it, nor, on AMD, a division or a root, which have products inside.

    Args:
        launch: Of the kernel.
        backend: ``"cuda"`` or ``"hip"``.
    """
    names = ["libdevice."] if backend == "cuda" else ["libdevice.", "div_rn", "sqrt", " / "]
    return not any(name in launch.source.text for name in names)


def fused_products(binary: Binary) -> list[str]:
    """Return the instructions that multiply and add and round once."""
    return re.findall(_FUSED[binary.target.backend], binary.assembly)


def fused_in_code(binary: Binary) -> list[str]:
    """Return the same of what an NVIDIA GPU runs, in which divisions and roots have them too."""
    return re.findall(r"\b[FD]FMA\b.*", binary.disassembled())


def approximations(binary: Binary) -> list[str]:
    """Return the instructions of PTX that are not rounded to the nearest, or take what is very small for zero."""
    return re.findall(r"^.*\.(?:approx|full|ftz)\b.*$", binary.assembly, re.MULTILINE)


def contracting_flags(binary: Binary) -> list[str]:
    """Return the operations on numbers that LLVM is allowed to compute in another way."""
    operations = re.findall(r"^ +%\S+ = f(?:add|sub|mul|div|neg) .*$", binary.texts["llir"], re.MULTILINE)
    return [operation for operation in operations if _FLAG.search(operation)]


def conversions_in_loops(binary: Binary) -> list[str]:
    """Return what moves values between threads inside loops."""
    return [line for depth, line in _lines(binary) if depth and "ttg.convert_layout" in line]


def waiting_loads(binary: Binary) -> list[str]:
    """Return the loads of columns in innermost loops that are not on their way some steps before they are needed."""
    lines = [*_lines(binary)]
    innermost = max(depth for depth, _ in lines)
    return [line for depth, line in lines if depth == innermost and "tt.load" in line and "-> tensor" not in line]


def unordered(binary: Binary) -> list[str]:
    """Return what comes behind a loop in a loop before all threads of the block have come there.

    In a backward pass one of these loops writes states, which other threads may read in the next one.
    """
    faults: list[str] = []
    written, depth_before = False, 0
    for depth, line in _lines(binary):
        if depth == 1 and depth_before == 2:
            written = True
        elif written and "barrier" in line:
            written = False
        elif written and (_READS.search(line) or "scf.for" in line or "scf.yield" in line):
            faults.append(line)
        depth_before = depth
    return faults


def spills_in_steps(binary: Binary) -> list[str]:
    """Return what a loop over steps keeps in memory for want of registers, on NVIDIA."""
    code = [(int(at, 16), text) for at, text in re.findall(_CODE, binary.disassembled(), re.MULTILINE)]
    ends = ((at, re.search(r"\bBRA\b.*0x([0-9a-f]+)", text)) for at, text in code)
    loops = [range(int(end[1], 16), at) for at, end in ends if end and int(end[1], 16) < at]
    steps = [loop for loop in loops if not any(other.start > loop.start and other.stop < loop.stop for other in loops)]
    accesses = [(at, text) for at, text in code if re.search(r"\b(?:LDL|STL)\b", text)]
    return [text for at, text in accesses if any(at in loop for loop in steps)]


def widths(binary: Binary) -> Counter[int]:
    """Return how often a thread reads or writes how many bytes of global memory at a time."""
    if binary.target.backend == "cuda":
        every = _ON_NVIDIA.finditer(binary.assembly)
        return Counter(int(m[3], 16) if m[3] else int(m[1] or 1) * int(m[2]) // 8 for m in every)
    every = _ON_AMD.finditer(binary.assembly)
    return Counter(int(m[3]) // 8 if m[3] else 2 if m[1].endswith("short") else 4 * int(m[2] or 1) for m in every)


def _lines(binary: Binary) -> Iterator[tuple[int, str]]:
    """Return each line of a kernel as it is given to threads, behind the number of loops around it."""
    around: list[bool] = []
    for line in binary.texts["ttgir"].splitlines():
        if line.lstrip().startswith("}") and around:
            around.pop()
        yield sum(around), line
        if re.search(r"\{( loc\(.*\))?$", line):
            around.append("scf.for" in line)
