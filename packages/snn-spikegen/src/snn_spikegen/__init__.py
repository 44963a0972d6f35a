"""Encoders: turn numbers and labels into spikes, time first."""

from snn_spikegen._version import __version__
from snn_spikegen.delta import delta
from snn_spikegen.latency import latency, latency_interpolate
from snn_spikegen.latency_code import latency_code, latency_code_linear, latency_code_log
from snn_spikegen.one_hot import from_one_hot, to_one_hot, to_one_hot_inverse
from snn_spikegen.rate import rate, rate_conv

__all__ = [
    "rate",
    "rate_conv",
    "latency",
    "latency_code",
    "latency_code_log",
    "latency_code_linear",
    "latency_interpolate",
    "delta",
    "to_one_hot",
    "to_one_hot_inverse",
    "from_one_hot",
    "__version__",
]
