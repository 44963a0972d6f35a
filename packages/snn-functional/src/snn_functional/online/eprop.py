"""E-prop: online learning of recurrent connections by eligibility traces."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from snn_core import Recurrent
from snn_functional._messages import fault
from snn_functional.online._local_layer import LocalLayer


class EPropLayer(LocalLayer):
    r"""A linear layer and recurrent neurons that learn by e-prop, in constant memory.

    The gradient is followed through each neuron's own states and not through the spikes that neurons send each other,

    .. math::

        \frac{dE}{dW_{ji}} \approx \sum_t L_j[t]\,e_{ji}[t], \qquad
        e_{ji}[t] = \frac{\partial z_j[t]}{\partial s_j[t]}\,\epsilon_{ji}[t], \qquad
        \epsilon_{ji}[t] = \frac{\partial s_j[t]}{\partial s_j[t-1]}\,\epsilon_{ji}[t-1]
                         + \frac{\partial s_j[t]}{\partial W_{ji}},

    for input weights, recurrent weights, biases and the constants that the neuron learns. The learning signal
    :math:`L_j[t]` is the gradient of the step's loss with respect to the spikes. With an ``nn.Linear`` read-out this is
    symmetric e-prop, with a :class:`RandomFeedbackLinear` random e-prop. ``output_decay`` makes the read-out leaky.

    The layer is part of a net like any other and keeps its state until ``utils.reset(net)``; it calls the neuron's
    ``step``, so that hooks belong on the layer and not on the neuron.

    Args:
        synapse: The linear layer of the inputs; it is shared, not copied.
        neuron: A neuron with dense recurrent connections, such as ``RLeaky(..., linear_features=n)``; shared as well.
        output_decay: Decay per step of a low-pass filter on the emitted spikes, in [0, 1]. 0 sends the spikes
            themselves.

    Shape:
        input ``[batch, in_features]``; outputs ``[batch, out_features]``. The kept state has the size of
        ``states * batch * out_features * (in_features + out_features + 2)``, however long the sequence.

    Raises:
        TypeError: If ``synapse`` is not an ``nn.Linear`` or ``neuron`` is not a spiking neuron.
        ValueError: If the neuron has no dense recurrent connection, or the sizes do not fit, or ``output_decay`` is not
            a decay.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import snn_core as snn
        >>> from snn_functional.online import EPropLayer
        >>> neuron = snn.RLeaky(beta=0.9, linear_features=4, init_hidden=True)
        >>> net = nn.Sequential(EPropLayer(nn.Linear(3, 4), neuron, output_decay=0.8), nn.Linear(4, 2))
        >>> for x in torch.rand(100, 1, 3):
        ...     net(x).square().mean().backward()
        >>> neuron.recurrent.weight.grad.shape
        torch.Size([4, 4])

    Source: Bellec et al., A solution to the learning dilemma for recurrent networks of spiking neurons, Nature
        Communications 11:3625 (2020), Results and Methods on eligibility traces and learning signals.
    """

    connection_names: ClassVar[tuple[str, ...]] = ("synapse", "neuron.recurrent")

    def check_connections(self) -> None:
        """Refuse neurons without dense recurrent connections."""
        recurrent = getattr(self.neuron, "recurrent", None)
        if not isinstance(self.neuron, Recurrent) or not isinstance(recurrent, nn.Linear):
            raise ValueError(
                fault(
                    f"{type(self.neuron).__name__} has no dense recurrent connections",
                    "build it with linear_features, or use RTRLLayer, which is exact for neurons without such "
                    "connections",
                )
            )
        if recurrent.out_features != self.synapse.out_features:
            raise ValueError(
                fault(
                    f"synapse gives {self.synapse.out_features} features to a neuron with "
                    f"linear_features={recurrent.out_features}",
                    "make them equal",
                )
            )

    def connections(self, x: Tensor, state: Any) -> dict[str, tuple[nn.Linear, Tensor]]:
        """Return the linear layer, and the recurrent one, whose input is the spikes of the previous step."""
        assert isinstance(self.neuron, Recurrent)
        assert isinstance(self.neuron.recurrent, nn.Linear)
        return {"synapse": (self.synapse, x), "neuron.recurrent": (self.neuron.recurrent, state.spk)}

    def through(self) -> list[int]:
        """Return all fields except the spikes that the neurons send each other."""
        return [index for index, name in enumerate(self.neuron.State._fields) if name != "spk"]

    def constants(self) -> dict[str, nn.Parameter]:
        """Return the learned constants of the neurons besides their connections."""
        return {n: p for n, p in super().constants().items() if not n.startswith("neuron.recurrent.")}
