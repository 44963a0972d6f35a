"""Encoders: turn numbers and labels into spikes, time first, and back.

On the CPU, values that do not fit raise a ValueError. An accelerator checks them on its own, so that nothing has to
wait for it, and stops with an error message.
"""

from snn_spikegen._version import __version__
from snn_spikegen.burst import burst
from snn_spikegen.decode_latency import decode_latency
from snn_spikegen.decode_rate import decode_rate
from snn_spikegen.delta import delta
from snn_spikegen.latency import latency, latency_interpolate
from snn_spikegen.latency_code import latency_code, latency_code_linear, latency_code_log
from snn_spikegen.one_hot import from_one_hot, to_one_hot, to_one_hot_inverse
from snn_spikegen.phase import phase
from snn_spikegen.poisson import poisson
from snn_spikegen.population import population
from snn_spikegen.rate import rate, rate_conv
from snn_spikegen.rate_interpolate import rate_interpolate
from snn_spikegen.target_rate_code import target_rate_code
from snn_spikegen.targets_convert import targets_convert
from snn_spikegen.targets_latency import targets_latency
from snn_spikegen.targets_rate import targets_rate

__all__ = [
    "rate",
    "rate_conv",
    "poisson",
    "latency",
    "latency_code",
    "latency_code_log",
    "latency_code_linear",
    "latency_interpolate",
    "delta",
    "phase",
    "burst",
    "population",
    "decode_rate",
    "decode_latency",
    "targets_convert",
    "targets_rate",
    "targets_latency",
    "target_rate_code",
    "rate_interpolate",
    "to_one_hot",
    "to_one_hot_inverse",
    "from_one_hot",
    "__version__",
]
