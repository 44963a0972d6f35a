"""What snn-core finds here: the kernels, if there is a GPU that they can run on."""

from __future__ import annotations

__all__ = ["register"]


def register() -> tuple[bool, str]:
    """Register the kernels; the entry point ``triton`` of the group ``snn.kernels``.

    Returns:
        Whether the kernels can run here, and on what, or why not.

    Example:
        >>> import snn_core as snn
        >>> "triton" in [name for name, _, _ in snn.kernels.status()]
        True
    """
    import torch

    if not torch.cuda.is_available():
        return False, "no GPU: torch sees none"
    return False, "there are no kernels yet"
