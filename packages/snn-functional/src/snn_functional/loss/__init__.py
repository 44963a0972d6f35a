"""Losses of recorded outputs and labels."""

from snn_functional.loss.count import ce_count_loss, mse_count_loss
from snn_functional.loss.rate import ce_rate_loss

__all__ = ["ce_rate_loss", "ce_count_loss", "mse_count_loss"]
