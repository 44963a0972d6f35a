"""Pictures of spikes and membranes, drawn on the matplotlib axes they are given."""

from celluloid import Camera

from snn_plot._version import __version__
from snn_plot.animator import animator
from snn_plot.confusion_matrix import confusion_matrix
from snn_plot.raster import raster
from snn_plot.spike_count import spike_count
from snn_plot.traces import traces
from snn_plot.training_curve import training_curve

__all__ = [
    "Camera",
    "__version__",
    "animator",
    "confusion_matrix",
    "raster",
    "spike_count",
    "traces",
    "training_curve",
]
