"""Pass this machine's pip configuration to uv, which does not read it, as arguments.

Where pip is not configured, there are no arguments, and uv behaves as usual. If one of uv's own environment variables
has a setting, it takes precedence, and is passed as an argument too, because uv's flags replace these variables instead
of adding to them.

If ``SNN_FRESH`` is set, pip's folders of wheels and constraints are left out, so the newest versions come from the
index, as on a machine where pip is not configured; the index itself and the certificate stay.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

# a setting in a later source replaces one in an earlier source; of find-links and constraint, pip uses all values
_SOURCES = ("global", "install", ":env:")
_VARIABLES = {
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "index-url": "UV_DEFAULT_INDEX",
    "cert": "SSL_CERT_FILE",
}
_LEFT_OUT_FRESH = ("find-links", "constraint")


def settings() -> dict[str, list[str]]:
    """Return the settings of this machine for installing, each with its values in order of increasing precedence."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = parse(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    if os.environ.get("SNN_FRESH"):
        listed = {key: values for key, values in listed.items() if key not in _LEFT_OUT_FRESH}
    for key, variable in _VARIABLES.items():
        if value := os.environ.get(variable):
            listed[key] = value.replace(",", " ").split() if key == "find-links" else value.split()
    return listed


def parse(listed: str) -> dict[str, list[str]]:
    r"""Read the output of ``pip config list``: a line ``source.key='values'`` for each setting of each source.

    Returns:
        Each setting that matters here, with all its values once. ``pip config get`` misses some settings.

    Example:
        >>> parse("global.find-links='/a\\n/b'\n:env:.find-links='/a'\nglobal.timeout='9'\n")
        {'find-links': ['/a', '/b']}
    """
    results: dict[str, list[str]] = {}
    for source in _SOURCES:
        for key, text in re.findall(rf"^{source}\.([\w-]+)=(.+)$", listed, re.MULTILINE):
            if key in _VARIABLES:
                # pip prints the value as a Python string literal
                known = results.setdefault(key, [])
                known += [value for value in ast.literal_eval(text).split() if value not in known]
    return results


def index_arguments(settings: dict[str, list[str]]) -> list[str]:
    """Return the options that tell every resolving command of uv where to look for distributions.

    Example:
        >>> index_arguments({"find-links": ["/a", "/b"]})
        ['--find-links', '/a', '--find-links', '/b']
        >>> index_arguments({})
        []
    """
    folders = [argument for value in settings.get("find-links", []) for argument in ("--find-links", value)]
    return folders + [
        argument for value in settings.get("index-url", [])[-1:] for argument in ("--default-index", value)
    ]


def constraint_arguments(settings: dict[str, list[str]]) -> list[str]:
    """Return the options that tell ``uv pip install`` which versions to choose.

    Example:
        >>> constraint_arguments({"constraint": ["/etc/constraints.txt"]})
        ['-c', '/etc/constraints.txt']
    """
    return [argument for value in settings.get("constraint", []) for argument in ("-c", value)]
