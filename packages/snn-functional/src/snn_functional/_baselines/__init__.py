"""Ordinary models on the data of a spiking net, for comparison."""

from snn_functional._baselines.baselines import baselines as baselines
