"""Population code: a class is read from the sum of a contiguous group of output neurons."""

from __future__ import annotations

from operator import index

from torch import Tensor

from snn_functional._messages import fault, must


def check_population(population_code: bool, num_classes: int) -> None:
    """Check that a population code can use a number of classes."""
    if not population_code:
        return
    if num_classes is False or num_classes is None:
        raise ValueError(fault("num_classes is not given, but population_code=True needs it to form the groups"))
    try:
        number = index(num_classes)
    except TypeError:
        number = None
    if number is None or num_classes is True:
        raise TypeError(must("num_classes", "be an int", repr(num_classes)))
    if number < 1:
        raise ValueError(must("num_classes", "be at least 1", number))


def by_class(recording: Tensor, population_code: bool, num_classes: int) -> Tensor:
    r"""Return outputs ``[T, B, C]`` summed by class, ``[T, B, K]``; without a population code as they are.

    .. math:: Y_k = \sum_{j=0}^{n-1} S_{kn+j}, \qquad n = C / K
    """
    if not population_code:
        return recording
    outputs = recording.shape[-1]
    if outputs % num_classes:
        raise ValueError(
            must(
                "spk_out",
                f"have a multiple of num_classes={num_classes} outputs, as a population code has groups of equal size",
                f"{outputs} outputs",
            )
        )
    return recording.unflatten(-1, (num_classes, outputs // num_classes)).sum(-1)
