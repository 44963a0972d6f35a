"""Checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["ChecksumError", "check_file", "parsed_checksum"]

DIGITS = {"sha256": 64, "md5": 32}


class ChecksumError(ValueError):
    """Error raised for a file that is not the expected one.

    Example:
        >>> issubclass(ChecksumError, ValueError)
        True
    """


def parsed_checksum(checksum: str) -> tuple[str, str]:
    """Split a checksum into algorithm and digits.

    Source: SHA-256, FIPS 180-4; MD5, RFC 1321, which older data sets publish and which only guards against accidents.
    """
    algorithm, _, digits = checksum.partition(":")
    digits = digits.lower()
    if len(digits) != DIGITS.get(algorithm) or not set(digits) <= set("0123456789abcdef"):
        raise ValueError(f"a checksum is 'sha256:' and 64 hexadecimal digits, or 'md5:' and 32, got {checksum!r}")
    return algorithm, digits


def check_file(path: Path, checksum: str, name: str | None = None) -> None:
    """Raise unless a file has this checksum; the message calls it by its path, or by another name."""
    algorithm, expected = parsed_checksum(checksum)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if digest != expected:
        raise ChecksumError(
            f"{name or path} has the {algorithm} {digest}, expected {expected}: it is damaged or a different file"
        )
