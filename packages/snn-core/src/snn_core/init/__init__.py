"""Initialization of a net's weights from data, in place."""

from snn_core.init.fluctuation import fluctuation_

__all__ = ["fluctuation_"]
