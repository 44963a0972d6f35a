"""Real-time recurrent learning, exact for neurons that do not depend on each other."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from snn_core import Recurrent
from snn_core.neuron import OneToOne
from snn_functional._messages import fault
from snn_functional.online._local_layer import LocalLayer


class RTRLLayer(LocalLayer):
    r"""A linear layer and independent neurons, with the exact gradient of every step in constant memory.

    Instead of the past, the layer keeps the dependence of its states,

    .. math:: \epsilon[t] = \frac{d s[t]}{d\theta}
              = \frac{\partial s[t]}{\partial s[t-1]}\,\epsilon[t-1] + \frac{\partial s[t]}{\partial\theta},

    on the weights, the bias and the constants that the neuron learns. The gradient of a loss of this step's outputs is
    then that of backpropagation through all steps so far, so that losses that are differentiated step by step add up to
    the gradient of their sum. Surrogate gradients are those of the neuron.

    The layer is part of a net like any other and keeps its state until ``utils.reset(net)``; it calls the neuron's
    ``step``, so that hooks belong on the layer and not on the neuron. The gradient that it passes back to its input is
    that of the step alone: the gradient is exact for its own parameters and for stateless layers after it, but layers
    before it learn without the past of this one.

    Args:
        synapse: The linear layer; it is shared, not copied.
        neuron: Neurons without connections among them, any class and options; shared as well.
        output_decay: Decay per step of a low-pass filter on the emitted spikes, in [0, 1]; an ``nn.Linear`` after it
            is then a leaky read-out. 0 sends the spikes themselves.

    Shape:
        input ``[batch, in_features]``; outputs ``[batch, out_features]``. The kept state has the size of
        ``states * batch * out_features * (in_features + 1)``, however long the sequence.

    Raises:
        TypeError: If ``synapse`` is not an ``nn.Linear`` or ``neuron`` is not a spiking neuron.
        ValueError: If the neurons depend on each other's states, or a constant has neither one value per neuron nor one
            for all, or ``output_decay`` is not a decay.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import snn_core as snn
        >>> from snn_functional.online import RTRLLayer
        >>> layer = RTRLLayer(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> for x in torch.rand(100, 1, 3):
        ...     layer(x).sum().backward()  # adds to the gradients; no step before this one is kept
        >>> layer.synapse.weight.grad.shape
        torch.Size([2, 3])

    Source: Williams and Zipser, A Learning Algorithm for Continually Running Fully Recurrent Neural Networks (1989).
    """

    connection_names: ClassVar[tuple[str, ...]] = ("synapse",)

    def check_connections(self) -> None:
        """Refuse neurons that receive the spikes of others."""
        if isinstance(self.neuron, Recurrent) and not isinstance(self.neuron.recurrent, OneToOne):
            raise ValueError(
                fault(
                    f"the neurons of {type(self.neuron).__name__} receive each other's spikes, and the exact "
                    "gradient would cost the square of their number",
                    "use EPropLayer, which learns such connections",
                )
            )

    def connections(self, x: Tensor, state: Any) -> dict[str, tuple[nn.Linear, Tensor]]:
        """Return the linear layer alone."""
        return {"synapse": (self.synapse, x)}
