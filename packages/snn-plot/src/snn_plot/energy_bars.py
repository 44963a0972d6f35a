"""Energy of each layer, next to other networks with the same layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import given_or_current, label_axes
from snn_plot.keywords import completed
from snn_plot.palette import line_colors
from snn_plot.rows import names_for
from snn_plot.series import distinct

# prefixes of the unit, each for a thousandth of the one before
PREFIXES = ("", "m", "µ", "n", "p", "f")
# longer rows of names would run into each other
LEVEL_UP_TO = 60


def energy_bars(
    account: Any,
    *,
    ax: Axes | None = None,
    labels: Sequence[object] | None = None,
    **artist: Any,
) -> Axes:
    """Draw the energy of every layer of a net, next to the ordinary networks with the same layers.

    Args:
        account: The result of ``snn.energy``, or its ``to_dict()``; or the energy of each layer in joules,
            ``[layers]``, by the name of the network: ``{"spiking": [...], "float32": [...]}``.
        ax: Axes to draw on; the current ones if None.
        labels: Name of each layer; those of the account, or its index, if None.
        **artist: Passed to ``Axes.bar`` for every network.

    Returns:
        The axes. The unit makes the largest bar a number from 1 to 1000; the legend has the sum over the layers of each
        network. Layers that the account does not count are named below the axes.

    Raises:
        TypeError: If the energies are not real numbers or `ax` is not an Axes.
        ValueError: If there are no energies, they are negative, NaN or infinite, the networks or `labels` differ in
            the number of layers, or two networks have names of the same text.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = energy_bars({"spiking": [2e-9, 1e-9], "int8": [5e-10, 0]}, ax=Figure().subplots())
        >>> [[float(bar.get_height()) for bar in bars] for bars in ax.containers]
        [[2.0, 1.0], [0.5, 0.0]]
        >>> ax.get_ylabel(), [text.get_text() for text in ax.get_legend().get_texts()]
        ('Energy of a sample (nJ)', ['spiking, 3 nJ', 'int8, 0.5 nJ'])
    """
    value, own_names, uncounted = _read(account)
    series = {
        str(name): _energies(values, f"account[{name!r}]")
        for name, values in distinct(value, "energy_bars: account").items()
    }
    if not series:
        raise ValueError("energy_bars: account must have the energies of at least one network, got none")
    counts = {name: len(values) for name, values in series.items()}
    if len({*counts.values()}) > 1:
        raise ValueError(f"energy_bars: account must have networks with the same number of layers, got {counts}")
    layers = next(iter(counts.values()))
    names = names_for(own_names if labels is None else labels, layers, "energy_bars")
    names = [str(layer) for layer in range(layers)] if names is None else names
    ax = given_or_current(ax, "energy_bars")

    factor, unit = _unit(max(float(values.max()) for values in series.values()))
    width = 0.8 / len(series)
    for place, ((name, values), color) in enumerate(zip(series.items(), line_colors(len(series)), strict=True)):
        label = f"{name}, {values.sum() * factor:.3g} {unit}"
        left = np.arange(layers) + (place - (len(series) - 1) / 2) * width
        ax.bar(left, values * factor, **completed(artist, Rectangle, color=color, width=width, label=label))
    slanted: dict[str, Any] = {"rotation": 30, "ha": "right"} if sum(map(len, names)) > LEVEL_UP_TO else {}
    ax.set_xticks(range(layers), names, **slanted)
    across = f"Layer (not counted: {', '.join(uncounted)})" if uncounted else "Layer"
    label_axes(ax, across, f"Energy of a sample ({unit})")
    ax.legend()
    return ax


def _read(account: Any) -> tuple[Mapping[Any, Any], list[str] | None, list[str]]:
    """Return the energies of an account by network, the names of its layers, and the names that it does not count."""
    data = account.to_dict() if callable(getattr(account, "to_dict", None)) else account
    if not isinstance(data, Mapping):
        raise TypeError(
            f"energy_bars: account must be what snn.energy returns, or energies by network, got {data!r:.60}"
        )
    if "layers" not in data or "ordinary" not in data:
        return data, None, []
    layers = data["layers"]
    series = {"spiking": [sum(layer["energy"].values()) for layer in layers]}
    for kind in data["ordinary"]:
        series[f"ordinary {kind}"] = [sum(layer["ordinary"][kind].values()) for layer in layers]
    names = [f"{layer['name']} {layer['kind']}".strip() for layer in layers]
    return series, names, [name or "the net" for name in data["uncounted"]]


def _energies(values: Any, name: str) -> np.ndarray:
    energies = to_array(values, f"energy_bars: {name}")
    if energies.ndim != 1 or energies.size == 0:
        raise ValueError(f"energy_bars: {name} must have shape [layers], one value or more, got {list(energies.shape)}")
    require_finite(energies, f"energy_bars: {name}")
    if (energies < 0).any():
        raise ValueError(f"energy_bars: {name} must be 0 J or more, got {energies.min():g}")
    return energies.astype(np.float64)


def _unit(largest: float) -> tuple[float, str]:
    """Return the factor by which joules are multiplied, and the unit that this gives."""
    factors = [1000.0**thousands for thousands in range(len(PREFIXES))]
    fits = (number for number, factor in enumerate(factors) if largest == 0 or largest * factor >= 1)
    number = next(fits, len(factors) - 1)
    return factors[number], f"{PREFIXES[number]}J"
