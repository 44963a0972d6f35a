"""Initialization of a net's weights from data, in place."""

from snn_core.init.crossing import NotReached as NotReached
from snn_core.init.crossing import equation_of as equation_of
from snn_core.init.crossing import firing_factor as firing_factor
from snn_core.init.fluctuation import fluctuation_

__all__ = ["fluctuation_"]
