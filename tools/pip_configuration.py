"""This machine's pip configuration as arguments for uv, which does not read it.

Where pip is not configured there are no arguments, and uv behaves as it always does. A setting that uv has from its own
environment variable wins, and is passed on too: uv's flags replace those variables instead of adding to them.

With ``SNN_FRESH`` set, folders of wheels and constraints of pip's are left out, so that the newest versions come from
the index, as on a machine whose pip is told nothing; the index itself and the certificate stay.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

# A setting in a later source replaces one in an earlier source; pip itself adds up find-links and constraint.
_SOURCES = ("global", "install", ":env:")
_VARIABLES = {
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "index-url": "UV_DEFAULT_INDEX",
    "cert": "SSL_CERT_FILE",
}
_LEFT_OUT_FRESH = ("find-links", "constraint")


def settings() -> dict[str, list[str]]:
    """The settings of this machine that matter for installing, each with its values in rising order of precedence."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = parse(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    if os.environ.get("SNN_FRESH"):
        listed = {key: values for key, values in listed.items() if key not in _LEFT_OUT_FRESH}
    for key, variable in _VARIABLES.items():
        if value := os.environ.get(variable):
            listed[key] = value.replace(",", " ").split() if key == "find-links" else value.split()
    return listed


def parse(listed: str) -> dict[str, list[str]]:
    r"""Read what ``pip config list`` prints, a line ``source.key='values'`` for each setting of each source.

    Of each setting that matters it gives all values, each once; ``pip config get`` misses some settings.

    Example:
        >>> parse("global.find-links='/a\\n/b'\n:env:.find-links='/a'\nglobal.timeout='9'\n")
        {'find-links': ['/a', '/b']}
    """
    results: dict[str, list[str]] = {}
    for source in _SOURCES:
        for key, text in re.findall(rf"^{source}\.([\w-]+)=(.+)$", listed, re.MULTILINE):
            if key in _VARIABLES:
                # pip prints the value as Python writes a string.
                known = results.setdefault(key, [])
                known += [value for value in ast.literal_eval(text).split() if value not in known]
    return results


def index_arguments(settings: dict[str, list[str]]) -> list[str]:
    """Return the options that tell uv, whatever it resolves, where to look for distributions.

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
    """Return the options that tell ``uv pip install`` which versions to take.

    Example:
        >>> constraint_arguments({"constraint": ["/etc/constraints.txt"]})
        ['-c', '/etc/constraints.txt']
    """
    return [argument for value in settings.get("constraint", []) for argument in ("-c", value)]
