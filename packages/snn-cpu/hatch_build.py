"""A build hook, and a program for development, that compile ``csrc`` against LibTorch's stable ABI.

The library is built only with ``SNN_NATIVE=1``; without it the wheel is pure, so that anyone can install from source
without a compiler. ``python hatch_build.py FILE`` compiles to a file, for ``SNN_CPU_LIBRARY=FILE``.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program, this needs only the interpreter and its torch
    BuildHookInterface = object

LIBRARY = "libsnn_cpu.so"
TORCH = (2, 10)  # the oldest torch that loads the library, which is also snn-core's minimum
COMPILE = (
    *("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"),
    # comparisons vectorize only if they may be made speculatively
    *("-fno-trapping-math", "-fno-math-errno"),
    # a product and a sum round separately, as torch's own do, on every instruction set
    "-ffp-contract=off",
    f"-DTORCH_TARGET_VERSION=0x{TORCH[0]:02x}{TORCH[1]:02x}000000000000",
)
LINK = ("-shared", "-s", "-Wl,--as-needed", "-Wl,-z,defs", "-ltorch_cpu")
# the library picks one of these when it is loaded; on machines other than x86-64 there is only the baseline
ARCHITECTURES = {
    "base": (),
    "v3": ("-march=x86-64-v3",),
    "v4": ("-march=x86-64-v4", "-mprefer-vector-width=512"),
}


def compile_library(out: Path) -> None:
    """Compile ``csrc/*.cpp`` once and ``csrc/arch/*.cpp`` once per instruction set, and link one library.

    The headers and libraries are those of the interpreter's torch, which is not imported. The same sources, compiler
    and torch give the same bytes, whatever folders they are in.

    Args:
        out: File to write; its folder is created if needed.

    Raises:
        RuntimeError: If this is not Linux, there is no compiler, no torch or no source, or the compiler fails.
    """
    compiler, torch = _compiler(), _torch()
    sources = Path(__file__).resolve().parent / "csrc"
    common = [compiler, *COMPILE, f"-ffile-prefix-map={sources}=csrc", f"-ffile-prefix-map={torch}=torch"]
    common += ["-I", str(sources), "-isystem", str(torch / "include")]
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    architectures = ARCHITECTURES if x86 else {"base": ()}
    units = [(file, file.stem, ()) for file in sorted(sources.glob("*.cpp"))]
    units += [
        (file, f"{file.stem}-{name}", (f"-DSNN_ARCH={name}", *flags))
        for file in sorted(sources.glob("arch/*.cpp"))
        for name, flags in architectures.items()
    ]
    if not units:
        raise RuntimeError(f"{sources} contains no source to compile: build from the sdist or from a whole checkout")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        # arch- keeps the objects of csrc/recurrent.cpp and csrc/arch/recurrent.cpp apart
        objects = [f"{folder}/{'arch-' if extra else ''}{stem}.o" for _, stem, extra in units]
        commands = [
            [*common, *extra, "-c", str(file), "-o", into]
            for (file, _, extra), into in zip(units, objects, strict=True)
        ]
        list(threads.map(_run, commands))
        linked = f"{folder}/{LIBRARY}"
        _run([compiler, *objects, "-L", str(torch / "lib"), *LINK, "-o", linked])
        shutil.move(linked, out)


class NativeWheel(BuildHookInterface):
    """Build hook that adds the library to the wheel if ``SNN_NATIVE=1``; the wheel's tag then names the platform."""

    def dependencies(self) -> list[str]:
        """Return what the build needs besides hatchling."""
        return [f"torch>={TORCH[0]}.{TORCH[1]}"] if _wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile to a temporary file and have the wheel take it from there: ``src`` stays as it is."""
        if not _wanted() or version == "editable":
            return
        self.folder = tempfile.TemporaryDirectory()
        out = Path(self.folder.name) / LIBRARY
        compile_library(out)
        build_data["pure_python"] = False
        build_data["force_include"][str(out)] = f"snn_cpu/{LIBRARY}"
        # no part of it depends on the Python that runs it
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary file."""
        if folder := getattr(self, "folder", None):
            folder.cleanup()


def _wanted() -> bool:
    value = os.environ.get("SNN_NATIVE", "0")
    if value not in ("0", "1"):
        raise RuntimeError(f"SNN_NATIVE is {value!r}: set it to 1 for the native wheel, or to 0 for the pure one")
    return value == "1"


def _compiler() -> str:
    if sys.platform != "linux":
        raise RuntimeError(
            f"the native wheel of snn-cpu is for Linux so far, not for {sys.platform}: leave SNN_NATIVE unset for the "
            "pure wheel"
        )
    name = os.environ.get("CXX", "g++")
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(
            f"the native wheel of snn-cpu needs a C++ compiler, but there is no {name!r}: install g++ 11 or newer, "
            "name one in CXX, or leave SNN_NATIVE unset for the pure wheel"
        )
    return path


def _torch() -> Path:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"{sys.executable} has no torch to compile against: pip install 'torch>={TORCH[0]}.{TORCH[1]}'"
        )
    return Path(spec.origin).parent


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the compiler failed: {' '.join(command)}\n{done.stdout}{done.stderr}")
    if done.stderr:
        print(done.stderr, file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python hatch_build.py FILE")
    compile_library(Path(sys.argv[1]))
