"""The files of a release: what is published, its SHA-256 sums, and a set of versions to pin."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

__all__ = ["collect", "constraints", "hashes", "sums"]


def _of(file: pathlib.Path) -> tuple[str, str]:
    """Name and version that a file name states."""
    parts = parse_wheel_filename(file.name) if file.suffix == ".whl" else parse_sdist_filename(file.name)
    return canonicalize_name(parts[0]), str(parts[1])


def collect(name: str, version: str, folders: Iterable[pathlib.Path], into: pathlib.Path) -> list[pathlib.Path]:
    """Copy what is published of one release into an emptied folder.

    Args:
        name: The distribution.
        version: Its version.
        folders: Where built files are.
        into: Folder to make.

    Returns:
        The copies: the sdist, the pure wheel, and native wheels where there are some.

    Raises:
        FileNotFoundError: If there is no sdist or no pure wheel of that version.
    """
    found = [file for folder in folders for file in sorted(folder.glob("*")) if file.name.endswith((".whl", ".tar.gz"))]
    chosen = [file for file in found if _of(file) == (name, version)]
    for ending in ("-py3-none-any.whl", ".tar.gz"):
        if not any(file.name.endswith(ending) for file in chosen):
            raise FileNotFoundError(f"no {ending} of {name} {version} was built: run nox -s wheels")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    return [pathlib.Path(shutil.copy2(file, into / file.name)) for file in chosen]


def sums(files: Iterable[pathlib.Path]) -> str:
    """SHA-256 sums, in the form that ``sha256sum --check`` reads.

    Args:
        files: The files.

    Returns:
        A line for each, by name.
    """
    named = sorted(files, key=lambda file: file.name)
    return "".join(f"{_sha256(file)}  {file.name}\n" for file in named)


def hashes(files: Iterable[pathlib.Path]) -> str:
    """Requirements with hashes: exactly these files and no others.

    Args:
        files: Wheels and sdists of one version of each distribution.

    Returns:
        A requirements file for ``pip install --no-deps --require-hashes``.

    Raises:
        ValueError: If there are several versions of one.
    """
    allowed: dict[tuple[str, str], list[str]] = {}
    for file in sorted(files, key=lambda file: file.name):
        allowed.setdefault(_of(file), []).append(_sha256(file))
    names = [name for name, _ in allowed]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"several versions of {sorted(twice)} were built: run nox -s wheels")
    lines = [
        f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{one}" for one in known)
        for (name, version), known in sorted(allowed.items())
    ]
    return "\n".join(lines) + "\n"


def constraints(versions: Mapping[str, str]) -> str:
    r"""A file for ``pip install -c`` that pins versions, without what they are called on one machine alone.

    Args:
        versions: Version of each distribution.

    Returns:
        A line for each, by name.

    Example:
        >>> constraints({"torch": "2.13.0+cpu", "numpy": "2.3.0"})
        'numpy==2.3.0\ntorch==2.13.0\n'
    """
    return "".join(f"{name}=={version.partition('+')[0]}\n" for name, version in sorted(versions.items()))


def _sha256(file: pathlib.Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
