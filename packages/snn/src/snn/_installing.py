"""The command that installs one of our packages."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False  # that of ``typing``, which would make ``import snn`` slow
if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command", "extra", "hint", "missing", "quoted"]

_FIRST = "0.5"  # lower versions named snn on a package index are another project's, and pip would take them
_UNKNOWN = "with the --find-links that snn was installed with, if any"  # no index needs to have our wheels
_UMBRELLA = "snn"
_ALWAYS = (_UMBRELLA, "snn-core", "snn-cpu")  # our packages that come with the umbrella


def hint(*requirements: str) -> str:
    """Return the command that installs packages into this environment, with a note if one is needed."""
    return ", ".join(filter(None, command(*requirements)))


def missing(error: ModuleNotFoundError, requirement: str) -> str:
    """Say which distribution an import did not find, and how to install it."""
    return f"not installed: {str(error.name).partition('.')[0].replace('_', '-')}; {hint(requirement)}"


def command(*requirements: str) -> tuple[str, str]:
    """Return the command that installs packages into this environment, from where our installed ones came.

    The installer is the pip of this interpreter, or uv where there is none. If the installer recorded
    a folder of wheels, the command names it; for a checkout that is installed in place, it names the folders of its
    packages. The umbrella, ``snn``, is requested with a lower bound: older versions of that name are
    another project's.

    Returns:
        The command, and a note: what to add to the command if the installer recorded no folder, else an empty text.
    """
    folders, checkout = _origins()
    if checkout is not None:
        needs = dict.fromkeys(need for requirement in requirements for need in _needs(requirement))
        return f"{_installer()} {' '.join(_from_checkout(need, checkout) for need in needs)}", ""
    floored = [f"{name}>={_FIRST}" if name.partition("[")[0] == _UMBRELLA else name for name in requirements]
    links = [f"--find-links {quoted(str(folder))}" for folder in folders]
    return " ".join([_installer(), *map(quoted, floored), *links]), "" if links else _UNKNOWN


def extra(distribution: str) -> str:
    """Return the extra of the umbrella that installs one of our distributions."""
    return "snn" if distribution in ("snn", "snn-core") else f"snn[{distribution.removeprefix('snn-')}]"


def quoted(word: str) -> str:
    """Return a word of a command, in quotes if the shell needs them; on Windows in double ones, all that cmd knows."""
    # these imports, and those below, would make ``import snn`` slow
    import re
    import shlex

    if sys.platform != "win32":
        return shlex.quote(word)
    return word if re.fullmatch(r"[\w.:~/\\-]+", word) else f'"{word}"'


def _installer() -> str:
    import shutil
    from pathlib import Path

    here = Path(sys.executable)
    # no other finder is used: that of setuptools switches its distutils off for good once anything looks for pip
    if PathFinder.find_spec("pip"):
        program = shutil.which("pip")
        first = program is not None and Path(program).parent == here.parent
        return "pip install" if first else f"{quoted(str(here))} -m pip install"
    return f"uv pip install --python {quoted(str(here))}" if shutil.which("uv") else "pip install"


def _origins() -> tuple[list[Path], Path | None]:
    """Return the folders of wheels that our packages were installed from, or the folder of packages of a checkout."""
    folders: dict[Path, None] = {}
    for name in _ALWAYS:
        place, in_place = _origin(name)
        if in_place and name == _UMBRELLA:
            return [], place
        if place is not None and not in_place:
            folders[place] = None
    return list(folders), None


def _origin(distribution: str) -> tuple[Path | None, bool]:
    """Return the folder that held a distribution, if it still exists, and True if it was a folder of sources."""
    import json
    from importlib import metadata
    from pathlib import Path
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    try:
        text = metadata.distribution(distribution).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None, False
    record = json.loads(text or "{}")
    address = urlparse(record.get("url", ""))
    folder = Path(url2pathname(address.path)).parent
    return folder if address.scheme == "file" and folder.is_dir() else None, "dir_info" in record


def _needs(requirement: str) -> list[str]:
    """Return the requirements behind an extra of the umbrella, or any other requirement unchanged."""
    from importlib import metadata

    from packaging.requirements import Requirement

    need = Requirement(requirement)
    if need.name != _UMBRELLA or not need.extras:
        return [requirement]
    needs = [Requirement(text) for text in metadata.requires(_UMBRELLA) or ()]
    extras = [{"extra": extra} for extra in need.extras]
    brought = [need for need in needs if need.marker and any(map(need.marker.evaluate, extras))]
    return [inner for need in brought for inner in _needs(str(need).partition(";")[0])] or [requirement]


def _from_checkout(need: str, checkout: Path) -> str:
    """Return pip's argument for a requirement: its folder if it is one of our packages."""
    from packaging.requirements import Requirement

    requirement = Requirement(need)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    folder = checkout / requirement.name
    return f"-e {quoted(f'{folder}{extras}')}" if folder.is_dir() else quoted(need)
