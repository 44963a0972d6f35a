"""Import every module of a package with warnings as errors: ``python tools/import_all.py snn_core``.

Where only the package and its declared dependencies are installed, this fails for any dependency that is used but not
declared.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings


def import_all(package: str) -> list[str]:
    """Import a package and all modules under it.

    Raises:
        ImportError: If a module needs something that is not installed.

    Example:
        >>> import_all("wsgiref")[:2]
        ['wsgiref', 'wsgiref.handlers']
    """
    root = importlib.import_module(package)
    # A `__main__` is a program: importing it would run it.
    results = [m.name for m in pkgutil.walk_packages(root.__path__, f"{package}.") if not m.name.endswith(".__main__")]
    for name in results:
        importlib.import_module(name)
    return [package, *results]


if __name__ == "__main__":
    warnings.simplefilter("error")
    # torch warns at import if NumPy is not installed
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy", category=UserWarning)
    for argument in sys.argv[1:]:
        print(f"{argument}: {len(import_all(argument))} modules import with the declared dependencies")
