"""Write the files of a release: folders to publish, and the pins of the umbrella."""

from __future__ import annotations

import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

import pip_configuration
from release import files

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the date of every file in the archive, so that the same pages give the same archive


def run_sessions(root: pathlib.Path, sessions: Sequence[str]) -> None:
    """Run sessions of a tree's noxfile.

    Raises:
        subprocess.CalledProcessError: If a session fails.
    """
    command = [sys.executable, "-m", "nox", "-f", str(root / "noxfile.py"), "-s", *sessions]
    subprocess.run(command, cwd=root, check=True)


def publishable(root: pathlib.Path, versions: Mapping[str, str]) -> list[pathlib.Path]:
    """Write a folder for each release, ``dist/release/NAME-VERSION``: files, checksums, bills of native wheels."""
    folders = []
    for name, version in versions.items():
        into = root / "dist" / "release" / f"{name}-{version}"
        for wheel in files.collect(name, version, [root / "dist" / "wheels", root / "dist" / "native"], into):
            if wheel.suffix == ".whl" and not wheel.name.endswith("-any.whl"):
                from release import sbom  # imported late: only environments for releases have its dependencies

                (into / f"{wheel.stem}.cdx.json").write_text(sbom.bill(wheel), encoding="utf-8")
        (into / "SHA256SUMS").write_text(files.sums(into.iterdir()), encoding="utf-8")
        folders.append(into)
    return folders


def packed_site(root: pathlib.Path, version: str) -> pathlib.Path:
    """Pack the built site into ``dist/release/snn-VERSION-site.zip``, the same file for the same pages.

    Raises:
        FileNotFoundError: If there is no built site.
    """
    site, archive = root / "dist" / "docs", root / "dist" / "release" / f"snn-{version}-site.zip"
    if not (site / "index.html").exists():
        raise FileNotFoundError(f"there is no site in {site}: build it with nox -s docs")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(file for file in site.rglob("*") if file.is_file()):
            name = (pathlib.PurePosixPath(f"snn-{version}") / file.relative_to(site).as_posix()).as_posix()
            packed.writestr(zipfile.ZipInfo(name, _EARLIEST), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


def pinned_hashes(root: pathlib.Path, versions: Mapping[str, str]) -> files.Hashes:
    """Return the hashes of earlier releases that a release of the umbrella keeps, from the pins of earlier releases.

    Raises:
        ValueError: If no pins contain the files of a release.
    """
    known = files.known_hashes(file.read_text(encoding="utf-8") for file in root.glob("constraints/*-hashes.txt"))
    for name, version in versions.items():
        if (name, version) not in known:
            raise ValueError(
                f"{name}: no file in constraints has the hashes of {version}, its last release: release it too"
            )
    return {release: known[release] for release in versions.items()}


def pin(root: pathlib.Path, version: str, others: Mapping[tuple[str, str], list[str]]) -> list[pathlib.Path]:
    """Write the pins of a release of the umbrella: ``constraints/snn-VERSION.txt`` and ``-hashes.txt``.

    ``others`` has the hashes of packages that are not released now, from `pinned_hashes`; all else is pinned as built.

    Raises:
        subprocess.CalledProcessError: If the versions cannot be resolved.
    """
    built = [*root.glob("dist/wheels/*.whl"), *root.glob("dist/wheels/*.tar.gz"), *root.glob("dist/native/*.whl")]
    before = dict(others.keys())
    built = [file for file in built if files.distribution(file)[0] not in before]
    pure = {files.distribution(file)[0]: file for file in root.glob("dist/wheels/*.whl")}
    ours = dict(map(files.distribution, pure.values())) | before
    folder = root / "constraints"
    folder.mkdir(exist_ok=True)
    pinned, hashed = folder / f"snn-{version}.txt", folder / f"snn-{version}-hashes.txt"
    note = f"# snn {version} as it was tested: Python {platform.python_version()}, {platform.system()}\n"
    pinned.write_text(note + files.constraints({**_others(pure), **ours}), encoding="utf-8")
    hashed.write_text(f"# snn {version}: our files and no others\n" + files.hashes(built, others), encoding="utf-8")
    return [pinned, hashed]


def _others(wheels: Mapping[str, pathlib.Path]) -> dict[str, str]:
    """Return the other distributions that ``snn[all]`` installs on this machine."""
    settings = pip_configuration.settings()
    arguments = [*pip_configuration.index_arguments(settings), *pip_configuration.constraint_arguments(settings)]
    with tempfile.TemporaryDirectory() as name:
        own, requirements = pathlib.Path(name) / "own.txt", pathlib.Path(name) / "asked.in"
        own.write_text(
            "".join(f"{name} @ {file.resolve().as_uri()}\n" for name, file in wheels.items()), encoding="utf-8"
        )
        requirements.write_text("snn[all]\n", encoding="utf-8")
        command = ["uv", "pip", "compile", "-q", "--no-header", "--no-annotate", "--python", sys.executable]
        process = subprocess.run(
            [sys.executable, "-m", *command, "-c", str(own), *arguments, str(requirements)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    return dict(re.findall(r"^([\w.-]+)==(\S+)", process.stdout, re.MULTILINE))
