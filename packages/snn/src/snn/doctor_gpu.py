"""A test of the GPUs of this machine: ``snn doctor --gpu``."""

from __future__ import annotations

import importlib
import pathlib
from dataclasses import asdict, dataclass, field
from typing import Any

from snn._installing import hint
from snn.factory import CannotMake
from snn.versions import version

__all__ = ["Check", "GpuDiagnosis", "absent", "look", "names"]

# the distributions of Triton that come with PyTorch for CUDA and for ROCm
_TRITON = ("triton", "triton-rocm", "pytorch-triton-rocm", "pytorch-triton")
_DRIVERS = {"nvidia": "/sys/module/nvidia/version", "amdgpu": "/sys/module/amdgpu/version"}


@dataclass
class Check:
    """One line of the self-test: its name, its success, and its detail."""

    name: str
    ok: bool
    detail: str


@dataclass
class GpuDiagnosis:
    """The result of `look`: ``gpus`` by name, ``versions``, ``kernels`` by package, ``checks`` of the self-test.

    ``reason`` says why there are no checks: there is no GPU, or nothing that could be tested.
    """

    gpus: list[str]
    versions: dict[str, str]
    kernels: list[Check] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    reason: str = ""

    @property
    def code(self) -> int:
        """The exit code: 0 if every check passed, 1 if one failed, 2 if none could be run, 3 if there is no GPU."""
        if not self.gpus:
            return 3
        if self.reason:
            return 2
        return int(not all(check.ok for check in self.checks))

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as JSON data."""
        return {"ok": self.code == 0, **asdict(self)}

    def __str__(self) -> str:
        if not self.gpus:
            return self.reason
        named = {"gpu": ", ".join(self.gpus), **self.versions}
        lines = ["environment", *_aligned(named), "kernels"]
        lines += _aligned({kernel.name: _verdict(kernel, "ready", "not available") for kernel in self.kernels})
        if self.reason:
            return "\n".join([*lines, f"problem: {self.reason}"])
        lines += ["self-test", *_aligned({item.name: _verdict(item, "passed", "FAILED") for item in self.checks})]
        failed = [check.name for check in self.checks if not check.ok]
        end = f"problem: {len(failed)} of {len(self.checks)} checks failed" if failed else "every check passed"
        return "\n".join([*lines, end])

    __repr__ = __str__


def names() -> list[str]:
    """Return the names of the GPUs that torch sees; CUDA is not initialized where there is none."""
    import torch

    return [] if absent() else [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def absent() -> str:
    """Return the reason why torch sees no GPU and what to do, or an empty text if it sees one."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return f"no GPU: torch {torch.__version__} is a build for CPUs; install one for CUDA or ROCm to use a GPU"
    if not torch.cuda.is_available():
        return f"no GPU: torch {torch.__version__} sees none; see whether nvidia-smi or rocm-smi lists one"
    return ""


def look() -> GpuDiagnosis:
    """Test the kernels of snn-triton on the GPUs of this machine.

    Raises:
        CannotMake: If torch cannot be imported.
    """
    try:
        import torch
    except Exception as error:  # a broken torch may raise anything
        raise CannotMake(f"torch cannot be imported: {type(error).__name__}: {error}") from error

    versions = {"driver": _driver(), "torch": torch.__version__, "cuda": torch.version.cuda or ""}
    versions |= {"rocm": torch.version.hip or "", "triton": _triton()}
    result = GpuDiagnosis(names(), {name: text for name, text in versions.items() if text}, reason=absent())
    if result.gpus:
        from snn_core.kernels import status

        result.kernels = [Check(*row) for row in status()]
        _test(result)
    return result


def _test(result: GpuDiagnosis) -> None:
    """Run the self-test; an error of a driver or a compiler in it counts as a failed check."""
    installed = version("snn-triton")
    if installed is None:
        result.reason = f"not installed: snn-triton; {hint('snn[triton]')}"
        return
    try:
        selftest = getattr(importlib.import_module("snn_triton"), "selftest", None)
        if selftest is None:
            result.reason = f"snn-triton {installed} has no self-test: install a newer version"
            return
        result.checks = [Check(*line) for line in selftest()]
    except Exception as error:
        result.checks = [Check("self-test", False, f"ended with {type(error).__name__}: {error}")]
    if not result.checks:
        result.reason = f"the self-test of snn-triton {installed} ran no checks"


def _driver() -> str:
    for name, file in _DRIVERS.items():
        if pathlib.Path(file).is_file():
            return f"{name} {pathlib.Path(file).read_text(encoding='utf-8').strip()}"
    return "unknown"


def _triton() -> str:
    results = [f"{name} {there}" for name in _TRITON if (there := version(name))]
    return ", ".join(results).removeprefix("triton ") or "not installed"


def _verdict(check: Check, yes: str, no: str) -> str:
    detail = check.detail.strip().replace("\n", "\n    ")  # a compiler's detail has many lines
    return f"{yes if check.ok else no}: {detail}"


def _aligned(lines: dict[str, str]) -> list[str]:
    width = max(map(len, lines), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in lines.items()] or ["  none"]
