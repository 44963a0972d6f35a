"""Events counted into frames: the picture of a sensor, or of a cochlea, for each time bin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["events_to_frames"]

# More cells than this mean a dt in the wrong unit, not a long recording.
MAX_CELLS = 2**31
_LARGE = 2.0**990  # twice this number, times 2**31 bins, is a float64


def events_to_frames(
    events: np.ndarray | Mapping[str, Any],
    sensor_size: tuple[int, int, int],
    *,
    dt: float | None = None,
    num_bins: int | None = None,
    start: float | None = None,
    duration: float | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    r"""Count events per time bin, polarity and pixel. Every event of the time span is counted, including the last one.

    .. math:: k = \lfloor (t - t_0) / dt \rfloor \qquad\text{or}\qquad
        k = \min(\lfloor n\,(t - t_0) / D \rfloor,\ n - 1)

    Times keep their unit: `dt`, `start` and `duration` are in the unit of ``events["t"]`` (microseconds in most files).
    Integer times are binned in integers, and floating-point times in float64, so float16 times lose no more precision.

    Args:
        events: Structured array, or mapping of names to arrays or tensors of shape ``[events]``: times ``t``, pixels
            ``x`` and ``y`` (without ``y`` for one-dimensional sensors), polarities ``p`` (0 and 1, or bool); ``p`` is
            not read when the sensor has one polarity. Events may be in any order.
        sensor_size: Width, height and number of polarities; height 1 for events without ``y``.
        dt: Width of a bin. The frames end with the last event, or fill `duration`.
        num_bins: Number of bins of equal width instead, over the span from first to last event, or over `duration`.
        start: Beginning t0 of the first bin; the time of the first event if None.
        duration: Span of time D that is counted, from `start`, excluding its end; up to and including the last event if
            None. Events before `start`, or after the span, are left out.
        dtype: Type of the counts.

    Returns:
        Counts, shape ``[T, polarities, height, width]``, on the CPU; ``[T, polarities, width]`` for events without
        ``y``.

    Raises:
        TypeError: If a field is missing, or pixels or polarities are not integers.
        ValueError: If not exactly one of `dt` and `num_bins` is given, one of the numbers is out of range, fields
            differ in length, an event lies off the sensor, a time is not finite, there would be absurdly many frames,
            or `dtype` cannot hold a count exactly.

    Example:
        >>> import numpy as np
        >>> events = {"t": np.array([0, 4, 10]), "x": np.array([0, 1, 1]), "p": np.array([0, 0, 1])}
        >>> events_to_frames(events, (2, 1, 2), dt=5)[:, 0].tolist()
        [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
        >>> events_to_frames(events, (2, 1, 2), num_bins=2).sum((1, 2)).tolist()
        [2.0, 1.0]

    Source: frames by event count, Amir et al., A Low Power, Fully Event-Based Gesture Recognition System (2017).
    """
    if (dt is None) == (num_bins is None):
        raise ValueError(f"events_to_frames needs either dt or num_bins, got dt={dt} and num_bins={num_bins}")
    for name, value in (("dt", dt), ("num_bins", num_bins), ("duration", duration)):
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"events_to_frames needs a {name} above 0 and finite, got {value}")
    if start is not None and not -math.inf < start < math.inf:
        raise ValueError(f"events_to_frames needs a finite start, got {start}")
    if num_bins is not None and int(num_bins) != num_bins:
        raise ValueError(f"events_to_frames needs num_bins to be a whole number, got {num_bins}")
    fields = _fields(events)
    t = _times(fields["t"])
    # whole numbers, such as 1e9, leave the times integers; float64 has gaps from 2^53 on
    start, duration = (
        value if value is None else int(value) if t.dtype.kind == "i" and value == int(value) else float(value)
        for value in (start, duration)
    )
    scale: float = 1
    if t.dtype.kind == "f" and max(np.abs(t).max(initial=0), abs(start or 0), duration or 0) > _LARGE:
        scale = _LARGE  # a power of two, so that the division is exact
        t = t / scale
        start, duration = (value if value is None else value / scale for value in (start, duration))
    shape = _frame_shape(sensor_size, has_y="y" in fields)
    pixels = int(np.prod(shape))
    if num_bins is not None and num_bins * pixels > MAX_CELLS:
        raise ValueError(f"events_to_frames would make {num_bins:g} frames of {pixels} cells: lower num_bins")
    cell = _cells(fields, sensor_size)

    first = start if start is not None else (t.min().item() if t.size else 0)
    kept = t >= first
    if duration is not None:
        kept &= t < first + duration
    if not kept.all():
        t, cell = t[kept], cell[kept]
    span = duration if duration is not None else (t.max().item() - first if t.size else 0)
    if dt is not None:
        width = dt if scale == 1 else dt / scale
        widths = span / float(width) if width else math.inf  # too many for any integer, perhaps
        steps = np.ceil(widths) if duration is not None else np.floor(widths) + 1
        if steps > MAX_CELLS / pixels:
            raise ValueError(
                f"events_to_frames would make {steps:.16g} frames of {pixels} cells: dt={dt} is in the unit of the "
                f"events' times, which span {span * scale}"
            )
        step, steps = _by_width(t - first, width, duration)
    else:
        assert num_bins is not None
        steps = int(num_bins)
        step = _by_number(t - first, steps, span)

    counts = torch.from_numpy(np.bincount(step * pixels + cell, minlength=steps * pixels))
    frames = counts.to(dtype)
    if not torch.equal(frames.to(torch.int64), counts):
        raise ValueError(
            f"events_to_frames counts up to {counts.max()} events in a cell, which {dtype} cannot hold: "
            "pass a wider dtype"
        )
    return frames.reshape(steps, *shape)


def _fields(events: Any) -> dict[str, np.ndarray]:
    names = events.dtype.names if isinstance(events, np.ndarray) else None
    if isinstance(events, Mapping):
        names = list(events)
    if not names or not {"t", "x"} <= set(names):
        description = names or type(events).__name__
        raise TypeError(f"events_to_frames needs events with fields t, x, y and p, got {description}")
    fields = {}
    for name in set(names) & {"t", "x", "y", "p"}:
        values = events[name]
        values = values.detach().cpu().resolve_neg().numpy() if isinstance(values, Tensor) else np.asarray(values)
        if values.ndim != 1 or len(values) != len(events["t"]):
            raise ValueError(f"events_to_frames needs fields of one shape [events], got {name} of {values.shape}")
        fields[name] = values
    return fields


def _times(t: np.ndarray) -> np.ndarray:
    if t.dtype.kind in "iu":
        return t.astype(np.int64)
    t = t.astype(np.float64)
    if not np.isfinite(t).all():
        raise ValueError("events_to_frames needs finite times, got NaN or infinity in events['t']")
    return t


def _frame_shape(sensor_size: tuple[int, int, int], *, has_y: bool) -> tuple[int, ...]:
    if len(sensor_size) != 3 or min(sensor_size) < 1:
        raise ValueError(f"events_to_frames needs a sensor_size (width, height, polarities), got {sensor_size}")
    width, height, polarities = sensor_size
    if not has_y and height != 1:
        raise ValueError(f"events without y need a sensor of height 1, got sensor_size={sensor_size}")
    return (polarities, height, width) if has_y else (polarities, width)


def _cells(fields: dict[str, np.ndarray], sensor_size: tuple[int, int, int]) -> np.ndarray:
    """Return the index of each event's cell within a frame."""
    cell = np.zeros(len(fields["t"]), dtype=np.int64)
    for name, size in zip("pyx", reversed(sensor_size), strict=True):
        if (name == "p" and size == 1) or (name == "y" and name not in fields):
            continue
        if name not in fields:
            raise TypeError(f"events_to_frames needs a field {name!r} for sensor_size={sensor_size}")
        values = fields[name]
        if values.dtype.kind not in "iub":
            raise TypeError(f"events_to_frames needs integers in events[{name!r}], got {values.dtype}")
        values = values.astype(np.int64)
        outside = (values < 0) | (values >= size)
        if outside.any():
            raise ValueError(
                f"events[{name!r}] contains {values[outside][0]}, but with sensor_size={sensor_size} (width, height, "
                f"polarities) it must be 0 to {size - 1}"
            )
        cell = cell * size + values
    return cell


def _by_width(t: np.ndarray, dt: float, duration: float | None) -> tuple[np.ndarray, int]:
    step = _floored(t, dt)
    if duration is None:
        return step, int(step.max()) + 1 if step.size else 0
    steps = math.ceil(duration / dt)
    steps -= (steps - 1) * dt >= duration  # 1.1 / 0.1 rounds to more than 11
    return np.minimum(step, steps - 1), steps


def _floored(t: np.ndarray, dt: float) -> np.ndarray:
    """Return the k with k dt <= t < (k + 1) dt, computed with products of the numbers' own type."""
    if t.dtype.kind == "i" and float(dt).is_integer() and dt < 2**63:
        return t // int(dt)
    step = np.floor(t / dt).astype(np.int64)
    step += t >= (step + 1) * dt
    step -= t < step * dt
    return step


def _by_number(t: np.ndarray, bins: int, span: float) -> np.ndarray:
    if span == 0:
        return np.zeros(t.shape, dtype=np.int64)
    if t.dtype.kind == "i" and float(span).is_integer():
        exact = t if int(span) * bins < 2**63 else t.astype(object)  # Python's own integers, which cannot overflow
        step = (exact * bins // int(span)).astype(np.int64)
    else:
        step = np.floor(t * bins / span).astype(np.int64)
    return np.minimum(step, bins - 1)
