"""Copy the tree, to try something in the copy."""

from __future__ import annotations

import pathlib
import shutil
import subprocess


def copy(root: pathlib.Path, into: pathlib.Path) -> None:
    """Copy the files of a checkout that git does not ignore, and the distributions that were built from them.

    Raises:
        subprocess.CalledProcessError: If the folder is not a git checkout.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, into / name)
    for folder in ("dist/wheels", "dist/native"):
        if (root / folder).is_dir():
            shutil.copytree(root / folder, into / folder)
