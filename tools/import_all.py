"""Import every module of a package with warnings as errors: ``python tools/import_all.py snn_core``.

Where only the package and its declared dependencies are installed, this fails for any dependency that is used but not
declared. A module that needs an extra of the package is left out if its error names that extra.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings


def import_all(package: str) -> list[str]:
    """Import a package and all modules under it, apart from those whose error names an extra of it; return the names.

    Raises:
        ImportError: If a module needs something else that is not installed.

    Example:
        >>> import_all("wsgiref")[:2]
        ['wsgiref', 'wsgiref.handlers']
    """
    root = importlib.import_module(package)
    # A `__main__` is a program: importing it would run it.
    results = [m.name for m in pkgutil.walk_packages(root.__path__, f"{package}.") if not m.name.endswith(".__main__")]
    return [package, *(name for name in results if is_imported(name, f"'{package.replace('_', '-')}["))]


def is_imported(name: str, extra: str) -> bool:
    """Import a module, or return False if it needs an extra that is not installed."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        if extra not in str(error):
            raise
        return False
    return True


if __name__ == "__main__":
    warnings.simplefilter("error")
    # torch warns at import if NumPy is not installed
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy", category=UserWarning)
    for argument in sys.argv[1:]:
        print(f"{argument}: {len(import_all(argument))} modules import with the declared dependencies")
