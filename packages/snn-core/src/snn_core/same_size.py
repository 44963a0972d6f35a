"""Padding that gives a convolution's output the size of its input."""

from __future__ import annotations

__all__ = ["same_size_padding"]


def same_size_padding(owner: str, kernel_size: int | tuple[int, int]) -> tuple[int, int]:
    """Half the kernel on each side.

    Args:
        owner: Who asks, for the error.
        kernel_size: Kernel, an int or a pair, odd.

    Returns:
        Padding of height and width.

    Raises:
        ValueError: If the kernel is even: no symmetric padding keeps the size.

    Example:
        >>> same_size_padding("Conv", (3, 5))
        (1, 2)
    """
    height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(f"{owner}: kernel_size must be odd, to give states the size of the input, got {kernel_size}")
    return height // 2, width // 2
