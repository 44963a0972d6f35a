"""Description of the machine that the benchmark runs on, and of what is installed on it."""

from __future__ import annotations

import os
import pathlib
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any

_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve")


def described() -> dict[str, str | int]:
    """Return the facts about this machine.

    Returns:
        ``processor``, ``instructions``, ``cores`` (that this process may use), ``memory_gb``, ``system``.

    Example:
        >>> sorted(described())
        ['cores', 'instructions', 'memory_gb', 'processor', 'system']
    """
    text = pathlib.Path("/proc/cpuinfo")
    cpu = text.read_text(encoding="utf-8") if text.exists() else ""
    model = re.search(r"^model name\s*: (.+)$", cpu, re.MULTILINE)
    known = set(cpu.split())
    has_affinity = hasattr(os, "sched_getaffinity")
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "instructions": ", ".join(name for name in _INSTRUCTIONS if name in known) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1,
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {' '.join(platform.libc_ver())}",
    }


def rows(results: dict[str, Any], who: str, threads: object) -> list[list[str]]:
    """Return the rows of a table that say where, when, by which command and on how many threads something ran."""
    at = results["machine"]
    return [
        ["processor", f"{at['processor']} ({at['instructions']})"],
        [f"cores, threads of {who}", f"{at['cores']}, {threads}"],
        ["system", at["system"]],
        ["date", results["date"]],
        ["command", f"`{results['command']}`"],
    ]


def version(name: str) -> str | None:
    """Return the version of a distribution, or None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def versions(*names: str) -> dict[str, str]:
    """Return versions of distributions, and of Python.

    Example:
        >>> versions("python", "torch").keys()
        dict_keys(['python', 'torch'])
    """
    return {name: platform.python_version() if name == "python" else metadata.version(name) for name in names}


def listed(installed: Mapping[str, str]) -> str:
    """Return versions in one line.

    Example:
        >>> listed({"python": "3.11.7", "torch": "2.13.0"})
        'python 3.11.7, torch 2.13.0'
    """
    return ", ".join(f"{name} {version}" for name, version in installed.items())


def _memory() -> int:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    except (AttributeError, ValueError, OSError):
        return 0
