"""Tables of a net, layer by layer, from one run over a batch: its parts, its activity and its costs."""

from snn_functional._account.energy import energy
from snn_functional._account.summary import summary

__all__ = ["energy", "summary"]
