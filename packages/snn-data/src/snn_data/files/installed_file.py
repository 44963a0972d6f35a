"""Files inside other installed distributions."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from snn_data.files.checksum import ChecksumError, check_file

__all__ = ["installed_file"]


def installed_file(package: str, path: str, sha256: str, *, caller: str, extra: str) -> Path:
    """Find a file of an installed package, without importing the package.

    Args:
        package: Import name of the package, without dots.
        path: Path of the file in it, with ``/`` between folders.
        sha256: Its SHA-256, in hexadecimal digits.
        caller: Public function that reads it, for the messages.
        extra: Extra of this distribution that installs the package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{caller}() reads {package}'s copy of the data: pip install 'snn-data[{extra}]'")
    file = Path(spec.submodule_search_locations[0], path)
    remedy = f"pip install --force-reinstall --no-deps {package}, or install a release that help({caller}) names"
    if not file.is_file():
        raise FileNotFoundError(f"{caller}() reads {file}, which is missing: {remedy}")
    try:
        check_file(file, f"sha256:{sha256}")
    except ChecksumError as error:
        raise ChecksumError(f"{caller}() refuses a file of {package}: {error}; {remedy}") from error
    return file
