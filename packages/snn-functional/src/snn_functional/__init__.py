"""Losses, accuracy and regularisation for recorded spikes, time first."""

from snn_functional import acc, loss, reg
from snn_functional._version import __version__
from snn_functional.acc import accuracy_rate, accuracy_temporal
from snn_functional.loss import (
    ce_count_loss,
    ce_max_membrane_loss,
    ce_rate_loss,
    ce_temporal_loss,
    mse_count_loss,
    mse_membrane_loss,
    mse_temporal_loss,
)
from snn_functional.reg import l1_rate_sparsity

__all__ = [
    "acc",
    "loss",
    "reg",
    "ce_rate_loss",
    "ce_count_loss",
    "ce_max_membrane_loss",
    "mse_count_loss",
    "mse_membrane_loss",
    "mse_temporal_loss",
    "ce_temporal_loss",
    "accuracy_rate",
    "accuracy_temporal",
    "l1_rate_sparsity",
    "__version__",
]
