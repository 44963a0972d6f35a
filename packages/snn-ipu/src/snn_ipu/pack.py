"""Adds compiled operators to a wheel: ``python -m snn_ipu.pack snn_ipu-*.whl``, on the machine that built them."""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Sequence

from snn_ipu.device.compiled_op import LIBRARY, MANIFEST, OPS, manifest_in
from snn_ipu.device.sdk import IpuUnavailable

__all__ = ["main", "pack"]

_PLATFORM = "linux_x86_64"


def pack(wheel: Path, ops: Path = OPS, into: Path | None = None) -> Path:
    """Copy a pure wheel, adding the operators of one or more SDKs.

    Args:
        wheel: The pure wheel of snn-ipu, ``*-py3-none-any.whl``.
        ops: Folder with a ``poplar-<version>`` for each SDK.
        into: Folder of the new wheel; the folder of the old one if None.

    Returns:
        The new wheel, ``*-py3-none-linux_x86_64.whl``.

    Raises:
        IpuUnavailable: If there is no operator to pack, or one does not match its manifest.
        ValueError: If ``wheel`` is not a pure wheel of snn-ipu.
        OSError: If a file cannot be read or written.
    """
    added = _operators(ops)
    if not wheel.name.startswith("snn_ipu-") or not wheel.name.endswith("-py3-none-any.whl"):
        raise ValueError(f"{wheel} is not a pure wheel of snn-ipu; pass snn_ipu-<version>-py3-none-any.whl")
    with zipfile.ZipFile(str(wheel)) as file:
        members = {info.filename: file.read(info) for info in file.infolist() if not info.is_dir()}
    members.update(added)
    (record,) = (name for name in members if name.endswith(".dist-info/RECORD"))
    (description,) = (name for name in members if name.endswith(".dist-info/WHEEL"))
    tags = members[description].decode().replace("Tag: py3-none-any", f"Tag: py3-none-{_PLATFORM}")
    members[description] = tags.replace("Root-Is-Purelib: true", "Root-Is-Purelib: false").encode()
    del members[record]
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in members.items()]
    members[record] = ("\n".join([*lines, f"{record},,"]) + "\n").encode()
    out = (into or wheel.parent) / wheel.name.replace("-any.whl", f"-{_PLATFORM}.whl")
    with zipfile.ZipFile(str(out), "w") as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            file.writestr(info, data, zipfile.ZIP_DEFLATED)
    return out


def main(arguments: Sequence[str]) -> int:
    """Pack from the command line; return 0 if a wheel was written, or print the reason and return 1."""
    parser = argparse.ArgumentParser(prog="python -m snn_ipu.pack", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--ops", type=Path, default=OPS, help="folder of the builds, the package's own by default")
    parser.add_argument("--into", type=Path, default=None, help="folder of the new wheel")
    options = parser.parse_args(arguments)
    try:
        print(pack(options.wheel, options.ops, options.into))
    except (IpuUnavailable, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _operators(ops: Path) -> dict[str, bytes]:
    results = {}
    for folder in sorted(ops.glob("poplar-*")):
        files = {name: (folder / name).read_bytes() for name in (LIBRARY, MANIFEST)}
        if manifest_in(folder)["sha256"] != hashlib.sha256(files[LIBRARY]).hexdigest():
            raise IpuUnavailable(f"{folder / LIBRARY} does not match its manifest: run `python -m snn_ipu.build`")
        results.update({f"snn_ipu/_ops/{folder.name}/{name}": data for name, data in files.items()})
    if not results:
        raise IpuUnavailable(f"{ops} contains no poplar-<version>: run `python -m snn_ipu.build` first")
    return results


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
