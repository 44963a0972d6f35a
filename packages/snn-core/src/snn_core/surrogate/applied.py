"""The surrogates under the names of snnTorch's autograd functions, ``ATan.apply(x, alpha)`` for ``atan(alpha)(x)``."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from snn_core.surrogate.closed_form import (
    LSO,
    SFS,
    atan,
    fast_sigmoid,
    heaviside,
    sigmoid,
    spike_rate_escape,
    straight_through_estimator,
    triangular,
)
from snn_core.surrogate.custom import custom_surrogate
from snn_core.surrogate.step import Surrogate
from snn_core.surrogate.stochastic import SSO


class Applied:
    """A kind of surrogate whose settings are passed in each call."""

    kind: ClassVar[type[Surrogate]]

    @classmethod
    def apply(cls, input_: Tensor, *settings: Any) -> Tensor:
        """Return the spikes of a tensor, 1 where it is greater than 0, with the gradient of a surrogate.

        Args:
            input_: Membrane potential minus threshold, any shape.
            *settings: Those of the surrogate, in its order.

        Returns:
            Spikes of the same shape and dtype.
        """
        return cls.kind(*settings)(input_)


class StraightThroughEstimator(Applied):
    """``StraightThroughEstimator.apply(x)`` is ``straight_through_estimator()(x)``.

    Example:
        >>> import torch
        >>> StraightThroughEstimator.apply(torch.tensor([-0.5, 0.5]))
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = straight_through_estimator


class Triangular(Applied):
    """``Triangular.apply(x, threshold)`` is ``triangular(threshold)(x)``.

    Example:
        >>> import torch
        >>> Triangular.apply(torch.tensor([-0.5, 0.5]), 1.0)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = triangular


class FastSigmoid(Applied):
    """``FastSigmoid.apply(x, slope)`` is ``fast_sigmoid(slope)(x)``.

    Example:
        >>> import torch
        >>> FastSigmoid.apply(torch.tensor([-0.5, 0.5]), 25.0)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = fast_sigmoid


class ATan(Applied):
    """``ATan.apply(x, alpha)`` is ``atan(alpha)(x)``.

    Example:
        >>> import torch
        >>> ATan.apply(torch.tensor([-0.5, 0.5]), 2.0)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = atan


class Heaviside(Applied):
    """``Heaviside.apply(x)`` is ``heaviside()(x)``.

    Example:
        >>> import torch
        >>> Heaviside.apply(torch.tensor([-0.5, 0.5]))
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = heaviside


class Sigmoid(Applied):
    """``Sigmoid.apply(x, slope)`` is ``sigmoid(slope)(x)``.

    Example:
        >>> import torch
        >>> Sigmoid.apply(torch.tensor([-0.5, 0.5]), 25.0)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = sigmoid


class SpikeRateEscape(Applied):
    """``SpikeRateEscape.apply(x, beta, slope)`` is ``spike_rate_escape(beta, slope)(x)``.

    Example:
        >>> import torch
        >>> SpikeRateEscape.apply(torch.tensor([-0.5, 0.5]), 1.0, 25.0)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = spike_rate_escape


class StochasticSpikeOperator(Applied):
    """``StochasticSpikeOperator.apply(x, mean, variance)`` is ``SSO(mean, variance)(x)``.

    Example:
        >>> import torch
        >>> StochasticSpikeOperator.apply(torch.tensor([-0.5, 0.5]), 0.0, 0.2)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = SSO


class LeakySpikeOperator(Applied):
    """``LeakySpikeOperator.apply(x, slope)`` is ``LSO(slope)(x)``.

    Example:
        >>> import torch
        >>> LeakySpikeOperator.apply(torch.tensor([-0.5, 0.5]), 0.1)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = LSO


class SparseFastSigmoid(Applied):
    """``SparseFastSigmoid.apply(x, slope, B)`` is ``SFS(slope, B)(x)``.

    Example:
        >>> import torch
        >>> SparseFastSigmoid.apply(torch.tensor([-0.5, 0.5]), 25.0, 1.0)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = SFS


class CustomSurrogate(Applied):
    """``CustomSurrogate.apply(x, custom_surrogate_function)`` is ``custom_surrogate(custom_surrogate_function)(x)``.

    Example:
        >>> import torch
        >>> CustomSurrogate.apply(torch.tensor([-0.5, 0.5]), lambda x, grad, spk: grad)
        tensor([0., 1.])
    """

    kind: ClassVar[type[Surrogate]] = custom_surrogate
