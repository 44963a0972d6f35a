"""Compiles the operator ``SurrogateSpike`` for the active Poplar SDK: ``python -m snn_ipu.build``.

Nothing else compiles anything. Only programs that need the library load it, after comparing its manifest
with the SDK that is active then.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Sequence

from snn_ipu.device.compiled_op import LIBRARY, MANIFEST, OPS, SOURCES, manifest_of
from snn_ipu.device.sdk import IpuUnavailable, sdk_version

__all__ = ["build", "main"]

_FLAGS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-DONNX_NAMESPACE=onnx")
_LIBRARIES = ("popart", "poplar", "popops")


def build(ops: Path = OPS, compiler: str = "", libraries: Sequence[str] = _LIBRARIES) -> Path:
    """Compile the operator and write its manifest.

    Args:
        ops: Folder of the builds; the operator goes to ``poplar-<version>`` in it.
        compiler: The C++ compiler; if empty, the one that the variable CXX names, or g++.
        libraries: The libraries to link.

    Raises:
        IpuUnavailable: If there is no SDK or no compiler, or the compiler fails; the message ends with its output.
        OSError: If the folder cannot be written.
    """
    version, package_hash = sdk_version()
    compiler = compiler or os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise IpuUnavailable(f"there is no compiler {compiler!r}; install g++, or name one in the variable CXX")
    folder = ops / f"poplar-{version}"
    with tempfile.TemporaryDirectory() as temporary:
        library = Path(temporary) / LIBRARY
        links = [f"-l{name}" for name in libraries]
        command = [compiler, *_FLAGS, str(SOURCES / "surrogate_spike.cpp"), "-o", str(library), *links]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise IpuUnavailable(f"the operator does not compile ({' '.join(command)}):\n{done.stdout[-2000:]}")
        manifest = manifest_of(library, version, package_hash)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(library), str(folder / LIBRARY))
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return folder


def main(arguments: Sequence[str]) -> int:
    """Build the operator from the command line; return 0 if it was built, or print the reason and return 1."""
    parser = argparse.ArgumentParser(prog="python -m snn_ipu.build", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=OPS, help="folder of the builds, the package's own by default")
    try:
        print(build(parser.parse_args(arguments).out))
    except (IpuUnavailable, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
