"""Training over one epoch: a data loader in, the average loss out."""

from snn_functional.backprop.rtrl import RTRL
from snn_functional.backprop.truncated import BPTT, TBPTT

__all__ = ["BPTT", "TBPTT", "RTRL"]
