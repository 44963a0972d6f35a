"""The data that encoders and decoders accept: real tensors, checked once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snn_spikegen._device_checks import answers_at_once, leave_to_device
from snn_spikegen._messages import fault, must


def floating(data: Tensor, name: str = "data") -> Tensor:
    """Return real data as floats: a floating dtype is kept, integers and bools get the default dtype."""
    dtype = floating_dtype(data, name)
    return data.to(dtype)


def floating_dtype(data: Tensor, name: str = "data") -> torch.dtype:
    """Return the dtype of results for real data: the dtype of the data if it is floating, else the default dtype."""
    if not isinstance(data, Tensor):
        raise TypeError(must(name, "be a torch.Tensor", type(data).__name__, f"pass torch.as_tensor({name})"))
    if data.is_complex():
        raise TypeError(must(name, "be real numbers", f"dtype {data.dtype}", f"pass {name}.real or {name}.abs()"))
    if data.layout != torch.strided:
        raise TypeError(must(name, "be dense", f"layout {data.layout}", f"pass {name}.to_dense()"))
    return data.dtype if data.is_floating_point() else torch.get_default_dtype()


def working(data: Tensor, name: str = "data") -> Tensor:
    """Return data in a dtype fine enough for times and codes: float32 where the floats would have 16 bits."""
    dtype = floating_dtype(data, name)
    # In float16 threshold + epsilon is threshold, and step 2049 does not exist.
    return data.to(torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype)


def extent(values: Tensor) -> tuple[float, float]:
    """Return the lowest and the highest value; NaN if there is one, infinity and minus infinity if there are none."""
    if not values.numel():
        return math.inf, -math.inf
    lowest, highest = torch.aminmax(values.detach())
    return lowest.item(), highest.item()


def nearest(number: float, dtype: torch.dtype) -> float:
    """Return the number of a floating dtype nearest to a number, computed in Python, so that no device has to wait."""
    limits = torch.finfo(dtype)
    exponent = max(math.frexp(number)[1], math.frexp(limits.tiny)[1]) - 1
    spacing = math.ldexp(limits.eps, exponent)
    return min(max(round(number / spacing) * spacing, limits.min), limits.max)


def outside(values: Tensor, low: float, high: float, name: str = "data") -> tuple[float, float] | None:
    """Return the lowest and the highest value if one is outside a range or NaN; None if a device checks that."""
    if not answers_at_once(values):
        seen = values.detach()
        leave_to_device(((seen >= low) & (seen <= high)).all(), f"{name} must be in [{low}, {high}]")
        return None
    lowest, highest = extent(values)
    return None if lowest >= low and highest <= high else (lowest, highest)


def without_nan(values: Tensor, name: str = "data") -> None:
    """Refuse NaN, which no comparison would detect; an accelerator stops by itself, and nothing waits for it."""
    if not answers_at_once(values):
        leave_to_device(~values.detach().isnan().any(), f"{name} contains NaN, which cannot be encoded")
        return
    # A sum with a NaN in it is NaN, and the cheapest pass there is; infinities and overflow are examined again.
    if not math.isfinite(values.detach().sum().item()) and values.isnan().any():
        raise ValueError(
            fault(f"{name} contains NaN, which cannot be encoded", "replace it first with torch.nan_to_num")
        )


def spike_trains(spikes: Tensor) -> Tensor:
    """Return spike trains ``[T, *shape]`` of ones and zeros, with at least one step, in a floating dtype."""
    trains = floating(spikes, "spikes")
    if trains.dim() == 0 or trains.shape[0] == 0:
        raise ValueError(must("spikes", "have a time axis, [T, *shape] with T >= 1", f"shape {tuple(trains.shape)}"))
    if not answers_at_once(trains):
        seen = trains.detach()
        leave_to_device(((seen == 0) | (seen == 1)).all(), "spikes must be 0 or 1")
        return trains
    lowest, highest = extent(trains)
    if not (lowest >= 0 and highest <= 1 and torch.equal(trains, trains.floor())):
        other = trains[(trains != 0) & (trains != 1)][0].item()
        raise ValueError(must("spikes", "be 0 or 1", other, "pass spikes == on_target for other targets"))
    return trains
