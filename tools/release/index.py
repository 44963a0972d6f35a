"""Write the files of a release, an index of them for pip, and the site into one folder."""

from __future__ import annotations

import argparse
import email.parser
import html
import pathlib
import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Sequence

from release.files import distribution, sha256, sums

_PAGE = (
    '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{title}</title></head><body>\n{links}</body></html>\n'
)


def option(words: Sequence[str]) -> tuple[pathlib.Path | None, list[str]]:
    """Take ``--release FOLDER`` out of a command's arguments.

    Example:
        >>> option(["--release", "dist/all", "--no-tests"])
        (PosixPath('dist/all'), ['--no-tests'])
    """
    parser = argparse.ArgumentParser(prog="wheels", add_help=False, allow_abbrev=False)
    parser.add_argument("--release", type=pathlib.Path, metavar="FOLDER")
    known, others = parser.parse_known_args(words)
    return known.release, others


def must_be_empty(into: pathlib.Path) -> None:
    """Check that a folder does not exist, or is empty, or has a release in it.

    Raises:
        ValueError: If it has anything else in it.
    """
    is_release = (into / "files" / "SHA256SUMS").is_file() and (into / "simple" / "index.html").is_file()
    names = {file.name for file in into.iterdir()} if into.is_dir() else set[str]()
    if (into.exists() and not into.is_dir()) or names - ({"files", "html", "simple"} if is_release else set[str]()):
        raise ValueError(f"--release: FOLDER must be empty or have an earlier release, got {into}. Fix: name another")


def write(built: Iterable[pathlib.Path], site: pathlib.Path, into: pathlib.Path) -> None:
    """Write ``files`` with wheels, sdists and checksums, ``simple`` with an index of them, and ``html`` with the site.

    The index is a simple repository API of version 1.0: ``pip install --index-url file://.../simple``. The links are
    relative, so that the folder may be moved, or served by any web server. ``files`` alone is a folder for pip's
    ``--find-links``.

    Raises:
        ValueError: If the folder has anything but an earlier release, which is replaced.

    Source: PEP 503.
    """
    must_be_empty(into)
    shutil.rmtree(into, ignore_errors=True)
    (into / "files").mkdir(parents=True)
    files = [pathlib.Path(shutil.copy2(file, into / "files" / file.name)) for file in sorted(built)]
    (into / "files" / "SHA256SUMS").write_text(sums(files), encoding="utf-8")
    links: dict[str, str] = {}
    for file in files:
        name = distribution(file)[0]
        links[name] = links.get(name, "") + _link(file)
    for name, listed in links.items():
        _page(into / "simple" / name, f"Links for {name}", listed)
    _page(into / "simple", "Simple index", "".join(f'<a href="{name}/">{name}</a><br>\n' for name in sorted(links)))
    shutil.copytree(site, into / "html")


def _page(folder: pathlib.Path, title: str, links: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(_PAGE.format(title=title, links=links), encoding="utf-8")


def _link(file: pathlib.Path) -> str:
    place, needs = f"../../files/{file.name}#sha256={sha256(file)}", html.escape(_needed_python(file))
    return f'<a href="{place}" data-requires-python="{needs}">{file.name}</a><br>\n'


def _needed_python(file: pathlib.Path) -> str:
    """Return the versions of Python that a wheel or an sdist states."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            (place,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            content = wheel.read(place)
    else:
        with tarfile.open(file) as sdist:
            (place,) = (name for name in sdist.getnames() if name.count("/") == 1 and name.endswith("/PKG-INFO"))
            opened = sdist.extractfile(place)
            content = opened.read() if opened else b""
    return str(email.parser.BytesHeaderParser().parsebytes(content)["Requires-Python"] or "")
