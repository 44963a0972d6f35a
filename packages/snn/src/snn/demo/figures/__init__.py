"""The pictures of the report: what a network learned, what its neurons did with one sample, and how busy they are."""

from snn.demo.figures.drawing import Picture
from snn.demo.figures.film import votes
from snn.demo.figures.one_sample import fed, maps, membranes, sample, spikes
from snn.demo.figures.outcome import confusion, history, layer_rates

__all__ = ["Picture", "confusion", "fed", "history", "layer_rates", "maps", "membranes", "sample", "spikes", "votes"]
