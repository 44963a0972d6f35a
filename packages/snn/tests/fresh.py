"""A fresh interpreter, in which chosen packages can be hidden."""

from __future__ import annotations

import subprocess
import sys

# Wrapping the finders makes the packages as absent as those that were never installed.
HIDE = """
import sys
hidden = {hidden!r}
class Finder:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else self.finder.find_spec(name, path, target)
    def __getattr__(self, name): return getattr(self.finder, name)
sys.meta_path[:] = [Finder(finder) for finder in sys.meta_path]
"""


def python(program: str, *, hidden: tuple[str, ...] = (), **options) -> subprocess.CompletedProcess:
    """Run a program in a new process, without the hidden packages."""
    text = HIDE.format(hidden=hidden) + program
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, **options)
