"""Comparison of two libraries' results."""

from __future__ import annotations

from typing import Any

import numpy as np

Result = tuple[np.ndarray, np.ndarray]
_MOST_SPIKES = 1e-3
_MOST_GRADIENT = 5e-2


def compared(result: Result, expected: Result, late: int = 0, gradients_differ: str = "") -> dict[str, Any]:
    """Compare spikes, and gradients where they can be the same.

    Sums in a different order round differently, which now and then moves a membrane over its threshold; in deeper
    layers, one spike causes others. One spike in a thousand may differ, and the gradient by 5 %.

    Args:
        result: Spikes ``[T, B, out]`` and a gradient.
        expected: The same from the reference.
        late: Number of steps by which the spikes of the result come later.
        gradients_differ: Reason why gradients are not compared; empty to compare them.

    Returns:
        ``spikes``: share that differs; ``gradient``: norm of the difference relative to that of the gradient, or why it
        is not compared; ``reason`` if they do not agree.

    Example:
        >>> spk, gradient = np.eye(4)[:, None] > 0, np.ones(3)
        >>> compared((spk, 1.01 * gradient), (spk, gradient))
        {'spikes': 0.0, 'gradient': 0.01}
        >>> compared((~spk, gradient), (spk, gradient), gradients_differ="another surrogate")
        {'spikes': 1.0, 'gradient': 'another surrogate', 'reason': 'not timed: 100 % of its spikes differ'}
    """
    spk, expected_spk = result[0], expected[0]
    if spk.shape != expected_spk.shape:
        return {"reason": f"not timed: its output has shape {list(spk.shape)}, not {list(expected_spk.shape)}"}
    if late:
        spk, expected_spk = spk[late:], expected_spk[:-late]
    differ = float((spk != expected_spk).mean())
    answer: dict[str, Any] = {"spikes": differ, "gradient": gradients_differ or _distance(result[1], expected[1])}
    if differ > _MOST_SPIKES:
        answer["reason"] = f"not timed: {100 * differ:.3g} % of its spikes differ"
    elif not gradients_differ and not answer["gradient"] <= _MOST_GRADIENT:
        answer["reason"] = f"not timed: its gradient differs by {100 * answer['gradient']:.3g} %"
    return answer


def _distance(values: np.ndarray, expected: np.ndarray) -> float:
    return round(float(np.linalg.norm(values - expected) / np.linalg.norm(expected)), 9)
