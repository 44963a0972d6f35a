"""Quantized states and weights for training, and quantized nets run on integers."""

from snn_functional.quant.grid import fixed_point
from snn_functional.quant.integer_net import IntegerNet, integer
from snn_functional.quant.state import state_quant
from snn_functional.quant.state_levels import StateQuant
from snn_functional.quant.weight import weight_quant

__all__ = ["state_quant", "StateQuant", "weight_quant", "fixed_point", "integer", "IntegerNet"]
