"""What a net is made of, does and costs, layer by layer: tables of one run over a batch."""

from snn_functional._account.energy import energy
from snn_functional._account.summary import summary

__all__ = ["energy", "summary"]
