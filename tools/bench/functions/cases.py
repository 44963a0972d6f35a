"""The functions that snnTorch has too."""

from __future__ import annotations

from bench.functions import data, encoders, losses, nets, plasticity

CASES = {case.name: case for module in (losses, encoders, nets, plasticity, data) for case in module.CASES}
"""By name, in the order of the table."""
