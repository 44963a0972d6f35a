"""Collect the built files of a tagged release to publish: ``python -m release.publish PACKAGE VERSION``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from release import artifacts
from workspace import NATIVE, ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program, with the arguments of this process unless others are passed.

    Returns:
        Exit code: 1 if that version was not built.
    """
    package, version = sys.argv[1:] if arguments is None else arguments
    try:
        (folder,) = artifacts.publishable(ROOT, {package: version})
        if package in NATIVE and not list(folder.glob("*.cdx.json")):
            raise FileNotFoundError(
                f"no native wheel of {package} was built: install g++ 11 or newer, run nox -s wheels"
            )
    except (FileNotFoundError, ValueError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
