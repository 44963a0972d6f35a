"""The primitives of NIR as modules: stateful ones are neurons of snn-core, with a parameter for every field.

They take one time step, batch first; ``unroll`` runs them over a whole sequence.
"""

from snn_nir.primitives.batched_linear import BatchedLinear
from snn_nir.primitives.cuba_li import CubaLI
from snn_nir.primitives.cuba_lif import CubaLIF
from snn_nir.primitives.delay import Delay
from snn_nir.primitives.if_ import IF
from snn_nir.primitives.integrator import I
from snn_nir.primitives.li import LI
from snn_nir.primitives.lif import LIF
from snn_nir.primitives.scale import Scale
from snn_nir.primitives.sum_pool import sum_pool
from snn_nir.primitives.threshold import Threshold

__all__ = ["IF", "LI", "LIF", "BatchedLinear", "CubaLI", "CubaLIF", "Delay", "I", "Scale", "Threshold", "sum_pool"]
