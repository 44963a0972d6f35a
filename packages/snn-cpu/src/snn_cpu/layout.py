"""Images whose channels lie side by side in memory."""

from __future__ import annotations

from torch import Tensor

__all__ = ["channels_first"]


def channels_first(images: Tensor) -> Tensor:
    """Return images with channels last as ``[images, channels, height, width]``, in the same memory but not as a view.

    Args:
        images: ``[images, height, width, channels]``, to which there is no other reference.

    Example:
        >>> import torch
        >>> turned = channels_first(torch.zeros(2, 5, 4, 3))
        >>> turned.shape, turned.is_contiguous(memory_format=torch.channels_last), turned._is_view()
        (torch.Size([2, 3, 5, 4]), True, False)
    """
    turned = images.permute(0, 3, 1, 2)
    return images.new_empty(0).set_(images.untyped_storage(), images.storage_offset(), turned.shape, turned.stride())
