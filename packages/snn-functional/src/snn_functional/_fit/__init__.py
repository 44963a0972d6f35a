"""Training for many epochs, with validation, early stopping and checkpoints."""

from snn_functional._fit.fit import fit as fit
from snn_functional._fit.history import History as History
