"""Tensors of floating-point numbers as integers and a scale, and how large such integers may become."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snn_functional._messages import fault, must
from snn_functional.quant.grid import MOST_FRACTION_BITS, significant_bits


@dataclass(frozen=True)
class Signal:
    """Integers between two layers: a number is its integer times ``2**-fraction_bits``; none exceeds ``largest``."""

    fraction_bits: int
    largest: int


def as_integers(values: Tensor, name: str) -> tuple[Tensor, int]:
    """Return int64 integers and the smallest number of fraction bits: ``values == integers * 2**-fraction_bits``."""
    exact = values.detach().double()
    if not bool(exact.isfinite().all()):
        raise ValueError(must(name, "be finite", "NaN or infinity"))
    for bits in range(MOST_FRACTION_BITS + 1):
        scaled = exact * 2**bits
        if bool((scaled == scaled.round()).all()):
            if bool((scaled.abs() >= 2**31).any()):
                raise ValueError(
                    fault(f"{name} needs integers of more than 32 bits", "round it to fewer, or scale it down")
                )
            return scaled.long(), bits
    raise ValueError(
        fault(
            f"{name} has more than {MOST_FRACTION_BITS} bits after the point",
            "round it, as torch.nn.utils.parametrize does with quant.weight_quant(num_bits, power_of_two=True)",
        )
    )


def check_exact(largest: int, dtype: torch.dtype, name: str) -> None:
    """Check that the floating-point net computes such integers without rounding."""
    if largest > 2 ** significant_bits(dtype):
        raise ValueError(
            fault(
                f"{name} computes integers up to {largest}, but {dtype} is exact up to {2 ** significant_bits(dtype)}",
                "use fewer bits or a wider dtype, such as net.double()",
            )
        )


def largest_of(integers: Tensor) -> int:
    """Return the largest magnitude, 0 for an empty tensor."""
    if not integers.numel():
        return 0
    lowest, highest = map(int, integers.aminmax())  # Python's ints, as torch's abs of the lowest int64 is negative
    return max(-lowest, highest)
