"""What a net is made of, does, layer by layer: tables of one run over a batch."""

from snn_functional._account.summary import summary

__all__ = ["summary"]
