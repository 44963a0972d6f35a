"""Leaky integrate-and-fire with recurrent connections."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant
from snn_core.neuron.recurrence import Connected
from snn_core.neuron.signatures import ORDER, ConnectedOptions, takes
from snn_core.neurons.leaky import Leaky


class RLeaky(Connected, Leaky):
    r"""Leaky neuron whose spikes return to its input.

    .. math:: U[t] = \beta\,U[t-1] + X[t] + V(S[t-1]) - R[t]\,\vartheta

    Args:
        beta: Membrane decay per step, in [0, 1]. A scalar, or one per neuron.
        V: Weight of each neuron to itself, with ``all_to_all=False``. A scalar, or one per neuron.
        all_to_all: V(.) is a linear layer (``linear_features``) or a convolution (``conv2d_channels``,
            ``kernel_size``); else the element-wise product with ``V``.
        linear_features: Number of neurons of a dense connection.
        conv2d_channels: Channels of a convolutional connection.
        kernel_size: Size of its kernel: odd, an int or a pair.
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_recurrent: Make the recurrent weights learnable.
        max_delay: Largest delay of spikes on their way back, in steps beyond the one that recurrence takes; None for no
            delays. With delays the state has further fields; see :class:`~snn_core.Recurrent`.
        delay: Delay of each neuron, in [0, ``max_delay``], or one for all; None draws them uniformly.
        learn_delay: Make the delays a parameter.
        delay_sigma: Initial number of steps by which a delay spreads its spikes, the sigma of
            :class:`~snn_core.Recurrent`.

    The other options are those of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, ...]``; spikes and membrane the same.

    Returns:
        ``(spk, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``. The spikes are a state: they
        are passed first, ``rlif(x, spk, mem)``.

    Raises:
        TypeError: If the arguments do not name exactly one kind of connection, or a state is passed with
            ``init_hidden=True``.
        ValueError: If the kernel is even, or a state does not fit the input.

    Example:
        >>> import torch
        >>> rlif = RLeaky(beta=0.5, V=-0.5, all_to_all=False)
        >>> spk, mem = rlif(torch.full((1, 1), 2.0))
        >>> spk, mem = rlif(torch.full((1, 1), 1.0), spk, mem)
        >>> spk.detach(), mem.detach()
        (tensor([[0.]]), tensor([[0.5000]]))

    Source: Gerstner et al., Neuronal Dynamics (2014), chapter 12.
    """

    class State(NamedTuple):  # pyrefly: ignore[bad-override]  (a state of its own, as every neuron has)
        """Spikes of the last step and membrane potential."""

        spk: Tensor
        mem: Tensor

    peer_clears_last: ClassVar[bool] = True

    @takes(ORDER, "reset_delay")
    def __init__(self, beta: Constant, *args: Any, **options: Unpack[ConnectedOptions]) -> None:
        super().__init__(beta=beta, **options)
