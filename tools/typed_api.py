"""Check that the public names of installed packages are fully typed: ``python tools/typed_api.py snn_core snn_plot``.

Pyright's ``--verifytypes`` reports what a type checker knows about a package from its annotations. A type that must be
inferred counts as missing too, because checkers and editors infer differently.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any


def report(package: str) -> dict[str, Any]:
    """Return pyright's report, in ``--outputjson``, on the types of a package that is installed beside it.

    Raises:
        RuntimeError: If pyright gives no report.
    """
    command = [sys.executable, "-m", "pyright", "--verifytypes", package, "--ignoreexternal", "--outputjson"]
    # pyright looks at the packages of the first python on the path, and before those at the working folder
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PATH": path}
        process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    try:
        return json.loads(process.stdout)
    except json.JSONDecodeError:
        raise RuntimeError(f"pyright gave no report of {package}: {process.stdout}{process.stderr}") from None


def untyped(result: Mapping[str, Any]) -> list[str]:
    """Return a line for each public name whose type is unknown or inferred, and for each problem that stopped pyright.

    Example:
        >>> reason = {"severity": "error", "message": "Return type is missing", "file": "a.py"}
        >>> symbol = {"name": "a.f", "isTypeKnown": False, "isTypeAmbiguous": False, "diagnostics": [reason]}
        >>> untyped({"generalDiagnostics": [], "typeCompleteness": {"symbols": [symbol]}})
        ['a.f: Return type is missing']
    """
    symbols = result["typeCompleteness"]["symbols"]
    lines = [diagnostic["message"] for diagnostic in result["generalDiagnostics"]]
    if not symbols and not lines:
        lines.append("no public names")
    for symbol in symbols:
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]:
            # a missing docstring is a warning
            messages = [
                diagnostic["message"] for diagnostic in symbol["diagnostics"] if diagnostic["severity"] == "error"
            ]
            lines.append(": ".join([symbol["name"], " ".join("; ".join(messages).split())]).removesuffix(": "))
    return lines


def main(packages: list[str]) -> int:
    """Print what is missing in each package, or how many names it has; the exit status is 1 if anything is missing."""
    missing = 0
    for package in packages:
        result = report(package)
        lines = untyped(result)
        missing += len(lines)
        names = sum(symbol["isExported"] for symbol in result["typeCompleteness"]["symbols"])
        print("\n".join(lines) or f"{package}: {names} public names, all fully typed")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
