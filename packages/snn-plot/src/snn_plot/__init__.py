"""Plots of spikes and membranes on matplotlib axes."""

from celluloid import Camera

from snn_plot._version import __version__
from snn_plot.animated_raster import animated_raster
from snn_plot.animation import Animation
from snn_plot.animator import animator
from snn_plot.confusion_matrix import confusion_matrix
from snn_plot.energy_bars import energy_bars
from snn_plot.event_frames import event_frames
from snn_plot.fi_curve import fi_curve
from snn_plot.isi_histogram import isi_histogram
from snn_plot.population_activity import population_activity
from snn_plot.raster import raster
from snn_plot.rate_heatmap import rate_heatmap
from snn_plot.rate_histogram import rate_histogram
from snn_plot.rate_maps import rate_maps
from snn_plot.spike_count import spike_count
from snn_plot.surrogate_curve import surrogate_curve
from snn_plot.traces import traces
from snn_plot.training_curve import training_curve
from snn_plot.weights import weights

__all__ = [
    "Animation",
    "Camera",
    "__version__",
    "animated_raster",
    "animator",
    "confusion_matrix",
    "energy_bars",
    "event_frames",
    "fi_curve",
    "isi_histogram",
    "population_activity",
    "raster",
    "rate_heatmap",
    "rate_histogram",
    "rate_maps",
    "spike_count",
    "surrogate_curve",
    "traces",
    "training_curve",
    "weights",
]
