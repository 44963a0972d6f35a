"""Online learning: gradients that are carried forward in time, so that memory does not grow with the sequence."""

from snn_functional.online.eprop import EPropLayer
from snn_functional.online.random_feedback import RandomFeedbackLinear
from snn_functional.online.rtrl import RTRLLayer

__all__ = ["EPropLayer", "RTRLLayer", "RandomFeedbackLinear"]
