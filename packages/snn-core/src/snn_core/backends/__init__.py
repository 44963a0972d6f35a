"""Backends: targets that take a whole net, and kernels that speed one up."""

from snn_core.backends.registry import Status, explain, get, names, status
from snn_core.backends.target import API, Availability, BackendError, Issue, Target
from snn_core.backends.target import SEVERITIES as SEVERITIES

__all__ = [
    "API",
    "Availability",
    "BackendError",
    "Issue",
    "Status",
    "Target",
    "explain",
    "get",
    "names",
    "status",
]
