"""Losses of recorded outputs and labels."""

from snn_functional.loss.count import ce_count_loss, mse_count_loss
from snn_functional.loss.loss_functions import LossFunctions
from snn_functional.loss.membrane import ce_max_membrane_loss, ce_membrane_loss, mse_membrane_loss
from snn_functional.loss.rate import ce_rate_loss
from snn_functional.loss.temporal import ce_temporal_loss, mse_temporal_loss
from snn_functional.loss.tet import tet_loss

__all__ = [
    "LossFunctions",
    "ce_rate_loss",
    "ce_count_loss",
    "ce_max_membrane_loss",
    "ce_membrane_loss",
    "mse_count_loss",
    "mse_membrane_loss",
    "mse_temporal_loss",
    "ce_temporal_loss",
    "tet_loss",
]
