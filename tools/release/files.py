"""Collect the files of a release, their SHA-256 checksums, and the versions to pin."""

from __future__ import annotations

import hashlib
import pathlib
import re
import shutil
from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

Hashes = dict[tuple[str, str], list[str]]
"""The SHA-256 checksums of the files of each distribution and version."""


def distribution(file: pathlib.Path) -> tuple[str, str]:
    """Return the name and version that a file name states.

    Example:
        >>> distribution(pathlib.Path("snn_core-0.5.0.tar.gz"))
        ('snn-core', '0.5.0')
    """
    parts = parse_wheel_filename(file.name) if file.suffix == ".whl" else parse_sdist_filename(file.name)
    return canonicalize_name(parts[0]), str(parts[1])


def collect(name: str, version: str, folders: Iterable[pathlib.Path], into: pathlib.Path) -> list[pathlib.Path]:
    """Copy the files that are published for one release into a folder, which is emptied first.

    Returns:
        The copies: the sdist, the pure wheel, and any native wheels.

    Raises:
        FileNotFoundError: If there is no sdist or no pure wheel of that version.
    """
    artifacts = [
        file for folder in folders for file in sorted(folder.glob("*")) if file.name.endswith((".whl", ".tar.gz"))
    ]
    chosen = [file for file in artifacts if distribution(file) == (name, version)]
    for ending in ("-py3-none-any.whl", ".tar.gz"):
        if not any(file.name.endswith(ending) for file in chosen):
            raise FileNotFoundError(f"no {ending} of {name} {version} was built: run nox -s wheels")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    return [pathlib.Path(shutil.copy2(file, into / file.name)) for file in chosen]


def sums(files: Iterable[pathlib.Path]) -> str:
    """Return SHA-256 checksums, a line for each file by name, in the format that ``sha256sum --check`` reads."""
    named = sorted(files, key=lambda file: file.name)
    return "".join(f"{sha256(file)}  {file.name}\n" for file in named)


def hashes(files: Iterable[pathlib.Path], others: Mapping[tuple[str, str], list[str]] | None = None) -> str:
    """Return requirements for ``pip install --no-deps --require-hashes``: these files, and others by their checksums.

    Raises:
        ValueError: If there are several versions of a distribution.
    """
    allowed: Hashes = {**(others or {})}
    for file in sorted(files, key=lambda file: file.name):
        allowed.setdefault(distribution(file), []).append(sha256(file))
    names = [name for name, _ in allowed]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"several versions of {sorted(twice)} were built: run nox -s wheels")
    lines = [
        f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{digest}" for digest in known)
        for (name, version), known in sorted(allowed.items())
    ]
    return "\n".join(lines) + "\n"


def known_hashes(texts: Iterable[str]) -> Hashes:
    r"""Return the checksums in requirements as written by `hashes`; comments are ignored.

    Example:
        >>> known_hashes(["# ours\na==1.0 \\\n    --hash=sha256:12 \\\n    --hash=sha256:ab\n"])
        {('a', '1.0'): ['12', 'ab']}
    """
    return {
        (name, version): re.findall(r"sha256:(\w+)", listed)
        for text in texts
        for name, version, listed in re.findall(r"^([\w-]+)==(\S+)((?: \\\n +--hash=sha256:\w+)+)", text, re.MULTILINE)
    }


def constraints(versions: Mapping[str, str]) -> str:
    r"""Return a file for ``pip install -c`` that pins versions, without their local parts such as ``+cpu``.

    Example:
        >>> constraints({"torch": "2.13.0+cpu", "numpy": "2.3.0"})
        'numpy==2.3.0\ntorch==2.13.0\n'
    """
    return "".join(f"{name}=={version.partition('+')[0]}\n" for name, version in sorted(versions.items()))


def sha256(file: pathlib.Path) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
