r"""Surrogate gradients: a spike is a step function forward and something smoother backward.

Every surrogate is a small immutable object. Calling it on ``x`` (membrane potential minus threshold, any shape)
gives :math:`\Theta(x)`, 1 where ``x > 0``, else 0, in the dtype of ``x``; differentiating that call multiplies the
incoming gradient by the surrogate's ``derivative(x)``. The names are lower case because they read like the functions
they stand for: ``spike_grad=surrogate.fast_sigmoid(slope=25)``.

Source: Neftci, Mostafa, Zenke, Surrogate Gradient Learning in Spiking Neural Networks (2019).
"""

from snn_core.surrogate.closed_form import (
    LSO,
    SFS,
    ATan,
    FastSigmoid,
    Heaviside,
    LeakySpikeOperator,
    Sigmoid,
    SparseFastSigmoid,
    SpikeRateEscape,
    StraightThroughEstimator,
    Triangular,
    atan,
    double_gaussian,
    fast_sigmoid,
    heaviside,
    multi_gaussian,
    no_gradient,
    sigmoid,
    slayer,
    spike_rate_escape,
    straight_through_estimator,
    triangular,
)
from snn_core.surrogate.custom import SSO, CustomSurrogate, StochasticSpikeOperator, custom_surrogate
from snn_core.surrogate.step import Surrogate

__all__ = [
    "LSO",
    "SFS",
    "SSO",
    "Surrogate",
    "atan",
    "custom_surrogate",
    "double_gaussian",
    "fast_sigmoid",
    "heaviside",
    "multi_gaussian",
    "no_gradient",
    "sigmoid",
    "slayer",
    "spike_rate_escape",
    "straight_through_estimator",
    "triangular",
    # the names of snnTorch's autograd functions, after the names that they repeat
    "ATan",
    "CustomSurrogate",
    "FastSigmoid",
    "Heaviside",
    "LeakySpikeOperator",
    "Sigmoid",
    "SparseFastSigmoid",
    "SpikeRateEscape",
    "StochasticSpikeOperator",
    "StraightThroughEstimator",
    "Triangular",
]
