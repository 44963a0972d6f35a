"""A few trained nets that come with the package: small, loaded without a network, and checked by their checksums."""

from snn_data.zoo.loading import load, manifest
from snn_data.zoo.samples import samples

__all__ = ["load", "manifest", "samples"]
